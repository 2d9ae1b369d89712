"""One gateway for the tests of a module: each has an approval and a session of its own."""

import pytest_asyncio

from tests.files.house import house as house_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    async with house_of(tmp_path_factory.mktemp("house")) as found:
        yield found
