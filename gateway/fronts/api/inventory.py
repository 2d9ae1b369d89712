"""Zones, conduits, targets, services and accounts: admins, on the admin door."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from gateway.errors import Invalid
from gateway.fronts.api.deps import Admin, Everything, Id
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.admin import (
    AccountNew,
    AccountView,
    ConduitNew,
    ConduitView,
    ServiceNew,
    ServiceView,
    TargetNew,
    TargetView,
    ZoneNew,
    ZoneView,
)
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.ids import PersonId
from gateway.inventory.model import Conduit, Target

router = APIRouter(tags=["inventory"])
_READ = problems(*SIGNED_IN)
_MAKE = problems(*SIGNED_IN, 409)
_CHANGE = problems(*SIGNED_IN, 404, 409)


@router.get("/zones", summary="Every zone", responses=_READ)
async def list_zones(_who: Admin, state: Everything) -> list[ZoneView]:
    return [ZoneView(name=z.name, title=z.title, level=z.level) for z in await state.inventory.zones()]


@router.post("/zones", status_code=201, summary="Declare a zone", responses=_MAKE)
async def add_zone(asked: ZoneNew, who: Admin, state: Everything) -> ZoneView:
    zone = await state.inventory.add_zone(who.person.name, asked.name, asked.title, asked.level, source=who.source)
    return ZoneView(name=zone.name, title=zone.title, level=zone.level)


@router.get("/conduits", summary="Every allowed path between zones", responses=_READ)
async def list_conduits(_who: Admin, state: Everything) -> list[ConduitView]:
    return [_conduit(c) for c in await state.inventory.conduits()]


@router.post("/conduits", status_code=201, summary="Allow a path between zones", responses=_MAKE)
async def add_conduit(asked: ConduitNew, who: Admin, state: Everything) -> ConduitView:
    made = await state.inventory.add_conduit(
        who.person.name, asked.source, asked.destination, asked.protocols, source=who.source
    )
    return _conduit(made)


@router.get("/targets", summary="Every target, with services and accounts", responses=_READ)
async def list_all_targets(_who: Admin, state: Everything) -> list[TargetView]:
    names = await _names(state)
    return [_target(t, names) for t in await state.inventory.targets()]


@router.post("/targets", status_code=201, summary="Declare a target", responses=_MAKE)
async def add_target(asked: TargetNew, who: Admin, state: Everything) -> TargetView:
    names = await _names(state)
    ids = {name: person for person, name in names.items()}
    if unknown := [name for name in asked.owners if name not in ids]:
        raise Invalid("owners", f"nobody is called {unknown[0]}")
    made = await state.inventory.add_target(
        who.person.name,
        asked.name,
        asked.title,
        asked.zone,
        asked.tier,
        asked.target_class,
        [ids[name] for name in asked.owners],
        source=who.source,
    )
    return _target(made, names)


@router.post("/targets/{name}/services", status_code=201, summary="Add a service to a target", responses=_CHANGE)
async def add_service(name: Id, asked: ServiceNew, who: Admin, state: Everything) -> TargetView:
    await state.inventory.add_service(who.person.name, name, asked.protocol, asked.address, asked.port, asked.profile)
    return _target(await state.inventory.target_named(name), await _names(state))


@router.post("/targets/{name}/accounts", status_code=201, summary="Seal an account's credential", responses=_CHANGE)
async def add_account(name: Id, asked: AccountNew, who: Admin, state: Everything) -> TargetView:
    """What is sealed is never shown again, to nobody."""
    secret = None if asked.secret is None else asked.secret.encode()
    await state.inventory.add_account(who.person.name, name, asked.name, asked.kind, secret, source=who.source)
    return _target(await state.inventory.target_named(name), await _names(state))


async def _names(state: Services) -> dict[PersonId, str]:
    return {person.id: person.name for person in await state.identity.people()}


def _conduit(conduit: Conduit) -> ConduitView:
    return ConduitView(source=conduit.source, destination=conduit.destination, protocols=sorted(conduit.protocols))


def _target(target: Target, names: Mapping[PersonId, str]) -> TargetView:
    return TargetView(
        id=target.id,
        name=target.name,
        title=target.title,
        zone=target.zone.name,
        tier=target.tier,
        target_class=target.target_class,
        owners=sorted(names[owner] for owner in target.owners if owner in names),
        services=[
            ServiceView(id=s.id, protocol=s.protocol, address=s.address, port=s.port, profile=s.profile)
            for s in target.services
        ],
        accounts=[AccountView(id=a.id, name=a.name, kind=a.kind) for a in target.accounts],
        version=target.version,
    )
