"""The ledger of files, and the uploads that wait in it for somebody to deliver them (C62)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from gateway.errors import NotFound
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Everything, Id, needs
from gateway.fronts.api.pages import following
from gateway.fronts.api.render import Titles, titles_of
from gateway.fronts.api.services import Services
from gateway.fronts.api.sight import SEES_ALL
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.files import Deliver, FilePage, FileView, Sha256, Withhold
from gateway.identity.model import Person, Role, Scope
from gateway.ids import FileId
from gateway.limits import NAME_OCTETS
from gateway.sessions.files import OPEN, Line, Verdict
from gateway.sessions.sql_files import Sought

router = APIRouter(tags=["files"], dependencies=[needs(Scope.ACCESS)])
PAGE: Final = 100  # lines in one answer
_ONE = problems(*SIGNED_IN, 404)
_DECIDED = problems(*SIGNED_IN, 404, 409)
Word = Annotated[str, Query(max_length=NAME_OCTETS)]


@router.get("/files", summary="Files that passed or are held, newest first", responses=problems(*SIGNED_IN))
async def list_files(
    who: Anyone,
    state: Everything,
    request: Request,
    response: Response,
    session: Word = "",
    person: Word = "",
    target: Word = "",
    path: Annotated[str, Query(max_length=1024, description="A part of it.")] = "",
    sha256: Sha256 = "",
    verdict: Verdict | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[int | None, Query(ge=1, lt=1 << 62)] = None,
) -> FilePage:
    """Yours, those of targets that you own; all for auditors and the control room."""
    owned = await _owned(state, who.person)
    seen = None if who.person.roles & SEES_ALL else owned
    sought = Sought(
        session=session, person=person, target=target, path=path, sha256=sha256, verdict=verdict or "", since=since,
        until=until, before=cursor, targets=seen, own=who.person.name,
    )  # fmt: skip
    found = await state.sessions.held.find(sought, PAGE)
    titles = await titles_of(state)
    more = found[-1].place if len(found) == PAGE else None
    following(request, response, more)
    return FilePage(files=[_view(line, who.person, owned, titles) for line in found], cursor=more)


@router.get("/files/{file_id}", summary="One file", responses=_ONE)
async def get_file(file_id: Id, who: Anyone, state: Everything) -> FileView:
    line, owned = await _seen(state, who.person, file_id)
    return _view(line, who.person, owned, await titles_of(state))


@router.post(
    "/files/{file_id}/deliver",
    summary="Let a held upload reach the target",
    responses=_DECIDED,
    dependencies=[SIGNED_IN_ONLY],
)
async def deliver(file_id: Id, asked: Deliver, who: Anyone, state: Everything) -> FileView:
    """It goes there in the session of the same approval that runs, or in the next one; never outside of one."""
    line, owned = await _seen(state, who.person, file_id)
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    moved = await state.sessions.held.deliver(line.passed.id, who.person, proof)
    return _view(moved, who.person, owned, await titles_of(state))


@router.post("/files/{file_id}/withhold", summary="Keep a held upload from the target, for good", responses=_DECIDED)
async def withhold(file_id: Id, asked: Withhold, who: Anyone, state: Everything) -> FileView:
    line, owned = await _seen(state, who.person, file_id)
    moved = await state.sessions.held.withhold(line.passed.id, who.person, asked.reason, who.source)
    return _view(moved, who.person, owned, await titles_of(state))


async def _owned(state: Services, person: Person) -> frozenset[str]:
    """Names of the targets that he owns: lines of the ledger name their target so."""
    return frozenset(t.name for t in await state.inventory.targets() if person.id in t.owners)


async def _seen(state: Services, person: Person, file_id: str) -> tuple[Line, frozenset[str]]:
    """The line, if he may know of it; else NotFound, the same for both."""
    line, owned = await state.sessions.held.get(FileId(file_id)), await _owned(state, person)
    said = line.passed
    if not (person.roles & SEES_ALL or said.target in owned or said.person == person.name):
        raise NotFound("file")
    return line, owned


def _view(line: Line, who: Person, owned: frozenset[str], titles: Titles) -> FileView:
    said = line.passed
    return FileView(
        id=said.id, session=said.session, seq=said.seq, person=said.person,
        person_title=titles.get(said.person, said.person), target=said.target,
        way="upload" if said.way == "upload" else "download", path=said.path, octets=said.octets,
        ranges=list(said.ranges), sha256=said.sha256, partial=said.partial, verdict=Verdict(said.verdict),
        words=said.words, opened=said.opened, closed=said.closed, decided_by=line.decided_by,
        decided_by_title=titles.get(line.decided_by, line.decided_by), decided=line.decided,
        may=_may(line, who, owned),
    )  # fmt: skip


def _may(line: Line, who: Person, owned: frozenset[str]) -> list[Literal["deliver", "withhold"]]:
    """What to offer him in the page. The service decides; this only saves him a refusal."""
    said = line.passed
    controls = Role.OPERATOR in who.roles or said.target in owned
    if not controls or said.person == who.name or said.verdict not in OPEN:
        return []
    return ["deliver", "withhold"] if said.verdict == Verdict.HELD else ["withhold"]
