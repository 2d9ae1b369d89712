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
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from gateway.audit.events.rdp import ConnectionFailed
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.errors import GatewayError, RemoteProtocolError
from gateway.fronts.listener import Admission, Listener, Place, served
from gateway.fronts.ports import WebChannel
from gateway.fronts.rdp import native, texts, web
from gateway.fronts.rdp.ports import Identity, Sessions, Tickets
from gateway.fronts.rdp.setting import Certificate, Setting
from gateway.fronts.rdp.visitor import Client, Last, Visitor
from gateway.fronts.rdp.wire import Wire
from gateway.identity.model import Person
from gateway.limits import KILL_LIMIT
from gateway.rdp.error_info import ErrorInfo
from gateway.store.db import Store
from gateway.words import printable

log = structlog.get_logger()


class RdpFront:
    """Attributes:
    port: the port it listens at.
    """

    def __init__(self, setting: Setting, files: tuple[Path, Path], sock: socket.socket) -> None:
        self._setting, self._files = setting, files
        self._listener = Listener(sock, Admission(setting.penalties), setting.clock, self._connection)
        self._visitors: set[Visitor] = set()
        self._clients: dict[str, Visitor] = {}  # the newest of each person at a target from one address
        self.port: int = sock.getsockname()[1]

    async def run(self) -> None:
        await self._listener.run()

    async def web(self, channel: WebChannel, person: Person, source: str) -> None:
        """Serve one browser of `person`, who is signed in, until it is gone."""
        client = await web.proved(self._setting, channel, person, source)
        if client is not None:
            await channel.close(await self._serve(client))

    def reload(self) -> None:
        """The certificate files have changed; connections that stand keep the one they began with.

        Raises:
            OSError: they cannot be read; the old one stays.
        """
        self._setting.certificate = Certificate.load(*self._files)

    async def close(self) -> None:
        """Tell everybody, and wait until they have gone or `KILL_LIMIT` is over."""
        visitors = list(self._visitors)
        for visitor in visitors:
            visitor.stop(Last(texts.NOT_NOW, texts.SHUTDOWN))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_LIMIT.total_seconds()):
                for visitor in visitors:
                    await visitor.gone.wait()

    async def enters(self, who: str, visitor: Visitor) -> None:
        """`visitor` is the one client of `who` from now on; an older one holds nothing when this returns."""
        older, self._clients[who] = self._clients.get(who), visitor
        if older is not None and not older.left.is_set():
            older.stop(Last(texts.ELSEWHERE, texts.REPLACED, ErrorInfo.DISCONNECTED_BY_OTHER_CONNECTION))
            await older.left.wait()

    async def _connection(self, sock: socket.socket, source: str, place: Place) -> None:
        wire = await Wire.over(sock, accepted=True)
        try:
            client = await native.proved(self._setting, wire, source, place)
            if client is not None:
                await self._serve(client)
            else:
                await wire.close()
        except RemoteProtocolError as error:
            self._setting.penalties.failed(source, self._setting.clock.instant().boot)
            await self._setting.record(ConnectionFailed(actor="", source=source, why=printable(str(error))))
        except (OSError, GatewayError) as error:
            log.info("A stranger left, or could not be let in", source=source, why=f"{type(error).__name__}: {error}")
        finally:
            wire.abort()

    async def _serve(self, client: Client) -> str:
        """Until it is gone: the last words it was told."""
        async with asyncio.TaskGroup() as tasks:
            visitor = Visitor(self._setting, client, self, tasks)
            self._visitors.add(visitor)
            try:
                await visitor.run()
            finally:
                self._visitors.discard(visitor)
                for who in [w for w, v in self._clients.items() if v is visitor]:
                    del self._clients[who]
        return visitor.words


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
    async with served(host, port, lambda sock: RdpFront(setting, (certificate, key), sock)) as front:
        yield front
