"""Whole screens on a client's own share: drawn off the event loop, the changed part alone, and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.fronts.rdp.pictures import Screen, changed, screen
from gateway.rdp import bitmap
from gateway.rdp.acceptor import Acceptor, AcceptorState

REST: Final = 0.25  # seconds between two drawings, however often a client asks


class Easel:
    """Shows one screen: the newest. `run` draws; nothing is drawn unless the acceptor's share is active."""

    def __init__(self, acceptor: Acceptor, flush: Callable[[], Awaitable[None]]) -> None:
        self._acceptor, self._flush = acceptor, flush
        self._content: Screen | None = None
        self._before: Screen | None = None  # what the client shows; its pixels are not kept: many people may wait
        self._blank = 0  # how often the client had nothing on its screen
        self._wanted, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()

    def show(self, content: Screen) -> None:
        if content != self._content:
            self._content = content
            self._want()

    def anew(self) -> None:
        """The client has nothing on its screen, or says so."""
        self._before = None
        self._blank += 1
        self._want()

    def _want(self) -> None:
        self._idle.clear()
        self._wanted.set()

    async def drawn(self) -> None:
        """What is shown has been sent."""
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._draw()
            if not self._wanted.is_set():
                self._idle.set()
            await asyncio.sleep(REST)

    async def _draw(self) -> None:
        acceptor, content = self._acceptor, self._content
        if content is None or acceptor.state is not AcceptorState.ACTIVE:
            return
        size, before, blank = (acceptor.width, acceptor.height, acceptor.bpp), self._before, self._blank
        updates = await asyncio.to_thread(_prepared, content, before, *size)
        if acceptor.state is not AcceptorState.ACTIVE or (acceptor.width, acceptor.height, acceptor.bpp) != size:
            return
        if self._blank == blank:
            self._before = content
        acceptor.show(updates)
        await self._flush()


def _prepared(content: Screen, before: Screen | None, width: int, height: int, bpp: int) -> list[bytes]:
    """The updates for what is not there yet."""
    there = None if before is None else screen(before, width, height)
    part = changed(there, screen(content, width, height))
    return [] if part is None else bitmap.picture(part.pixels, part.width, part.height, part.x, part.y, bpp)
