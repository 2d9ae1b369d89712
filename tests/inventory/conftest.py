"""A site with two zones and one target."""

import asyncssh
import pytest

from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.ids import PersonId
from gateway.inventory.model import Protocol, Target, TargetClass, Tier
from gateway.inventory.service import Inventory
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock

OMAR = PersonId("per_omar")


@pytest.fixture
def ssh_ca() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def inventory(
    store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope, ssh_ca: asyncssh.SSHKey
) -> Inventory:
    return Inventory(store, audit, clock, envelope, ssh_ca)


@pytest.fixture
async def target(inventory: Inventory) -> Target:
    """`ews-l4` in zone `line4`, with an SSH service and no account."""
    await inventory.add_zone("sam", "remote", "People outside", "4")
    await inventory.add_zone("sam", "line4", "Packing line 4", "2")
    await inventory.add_target("sam", "ews-l4", "EWS line 4", "line4", Tier.T1, TargetClass.WORKSTATION, [OMAR])
    await inventory.add_service("sam", "ews-l4", Protocol.SSH, "192.0.2.10", 22)
    return await inventory.target_named("ews-l4")
