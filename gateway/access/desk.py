"""What every part of access stands on: the services, how a refusal is audited, how a grant is born."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.access import rules, sql
from gateway.access.model import AccessRequest, Approval, Block, BlockKind, Grant, GrantState, RequestState
from gateway.access.ports import People, Places, Rulebook
from gateway.audit.events.access import AccessRefused, GrantMade, RequestApproved
from gateway.audit.log import AuditLog
from gateway.clock import Clock, Deadline, Instant
from gateway.errors import NotFound, Refused
from gateway.identity.model import Person
from gateway.ids import GrantId, PersonId, new_id
from gateway.inventory.model import Target
from gateway.limits import NAME_OCTETS
from gateway.store.db import Store, Tx
from gateway.words import printable


class Desk:
    """The base of the parts of `Access`.

    Persons and targets are read again inside the transaction that decides: what a front read before may be stale.
    """

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        clock: Clock,
        policy: Rulebook,
        identity: People,
        inventory: Places,
        zone_of_people: str,
    ) -> None:
        self._store, self._audit, self._clock, self._policy = store, audit, clock, policy
        self._identity, self._inventory, self._zone_of_people = identity, inventory, zone_of_people

    @asynccontextmanager
    async def _attempt(self, attempt: str, actor: Person, source: str, subject: str) -> AsyncIterator[None]:
        """Whatever is refused inside is in the audit log, although its transaction is rolled back."""
        try:
            yield
        except Refused as refusal:
            event = AccessRefused(
                actor=actor.name,
                source=source,
                attempt=attempt,
                subject=printable(subject)[:NAME_OCTETS],
                reason=refusal.code,
                rule=refusal.rule,
                detail=refusal.detail,
            )
            async with self._store.write() as tx:
                await self._audit.append(tx, event)
            raise

    async def _facts(self, person: Person, of: AccessRequest | Grant, what: str = "") -> tuple[Person, Target]:
        """The person and the target as they are now; `what` names the thing that leads to `of`, e.g. a release.

        Raises:
            NotFound: as for a thing that does not exist, when the person may not know of it.
        """
        requester, kind = (of.requester, "request") if isinstance(of, AccessRequest) else (of.person, "grant")
        person = await self._identity.person(person.id)
        try:
            target = await self._inventory.target_named(of.wanted.target_name)
        except NotFound:
            raise NotFound(what or kind) from None
        if target.id != of.wanted.target or not rules.may_see(person, requester, target):
            raise NotFound(what or kind)
        return person, target

    async def _birth(
        self, tx: Tx, request: AccessRequest, approvals: Sequence[Approval], at: Instant, actor: str, source: str
    ) -> AccessRequest:
        """The request is approved and its grant exists, in this transaction or not at all."""
        grant = Grant(
            id=GrantId(new_id("grt")),
            request=request.id,
            person=request.requester,
            person_name=request.requester_name,
            organisation=request.organisation,
            wanted=request.wanted,
            obligations=request.obligations,
            policy_version=request.policy_version,
            digest=request.wanted.digest(),
            state=GrantState.SCHEDULED,
            created=at.wall,
            closes=request.closes or Deadline.after(at, request.wanted.not_after - at.wall),
        )
        approved = replace(request, state=RequestState.APPROVED, decided_by=actor, grant=grant.id)
        approved = await sql.move_request(tx, request, approved)
        await sql.add_grant(tx, grant)
        names = tuple(a.approver_name for a in approvals)
        await self._audit.append(
            tx, RequestApproved(actor=actor, source=source, request=request.id, grant=grant.id, approvers=names)
        )
        made = GrantMade(
            actor=actor,
            source=source,
            grant=grant.id,
            request=request.id,
            person=grant.person_name,
            target=grant.wanted.target_name,
            digest=grant.digest,
            not_before=grant.wanted.not_before,
            not_after=grant.not_after,
            duration=grant.wanted.duration,
            longest=grant.obligations.max_total,
        )
        await self._audit.append(tx, made)
        return approved

    async def _block_of(self, tx: Tx, person: str, organisation: str, target: str) -> Block | None:
        names = {BlockKind.PERSON: person, BlockKind.ORGANISATION: organisation, BlockKind.TARGET: target}
        return await sql.longest_block(tx, names, self._clock.now())

    async def _person(self, person: PersonId) -> Person | None:
        try:
            return await self._identity.person(person)
        except NotFound:
            return None
