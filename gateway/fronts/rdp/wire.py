"""One connection as octets: a TCP connection that becomes a TLS one, or a browser's WebSocket; and PDUs cut out of it.

INVARIANT: nothing is read ahead but `RDP_READ_AHEAD` octets; a peer that does not take what is sent stops its sender.
INVARIANT: a wait for octets that is given up loses none.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from gateway.errors import RemoteProtocolError
from gateway.fronts.ports import WebChannel
from gateway.limits import KILL_LIMIT, RDP_READ_AHEAD, RDP_UNTAKEN, RDP_WRITE_AHEAD
from gateway.rdp.tpkt import Frame, Framer

ALIVE_AFTER: Final = 15  # seconds of silence until the system asks whether the peer is still there
ALIVE_TRIES: Final = 3  # unanswered questions, 5 s apart
MILLISECOND: Final = timedelta(milliseconds=1)
TURN: Final = 32  # PDUs of one line until others get their turn: thousands fit into what is read at once


class Line(Protocol):
    """What a client is reached by."""

    async def receive(self) -> bytes:
        """Some octets; empty at the end."""
        ...

    async def send(self, data: bytes, /) -> None:
        """Octets leave in the order of the calls. Returns when there is room for more; harmless at the end."""
        ...

    async def close(self) -> None:
        """What was sent goes out first, for `KILL_LIMIT` at most."""
        ...

    def abort(self) -> None: ...


class Wire(asyncio.Protocol):
    """A TCP connection, in clear until `start_tls`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._arrived, self._room, self._gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._ended = False
        self._transport: asyncio.Transport | None = None
        self._under: asyncio.Transport | None = None  # TCP; the same until TLS is on it

    @classmethod
    async def over(cls, sock: socket.socket, *, accepted: bool) -> Wire:
        """The connection on `sock`, which is ours from now on."""
        for option, value in (
            (socket.TCP_NODELAY, 1),
            (socket.TCP_KEEPIDLE, ALIVE_AFTER),
            (socket.TCP_KEEPINTVL, 5),
            (socket.TCP_KEEPCNT, ALIVE_TRIES),
            (socket.TCP_USER_TIMEOUT, RDP_UNTAKEN // MILLISECOND),
        ):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        wire, loop = cls(), asyncio.get_running_loop()
        if accepted:
            await loop.connect_accepted_socket(lambda: wire, sock)
        else:
            await loop.create_connection(lambda: wire, sock=sock)
        return wire

    # --- the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a transport without octets")
        self._transport = self._under = transport
        transport.set_write_buffer_limits(RDP_WRITE_AHEAD)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._arrived.set()
        if len(self._buffer) >= RDP_READ_AHEAD and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - an end is an end
        self._end()
        self._gone.set()
        self._room.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def _end(self) -> None:
        self._ended = True
        self._arrived.set()

    # --- we call

    async def start_tls(self, context: ssl.SSLContext, within: timedelta, *, accepted: bool) -> bytes:
        """Go on under TLS: the peer's certificate in DER, empty when it has none. Nothing may have been read ahead,
        and nothing may be awaited between the last `write` in clear and this.

        Raises:
            RemoteProtocolError: octets in clear after the last PDU.
            OSError: no TLS (`ssl.SSLError` is one), or not `within` the time.
        """
        if self._transport is None or self._ended or self._buffer:
            raise RemoteProtocolError("tls: octets or an end where its handshake was expected")
        transport = await asyncio.get_running_loop().start_tls(
            self._transport, self, context, server_side=accepted, ssl_handshake_timeout=within.total_seconds()
        )
        if transport is None:
            raise ConnectionAbortedError("gone during the handshake")
        self._transport = transport
        transport.set_write_buffer_limits(RDP_WRITE_AHEAD)
        inside: ssl.SSLObject = transport.get_extra_info("ssl_object")
        return inside.getpeercert(binary_form=True) or b""

    async def receive(self) -> bytes:
        while not self._buffer and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._transport is not None and not self._ended:
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """At once, whether there is room or not: for what is small, or must not wait."""
        if data and self._transport is not None and not self._closing:
            self._transport.write(data)

    @property
    def _closing(self) -> bool:
        """Nothing can leave any more. TLS hears only later of what TCP knows."""
        ways = (self._transport, self._under)
        return self._gone.is_set() or any(way is not None and way.is_closing() for way in ways)

    async def send(self, data: bytes) -> None:
        self.write(data)
        await self._room.wait()

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_LIMIT.total_seconds()):
                    await self._gone.wait()
            self._transport.abort()

    def abort(self) -> None:
        self._end()
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()


class WebLine:
    """A browser's WebSocket as a line of octets."""

    def __init__(self, channel: WebChannel) -> None:
        self._channel, self._turn = channel, asyncio.Lock()
        self._cut = asyncio.Event()

    async def receive(self) -> bytes:
        return b"" if self._cut.is_set() else await self._channel.receive()

    async def send(self, data: bytes) -> None:
        async with self._turn:
            if data and not self._cut.is_set():
                await self._channel.send(data)

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Nothing more is sent; whoever serves the WebSocket closes it, with the last words."""
        self._cut.set()


class Frames:
    """PDUs of a line, one at a time.

    Args:
        most: octets of one PDU.
        ahead: octets that were received before.

    Attributes:
        through: what every PDU passes before it is given out, from when this is set.
    """

    def __init__(self, line: Line, most: int = 65535, ahead: bytes = b"") -> None:
        self._line, self._framer = line, Framer(most)
        self._waiting = deque(self._framer.feed(ahead))
        self.through: Callable[[Frame], Frame] | None = None
        self._taken = 0

    async def next(self) -> Frame | None:
        """The next PDU; None at the end.

        Raises:
            RemoteProtocolError: no PDU, or one that is too long.
            ConnectionResetError: an end within one.
        """
        while not self._waiting:
            data = await self._line.receive()
            if not data:
                if self._framer.pending:
                    raise ConnectionResetError("ended within a PDU")
                return None
            self._waiting.extend(self._framer.feed(data))
        self._taken += 1
        if self._taken % TURN == 0:
            await asyncio.sleep(0)
        frame = self._waiting.popleft()
        return frame if self.through is None else self.through(frame)

    @property
    def ready(self) -> bool:
        """The next PDU is here, and `next` gives it out without letting anybody else run."""
        return bool(self._waiting) and (self._taken + 1) % TURN != 0

    def only(self) -> None:
        """Raises RemoteProtocolError when more has come than what was taken."""
        if self._waiting or self._framer.pending:
            raise RemoteProtocolError("more octets than the one PDU that was expected")
