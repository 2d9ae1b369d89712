"""The policy, for those who answer for it: read its versions, see what one changes, sign one off. On both doors.

An owner signs where he approves: on the people's door. Proposing and activating is `policies_admin.py`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from gateway.errors import Refused
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Asker, Everything, Id, needs, role
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.policies import (
    ChangeView,
    ChannelView,
    DeedView,
    DiffView,
    PolicyHead,
    PolicyList,
    PolicySign,
    PolicyView,
)
from gateway.identity.model import Person, Role, Scope
from gateway.policy import phrases, preview, versions
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Channel
from gateway.policy.versions import Deed, PolicyVersion

router = APIRouter(tags=["policies"], dependencies=[needs(Scope.POLICY)])
Reader = Annotated[Asker, Depends(role(Role.ADMIN, Role.OWNER, Role.AUDITOR))]
_ONE = problems(*SIGNED_IN, 404)


@router.get("/policies", summary="Policy versions, newest first", responses=problems(*SIGNED_IN))
async def list_policies(who: Reader, state: Everything) -> PolicyList:
    of_the_plant(who.person)
    found = [_head(state, v, who.person) for v in await state.policy.versions()]
    return PolicyList(active=state.policy.version, trouble=state.policy.trouble, versions=found)


@router.get("/policies/{version_id}", summary="A policy version with its files", responses=_ONE)
async def get_policy(version_id: Id, who: Reader, state: Everything) -> PolicyView:
    of_the_plant(who.person)
    return policy_view(state, await state.policy.get(version_id), who.person)


@router.get(
    "/policies/{version_id}/diff", summary="Whose access a policy version changes, in sentences", responses=_ONE
)
async def diff_policies(
    version_id: Id,
    who: Reader,
    state: Everything,
    against: Annotated[str, Query(max_length=32, description="The version it replaces; empty: the active one.")] = "",
    at: Annotated[AwareDatetime | None, Query(description="The moment that is asked about; none: now.")] = None,
) -> DiffView:
    of_the_plant(who.person)
    old, new = await state.policy.engine_of(against), await state.policy.engine_of(version_id)
    return await compared(state, old, new, at)


@router.post(
    "/policies/{version_id}/sign",
    summary="Sign a policy version off, as a second person",
    responses=problems(*SIGNED_IN, 404, 409),
    dependencies=[SIGNED_IN_ONLY],
)
async def sign_policy(version_id: Id, asked: PolicySign, who: Reader, state: Everything) -> PolicyView:
    of_the_plant(who.person)
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    await state.policy.sign(version_id, who.person, proof, digest=asked.digest)
    return policy_view(state, await state.policy.get(version_id), who.person)


def of_the_plant(person: Person) -> None:
    """A vendor's owner of something reads no policy: it says who of the others may do what."""
    if not person.organisation.plant:
        raise Refused("not_of_the_plant", "Policies are read by persons of the plant itself.", rule="roles")


async def compared(state: Services, old: PolicyEngine, new: PolicyEngine, at: AwareDatetime | None) -> DiffView:
    moment = at or state.clock.now()
    persons, targets = await state.identity.people(), await state.inventory.targets()
    found = await state.policy.compare(old, new, persons, targets, moment)
    return DiffView(old=old.version, new=new.version, at=moment, changes=[_change(d) for d in found])


def policy_view(state: Services, version: PolicyVersion, person: Person) -> PolicyView:
    return PolicyView(**_head(state, version, person).model_dump(), files=dict(version.files))


def channel_view(channel: Channel, service: str) -> ChannelView:
    return ChannelView(channel=channel, service=service, words=phrases.channel(channel, service))


def _head(state: Services, version: PolicyVersion, person: Person) -> PolicyHead:
    at = state.clock.now()
    return PolicyHead(
        id=version.id,
        number=version.number,
        digest=version.digest,
        state=version.state,
        note=version.note,
        proposed=DeedView(name=version.proposed.name, title=version.proposed.title, at=version.proposed.at),
        signed=_deed(version.signed),
        activated=_deed(version.activated),
        retired=version.retired,
        may=versions.deeds(version, person, at),
    )


def _deed(deed: Deed | None) -> DeedView | None:
    return None if deed is None else DeedView(name=deed.name, title=deed.title, at=deed.at)


def _change(difference: preview.Difference) -> ChangeView:
    change = difference.change
    return ChangeView(
        what=change.what,
        sentence=preview.sentence(difference),
        persons=list(difference.persons),
        targets=list(difference.targets),
        protocol=change.way.protocol,
        account=change.way.account,
        channels=[channel_view(channel, service) for channel, service in change.channels],
        obligations=list(change.obligations),
        rules=list(change.rules),
        forbids=list(change.forbids),
    )
