"""The policy, for administrators: propose, try, make active, and ask what it means. The admin door alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from gateway.errors import Invalid
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Admin, Asker, Everything, Id, needs, role
from gateway.fronts.api.offers import ways
from gateway.fronts.api.policies import channel_view, compared, of_the_plant, policy_view
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.policies import (
    CaseRunView,
    DiffView,
    Explain,
    ExplainedStep,
    ExplainView,
    PolicyActivate,
    PolicyCompare,
    PolicyNew,
    PolicySet,
    PolicyView,
    ReachView,
    ValidationView,
    WhoCanView,
)
from gateway.identity.model import Role, Scope
from gateway.inventory.model import Protocol, Target
from gateway.limits import NAME_OCTETS
from gateway.policy import files, phrases, preview, trial
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import USUAL_CHANNELS, Allow, Channel
from gateway.policy.reach import Way

router = APIRouter(tags=["policies"], dependencies=[needs(Scope.POLICY)])
Reader = Annotated[Asker, Depends(role(Role.ADMIN, Role.AUDITOR))]
_READ = problems(*SIGNED_IN)
_ONE = problems(*SIGNED_IN, 404)
At = Annotated[AwareDatetime | None, Query(description="The moment that is asked about; none: now.")]
Version = Annotated[str, Query(max_length=32, description="The version that is asked; empty: the active one.")]


@router.post("/policies", status_code=201, summary="Propose a policy version", responses=problems(*SIGNED_IN, 409, 413))
async def propose_policy(asked: PolicyNew, who: Admin, state: Everything) -> PolicyView:
    """A draft: it decides nothing before another person signed it off and it was made active."""
    made = await state.policy.propose(asked.files, asked.note, who.person, who.source)
    return policy_view(state, made, who.person)


@router.post("/policies/validate", summary="Try a policy set without keeping it", responses=problems(*SIGNED_IN, 413))
async def validate_policy(asked: PolicySet, _who: Admin) -> ValidationView:
    """Schema, policies and cases. What does not parse is a problem, whose `errors` have file, line and words."""
    engine, run = await asyncio.to_thread(trial.tried, files.accepted(asked.files))
    return ValidationView(
        version=engine.version, rules=list(engine.rules), cases=run.cases, failures=list(run.failures)
    )


@router.post(
    "/policies/diff", summary="Whose access a policy set would change",
    responses=problems(*SIGNED_IN, 404, 413),
)  # fmt: skip
async def diff_policy_set(asked: PolicyCompare, _who: Admin, state: Everything, at: At = None) -> DiffView:
    texts = files.accepted(asked.files)
    await asyncio.to_thread(trial.demand_right, texts)
    new = await asyncio.to_thread(PolicyEngine.of, texts)
    return await compared(state, await state.policy.engine_of(asked.against), new, at)


@router.post("/policies/{version_id}/test", summary="Run a policy version's own cases", responses=_ONE)
async def test_policy(version_id: Id, who: Reader, state: Everything) -> CaseRunView:
    of_the_plant(who.person)
    run = await state.policy.test(version_id)
    return CaseRunView(cases=run.cases, failures=list(run.failures))


@router.post(
    "/policies/{version_id}/activate",
    summary="Decide by a signed policy version from now on; an earlier one again is a roll back",
    responses=problems(*SIGNED_IN, 404, 409),
    dependencies=[SIGNED_IN_ONLY],
)
async def activate_policy(version_id: Id, asked: PolicyActivate, who: Admin, state: Everything) -> PolicyView:
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    await state.policy.activate(version_id, who.person, proof)
    return policy_view(state, await state.policy.get(version_id), who.person)


@router.post("/policies/explain", summary="Why somebody may, or why not, in his own words", responses=_ONE)
async def explain_policy(asked: Explain, who: Reader, state: Everything) -> ExplainView:
    """The words of a denial are those that the person reads in his terminal."""
    of_the_plant(who.person)
    engine, at = await state.policy.engine_of(asked.version), asked.at or state.clock.now()
    person = await state.identity.person_named(asked.person)
    target = await state.inventory.target_named(asked.target)
    way = _way(target, asked)
    channels = frozenset(asked.channels) or USUAL_CHANNELS[way.protocol]
    services = frozenset(asked.services) or _services(target, channels)
    answers = await asyncio.to_thread(
        preview.explain_access, engine, person, target, at, way=way,
        channels={c: services if c is Channel.FORWARD else frozenset[str]() for c in channels},
        factors=frozenset(asked.factors), source=asked.source, emergency=asked.emergency,
    )  # fmt: skip
    notes = [] if not (why := person.standing(at)) else [f"{person.title} is kept out everywhere: {why}."]
    return ExplainView(
        version=engine.version, at=at, protocol=way.protocol, account=way.account,
        notes=notes + _unreachable(target, {way.protocol}, await _led(state, target)),
        steps=[_step(engine, a) for a in answers],
    )  # fmt: skip


@router.get("/policies/who-can", summary="Who could get into a target, and how", responses=_ONE)
async def who_can(
    who: Reader,
    state: Everything,
    target: Annotated[str, Query(max_length=NAME_OCTETS, examples=["ews-l4"])],
    at: At = None,
    version: Version = "",
    emergency: Annotated[bool, Query(description="As if he asked for an emergency.")] = False,
) -> WhoCanView:
    """Everybody whom the policy lets ask, start and open a channel there, with what it obliges to."""
    of_the_plant(who.person)
    engine, moment = await state.policy.engine_of(version), at or state.clock.now()
    place = await state.inventory.target_named(target)
    led = await _led(state, place)
    reached = replace(place, services=tuple(s for s in place.services if s.protocol in led))
    found = await asyncio.to_thread(
        preview.who_can, engine, await state.identity.people(), reached, moment, emergency=emergency
    )
    return WhoCanView(
        target=place.name, version=engine.version, at=moment, notes=_unreachable(place, set(Protocol), led),
        reaches=[_reach(r) for r in found],
    )  # fmt: skip


def _way(target: Target, asked: Explain) -> Way:
    """The protocol and account that are meant: as a visit that names neither would take them."""
    offered = [p for p in Protocol if target.service(p) is not None]
    protocol = asked.protocol or (offered[0] if offered else Protocol.SSH)
    account = target.account(protocol, asked.account)
    return Way(protocol, account.name if account else asked.account)


def _services(target: Target, channels: frozenset[Channel]) -> frozenset[str]:
    """Every tcp service, when a forward is asked for and no service is named."""
    if Channel.FORWARD not in channels:
        return frozenset()
    found = frozenset(s.name for s in target.services if s.protocol is Protocol.TCP)
    if not found:
        raise Invalid("services", f"{target.name} has no tcp service that a forward could lead to")
    return found


async def _led(state: Services, target: Target) -> frozenset[Protocol]:
    return (await ways(state)).get(target.zone.name, frozenset())


def _unreachable(target: Target, protocols: set[Protocol], led: frozenset[Protocol]) -> list[str]:
    """What is in the way of everybody: a service that is not there, or no conduit to it (C4)."""
    there = {s.protocol for s in target.services}
    notes = [f"{target.name} offers no {p} service." for p in sorted(protocols - there) if len(protocols) == 1]
    return notes + [
        f"No conduit of the site leads to {target.name} for {p}. An administrator can declare one."
        for p in sorted((protocols & there) - led)
    ]


def _step(engine: PolicyEngine, answer: preview.Answer) -> ExplainedStep:
    decision = answer.decision
    allowed = isinstance(decision, Allow)
    return ExplainedStep(
        about=answer.about,
        allowed=allowed,
        words="" if isinstance(decision, Allow) else decision.words,
        missing="" if isinstance(decision, Allow) else decision.missing,
        rules=list(decision.rules),
        titles=[engine.rules[name].title for name in decision.rules],
        obligations=phrases.obliges(decision.obligations) if isinstance(decision, Allow) else [],
    )


def _reach(reach: preview.Reach) -> ReachView:
    return ReachView(
        persons=list(reach.persons),
        protocol=reach.way.protocol,
        account=reach.way.account,
        channels=[channel_view(channel, service) for channel, service in reach.channels],
        obligations=phrases.obliges(reach.permit.obligations),
        rules=list(reach.permit.rules),
    )
