"""What reaches a target: a door in front of it that counts, and what the kernel knows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.demo.desktop import sockets

CHUNK = 65536


@dataclass
class Probe:
    """Passes connections on to a target and keeps every octet of both ways, as on the wire."""

    host: str
    port: int
    connections: int = 0  # ever
    open: int = 0
    upward: bytearray = field(default_factory=bytearray)  # towards the target
    downward: bytearray = field(default_factory=bytearray)


@asynccontextmanager
async def probe(host: str, target: tuple[str, int]) -> AsyncIterator[Probe]:
    """Listen on a free port of `host`."""
    made = Probe(host, 0)

    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
        try:
            while data := await reader.read(CHUNK):
                kept += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        made.open += 1
        try:
            there, towards = await asyncio.open_connection(*target)
            async with asyncio.TaskGroup() as both:
                both.create_task(passing(reader, towards, made.upward))
                both.create_task(passing(there, writer, made.downward))
        except ConnectionError:
            writer.close()
        finally:
            made.open -= 1

    passed: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = tasks.create_task(one(reader, writer))
            passed.add(task)
            task.add_done_callback(passed.discard)

        server = await asyncio.start_server(accept, host, 0)
        made.port = server.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            server.close()
            for task in passed:
                task.cancel()


def connections_to(port: int) -> int:
    """How many TCP connections of this machine lead to the port, however young or old (proc(5))."""
    return sum(row[2].endswith(f":{port:04X}") for row in sockets())
