"""What is asked anew at every door: standing, conduit, policy, factors. Nothing is remembered between two questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.clock import ZERO, Clock
from gateway.errors import NotFound, Refused
from gateway.identity.model import FactorProof, Person
from gateway.inventory.model import Account, Protocol, Service, Target
from gateway.policy.model import Action, Allow, Channel, Deny, Question
from gateway.sessions import rules, texts
from gateway.sessions.live import Live
from gateway.sessions.ports import People, Places, Rulebook


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who and where, as the store has them now, and what the policy allows."""

    person: Person
    target: Target
    service: Service
    account: Account | None  # None for forwards alone, which log in nowhere
    allow: Allow


class Checks:
    """`zone_of_people` empty: conduits are checked when access is asked for, and not again."""

    def __init__(
        self, clock: Clock, policy: Rulebook, identity: People, inventory: Places, zone_of_people: str = ""
    ) -> None:
        self._clock, self._policy, self._identity, self._inventory = clock, policy, identity, inventory
        self._zone_of_people = zone_of_people

    async def connect(
        self, person: Person, proofs: tuple[FactorProof, ...], target_name: str, account: str, protocol: Protocol,
        source: str, *, emergency: bool = False,
    ) -> Admitted:  # fmt: skip
        """May this person, with these factors, stand at this target's door now.

        Raises:
            Refused: no. Who may not know of the target reads the same words as when it did not exist.
        """
        now = self._clock.now()
        person = await self._standing(person)
        target = await self._target(target_name)
        service = target.service(protocol)
        entry = target.account(protocol, account)
        if service is None or (entry is None and (account or protocol is not Protocol.TCP)):
            raise Refused("no_grant", texts.no_grant(target_name), detail="no such service or account")
        login = entry.name if entry is not None else ""
        await self._conduit(target, protocol)
        shown = frozenset(p.factor.value for p in proofs if p.person == person.id and p.source == source)
        question = Question(Action.CONNECT, person, target, protocol, login, frozenset(), shown, source, emergency)
        match self._policy.decide(question, now):
            case Deny() as deny:
                raise denial(deny)
            case Allow() as allow:
                pass
        if (weak := rules.factors(proofs, allow.obligations, person, source, now, protocol)) is not None:
            raise weak
        rules.profile(target, service, now)
        return Admitted(person, target, service, entry, allow)

    async def channel(self, live: Live, channel: Channel, service: str = "") -> None:
        """May this channel open in `live` now; FORWARD to `service`. Raises Refused.

        A front asks at each channel and forward; of file operations once a second for each kind.
        """
        live.person = await self._standing(live.person)
        live.target = await self._target(live.session.target_name)
        await self._conduit(live.target, live.session.protocol)
        if channel not in live.channels:
            raise Refused("channel_not_granted", texts.channel(channel), rule="access-model 2.1")
        if channel is Channel.FORWARD:
            live.forwarded(service)
            await self._conduit(live.target, Protocol.TCP)
        factors = frozenset(p.factor.value for p in live.proofs)
        s = live.session
        question = Question(
            Action.CHANNEL, live.person, live.target, s.protocol, s.account, frozenset({channel}), factors, s.source,
            live.emergency, frozenset({service} - {""}),
        )  # fmt: skip
        decision = self._policy.decide(question, self._clock.now())
        if isinstance(decision, Deny):
            raise denial(decision)

    async def spoken(self, target_name: str, protocol: Protocol) -> Protocol:
        """What a visit by `protocol` is to this target; raises as `connect`."""
        return rules.spoken(await self._target(target_name), protocol)

    async def freshness(self, person: Person, target_name: str, protocol: Protocol) -> timedelta:
        """How old the second factor may be; zero when nothing is known: then it is asked for."""
        try:
            target = await self._target(target_name)
        except Refused:
            return ZERO
        protocol = rules.spoken(target, protocol)
        account = target.account(protocol)
        if account is None and protocol is not Protocol.TCP:
            return ZERO
        login, everything = account.name if account else "", frozenset(f.value for f in rules.ANY_FACTORS)
        question = Question(Action.CONNECT, person, target, protocol, login, frozenset(), everything)
        decision = self._policy.decide(question, self._clock.now())
        return decision.obligations.freshness if isinstance(decision, Allow) else ZERO

    async def _standing(self, person: Person) -> Person:
        person = await self._identity.person(person.id)
        if standing := person.standing(self._clock.now()):
            raise Refused(standing, texts.STANDING, rule="access-model 2.1")
        return person

    async def _target(self, name: str) -> Target:
        try:
            return await self._inventory.target_named(name)
        except NotFound:
            raise Refused("no_grant", texts.no_grant(name), rule="access-model 2.1", detail="no such target") from None

    async def _conduit(self, target: Target, protocol: Protocol) -> None:
        zone = self._zone_of_people
        if zone and not await self._inventory.conduit_permits(zone, target.zone.name, protocol):
            raise Refused("no_conduit", texts.CONDUIT, rule="access-model 2.1")


def denial(deny: Deny) -> Refused:
    return Refused(deny.code, deny.words, rule=", ".join(deny.rules), detail=deny.missing)
