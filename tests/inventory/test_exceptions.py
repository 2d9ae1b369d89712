"""Exceptions for old cryptography (C50): one RDP service, until a day, for a reason, on record."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from gateway.audit import sql as audit_sql
from gateway.errors import Invalid, Refused
from gateway.ids import ServiceId, SessionId
from gateway.inventory import sql
from gateway.inventory.model import CryptoProfile, Protocol, Service, Target
from gateway.inventory.service import Inventory
from gateway.limits import LEGACY_LONGEST
from gateway.store.db import Store
from gateway.store.migrate import config, migrate
from tests.sim.clock import SimulatedClock

MODERN, COMPAT, LEGACY = CryptoProfile.MODERN, CryptoProfile.COMPAT, CryptoProfile.LEGACY
REASON = "Windows 2000, replaced in March"
MONTH = timedelta(days=30)
Change = Callable[..., Awaitable[Service]]


@pytest.fixture
async def service(inventory: Inventory, target: Target) -> Service:
    return await inventory.add_service("sam", target.name, Protocol.RDP, "192.0.2.10", 3389)


@pytest.fixture
async def change(inventory: Inventory, service: Service) -> Change:
    async def changed(
        profile: CryptoProfile, until: datetime | None = None, reason: str = "", *, of: ServiceId = service.id,
        port: int = 3389,
    ) -> Service:  # fmt: skip
        version = (await inventory.target_named("ews-l4")).version
        return await inventory.change_service(
            "sam", "ews-l4", version, of, address="192.0.2.10", port=port, profile=profile, legacy_until=until,
            legacy_reason=reason,
        )  # fmt: skip

    return changed


async def recorded(store: Store) -> list[dict[str, Any]]:
    async with store.read() as tx:
        entries = [entry.values() for entry in await audit_sql.read(tx)]
    return [e for e in entries if e["event"] == "inventory.service.legacy_allowed"]


async def test_an_exception_is_read_back_and_on_record(
    inventory: Inventory, clock: SimulatedClock, change: Change, store: Store
) -> None:
    until = clock.now() + LEGACY_LONGEST
    made = await change(LEGACY, until, f" {REASON} ")
    assert (made.legacy_until, made.legacy_reason) == (until, REASON)
    assert (await inventory.target_named("ews-l4")).service(Protocol.RDP) == made
    (event,) = await recorded(store)
    assert (event["code"], event["reason"], event["target"]) == ("GW2023W", REASON, "ews-l4")


async def test_it_ends_by_itself(clock: SimulatedClock, change: Change) -> None:
    until = clock.now() + MONTH
    made = await change(LEGACY, until, REASON)
    assert made.profile_at(until - timedelta(microseconds=1)) is LEGACY
    assert made.profile_at(until) is MODERN
    assert (await change(COMPAT)).profile_at(until) is COMPAT


@pytest.mark.parametrize("after", [timedelta(), timedelta(seconds=-1), LEGACY_LONGEST + timedelta(seconds=1), None])
async def test_its_end_lies_ahead_and_not_far_ahead(
    inventory: Inventory, clock: SimulatedClock, change: Change, store: Store, after: timedelta | None
) -> None:
    with pytest.raises(Invalid) as refused:
        await change(LEGACY, None if after is None else clock.now() + after, REASON)
    assert refused.value.field == "legacy_until"
    service = (await inventory.target_named("ews-l4")).service(Protocol.RDP)
    assert service is not None
    assert (service.profile, service.legacy_until) == (MODERN, None)
    assert await recorded(store) == []


async def test_it_has_a_reason(clock: SimulatedClock, change: Change) -> None:
    with pytest.raises(Invalid) as refused:
        await change(LEGACY, clock.now() + MONTH, " ")
    assert refused.value.field == "legacy_reason"


async def test_it_is_for_rdp_alone_and_for_a_service_that_is_there(
    inventory: Inventory, clock: SimulatedClock, change: Change
) -> None:
    ssh = (await inventory.target_named("ews-l4")).service(Protocol.SSH)
    if ssh is None:
        ssh = await inventory.add_service("sam", "ews-l4", Protocol.SSH, "192.0.2.10", 22)
    with pytest.raises(Invalid, match="legacy is for RDP"):
        await change(LEGACY, clock.now() + MONTH, REASON, of=ssh.id)
    with pytest.raises(Invalid, match="exception"):
        await inventory.add_service("sam", "ews-l4", Protocol.TCP, "192.0.2.10", 502, LEGACY)


async def test_another_profile_has_no_exception(clock: SimulatedClock, change: Change) -> None:
    until = clock.now() + MONTH
    await change(LEGACY, until, REASON)
    made = await change(MODERN, until, REASON)
    assert (made.legacy_until, made.legacy_reason) == (None, "")


async def test_one_that_has_ended_stays_ended_while_something_else_changes_and_is_not_prolonged_backwards(
    clock: SimulatedClock, change: Change, store: Store
) -> None:
    until = clock.now() + MONTH
    await change(LEGACY, until, REASON)
    clock.advance(days=31)
    moved = await change(LEGACY, until, REASON, port=3390)
    assert (moved.port, moved.profile_at(clock.now())) == (3390, MODERN)
    assert len(await recorded(store)) == 1
    with pytest.raises(Invalid):
        await change(LEGACY, until + timedelta(hours=1), REASON)
    again = await change(LEGACY, clock.now() + MONTH, REASON)
    assert again.profile_at(clock.now()) is LEGACY
    assert len(await recorded(store)) == 2


async def test_70_the_key_of_standard_rdp_security_is_pinned_like_that_of_a_certificate(
    inventory: Inventory, service: Service
) -> None:
    session = SessionId("ses_first")
    await inventory.check_public_key(service, b"one key", session, "vera")
    await inventory.check_public_key(service, b"one key", session, "vera")
    with pytest.raises(Refused) as refused:
        await inventory.check_public_key(service, b"another key", session, "vera")
    assert (refused.value.code, refused.value.rule) == ("host_key_changed", "C52")


async def test_a_service_of_the_release_before_has_no_exception(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/old.db")
    async with store.engine.begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(config(c), "0002"))
        for row in (
            "inventory_zone VALUES ('line4', 'Line 4', '2', 1)",
            "inventory_target VALUES ('tgt_1', 'ews-l4', 'EWS line 4', 'line4', 'T1', 'workstation', 1)",
            "inventory_service VALUES ('svc_1', 'tgt_1', 'rdp', '192.0.2.10', 3389, 'compat')",
            "inventory_host_key VALUES ('svc_1', 'spki key', 'SPKI-SHA256:x', NULL, NULL, '')",
        ):
            await connection.execute(text(f"INSERT INTO {row}"))
    await migrate(store)
    async with store.read() as tx:
        service = (await sql.target_named(tx, "ews-l4")).service(Protocol.RDP)
        assert (await tx.execute(text("SELECT public FROM inventory_host_key"))).scalar_one() == "spki key"
        assert (await tx.execute(text("PRAGMA foreign_key_check"))).all() == []
    await store.close()
    assert service == Service(ServiceId("svc_1"), "rdp", Protocol.RDP, "192.0.2.10", 3389, COMPAT, None, "")
