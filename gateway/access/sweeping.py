"""What time brings about: requests, grants and releases expire; a restart of the machine lengthens nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from gateway.access import sql
from gateway.access.desk import Desk
from gateway.access.model import OPEN_GRANT, GrantState, ReleaseState, RequestState
from gateway.audit.events.access import (
    ClockRebased,
    GrantExpired,
    GrantUsed,
    ReleaseExpired,
    RequestExpired,
)
from gateway.audit.model import CLOCK
from gateway.clock import ZERO, Deadline, Instant
from gateway.errors import Conflict
from gateway.limits import CLOCK_SEEN, SWEEP_BATCH
from gateway.store.db import Tx


class Sweeping(Desk):
    async def sweep(self) -> None:
        """Expire what is over, at most `SWEEP_BATCH` of each kind; the app calls it each second, and before it listens.

        What another decision moved in between is left to the next sweep. A decision that comes before the sweep
        reads the clocks itself.
        """
        at = self._clock.instant()
        async with self._store.read() as tx:
            due = await self._due(tx, at)
        if not due:
            return
        with suppress(Conflict):
            async with self._store.write() as tx:
                await self._see(tx, at)
                await self._expire_releases(tx, at)
                await self._expire_grants(tx, at)
                await self._expire_requests(tx, at)

    async def _due(self, tx: Tx, at: Instant) -> bool:
        """Whether there is anything to write."""
        pending = await sql.find_requests(tx, states={RequestState.PENDING})
        grants = await sql.find_grants(tx, states=OPEN_GRANT)
        armed = await sql.find_releases(tx, states={ReleaseState.ARMED})
        if not (pending or grants or armed):
            return False
        if any(r.passed(at) for r in pending) or any(g.passed(at) for g in grants):
            return True
        if any(not r.live(at) for r in armed):
            return True
        last = await sql.last_seen(tx)
        return last is None or last.boot_id != at.boot_id or not ZERO <= at.boot - last.boot < CLOCK_SEEN

    async def _expire_requests(self, tx: Tx, at: Instant) -> None:
        passed = [r for r in await sql.find_requests(tx, states={RequestState.PENDING}) if r.passed(at)]
        for request in passed[:SWEEP_BATCH]:
            await sql.move_request(tx, request, replace(request, state=RequestState.EXPIRED, decided_by=CLOCK))
            await self._audit.append(tx, RequestExpired(actor=CLOCK, request=request.id))

    async def _expire_grants(self, tx: Tx, at: Instant) -> None:
        passed = [g for g in await sql.find_grants(tx, states=OPEN_GRANT) if g.passed(at)]
        for grant in passed[:SWEEP_BATCH]:
            started = grant.state is GrantState.LIVE
            state = GrantState.USED if started else GrantState.EXPIRED
            await sql.move_grant(tx, grant, replace(grant, state=state))
            event = GrantUsed if started else GrantExpired
            await self._audit.append(tx, event(actor=CLOCK, grant=grant.id))

    async def _expire_releases(self, tx: Tx, at: Instant) -> None:
        passed = [r for r in await sql.find_releases(tx, states={ReleaseState.ARMED}) if not r.live(at)]
        for release in passed[:SWEEP_BATCH]:
            await sql.move_release(tx, release, replace(release, state=ReleaseState.EXPIRED))
            await self._audit.append(tx, ReleaseExpired(actor=CLOCK, release=release.id, grant=release.grant))

    async def _see(self, tx: Tx, at: Instant) -> None:
        """Note the clocks; after a restart, count what was left then on the boot clock of now (rule 7)."""
        last = await sql.last_seen(tx)
        if last is not None and last.boot_id != at.boot_id:
            await self._rebase(tx, last, at)
        await sql.see(tx, at, first=last is None)

    async def _rebase(self, tx: Tx, last: Instant, at: Instant) -> None:
        moved = 0

        def again(deadline: Deadline | None) -> Deadline | None:
            nonlocal moved
            if deadline is None or deadline.boot_id == at.boot_id:
                return deadline
            moved += 1
            return Deadline.after(at, min(deadline.remaining(last), deadline.remaining(at)))

        for request in await sql.find_requests(tx, states={RequestState.PENDING}):
            await sql.move_request(tx, request, replace(request, closes=again(request.closes)))
        for grant in await sql.find_grants(tx, states=OPEN_GRANT):
            closes, deadline, longest = again(grant.closes), again(grant.deadline), again(grant.longest)
            await sql.move_grant(tx, grant, replace(grant, closes=closes, deadline=deadline, longest=longest))
        for release in await sql.find_releases(tx, states={ReleaseState.ARMED}):
            expires = again(release.expires)
            if expires is not None:
                await sql.move_release(tx, release, replace(release, expires=expires))
        back = max(last.wall - at.wall, ZERO)
        await self._audit.append(tx, ClockRebased(actor=CLOCK, seen=last.wall, stepped_back=back, deadlines=moved))
