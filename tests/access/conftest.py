"""A site on a store of its own. The schema is made once and copied: these tests are many."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from gateway.access import tables
from gateway.audit import sql as audit_sql
from gateway.audit.log import AuditLog
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.access.site import Site
from tests.sim.clock import SimulatedClock

TABLES = [
    *(tables.requests, tables.approvals, tables.grants, tables.releases, tables.blocks, tables.seen),
    *(audit_sql.entries, audit_sql.heads),
]


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine, tables=TABLES)
    engine.dispose()
    return path


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
def site(store: Store, audit: AuditLog, clock: SimulatedClock) -> Site:
    return Site(store, audit, clock)
