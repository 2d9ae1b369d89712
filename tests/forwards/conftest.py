"""The front of `tests/ssh` between twins, with tcp services behind it; and a configuration for clients that jump."""

import asyncio

import pytest

from gateway.policy.model import Channel
from tests.forwards.plant import Plant
from tests.ssh.conftest import bench, host_key  # noqa: F401 - fixtures


@pytest.fixture
async def plant(bench):  # noqa: F811
    """What `Plant` says, declared and granted under the names of its services; the front is `plant.bench`."""
    bench.sessions.channels = {Channel.SHELL, Channel.EXEC, Channel.FORWARD}
    plant = Plant(bench)
    await plant.start()
    bench.sessions.services = dict(plant.ports)
    bench.sessions.granted = set(plant.ports)
    loop = asyncio.get_running_loop()
    failures: list[dict] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    yield plant
    await plant.stop()
    assert not failures, failures
