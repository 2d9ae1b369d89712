"""The WebSockets that tell: hints of what changed, and a look into a running session.

Nobody has to send anything on them: who does is cut.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, WebSocket

from gateway.audit.events.sessions import FilePassed
from gateway.audit.model import AuditEvent
from gateway.errors import NotFound, Refused
from gateway.fronts.api import sight
from gateway.fronts.api.deps import Id
from gateway.fronts.api.records import framed, stripped, watched
from gateway.fronts.api.records import view as render
from gateway.fronts.api.sight import Sight
from gateway.fronts.api.sockets import View, opened
from gateway.fronts.api.views.live import Hint, Increment, Over, Snapshot
from gateway.identity.model import Role
from gateway.ids import ExceptionId, GrantId, RequestId, SessionId
from gateway.inventory.model import Protocol
from gateway.sessions.files import Verdict
from gateway.sessions.model import Session

router = APIRouter()
_IDS: Final = ("request", "grant", "release", "session", "exception")
TOLD: Final = ("access.", "session.", "inventory.host_key.", "inventory.exception.")


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    async def serve(view: View) -> None:
        await websocket.accept()
        await view.run(_hints(view), lambda _: True)

    await opened(websocket, serve)


@router.websocket("/sessions/{session_id}/watch")
async def watch(websocket: WebSocket, session_id: Id) -> None:
    async def serve(view: View) -> None:
        found = await sight.session(view.state, view.sight, session_id)
        if not view.sight.watches(found.target):
            raise Refused("not_in_control", "Only the control room, owners of the target and auditors may watch.")
        await websocket.accept()
        await view.run(_look(view, found), lambda seen: seen.watches(found.target))

    await opened(websocket, serve)


async def _hints(view: View) -> None:
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
    """What to say of `event`: ids alone. Refusals and who read a recording are the auditors' business; a file that
    passed is for whoever reads the ledger, and there may be thousands of them."""
    if isinstance(event, FilePassed) and event.verdict != Verdict.HELD:
        return None
    told = event.name.startswith(TOLD) and not event.name.endswith(".refused")
    if not told and not (event.name.startswith("recording.") and Role.AUDITOR in seen.person.roles):
        return None
    ids = {name: value for name in _IDS if (value := getattr(event, name, ""))}
    return Hint(event=event.name, **ids) if ids else None


async def _sees(view: View, hint: Hint) -> bool:
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
        if hint.exception:
            return view.who.person.id in (await view.state.inventory.exception(ExceptionId(hint.exception)))[1].owners
    except NotFound:
        return False
    return False


async def _look(view: View, session: Session) -> None:
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
