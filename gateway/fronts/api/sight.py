"""What a person may know of: his own, what concerns targets he owns, or all that is live (operators, auditors).

What he may not know of is answered like what does not exist, and a list's scope narrows this and never widens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.access.model import AccessRequest, Grant, GrantState, RequestState
from gateway.errors import NotFound, Refused
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.sessions import Deed
from gateway.identity.model import Person, Role
from gateway.ids import GrantId, RequestId, SessionId, TargetId
from gateway.inventory.model import Protocol, SecurityException
from gateway.sessions.model import Session, SessionState

SEES_ALL = frozenset({Role.OPERATOR, Role.AUDITOR})
RUNNING = frozenset({SessionState.ACTIVE, SessionState.PAUSED})


@dataclass(frozen=True, slots=True)
class Sight:
    """What `person` sees.

    Attributes:
        owned: targets that he owns now.
        held: exceptions that hold now, of the targets that have any.
    """

    person: Person
    owned: frozenset[TargetId]
    held: Mapping[TargetId, tuple[SecurityException, ...]]

    @property
    def all(self) -> bool:
        """Whether he sees what is everybody's."""
        return bool(self.person.roles & SEES_ALL)

    @property
    def beyond_his_own(self) -> bool:
        """Whether he sees anything of others at all."""
        return self.all or bool(self.owned)

    def request(self, request: AccessRequest) -> bool:
        return self._sees(request.requester, request.wanted.target)

    def grant(self, grant: Grant) -> bool:
        return self._sees(grant.person, grant.wanted.target)

    def session(self, session: Session) -> bool:
        return self._sees(session.person, session.target)

    def controls(self, target: TargetId) -> bool:
        """Whether he may pause, cut, extend or message sessions of `target`, release aside."""
        return Role.OPERATOR in self.person.roles or target in self.owned

    def watches(self, target: TargetId) -> bool:
        return self.controls(target) or Role.AUDITOR in self.person.roles

    def risks(self, request: AccessRequest) -> list[SecurityException]:
        """What whoever decides about it must know of the target (C51); the person who asks reads it nowhere."""
        wanted = request.wanted
        used = {"", wanted.protocol.value, *wanted.services}
        if not (wanted.target in self.owned or self.all):
            return []
        return [e for e in self.held.get(wanted.target, ()) if e.service in used]

    def deeds_of_request(self, request: AccessRequest) -> list[Literal["approve", "deny", "cancel"]]:
        """What to offer him in the page. The services decide; this only saves him a refusal."""
        if request.state is not RequestState.PENDING:
            return []
        if request.requester == self.person.id:
            return ["cancel"]
        named = {role.value for role in self.person.roles} & request.obligations.approver_roles
        approved = any(a.approver == self.person.id for a in request.approvals)
        if approved or not (request.wanted.target in self.owned or named - {"owner"}):
            return []
        return ["approve", "deny"]

    def deeds_of_grant(self, grant: Grant) -> list[Literal["release", "revoke", "ticket"]]:
        if grant.state not in {GrantState.SCHEDULED, GrantState.LIVE}:
            return []
        his = grant.person == self.person.id
        deeds: list[Literal["release", "revoke", "ticket"]] = []
        if self.controls(grant.wanted.target):
            released = Role.OPERATOR in self.person.roles and not his and grant.obligations.release
            deeds += ["release", "revoke"] if released else ["revoke"]
        return [*deeds, "ticket"] if his and grant.wanted.protocol is Protocol.RDP else deeds

    def deeds_of_session(self, session: Session) -> list[Deed]:
        if session.state in {SessionState.ENDING, SessionState.ENDED}:
            return []
        deeds: list[Deed] = []
        running = session.state in RUNNING
        if self.controls(session.target):
            deeds.append("kill")
            if running:
                deeds += ["resume" if session.state is SessionState.PAUSED else "pause", "extend", "message"]
        if running and session.person == self.person.id:
            deeds.append("ask_extension")
        if running and self.watches(session.target):
            deeds.append("watch")
        return deeds

    def _sees(self, person: str, target: TargetId) -> bool:
        return person == self.person.id or target in self.owned or self.all


async def of(state: Services, person: Person) -> Sight:
    targets, now = await state.inventory.targets(), state.clock.now()
    held = {t.id: tuple(e for e in t.exceptions if e.live(now)) for t in targets if t.exceptions}
    return Sight(person, frozenset(t.id for t in targets if person.id in t.owners), held)


async def request(state: Services, sight: Sight, name: str) -> AccessRequest:
    """The request, if he may know of it; else NotFound, the same for both."""
    found = await state.access.request(RequestId(name))
    if not sight.request(found):
        raise NotFound("request")
    return found


async def grant(state: Services, sight: Sight, name: str) -> Grant:
    found = await state.access.grant(GrantId(name))
    if not sight.grant(found):
        raise NotFound("grant")
    return found


async def session(state: Services, sight: Sight, name: str) -> Session:
    found = await state.sessions.get(SessionId(name))
    if not sight.session(found):
        raise NotFound("session")
    return found


async def controlled(state: Services, sight: Sight, name: str) -> Session:
    """The session, if he may control it. A session that he sees and does not control is a refusal, not a secret."""
    found = await session(state, sight, name)
    if not sight.controls(found.target):
        raise Refused("not_in_control", "Only the control room and owners of the target may do this.", rule="roles")
    return found


async def own_session(state: Services, sight: Sight, name: str) -> Session:
    found = await session(state, sight, name)
    if found.person != sight.person.id:
        raise Refused("not_your_session", "Only the person in the session may do this.", rule="roles")
    return found
