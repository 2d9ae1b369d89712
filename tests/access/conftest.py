import pytest

from gateway.audit.log import AuditLog
from gateway.store.db import Store
from tests.access.site import Site
from tests.sim.clock import SimulatedClock


@pytest.fixture
def site(store: Store, audit: AuditLog, clock: SimulatedClock) -> Site:
    return Site(store, audit, clock)
