"""One connection of a front on its way in: it waits with its session, then enters or leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Protocol as Port

from gateway.sessions.connection import Connection
from gateway.sessions.live import Live
from gateway.sessions.model import Arrival, Hold, Session


class Door(Port):
    """What a visit asks of the session core."""

    async def look(self, live: Live) -> Hold | None: ...

    async def enter(self, live: Live, visit: Visit) -> Connection: ...

    async def left(self, live: Live, visit: Visit) -> None: ...


class Visit:
    """Use: `while not await visit.settled(STEP): show(visit.hold)`, then `await visit.enter()`; `leave` otherwise."""

    def __init__(self, live: Live, arrival: Arrival, door: Door) -> None:
        self._live, self.arrival, self._door = live, arrival, door

    @property
    def session(self) -> Session:
        return self._live.session

    @property
    def hold(self) -> Hold | None:
        """What it waits for now; None when `enter` may be called."""
        return self._live.session.hold

    async def settled(self, within: timedelta) -> bool:
        """Wait until nothing is missing (True), or until `within` has passed or the hold has changed (False).

        Raises:
            Refused: it will never be; the words say why.
        """
        before, woken = self.hold, self._live.woken()
        if await self._settled():
            return True
        try:
            async with asyncio.timeout(within.total_seconds()):
                while self.hold == before:
                    await woken.wait()
                    woken = self._live.woken()
                    if await self._settled():
                        return True
        except TimeoutError:
            return await self._settled()
        return False

    async def enter(self) -> Connection:
        """Start the session, or join it.

        Raises:
            Refused: no.
            Conflict: something that it needs went away in this moment: it holds again, go on with `settled`.
        """
        return await self._door.enter(self._live, self)

    async def leave(self) -> None:
        """The person left while waiting. Harmless after `enter`."""
        await self._door.left(self._live, self)

    async def _settled(self) -> bool:
        if self._live.over:
            raise self._live.refused()
        return self._live.running or await self._door.look(self._live) is None
