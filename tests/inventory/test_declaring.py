"""Zones, conduits, targets, services and accounts: what may be declared, versions, and what is on record."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncssh
import pytest

from gateway.audit import sql as audit_sql
from gateway.errors import Conflict, GatewayError, Invalid, NotFound
from gateway.ids import PersonId, ServiceId
from gateway.inventory.model import (
    Conduit,
    CredentialKind,
    CryptoProfile,
    Protocol,
    Target,
    TargetClass,
    Tier,
)
from gateway.inventory.service import Inventory
from gateway.store.db import Store
from tests.inventory.conftest import OMAR
from tests.inventory.test_checks import REFUSED_ACCOUNTS, REFUSED_ADDRESSES, REFUSED_OWNERS

IVY = PersonId("per_ivy")
SSH, RDP = Protocol.SSH, Protocol.RDP


async def recorded(store: Store) -> list[str]:
    async with store.read() as tx:
        return [entry.name for entry in await audit_sql.read(tx)]


async def test_what_was_declared_is_read_back(inventory: Inventory, target: Target) -> None:
    await inventory.add_account("sam", "ews-l4", "engineer", CredentialKind.PASSWORD, b"one")
    await inventory.add_account("sam", "ews-l4", "Administrator", CredentialKind.CERTIFICATE)
    await inventory.add_service("sam", "ews-l4", RDP, "192.0.2.10", 3389, CryptoProfile.COMPAT)
    found = await inventory.target_named("ews-l4")
    assert (found.title, found.zone.level, found.tier, found.owners) == ("EWS line 4", "2", Tier.T1, {OMAR})
    assert found.service(RDP) is not None
    assert [(s.protocol, s.port, s.profile) for s in found.services] == [
        (RDP, 3389, CryptoProfile.COMPAT),
        (SSH, 22, CryptoProfile.MODERN),
    ]
    assert [a.name for a in found.accounts] == ["engineer", "Administrator"]
    default = found.account(Protocol.SSH)
    assert default is not None
    assert default.name == "engineer"
    assert await inventory.targets() == [found]


async def test_every_declaration_is_on_record_in_its_own_transaction(
    inventory: Inventory, target: Target, store: Store
) -> None:
    account = await inventory.add_account("sam", "ews-l4", "engineer", CredentialKind.PASSWORD, b"one")
    now = await inventory.target_named("ews-l4")
    await inventory.change_account("sam", "ews-l4", now.version, account.name, CredentialKind.CERTIFICATE)
    await inventory.remove_account("sam", "ews-l4", now.version + 1, account.name)
    assert await recorded(store) == [
        "inventory.zone.added",
        "inventory.zone.added",
        "inventory.target.added",
        "inventory.service.added",
        "inventory.account.added",
        "inventory.account.changed",
        "inventory.account.removed",
    ]


async def test_no_service_leads_to_a_name_or_to_what_is_no_machine(
    inventory: Inventory, target: Target, store: Store
) -> None:
    """A service that pointed at the metadata of a cloud host or at a name would be a request forged by declaration."""
    service, before = target.services[0], await recorded(store)
    for address in (*REFUSED_ADDRESSES.values(), "192.0.2.10 "):
        with pytest.raises(Invalid) as caught:
            await inventory.add_service("sam", "ews-l4", RDP, address, 3389)
        assert caught.value.field == "address"
        with pytest.raises(Invalid):
            await inventory.change_service(
                "sam", "ews-l4", target.version, service.id, address=address, port=22, profile=CryptoProfile.MODERN
            )
    with pytest.raises(Invalid, match="port"):
        await inventory.add_service("sam", "ews-l4", RDP, "192.0.2.10", 0)
    assert await inventory.target_named("ews-l4") == target
    assert await recorded(store) == before


async def test_an_account_name_that_could_be_misread_is_refused(
    inventory: Inventory, target: Target, store: Store
) -> None:
    before = await recorded(store)
    for name in REFUSED_ACCOUNTS:
        with pytest.raises(Invalid, match="account"):
            await inventory.add_account("sam", "ews-l4", name, CredentialKind.CERTIFICATE)
    assert (await inventory.target_named("ews-l4")).accounts == ()
    assert await recorded(store) == before


async def test_names_are_taken_once(inventory: Inventory, target: Target) -> None:
    await inventory.add_account("sam", "ews-l4", "engineer", CredentialKind.CERTIFICATE)
    twice: list[Callable[[], Awaitable[object]]] = [
        lambda: inventory.add_zone("sam", "line4", "Other", "2"),
        lambda: inventory.add_target("sam", "ews-l4", "Other", "line4", Tier.T0, TargetClass.SERVER, [OMAR]),
        lambda: inventory.add_service("sam", "ews-l4", SSH, "192.0.2.11", 22),
        lambda: inventory.add_account("sam", "ews-l4", "engineer", CredentialKind.PASSWORD, b"x"),
    ]
    for declare in twice:
        with pytest.raises(Invalid):
            await declare()
    assert len(await inventory.targets()) == 1
    assert (await inventory.target_named("ews-l4")).tier is Tier.T1


async def test_owners_are_persons_and_there_is_one(inventory: Inventory, target: Target) -> None:
    for owners in REFUSED_OWNERS:
        with pytest.raises(Invalid, match="owners"):
            await inventory.add_target(
                "sam", "ews-l5", "EWS", "line4", Tier.T1, TargetClass.WORKSTATION, [PersonId(o) for o in owners]
            )
    with pytest.raises(NotFound):
        await inventory.target_named("ews-l5")


async def test_a_target_of_a_zone_that_is_not_there_is_refused(inventory: Inventory, target: Target) -> None:
    with pytest.raises(NotFound, match="zone"):
        await inventory.add_target("sam", "x", "X", "nowhere", Tier.T1, TargetClass.WORKSTATION, [OMAR])


async def test_a_zone_needs_a_name_and_a_purdue_level(inventory: Inventory) -> None:
    for name, level in (("Line", "2"), ("a+b", "2"), ("a", "6"), ("a", "")):
        with pytest.raises(Invalid):
            await inventory.add_zone("sam", name, "Zone", level)
    assert await inventory.zones() == []


async def test_a_conduit_lets_its_protocols_through_one_way_and_nothing_else(
    inventory: Inventory, target: Target
) -> None:
    """C4."""
    assert not await inventory.conduit_permits("remote", "line4", SSH)
    conduit = await inventory.add_conduit("sam", "remote", "line4", frozenset({SSH}))
    assert await inventory.conduits() == [conduit]
    assert await inventory.conduit_permits("remote", "line4", SSH)
    assert not await inventory.conduit_permits("remote", "line4", RDP)
    assert not await inventory.conduit_permits("line4", "remote", SSH)
    assert not await inventory.conduit_permits("remote", "nowhere", SSH)
    assert not await inventory.conduit_permits("remote", "remote", SSH)


async def test_a_conduit_is_changed_on_what_was_seen_and_taken_away(inventory: Inventory, target: Target) -> None:
    first = await inventory.add_conduit("sam", "remote", "line4", {SSH})
    second = await inventory.change_conduit("sam", first, {SSH, RDP})
    assert await inventory.conduit_permits("remote", "line4", RDP)
    with pytest.raises(Conflict):
        await inventory.change_conduit("ada", first, {RDP})
    assert await inventory.conduit_permits("remote", "line4", SSH)
    await inventory.change_conduit("sam", second, ())
    assert not await inventory.conduit_permits("remote", "line4", SSH)
    assert await inventory.conduits() == []
    with pytest.raises(Conflict):
        await inventory.change_conduit("sam", Conduit("remote", "line4", frozenset({SSH})), {RDP})


async def test_a_conduit_that_cannot_be_meant_is_refused(inventory: Inventory, target: Target) -> None:
    await inventory.add_conduit("sam", "remote", "line4", {SSH})
    with pytest.raises(Invalid):
        await inventory.add_conduit("sam", "remote", "line4", {RDP})
    with pytest.raises(Invalid):
        await inventory.add_conduit("sam", "line4", "remote", ())
    with pytest.raises(Invalid):
        await inventory.add_conduit("sam", "line4", "line4", {SSH})
    with pytest.raises(NotFound):
        await inventory.add_conduit("sam", "line4", "moon", {SSH})
    assert await inventory.conduits() == [Conduit("remote", "line4", frozenset({SSH}))]


async def test_a_change_on_an_old_version_is_refused_and_changes_nothing(
    inventory: Inventory, target: Target, store: Store
) -> None:
    service, old = target.services[0], target.version - 1
    before = await recorded(store)
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: _retier(inventory, old),
        lambda: inventory.change_service(
            "sam", "ews-l4", old, service.id, address="192.0.2.99", port=22, profile=CryptoProfile.COMPAT
        ),
        lambda: inventory.remove_service("sam", "ews-l4", old, service.id),
        lambda: inventory.change_zone("sam", "line4", 0, title="Other", level="1"),
    ]
    for change in changes:
        with pytest.raises(Conflict):
            await change()
    assert await inventory.target_named("ews-l4") == target
    assert await recorded(store) == before


async def test_a_change_on_the_version_seen_is_taken_once(inventory: Inventory, target: Target) -> None:
    changed = await _retier(inventory, target.version)
    assert changed == await inventory.target_named("ews-l4")
    assert (changed.tier, changed.owners, changed.version) == (Tier.T2, {OMAR, IVY}, target.version + 1)
    with pytest.raises(Conflict):
        await _retier(inventory, target.version)


async def test_a_service_changes_and_goes(inventory: Inventory, target: Target) -> None:
    service = target.services[0]
    now = await inventory.change_service(
        "sam", "ews-l4", target.version, service.id, address="192.0.2.11", port=2222, profile=CryptoProfile.COMPAT
    )
    assert now == replace(service, address="192.0.2.11", port=2222, profile=CryptoProfile.COMPAT)
    assert (await inventory.target_named("ews-l4")).services == (now,)
    await inventory.remove_service("sam", "ews-l4", target.version + 1, service.id)
    assert (await inventory.target_named("ews-l4")).services == ()
    with pytest.raises(NotFound):
        await inventory.remove_service("sam", "ews-l4", target.version + 2, service.id)


async def test_a_zone_changes_and_its_targets_with_it(inventory: Inventory, target: Target) -> None:
    await inventory.change_zone("sam", "line4", 1, title="Line 4, closed", level="1")
    assert (await inventory.target_named("ews-l4")).zone.level == "1"


async def test_what_belongs_to_another_target_cannot_be_changed_through_this_one(
    inventory: Inventory, target: Target
) -> None:
    await inventory.add_target("sam", "other", "Other", "line4", Tier.T0, TargetClass.SERVER, [IVY])
    await inventory.add_account("sam", "ews-l4", "engineer", CredentialKind.PASSWORD, b"secret")
    for attempt in (
        inventory.remove_service("sam", "other", 1, target.services[0].id),
        inventory.remove_account("sam", "other", 1, "engineer"),
        inventory.change_account("sam", "other", 1, "engineer", CredentialKind.PASSWORD, b"mine"),
        inventory.change_account("sam", "ews-l4", 3, "", CredentialKind.PASSWORD, b"mine"),
        inventory.remove_service("sam", "ews-l4", 3, ServiceId("svc_none")),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await inventory.target_named("ews-l4")).services == target.services


async def test_a_refused_declaration_leaves_nothing_behind(inventory: Inventory, target: Target, store: Store) -> None:
    before = await recorded(store)
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh", passphrase="x")
    for kind, secret in (
        (CredentialKind.PASSWORD, None),
        (CredentialKind.PASSWORD, b""),
        (CredentialKind.PASSWORD, b"two\nlines"),
        (CredentialKind.PASSWORD, b"\xff"),
        (CredentialKind.PASSWORD, b"a\0b"),
        (CredentialKind.PASSWORD, b"x" * (1 << 20)),
        (CredentialKind.PRIVATE_KEY, b"correct horse"),
        (CredentialKind.PRIVATE_KEY, key),
        (CredentialKind.PRIVATE_KEY, None),
        (CredentialKind.CERTIFICATE, b"swordfish"),
    ):
        with pytest.raises(GatewayError) as caught:
            await inventory.add_account("sam", "ews-l4", "engineer", kind, secret)
        assert isinstance(caught.value, Invalid)
        assert caught.value.field == "secret"
        assert not secret or len(secret) < 3 or secret.decode("latin1")[:9] not in caught.value.words
    assert await inventory.target_named("ews-l4") == target
    assert await recorded(store) == before


async def _retier(inventory: Inventory, version: int) -> Target:
    return await inventory.change_target(
        "sam",
        "ews-l4",
        version,
        title="EWS line 4",
        zone="line4",
        tier=Tier.T2,
        target_class=TargetClass.WORKSTATION,
        owners=[OMAR, IVY],
    )


async def test_a_target_has_several_tcp_services_each_called_by_what_it_is_for(
    inventory: Inventory, target: Target
) -> None:
    for name, port in (("plc-program", 102), ("historian", 4840)):
        made = await inventory.add_service("sam", target.name, Protocol.TCP, "192.0.2.10", port, name=name)
        found = await inventory.target_named("ews-l4")
        assert found.named(name) == made
    assert {s.name for s in found.services} == {"ssh", "plc-program", "historian"}
    assert found.named("rdp") is None
    for protocol, name in ((Protocol.TCP, ""), (Protocol.TCP, "rdp"), (Protocol.TCP, "historian"), (RDP, "desktop")):
        with pytest.raises(Invalid):
            await inventory.add_service("sam", target.name, protocol, "192.0.2.10", 502, name=name)
