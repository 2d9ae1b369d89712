"""What is audited of requests, approvals, grants, releases and blocks: subject 3.

INVARIANT: the states of all requests, grants and releases follow from these events alone, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMade(AuditEvent):
    """A person asked for access; `digest` binds everything that the approvers are shown."""

    name: ClassVar[str] = "access.request.made"
    code: ClassVar[str] = "GW3001I"
    request: str
    organisation: str
    target: str
    protocol: str
    account: str
    channels: frozenset[str]
    not_before: datetime
    not_after: datetime
    duration: timedelta
    purpose: str
    work_order: str
    actions: str
    emergency: bool
    digest: str
    approvals: int
    approver_roles: frozenset[str]
    policy_version: str
    rules: tuple[str, ...]
    services: frozenset[str] = frozenset()  # that forwards are wanted for


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven(AuditEvent):
    """One natural person's yes to exactly `digest`, with a fresh factor."""

    name: ClassVar[str] = "access.approval.given"
    code: ClassVar[str] = "GW3002I"
    request: str
    digest: str
    role: str
    factor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVoided(AuditEvent):
    """`approver` lost the right to approve before the request was decided: his yes counts no more."""

    name: ClassVar[str] = "access.approval.voided"
    code: ClassVar[str] = "GW3003W"
    request: str
    approver: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestApproved(AuditEvent):
    """The last approval was given; `grant` was born of it."""

    name: ClassVar[str] = "access.request.approved"
    code: ClassVar[str] = "GW3004I"
    request: str
    grant: str
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDenied(AuditEvent):
    name: ClassVar[str] = "access.request.denied"
    code: ClassVar[str] = "GW3005W"
    request: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancelled(AuditEvent):
    name: ClassVar[str] = "access.request.cancelled"
    code: ClassVar[str] = "GW3006I"
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExpired(AuditEvent):
    """Its window passed without a decision."""

    name: ClassVar[str] = "access.request.expired"
    code: ClassVar[str] = "GW3007I"
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantMade(AuditEvent):
    name: ClassVar[str] = "access.grant.made"
    code: ClassVar[str] = "GW3010I"
    grant: str
    request: str
    person: str
    target: str
    digest: str
    not_before: datetime
    not_after: datetime
    duration: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantStarted(AuditEvent):
    """Its first session starts: from now on its time runs, until `deadline` for all its sessions."""

    name: ClassVar[str] = "access.grant.started"
    code: ClassVar[str] = "GW3011I"
    grant: str
    session: str
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantExtended(AuditEvent):
    """An approver gave more time. `not_after` is the window's end from now on; the extension may have moved it."""

    name: ClassVar[str] = "access.grant.extended"
    code: ClassVar[str] = "GW3012I"
    grant: str
    by: timedelta
    extended: timedelta
    deadline: datetime
    not_after: datetime
    window_moved: bool
    factor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRevoked(AuditEvent):
    name: ClassVar[str] = "access.grant.revoked"
    code: ClassVar[str] = "GW3013W"
    grant: str
    person: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantUsed(AuditEvent):
    """Its time ran out."""

    name: ClassVar[str] = "access.grant.used"
    code: ClassVar[str] = "GW3014I"
    grant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantExpired(AuditEvent):
    """Its window passed and no session had started."""

    name: ClassVar[str] = "access.grant.expired"
    code: ClassVar[str] = "GW3015I"
    grant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseArmed(AuditEvent):
    """The control room switches one session on, until `expires`."""

    name: ClassVar[str] = "access.release.armed"
    code: ClassVar[str] = "GW3020I"
    release: str
    grant: str
    person: str
    target: str
    expires: datetime
    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseUsed(AuditEvent):
    name: ClassVar[str] = "access.release.used"
    code: ClassVar[str] = "GW3021I"
    release: str
    grant: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExpired(AuditEvent):
    name: ClassVar[str] = "access.release.expired"
    code: ClassVar[str] = "GW3022I"
    release: str
    grant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseWithdrawn(AuditEvent):
    """Taken back by an operator, or with its grant when that was revoked."""

    name: ClassVar[str] = "access.release.withdrawn"
    code: ClassVar[str] = "GW3023W"
    release: str
    grant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSet(AuditEvent):
    """`kind` ("person", "organisation", "target") called `blocked` gets no session until `until`, or until lifted."""

    name: ClassVar[str] = "access.block.set"
    code: ClassVar[str] = "GW3030W"
    kind: str
    blocked: str
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLifted(AuditEvent):
    name: ClassVar[str] = "access.block.lifted"
    code: ClassVar[str] = "GW3031W"
    kind: str
    blocked: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefused(AuditEvent):
    """Somebody tried what he may not: `attempt` is ask, approve, deny, cancel, release, withdraw, extend, revoke…"""

    name: ClassVar[str] = "access.attempt.refused"
    code: ClassVar[str] = "GW3040W"
    attempt: str
    subject: str
    reason: str
    rule: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRebased(AuditEvent):
    """The machine was restarted: what remains of every open deadline counts on the new boot clock from now on.

    Attributes:
        seen: the last reading of the wall clock before the restart.
        stepped_back: how far the wall clock stands before that reading; zero when it went on.
    """

    name: ClassVar[str] = "access.clock.rebased"
    code: ClassVar[str] = "GW3050I"
    seen: datetime
    stepped_back: timedelta
    deadlines: int
