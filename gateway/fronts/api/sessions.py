"""Who is in the plant now, and the hand on the switch."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from gateway.fronts.api import sight
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Everything, Id, needs
from gateway.fronts.api.pages import following
from gateway.fronts.api.render import session_view
from gateway.fronts.api.services import Services
from gateway.fronts.api.sight import Sight
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.sessions import AskExtension, Extend, Kill, Message, SessionView, WhyPause
from gateway.identity.model import Scope
from gateway.ids import SessionId

router = APIRouter(tags=["sessions"], dependencies=[needs(Scope.ACCESS)])
_MOVES = problems(*SIGNED_IN, 404, 409)


class SessionScope(StrEnum):
    LIVE = "live"
    ENDED = "ended"
    MINE = "mine"


@router.get("/sessions", summary="Sessions that you may know of, newest first", responses=problems(*SIGNED_IN))
async def list_sessions(
    who: Anyone,
    state: Everything,
    request: Request,
    response: Response,
    scope: SessionScope = SessionScope.LIVE,
    cursor: Annotated[AwareDatetime | None, Query(description="As the `Link` of the answer before has it.")] = None,
) -> list[SessionView]:
    """`live`: all at once. `ended` and `mine`: in pages, of which one may be empty and not be the last."""
    seen = await sight.of(state, who.person)
    match scope:
        case SessionScope.LIVE:
            found = await state.sessions.live()
        case SessionScope.ENDED:
            whose = None if seen.beyond_his_own else who.person.id
            found = await state.sessions.find(ended=True, person=whose, before=cursor)
        case SessionScope.MINE:
            found = await state.sessions.find(person=who.person.id, before=cursor)
    if found and scope is not SessionScope.LIVE:
        following(request, response, found[-1].created.isoformat())
    return [session_view(state, s, seen) for s in found if seen.session(s)]


@router.get("/sessions/{session_id}", summary="One session", responses=problems(*SIGNED_IN, 404))
async def get_session(session_id: Id, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    return session_view(state, await sight.session(state, seen, session_id), seen)


@router.post("/sessions/{session_id}/pause", summary="Freeze the person's input", responses=_MOVES)
async def pause(session_id: Id, asked: WhyPause, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    found = await sight.controlled(state, seen, session_id)
    await state.sessions.pause(found.id, who.person, who.source, asked.reason)
    return await _now(state, seen, found.id)


@router.post("/sessions/{session_id}/resume", summary="Give the input back", responses=_MOVES)
async def resume(session_id: Id, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    found = await sight.controlled(state, seen, session_id)
    await state.sessions.resume(found.id, who.person, who.source)
    return await _now(state, seen, found.id)


@router.post("/sessions/{session_id}/kill", summary="End it now", responses=_MOVES)
async def kill(session_id: Id, asked: Kill, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    found = await sight.controlled(state, seen, session_id)
    until = state.clock.now() + timedelta(minutes=asked.block_minutes) if asked.block_minutes else None
    await state.sessions.kill(found.id, who.person, who.source, asked.reason, block_until=until)
    return await _now(state, seen, found.id)


@router.post(
    "/sessions/{session_id}/extend", summary="Give it more time", responses=_MOVES, dependencies=[SIGNED_IN_ONLY]
)
async def extend(session_id: Id, asked: Extend, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    found = await sight.controlled(state, seen, session_id)
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    await state.sessions.extend(found.id, who.person, proof, timedelta(minutes=asked.minutes), asked.reason)
    return await _now(state, seen, found.id)


@router.post("/sessions/{session_id}/ask-extension", summary="Ask for more time in your session", responses=_MOVES)
async def ask_extension(session_id: Id, asked: AskExtension, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    found = await sight.own_session(state, seen, session_id)
    await state.sessions.ask_extension(found.id, who.person, timedelta(minutes=asked.minutes), asked.reason)
    return await _now(state, seen, found.id)


@router.post("/sessions/{session_id}/message", summary="Say something to the person in the session", responses=_MOVES)
async def message(session_id: Id, asked: Message, who: Anyone, state: Everything) -> SessionView:
    seen = await sight.of(state, who.person)
    found = await sight.controlled(state, seen, session_id)
    await state.sessions.message(found.id, who.person, asked.words, who.source)
    return await _now(state, seen, found.id)


async def _now(state: Services, seen: Sight, session_id: SessionId) -> SessionView:
    return session_view(state, await state.sessions.get(session_id), seen)
