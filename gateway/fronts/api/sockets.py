"""What every WebSocket has in common: who may open it, how many there may be, when it ends.

Each asks for the cookie and, in `headers.Guard`, for this very origin. An open one counts as use of the sign-in, so
that a control room is not signed out while it watches; signing out ends them all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Final

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from gateway.audit.model import AuditEvent
from gateway.errors import GatewayError, Refused
from gateway.fronts.api import sight
from gateway.fronts.api.deps import Asker, asker, services
from gateway.fronts.api.services import Services
from gateway.fronts.api.sight import Sight
from gateway.fronts.api.views.common import Answer
from gateway.ids import PersonId
from gateway.limits import API_LIVE, API_LIVE_CHECK, API_LIVE_PER_PERSON, API_LIVE_SEND

SIGNED_OUT: Final = 4401  # close code: the sign-in ended, or the right to look
NORMAL: Final = 1000
REFUSED: Final = 1008
TALKED: Final = 1003


class Connections:
    """How many WebSockets are open: INVARIANT: never more than the limits say, in all and of one person."""

    def __init__(self) -> None:
        self._open = Counter[PersonId]()

    @contextlib.contextmanager
    def one(self, person: PersonId) -> Iterator[None]:
        if self._open[person] >= API_LIVE_PER_PERSON or self._open.total() >= API_LIVE:
            raise Refused("too_many_views", "Too many live views are open. Close one first.")
        self._open[person] += 1
        try:
            yield
        finally:
            self._open[person] -= 1
            self._open += Counter()  # drops those at zero


class View:
    """One WebSocket of one person; `sight` is what he may see now."""

    def __init__(self, websocket: WebSocket, state: Services, who: Asker, seen: Sight) -> None:
        self.websocket, self.state, self.who, self.sight = websocket, state, who, seen
        self.code = NORMAL

    async def send(self, answer: Answer) -> None:
        async with asyncio.timeout(API_LIVE_SEND.total_seconds()):
            await self.websocket.send_text(answer.model_dump_json(exclude_none=True))

    async def send_octets(self, message: bytes) -> None:
        async with asyncio.timeout(API_LIVE_SEND.total_seconds()):
            await self.websocket.send_bytes(message)

    async def run(
        self, pump: Coroutine[None, None, None], allowed: Callable[[Sight], bool], *, talks: bool = False
    ) -> None:
        """Until the pump is done, the client goes, or the person may not look any more.

        Args:
            talks: the pump itself reads what the client says; else a client that says anything is cut.
        """
        async with asyncio.TaskGroup() as tasks:
            ways = {
                tasks.create_task(_quietly(pump), name="live pump"),
                tasks.create_task(self._guard(allowed), name="live guard"),
            }
            if not talks:
                ways.add(tasks.create_task(self._client(), name="live client"))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):  # the client may be gone
            async with asyncio.timeout(API_LIVE_SEND.total_seconds()):
                await self.websocket.close(self.code)

    async def _client(self) -> None:
        message = await self.websocket.receive()
        if message["type"] == "websocket.receive":
            self.code = TALKED

    async def _guard(self, allowed: Callable[[Sight], bool]) -> None:
        """Looks again when the person, his sign-in or the inventory changed, and every `API_LIVE_CHECK`."""
        loop = asyncio.get_running_loop()
        with self.state.audit.hub.subscribe() as events:
            while await self._still(allowed):
                again = loop.time() + API_LIVE_CHECK.total_seconds()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(again):
                        while not self._concerns(await events.next()) and not events.lagged:
                            pass
                events.lagged = False
        self.code = SIGNED_OUT

    def _concerns(self, event: AuditEvent) -> bool:
        if event.name.startswith("identity."):
            his = getattr(event, "person", "") == self.who.person.name
            return his or getattr(event, "organisation", "") == self.who.person.organisation.name
        return event.name.startswith("inventory.")

    async def _still(self, allowed: Callable[[Sight], bool]) -> bool:
        try:
            sign_in = await self.state.identity.sign_in_of(self.who.token, self.who.source)
            if sign_in is None:
                return False
            self.sight = await sight.of(self.state, sign_in.person)
        except GatewayError:  # the store cannot answer: the answer is no
            return False
        return allowed(self.sight)


async def _quietly(pump: Coroutine[None, None, None]) -> None:
    """A viewer that went away or takes nothing is no error, nor a session that ended meanwhile."""
    try:
        await pump
    except* (WebSocketDisconnect, TimeoutError, GatewayError):
        pass


async def opened(websocket: WebSocket, serve: Callable[[View], Awaitable[None]]) -> None:
    """Authenticate before the handshake is answered; who may not come in gets no WebSocket."""
    state = services(websocket)
    connections: Connections = websocket.app.state.live
    try:
        who = await asker(websocket)
        seen = await sight.of(state, who.person)
        with connections.one(who.person.id):
            await serve(View(websocket, state, who, seen))
    except GatewayError:
        with contextlib.suppress(RuntimeError):  # the client may be gone
            await websocket.close(REFUSED)
