"""Zones, conduits, targets, services, accounts and exceptions to be: admins, on the admin door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fastapi import APIRouter, Response

from gateway.errors import Invalid, NotFound, Stale
from gateway.fronts.api.deps import Admin, Everything, Id, needs
from gateway.fronts.api.etags import CHANGED, Seen, SeenVersion, tag, tagged
from gateway.fronts.api.exceptions import seen
from gateway.fronts.api.pages import Pages
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
from gateway.fronts.api.views.changes import AccountChange, ConduitChange, ServiceChange, TargetChange, ZoneChange
from gateway.fronts.api.views.common import IF_MATCH, SIGNED_IN, problems
from gateway.fronts.api.views.exceptions import ExceptionNew, ExceptionView
from gateway.identity.model import Scope
from gateway.ids import PersonId, ServiceId
from gateway.inventory.exceptions import Proposal
from gateway.inventory.model import Conduit, Service, Target, Zone

router = APIRouter(tags=["inventory"], dependencies=[needs(Scope.INVENTORY)])
T = TypeVar("T")
_READ = problems(*SIGNED_IN)
_MAKE = problems(*SIGNED_IN, 409)
_ONE = problems(*SIGNED_IN, 404)
_ADD = problems(*SIGNED_IN, 404, 409)
_CHANGE = problems(*SIGNED_IN, *IF_MATCH, 404)


@router.get("/zones", summary="Every zone", responses=_READ)
async def list_zones(_who: Admin, state: Everything) -> list[ZoneView]:
    return [_zone(z) for z in await state.inventory.zones()]


@router.post("/zones", status_code=201, summary="Declare a zone", responses=_MAKE)
async def add_zone(asked: ZoneNew, who: Admin, state: Everything, response: Response) -> ZoneView:
    zone = await state.inventory.add_zone(who.person.name, asked.name, asked.title, asked.level, source=who.source)
    return tagged(response, _zone(zone))


@router.get("/zones/{name}", summary="One zone", responses=_ONE)
async def get_zone(name: Id, _who: Admin, state: Everything, response: Response) -> ZoneView:
    return tagged(response, _zone(await _zone_named(state, name)))


@router.patch("/zones/{name}", summary="Change a zone", responses=_CHANGE)
async def change_zone(
    name: Id, asked: ZoneChange, version: SeenVersion, who: Admin, state: Everything, response: Response
) -> ZoneView:
    was = await _zone_named(state, name)
    _same(was.version, version)
    zone = await state.inventory.change_zone(
        who.person.name,
        name,
        version,
        title=_or(asked.title, was.title),
        level=_or(asked.level, was.level),
        source=who.source,
    )
    return tagged(response, _zone(zone))


@router.get("/conduits", summary="Every allowed path between zones", responses=_READ)
async def list_conduits(_who: Admin, state: Everything) -> list[ConduitView]:
    return [_conduit(c) for c in await state.inventory.conduits()]


@router.post("/conduits", status_code=201, summary="Allow a path between zones", responses=_ADD)
async def add_conduit(asked: ConduitNew, who: Admin, state: Everything, response: Response) -> ConduitView:
    made = await state.inventory.add_conduit(
        who.person.name, asked.source, asked.destination, asked.protocols, source=who.source
    )
    return tagged(response, _conduit(made))


@router.get("/conduits/{from_zone}/{to_zone}", summary="One conduit", responses=_ONE)
async def get_conduit(from_zone: Id, to_zone: Id, _who: Admin, state: Everything, response: Response) -> ConduitView:
    return tagged(response, _conduit(await _conduit_between(state, from_zone, to_zone)))


@router.patch("/conduits/{from_zone}/{to_zone}", summary="Change what a conduit lets through", responses=_CHANGE)
async def change_conduit(
    from_zone: Id, to_zone: Id, asked: ConduitChange, said: Seen, who: Admin, state: Everything, response: Response
) -> ConduitView:
    was = await _conduit_between(state, from_zone, to_zone)
    if tag(said) != _conduit(was).etag:
        raise Stale(CHANGED)
    now = await state.inventory.change_conduit(who.person.name, was, asked.protocols, source=who.source)
    return tagged(response, _conduit(now))


@router.get("/targets", summary="Every target, with services and accounts", responses=_READ)
async def list_all_targets(_who: Admin, state: Everything, pages: Pages) -> list[TargetView]:
    names = await _names(state)
    return [_target(t, names) for t in pages.cut(await state.inventory.targets(), lambda t: t.name)]


@router.get("/targets/{name}", summary="One target, with services and accounts", responses=_ONE)
async def get_target(name: Id, _who: Admin, state: Everything, response: Response) -> TargetView:
    return await _shown(state, name, response)


@router.post("/targets", status_code=201, summary="Declare a target", responses=_ADD)
async def add_target(asked: TargetNew, who: Admin, state: Everything, response: Response) -> TargetView:
    names = await _names(state)
    made = await state.inventory.add_target(
        who.person.name,
        asked.name,
        asked.title,
        asked.zone,
        asked.tier,
        asked.target_class,
        _ids(names, asked.owners),
        source=who.source,
    )
    return tagged(response, _target(made, names))


@router.patch("/targets/{name}", summary="Change a target", responses=_CHANGE)
async def change_target(
    name: Id, asked: TargetChange, version: SeenVersion, who: Admin, state: Everything, response: Response
) -> TargetView:
    names, was = await _names(state), await state.inventory.target_named(name)
    _same(was.version, version)
    made = await state.inventory.change_target(
        who.person.name,
        name,
        version,
        title=_or(asked.title, was.title),
        zone=_or(asked.zone, was.zone.name),
        tier=_or(asked.tier, was.tier),
        target_class=_or(asked.target_class, was.target_class),
        owners=was.owners if asked.owners is None else _ids(names, asked.owners),
        source=who.source,
    )
    return tagged(response, _target(made, names))


@router.post("/targets/{name}/services", status_code=201, summary="Add a service to a target", responses=_ADD)
async def add_service(name: Id, asked: ServiceNew, who: Admin, state: Everything, response: Response) -> TargetView:
    await state.inventory.add_service(
        who.person.name,
        name,
        asked.protocol,
        asked.address,
        asked.port,
        asked.profile,
        name=asked.name,
        fingerprint=asked.fingerprint,
        source=who.source,
    )
    return await _shown(state, name, response)


@router.patch("/targets/{name}/services/{service_id}", summary="Change a service", responses=_CHANGE)
async def change_service(
    name: Id,
    service_id: Id,
    asked: ServiceChange,
    version: SeenVersion,
    who: Admin,
    state: Everything,
    response: Response,
) -> TargetView:
    target = await state.inventory.target_named(name)
    _same(target.version, version)
    was = next((s for s in target.services if s.id == service_id), None)
    if was is None:
        raise NotFound("service")
    await state.inventory.change_service(
        who.person.name,
        name,
        version,
        was.id,
        address=_or(asked.address, was.address),
        port=_or(asked.port, was.port),
        profile=_or(asked.profile, was.profile),
        source=who.source,
    )
    return await _shown(state, name, response)


@router.delete("/targets/{name}/services/{service_id}", summary="Take a service away", responses=_CHANGE)
async def remove_service(
    name: Id, service_id: Id, version: SeenVersion, who: Admin, state: Everything, response: Response
) -> TargetView:
    """With its pinned host key, and the exceptions that were for it alone."""
    await state.inventory.remove_service(who.person.name, name, version, ServiceId(service_id), source=who.source)
    return await _shown(state, name, response)


@router.post("/targets/{name}/accounts", status_code=201, summary="Seal an account's credential", responses=_ADD)
async def add_account(name: Id, asked: AccountNew, who: Admin, state: Everything, response: Response) -> TargetView:
    """What is sealed is never shown again, to nobody."""
    secret = None if asked.secret is None else asked.secret.encode()
    await state.inventory.add_account(who.person.name, name, asked.name, asked.kind, secret, source=who.source)
    return await _shown(state, name, response)


@router.patch("/targets/{name}/accounts/{account}", summary="Seal another credential", responses=_CHANGE)
async def change_account(
    name: Id,
    account: Id,
    asked: AccountChange,
    version: SeenVersion,
    who: Admin,
    state: Everything,
    response: Response,
) -> TargetView:
    secret = None if asked.secret is None else asked.secret.encode()
    await state.inventory.change_account(who.person.name, name, version, account, asked.kind, secret, source=who.source)
    return await _shown(state, name, response)


@router.delete("/targets/{name}/accounts/{account}", summary="Take an account away", responses=_CHANGE)
async def remove_account(
    name: Id, account: Id, version: SeenVersion, who: Admin, state: Everything, response: Response
) -> TargetView:
    """With what was sealed for it."""
    await state.inventory.remove_account(who.person.name, name, version, account, source=who.source)
    return await _shown(state, name, response)


@router.post("/exceptions", status_code=201, summary="Propose an exception", responses=_ADD)
async def propose_exception(asked: ExceptionNew, who: Admin, state: Everything) -> ExceptionView:
    """An owner of the target accepts it on the people's door; before that nothing holds under it (C34)."""
    proposal = Proposal(
        kind=asked.kind,
        service=asked.service,
        reason=asked.reason,
        clause=asked.clause,
        compensation=asked.compensation,
        expires=asked.expires,
    )
    made = await state.inventory.propose_exception(
        who.person.name, who.person.id, asked.target, proposal, source=who.source
    )
    return await seen(state, who, made, await state.inventory.target_named(asked.target))


def _same(version: int, seen: int) -> None:
    """Fields that are left out are taken from this version, so it must be the one that the admin saw."""
    if version != seen:
        raise Stale(CHANGED)


async def _shown(state: Services, name: str, response: Response) -> TargetView:
    return tagged(response, _target(await state.inventory.target_named(name), await _names(state)))


async def _zone_named(state: Services, name: str) -> Zone:
    found = next((z for z in await state.inventory.zones() if z.name == name), None)
    if found is None:
        raise NotFound("zone")
    return found


async def _conduit_between(state: Services, source: str, destination: str) -> Conduit:
    ends = (source, destination)
    found = next((c for c in await state.inventory.conduits() if (c.source, c.destination) == ends), None)
    if found is None:
        raise NotFound("conduit")
    return found


def _or(given: T | None, was: T) -> T:
    return was if given is None else given


def _ids(names: Mapping[PersonId, str], owners: list[str]) -> list[PersonId]:
    ids = {name: person for person, name in names.items()}
    if unknown := [name for name in owners if name not in ids]:
        raise Invalid("owners", f"nobody is called {unknown[0]}")
    return [ids[name] for name in owners]


async def _names(state: Services) -> dict[PersonId, str]:
    return {person.id: person.name for person in await state.identity.people()}


def _zone(zone: Zone) -> ZoneView:
    return ZoneView(name=zone.name, title=zone.title, level=zone.level, etag=tag(zone.version))


def _conduit(conduit: Conduit) -> ConduitView:
    let_through = sorted(conduit.protocols)
    return ConduitView(
        source=conduit.source,
        destination=conduit.destination,
        protocols=let_through,
        etag=tag("+".join(let_through) or "none"),
    )


def _service(service: Service) -> ServiceView:
    return ServiceView(
        id=service.id,
        name=service.name,
        protocol=service.protocol,
        address=service.address,
        port=service.port,
        profile=service.profile,
    )


def _target(target: Target, names: Mapping[PersonId, str]) -> TargetView:
    return TargetView(
        id=target.id,
        name=target.name,
        title=target.title,
        zone=target.zone.name,
        tier=target.tier,
        target_class=target.target_class,
        owners=sorted(names[owner] for owner in target.owners if owner in names),
        services=[_service(s) for s in target.services],
        accounts=[AccountView(id=a.id, name=a.name, kind=a.kind) for a in target.accounts],
        etag=tag(target.version),
    )
