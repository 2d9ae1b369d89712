"""Many people at their desktops, in a process of their own so that they do not slow whoever is measured.

Usage: python -m tests.bench.rdp_crowd PORT
    enter ID SECRET   one more logs on with this ticket; answers when he looks at the hold
    sees N            answers when number N of them sees the whole desktop, or does not within a minute
    begin             from now on they work lightly
    rest              they stop, and just look
    keep MANY         the newest leave until so many are left
Each answer says how many octets those who are there got so far.
"""

import asyncio
import contextlib
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.bench.rdp_client import Desk, Way, desk
from tests.bench.rdp_stage import HERE, light

SHIFT = 0x2A  # a key that writes nothing: they share one screen


@dataclass
class Person:
    one: Desk
    stack: AsyncExitStack


async def arrive(way: Way) -> Person:
    """Somebody who looks at the hold."""
    stack = AsyncExitStack()
    one = await stack.enter_async_context(desk(way))
    await one.until(lambda it: bool(it.whole_at))
    return Person(one, stack)


async def sees(one: Desk) -> bool:
    """The whole desktop of the target, within the limit; what it got instead goes to standard error."""
    try:
        await one.until(lambda it: it.shares > 1 and bool(it.whole_at))
    except (TimeoutError, ConnectionError) as error:
        sys.stderr.write(f"no desktop: {error!r}, {one.shares} shares, {one.octets} octets in {one.pdus} PDUs\n")
        return False
    return True


async def main(port: str) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("{}", flush=True)
    people: list[Person] = []
    seen = True
    working: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as tasks:
        while line := (await lines.readline()).decode().split():
            match line:
                case ["enter", user, secret]:
                    people.append(await arrive(Way(HERE, int(port), user, secret, nla=True)))
                case ["sees", n]:
                    seen = await sees(people[int(n)].one)
                case ["begin"]:
                    working = [tasks.create_task(light(each.one, SHIFT)) for each in people]
                case ["rest"]:
                    while working:
                        working.pop().cancel()
                case ["keep", many]:
                    while len(people) > int(many):
                        await people.pop().stack.aclose()
            octets = sum(each.one.octets for each in people)
            print(json.dumps({"octets": octets, "seen": seen}), flush=True)
        while working:
            working.pop().cancel()
        while people:
            await people.pop().stack.aclose()


if __name__ == "__main__":
    with contextlib.suppress(ConnectionError):
        asyncio.run(main(*sys.argv[1:]))
