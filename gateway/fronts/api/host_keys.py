"""The host key of a target, for its owners alone: which one is pinned, which one was shown, accepting the new one.

And, for everybody, the CA of the hosts that the gateway itself shows (`ssh -J`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter

from gateway.audit import sql
from gateway.audit.events.inventory import HostKeyChanged, HostKeyPinned, HostKeyReleased
from gateway.errors import NotFound
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Asker, Everything, Id, needs
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.host_keys import Accept, HostCaView, HostKeyView, ShownKey
from gateway.identity.model import Scope
from gateway.ids import ServiceId
from gateway.inventory.model import Protocol, Service, Target

router = APIRouter(tags=["host keys"], dependencies=[needs(Scope.INVENTORY)])
KNOWN: Final = frozenset({HostKeyPinned.name, HostKeyReleased.name})  # whatever was shown before is settled by them
SHOWN: Final = frozenset({HostKeyChanged.name})
KEYED: Final = frozenset({Protocol.SSH, Protocol.RDP})


@dataclass(frozen=True, slots=True)
class _History:
    """What happened since the key was pinned last: the newest other key, and the one that an owner accepted."""

    shown: str = ""
    at: datetime | None = None
    accepted: str = ""


@router.get("/host-ca", summary="The CA of the hosts behind ssh -J", responses=problems(*SIGNED_IN))
async def get_host_ca(_who: Anyone, state: Everything) -> HostCaView:
    return HostCaView(known_hosts=state.site.host_ca)


@router.get("/host-keys", summary="Host keys of the targets that you own", responses=problems(*SIGNED_IN))
async def list_host_keys(who: Anyone, state: Everything) -> list[HostKeyView]:
    owned = [t for t in await state.inventory.targets() if who.person.id in t.owners]
    return [await _view(state, t, s) for t in owned for s in t.services if s.protocol in KEYED]


@router.get("/targets/{name}/host-key", summary="The host key that is pinned", responses=problems(*SIGNED_IN, 404))
async def get_host_key(name: Id, who: Anyone, state: Everything, protocol: Protocol = Protocol.SSH) -> HostKeyView:
    target, service = await _owned(state, who, name, protocol)
    return await _view(state, target, service)


@router.post(
    "/targets/{name}/host-key/accept",
    summary="Accept that the host key changed",
    responses=problems(*SIGNED_IN, 404, 409),
    dependencies=[SIGNED_IN_ONLY],
)
async def accept_host_key(name: Id, asked: Accept, who: Anyone, state: Everything) -> HostKeyView:
    """The next approved use pins the key of `fingerprint`, and no other."""
    target, service = await _owned(state, who, name, asked.protocol)
    await state.identity.confirm(who.person, asked.code, who.source)
    await state.inventory.repin(
        who.person.name,
        service.id,
        owner=who.person.id,
        reason=asked.reason,
        fingerprint=asked.fingerprint,
        source=who.source,
    )
    return await _view(state, target, service)


async def _owned(state: Services, who: Asker, name: str, protocol: Protocol) -> tuple[Target, Service]:
    """The service, if he owns its target; else NotFound, the same as for a target that does not exist."""
    owned = [t for t in await state.inventory.targets() if t.name == name and who.person.id in t.owners]
    service = owned[0].service(protocol) if owned and protocol in KEYED else None
    if service is None:
        raise NotFound("target")
    return owned[0], service


async def _view(state: Services, target: Target, service: Service) -> HostKeyView:
    pinned, history = await state.inventory.pinned(service.id), await _history(state, service.id)
    return HostKeyView(
        target=target.name,
        title=target.title,
        protocol=service.protocol,
        fingerprint=pinned.fingerprint if pinned else None,
        pinned=pinned.pinned if pinned else None,
        shown=ShownKey(fingerprint=history.shown or None, at=history.at) if history.at else None,
        accepted=history.accepted or None,
    )


async def _history(state: Services, service: ServiceId) -> _History:
    """From the audit log, for the inventory keeps the pinned key alone."""
    async with state.store.read() as tx:
        known, shown = await sql.latest(tx, KNOWN, service), await sql.latest(tx, SHOWN, service)
    accepted = known.values()["fingerprint"] if known is not None and known.name == HostKeyReleased.name else ""
    if shown is None or (known is not None and shown.index < known.index):
        return _History(accepted=accepted)
    return _History(shown.values()["offered"], shown.at, accepted)
