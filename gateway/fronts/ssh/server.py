"""The SSH front as a whole:

    async with serve_ssh(host=…, port=…, …) as f:
        f.port           # the port it listens at, for port=0
    # leaving the block stops listening, tells everybody who is still there, and waits until the last has gone

`sessions` and `identity` are what `ports.py` says. End the sessions before leaving the block: the front only hangs up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.fronts.listener import Admission, Listener, Place, served
from gateway.fronts.penalties import Penalties
from gateway.fronts.ssh import cork, fast, texts
from gateway.fronts.ssh.connection import FrontConnection
from gateway.fronts.ssh.offer import HostKeys
from gateway.fronts.ssh.ports import Identity, Sessions
from gateway.fronts.ssh.selfcheck import self_check
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.visitor import Visitor
from gateway.limits import KILL_LIMIT
from gateway.store.db import Store


class SshFront:
    """Attributes:
    port: the port it listens at.
    """

    def __init__(self, setting: Setting, sock: socket.socket) -> None:
        self._setting, self._options = setting, setting.host_keys.itself()
        self._visitors: set[Visitor] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._admission = Admission(setting.penalties)
        self._listener = Listener(sock, self._admission, setting.clock, self._connection, farewell)
        self.port: int = sock.getsockname()[1]

    async def run(self) -> None:
        await self._listener.run()

    async def close(self) -> None:
        """Tell everybody, and wait until they have gone or `KILL_LIMIT` is over."""
        for visitor in list(self._visitors):
            visitor.bye(texts.SHUTDOWN)
        try:
            async with asyncio.timeout(KILL_LIMIT.total_seconds()):
                await self._empty.wait()
        except TimeoutError:
            return

    async def _connection(self, sock: socket.socket, source: str, place: Place) -> None:
        loop = asyncio.get_running_loop()
        visitor: Visitor | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                visitor = Visitor(self._setting, tasks, source, place)
                connection = FrontConnection(loop, self._options, visitor, visitor)
                await loop.connect_accepted_socket(lambda: connection, sock)
                self._visitors.add(visitor)
                self._empty.clear()
                try:
                    await connection.wait_closed()
                finally:
                    visitor.hang_up()
        finally:
            if visitor is not None:
                try:
                    await visitor.finish()
                finally:
                    self._visitors.discard(visitor)
                    if not self._visitors:
                        self._empty.set()


def farewell(words: str) -> bytes:
    """A line before the identification string, which clients skip or show (RFC 4253, 4.2)."""
    return words.encode() + b"\r\n"


@asynccontextmanager
async def serve_ssh(
    *,
    host: str,
    port: int,
    host_key: Path,
    host_ca: asyncssh.SSHKey,
    sessions: Sessions,
    identity: Identity,
    audit: AuditLog,
    store: Store,
    clock: Clock,
    banner: str,
) -> AsyncIterator[SshFront]:
    """Listen at `host`:`port` until the block is left.

    Args:
        host_ca: vouches for `host_key` under the names of targets, for who comes by `ssh -J`.

    Raises:
        LocalProtocolError: the SSH library is not the one that the sign-in relies on.
        OSError: the address cannot be listened at.
    """
    asyncssh.set_log_level("ERROR")
    fast.install()
    cork.install()
    await self_check()
    setting = Setting(sessions, identity, audit, store, clock, banner, Penalties(), HostKeys.read(host_key, host_ca))
    async with served(host, port, lambda sock: SshFront(setting, sock)) as front:
        yield front
