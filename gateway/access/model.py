"""Access request, approval, grant, release: their states and what moves them (access model, section 1). Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from gateway.clock import ZERO, Deadline, Instant
from gateway.ids import GrantId, PersonId, ReleaseId, RequestId, SessionId, TargetId
from gateway.inventory.model import Protocol
from gateway.policy.model import Channel, Obligations


class RequestState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class GrantState(StrEnum):
    SCHEDULED = "scheduled"  # approved, no session yet
    LIVE = "live"  # from the start of its first session
    USED = "used"  # its duration ran out
    EXPIRED = "expired"  # its window passed before any session
    REVOKED = "revoked"


class ReleaseState(StrEnum):
    ARMED = "armed"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


REQUEST_MOVES: Mapping[RequestState, frozenset[RequestState]] = MappingProxyType(
    {
        RequestState.PENDING: frozenset(
            {RequestState.APPROVED, RequestState.DENIED, RequestState.CANCELLED, RequestState.EXPIRED}
        ),
        RequestState.APPROVED: frozenset(),
        RequestState.DENIED: frozenset(),
        RequestState.CANCELLED: frozenset(),
        RequestState.EXPIRED: frozenset(),
    }
)
GRANT_MOVES: Mapping[GrantState, frozenset[GrantState]] = MappingProxyType(
    {
        GrantState.SCHEDULED: frozenset({GrantState.LIVE, GrantState.EXPIRED, GrantState.REVOKED}),
        GrantState.LIVE: frozenset({GrantState.USED, GrantState.REVOKED}),
        GrantState.USED: frozenset(),
        GrantState.EXPIRED: frozenset(),
        GrantState.REVOKED: frozenset(),
    }
)
RELEASE_MOVES: Mapping[ReleaseState, frozenset[ReleaseState]] = MappingProxyType(
    {
        ReleaseState.ARMED: frozenset({ReleaseState.USED, ReleaseState.EXPIRED, ReleaseState.WITHDRAWN}),
        ReleaseState.USED: frozenset(),
        ReleaseState.EXPIRED: frozenset(),
        ReleaseState.WITHDRAWN: frozenset(),
    }
)


OPEN_GRANT = frozenset({GrantState.SCHEDULED, GrantState.LIVE})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a requester asks for; everything an approver is shown.

    Attributes:
        services: names of the tcp services that FORWARD leads to; empty without it.

    INVARIANT: `not_before < not_after`; `duration` is positive.
    """

    target: TargetId
    target_name: str
    protocol: Protocol
    account: str
    channels: frozenset[Channel]
    not_before: datetime
    not_after: datetime
    duration: timedelta
    purpose: str
    work_order: str
    actions: str = ""
    emergency: bool = False
    services: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (self.not_before < self.not_after and self.duration > ZERO):
            raise ValueError("a window or a duration that is empty")

    def digest(self) -> str:
        """SHA-256 over all of it, hex: an approval binds this, so that nothing changes under it."""
        plain: dict[str, object] = {
            "target": self.target,
            "protocol": self.protocol,
            "account": self.account,
            "channels": sorted(self.channels),
            "not_before": self.not_before.astimezone(UTC).isoformat(),
            "not_after": self.not_after.astimezone(UTC).isoformat(),
            "duration": self.duration.total_seconds(),
            "purpose": self.purpose,
            "work_order": self.work_order,
            "actions": self.actions,
            "emergency": self.emergency,
        }
        if self.services:  # as before there were any otherwise: what was approved then stays approved
            plain["services"] = sorted(self.services)
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approval:
    """One natural person's yes to one exact request.

    Attributes:
        role: what he is shown to have approved as: "owner", "operator", …
        roles: everything he could approve as at that moment; which one counts is found when all are there.
        void: the approver may not approve any more, and the request was not yet decided when he lost it.
    """

    approver: PersonId
    approver_name: str
    role: str
    digest: str
    at: datetime
    note: str = ""
    roles: frozenset[str] = frozenset()
    void: bool = False


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request and what became of it.

    Attributes:
        obligations, policy_version, rules: the policy's answer when it was asked.
        reason: why it was denied or cancelled; the requester sees it.
        grant: set once approved.
        closes: the end of the window on both clocks, so that setting a clock back wins no time (rule 7).
    """

    id: RequestId
    requester: PersonId
    requester_name: str
    organisation: str
    wanted: Wanted
    obligations: Obligations
    policy_version: str
    rules: tuple[str, ...]
    state: RequestState
    created: datetime
    approvals: tuple[Approval, ...] = ()
    decided_by: str = ""
    reason: str = ""
    grant: GrantId | None = None
    version: int = 1
    closes: Deadline | None = None

    def passed(self, at: Instant) -> bool:
        """Whether its window is over, on either clock."""
        return at.wall >= self.wanted.not_after or (self.closes is not None and self.closes.passed(at))


@dataclass(frozen=True, slots=True)
class Grant:
    """What an approved request allows, frozen.

    Attributes:
        wanted: as it was approved, with that digest; an extension leaves it alone.
        deadline: set at the start of the first session, shared by all (rule 6), moved only by extensions.
        longest: first start and the obligations' total; no extension moves the deadline past it.
        extended: sum of the approved extensions.
        closes: the end of the window on both clocks; an extension that needs it moves it.
    """

    id: GrantId
    request: RequestId
    person: PersonId
    person_name: str
    organisation: str
    wanted: Wanted
    obligations: Obligations
    policy_version: str
    digest: str
    state: GrantState
    created: datetime
    deadline: Deadline | None = None
    extended: timedelta = timedelta(0)
    reason: str = ""
    version: int = 1
    longest: Deadline | None = None
    closes: Deadline | None = None

    @property
    def not_after(self) -> datetime:
        """The end of its window as it stands, extensions included."""
        return self.wanted.not_after if self.closes is None else self.closes.wall

    def covers(self, at: datetime) -> bool:
        """Whether its window is open and it has not ended, by the wall clock alone; `open` asks both clocks."""
        return self.state in OPEN_GRANT and self.wanted.not_before <= at < self.not_after

    def open(self, at: Instant) -> bool:
        """Whether a session of it may run: window open and time left, on both clocks."""
        return self.covers(at.wall) and not self.passed(at)

    def passed(self, at: Instant) -> bool:
        """Whether its window is over or its time is used up, on either clock."""
        ends = (self.closes, self.deadline)
        return at.wall >= self.not_after or any(end is not None and end.passed(at) for end in ends)


@dataclass(frozen=True, slots=True)
class Release:
    """The control room switches one session of a grant on, now."""

    id: ReleaseId
    grant: GrantId
    by: PersonId
    by_name: str
    state: ReleaseState
    created: datetime
    expires: Deadline
    session: SessionId | None = None
    version: int = 1

    def live(self, at: Instant) -> bool:
        """Whether it still switches a session on."""
        return self.state is ReleaseState.ARMED and not self.expires.passed(at)


class BlockKind(StrEnum):
    PERSON = "person"
    ORGANISATION = "organisation"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Block:
    """Person, organisation or target that gets no session until a date, e.g. after a kill (C38).

    Attributes:
        until: by the wall clock; None until somebody lifts it.
    """

    kind: BlockKind
    name: str
    until: datetime | None
    by: str
    reason: str
    at: datetime
