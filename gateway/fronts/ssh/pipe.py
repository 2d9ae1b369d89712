"""Between a direct-tcpip channel of the client and a socket: a tap that is asked first, flow control, half-closes.

INVARIANT: an octet passes only after the tap took it; one that it did not take waits, and nothing overtakes it.
Back pressure reaches through: whoever does not read stops the other's reading.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from enum import Flag, auto

import asyncssh

from gateway.fronts.ssh.valve import Valve
from gateway.limits import KILL_LIMIT

Tap = Callable[[int, int], bool]  # octets to the person, octets to the socket: whether they may pass now


class Why(Flag):
    """Why one side is not read at the moment."""

    OPENING = auto()  # the other side is not there yet
    FULL = auto()  # the other side does not take more
    TRANSPORT = auto()  # nor does its connection as a whole
    HELD = auto()  # the tap did not take a chunk, which waits


class Pipe(asyncssh.SSHTCPSession[bytes]):
    """The channel's session, once its socket is joined. It is over when both sides have said so, or one is gone.

    Args:
        over: called once, when nothing passes any more.
    """

    def __init__(self, tap: Tap, over: Callable[[], None]) -> None:
        self._tap, self._on_over = tap, over
        self._near: asyncssh.SSHTCPChannel[bytes] | None = None
        self._near_valve: Valve | None = None
        self._far = Far(self)
        self._to_near: list[bytes] = []  # at most what came in one read
        self._to_far: list[bytes] = []
        self._near_eof = self._far_eof = False  # that side sends no more
        self._over = False

    async def join(self, sock: socket.socket) -> None:
        """The far end is `sock`, which is the pipe's own from now on."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self._far, sock=sock)
        except BaseException:
            sock.close()
            raise

    # --- the channel (asyncssh calls)

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self._near, self._near_valve = chan, Valve(chan)
        if self._over:
            chan.abort()
            return
        self._far.valve.open(Why.OPENING)
        self._maybe_done()

    def data_received(self, data: bytes, datatype: int | None) -> None:  # noqa: ARG002 - TCP has one kind
        if self._over:
            return
        if self._to_far or not self._deliver_far(data):
            self._to_far.append(data)
            self._shut_near(Why.HELD)

    def eof_received(self) -> bool:
        self._near_eof = True
        self._maybe_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._near = self._near_valve = None
        self._finish(gently=exc is None and not self._to_far)

    def pause_writing(self) -> None:
        self._far.valve.shut(Why.FULL)

    def resume_writing(self) -> None:
        self._far.valve.open(Why.FULL)

    # --- the socket (`Far` calls)

    def far_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._to_near or not self._deliver_near(data):
            self._to_near.append(data)
            self._far.valve.shut(Why.HELD)

    def far_ended(self) -> None:
        """It sends no more."""
        self._far_eof = True
        self._maybe_done()

    def far_lost(self) -> None:
        self._near_eof = self._far_eof = True
        self._to_far.clear()
        self._maybe_done()

    def far_full(self, full: bool) -> None:
        if full:
            self._shut_near(Why.FULL)
        else:
            self._open_near(Why.FULL)

    # --- the connection and its session

    def transport_full(self, full: bool) -> None:
        """The connection of the channel as a whole does not take more."""
        if full:
            self._far.valve.shut(Why.TRANSPORT)
        else:
            self._far.valve.open(Why.TRANSPORT)

    def retry(self) -> None:
        """The tap may take now what it did not take before."""
        while self._to_near and not self._over and self._deliver_near(self._to_near[0]):
            del self._to_near[0]
        while self._to_far and not self._over and self._deliver_far(self._to_far[0]):
            del self._to_far[0]
        if not self._to_near:
            self._far.valve.open(Why.HELD)
        if not self._to_far:
            self._open_near(Why.HELD)
        self._maybe_done()

    def cut(self) -> None:
        """Nothing passes any more, either way, from this moment on."""
        self._finish(gently=False)

    def cut_when_sent(self) -> None:
        """Nobody is at the far end any more: what is on its way to the client still goes there."""
        self.far_lost()

    # --- within

    def _deliver_near(self, data: bytes) -> bool:
        if self._near is None or not self._tap(len(data), 0):
            return False
        try:
            self._near.write(data)
        except OSError:  # the client closed its channel in this moment; `connection_lost` follows
            return True
        return True

    def _deliver_far(self, data: bytes) -> bool:
        if not self._tap(0, len(data)):
            return False
        self._far.write(data)
        return True

    def _shut_near(self, why: Why) -> None:
        if self._near_valve is not None:
            self._near_valve.shut(why)

    def _open_near(self, why: Why) -> None:
        if self._near_valve is not None:
            self._near_valve.open(why)

    def _maybe_done(self) -> None:
        """Pass on the ends, each after the last octet before it; with both, close."""
        if self._over or self._near is None:
            return
        if self._far_eof and not self._to_near:
            self._near.write_eof()
        if self._near_eof and not self._to_far:
            self._far.write_eof()
        if self._near_eof and self._far_eof and not self._to_near and not self._to_far:
            self._finish(gently=True)

    def _finish(self, *, gently: bool) -> None:
        if self._over:
            return
        self._over = True
        self._to_near.clear()
        self._to_far.clear()
        if gently:
            self._far.close()
        else:
            self._far.abort()
        if self._near is not None:
            if gently:
                self._near.close()
            else:
                self._near.abort()
        self._on_over()


class Far(asyncio.Protocol):
    """The socket's side of a pipe. Not read before the channel is there."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._transport: asyncio.Transport | None = None
        self._eof_said = self._gone = False
        self.valve = Valve(self)
        self.valve.shut(Why.OPENING)

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("no transport of a socket")
        self._transport = transport
        if self._gone:
            transport.abort()
        elif self.valve.shut_now:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._pipe.far_received(data)

    def eof_received(self) -> bool:
        self._pipe.far_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the client reads an end either way
        self._pipe.far_lost()

    def pause_writing(self) -> None:
        self._pipe.far_full(True)

    def resume_writing(self) -> None:
        self._pipe.far_full(False)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def write_eof(self) -> None:
        if self._transport is not None and not self._eof_said and not self._transport.is_closing():
            self._eof_said = True
            self._transport.write_eof()

    def close(self) -> None:
        """What was written goes out first, if it does within `KILL_LIMIT`."""
        self._gone = True
        if self._transport is not None:
            self._transport.close()
            if self._transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(KILL_LIMIT.total_seconds(), self._transport.abort)

    def abort(self) -> None:
        self._gone = True
        if self._transport is not None:
            self._transport.abort()
