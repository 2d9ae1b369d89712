"""Events of sessions: who stood at a door, what it waited for, what ran, who moved it, why it ended (C72).

Replaying them reproduces every session's state: arrived and held lead to *holding* (arrived without a hold to
*authorising*), started to *active*, paused, resumed and ended to where they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefused(AuditEvent):
    """Somebody authenticated stood at a front and did not get in."""

    name: ClassVar[str] = "session.arrival.refused"
    code: ClassVar[str] = "GW4001W"
    target: str
    protocol: str
    client: str
    reason: str
    rule: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionArrived(AuditEvent):
    """`waiting` names what it waits for; empty when nothing is missing."""

    name: ClassVar[str] = "session.visit.arrived"
    code: ClassVar[str] = "GW4002I"
    session: str
    target: str
    protocol: str
    account: str
    client: str
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHeld(AuditEvent):
    """It waits for something else from now on; empty when nothing is missing any more and it did not start yet."""

    name: ClassVar[str] = "session.hold.changed"
    code: ClassVar[str] = "GW4003I"
    session: str
    waiting: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(AuditEvent):
    """From now on packets may go to the target; the recording is open and writable."""

    name: ClassVar[str] = "session.visit.started"
    code: ClassVar[str] = "GW4010I"
    session: str
    seq: int
    target: str
    protocol: str
    account: str
    grant: str
    release: str
    deadline: datetime
    policy_version: str
    rules: tuple[str, ...]
    observers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionJoined(AuditEvent):
    """A further connection of the same person, source and service."""

    name: ClassVar[str] = "session.connection.joined"
    code: ClassVar[str] = "GW4011I"
    session: str
    connection: int
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed(AuditEvent):
    name: ClassVar[str] = "session.connection.closed"
    code: ClassVar[str] = "GW4012I"
    session: str
    connection: int
    reason: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused(AuditEvent):
    name: ClassVar[str] = "session.channel.refused"
    code: ClassVar[str] = "GW4013W"
    session: str
    channel: str
    reason: str
    rule: str = ""
    service: str = ""  # that a forward was meant for


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePassed(AuditEvent):
    """A file is closed: one line of the ledger. That it was opened, and what else was done, is in the recording."""

    name: ClassVar[str] = "session.file.passed"
    code: ClassVar[str] = "GW4014I"
    session: str
    file: str
    way: str
    path: str
    octets: int
    sha256: str
    partial: bool
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPaused(AuditEvent):
    """Input is frozen; what is typed is discarded. `cause`: person, observer, recorder."""

    name: ClassVar[str] = "session.input.paused"
    code: ClassVar[str] = "GW4020I"
    session: str
    cause: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed(AuditEvent):
    """One cause of the pause is gone; `still` names those that are left, and input flows only when none is.

    Attributes:
        discarded: octets typed meanwhile that never reached the target.
    """

    name: ClassVar[str] = "session.input.resumed"
    code: ClassVar[str] = "GW4021I"
    session: str
    cause: str
    still: tuple[str, ...]
    discarded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionAsked(AuditEvent):
    name: ClassVar[str] = "session.extension.asked"
    code: ClassVar[str] = "GW4022I"
    session: str
    by: timedelta
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMoved(AuditEvent):
    """An approved extension of the grant reached the running session."""

    name: ClassVar[str] = "session.deadline.moved"
    code: ClassVar[str] = "GW4023I"
    session: str
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(AuditEvent):
    """Words of an operator to the person in the session."""

    name: ClassVar[str] = "session.message.sent"
    code: ClassVar[str] = "GW4024I"
    session: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchBegan(AuditEvent):
    name: ClassVar[str] = "session.watch.began"
    code: ClassVar[str] = "GW4030I"
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEnded(AuditEvent):
    name: ClassVar[str] = "session.watch.ended"
    code: ClassVar[str] = "GW4031I"
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd(AuditEvent):
    """The one end record of a session. `seq` is 0 when it never started; `sealed` says whether its recording is."""

    name: ClassVar[str] = "session.visit.ended"
    code: ClassVar[str] = "GW4040I"
    session: str
    seq: int
    target: str
    reason: str
    words: str
    started: datetime | None
    ended: datetime
    sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionControlRefused(AuditEvent):
    """Somebody tried to pause, resume, kill, message, watch or extend, and may not."""

    name: ClassVar[str] = "session.control.refused"
    code: ClassVar[str] = "GW4041W"
    session: str
    attempt: str
    reason: str
