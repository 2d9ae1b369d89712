"""What most tests stand on: a simulated clock and a real SQLite store of their own."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from sqlalchemy import create_engine

import gateway.tables  # noqa: F401 - registers every table
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.identity.passwords import Passwords
from gateway.store.base import metadata
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock

settings.register_profile("unhurried", deadline=None)  # no property looks at a stopwatch
settings.load_profile("unhurried")

WHOLE = (
    "api", "e2e", "browser", "ssh/test_hostile", "sessions/test_abuse", "sessions/test_control", "sessions/test_door",
    "sessions/test_faults", "sessions/test_time", "access/test_races", "access/test_states", "identity/test_lockout",
    "policy/test_alike", "recording/test_tampering", "rdpfront",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of many packages at once, and of many seconds, are not in `make quick`: it takes less than a minute."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(WHOLE):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 that costs next to nothing: hundreds of people are made here, and none of them is attacked.

    That the product's own cost is what it should be is a test of its own in tests/identity.
    """
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(Passwords.__init__, "__defaults__", (cheap,))


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table and no row; made once, copied by each test."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    shutil.copy(empty_database, tmp_path / "test.db")
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    yield store
    await store.close()


@pytest.fixture
def audit(clock: SimulatedClock) -> AuditLog:
    return AuditLog(clock, Hub())


@pytest.fixture
def envelope() -> Envelope:
    return Envelope(bytes(32))
