"""The two WebSockets: hints of what changed, and a look into a running session.

Both ask for the cookie and, in `headers.Guard`, for this very origin. Nobody has to send anything on them: who does
is cut. An open view counts as use of the sign-in, so that a control room is not signed out while it watches.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from gateway.audit.model import AuditEvent
from gateway.errors import GatewayError, NotFound, Refused
from gateway.fronts.api import sight
from gateway.fronts.api.deps import Asker, Id, asker, services
from gateway.fronts.api.records import framed, stripped, watched
from gateway.fronts.api.records import view as render
from gateway.fronts.api.services import Services
from gateway.fronts.api.sight import Sight
from gateway.fronts.api.views.common import Answer
from gateway.fronts.api.views.live import Hint, Increment, Over, Snapshot
from gateway.identity.model import Role
from gateway.ids import GrantId, PersonId, RequestId, SessionId
from gateway.inventory.model import Protocol
from gateway.limits import API_LIVE, API_LIVE_CHECK, API_LIVE_PER_PERSON, API_LIVE_SEND
from gateway.sessions.model import Session

router = APIRouter()
SIGNED_OUT: Final = 4401  # close code: the sign-in ended, or the right to look
NORMAL: Final = 1000
REFUSED: Final = 1008
TALKED: Final = 1003
_IDS: Final = ("request", "grant", "release", "session")


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


class _View:
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

    async def run(self, pump: Coroutine[None, None, None], allowed: Callable[[Sight], bool]) -> None:
        """Until the pump is done, the client goes, or the person may not look any more."""
        async with asyncio.TaskGroup() as tasks:
            ways = {
                tasks.create_task(_quietly(pump), name="live pump"),
                tasks.create_task(self._client(), name="live client"),
                tasks.create_task(self._guard(allowed), name="live guard"),
            }
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


async def _open(websocket: WebSocket, serve: Callable[[_View], Awaitable[None]]) -> None:
    """Authenticate before the handshake is answered; who may not come in gets no WebSocket."""
    state = services(websocket)
    connections: Connections = websocket.app.state.live
    try:
        who = await asker(websocket)
        seen = await sight.of(state, who.person)
        with connections.one(who.person.id):
            await serve(_View(websocket, state, who, seen))
    except GatewayError:
        with contextlib.suppress(RuntimeError):  # the client may be gone
            await websocket.close(REFUSED)


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    async def serve(view: _View) -> None:
        await websocket.accept()
        await view.run(_hints(view), lambda _: True)

    await _open(websocket, serve)


@router.websocket("/sessions/{session_id}/watch")
async def watch(websocket: WebSocket, session_id: Id) -> None:
    async def serve(view: _View) -> None:
        found = await sight.session(view.state, view.sight, session_id)
        if not view.sight.watches(found.target):
            raise Refused("not_in_control", "Only the control room, owners of the target and auditors may watch.")
        await websocket.accept()
        await view.run(_look(view, found), lambda seen: seen.watches(found.target))

    await _open(websocket, serve)


async def _hints(view: _View) -> None:
    with view.state.audit.hub.subscribe() as events:
        await view.send(Hint(event="live.ready"))
        while True:
            event = await events.next()
            if events.lagged:
                events.lagged = False
                await view.send(Hint(event="live.lagged"))
            elif (hint := _hint(event, view.sight)) and await _sees(view, hint):
                await view.send(hint)


def _hint(event: AuditEvent, seen: Sight) -> Hint | None:
    """What to say of `event`: ids alone. Refusals and who read a recording are the auditors' business."""
    told = event.name.startswith(("access.", "session.")) and not event.name.endswith(".refused")
    if not told and not (event.name.startswith("recording.") and Role.AUDITOR in seen.person.roles):
        return None
    ids = {name: value for name in _IDS if (value := getattr(event, name, ""))}
    return Hint(event=event.name, **ids) if ids else None


async def _sees(view: _View, hint: Hint) -> bool:
    """Whether what `hint` names exists for the person."""
    if view.sight.person.roles & sight.SEES_ALL:
        return True
    try:
        if hint.session:
            return view.sight.session(await view.state.sessions.get(SessionId(hint.session)))
        if hint.request:
            return view.sight.request(await view.state.access.request(RequestId(hint.request)))
        if hint.grant:
            return view.sight.grant(await view.state.access.grant(GrantId(hint.grant)))
    except NotFound:
        return False
    return False


async def _look(view: _View, session: Session) -> None:
    """The picture as it is, then what comes, in messages of `views.live`. After a lag there is another picture."""
    octets = session.protocol is Protocol.RDP
    async with view.state.sessions.watch(session.id, view.who.person, view.who.source) as batches:
        async for batch in batches:
            if batch.fresh:
                await view.send(Snapshot(records=[render(record) for record in batch.records]))
            elif octets:
                for message in framed(map(stripped, batch.records)):
                    await view.send_octets(message)
            else:
                for record in batch.records:
                    if shown := watched(record):
                        await view.send(Increment(record=shown))
    await view.send(Over())
