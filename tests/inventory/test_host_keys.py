"""The pinned identity of a service (C52; abuse case 38)."""

import asyncio
from typing import Any

import asyncssh
import pytest

from gateway.audit import sql as audit_sql
from gateway.errors import Conflict, NotFound, Refused
from gateway.ids import PersonId, ServiceId, SessionId
from gateway.inventory.model import CryptoProfile, Protocol, Service, Target
from gateway.inventory.service import Inventory
from gateway.store.db import Store
from tests.inventory.conftest import OMAR
from tests.sim.clock import SimulatedClock

SESSION = SessionId("ses_first")


def line(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode()


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def other() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def service(target: Target) -> Service:
    return target.services[0]


async def events(store: Store) -> list[dict[str, Any]]:
    async with store.read() as tx:
        entries = [entry.values() for entry in await audit_sql.read(tx)]
    return [e for e in entries if e["event"].startswith("inventory.host_key")]


async def test_nothing_is_pinned_before_the_first_use(inventory: Inventory, service: Service) -> None:
    assert await inventory.pinned(service.id) is None


async def test_the_first_use_pins_and_the_next_compares(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey, clock: SimulatedClock, store: Store
) -> None:
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    clock.advance(days=3)
    await inventory.check_host_key(service, line(key) + " a comment", SessionId("ses_second"), "vera")
    pinned = await inventory.pinned(service.id)
    assert pinned is not None
    assert (pinned.fingerprint, pinned.session) == (key.get_fingerprint(), SESSION)
    assert pinned.public.split() == line(key).split()[:2]
    assert [e["event"] for e in await events(store)] == ["inventory.host_key.pinned"]


async def test_a_changed_key_is_blocked_alarmed_and_never_learnt(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey, other: asyncssh.SSHKey, store: Store
) -> None:
    """Somebody sits between gateway and target: each attempt is refused, however often it is made."""
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            await inventory.check_host_key(service, line(other), SessionId("ses_second"), "vera")
        assert caught.value.code == "host_key_changed"
    pinned = await inventory.pinned(service.id)
    assert pinned is not None
    assert pinned.fingerprint == key.get_fingerprint()
    alarms = [e for e in await events(store) if e["event"] == "inventory.host_key.changed"]
    assert len(alarms) == 3
    assert alarms[0]["code"] == "GW2051W"
    assert (alarms[0]["expected"], alarms[0]["offered"]) == (key.get_fingerprint(), other.get_fingerprint())
    assert (alarms[0]["target"], alarms[0]["session"], alarms[0]["actor"]) == ("ews-l4", "ses_second", "vera")
    await inventory.check_host_key(service, line(key), SessionId("ses_third"), "vera")


async def test_the_words_say_whom_to_call_and_name_no_address_and_no_key(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey, other: asyncssh.SSHKey
) -> None:
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    with pytest.raises(Refused) as caught:
        await inventory.check_host_key(service, line(other), SESSION, "vera")
    words = caught.value.words
    assert "Call the person at the plant" in words
    assert "an owner of ews-l4" in words
    for secret in (service.address, "SHA256", "AAAA", service.id):
        assert secret not in words


async def test_what_is_no_key_is_neither_pinned_nor_accepted(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey
) -> None:
    shown = ("", "garbage", "ssh-ed25519", "ssh-ed25519 AAAA", "\x00", "ssh-rsa !!!! x", "\ud800", "ä" * 99)
    for text in shown:
        with pytest.raises(Refused):
            await inventory.check_host_key(service, text, SESSION, "vera")
    assert await inventory.pinned(service.id) is None
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    for text in shown:
        with pytest.raises(Refused):
            await inventory.check_host_key(service, text, SESSION, "vera")


async def test_an_owner_accepts_a_change_and_the_next_use_pins_anew(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey, other: asyncssh.SSHKey, store: Store
) -> None:
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    await inventory.repin("omar", service.id, owner=OMAR, reason="installed anew", source="192.0.2.5")
    assert await inventory.pinned(service.id) is None
    await inventory.check_host_key(service, line(other), SessionId("ses_new"), "vera")
    with pytest.raises(Refused):
        await inventory.check_host_key(service, line(key), SessionId("ses_new"), "vera")
    released = [e for e in await events(store) if e["event"] == "inventory.host_key.released"]
    assert [(e["actor"], e["reason"], e["source"]) for e in released] == [("omar", "installed anew", "192.0.2.5")]
    assert released[0]["before"] == key.get_fingerprint()


async def test_an_owner_who_names_the_new_key_gets_that_key_and_no_other(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey, other: asyncssh.SSHKey
) -> None:
    """The gap between accepting and the next use is no gap for somebody in between."""
    third = asyncssh.generate_private_key("ssh-ed25519")
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    await inventory.repin("omar", service.id, owner=OMAR, reason="anew", fingerprint=other.get_fingerprint())
    for wrong in (third, key):
        with pytest.raises(Refused):
            await inventory.check_host_key(service, line(wrong), SESSION, "vera")
        assert await inventory.pinned(service.id) is None
    await inventory.check_host_key(service, line(other), SESSION, "vera")


async def test_a_fingerprint_declared_with_the_service_leaves_nothing_to_chance(
    inventory: Inventory, target: Target, key: asyncssh.SSHKey, other: asyncssh.SSHKey
) -> None:
    await inventory.remove_service("sam", "ews-l4", target.version, target.services[0].id)
    ssh = await inventory.add_service(
        "sam", "ews-l4", Protocol.SSH, "192.0.2.10", 22, fingerprint=key.get_fingerprint()
    )
    with pytest.raises(Refused):
        await inventory.check_host_key(ssh, line(other), SESSION, "vera")
    await inventory.check_host_key(ssh, line(key), SESSION, "vera")


async def test_nobody_but_an_owner_accepts_a_changed_key(
    inventory: Inventory, service: Service, key: asyncssh.SSHKey, other: asyncssh.SSHKey
) -> None:
    """A vendor, an operator or an admin who would make the alarm go away."""
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    with pytest.raises(Refused) as caught:
        await inventory.repin("vera", service.id, owner=PersonId("per_vera"), reason="let me in")
    assert caught.value.code == "not_owner"
    with pytest.raises(Refused):
        await inventory.check_host_key(service, line(other), SESSION, "vera")


async def test_a_service_moved_to_another_address_must_show_the_old_key(
    inventory: Inventory, target: Target, service: Service, key: asyncssh.SSHKey, other: asyncssh.SSHKey
) -> None:
    await inventory.check_host_key(service, line(key), SESSION, "vera")
    moved = await inventory.change_service(
        "sam", "ews-l4", target.version, service.id, address="192.0.2.66", port=22, profile=CryptoProfile.MODERN
    )
    with pytest.raises(Refused):
        await inventory.check_host_key(moved, line(other), SESSION, "vera")
    await inventory.check_host_key(moved, line(key), SESSION, "vera")


async def test_of_two_first_uses_at_once_with_different_keys_one_wins_and_one_is_refused(
    inventory: Inventory, service: Service
) -> None:
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(8)]
    answers = await asyncio.gather(
        *(inventory.check_host_key(service, line(k), SESSION, "vera") for k in keys), return_exceptions=True
    )
    assert answers.count(None) == 1
    assert all(isinstance(a, (Refused, Conflict)) for a in answers if a is not None)
    pinned = await inventory.pinned(service.id)
    assert pinned is not None
    assert pinned.fingerprint == keys[answers.index(None)].get_fingerprint()


async def test_a_service_that_is_gone_is_not_found(inventory: Inventory, target: Target, key: asyncssh.SSHKey) -> None:
    gone = Service(ServiceId("svc_gone"), "ssh", Protocol.SSH, "192.0.2.1", 22)
    with pytest.raises(NotFound):
        await inventory.check_host_key(gone, line(key), SESSION, "vera")
    with pytest.raises(NotFound):
        await inventory.repin("omar", gone.id, owner=OMAR, reason="x")
