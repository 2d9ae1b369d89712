"""Many people at their desktops, in a process of their own so that they do not slow whoever is measured.

Usage: python -m tests.bench.rdp_crowd PORT
    {"tickets": [[id, secret], …]}   log on with these; answers when all look at the hold
    begin                            answers when all see the whole desktop; from then on they work lightly
    rest                             they stop, and just look
"""

import asyncio
import contextlib
import json
import sys
from contextlib import AsyncExitStack

from tests.bench.rdp_client import Desk, Way, desk
from tests.bench.rdp_stage import HERE, light

AT_ONCE = 4  # log-ons under way
SHIFT = 0x2A  # a key that writes nothing: they share one screen


async def arrive(stack: AsyncExitStack, ways: list[Way]) -> list[Desk]:
    """Everybody looks at the hold."""
    made: list[Desk] = []
    for at in range(0, len(ways), AT_ONCE):
        part = [await stack.enter_async_context(desk(way)) for way in ways[at : at + AT_ONCE]]
        for one in part:
            await one.until(lambda it: bool(it.whole_at))
        made += part
    return made


async def main(port: str) -> None:
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("{}", flush=True)
    people: list[Desk] = []
    working: list[asyncio.Task[None]] = []
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        while line := (await lines.readline()).decode().strip():
            if line == "begin":
                for one in people:
                    await one.until(lambda it: it.shares > 1 and bool(it.whole_at))
                working = [tasks.create_task(light(one, SHIFT)) for one in people]
            elif line == "rest":
                for task in working:
                    task.cancel()
            else:
                ways = [Way(HERE, int(port), name, secret, nla=True) for name, secret in json.loads(line)["tickets"]]
                people += await arrive(stack, ways)
            print(json.dumps({"octets": sum(one.octets for one in people)}), flush=True)
        for task in working:
            task.cancel()


if __name__ == "__main__":
    with contextlib.suppress(ConnectionError):
        asyncio.run(main(*sys.argv[1:]))
