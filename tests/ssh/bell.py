"""Waiting for what others do: somebody rings, whoever waits looks again. Nobody sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway.audit.hub import Hub

LIMIT: Final = 60.0  # seconds that a slow machine may take for anything
T = TypeVar("T")


class Bell:
    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def until(self, look: Callable[[], T]) -> T:
        """The first truth that `look` finds; it looks now, and whenever the bell has rung."""
        async with asyncio.timeout(LIMIT):
            while not (found := look()):
                self._rung.clear()
                await self._rung.wait()
        return found


async def committed(hub: Hub, look: Callable[[], Awaitable[T]]) -> T:
    """The first truth that `look` finds; it looks now, and after each event that is committed."""
    with hub.subscribe() as news:
        async with asyncio.timeout(LIMIT):
            while not (found := await look()):
                await news.next()
    return found
