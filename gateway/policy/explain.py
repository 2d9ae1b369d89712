"""Why nothing permits it, in words: the question asked again with one fact changed (decisions.md 9). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.identity.model import PHISHING_RESISTANT, Factor, Role
from gateway.inventory.model import Protocol, TargetClass, Tier
from gateway.policy.model import Action, Allow, Question


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


def missing(q: Question, ask: Callable[[Question], Allow | None]) -> Missing | None:
    """The first kind of fact which, changed alone, makes `ask` answer Allow; None when one change is not enough."""
    for change in _changes(q):
        answers = [(name, ask(variant)) for name, variant in change.variants]
        helping = [(name, allow) for name, allow in answers if allow is not None]
        if helping:
            names = _or([name for name, _ in helping])
            rules = sorted({rule for _, allow in helping for rule in allow.rules})
            return Missing(change.words(names), tuple(rules))
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
            return f"asking for {q.protocol} access to {q.target.name}"
        case Action.CONNECT:
            return f"connecting to {q.target.name} by {q.protocol}"
        case Action.CHANNEL:
            return f"opening channel {_or(sorted(q.channels)) or 'none'} on {q.target.name}"


def _changes(q: Question) -> Iterator[Change]:
    """Kinds of facts, from what the person can do something about to what he cannot."""
    if q.action is not Action.REQUEST and not q.factors & PHISHING_RESISTANT:
        touched = replace(q, factors=q.factors | {Factor.SSH_KEY_TOUCHED})
        yield Change((("", touched),), lambda _: needs_phishing_resistant(q))
    yield Change(
        tuple((c, replace(q, channels=q.channels - {c})) for c in sorted(q.channels) if len(q.channels) > 1),
        lambda names: f"It is permitted without channel {names}.",
    )
    yield Change(
        tuple((r, _with_role(q, r)) for r in Role if r not in q.person.roles),
        lambda names: f"You do not have the role {names}, which it needs on targets of tier {q.target.tier}.",
    )
    yield Change(
        tuple((a.name, replace(q, account=a.name)) for a in q.target.accounts_for(q.protocol) if a.name != q.account),
        lambda names: f"It is permitted with account {names} only.",
    )
    yield Change(
        tuple((p, replace(q, protocol=p)) for p in Protocol if p is not q.protocol),
        lambda names: f"No rule permits {q.protocol} there; {names} is permitted.",
    )
    yield Change(
        (("", replace(q, emergency=not q.emergency)),),
        lambda _: "It is not permitted in an emergency." if q.emergency else "It is permitted in an emergency only.",
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


def _with_role(q: Question, role: Role) -> Question:
    return replace(q, person=replace(q.person, roles=q.person.roles | {role}))


def _with_plant(q: Question, *, plant: bool) -> Question:
    return replace(q, person=replace(q.person, organisation=replace(q.person.organisation, plant=plant)))


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" or {names[-1]}" if names else ""
