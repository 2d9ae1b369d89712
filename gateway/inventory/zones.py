"""Zones and the conduits between them (IEC 62443-3-2; C4).

Services may be declared without a conduit: whether access may lead there is asked when it is requested, so that a
conduit taken away also stops what is declared already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.audit.events import inventory as events
from gateway.audit.log import AuditLog
from gateway.errors import Invalid, Stale
from gateway.inventory import checks, sql
from gateway.inventory.model import Conduit, Protocol, Zone
from gateway.store.db import Store
from gateway.words import name as checked_name
from gateway.words import sentence


class Zones:
    """The part of `Inventory` that knows which zone may be reached from which."""

    _store: Store
    _audit: AuditLog

    async def zones(self) -> list[Zone]:
        async with self._store.read() as tx:
            return await sql.zones(tx)

    async def add_zone(self, actor: str, name: str, title: str, level: str, *, source: str = "") -> Zone:
        """Raises Invalid: a name that is taken, or a level that is none."""
        zone = Zone(checked_name("name", name), sentence("title", title), checks.level(level))
        async with self._store.write() as tx:
            if await sql.zone(tx, name) is not None:
                raise Invalid("name", f"zone {name} is there already")
            await sql.put_zone(tx, zone)
            event = events.ZoneAdded(actor=actor, source=source, zone=name, title=zone.title, level=zone.level)
            await self._audit.append(tx, event)
        return zone

    async def change_zone(
        self, actor: str, name: str, version: int, *, title: str, level: str, source: str = ""
    ) -> Zone:
        zone = Zone(name, sentence("title", title), checks.level(level), version + 1)
        async with self._store.write() as tx:
            await sql.zone_named(tx, name)
            await sql.change_zone(tx, zone)
            event = events.ZoneChanged(actor=actor, source=source, zone=name, title=zone.title, level=zone.level)
            await self._audit.append(tx, event)
        return zone

    async def conduits(self) -> list[Conduit]:
        async with self._store.read() as tx:
            return await sql.conduits(tx)

    async def conduit_permits(self, source_zone: str, dest_zone: str, protocol: Protocol) -> bool:
        """Whether a conduit leads from the one zone to the other for `protocol`; unknown zones have none."""
        async with self._store.read() as tx:
            conduit = await sql.conduit(tx, source_zone, dest_zone)
        return conduit is not None and protocol in conduit.protocols

    async def add_conduit(
        self, actor: str, from_zone: str, to_zone: str, protocols: Iterable[Protocol], *, source: str = ""
    ) -> Conduit:
        """Raises Invalid: no protocol, the same zone twice, or a pair that has its conduit; NotFound: no such zone."""
        conduit = Conduit(from_zone, to_zone, frozenset(protocols))
        if not conduit.protocols:
            raise Invalid("protocols", "must name at least one protocol")
        if from_zone == to_zone:
            raise Invalid("destination", "must be another zone; within one no conduit is needed")
        async with self._store.write() as tx:
            await sql.zone_named(tx, from_zone)
            await sql.zone_named(tx, to_zone)
            if await sql.conduit(tx, from_zone, to_zone) is not None:
                raise Invalid("destination", f"there is a conduit from {from_zone} to {to_zone} already; change that")
            await sql.put_conduit(tx, conduit)
            event = events.ConduitAdded(
                actor=actor, source=source, from_zone=from_zone, to_zone=to_zone, protocols=conduit.protocols
            )
            await self._audit.append(tx, event)
        return conduit

    async def change_conduit(
        self, actor: str, was: Conduit, protocols: Iterable[Protocol], *, source: str = ""
    ) -> Conduit:
        """Let other protocols through than `was` did; none removes the conduit.

        Raises:
            Stale: it is not as `was` any more.
        """
        conduit = replace(was, protocols=frozenset(protocols))
        async with self._store.write() as tx:
            if await sql.conduit(tx, was.source, was.destination) != was:
                raise Stale(sql.CHANGED)
            await sql.put_conduit(tx, conduit)
            event = events.ConduitChanged(
                actor=actor,
                source=source,
                from_zone=was.source,
                to_zone=was.destination,
                protocols=conduit.protocols,
                before=was.protocols,
            )
            await self._audit.append(tx, event)
        return conduit
