"""An Identity with its first admin, and persons who have enrolled, each through the ordinary calls."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pyotp.totp import TOTP

from gateway.audit import sql as audit_sql
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.identity.model import Enrolment, Person, Role
from gateway.identity.passwords import Passwords
from gateway.identity.service import Identity
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
HOME = "192.0.2.7"
ELSEWHERE = "198.51.100.9"


@dataclass
class Site:
    """A gateway's identity and the devices of its people."""

    identity: Identity
    store: Store
    audit: AuditLog
    clock: SimulatedClock
    envelope: Envelope
    seeds: dict[str, str] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)

    def restarted(self) -> Identity:
        return Identity(self.store, self.audit, self.clock, self.envelope, "Kiln 4", passwords=Passwords(QUICK))

    def code(self, name: str, at: datetime | None = None) -> str:
        return TOTP(self.seeds[name]).at(int((at or self.clock.now()).timestamp()))

    def next_code(self, name: str) -> str:
        self.clock.advance(seconds=30)
        return self.code(name)

    def wrong_code(self, name: str) -> str:
        """A code of no moment near."""
        now = int(self.clock.now().timestamp())
        near = {TOTP(self.seeds[name]).at(now + 30 * step) for step in range(-200, 201)}
        return next(c for c in (f"{n:06}" for n in range(1000)) if c not in near)

    async def admin(self, name: str = "sam") -> Person:
        token = await self.identity.setup_token()
        assert token
        await self._confirm(name, token, await self.identity.setup(token, name, "Sam, OT security", PASSWORD))
        return self.persons[name]

    async def enrol(self, name: str, token: str, password: str = PASSWORD) -> Person:
        return await self._confirm(name, token, await self.identity.enrol(token, password))

    async def _confirm(self, name: str, token: str, enrolment: Enrolment) -> Person:
        self.seeds[name] = enrolment.secret
        self.persons[name] = await self.identity.confirm_enrolment(token, self.code(name))
        return self.persons[name]

    async def vendor(self, name: str, organisation: str = "drives") -> Person:
        sam = self.persons["sam"]
        if organisation not in {o.name for o in await self.identity.organisations()}:
            await self.identity.add_organisation(sam, organisation, "Drives Ltd")
        _, token = await self.identity.add_person(sam, name, name.title(), organisation, {Role.VENDOR})
        return await self.enrol(name, token)

    async def events(self, *names: str) -> list[dict]:
        async with self.store.read() as tx:
            entries = await audit_sql.read(tx, limit=100_000, names=frozenset(names))
        return [e.values() for e in entries]


def made(store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope) -> Site:
    identity = Identity(store, audit, clock, envelope, "Kiln 4", passwords=Passwords(QUICK))
    return Site(identity, store, audit, clock, envelope)


@pytest.fixture
def empty(store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope) -> Site:
    """Before the first start."""
    return made(store, audit, clock, envelope)


@dataclass
class Built:
    """A store file with Sam (admin), Vera and Vito (vendors), made once: each test gets a copy."""

    file: Path
    seeds: dict[str, str]
    persons: dict[str, Person]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    file = tmp_path_factory.mktemp("built") / "test.db"

    async def build() -> Site:
        store, clock = Store(f"sqlite+aiosqlite:///{file}"), SimulatedClock()
        async with store.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        site = made(store, AuditLog(clock, Hub()), clock, Envelope(bytes(32)))
        await site.admin()
        await site.vendor("vera")
        await site.vendor("vito")
        await store.close()
        return site

    with ThreadPoolExecutor(1) as apart:  # a loop of its own
        site = apart.submit(lambda: asyncio.run(build())).result()
    return Built(file, site.seeds, site.persons)


@pytest.fixture
async def site(built: Built, tmp_path: Path, clock: SimulatedClock, envelope: Envelope) -> AsyncIterator[Site]:
    """Sam is admin, Vera and Vito are vendors; their enrolment codes are used, so the clock has moved on."""
    shutil.copy(built.file, tmp_path / "site.db")
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/site.db")
    clock.advance(seconds=30)
    site = made(store, AuditLog(clock, Hub()), clock, envelope)
    site.seeds, site.persons = dict(built.seeds), dict(built.persons)
    yield site
    await store.close()
