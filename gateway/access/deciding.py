"""Approvers say yes or no to a request. The grant is born in the transaction of the last yes."""

from __future__ import annotations

from dataclasses import replace

from gateway.access import rules, sql
from gateway.access.desk import Desk
from gateway.access.model import AccessRequest, Approval, RequestState
from gateway.audit.events.access import ApprovalGiven, ApprovalVoided, RequestDenied
from gateway.audit.model import GATEWAY
from gateway.clock import Instant
from gateway.errors import Conflict
from gateway.identity.model import FactorProof, Person
from gateway.ids import RequestId
from gateway.inventory.model import Target
from gateway.store.db import Tx
from gateway.words import sentence


class Deciding(Desk):
    async def approve(
        self, request_id: RequestId, approver: Person, proof: FactorProof, *, digest: str, note: str = ""
    ) -> AccessRequest:
        """Say yes to exactly what `digest` binds: the request as the approver was shown it.

        Raises:
            Refused: he may not, or the factor is not a fresh one of his own.
            Conflict: the request is decided, or is not what he was shown.
            NotFound: no such request for him.
        """
        note = sentence("note", note, empty=True)
        async with self._attempt("approve", approver, proof.source, request_id), self._store.write() as tx:
            at = self._clock.instant()
            request = await sql.request(tx, request_id)
            approver, target = await self._facts(approver, request)
            rules.demand(rules.may_approve(request, approver, target, at.wall), rules.fresh(proof, approver, at.wall))
            _undecided(request, at)
            if digest != request.wanted.digest():
                raise Conflict("This request is not the one that you were shown. Read it again.")
            requester = await self._identity.person(request.requester)
            rules.demand(rules.standing(requester, at.wall))
            request = await self._recounted(tx, request, target, at)
            rules.demand(rules.approved_before(request, approver))
            approval = _approval(request, approver, target, note, at)
            await sql.add_approval(tx, request.id, len(request.approvals) + 1, approval)
            request = replace(request, approvals=(*request.approvals, approval))
            given = ApprovalGiven(
                actor=approver.name,
                source=proof.source,
                request=request.id,
                digest=digest,
                role=approval.role,
                factor=proof.factor,
                note=note,
            )
            await self._audit.append(tx, given)
            counting = rules.counting(request.approvals, digest)
            if rules.approvals_complete(request.obligations, counting):
                return await self._birth(tx, request, counting, at, approver.name, proof.source)
            return await sql.move_request(tx, request, request)

    async def deny(self, request_id: RequestId, approver: Person, reason: str, source: str) -> AccessRequest:
        """One no ends the request; the requester reads `reason`.

        Raises:
            Refused: he may not.
            Conflict: the request is decided.
            NotFound: no such request for him.
        """
        reason = sentence("reason", reason)
        async with self._attempt("deny", approver, source, request_id), self._store.write() as tx:
            at = self._clock.instant()
            request = await sql.request(tx, request_id)
            approver, target = await self._facts(approver, request)
            rules.demand(rules.may_approve(request, approver, target, at.wall))
            _undecided(request, at)
            denied = replace(request, state=RequestState.DENIED, decided_by=approver.name, reason=reason)
            denied = await sql.move_request(tx, request, denied)
            event = RequestDenied(actor=approver.name, source=source, request=request.id, reason=reason)
            await self._audit.append(tx, event)
            return denied

    async def _recounted(self, tx: Tx, request: AccessRequest, target: Target, at: Instant) -> AccessRequest:
        """Earlier approvals, void where the approver could not approve any more today."""
        kept = []
        for approval in request.approvals:
            why = "" if approval.void else await self._lost(approval, request, target, at)
            if why:
                await sql.void_approval(tx, request.id, approval.approver)
                event = ApprovalVoided(actor=GATEWAY, request=request.id, approver=approval.approver_name, reason=why)
                await self._audit.append(tx, event)
            kept.append(replace(approval, void=approval.void or bool(why)))
        return replace(request, approvals=tuple(kept))

    async def _lost(self, approval: Approval, request: AccessRequest, target: Target, at: Instant) -> str:
        """Why an approval counts no more; empty while it does."""
        if approval.digest != request.wanted.digest():
            return "request_changed"
        person = await self._person(approval.approver)
        if person is None:
            return "no_such_person"
        objection = rules.may_approve(request, person, target, at.wall)
        return "" if objection is None else objection.code


def _undecided(request: AccessRequest, at: Instant) -> None:
    if why := rules.decided(request, at):
        raise Conflict(f"There is nothing to decide any more: {why}.")


def _approval(request: AccessRequest, approver: Person, target: Target, note: str, at: Instant) -> Approval:
    roles = rules.capacities(approver, target, request.obligations)
    return Approval(
        approver=approver.id,
        approver_name=approver.name,
        role=rules.OWNER if rules.OWNER in roles else min(roles),
        digest=request.wanted.digest(),
        at=at.wall,
        note=note,
        roles=roles,
    )
