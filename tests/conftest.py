"""What most tests stand on: a simulated clock and a real SQLite store of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import gateway.tables  # noqa: F401 - registers every table
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    async with store.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield store
    await store.close()


@pytest.fixture
def audit(clock: SimulatedClock) -> AuditLog:
    return AuditLog(clock, Hub())


@pytest.fixture
def envelope() -> Envelope:
    return Envelope(bytes(32))
