"""Access: requests, approvals, grants, releases, blocks. What sessions ask of it inside their transaction is here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from gateway.access import rules, sql
from gateway.access.asking import Asking
from gateway.access.blocking import Blocking
from gateway.access.deciding import Deciding
from gateway.access.model import (
    OPEN_GRANT,
    AccessRequest,
    Grant,
    GrantState,
    Release,
    ReleaseState,
    RequestState,
)
from gateway.access.releasing import Releasing
from gateway.access.sweeping import Sweeping
from gateway.audit.events.access import GrantStarted, ReleaseUsed
from gateway.clock import Deadline, Instant
from gateway.errors import Conflict, LocalProtocolError, NotFound, Refused
from gateway.identity.model import Person
from gateway.ids import GrantId, PersonId, RequestId, SessionId, TargetId
from gateway.inventory.model import Protocol
from gateway.store.db import Tx


class Access(Asking, Deciding, Releasing, Blocking, Sweeping):
    """INVARIANT: a grant exists only with the approvals that its obligations demand, and starts only as they say."""

    # --- for sessions, inside their transaction

    async def grant_for(
        self, tx: Tx, person_id: PersonId, target_id: TargetId, protocol: Protocol, at: datetime, account: str = ""
    ) -> Grant | None:
        """The grant whose window is open at `at` and that is not over on either clock; `account` narrows the search.

        Of several, the one that the control room has switched on comes first, then a live one, then what ends first.
        """
        now = self._clock.instant()
        found = await sql.find_grants(tx, person=person_id, target=target_id, protocol=protocol, states=OPEN_GRANT)
        open_ = [
            g for g in found if g.covers(at) and not g.passed(now) and (not account or g.wanted.account == account)
        ]
        if len(open_) < 2:
            return next(iter(open_), None)
        on = {g.id for g in open_ if await self.armed(tx, g.id, now) is not None}
        return min(open_, key=lambda g: (g.id not in on, g.state is not GrantState.LIVE, g.not_after, g.id))

    async def request_open(
        self, tx: Tx, person_id: PersonId, target_id: TargetId, protocol: Protocol
    ) -> AccessRequest | None:
        """The newest request that waits for a decision."""
        at = self._clock.instant()
        pending = {RequestState.PENDING}
        found = await sql.find_requests(tx, requester=person_id, target=target_id, protocol=protocol, states=pending)
        return next((r for r in found if not r.passed(at)), None)

    async def armed(self, tx: Tx, grant_id: GrantId, at: Instant) -> Release | None:
        """The release that would switch a session on now."""
        found = await sql.find_releases(tx, of=grant_id, states={ReleaseState.ARMED})
        return next((r for r in found if r.live(at)), None)

    async def start(self, tx: Tx, grant: Grant, release: Release | None, session_id: SessionId, at: Instant) -> Grant:
        """A session starts: its release is used up, the grant is live, its time runs from the first start on.

        Raises:
            Refused: not now: ended, window closed, blocked, or the release is missing.
            Conflict: grant or release is not as it was read.
        """
        stored = await sql.grant(tx, grant.id)
        if stored.version != grant.version:
            raise Conflict("This access was changed at the same moment. Read it again.")
        await self._startable(tx, stored, at)
        if stored.obligations.release or release is not None:
            await self._switch_on(tx, stored, release, session_id, at)
        if stored.state is GrantState.LIVE:
            return await sql.move_grant(tx, stored, stored)
        if stored.closes is None:
            raise LocalProtocolError("a grant without the end of its window")
        total = stored.obligations.max_total
        lasting = min(stored.wanted.duration, total, stored.closes.remaining(at))
        started = replace(
            stored,
            state=GrantState.LIVE,
            deadline=Deadline.after(at, lasting, stored.not_after),
            longest=Deadline.after(at, total),
        )
        started = await sql.move_grant(tx, stored, started)
        deadline = started.deadline or Deadline.after(at, lasting)
        event = GrantStarted(actor=grant.person_name, grant=grant.id, session=session_id, deadline=deadline.wall)
        await self._audit.append(tx, event)
        return started

    async def _startable(self, tx: Tx, grant: Grant, at: Instant) -> None:
        rules.demand(rules.usable(grant, at))
        if not grant.open(at):
            words = f"The window of this access opens at {rules.moment(grant.wanted.not_before)}."
            raise Refused("window_not_open", words, rule="access-model 2.6")
        if grant.digest != grant.wanted.digest():
            words = "What was approved is not what is asked for now. Ask for access again."
            raise Refused("grant_changed", words, rule="access-model 1", detail=f"digest of {grant.id} does not match")
        block = await self._block_of(tx, grant.person_name, grant.organisation, grant.wanted.target_name)
        rules.demand(rules.blocked(block))

    async def _switch_on(
        self, tx: Tx, grant: Grant, release: Release | None, session_id: SessionId, at: Instant
    ) -> None:
        if release is None or release.grant != grant.id or not release.live(at):
            words = "This access waits for the control room to release it."
            raise Refused("awaiting_release", words, rule="access-model 2.5")
        await sql.move_release(tx, release, replace(release, state=ReleaseState.USED, session=session_id))
        event = ReleaseUsed(actor=grant.person_name, release=release.id, grant=grant.id, session=session_id)
        await self._audit.append(tx, event)

    # --- for tickets

    async def ticket_until(
        self, grant_id: GrantId, person_id: PersonId, target_name: str, account: str, /
    ) -> Deadline | None:
        """When the grant of a desktop ends on either clock; None when it is over, or not of these."""
        try:
            grant = await self.grant(grant_id)
        except NotFound:
            return None
        wanted = grant.wanted
        his = (grant.person, wanted.protocol, wanted.target_name, wanted.account)
        if his != (person_id, Protocol.RDP, target_name, account) or grant.state not in OPEN_GRANT:
            return None
        ends = [end for end in (grant.closes, grant.deadline) if end is not None]
        now = self._clock.instant()
        if grant.passed(now) or not ends:
            return None
        return min(ends, key=lambda end: end.remaining(now))

    # --- reading

    async def request(self, request_id: RequestId) -> AccessRequest:
        async with self._store.read() as tx:
            return await sql.request(tx, request_id)

    async def requests(
        self,
        *,
        requester: PersonId | None = None,
        approver: Person | None = None,
        states: Iterable[RequestState] | None = None,
        concerning: tuple[PersonId, Collection[TargetId]] | None = None,
        after: AccessRequest | None = None,
        limit: int | None = None,
    ) -> list[AccessRequest]:
        """Newest first, at most `limit` behind `after`. `concerning`: of that person, or for one of these targets.

        With `approver`: those that he may decide now and has not approved yet.
        """
        if approver is not None:
            states = {RequestState.PENDING}
        async with self._store.read() as tx:
            found = await sql.find_requests(
                tx, requester=requester, states=states, concerning=concerning, after=after, limit=limit
            )
        return found if approver is None else [r for r in found if await self._for(r, approver)]

    async def _for(self, request: AccessRequest, approver: Person) -> bool:
        at = self._clock.instant()
        try:
            target = await self._inventory.target_named(request.wanted.target_name)
        except NotFound:
            return False
        objection = rules.may_approve(request, approver, target, at.wall) or rules.approved_before(request, approver)
        return objection is None and not request.passed(at)

    def missing(self, request: AccessRequest) -> str:
        """What a pending request waits for, in words."""
        return rules.missing(request.obligations, rules.counting(request.approvals, request.wanted.digest()))

    async def may_see(self, person: Person, thing: AccessRequest | Grant) -> bool:
        """Whether a front may show it to `person`; otherwise it does not exist for him."""
        try:
            await self._facts(person, thing)
        except NotFound:
            return False
        return True

    async def grant(self, grant_id: GrantId) -> Grant:
        async with self._store.read() as tx:
            return await sql.grant(tx, grant_id)

    async def grants(
        self, *, person: PersonId | None = None, states: Iterable[GrantState] | None = None,
        after: Grant | None = None, limit: int | None = None,
    ) -> list[Grant]:  # fmt: skip
        """Newest first, at most `limit` behind `after`."""
        async with self._store.read() as tx:
            return await sql.find_grants(tx, person=person, states=states, after=after, limit=limit)

    async def releases(self, grant_id: GrantId) -> list[Release]:
        """Newest first."""
        async with self._store.read() as tx:
            return await sql.find_releases(tx, of=grant_id)
