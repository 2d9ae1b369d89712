"""Which targets somebody may ask for: those that the policy and the conduits permit him."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter

from gateway.access.rules import protocols, takes_over
from gateway.fronts.api.deps import Anyone, Everything, needs
from gateway.fronts.api.render import minutes, paths_of
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.access import ServiceOffer, TargetOffer
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.identity.model import Person, Scope
from gateway.ids import PersonId
from gateway.inventory.model import Protocol, Target
from gateway.policy.model import LEAST_CHANNELS, USUAL_CHANNELS, Action, Allow, Channel, Question

router = APIRouter(tags=["access"], dependencies=[needs(Scope.ACCESS)])
HOUR = timedelta(hours=1)  # the duration that a form suggests


@router.get("/targets", summary="Targets that you may ask for", responses=problems(*SIGNED_IN))
async def list_targets(who: Anyone, state: Everything) -> list[TargetOffer]:
    titles = {person.id: person.title for person in await state.identity.people()}
    led = await ways(state)
    targets = [_within_reach(led, t) for t in await state.inventory.targets()]
    offered = await asyncio.to_thread(_offers, state, who.person, who.source, targets)
    return [_offer(t, services, titles) for t, services in zip(targets, offered, strict=True) if services]


async def ways(state: Services) -> Mapping[str, frozenset[Protocol]]:
    """By the name of each zone that a conduit leads to from the people's: for which protocols (C4)."""
    conduits = await state.inventory.conduits()
    return {c.destination: c.protocols for c in conduits if c.source == state.site.zone_of_people}


def _within_reach(ways: Mapping[str, frozenset[Protocol]], target: Target) -> Target:
    """`target` without the services that no conduit leads to."""
    led = ways.get(target.zone.name, frozenset())
    if Protocol.SSH not in led and target.service(Protocol.SSH) is not None:  # nor are its forwards
        led -= {Protocol.TCP}
    return replace(target, services=tuple(s for s in target.services if s.protocol in led))


def _offers(state: Services, person: Person, source: str, targets: Sequence[Target]) -> list[list[ServiceOffer]]:
    """What the policy would oblige to, for each way to visit each target; nothing where it says no."""
    at = state.clock.now()
    return [
        [o for p in protocols(t) if (o := _ask_policy(state, person, source, t, p, at)) is not None] for t in targets
    ]


def _ask_policy(
    state: Services, person: Person, source: str, target: Target, protocol: Protocol, at: datetime
) -> ServiceOffer | None:
    accounts = target.accounts_for(protocol)
    question = Question(
        action=Action.REQUEST,
        person=person,
        target=target,
        protocol=protocol,
        account=accounts[0].name if accounts else "",
        channels=LEAST_CHANNELS[protocol],
        source=source,
    )
    forwards = _forwards(state, question, at)
    if protocol is Protocol.TCP:
        question = replace(question, services=frozenset(forwards))
    decision = state.policy.decide(question, at, explained=False)
    if not isinstance(decision, Allow) or (protocol is Protocol.TCP and not forwards):
        return None
    obliges = decision.obligations
    return ServiceOffer(
        protocol=protocol,
        accounts=[account.name for account in accounts],
        channels=sorted(obliges.channels if forwards else obliges.channels - {Channel.FORWARD}),
        services=forwards,
        usual_channels=sorted(USUAL_CHANNELS[protocol] & obliges.channels),
        warning=takes_over(protocol, target.name),
        default_minutes=minutes(min(HOUR, obliges.max_session)),
        max_minutes=minutes(obliges.max_session),
        approvals=obliges.approvals,
        approver_roles=sorted(obliges.approver_roles),
        release=obliges.release,
        observer=obliges.observer,
        file_paths=paths_of(obliges),
        file_copy=obliges.file_copy,
        file_hold=obliges.file_hold,
    )


def _forwards(state: Services, question: Question, at: datetime) -> list[str]:
    """The tcp services of the target that a forward may be asked for to, by name."""
    names = sorted(s.name for s in question.target.services if s.protocol is Protocol.TCP)
    if question.protocol is Protocol.RDP:
        return []
    asked = replace(question, channels=frozenset({Channel.FORWARD}))
    answers = {n: state.policy.decide(replace(asked, services=frozenset({n})), at, explained=False) for n in names}
    return [n for n, a in answers.items() if isinstance(a, Allow) and Channel.FORWARD in a.obligations.channels]


def _offer(target: Target, services: list[ServiceOffer], titles: Mapping[PersonId, str]) -> TargetOffer:
    return TargetOffer(
        name=target.name,
        title=target.title,
        zone=target.zone.name,
        zone_title=target.zone.title,
        tier=target.tier,
        target_class=target.target_class,
        owners=sorted(titles[owner] for owner in target.owners if owner in titles),
        services=services,
    )
