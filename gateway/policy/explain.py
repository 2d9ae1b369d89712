"""Why nothing permits it, in words: the question asked again with one fact changed (decisions.md 9). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.identity.model import PHISHING_RESISTANT, Factor, Role
from gateway.ids import ExceptionId, PersonId, TargetId
from gateway.inventory.model import Protocol, SecurityException, Target, TargetClass, Tier
from gateway.policy import facts
from gateway.policy.mentions import could_concern
from gateway.policy.model import LEAST_CHANNELS, Action, Allow, Channel, Question

HOUR: Final = timedelta(hours=1)
# When it is asked again whether time is what is missing: each hour of a day, then each third hour over a long weekend.
LATER: Final = (*range(1, 25), *range(27, 5 * 24, 3))  # hours
Ask = Callable[[Question, datetime], Allow | None]


@dataclass(frozen=True, slots=True)
class Hints:
    """What the policies look at that a question alone does not tell.

    Attributes:
        exceptions: kinds of exceptions that they name.
        networks: addresses, one of each network that they name.
        timed: the permits that look at the time, in Cedar's JSON form.
    """

    exceptions: frozenset[str]
    networks: frozenset[str]
    timed: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The fact whose absence decided: a sentence, and the rules that would have permitted."""

    words: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of fact with its other values, and the sentence for those values that would have been permitted."""

    variants: tuple[tuple[str, Question], ...]
    words: Callable[[str], str]


def missing(q: Question, at: datetime, ask: Ask, hints: Hints) -> Missing | None:
    """The first kind of fact which, changed alone, makes `ask` answer Allow; None when one change is not enough."""
    for change in _changes(q, at, hints):
        answers = [(name, ask(variant, at)) for name, variant in change.variants]
        helping = [(name, allow) for name, allow in answers if allow is not None]
        if helping:
            names = _or(list(dict.fromkeys(name for name, _ in helping)))
            rules = sorted({rule for _, allow in helping for rule in allow.rules})
            return Missing(change.words(names), tuple(rules))
    return _later(q, at, ask) if _timed(q, hints) else None


def _timed(q: Question, hints: Hints) -> bool:
    """Whether time alone could help: nothing forbids it now, so one of these permits would have to begin to hold."""
    entities = facts.entities(q) if hints.timed else []
    return any(could_concern(permit, entities) for permit in hints.timed)


def _later(q: Question, at: datetime, ask: Ask) -> Missing | None:
    full = at.replace(minute=0, second=0, microsecond=0)
    for hours in LATER:
        if (allow := ask(q, full + hours * HOUR)) is not None:
            moment = full + hours * HOUR
            return Missing(
                f"It is not permitted at this time; it is on {moment:%A, %Y-%m-%d at %H:%M} UTC.", allow.rules
            )
    return None


def needs_phishing_resistant(q: Question) -> str:
    words = f"Your sign-in has no phishing-resistant factor; targets of tier {q.target.tier} need one. "
    if q.protocol is Protocol.RDP:  # CredSSP knows no such factor: the ticket brings it along
        return f"{words}Sign in by SSH with a security key (an sk- SSH key that you touch), then make a ticket."
    return f"{words}Sign in with a security key (an sk- SSH key that you touch)."


def channels_not_permitted(q: Question, permitted: frozenset[str]) -> str:
    refused = sorted(q.channels - permitted)
    these = f"only {_or(sorted(permitted))}" if permitted else "no channel"
    return f"Channel {_or(refused)} is not permitted on {q.target.name}; {these} is."


def doing(q: Question) -> str:
    """What was asked, as the end of a sentence."""
    match q.action:
        case Action.REQUEST:
            return f"asking for {q.protocol} access to {q.target.name}{_led_to(q)}"
        case Action.CONNECT:
            return f"connecting to {q.target.name} by {q.protocol}"
        case Action.CHANNEL if q.services:
            return f"a forward to {_or(sorted(q.services))} on {q.target.name}"
        case Action.CHANNEL:
            return f"opening channel {_or(sorted(q.channels)) or 'none'} on {q.target.name}"


def _led_to(q: Question) -> str:
    services = sorted(q.services)
    return f" with a forward to {_or(services)}" if services else ""


def _changes(q: Question, at: datetime, hints: Hints) -> Iterator[Change]:
    """Kinds of facts, from what the person can do something about to what he cannot."""
    if q.action is not Action.REQUEST and not q.factors & PHISHING_RESISTANT:
        touched = replace(q, factors=q.factors | {Factor.SSH_KEY_TOUCHED})
        yield Change((("", touched),), lambda _: needs_phishing_resistant(q))
    yield from _of_wishes(q)
    yield from _of_circumstances(q, at, hints)
    yield from _of_person_and_target(q)


def _of_wishes(q: Question) -> Iterator[Change]:
    """What the person asks for."""
    yield Change(
        tuple((c, _without(q, c)) for c in sorted(q.channels) if len(q.channels) > 1),
        lambda names: f"It is permitted without channel {names}.",
    )
    yield Change(
        tuple((s, replace(q, services=q.services - {s})) for s in sorted(q.services) if len(q.services) > 1),
        lambda names: f"It is permitted without the forward to {names}.",
    )
    others = [s.name for s in q.target.services if s.protocol is Protocol.TCP and s.name not in q.services]
    yield Change(
        tuple((s, replace(q, services=frozenset({s}))) for s in sorted(others) if len(q.services) == 1),
        lambda names: f"A forward to {_or(sorted(q.services))} is not permitted; to {names} it is.",
    )
    yield Change(
        tuple((a.name, replace(q, account=a.name)) for a in q.target.accounts_for(q.protocol) if a.name != q.account),
        lambda names: f"It is permitted with account {names} only.",
    )
    yield Change(
        tuple((p, v) for p in Protocol if p is not q.protocol for v in (_by(q, p), replace(q, protocol=p))),
        lambda names: f"No rule permits {q.protocol} there; {names} is permitted.",
    )


def _of_circumstances(q: Question, at: datetime, hints: Hints) -> Iterator[Change]:
    yield Change(
        tuple((kind, replace(q, target=_excepted(q.target, kind, at))) for kind in sorted(hints.exceptions)),
        lambda names: (
            f"It is permitted only while an exception of the kind {names} holds for {q.target.name}; there is none now."
            " An administrator can propose one, an owner of the target accepts it."
        ),
    )
    if q.source:
        yield Change(
            tuple((network, replace(q, source=network)) for network in sorted(hints.networks)),
            lambda _: "It is not permitted from where you connect, but from another network.",
        )
    yield Change(
        (("", replace(q, emergency=not q.emergency)),),
        lambda _: "It is not permitted in an emergency." if q.emergency else "It is permitted in an emergency only.",
    )


def _of_person_and_target(q: Question) -> Iterator[Change]:
    yield Change(
        tuple((r, _with_role(q, r)) for r in Role if r not in q.person.roles),
        lambda names: f"You do not have the role {names}, which it needs on targets of tier {q.target.tier}.",
    )
    yield Change(
        (("", _with_plant(q, plant=not q.person.organisation.plant)),),
        lambda _: (
            "It is for persons of a vendor only."
            if q.person.organisation.plant
            else "It is for persons of the plant itself only."
        ),
    )
    yield Change(
        tuple((t, replace(q, target=replace(q.target, tier=t))) for t in Tier if t is not q.target.tier),
        lambda names: f"{q.target.name} is of tier {q.target.tier}; it is permitted on targets of tier {names} only.",
    )
    yield Change(
        tuple(
            (c, replace(q, target=replace(q.target, target_class=c)))
            for c in TargetClass
            if c is not q.target.target_class
        ),
        lambda names: f"{q.target.name} is of class {q.target.target_class}; it is permitted on class {names} only.",
    )


def _without(q: Question, channel: Channel) -> Question:
    """A forward that is not asked for leads nowhere."""
    services = frozenset[str]() if channel is Channel.FORWARD else q.services
    return replace(q, channels=q.channels - {channel}, services=services)


def _by(q: Question, protocol: Protocol) -> Question:
    """By another protocol there are other channels; the least of them stand for all."""
    account = q.target.account(protocol)
    services = frozenset[str]()
    if protocol is Protocol.TCP:
        services = q.services or frozenset(s.name for s in q.target.services if s.protocol is protocol)
    channels = LEAST_CHANNELS[protocol] if q.channels else q.channels
    name = account.name if account else "" if protocol is Protocol.TCP else q.account
    return replace(q, protocol=protocol, channels=channels, services=services, account=name)


def exception(target: TargetId, kind: str, at: datetime) -> SecurityException:
    """One that holds at `at` for the whole target, as if somebody had accepted it."""
    return SecurityException(
        id=ExceptionId(""), target=target, kind=kind, reason="", compensation="", proposed_by=PersonId(""),
        proposed=at, expires=at + HOUR, accepted=at,
    )  # fmt: skip


def _excepted(target: Target, kind: str, at: datetime) -> Target:
    return replace(target, exceptions=(*target.exceptions, exception(target.id, kind, at)))


def _with_role(q: Question, role: Role) -> Question:
    return replace(q, person=replace(q.person, roles=q.person.roles | {role}))


def _with_plant(q: Question, *, plant: bool) -> Question:
    return replace(q, person=replace(q.person, organisation=replace(q.person.organisation, plant=plant)))


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" or {names[-1]}" if names else ""
