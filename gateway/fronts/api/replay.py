"""What a recording says in words, for auditors: a search of its terminals, and what was typed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.fronts.api.deps import Auditor, Everything, Id, needs
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.replay import LinePage, LineView, TypedPage, TypedView
from gateway.identity.model import Scope
from gateway.ids import SessionId
from gateway.limits import SEARCH_CHARACTERS

router = APIRouter(tags=["recordings"], dependencies=[needs(Scope.READ)])
_ONE = problems(*SIGNED_IN, 404, 409)
Micros = Annotated[int, Query(ge=0, lt=1 << 53)]


@router.get("/recordings/{session_id}/lines", summary="Search what stood on the terminals", responses=_ONE)
async def get_lines(
    session_id: Id,
    who: Auditor,
    state: Everything,
    q: Annotated[str, Query(max_length=SEARCH_CHARACTERS)] = "",
    from_us: Micros = 0,
) -> LinePage:
    """Lines that hold `q`, whatever the case; without it all of them. Colours and cursor movements are carried out, so
    what is found is what a person saw. One answer covers a few megabytes of the recording, perhaps without a line:
    ask on with `next_us`. Desktops have no lines.
    """
    found = await state.recordings.lines(SessionId(session_id), q, from_us, actor=who.person.name, source=who.source)
    views = [LineView(at_us=line.at_us, stream=line.stream, text=line.text) for line in found.lines]
    return LinePage(lines=views, next_us=found.next_us)


@router.get("/recordings/{session_id}/typed", summary="What was typed, line by line", responses=_ONE)
async def get_typed(session_id: Id, who: Auditor, state: Everything, from_us: Micros = 0) -> TypedPage:
    """What the target echoed can be read; of what it did not echo, like a password, only how much it was."""
    found = await state.recordings.typed(SessionId(session_id), from_us, actor=who.person.name, source=who.source)
    views = [
        TypedView(at_us=line.at_us, stream=line.stream, text=line.text, hidden_octets=line.hidden)
        for line in found.lines
    ]
    return TypedPage(lines=views, next_us=found.next_us)
