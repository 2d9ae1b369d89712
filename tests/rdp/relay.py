"""A relay that logs on with the ticket in its client's place, from an address of the test's choice.

Towards the client it offers TLS alone, so that programs without NTLM come through too; what the gateway sent is kept in
clear, as it came, by somebody who is not the gateway.
"""

import asyncio
import secrets
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from gateway.clock import SystemClock
from gateway.demo.desktop import certify
from gateway.errors import RemoteProtocolError
from gateway.fronts.rdp.wire import Frames, Wire
from gateway.identity.model import Ticket
from gateway.rdp.credssp import CredsspInitiator, CredsspState, subject_public_key
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRequest, Security, decode_confirm

HERE = "127.0.0.1"
HANDSHAKE = timedelta(seconds=30)
OVER = (CredsspState.DONE, CredsspState.FAILED)


@dataclass
class Relay:
    """Attributes:
    downward: what the gateway sent inside TLS after the log-on, whole.
    log_on: what it sent inside TLS before.
    refused: log-ons that the gateway refused.
    """

    port: int = 0
    downward: bytearray = field(default_factory=bytearray)
    log_on: bytearray = field(default_factory=bytearray)
    open: int = 0
    refused: int = 0

    @property
    def frames(self) -> list[bytes]:
        """The whole PDUs of `downward`."""
        return [frame.data for frame in Framer().feed(bytes(self.downward))]


@asynccontextmanager
async def relay(folder: Path, gateway: int, ticket: Ticket, *, source: str = HERE) -> AsyncIterator[Relay]:
    """To the gateway at port `gateway`, from `source`; one client after the other."""
    folder.mkdir()
    certify(folder, "relay", SystemClock().now())
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(folder / "desktop.crt", folder / "desktop.key")
    made, loop, running = Relay(), asyncio.get_running_loop(), set[asyncio.Task[None]]()

    async def one(client: Wire) -> None:
        made.open += 1
        server: Wire | None = None
        try:
            await Frames(client, most=1024).next()
            server, flags = await _reached(gateway, source)
            ahead = await _logged_on(server, ticket, made)
            if ahead is not None:
                client.write(ConnectionConfirm(Security.TLS, flags).encode())
                await client.start_tls(shown, HANDSHAKE, accepted=True)
                await _joined(client, server, made.downward, ahead)
        except (OSError, RemoteProtocolError):
            pass  # one side has left
        finally:
            made.open -= 1
            client.abort()
            if server is not None:
                server.abort()

    class Accepted(Wire):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            task = loop.create_task(one(self))
            running.add(task)
            task.add_done_callback(running.discard)

    listener = await loop.create_server(Accepted, HERE, 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
        for task in (left := list(running)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _reached(gateway: int, source: str) -> tuple[Wire, int]:
    """The gateway, which agreed to CredSSP, and the flags of its confirm."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((source, 0))
    await asyncio.get_running_loop().sock_connect(sock, (HERE, gateway))
    wire = await Wire.over(sock, accepted=False)
    await wire.send(ConnectionRequest(Security.TLS | Security.HYBRID).encode())
    answer = await Frames(wire).next()
    if answer is None:
        raise ConnectionResetError("the gateway takes nobody from there")
    confirm = decode_confirm(answer)
    assert isinstance(confirm, ConnectionConfirm)
    return wire, confirm.flags


async def _logged_on(wire: Wire, ticket: Ticket, made: Relay) -> bytes | None:
    """Octets after the log-on; None when it was refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    key = subject_public_key(await wire.start_tls(context, HANDSHAKE, accepted=False))
    initiator = CredsspInitiator(key, ticket.id, "", ticket.secret, random=secrets.token_bytes, time=bytes(8))
    await wire.send(initiator.data_to_send())
    while initiator.state not in OVER:
        data = await wire.receive()
        made.log_on += data
        if not data:
            break
        initiator.receive(data)
        await wire.send(initiator.data_to_send())
    if initiator.state is CredsspState.DONE:
        return initiator.rest
    made.refused += 1
    return None


async def _joined(client: Wire, server: Wire, kept: bytearray, ahead: bytes) -> None:
    """Until one of them has left; what the gateway said last still reaches the client."""

    async def up() -> None:
        while data := await client.receive():
            await server.send(data)

    async def down() -> None:
        data = ahead or await server.receive()
        while data:
            kept.extend(data)
            await client.send(data)
            data = await server.receive()

    async with asyncio.TaskGroup() as tasks:
        ways = {tasks.create_task(up()), tasks.create_task(down())}
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
    await client.close()
