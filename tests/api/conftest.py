from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.audit.log import AuditLog
from gateway.envelope import Envelope
from gateway.store.db import Store
from tests.api.site import Site, built
from tests.sim.clock import SimulatedClock


@pytest.fixture
async def site(
    store: Store, audit: AuditLog, clock: SimulatedClock, envelope: Envelope, tmp_path: Path
) -> AsyncIterator[Site]:
    async with built(store, audit, clock, envelope, tmp_path) as site:
        yield site
