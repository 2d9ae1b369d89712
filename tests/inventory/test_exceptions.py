"""Exceptions (C34): proposed by one, accepted by an owner, over at their minute, each step on record."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from gateway.audit import sql as audit_sql
from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.ids import ExceptionId, PersonId, ServiceId, SessionId
from gateway.inventory import sql
from gateway.inventory.exceptions import Proposal
from gateway.inventory.model import (
    LEGACY_CRYPTO,
    CryptoProfile,
    ExceptionState,
    Protocol,
    SecurityException,
    Service,
    Target,
)
from gateway.inventory.service import Inventory
from gateway.limits import EXCEPTION_LONGEST, EXCEPTIONS_A_TARGET
from gateway.store.db import Store
from gateway.store.migrate import config, migrate
from tests.inventory.conftest import OMAR
from tests.sim.clock import SimulatedClock

MODERN, COMPAT, LEGACY = CryptoProfile.MODERN, CryptoProfile.COMPAT, CryptoProfile.LEGACY
SAM, LENA = PersonId("per_sam"), PersonId("per_lena")
MONTH, INSTANT = timedelta(days=30), timedelta(microseconds=1)
Propose = Callable[..., Awaitable[SecurityException]]


@pytest.fixture
async def service(inventory: Inventory, target: Target) -> Service:
    return await inventory.add_service("sam", target.name, Protocol.RDP, "192.0.2.10", 3389, LEGACY)


@pytest.fixture
async def propose(inventory: Inventory, service: Service, clock: SimulatedClock) -> Propose:
    async def proposed(by: PersonId = SAM, *, lasting: timedelta = MONTH, **asked: str) -> SecurityException:
        words = {"kind": LEGACY_CRYPTO, "reason": "Windows 2000, replaced in March", "compensation": "A cable"} | asked
        asks = Proposal(expires=clock.now() + lasting, **words)
        return await inventory.propose_exception("sam", by, "ews-l4", asks, source="192.0.2.7")

    return proposed


async def recorded(store: Store) -> list[dict[str, Any]]:
    async with store.read() as tx:
        entries = [entry.values() for entry in await audit_sql.read(tx)]
    return [e for e in entries if e["event"].startswith("inventory.exception.")]


async def test_what_is_proposed_holds_once_an_owner_accepted_it_and_not_before(
    inventory: Inventory, service: Service, clock: SimulatedClock, propose: Propose, store: Store
) -> None:
    made = await propose(reason="  Windows 2000 ")
    target = await inventory.target_named("ews-l4")
    assert (target.exceptions, target.profile_of(service, clock.now())) == ((), None)
    assert made.state(clock.now()) is ExceptionState.PROPOSED
    clock.advance(hours=1)
    accepted = await inventory.accept_exception("omar", OMAR, made.id, source="192.0.2.8")
    target = await inventory.target_named("ews-l4")
    assert target.exceptions == (accepted,)
    assert (accepted.accepted_by, accepted.accepted, accepted.reason) == (OMAR, clock.now(), "Windows 2000")
    assert target.profile_of(service, clock.now()) is LEGACY
    assert target.held({"rdp"}, clock.now()) == (accepted,)
    proposed, taken = await recorded(store)
    assert (proposed["code"], proposed["actor"], proposed["reason"]) == ("GW2060I", "sam", "Windows 2000")
    assert (taken["code"], taken["actor"], taken["exception"]) == ("GW2061W", "omar", made.id)


async def test_it_stops_at_its_very_end_and_the_sweep_only_says_so(
    inventory: Inventory, service: Service, clock: SimulatedClock, propose: Propose, store: Store
) -> None:
    made = await inventory.accept_exception("omar", OMAR, (await propose()).id)
    await inventory.sweep_exceptions()
    target = await inventory.target_named("ews-l4")
    assert target.profile_of(service, made.expires - INSTANT) is LEGACY
    assert target.profile_of(service, made.expires) is None
    assert (made.state(made.expires - INSTANT), made.state(made.expires)) == ("live", "expired")
    clock.advance(days=30)
    await inventory.sweep_exceptions()
    await inventory.sweep_exceptions()
    assert (await inventory.target_named("ews-l4")).exceptions == ()
    (expired,) = [e for e in await recorded(store) if e["code"] == "GW2063I"]
    assert (expired["actor"], expired["exception"], expired["accepted"]) == ("clock", made.id, True)
    ((kept, _),) = await inventory.exceptions()
    assert (kept.state(clock.now()), kept.ended, kept.ended_by) == ("expired", made.expires, None)


async def test_a_clock_that_steps_back_behind_the_yes_opens_nothing(
    inventory: Inventory, clock: SimulatedClock, propose: Propose
) -> None:
    made = await inventory.accept_exception("omar", OMAR, (await propose()).id)
    assert not made.live(clock.now() - INSTANT)


async def test_who_proposed_it_does_not_accept_it_nor_does_who_owns_nothing(
    inventory: Inventory, propose: Propose, store: Store
) -> None:
    own = await propose(OMAR)
    for person, code in ((OMAR, "own_exception"), (LENA, "not_owner"), (SAM, "not_owner")):
        with pytest.raises(Refused) as refused:
            await inventory.accept_exception("somebody", person, own.id)
        assert (refused.value.code, refused.value.rule) == (code, "C34")
    assert (await inventory.target_named("ews-l4")).exceptions == ()
    assert [e["event"] for e in await recorded(store)] == ["inventory.exception.proposed"]


async def test_it_is_accepted_once_and_not_after_its_time(
    inventory: Inventory, clock: SimulatedClock, propose: Propose
) -> None:
    made, late, ended = await propose(), await propose(), await propose()
    await inventory.accept_exception("omar", OMAR, made.id)
    await inventory.end_exception("sam", SAM, ended.id, "A mistake", admin=True)
    clock.advance(days=30)
    for one in (made, late, ended):
        with pytest.raises(Conflict, match="nothing to accept"):
            await inventory.accept_exception("omar", OMAR, one.id)
        with pytest.raises(Conflict, match="nothing to end"):
            await inventory.end_exception("omar", OMAR, one.id, "again", admin=False)
    with pytest.raises(NotFound):
        await inventory.accept_exception("omar", OMAR, ExceptionId("exc_none"))


async def test_an_owner_or_an_admin_ends_it_early_and_says_why(
    inventory: Inventory, service: Service, clock: SimulatedClock, propose: Propose, store: Store
) -> None:
    made = await inventory.accept_exception("omar", OMAR, (await propose()).id)
    with pytest.raises(Refused, match="Only an owner"):
        await inventory.end_exception("lena", LENA, made.id, "No", admin=False)
    with pytest.raises(Invalid):
        await inventory.end_exception("omar", OMAR, made.id, " ", admin=False)
    await inventory.end_exception("omar", OMAR, made.id, "Replaced", admin=False)
    target = await inventory.target_named("ews-l4")
    assert (target.exceptions, target.profile_of(service, clock.now())) == ((), None)
    ended = (await recorded(store))[-1]
    assert (ended["code"], ended["reason"], ended["accepted"]) == ("GW2062I", "Replaced", True)


@pytest.mark.parametrize("lasting", [timedelta(), timedelta(seconds=-1), EXCEPTION_LONGEST + timedelta(seconds=1)])
async def test_its_end_lies_ahead_and_within_a_year(propose: Propose, store: Store, lasting: timedelta) -> None:
    with pytest.raises(Invalid) as refused:
        await propose(lasting=lasting)
    assert refused.value.field == "expires"
    assert await recorded(store) == []


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("reason", " "), ("compensation", ""), ("kind", "Legacy Crypto"), ("service", "plc-program"),
        ("service", "ssh"),
    ],
)  # fmt: skip
async def test_it_says_what_for_why_and_what_is_done_instead(propose: Propose, field: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        await propose(**{field: text})
    assert refused.value.field == field


async def test_one_of_another_kind_or_service_lets_no_old_cryptography_in(
    inventory: Inventory, service: Service, clock: SimulatedClock, propose: Propose
) -> None:
    await inventory.add_service("sam", "ews-l4", Protocol.TCP, "192.0.2.10", 102, name="plc-program")
    for asked in ({"kind": "long-session"}, {"kind": "long-session", "service": "plc-program"}):
        await inventory.accept_exception("omar", OMAR, (await propose(**asked)).id)
    target = await inventory.target_named("ews-l4")
    assert target.profile_of(service, clock.now()) is None
    assert [e.service for e in target.held({"rdp"}, clock.now())] == [""]
    assert {e.service for e in target.held({"rdp", "plc-program"}, clock.now())} == {"", "plc-program"}


async def test_what_was_for_a_service_is_over_when_the_service_goes(
    inventory: Inventory, service: Service, clock: SimulatedClock, propose: Propose
) -> None:
    await inventory.accept_exception("omar", OMAR, (await propose(service="rdp")).id)
    await propose(service="rdp")
    await inventory.remove_service("sam", "ews-l4", (await inventory.target_named("ews-l4")).version, service.id)
    again = await inventory.add_service("sam", "ews-l4", Protocol.RDP, "192.0.2.66", 3389, LEGACY)
    target = await inventory.target_named("ews-l4")
    assert target.profile_of(again, clock.now()) is None
    assert [one.state(clock.now()) for one, _ in await inventory.exceptions()] == ["ended", "ended"]


async def test_a_target_has_a_bounded_number_of_them(propose: Propose) -> None:
    for _ in range(EXCEPTIONS_A_TARGET):
        await propose()
    with pytest.raises(Invalid, match="end one first"):
        await propose()


async def test_the_profile_legacy_is_for_rdp_alone(inventory: Inventory, target: Target, clock: SimulatedClock) -> None:
    ssh = target.service(Protocol.SSH)
    assert ssh is not None
    with pytest.raises(Invalid, match="legacy is for RDP"):
        await inventory.change_service(
            "sam", "ews-l4", target.version, ssh.id, address=ssh.address, port=22, profile=LEGACY
        )
    with pytest.raises(Invalid, match="legacy is for RDP"):
        await inventory.add_service("sam", "ews-l4", Protocol.TCP, "192.0.2.10", 502, LEGACY, name="plc")
    assert target.profile_of(ssh, clock.now()) is MODERN


async def test_70_the_key_of_standard_rdp_security_is_pinned_like_that_of_a_certificate(
    inventory: Inventory, service: Service
) -> None:
    session = SessionId("ses_first")
    await inventory.check_public_key(service, b"one key", session, "vera")
    await inventory.check_public_key(service, b"one key", session, "vera")
    with pytest.raises(Refused) as refused:
        await inventory.check_public_key(service, b"another key", session, "vera")
    assert (refused.value.code, refused.value.rule) == ("host_key_changed", "C52")


async def test_an_exception_of_the_release_before_is_carried_over_and_ends_when_it_would_have(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/old.db")
    async with store.engine.begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(config(c), "0003"))
        for row in (
            "inventory_zone VALUES ('line4', 'Line 4', '2', 1)",
            "inventory_target VALUES ('tgt_1', 'ews-l4', 'EWS line 4', 'line4', 'T1', 'workstation', 1)",
            "inventory_service VALUES ('svc_1', 'tgt_1', 'rdp', '192.0.2.10', 3389, 'legacy', "
            "'2099-01-31 12:00:00.000000', 'Windows 2000')",
            "inventory_service VALUES ('svc_2', 'tgt_1', 'ssh', '192.0.2.10', 22, 'compat', NULL, '')",
            "inventory_host_key VALUES ('svc_1', 'spki key', 'SPKI-SHA256:x', NULL, NULL, '')",
        ):
            await connection.execute(text(f"INSERT INTO {row}"))
    await migrate(store)
    async with store.read() as tx:
        target = await sql.target_named(tx, "ews-l4")
        assert (await tx.execute(text("SELECT public FROM inventory_host_key"))).scalar_one() == "spki key"
        assert (await tx.execute(text("PRAGMA foreign_key_check"))).all() == []
    await store.close()
    rdp = Service(ServiceId("svc_1"), "rdp", Protocol.RDP, "192.0.2.10", 3389, LEGACY)
    assert target.services == (rdp, Service(ServiceId("svc_2"), "ssh", Protocol.SSH, "192.0.2.10", 22, COMPAT))
    (carried,) = target.exceptions
    assert (carried.kind, carried.service, carried.reason) == (LEGACY_CRYPTO, "rdp", "Windows 2000")
    end = datetime(2099, 1, 31, 12, tzinfo=UTC)
    assert (carried.id, carried.expires, carried.accepted_by) == ("exc_1", end, "gateway")
    assert (target.profile_of(rdp, end - INSTANT), target.profile_of(rdp, end)) == (LEGACY, None)
