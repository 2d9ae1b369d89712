"""What a policy means for people and targets before anybody tries: why not, who could, and what an edit changes (B18).

Pure: it asks an engine about facts that it is given, at a moment that it is given. The words of a denial are those that
the person would read in his terminal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.identity.model import Person
from gateway.inventory.model import Target
from gateway.policy import phrases
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Action, Channel, Decision, Deny, Question
from gateway.policy.reach import Permit, Site, Way, questions

Pairs = tuple[frozenset[str], frozenset[str]]
"""Names of persons and of targets: each of these persons on each of these targets."""


What = Literal["gained", "lost", "obliged"]


# --- why, or why not


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and its decision.

    Attributes:
        about: the step, or the channel that would open.
    """

    about: str
    question: Question
    decision: Decision


def explain_access(
    engine: PolicyEngine,
    person: Person,
    target: Target,
    at: datetime,
    *,
    way: Way,
    channels: Mapping[Channel, frozenset[str]],
    factors: frozenset[str],
    source: str = "",
    emergency: bool = False,
) -> list[Answer]:
    """The request for all `channels` at once, the start of its session, then each channel by itself.

    Args:
        channels: of FORWARD with the names of the services that it is to lead to; empty sets otherwise.
        factors: those that the person shows when he connects.
    """
    services = frozenset(s for names in channels.values() for s in names)
    wanted = frozenset(channels)
    request = Question(
        Action.REQUEST, person, target, way.protocol, way.account, wanted, frozenset(), source, emergency, services
    )
    start = Question(Action.CONNECT, person, target, way.protocol, way.account, frozenset(), factors, source, emergency)
    asked = [("request", request), ("connect", start)]
    for channel in sorted(channels):
        for service in sorted(channels[channel]) or [""]:
            opening = Question(
                Action.CHANNEL, person, target, way.protocol, way.account, frozenset({channel}), factors, source,
                emergency, frozenset({service} - {""}),
            )  # fmt: skip
            asked.append((phrases.channel(channel, service), opening))
    return [Answer(about, question, engine.decide(question, at)) for about, question in asked]


# --- who could


@dataclass(frozen=True, slots=True)
class Reach:
    """Persons who reach the same channels of a target by one way in, under the same obligations.

    Attributes:
        persons: login names.
    """

    persons: tuple[str, ...]
    way: Way
    channels: tuple[tuple[Channel, str], ...]
    permit: Permit


def who_can(
    engine: PolicyEngine, persons: Iterable[Person], target: Target, at: datetime, *, emergency: bool = False
) -> list[Reach]:
    """Who could get into `target` at `at`: with the approvals, releases and factors that each answer obliges to."""
    site = Site(engine, at, emergency=emergency)
    found: dict[tuple[Permit, ...], list[str]] = defaultdict(list)
    for person in persons:
        if not person.standing(at) and (permits := site.reached(person, target)):
            found[permits].append(person.name)
    reaches: dict[tuple[tuple[str, ...], Permit], list[Permit]] = defaultdict(list)
    for permits, names in found.items():
        for permit in permits:
            reaches[tuple(sorted(names)), _without_channel(permit)].append(permit)
    return [
        Reach(names, alike.way, tuple((p.channel, p.service) for p in permits), alike)
        for (names, alike), permits in sorted(reaches.items(), key=lambda item: (item[0][0], str(item[0][1].way)))
    ]


def _without_channel(permit: Permit) -> Permit:
    return Permit(permit.way, Channel.SHELL, "", permit.obligations, permit.rules)


# --- what an edit changes


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two policies for some persons on some targets.

    Attributes:
        what: `gained`, `lost` or `obliged`.
        channels: what for, each with the service that it leads to.
        obligations: of `obliged`, what differs; of `gained`, under which obligations.
        rules: those that permit what was gained, permitted what was lost, or oblige from now on.
        forbids: of `lost`, the rules of the new policy that forbid it now; none when no rule permits it any more.
    """

    what: What
    way: Way
    channels: tuple[tuple[Channel, str], ...]
    obligations: tuple[str, ...]
    rules: tuple[str, ...]
    forbids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """A change and whom it concerns: each of `persons` on each of `targets`, by name."""

    change: Change
    persons: tuple[str, ...]
    targets: tuple[str, ...]


def diff(
    old: PolicyEngine, new: PolicyEngine, persons: Sequence[Person], targets: Sequence[Target], at: datetime,
    *, emergency: bool = False,
) -> list[Difference]:  # fmt: skip
    """Who gains and who loses which channels where, and whose obligations change, when `new` replaces `old`."""
    before, after = Site(old, at, emergency=emergency), Site(new, at, emergency=emergency)
    here = [person for person in persons if not person.standing(at)]
    sorts: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in targets:
        sorts[before.sort_of(target), after.sort_of(target)].append(target)
    found: dict[Change, set[Pairs]] = defaultdict(set)
    for same in sorts.values():
        groups: dict[tuple[str, str], list[Person]] = defaultdict(list)
        for person in here:
            groups[before.kind_of(person, same[0]), after.kind_of(person, same[0])].append(person)
        for alike in groups.values():
            for some, there in _by_ownership(alike, same):
                for change in _changes(before, after, new, some[0], there[0], at, emergency=emergency):
                    found[change].add((frozenset(p.name for p in some), frozenset(t.name for t in there)))
    rows = [Difference(c, *map(_in_order, pairs)) for c, all_ in found.items() for pairs in _merged(all_)]
    order: dict[What, int] = {"lost": 0, "gained": 1, "obliged": 2}
    return sorted(rows, key=lambda d: (order[d.change.what], d.persons, d.targets, str(d.change.way)))


def _by_ownership(persons: list[Person], targets: list[Target]) -> list[tuple[list[Person], list[Target]]]:
    """Pairs in groups in which everybody owns every target, or nobody any."""
    ids = {person.id for person in persons}
    plain: dict[frozenset[str], list[Target]] = defaultdict(list)
    for target in targets:
        plain[frozenset(target.owners & ids)].append(target)
    split = []
    for owners, there in plain.items():
        split += [([p for p in persons if p.id in owners], there), ([p for p in persons if p.id not in owners], there)]
    return [(some, there) for some, there in split if some]


def _changes(
    before: Site, after: Site, new: PolicyEngine, person: Person, target: Target, at: datetime, *, emergency: bool
) -> list[Change]:
    old = {(p.way, p.channel, p.service): p for p in before.reached(person, target)}
    now = {(p.way, p.channel, p.service): p for p in after.reached(person, target)}
    single = [_gained(now[key]) for key in sorted(now.keys() - old.keys(), key=str)]
    gone = sorted(old.keys() - now.keys(), key=str)
    single += [_lost(old[key], new, person, target, at, emergency=emergency) for key in gone]
    single += [c for key in sorted(old.keys() & now.keys(), key=str) if (c := _obliged(old[key], now[key]))]
    together: dict[Change, list[tuple[Channel, str]]] = defaultdict(list)
    for change in single:
        plain = Change(change.what, change.way, (), change.obligations, change.rules, change.forbids)
        together[plain] += change.channels
    return [Change(c.what, c.way, tuple(ch), c.obligations, c.rules, c.forbids) for c, ch in together.items()]


def _gained(permit: Permit) -> Change:
    obligations = tuple(phrases.binding(permit.obligations))
    return Change("gained", permit.way, ((permit.channel, permit.service),), obligations, permit.rules)


def _lost(
    permit: Permit, new: PolicyEngine, person: Person, target: Target, at: datetime, *, emergency: bool
) -> Change:
    asked = questions(person, target, permit.way, permit.channel, permit.service, emergency=emergency)
    answers = [new.decide(q, at, explained=False) for q in asked]
    forbids = {rule for a in answers if isinstance(a, Deny) and a.code == "forbidden" for rule in a.rules}
    channels = ((permit.channel, permit.service),)
    return Change("lost", permit.way, channels, (), permit.rules, tuple(sorted(forbids)))


def _obliged(old: Permit, now: Permit) -> Change | None:
    differing = phrases.changes(old.obligations, now.obligations)
    return Change("obliged", now.way, ((now.channel, now.service),), differing, now.rules) if differing else None


def _merged(pairs: Iterable[Pairs]) -> list[Pairs]:
    """The same pairs of names in fewer rows: targets of the same persons together, then persons of the same targets."""
    of_persons: dict[frozenset[str], frozenset[str]] = defaultdict(frozenset)
    for persons, targets in pairs:
        of_persons[persons] |= targets
    of_targets: dict[frozenset[str], frozenset[str]] = defaultdict(frozenset)
    for persons, targets in of_persons.items():
        of_targets[targets] |= persons
    return [(persons, targets) for targets, persons in of_targets.items()]


def _in_order(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def sentence(difference: Difference) -> str:
    """One difference for somebody who reads no policy files."""
    change = difference.change
    who, where = phrases.listed(difference.persons), phrases.listed(difference.targets)
    many = len(difference.persons) > 1
    how = f"by {change.way.protocol}" + (f" with account {change.way.account}" if change.way.account else "")
    what = phrases.listed([phrases.channel(c, s) for c, s in change.channels], shown=len(change.channels))
    rules = phrases.listed(change.rules, shown=len(change.rules))
    match change.what:
        case "gained":
            under = "; ".join(change.obligations)
            return f"{who} {'gain' if many else 'gains'} on {where}, {how}: {what}. Rule {rules}. Obliged to: {under}."
        case "lost":
            why = f"forbidden by {phrases.listed(change.forbids)}" if change.forbids else "no rule permits it any more"
            return f"{who} {'lose' if many else 'loses'} on {where}, {how}: {what}; {why}. It was by rule {rules}."
        case _:
            differing = "; ".join(change.obligations)
            return f"For {who} on {where}, {how}: {differing}. Concerns {what}. Rule {rules}."
