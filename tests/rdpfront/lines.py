"""Both ends of the front, made of our own parts: a client that logs on, a page, and a target to be entered."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.fronts.rdp.wire import Frames, Line, Wire
from gateway.rdp import bitmap, cleanpath, x224
from gateway.rdp.acceptor import Acceptor, AcceptorState
from gateway.rdp.credssp import CredsspAcceptor, CredsspInitiator, CredsspState, nt_hash, subject_public_key
from gateway.rdp.effects import Activated
from gateway.rdp.tpkt import Frame
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRefused, ConnectionRequest, Security
from tests.rdp.share.twins import CORE, Client, frame
from tests.rdpfront.twins import SECRET, TICKET

LIMIT = 30.0  # seconds to wait for anything
OVER = (CredsspState.DONE, CredsspState.FAILED)
NOW = bytes(8)


class LogonFailed(Exception):
    """The gateway did not take user and secret."""


@dataclass
class Caller:
    """A client that talks; `twin` is what it has seen."""

    line: Line
    twin: Client
    frames: Frames
    got: list[bytes] = field(default_factory=list)
    gone: bool = False

    async def until(self, true: Callable[[], bool]) -> None:
        """Read, and answer as a client does, until it is true."""
        async with asyncio.timeout(LIMIT):
            await self._say()
            while not true():
                one = await self.frames.next()
                if one is None:
                    self.gone = True
                    assert true(), "the gateway hung up"
                    return
                self.got.append(one.data)
                self.twin.hear(one)
                await self._say()

    async def _say(self) -> None:
        spoken, self.twin.out = self.twin.out, []
        await self.line.send(b"".join(spoken))

    async def sees(self, colour: tuple[int, int, int]) -> None:
        """Until the tile in the upper left corner begins with this colour."""
        await self.until(lambda: self.twin.screen.get((0, 0), b"")[:3] == bytes(colour))

    async def leaves(self) -> None:
        await self.line.close()


async def reached(port: int, requested: Security = Security.TLS | Security.HYBRID) -> Wire:
    """A line on which the gateway agreed to CredSSP."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(Wire, "127.0.0.1", port)
    await wire.send(ConnectionRequest(requested).encode())
    answer = await Frames(wire).next()
    assert answer is not None
    decoded = x224.decode_confirm(answer)
    if isinstance(decoded, ConnectionRefused):
        raise LogonFailed(decoded.code)
    assert decoded.selected == Security.HYBRID
    return wire


async def secured(wire: Wire) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    transport = await asyncio.get_running_loop().start_tls(wire._transport, wire, context)
    wire._transport = transport
    return transport.get_extra_info("ssl_object").getpeercert(True)


@asynccontextmanager
async def caller(
    port: int, user: str = TICKET, secret: str = SECRET, size: tuple[int, int] = (320, 240), **of_twin: object
) -> AsyncIterator[Caller]:
    """A client that has logged on and begun."""
    wire = await reached(port)
    try:
        certificate = await secured(wire)
        initiator = CredsspInitiator(
            subject_public_key(certificate), user, "", secret, random=secrets.token_bytes, time=NOW
        )
        await wire.send(initiator.data_to_send())
        while initiator.state not in OVER:
            data = await wire.receive()
            if not data:
                raise LogonFailed("hung up")
            initiator.receive(data)
            await wire.send(initiator.data_to_send())
        if initiator.state is CredsspState.FAILED:
            raise LogonFailed(initiator.failure)
        made = Caller(wire, _twin(size, of_twin), Frames(wire, ahead=initiator.rest))
        made.twin.begin()
        yield made
    finally:
        wire.abort()


def _twin(size: tuple[int, int], of_twin: dict[str, object]) -> Client:
    return Client(core=replace(CORE, width=size[0], height=size[1]), **of_twin)  # type: ignore[arg-type]


class Page:
    """A browser's WebSocket, seen from both ends: a `WebChannel` for the front, a `Line` for the twin."""

    def __init__(self) -> None:
        self.up: asyncio.Queue[bytes] = asyncio.Queue()
        self.down: asyncio.Queue[bytes] = asyncio.Queue()
        self.words: list[str] = []

    def channel(self) -> PageChannel:
        return PageChannel(self)

    async def receive(self) -> bytes:
        return await self.down.get()

    async def send(self, data: bytes) -> None:
        if data:
            self.up.put_nowait(data)

    async def close(self) -> None:
        self.up.put_nowait(b"")

    def abort(self) -> None:
        self.up.put_nowait(b"")

    def asks(self, token: str) -> None:
        x224_request = ConnectionRequest(Security.TLS).encode()
        self.up.put_nowait(cleanpath.Request(token, x224_request, "").encode())


@dataclass
class PageChannel:
    page: Page

    async def receive(self) -> bytes:
        return await self.page.up.get()

    async def send(self, data: bytes) -> None:
        self.page.down.put_nowait(data)

    async def close(self, words: str) -> None:
        self.page.words.append(words)
        self.page.down.put_nowait(b"")


def page_twin(page: Page, size: tuple[int, int] = (320, 240)) -> Caller:
    made = Caller(page, _twin(size, {}), Frames(page))
    made.twin.begin()
    return made


@dataclass
class Plant:
    """A target: what it heard is kept, and it draws when it is told to."""

    certificate: tuple[Path, Path]
    password: str = "inner"
    selected: Security = Security.HYBRID
    mute: bool = False  # it takes connections and says nothing
    host: str = "127.0.0.4"
    port: int = 0
    connections: int = 0
    acceptor: Acceptor | None = None
    wire: Wire | None = None
    heard: list[Frame] = field(default_factory=list)
    active: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    before_log_on: list[bytes] = field(default_factory=list)

    async def one(self, wire: Wire) -> None:
        self.connections += 1
        self.wire = wire
        frames = Frames(wire)
        asked = await frames.next()
        if self.mute:
            while await wire.receive():
                pass
            return
        assert asked is not None
        request = ConnectionRequest.decode(asked)
        if self.selected is Security.RDP:
            wire.write(ConnectionConfirm(Security.RDP).encode())
            self.before_log_on.append(await wire.receive())
            return
        wire.write(ConnectionConfirm(self.selected).encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        transport = await asyncio.get_running_loop().start_tls(wire._transport, wire, context, server_side=True)
        wire._transport = transport
        ahead = b""
        if self.selected is Security.HYBRID:
            der = ssl.PEM_cert_to_DER_cert(
                self.certificate[0].read_text().split("-----END CERTIFICATE-----")[0] + ssl.PEM_FOOTER
            )
            log_on = CredsspAcceptor(
                subject_public_key(der), lambda _: nt_hash(self.password), random=secrets.token_bytes, time=NOW
            )
            while log_on.state not in OVER:
                data = await wire.receive()
                self.before_log_on.append(data)
                if not data:
                    return
                log_on.receive(data)
                await wire.send(log_on.data_to_send())
            if log_on.state is CredsspState.FAILED:
                return
            ahead = log_on.rest
        self.acceptor = Acceptor(request.protocols or Security.RDP)
        frames = Frames(wire, ahead=ahead)
        while (got := await frames.next()) is not None:
            self.heard.append(got)
            for event in self.acceptor.receive(got):
                if isinstance(event, Activated):
                    self.active.set()
            await wire.send(self.acceptor.data_to_send())

    async def paint(self, colour: tuple[int, int, int]) -> None:
        """The whole desktop."""
        assert self.acceptor is not None
        assert self.wire is not None
        assert self.acceptor.state is AcceptorState.ACTIVE
        width, height = self.acceptor.width, self.acceptor.height
        self.acceptor.show(bitmap.picture(bytes(colour) * (width * height), width, height, bpp=self.acceptor.bpp))
        await self.wire.send(self.acceptor.data_to_send())

    async def noise(self, parts: list[bytes]) -> None:
        """Updates that no client has to understand: palettes of any length."""
        assert self.acceptor is not None
        assert self.wire is not None
        self.acceptor.show([b"\x02\x00" + part for part in parts])
        await self.wire.send(self.acceptor.data_to_send())

    async def says_goodbye(self, error: int) -> None:
        assert self.acceptor is not None
        assert self.wire is not None
        self.acceptor.finish(error)
        await self.wire.send(self.acceptor.data_to_send())


@asynccontextmanager
async def plant(certificate: tuple[Path, Path], **of_plant: object) -> AsyncIterator[Plant]:
    made = Plant(certificate, **of_plant)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:

        class Accepted(Wire):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                tasks.create_task(serve(self))

        async def serve(wire: Wire) -> None:
            try:
                await made.one(wire)
            except OSError:
                pass
            finally:
                wire.abort()
                made.closed.set()

        server = await loop.create_server(Accepted, made.host, 0)
        made.port = server.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            server.close()
            if made.wire is not None:
                made.wire.abort()


__all__ = ["Caller", "LogonFailed", "Page", "Plant", "caller", "frame", "page_twin", "plant", "reached"]
