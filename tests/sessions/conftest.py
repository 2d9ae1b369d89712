"""A site with real services; the schema is made once and copied, for these tests are many."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

import gateway.tables  # noqa: F401 - registers every table
from gateway.policy.engine import PolicyEngine
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.sessions.site import POLICIES, Site
from tests.sim.clock import SimulatedClock


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def engine() -> PolicyEngine:
    return PolicyEngine.load(POLICIES)


def store_at(path: Path) -> Store:
    """A store that leaves the disk alone: what a power cut does is tested with the store itself."""
    store = Store(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(store.engine.sync_engine, "connect")
    def careless(connection, _record) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    return store


@pytest.fixture
async def store(schema: Path, tmp_path: Path) -> AsyncIterator[Store]:
    shutil.copy(schema, tmp_path / "test.db")
    store = store_at(tmp_path / "test.db")
    yield store
    await store.close()


@pytest.fixture
async def site(store: Store, clock: SimulatedClock, tmp_path: Path, engine: PolicyEngine) -> Site:
    return await Site(store, clock, tmp_path, engine, "127.0.0.1").build()
