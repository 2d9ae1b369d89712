from pathlib import Path

import pytest

from gateway.audit.log import AuditLog
from gateway.store.db import Store
from tests.policy.asking import permit
from tests.policy.house import House, written
from tests.policy.people import texts
from tests.sim.clock import SimulatedClock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the settings: one permit."""
    return written(tmp_path / "policies", texts(permit("first")))


@pytest.fixture
async def house(store: Store, audit: AuditLog, clock: SimulatedClock, folder: Path) -> House:
    made = House(store, audit, clock)
    await made.book.open(folder)
    return made
