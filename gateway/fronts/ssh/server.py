"""The SSH front as a whole:

    async with serve_ssh(host=…, port=…, host_key=…, sessions=…, identity=…, audit=…, store=…, clock=…, banner=…) as f:
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
from typing import Final

import asyncssh

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.fronts.listener import Admission, Listener, Place, served
from gateway.fronts.penalties import Penalties
from gateway.fronts.ssh import cork, fast, kex, texts
from gateway.fronts.ssh.connection import FrontConnection
from gateway.fronts.ssh.ports import Identity, Sessions
from gateway.fronts.ssh.selfcheck import self_check
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.visitor import Visitor
from gateway.limits import HOLD_LONGEST, KILL_LIMIT, SSH_GRACE
from gateway.store.db import Store

VERSION: Final = "Sluicegate"  # what we call ourselves to everybody; no version: that is nobody's business
KEEPALIVE: Final = 15  # seconds between questions whether the client is still there
KEEPALIVE_COUNT: Final = 3


class SshFront:
    """Attributes:
    port: the port it listens at.
    """

    def __init__(self, setting: Setting, host_key: Path, sock: socket.socket) -> None:
        self._setting, self._options = setting, options(host_key)
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


def options(host_key: Path) -> asyncssh.SSHServerConnectionOptions:
    """What is offered to everybody; nothing is read from this machine's own SSH set-up."""
    return asyncssh.SSHServerConnectionOptions(
        config=None,
        server_host_keys=[str(host_key)],
        server_version=VERSION,
        kex_algs=list(kex.FRONT_KEX),
        encryption_algs=list(kex.FRONT_CIPHERS),
        mac_algs=list(kex.FRONT_MACS),
        signature_algs=list(kex.FRONT_SIGNATURES),
        compression_algs=None,
        host_based_auth=False,
        gss_host=None,
        x509_trusted_certs=None,
        rdns_lookup=False,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_scp=False,
        line_editor=False,
        encoding=None,
        login_timeout=(HOLD_LONGEST + 2 * SSH_GRACE).total_seconds(),  # each stage has a shorter timer of its own
        keepalive_interval=KEEPALIVE,
        keepalive_count_max=KEEPALIVE_COUNT,
    )


@asynccontextmanager
async def serve_ssh(
    *,
    host: str,
    port: int,
    host_key: Path,
    sessions: Sessions,
    identity: Identity,
    audit: AuditLog,
    store: Store,
    clock: Clock,
    banner: str,
) -> AsyncIterator[SshFront]:
    """Listen at `host`:`port` until the block is left.

    Raises:
        LocalProtocolError: the SSH library is not the one that the sign-in relies on.
        OSError: the address cannot be listened at.
    """
    asyncssh.set_log_level("ERROR")
    fast.install()
    cork.install()
    await self_check()
    setting = Setting(sessions, identity, audit, store, clock, banner, Penalties())
    async with served(host, port, lambda sock: SshFront(setting, host_key, sock)) as front:
        yield front
