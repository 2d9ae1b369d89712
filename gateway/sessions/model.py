"""A session: its states, the events that move it, why it ends, and what a person in it is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from gateway.clock import Deadline
from gateway.errors import LocalProtocolError, RecorderFailed
from gateway.identity.model import FactorProof, Person
from gateway.ids import GrantId, PersonId, SessionId, TargetId
from gateway.inventory.model import Protocol


class SessionState(StrEnum):
    AUTHORISING = "authorising"
    HOLDING = "holding"
    CONNECTING = "connecting"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDING = "ending"
    ENDED = "ended"


class SessionEvent(StrEnum):
    """What can happen to a session."""

    HELD = "held"  # something is missing
    CLEARED = "cleared"  # nothing is missing any more
    RECORDING = "recording"  # the recorder is open and writable
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"  # somebody or something ends it, with a reason
    SEALED = "sealed"  # target closed and recording sealed


class EndReason(StrEnum):
    CLIENT = "client"
    LOST = "lost"
    TARGET = "target"
    EXPIRED = "expired"
    IDLE = "idle"
    REVOKED = "revoked"
    KILLED = "killed"
    ISOLATED = "isolated"
    OBSERVER = "observer"
    RECORDER = "recorder"
    POLICY = "policy"
    GATEWAY = "gateway"


_S, _E = SessionState, SessionEvent
TRANSITIONS: Mapping[SessionState, Mapping[SessionEvent, SessionState]] = MappingProxyType(
    {
        _S.AUTHORISING: {_E.HELD: _S.HOLDING, _E.CLEARED: _S.CONNECTING, _E.END: _S.ENDED},
        _S.HOLDING: {_E.CLEARED: _S.CONNECTING, _E.END: _S.ENDED},
        _S.CONNECTING: {_E.HELD: _S.HOLDING, _E.RECORDING: _S.ACTIVE, _E.END: _S.ENDING},
        _S.ACTIVE: {_E.PAUSE: _S.PAUSED, _E.END: _S.ENDING},
        _S.PAUSED: {_E.RESUME: _S.ACTIVE, _E.END: _S.ENDING},
        _S.ENDING: {_E.SEALED: _S.ENDED},
        _S.ENDED: {},
    }
)


RUNNING = frozenset({_S.ACTIVE, _S.PAUSED})  # packets may pass


def moved(state: SessionState, event: SessionEvent) -> SessionState:
    """The state that `event` leads to.

    Raises:
        LocalProtocolError: `event` cannot happen in `state`.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise LocalProtocolError(f"session: {event} in state {state}") from None


class SessionEnded(RecorderFailed):
    """The session has ended: nothing is recorded any more, so nothing may be delivered."""


class RecorderStalled(RecorderFailed):
    """The recorder cannot write now and the session waits for it, paused. Nothing of these octets is recorded:
    keep them, read no more from the target, and offer them again after `on_pause(False)`."""


class PauseCause(StrEnum):
    """Why input is frozen. Several at once; input flows again when the last one is gone."""

    PERSON = "person"  # an operator or owner said so
    OBSERVER = "observer"  # nobody watches, and somebody must
    RECORDER = "recorder"


class Waiting(StrEnum):
    """What a hold waits for."""

    FACTOR = "factor"
    APPROVAL = "approval"
    WINDOW = "window"
    RELEASE = "release"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a session does not run yet.

    Attributes:
        asked: who can give it, as titles for the person who waits, e.g. ("the control room",).
        words: one sentence for his terminal or screen.
    """

    waiting: Waiting
    since: datetime
    asked: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class End:
    """Why a session ended, for both sides.

    Attributes:
        actor: login name of who ended it, or `gateway`, `clock`, `recorder`, `target`.
        words: a sentence for the person in the session.
    """

    reason: EndReason
    actor: str
    words: str


class NoticeKind(StrEnum):
    COUNTDOWN = "countdown"
    PAUSED = "paused"
    DISCARDED = "discarded"
    RESUMED = "resumed"
    EXTENDED = "extended"
    MESSAGE = "message"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person in the session must read now. Each front renders it in its protocol."""

    kind: NoticeKind
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody authenticated stands at a front and wants in.

    Attributes:
        client: what his software calls itself, e.g. "SSH-2.0-OpenSSH_9.2p1"; untrusted.
        proofs: the factors of this connection, and the ones still fresh from before (rule 4).
    """

    person: Person
    target: str
    account: str  # empty: the target's default
    protocol: Protocol
    source: str
    client: str
    proofs: tuple[FactorProof, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One person's visit to one service of a target, as the store has it.

    Attributes:
        seq: number of its recording, without a gap over the site's life; 0 before *connecting*.
        node: which gateway process owns it.
        hold: set while holding.
        end: set once ending.
        deadline: set once connecting.
    """

    id: SessionId
    state: SessionState
    person: PersonId
    person_name: str
    person_title: str
    organisation: str
    target: TargetId
    target_name: str
    account: str
    protocol: Protocol
    source: str
    client: str
    node: str
    created: datetime
    seq: int = 0
    grant: GrantId | None = None
    started: datetime | None = None
    ended: datetime | None = None
    deadline: Deadline | None = None
    hold: Hold | None = None
    end: End | None = None
    version: int = 1


class MenuState(StrEnum):
    """What a person can do about a target now, for the menu."""

    READY = "ready"  # connect, and it opens
    HOLDS = "holds"  # connect, and it waits for the control room or an observer
    LATER = "later"  # approved for later
    WAITING = "waiting"  # asked for, not decided yet
    MAY_ASK = "may ask"


@dataclass(frozen=True, slots=True)
class MenuLine:
    """One target in a person's menu.

    Attributes:
        state: what he can do now.
        words: a sentence about it.
    """

    target: str
    title: str
    protocol: Protocol
    state: MenuState
    words: str
