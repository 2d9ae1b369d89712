"""Zones, conduits, targets, services and accounts in the database, as domain values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Executable, Select, bindparam, delete, func, insert, select, update

from gateway.errors import NotFound, Stale
from gateway.ids import AccountId, PersonId, ServiceId, TargetId
from gateway.inventory import exception_rows
from gateway.inventory import tables as t
from gateway.inventory.model import (
    Account,
    Conduit,
    CredentialKind,
    CryptoProfile,
    Protocol,
    Service,
    Target,
    TargetClass,
    Tier,
    Zone,
)
from gateway.store.db import Tx

CHANGED = exception_rows.CHANGED


@dataclass(slots=True)
class _Belongs:
    """What belongs to one target, by id."""

    owners: set[PersonId] = field(default_factory=set)
    services: dict[str, Service] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An account as the vault has it; `secret` is sealed, None for a certificate."""

    account: Account
    target: TargetId
    secret: bytes | None

    def __repr__(self) -> str:
        return f"Sealed(account={self.account!r}, target={self.target!r}, secret=***)"


async def zone(tx: Tx, name: str) -> Zone | None:
    row = (await tx.execute(select(t.zones).where(t.zones.c.name == name))).one_or_none()
    return None if row is None else Zone(row.name, row.title, row.level, row.version)


async def zone_named(tx: Tx, name: str) -> Zone:
    """Raises NotFound: no such zone."""
    found = await zone(tx, name)
    if found is None:
        raise NotFound("zone")
    return found


async def zones(tx: Tx) -> list[Zone]:
    rows = await tx.execute(select(t.zones).order_by(t.zones.c.name))
    return [Zone(r.name, r.title, r.level, r.version) for r in rows]


async def put_zone(tx: Tx, zone: Zone) -> None:
    values = {"name": zone.name, "title": zone.title, "level": zone.level, "version": zone.version}
    await tx.execute(insert(t.zones).values(**values))


async def change_zone(tx: Tx, zone: Zone) -> None:
    """Store `zone` over its version before.

    Raises:
        Conflict: that version is gone.
    """
    where = (t.zones.c.name == zone.name) & (t.zones.c.version == zone.version - 1)
    values = {"title": zone.title, "level": zone.level, "version": zone.version}
    await _one(tx, update(t.zones).where(where).values(**values))


async def conduits(tx: Tx) -> list[Conduit]:
    pairs: dict[tuple[str, str], set[Protocol]] = defaultdict(set)
    for row in await tx.execute(select(t.conduits).order_by(t.conduits.c.source, t.conduits.c.destination)):
        pairs[row.source, row.destination].add(Protocol(row.protocol))
    return [Conduit(*pair, frozenset(protocols)) for pair, protocols in pairs.items()]


async def conduit(tx: Tx, source: str, destination: str) -> Conduit | None:
    pair = (t.conduits.c.source == source) & (t.conduits.c.destination == destination)
    rows = (await tx.execute(select(t.conduits.c.protocol).where(pair))).all()
    return Conduit(source, destination, frozenset(Protocol(r.protocol) for r in rows)) if rows else None


async def put_conduit(tx: Tx, conduit: Conduit) -> None:
    """In place of the one between the same zones; without protocols there is none afterwards."""
    pair = {"source": conduit.source, "destination": conduit.destination}
    await tx.execute(delete(t.conduits).filter_by(**pair))
    for protocol in sorted(conduit.protocols):
        await tx.execute(insert(t.conduits).values(**pair, protocol=protocol))


async def target_named(tx: Tx, name: str) -> Target:
    """Raises NotFound: no such target."""
    found = await targets(tx, name)
    if not found:
        raise NotFound("target")
    return found[0]


async def targets(tx: Tx, name: str = "") -> list[Target]:
    """All, or the one called `name`, each with what belongs to it.

    One statement, for every decision about a session asks: a row for each owner with each service and each account.
    Exceptions are rare and would multiply these rows; they are a second one where there are any.
    """
    excepted = False
    found: dict[str, Target] = {}
    belongs: dict[str, _Belongs] = {}
    for r in await (tx.execute(_ONE, {"called": name}) if name else tx.execute(_ALL)):
        if r.id not in found:
            zone = Zone(r.zone, r.zone_title, r.level, r.zone_v)
            kind = TargetClass(r.target_class)
            found[r.id] = Target(
                TargetId(r.id), r.name, r.title, zone, Tier(r.tier), kind, frozenset(), (), (), r.version
            )
            belongs[r.id] = _Belongs()
        of = belongs[r.id]
        if r.owner is not None:
            of.owners.add(PersonId(r.owner))
        if r.service is not None and r.service not in of.services:
            of.services[r.service] = Service(
                ServiceId(r.service), r.service_name, Protocol(r.protocol), r.address, r.port, CryptoProfile(r.profile),
            )  # fmt: skip
        if r.account is not None and r.account not in of.accounts:
            of.accounts[r.account] = Account(AccountId(r.account), r.account_name, CredentialKind(r.kind))
        excepted = excepted or r.excepted
    held = await exception_rows.held(tx, name) if excepted else {}
    return [
        replace(
            found[id_],
            owners=frozenset(of.owners),
            services=tuple(of.services.values()),
            accounts=tuple(of.accounts.values()),
            exceptions=tuple(held.get(id_, ())),
        )
        for id_, of in belongs.items()
    ]


def _joined() -> Select[Any]:
    target, services, accounts = t.targets.c.id, t.services.c, t.accounts.c
    zone = (t.zones.c.title.label("zone_title"), t.zones.c.level, t.zones.c.version.label("zone_v"))
    service = (services.id.label("service"), services.name.label("service_name"), services.protocol, services.address,
               services.port, services.profile)  # fmt: skip
    account = (accounts.id.label("account"), accounts.name.label("account_name"), accounts.kind)
    return (
        select(
            t.targets, *zone, t.owners.c.person.label("owner"), *service, *account,
            exception_rows.THERE.label("excepted"),
        )
        .join(t.zones, t.zones.c.name == t.targets.c.zone)
        .outerjoin(t.owners, t.owners.c.target == target)
        .outerjoin(t.services, services.target == target)
        .outerjoin(t.accounts, accounts.target == target)
        .order_by(t.targets.c.name, services.name, accounts.position)
    )  # fmt: skip


_ALL: Final = _joined()
_ONE: Final = _ALL.where(t.targets.c.name == bindparam("called"))


async def put_target(tx: Tx, target: Target) -> None:
    await tx.execute(insert(t.targets).values(id=target.id, name=target.name, **_target_values(target)))
    await _put_owners(tx, target.id, target.owners)


async def change_target(tx: Tx, target: Target) -> None:
    """Store `target` over its version before; services and accounts are left as they are.

    Raises:
        Conflict: that version is gone.
    """
    where = (t.targets.c.id == target.id) & (t.targets.c.version == target.version - 1)
    await _one(tx, update(t.targets).where(where).values(**_target_values(target)))
    await tx.execute(delete(t.owners).where(t.owners.c.target == target.id))
    await _put_owners(tx, target.id, target.owners)


async def touch(tx: Tx, target: TargetId, version: int | None) -> None:
    """Something that belongs to it changes; decided on `version`, or None when the change goes with any.

    Raises:
        Conflict: that version is gone.
    """
    where = t.targets.c.id == target
    if version is not None:
        where &= t.targets.c.version == version
    await _one(tx, update(t.targets).where(where).values(version=t.targets.c.version + 1))


async def put_service(tx: Tx, target: TargetId, service: Service, expected: str) -> None:
    """With the empty place for its host key, of which `expected` is the fingerprint to be."""
    await tx.execute(insert(t.services).values(id=service.id, target=target, **_service_values(service)))
    empty = {"public": "", "fingerprint": "", "expected": expected}
    await tx.execute(insert(t.host_keys).values(service=service.id, **empty))


async def change_service(tx: Tx, service: Service) -> None:
    await _one(tx, update(t.services).where(t.services.c.id == service.id).values(**_service_values(service)))


async def remove_service(tx: Tx, service: ServiceId) -> None:
    await tx.execute(delete(t.host_keys).where(t.host_keys.c.service == service))
    await _one(tx, delete(t.services).where(t.services.c.id == service))


async def put_account(tx: Tx, target: TargetId, account: Account, secret: bytes | None) -> None:
    last = select(func.max(t.accounts.c.position)).where(t.accounts.c.target == target)
    position = ((await tx.execute(last)).scalar_one() or 0) + 1
    await tx.execute(
        insert(t.accounts).values(
            id=account.id, target=target, position=position, name=account.name, kind=account.kind, sealed=secret
        )
    )


async def change_account(tx: Tx, account: Account, secret: bytes | None) -> None:
    changed = update(t.accounts).where(t.accounts.c.id == account.id)
    await _one(tx, changed.values(kind=account.kind, sealed=secret))


async def remove_account(tx: Tx, account: AccountId) -> None:
    await _one(tx, delete(t.accounts).where(t.accounts.c.id == account))


async def sealed(tx: Tx, account: AccountId) -> Sealed:
    """Raises NotFound: no such account."""
    row = (await tx.execute(select(t.accounts).where(t.accounts.c.id == account))).one_or_none()
    if row is None:
        raise NotFound("account")
    return Sealed(Account(AccountId(row.id), row.name, CredentialKind(row.kind)), TargetId(row.target), row.sealed)


def _target_values(target: Target) -> dict[str, object]:
    return {
        "title": target.title,
        "zone": target.zone.name,
        "tier": target.tier,
        "target_class": target.target_class,
        "version": target.version,
    }


def _service_values(service: Service) -> dict[str, object]:
    return {
        "name": service.name,
        "protocol": service.protocol,
        "address": service.address,
        "port": service.port,
        "profile": service.profile,
    }


async def _put_owners(tx: Tx, target: TargetId, owners: Iterable[PersonId]) -> None:
    for person in sorted(owners):
        await tx.execute(insert(t.owners).values(target=target, person=person))


async def _one(tx: Tx, statement: Executable) -> None:
    if (await tx.execute(statement)).rowcount != 1:
        raise Stale(CHANGED)
