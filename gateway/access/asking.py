"""A person asks for access, and takes it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.access import rules, sql
from gateway.access.desk import Desk
from gateway.access.model import AccessRequest, RequestState, Wanted
from gateway.audit.events.access import RequestCancelled, RequestMade
from gateway.clock import Deadline, Instant
from gateway.errors import Conflict, Invalid, Refused
from gateway.identity.model import Person
from gateway.ids import RequestId, new_id
from gateway.inventory.model import Account, Protocol, Target
from gateway.policy.model import USUAL_CHANNELS, Action, Allow, Channel, Deny, Question
from gateway.store.db import Tx
from gateway.words import sentence


class Asking(Desk):
    async def ask(
        self,
        person: Person,
        *,
        target_name: str,
        protocol: Protocol,
        account: str = "",
        channels: frozenset[Channel] | None = None,
        services: frozenset[str] = frozenset(),
        not_before: datetime,
        not_after: datetime,
        duration: timedelta,
        purpose: str,
        work_order: str,
        actions: str = "",
        emergency: bool = False,
        source: str = "",
    ) -> AccessRequest:
        """Ask for access in `[not_before, not_after)`; a request that needs no approval is approved at once.

        Args:
            channels: None for what one usually wants of the protocol: a shell, or a desktop with keys and mouse.
            services: names of the tcp services that FORWARD is wanted for.

        Raises:
            Refused: policy, conduit, window, duration or the number of pending requests says no.
            Invalid: a text or a moment that cannot be meant.
            NotFound: no such target.
        """
        texts = {
            "purpose": sentence("purpose", purpose),
            "work_order": sentence("work_order", work_order),
            "actions": sentence("actions", actions, empty=True),
        }
        channels = USUAL_CHANNELS[protocol] if channels is None else channels
        not_before, not_after = _utc("not_before", not_before), _utc("not_after", not_after)
        async with self._attempt("ask", person, source, target_name):
            at = self._clock.instant()
            person = await self._identity.person(person.id)
            rules.demand(rules.standing(person, at.wall))
            target = await self._inventory.target_named(target_name)
            named = target.account(protocol, account)
            name = account if named is None else named.name
            question = Question(
                Action.REQUEST, person, target, protocol, name, channels, frozenset(), source, emergency, services
            )
            permit = self._permit(question, at)
            await self._reachable(target, protocol, named, name)
            if services:
                await self._led_to(target, Protocol.TCP)
            rules.demand(
                rules.window(not_before, not_after, at.wall),
                rules.duration(duration, permit.obligations),
                rules.channels(channels, permit.obligations),
                rules.by_itself(protocol, target),
                rules.services(channels, services, target),
            )
            wanted = Wanted(
                target=target.id,
                target_name=target.name,
                protocol=protocol,
                account=name,
                channels=channels,
                not_before=not_before,
                not_after=not_after,
                duration=duration,
                emergency=emergency,
                services=services,
                **texts,
            )
            async with self._store.write() as tx:
                rules.demand(rules.room(await sql.count_pending(tx, person.id)))
                return await self._made(tx, person, wanted, permit, at, source)

    def _permit(self, question: Question, at: Instant) -> Allow:
        match self._policy.decide(question, at.wall):
            case Allow() as permit:
                return permit
            case Deny() as no:
                raise Refused(no.code, no.words, rule=", ".join(no.rules), detail=no.missing)

    async def _reachable(self, target: Target, protocol: Protocol, account: Account | None, name: str) -> None:
        """Whether there is something to reach, and a conduit that leads there (C4)."""
        await self._led_to(target, protocol)
        if target.service(protocol) is None:
            raise Refused("no_service", f"{target.name} offers no {protocol} service.", rule="inventory")
        if account is None and (name or protocol is not Protocol.TCP):
            called = f"account {name}" if name else "account yet"
            words = f"{target.name} has no {called} that opens its {protocol} service."
            raise Refused("no_account", words, rule="inventory")

    async def _led_to(self, target: Target, protocol: Protocol) -> None:
        if not await self._inventory.conduit_permits(self._zone_of_people, target.zone.name, protocol):
            words = f"No conduit of the site leads to {target.name} for {protocol}. Its administrator can declare one."
            raise Refused("no_conduit", words, rule="conduit")

    async def _made(
        self, tx: Tx, person: Person, wanted: Wanted, permit: Allow, at: Instant, source: str
    ) -> AccessRequest:
        request = AccessRequest(
            id=RequestId(new_id("req")),
            requester=person.id,
            requester_name=person.name,
            organisation=person.organisation.name,
            wanted=wanted,
            obligations=permit.obligations,
            policy_version=permit.version,
            rules=permit.rules,
            state=RequestState.PENDING,
            created=at.wall,
            closes=Deadline.after(at, wanted.not_after - at.wall),
        )
        await sql.add_request(tx, request)
        await self._audit.append(tx, _made(request, source))
        if rules.approvals_complete(request.obligations, ()):
            return await self._birth(tx, request, (), at, person.name, source)
        return request

    async def cancel(self, request_id: RequestId, person: Person, source: str) -> AccessRequest:
        """The requester takes it back, as long as it is not decided.

        Raises:
            Refused: it is somebody else's.
            Conflict: it is decided.
        """
        async with self._attempt("cancel", person, source, request_id), self._store.write() as tx:
            request = await sql.request(tx, request_id)
            person, _ = await self._facts(person, request)
            if person.id != request.requester:
                raise Refused("not_yours", "Only the requester cancels a request; an approver denies it.")
            if why := rules.decided(request, self._clock.instant()):
                raise Conflict(f"There is nothing to cancel: {why}.")
            cancelled = replace(request, state=RequestState.CANCELLED, decided_by=person.name)
            cancelled = await sql.move_request(tx, request, cancelled)
            await self._audit.append(tx, RequestCancelled(actor=person.name, source=source, request=request.id))
            return cancelled


def _utc(field: str, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise Invalid(field, "must say its time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Invalid(field, "must be a moment of our time") from None


def _made(request: AccessRequest, source: str) -> RequestMade:
    wanted = request.wanted
    return RequestMade(
        actor=request.requester_name,
        source=source,
        request=request.id,
        organisation=request.organisation,
        target=wanted.target_name,
        protocol=wanted.protocol,
        account=wanted.account,
        channels=frozenset(str(c) for c in wanted.channels),
        services=wanted.services,
        not_before=wanted.not_before,
        not_after=wanted.not_after,
        duration=wanted.duration,
        purpose=wanted.purpose,
        work_order=wanted.work_order,
        actions=wanted.actions,
        emergency=wanted.emergency,
        digest=wanted.digest(),
        approvals=request.obligations.approvals,
        approver_roles=request.obligations.approver_roles,
        policy_version=request.policy_version,
        rules=request.rules,
    )
