"""Who reaches what by which way in, for one moment: every channel of every service, asked as a visit asks. Pure.

A channel is reached when it may be asked for, when its session may start, and when it may open, by somebody who shows
the strongest factors. Approvals and releases are obligations of that, not conditions. Grants, blocks and conduits are
not looked at: they are not the policy's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from types import MappingProxyType
from typing import Final

from gateway.identity.model import Factor, Organisation, Person
from gateway.ids import OrganisationId, PersonId, TargetId
from gateway.inventory.model import Protocol, Target, TargetClass, Tier, Zone
from gateway.policy import facts
from gateway.policy.engine import PolicyEngine, PolicyFailed, Verdict
from gateway.policy.mentions import Mentions, could_concern
from gateway.policy.model import FILE_CHANNELS, Action, Allow, Channel, Decision, Obligations, Question

SSH_CHANNELS: Final = frozenset({Channel.SHELL, Channel.EXEC, Channel.FORWARD}) | FILE_CHANNELS
CHANNELS: Mapping[Protocol, frozenset[Channel]] = MappingProxyType(
    {
        Protocol.SSH: SSH_CHANNELS,
        Protocol.RDP: frozenset(Channel) - SSH_CHANNELS,
        Protocol.TCP: frozenset({Channel.FORWARD}),
    }
)
EVERY_FACTOR: Final = frozenset(f.value for f in Factor)
NOBODY: Final = Person(PersonId(""), "", "", Organisation(OrganisationId(""), "", "", plant=False), frozenset())
NOWHERE: Final = Target(TargetId(""), "", "", Zone("", "", ""), Tier.T0, TargetClass.SERVER, frozenset(), (), ())

Ask = Callable[[Question], Decision]
Shape = tuple[Action, Protocol, str, frozenset[Channel], frozenset[str]]
"""What differs between the questions of one person about one target."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way in: one protocol with one account of the target; TCP may have none."""

    protocol: Protocol
    account: str


@dataclass(frozen=True, slots=True)
class Permit:
    """One channel by one way in.

    Attributes:
        service: of FORWARD, the tcp service that it leads to.
        obligations: of the request, the start and the channel, joined; without channels.
        rules: those that permit it.
    """

    way: Way
    channel: Channel
    service: str
    obligations: Obligations
    rules: tuple[str, ...]


def ways(target: Target) -> Iterator[tuple[Way, tuple[tuple[Channel, str], ...]]]:
    """Every way into `target`, with the channels that there are, each with the tcp service that it leads to."""
    forwards = tuple((Channel.FORWARD, s.name) for s in target.services if s.protocol is Protocol.TCP)
    for protocol in (Protocol.SSH, Protocol.RDP):
        if target.service(protocol) is not None:
            plain = tuple((c, "") for c in sorted(CHANNELS[protocol] - {Channel.FORWARD}))
            channels = plain + (forwards if protocol is Protocol.SSH else ())
            yield from ((Way(protocol, account.name), channels) for account in target.accounts_for(protocol))
    if forwards and target.service(Protocol.SSH) is None:
        account = target.account(Protocol.TCP)
        yield Way(Protocol.TCP, account.name if account else ""), forwards


def questions(
    person: Person, target: Target, way: Way, channel: Channel, service: str, *, emergency: bool = False
) -> tuple[Question, Question, Question]:
    """What a visit with this one channel asks: at the request, at the start, and when the channel opens."""
    wanted = frozenset({channel, Channel.DESKTOP} if way.protocol is Protocol.RDP else {channel})
    services = frozenset({service} - {""})
    asked = Question(
        Action.REQUEST, person, target, way.protocol, way.account, wanted, emergency=emergency, services=services
    )
    start = replace(asked, action=Action.CONNECT, channels=frozenset(), services=frozenset(), factors=EVERY_FACTOR)
    return asked, start, replace(start, action=Action.CHANNEL, channels=frozenset({channel}), services=services)


def reached(ask: Ask, person: Person, target: Target, *, emergency: bool = False) -> tuple[Permit, ...]:
    """Everything that `person` reaches on `target`, as `ask` decides."""
    found: list[Permit] = []
    for way, channels in ways(target):
        for channel, service in channels:
            allows = _allowed(ask, questions(person, target, way, channel, service, emergency=emergency))
            if allows:
                joined = reduce(Obligations.join, (a.obligations for a in allows))
                rules = tuple(sorted({rule for a in allows for rule in a.rules}))
                found.append(Permit(way, channel, service, replace(joined, channels=frozenset()), rules))
    return tuple(found)


def _allowed(ask: Ask, asked: tuple[Question, ...]) -> list[Allow]:
    """All of them, or none; the first no spares the other questions."""
    allows: list[Allow] = []
    for question in asked:
        answer = ask(question)
        if not (isinstance(answer, Allow) and question.channels <= answer.obligations.channels):
            return []
        allows.append(answer)
    return allows


class Site:
    """Asks one engine about many persons and targets at one moment, and about those that it cannot tell apart once."""

    def __init__(self, engine: PolicyEngine, at: datetime, *, emergency: bool = False) -> None:
        self._engine, self._at, self._emergency = engine, at, emergency
        self._mentions = engine.mentions
        self._concerning: dict[TargetId, frozenset[str]] = {}  # rules that the target leaves open, by id
        self._narrower: dict[frozenset[str], Mentions] = {}
        self._persons: dict[tuple[PersonId, frozenset[str]], str] = {}
        self._targets: dict[TargetId, str] = {}
        self._reached: dict[tuple[str, str, bool], tuple[Permit, ...]] = {}
        # What a policy reads of a question's circumstances, by sort of target and ownership: the person is not in it.
        self._circumstances: dict[tuple[str, bool], dict[Shape, str]] = defaultdict(dict)

    def reached(self, person: Person, target: Target) -> tuple[Permit, ...]:
        key = (self.kind_of(person, target), self.sort_of(target), person.id in target.owners)
        if key not in self._reached:
            ask = self._asker(self._circumstances[key[1:]])
            self._reached[key] = reached(ask, person, target, emergency=self._emergency)
        return self._reached[key]

    def kind_of(self, person: Person, target: Target) -> str:
        """The same for persons whom no policy that could concern `target` tells apart, but for what they own."""
        concerning = self._rules_about(target)
        if (person.id, concerning) not in self._persons:
            asked = Question(Action.REQUEST, person, NOWHERE, Protocol.SSH, "", frozenset())
            alike = self._narrower[concerning].alike(facts.request(asked, self._at), facts.entities(asked))
            self._persons[person.id, concerning] = alike
        return self._persons[person.id, concerning]

    def _rules_about(self, target: Target) -> frozenset[str]:
        if target.id not in self._concerning:
            asked = Question(Action.REQUEST, NOBODY, target, Protocol.SSH, "", frozenset())
            entities = facts.entities(asked)
            rules = self._engine.rules.values()
            concerning = frozenset(rule.id for rule in rules if could_concern(rule.body, entities))
            if concerning not in self._narrower:
                self._narrower[concerning] = Mentions.of(r.body for r in rules if r.id in concerning)
            self._concerning[target.id] = concerning
        return self._concerning[target.id]

    def sort_of(self, target: Target) -> str:
        """The same for targets that no policy tells apart, and that have the same ways in."""
        if target.id not in self._targets:
            found: list[object] = []
            for way, channels in ways(target):
                for services in {frozenset({service} - {""}) for _, service in channels}:
                    asked = Question(
                        Action.REQUEST, NOBODY, target, way.protocol, way.account, frozenset(), services=services
                    )
                    alike = self._mentions.alike(facts.request(asked, self._at), facts.entities(asked))
                    found.append((way.protocol.value, way.account, *sorted(services), alike))
            self._targets[target.id] = repr(sorted(found, key=repr))
        return self._targets[target.id]

    def _asker(self, circumstances: dict[Shape, str]) -> Ask:
        """Decides for one person and one target, evaluating what no policy tells apart once."""
        known: dict[str, Verdict | None] = {}

        def ask(q: Question) -> Decision:
            shape = (q.action, q.protocol, q.account, q.channels, q.services)
            if (key := circumstances.get(shape)) is None:
                key = circumstances[shape] = self._mentions.circumstances(facts.request(q, self._at))
            if key not in known:
                try:
                    known[key] = self._engine.verdict(facts.request(q, self._at), facts.entities(q))
                except PolicyFailed:
                    known[key] = None
            verdict = known[key]
            return self._engine.failed() if verdict is None else self._engine.judged(q, verdict)

        return ask
