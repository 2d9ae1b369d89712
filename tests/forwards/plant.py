"""Tcp services of a plant, each with a habit of its own, and a person's way to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from tests.ssh.bell import LIMIT, Bell
from tests.ssh.clients import connect
from tests.ssh.conftest import Bench
from tests.ssh.twins import TwinConnection

HERE = "127.0.0.1"
CHUNK = bytes(range(256)) * 1024


@dataclass
class Heard:
    """One connection to a service."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    data: bytearray = field(default_factory=bytearray)
    sent: int = 0
    ended: bool = False  # the other side sends no more
    gone: bool = False


class Plant:
    """Services by name: `echo` gives back what it reads; `sink` reads and answers with the count once it has read all;
    `spring` sends without end; `deaf` reads nothing; `brief` says something, sends no more, and still reads; `rude`
    resets the connection at the first octet.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench, self.bell = bench, Bell()
        self.heard: dict[str, list[Heard]] = {}
        self.ports: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        for name in ("echo", "sink", "spring", "deaf", "brief", "rude"):
            habit, mine = getattr(self, f"_{name}"), self.heard.setdefault(name, [])

            async def served(reader, writer, habit=habit, mine=mine) -> None:
                heard = Heard(reader, writer)
                mine.append(heard)
                self.bell.ring()
                with contextlib.suppress(OSError):
                    await habit(heard)
                heard.gone = True
                self.bell.ring()
                writer.transport.abort()

            server = await asyncio.start_server(served, HERE, 0)
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for heard in self.every:
            heard.writer.transport.abort()
        await self.bell.until(lambda: all(heard.gone for heard in self.every))

    @property
    def every(self) -> list[Heard]:
        return [heard for mine in self.heard.values() for heard in mine]

    async def connected(self, name: str) -> Heard:
        return (await self.bell.until(lambda: self.heard[name]))[-1]

    async def gone(self, name: str) -> None:
        """Each connection to that service has ended."""
        await self.bell.until(lambda: self.heard[name] and all(heard.gone for heard in self.heard[name]))

    async def _read(self, heard: Heard) -> bytes:
        data = await heard.reader.read(1 << 16)
        heard.data += data
        heard.ended = not data
        self.bell.ring()
        return data

    async def _echo(self, heard: Heard) -> None:
        while data := await self._read(heard):
            heard.writer.write(data)
            await heard.writer.drain()
        heard.writer.write_eof()

    async def _sink(self, heard: Heard) -> None:
        while await self._read(heard):
            pass
        heard.writer.write(str(len(heard.data)).encode())
        heard.writer.write_eof()
        await heard.writer.drain()
        await heard.writer.wait_closed()

    async def _spring(self, heard: Heard) -> None:
        while True:
            heard.writer.write(CHUNK)
            await heard.writer.drain()
            heard.sent += len(CHUNK)
            self.bell.ring()

    async def _deaf(self, heard: Heard) -> None:
        heard.writer.transport.pause_reading()
        await heard.writer.wait_closed()

    async def _brief(self, heard: Heard) -> None:
        heard.writer.write(b"220 ready\r\n")
        heard.writer.write_eof()
        while await self._read(heard):
            pass

    async def _rude(self, heard: Heard) -> None:
        await heard.reader.read(1)
        heard.writer.transport.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of 0: RST

    # --- the person

    async def person(self, login: str = "vera+ews-l4", **options) -> asyncssh.SSHClientConnection:
        connection, _ = await connect(self.bench, login, **options)
        return connection

    async def through(self, connection, service: str, port: int = 102):
        """(reader, writer) of a forward to `service`, as `ssh -L` opens one for each connection to its port."""
        return await connection.open_connection(service, port, encoding=None)

    @property
    def tap(self):
        """The stream of the newest forward."""
        return self.bench.sessions.connections[-1].streams[-1]

    @property
    def inside(self):
        """The newest connection of a session."""
        return self.bench.sessions.connections[-1]

    def config(self, **more: str) -> Path:
        """Of OpenSSH: host `gw` is the gateway, and the CA of its hosts is believed."""
        ca = self.bench.host_ca.export_public_key().decode().strip()
        known = self.bench.folder / "known_jump"
        known.write_text(self.bench.known_hosts.read_text() + f"@cert-authority * {ca}\n")
        lines = [
            *(f"{option} {value}" for option, value in more.items()),
            "Host gw", f"HostName {HERE}", f"Port {self.bench.port}", "User vera", "Host *",
            f"UserKnownHostsFile {known}", "StrictHostKeyChecking yes", "IdentityAgent none", "IdentitiesOnly yes",
            f"IdentityFile {self.bench.key}",
        ]  # fmt: skip
        path = self.bench.folder / "ssh_config"
        path.write_text("\n".join(lines) + "\n")
        return path


async def refusal(coroutine) -> asyncssh.ChannelOpenError:
    """How a channel was refused."""
    try:
        async with asyncio.timeout(LIMIT):
            await coroutine
    except asyncssh.ChannelOpenError as error:
        return error
    raise AssertionError("it was opened")


async def refused(coroutine) -> None:
    """It is not opened, however that is told: the connection may be gone by then."""
    async with asyncio.timeout(LIMIT):
        with contextlib.suppress(asyncssh.Error, OSError):
            await coroutine
            raise AssertionError("it was opened")


@contextlib.contextmanager
def slow_dial() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Every dial of a twin says that it was reached by the first event, and goes on at the second."""
    reached, go, dial = asyncio.Event(), asyncio.Event(), TwinConnection.dial

    async def slow(self: TwinConnection, service: str = "") -> socket.socket:
        reached.set()
        await go.wait()
        return await dial(self, service)

    TwinConnection.dial = slow  # type: ignore[method-assign]
    try:
        yield reached, go
    finally:
        TwinConnection.dial = dial  # type: ignore[method-assign]
