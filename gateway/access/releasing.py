"""The control room switches a session on; approvers give it more time or take it away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.access import rules, sql
from gateway.access.desk import Desk
from gateway.access.model import OPEN_GRANT, Grant, GrantState, Release, ReleaseState
from gateway.audit.events.access import GrantExtended, GrantRevoked, ReleaseArmed, ReleaseExpired, ReleaseWithdrawn
from gateway.audit.model import CLOCK
from gateway.clock import Deadline, Instant
from gateway.errors import Conflict, LocalProtocolError
from gateway.identity.model import FactorProof, Person
from gateway.ids import GrantId, ReleaseId, new_id
from gateway.store.db import Tx
from gateway.words import sentence


class Releasing(Desk):
    async def release(self, grant_id: GrantId, operator: Person, proof: FactorProof) -> Release:
        """Switch one session of the grant on: armed until used, withdrawn, or its time passes on either clock.

        Raises:
            Refused: he may not, the grant is over, not yet open, blocked, or needs none.
            Conflict: one is armed already.
            NotFound: no such grant for him.
        """
        async with self._attempt("release", operator, proof.source, grant_id), self._store.write() as tx:
            at = self._clock.instant()
            grant = await sql.grant(tx, grant_id)
            operator, _ = await self._facts(operator, grant)
            rules.demand(rules.may_release(grant, operator, at), rules.fresh(proof, operator, at.wall))
            block = await self._block_of(tx, grant.person_name, grant.organisation, grant.wanted.target_name)
            rules.demand(rules.blocked(block))
            await self._none_armed(tx, grant, at)
            release = Release(
                id=ReleaseId(new_id("rel")),
                grant=grant.id,
                by=operator.id,
                by_name=operator.name,
                state=ReleaseState.ARMED,
                created=at.wall,
                expires=Deadline.after(at, min(grant.obligations.release_expires, _left(grant, at))),
            )
            await sql.add_release(tx, release)
            armed = ReleaseArmed(
                actor=operator.name,
                source=proof.source,
                release=release.id,
                grant=grant.id,
                person=grant.person_name,
                target=grant.wanted.target_name,
                expires=release.expires.wall,
                factor=proof.factor,
            )
            await self._audit.append(tx, armed)
            return release

    async def _none_armed(self, tx: Tx, grant: Grant, at: Instant) -> None:
        for other in await sql.find_releases(tx, of=grant.id, states={ReleaseState.ARMED}):
            if other.live(at):
                until = rules.moment(other.expires.wall)
                raise Conflict(f"{other.by_name} has released this access already; it waits to be used until {until}.")
            await sql.move_release(tx, other, replace(other, state=ReleaseState.EXPIRED))
            await self._audit.append(tx, ReleaseExpired(actor=CLOCK, release=other.id, grant=grant.id))

    async def withdraw(self, release_id: ReleaseId, operator: Person, source: str) -> Release:
        """Take an armed release back.

        Raises:
            Refused: he may not.
            Conflict: it is used, expired or withdrawn.
            NotFound: no such release for him.
        """
        async with self._attempt("withdraw", operator, source, release_id), self._store.write() as tx:
            release = await sql.release(tx, release_id)
            operator, target = await self._facts(operator, await sql.grant(tx, release.grant), "release")
            rules.demand(rules.may_cut(operator, target, self._clock.now()))
            return await self._withdrawn(tx, release, operator.name, source)

    async def _withdrawn(self, tx: Tx, release: Release, actor: str, source: str) -> Release:
        moved = await sql.move_release(tx, release, replace(release, state=ReleaseState.WITHDRAWN))
        event = ReleaseWithdrawn(actor=actor, source=source, release=release.id, grant=release.grant)
        await self._audit.append(tx, event)
        return moved

    async def revoke(self, grant_id: GrantId, actor: Person, reason: str, source: str) -> Grant:
        """End a grant now, with its armed release. Its sessions end by the event that this commits.

        Raises:
            Refused: he may not.
            Conflict: the grant has ended.
            NotFound: no such grant for him.
        """
        reason = sentence("reason", reason)
        async with self._attempt("revoke", actor, source, grant_id), self._store.write() as tx:
            grant = await sql.grant(tx, grant_id)
            actor, target = await self._facts(actor, grant)
            rules.demand(rules.may_cut(actor, target, self._clock.now()))
            if grant.state not in OPEN_GRANT:
                raise Conflict(f"There is nothing to revoke: the access is {grant.state}.")
            revoked = await sql.move_grant(tx, grant, replace(grant, state=GrantState.REVOKED, reason=reason))
            event = GrantRevoked(
                actor=actor.name,
                source=source,
                grant=grant.id,
                person=grant.person_name,
                target=grant.wanted.target_name,
                reason=reason,
            )
            await self._audit.append(tx, event)
            for release in await sql.find_releases(tx, of=grant.id, states={ReleaseState.ARMED}):
                await self._withdrawn(tx, release, actor.name, source)
            return revoked

    async def extend(
        self, grant_id: GrantId, approver: Person, proof: FactorProof, by: timedelta, reason: str
    ) -> Grant:
        """Move the deadline that all sessions of the grant share, by `by`.

        The bound is the obligations' total from the first start on, and nothing else. The window was agreed for the
        beginning of the work; an extension is the same people's later and narrower decision, so where the new
        deadline passes the window's end, that end moves with it (`closes`), and the audit event says so. What was
        approved, `wanted` and its digest, stays as it was.

        Raises:
            Refused: he may not, nothing has started, the grant is over, or the total would be passed.
            Conflict: somebody changed the grant at the same moment.
            NotFound: no such grant for him.
        """
        reason = sentence("reason", reason)
        async with self._attempt("extend", approver, proof.source, grant_id), self._store.write() as tx:
            at = self._clock.instant()
            grant = await sql.grant(tx, grant_id)
            approver, target = await self._facts(approver, grant)
            rules.demand(
                rules.may_extend(grant, approver, target, at),
                rules.fresh(proof, approver, at.wall),
                rules.extension(grant, by),
            )
            if grant.deadline is None or grant.closes is None:
                raise LocalProtocolError("a grant that started without deadline or window")
            deadline = grant.deadline.later(by)
            moves = deadline.remaining(at) > grant.closes.remaining(at)
            extended = replace(
                grant,
                deadline=deadline,
                extended=grant.extended + by,
                closes=deadline if moves else grant.closes,
            )
            extended = await sql.move_grant(tx, grant, extended)
            event = GrantExtended(
                actor=approver.name,
                source=proof.source,
                grant=grant.id,
                by=by,
                extended=extended.extended,
                deadline=deadline.wall,
                not_after=extended.not_after,
                window_moved=moves,
                factor=proof.factor,
                reason=reason,
            )
            await self._audit.append(tx, event)
            return extended


def _left(grant: Grant, at: Instant) -> timedelta:
    ends = [end.remaining(at) for end in (grant.closes, grant.deadline) if end is not None]
    return min([grant.not_after - at.wall, *ends])
