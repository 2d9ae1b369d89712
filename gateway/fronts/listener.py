"""The door that a front listens at: who may come in is decided before an octet is read; each connection is a task."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Protocol, TypeVar

import structlog

from gateway.clock import ZERO, Clock
from gateway.fronts.penalties import Penalties, source_of
from gateway.limits import FRONT_CONNECTIONS, FRONT_PENDING, FRONT_PENDING_PER_SOURCE

log = structlog.get_logger()

BACKLOG: Final = 128  # connections the kernel keeps for us
OUT_OF_FILES: Final = timedelta(milliseconds=200)  # until the next try when the process has no file descriptor left


class Place:
    """One connection's place among those that are counted. Left exactly once.

    Attributes:
        pending: nobody has proved yet who is there.
    """

    def __init__(self, admission: Admission, source: str) -> None:
        self._admission, self._source = admission, source
        self.pending = self._here = True

    def proven(self) -> None:
        """Whoever is there has proved who he is: no longer one of the pending."""
        if self.pending:
            self.pending = False
            self._admission.proven(self._source)

    def leave(self) -> None:
        if self._here:
            self._here = False
            self._admission.left(self._source, self.pending)


class Admission:
    """How many may stand at the door, in all and from one source.

    INVARIANT: `pending` counts the places taken and not yet proven, `total` the places taken.
    """

    def __init__(
        self,
        penalties: Penalties,
        *,
        pending: int = FRONT_PENDING,
        per_source: int = FRONT_PENDING_PER_SOURCE,
        total: int = FRONT_CONNECTIONS,
    ) -> None:
        self.penalties = penalties
        self._most_pending, self._most_per_source, self._most = pending, per_source, total
        self.pending = self.total = 0
        self._of: Counter[str] = Counter()

    def refusal(self, address: str, at: timedelta) -> str:
        """Why this address may not come in now, in words; empty when it may."""
        wait = self.penalties.waits(address, at)
        if wait > ZERO:
            return f"Too many failures from your address. Wait {-(-wait // timedelta(seconds=1))} s and try again."
        if self._of[source_of(address)] >= self._most_per_source:
            return "Too many connections from your address are not yet signed in. Try again in a minute."
        if self.pending >= self._most_pending or self.total >= self._most:
            return "The gateway has no place free. Try again in a minute."
        return ""

    def take(self, address: str) -> Place:
        source = source_of(address)
        self.pending, self.total = self.pending + 1, self.total + 1
        self._of[source] += 1
        return Place(self, source)

    def proven(self, source: str) -> None:
        self.pending -= 1
        self._of[source] -= 1
        if not self._of[source]:
            del self._of[source]

    def left(self, source: str, pending: bool) -> None:
        self.total -= 1
        if pending:
            self.proven(source)


Handle = Callable[[socket.socket, str, Place], Awaitable[None]]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on exactly this address; port 0 lets the kernel choose.

    Raises:
        OSError: it is taken, or not one of this machine; names the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from None
    return sock


class Listener:
    """Accepts until cancelled, and ends when its last connection has ended.

    `handle` owns the socket it is given until it returns; what it raises ends its own connection and no other.
    `farewell` makes of words what a client of the front shows, or skips, when it is turned away; octets or none.
    """

    def __init__(
        self,
        sock: socket.socket,
        admission: Admission,
        clock: Clock,
        handle: Handle,
        farewell: Callable[[str], bytes] = lambda _: b"",
    ) -> None:
        self._sock, self._admission, self._clock, self._handle = sock, admission, clock, handle
        self._farewell = farewell

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                try:
                    peer, address = await loop.sock_accept(self._sock)
                except OSError as error:
                    log.warning("Cannot accept", error=str(error))
                    await asyncio.sleep(OUT_OF_FILES.total_seconds())
                    continue
                source = str(address[0])
                if words := self._admission.refusal(source, self._clock.instant().boot):
                    log.info("Turned away at the door", source=source, words=words)
                    _turn_away(peer, self._farewell(words))
                    continue
                place = self._admission.take(source)
                connections.create_task(self._one(peer, source, place), name=f"connection from {source}")

    async def _one(self, peer: socket.socket, source: str, place: Place) -> None:
        try:
            await self._handle(peer, source, place)
        except Exception:  # the boundary: a failure of one connection stays its own
            log.exception("A connection failed", source=source)
        finally:
            place.leave()
            with contextlib.suppress(OSError):
                peer.close()


def _turn_away(peer: socket.socket, farewell: bytes) -> None:
    """Say it and close; never wait for it."""
    with contextlib.suppress(OSError):
        peer.setblocking(False)
        peer.send(farewell)
    peer.close()


class Front(Protocol):
    async def run(self) -> None:
        """Let people in, until cancelled."""
        ...

    async def close(self) -> None:
        """Tell everybody who is still there, and wait until they have gone; not for long."""
        ...


Opened = TypeVar("Opened", bound=Front)


@asynccontextmanager
async def served(host: str, port: int, front: Callable[[socket.socket], Opened]) -> AsyncIterator[Opened]:
    """The front that `front` makes of a socket listening at `host`:`port`, until the block is left.

    Raises:
        OSError: as `listen`.
    """
    sock = listen(host, port)
    try:
        opened = front(sock)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(opened.run())
            try:
                yield opened
            finally:
                await opened.close()
                running.cancel()
    finally:
        sock.close()
