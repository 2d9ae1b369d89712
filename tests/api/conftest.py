import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import gateway.tables  # noqa: F401 - registers every table
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.store.db import Store
from tests.api.site import POLICIES, Site, Template, joined, template
from tests.sim.clock import SimulatedClock


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return asyncio.run(template(tmp_path_factory.mktemp("site")))


@pytest.fixture
def clock(made: Template) -> SimulatedClock:
    return SimulatedClock(made.made)


@pytest.fixture
async def store(tmp_path: Path, made: Template) -> AsyncIterator[Store]:
    shutil.copy(made.database, tmp_path / "site.db")
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/site.db")
    event.listen(store.engine.sync_engine, "connect", _hasty)
    yield store
    await store.close()


def _hasty(connection: Any, _: object) -> None:
    """A test's database need not survive a power cut."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
async def site(
    store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope, tmp_path: Path, made: Template
) -> Site:
    site = joined(store, audit, clock, envelope, tmp_path)
    await site.services.policy.open(POLICIES)
    site.seeds |= made.seeds
    site.persons |= made.persons
    site.targets |= made.targets
    return site
