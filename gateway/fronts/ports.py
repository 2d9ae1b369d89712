"""What more than one front needs of the rest of the house, and the two ends of a desktop in a page of each other."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

from gateway.clock import Deadline
from gateway.inventory.model import Credential, Service
from gateway.policy.model import Channel
from gateway.sessions.model import End, EndReason, Hold, Notice, Session


class Connection(Protocol):
    """A front connection that belongs to a running session."""

    on_notice: Callable[[Notice], None]
    on_end: Callable[[End], None]
    on_pause: Callable[[bool], None]

    @property
    def number(self) -> int: ...
    @property
    def session(self) -> Session: ...
    @property
    def deadline(self) -> Deadline: ...
    @property
    def service(self) -> Service: ...

    async def dial(self) -> socket.socket: ...
    async def credential(self) -> Credential: ...
    async def permit(self, channel: Channel, /) -> None: ...
    async def close(self, reason: EndReason, words: str = "", /) -> None: ...


Entered_co = TypeVar("Entered_co", bound=Connection, covariant=True)


class Visit(Protocol[Entered_co]):
    """Somebody on his way in."""

    @property
    def hold(self) -> Hold | None: ...
    @property
    def session(self) -> Session: ...

    async def settled(self, within: timedelta, /) -> bool: ...
    async def enter(self) -> Entered_co: ...
    async def leave(self) -> None: ...


class WebChannel(Protocol):
    """A browser's WebSocket, already authenticated. Binary messages both ways; their borders mean nothing. One task
    reads and one sends."""

    async def receive(self) -> bytes:
        """The next message; empty at the end."""
        ...

    async def send(self, data: bytes, /) -> None:
        """Returns when there is room for more; a browser that is gone is no error."""
        ...

    async def close(self, words: str, /) -> None:
        """The end, and why. Harmless when it is closed."""
        ...
