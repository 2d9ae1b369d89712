"""A site whose workstation is a real listening socket on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.policy.engine import PolicyEngine
from gateway.store.db import Store
from tests.sessions import conftest
from tests.sessions.site import Listener, Site
from tests.sim.clock import SimulatedClock

EGRESS = "127.0.0.9"  # an address of its own, so that the target can tell
schema, engine, store = conftest.schema, conftest.engine, conftest.store


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
async def site(
    store: Store,
    clock: SimulatedClock,
    tmp_path: Path,
    engine: PolicyEngine,
    listener: Listener,
) -> Site:
    return await Site(store, clock, tmp_path, engine, EGRESS).build("127.0.0.1", listener.port)
