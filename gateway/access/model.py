"""Access request, approval, grant, release: their states and what moves them (access model, section 1). Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from gateway.clock import Deadline
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
    EXPIRED = "expired"  # its window passed
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
        GrantState.LIVE: frozenset({GrantState.USED, GrantState.EXPIRED, GrantState.REVOKED}),
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a requester asks for; everything an approver is shown.

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

    def digest(self) -> str:
        """SHA-256 over all of it, hex: an approval binds this, so that nothing changes under it."""
        plain = {
            "target": self.target,
            "protocol": self.protocol,
            "account": self.account,
            "channels": sorted(self.channels),
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "duration": self.duration.total_seconds(),
            "purpose": self.purpose,
            "work_order": self.work_order,
            "actions": self.actions,
            "emergency": self.emergency,
        }
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approval:
    """One natural person's yes to one exact request."""

    approver: PersonId
    approver_name: str
    role: str  # the role he approved as: "owner", "operator", …
    digest: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request and what became of it.

    Attributes:
        obligations, policy_version, rules: the policy's answer when it was asked.
        reason: why it was denied or cancelled; the requester sees it.
        grant: set once approved.
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


@dataclass(frozen=True, slots=True)
class Grant:
    """What an approved request allows, frozen.

    Attributes:
        deadline: set at the start of the first session, shared by all (rule 6), moved only by extensions.
        extended: sum of the approved extensions.
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

    def covers(self, at: datetime) -> bool:
        """Whether its window is open and it has not ended."""
        return self.state in {GrantState.SCHEDULED, GrantState.LIVE} and (
            self.wanted.not_before <= at < self.wanted.not_after
        )


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


@dataclass(frozen=True, slots=True)
class Block:
    """Person, organisation or target that gets no session until a date, e.g. after a kill (C38)."""

    kind: str  # "person", "organisation", "target"
    name: str
    until: datetime | None
    by: str
    reason: str
    at: datetime
