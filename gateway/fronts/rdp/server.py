"""The RDP front as a whole:

    async with serve_rdp(host=…, port=…, certificate=…, key=…, sessions=…, tickets=…, identity=…, audit=…, store=…,
                         clock=…) as front:
        front.port           # the port it listens at, for port=0
        await front.web(channel, person, source)    # one browser, until it is gone
    # leaving the block stops listening, tells everybody who is still there, and waits until the last has gone

`sessions`, `tickets` and `identity` are what `ports.py` says. End the sessions before leaving the block.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.errors import Refused
from gateway.fronts.listener import Admission, Listener, Place, listen
from gateway.fronts.rdp.ports import Identity, Sessions, Tickets, WebChannel
from gateway.fronts.rdp.setting import Certificate, Setting
from gateway.identity.model import Person
from gateway.store.db import Store


class RdpFront:
    """Attributes:
    port: the port it listens at.
    """

    def __init__(self, setting: Setting, files: tuple[Path, Path], sock: socket.socket) -> None:
        self._setting, self._files = setting, files
        self._listener = Listener(sock, Admission(setting.penalties), setting.clock, self._connection)
        self.port: int = sock.getsockname()[1]

    async def run(self) -> None:
        await self._listener.run()

    async def web(self, channel: WebChannel, person: Person, source: str) -> None:
        """Serve one browser of `person`, who is signed in, until it is gone."""
        await channel.close("not yet")

    def reload(self) -> None:
        """The certificate files have changed; connections that stand keep the one they began with.

        Raises:
            OSError: they cannot be read; the old one stays.
        """
        self._setting.certificate = Certificate.load(*self._files)

    async def close(self) -> None:
        """Tell everybody, and wait until they have gone or `KILL_LIMIT` is over."""

    async def _connection(self, sock: socket.socket, source: str, place: Place) -> None:
        raise Refused("not_yet", "Not yet.")


@asynccontextmanager
async def serve_rdp(
    *,
    host: str,
    port: int,
    certificate: Path,
    key: Path,
    sessions: Sessions,
    tickets: Tickets,
    identity: Identity,
    audit: AuditLog,
    store: Store,
    clock: Clock,
) -> AsyncIterator[RdpFront]:
    """Listen at `host`:`port` until the block is left.

    Raises:
        OSError: the address cannot be listened at, or the certificate cannot be read.
    """
    setting = Setting(sessions, tickets, identity, audit, store, clock, Certificate.load(certificate, key))
    sock = listen(host, port)
    try:
        front = RdpFront(setting, (certificate, key), sock)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(front.run())
            try:
                yield front
            finally:
                await front.close()
                running.cancel()
    finally:
        sock.close()
