"""Access with the real identity, inventory and policy: a vendor's visit up to the start of his session."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest
from argon2 import PasswordHasher
from pyotp.totp import TOTP
from sqlalchemy import create_engine

import gateway.tables  # noqa: F401 - registers every table
from gateway.access.model import GrantState, RequestState
from gateway.access.service import Access
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.errors import Refused
from gateway.identity.model import FactorProof, Person, Role
from gateway.identity.passwords import Passwords
from gateway.identity.service import Identity
from gateway.ids import SessionId
from gateway.inventory.model import CredentialKind, Protocol, TargetClass, Tier
from gateway.inventory.service import Inventory
from gateway.policy.engine import PolicyEngine
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.access.conftest import store_at
from tests.sim.clock import SimulatedClock

HOME = "192.0.2.7"
PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HOUR = timedelta(hours=1)


class Plant:
    def __init__(self, store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope) -> None:
        self.store, self.clock = store, clock
        self.identity = Identity(store, audit, clock, envelope, "Kiln 4", passwords=Passwords(QUICK))
        self.inventory = Inventory(store, audit, clock, envelope, asyncssh.generate_private_key("ssh-ed25519"))
        policy = PolicyEngine.load(Path(__file__).parents[2] / "policies")
        self.access = Access(store, audit, clock, policy, self.identity, self.inventory, "remote")
        self.seeds: dict[str, str] = {}

    async def begin(self) -> None:
        token = await self.identity.setup_token()
        assert token is not None
        seed = (await self.identity.setup(token, "sam", "Sam", PASSWORD)).secret
        self.sam = await self.identity.confirm_enrolment(token, TOTP(seed).at(int(self.clock.now().timestamp())))
        plant = self.sam.organisation.name
        await self.identity.add_organisation(self.sam, "drives", "Drives AG", False, None, ())
        self.vera = await self.enrolled("vera", "drives", Role.VENDOR)
        self.omar = await self.enrolled("omar", plant, Role.OWNER)
        self.lena = await self.enrolled("lena", plant, Role.OPERATOR)
        await self.inventory.add_zone("sam", "remote", "Remote people", "5")
        await self.inventory.add_zone("sam", "cell4", "Cell 4", "2")
        await self.inventory.add_target(
            "sam", "ews-l4", "Workstation, line 4", "cell4", Tier.T1, TargetClass.WORKSTATION, [self.omar.id]
        )
        await self.inventory.add_service("sam", "ews-l4", Protocol.SSH, "192.0.2.4", 22)
        await self.inventory.add_account("sam", "ews-l4", "engineer", CredentialKind.PASSWORD, b"secret")

    async def enrolled(self, name: str, organisation: str, role: Role) -> Person:
        _, token = await self.identity.add_person(self.sam, name, name.capitalize(), organisation, [role])
        self.seeds[name] = (await self.identity.enrol(token, PASSWORD)).secret
        return await self.identity.confirm_enrolment(token, self.code(name))

    def code(self, name: str) -> str:
        return TOTP(self.seeds[name]).at(int(self.clock.now().timestamp()))

    async def fresh(self, person: Person) -> FactorProof:
        self.clock.advance(seconds=30)
        return await self.identity.confirm(person, self.code(person.name), HOME)

    async def ask(self, **other: object):
        now = self.clock.now()
        wish = {"duration": HOUR, "purpose": "Replace the drive", "work_order": "WO-1"} | other
        return await self.access.ask(
            self.vera, target_name="ews-l4", protocol=Protocol.SSH, not_before=now, not_after=now + 4 * HOUR,
            source=HOME, **wish,
        )  # fmt: skip


@pytest.fixture
async def plant(tmp_path: Path, audit: AuditLog, clock: SimulatedClock, envelope: Envelope) -> AsyncIterator[Plant]:
    engine = create_engine(f"sqlite:///{tmp_path}/whole.db")
    metadata.create_all(engine)
    engine.dispose()
    store = store_at(tmp_path / "whole.db")
    plant = Plant(store, audit, clock, envelope)
    await plant.begin()
    yield plant
    await store.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


async def test_a_vendors_visit_from_request_to_start_with_the_real_parts(plant: Plant) -> None:
    with pytest.raises(Refused) as refused:
        await plant.ask()
    assert refused.value.code == "no_conduit"
    await plant.inventory.add_conduit("sam", "remote", "cell4", {Protocol.SSH})
    with pytest.raises(Refused, match="4 h at most"):
        await plant.ask(duration=5 * HOUR)
    request = await plant.ask(emergency=True)
    assert request.rules == ("t1.standard-cell",)
    assert [r.id for r in await plant.access.requests(approver=plant.omar)] == [request.id]
    digest = request.wanted.digest()
    for nobody in (plant.lena, plant.sam):
        with pytest.raises(Refused):
            await plant.access.approve(request.id, nobody, replace(await plant.fresh(plant.omar)), digest=digest)
    approved = await plant.access.approve(request.id, plant.omar, await plant.fresh(plant.omar), digest=digest)
    assert approved.state is RequestState.APPROVED
    grant = await plant.access.grant(approved.grant)
    release = await plant.access.release(grant.id, plant.lena, await plant.fresh(plant.lena))
    async with plant.store.write() as tx:
        found = await plant.access.grant_for(tx, plant.vera.id, grant.wanted.target, Protocol.SSH, plant.clock.now())
        assert found == grant
        started = await plant.access.start(tx, grant, release, SessionId("ses_1"), plant.clock.instant())
    assert started.state is GrantState.LIVE
    longer = await plant.access.extend(grant.id, plant.omar, await plant.fresh(plant.omar), HOUR, "Download.")
    assert longer.deadline == started.deadline.later(HOUR)
    with pytest.raises(Refused, match="8 h: 6 h more"):
        await plant.access.extend(grant.id, plant.lena, await plant.fresh(plant.lena), 7 * HOUR, "Download.")


async def test_a_disabled_vendor_and_a_disabled_owner_decide_nothing_more(plant: Plant) -> None:
    await plant.inventory.add_conduit("sam", "remote", "cell4", {Protocol.SSH})
    request = await plant.ask()
    proof = await plant.fresh(plant.omar)
    await plant.identity.disable(plant.sam, "omar", "Left the plant.")
    with pytest.raises(Refused, match=r"Omar \(omar\) is disabled"):
        await plant.access.approve(request.id, plant.omar, proof, digest=request.wanted.digest())
    await plant.identity.disable(plant.sam, "vera", "Contract ended.")
    with pytest.raises(Refused, match=r"Vera \(vera\) is disabled"):
        await plant.ask()
    for kind, name in (("person", "vera"), ("organisation", "drives"), ("target", "ews-l4")):
        await plant.access.block(plant.lena, kind, name, None, "To be sure.", HOME)
    assert len(await plant.access.blocks()) == 3
