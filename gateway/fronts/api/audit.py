"""The audit log, for auditors: on both doors, so that one who audits the admins needs no other way in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from gateway.audit import sql
from gateway.audit.events.runtime import AuditExtracted, CheckpointFailed, CheckpointLeft
from gateway.audit.model import Entry
from gateway.audit.search import Search, search
from gateway.fronts.api.deps import Auditor, Everything, needs
from gateway.fronts.api.pages import following
from gateway.fronts.api.views.audit import CheckpointSent, CheckpointView, EntryPage, EntryView
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.identity.model import Scope
from gateway.limits import AUDIT_PAGE, NAME_OCTETS

router = APIRouter(tags=["audit"], dependencies=[needs(Scope.READ)])
LINES: Final = "application/x-ndjson"
FIELDS: Final = ("person", "target", "session", "request", "grant", "token")
Word = Annotated[str, Query(max_length=2 * NAME_OCTETS)]
Since = Annotated[int, Query(ge=0, lt=1 << 62, description="Index of the first entry to look at.")]
Limit = Annotated[int, Query(ge=1, le=AUDIT_PAGE)]
_EXTRACT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A head line with a signed checkpoint, then one line for each entry with its audit path.",
        "content": {LINES: {"schema": {"type": "string"}}},
    }
}


def _asked(
    name: Annotated[
        str, Query(max_length=2 * NAME_OCTETS, description="Of the event; `access.` with its dot: all that begin so.")
    ] = "",
    actor: Word = "",
    after: Annotated[AwareDatetime | None, Query(description="Entries of this moment or later.")] = None,
    before: Annotated[AwareDatetime | None, Query(description="Entries of an earlier moment.")] = None,
    person: Word = "",
    target: Word = "",
    session: Word = "",
    request: Word = "",
    grant: Word = "",
    token: Word = "",
    text: Annotated[str, Query(max_length=2 * NAME_OCTETS, description="Stands anywhere in the entry.")] = "",
) -> Search:
    given = zip(FIELDS, (person, target, session, request, grant, token), strict=True)
    fields = tuple((field, value) for field, value in given if value)
    return Search(name, actor, after, before, fields, text)


Asked = Annotated[Search, Depends(_asked)]


@router.get("/audit", summary="Entries of the audit log, oldest first", responses=problems(*SIGNED_IN))
async def list_entries(
    _who: Auditor,
    state: Everything,
    asked: Asked,
    http: Request,
    response: Response,
    since: Since = 0,
    limit: Limit = 100,
) -> EntryPage:
    """By time, event, actor, and what the event is about. A search for fields or text looks at 50 000 entries in one
    answer, perhaps without finding any: ask on with `next` until it is null.
    """
    async with state.store.read() as tx:
        found, more = await search(tx, asked, since, limit)
    following(http, response, more, "since")
    return EntryPage(entries=[_view(entry) for entry in found], next=more)


@router.get(
    "/audit/extract",
    summary="Entries with proofs, for an outsider to verify",
    responses=problems(*SIGNED_IN) | _EXTRACT,
    response_class=Response,
)
async def extract(
    who: Auditor, state: Everything, asked: Asked, http: Request, since: Since = 0, limit: Limit = AUDIT_PAGE
) -> Response:
    """JSON lines. The first has the checkpoint (a C2SP signed note) and the site's key. Each other one has an entry's
    exact octets (`line`) and the audit path that leads from it to the checkpoint's root (RFC 9162, 2.1.3).
    `sluicegate audit verify-extract` checks it without a gateway. The extract itself is an entry of the log.
    """
    async with state.store.read() as tx:
        found, more = await search(tx, asked, since, limit)
        head = await state.audit.checkpoint(tx, state.site.name, state.site.signing)
        paths = await state.audit.tiles.proofs(tx, [entry.index for entry in found], head.size)
    async with state.store.write() as tx:
        event = AuditExtracted(actor=who.person.name, source=who.source, entries=len(found), size=head.size)
        await state.audit.append(tx, event)
    key = state.site.signing.public_key().public_bytes_raw()
    answer = Response("".join(_lines(head.note, key, found, paths)), media_type=LINES)
    following(http, answer, more, "since")
    return answer


@router.get("/audit/checkpoint", summary="The signed head of the audit log", responses=problems(*SIGNED_IN))
async def checkpoint(_who: Auditor, state: Everything) -> CheckpointView:
    """As it is now. Keep it elsewhere: what is in the log until here cannot be changed unseen any more."""
    async with state.store.read() as tx:
        head = await state.audit.checkpoint(tx, state.site.name, state.site.signing)
    return CheckpointView(size=head.size, root=head.root.hex(), note=head.note)


@router.get("/audit/checkpoints", summary="Checkpoints that left the box, oldest first", responses=problems(*SIGNED_IN))
async def list_checkpoints(
    _who: Auditor, state: Everything, http: Request, response: Response, since: Since = 0, limit: Limit = 100
) -> list[CheckpointSent]:
    """And those that did not, with why. Whoever received them can tell whether the log was rolled back."""
    names = frozenset({CheckpointLeft.name, CheckpointFailed.name})
    async with state.store.read() as tx:
        found = await sql.read(tx, since=since, limit=limit, names=names)
    following(http, response, found[-1].index + 1 if len(found) == limit else None, "since")
    return [_sent(entry) for entry in found]


def _lines(note: str, key: bytes, found: list[Entry], paths: list[list[bytes]]) -> Iterator[str]:
    yield json.dumps({"checkpoint": note, "site_key": key.hex()}, ensure_ascii=False) + "\n"
    for entry, path in zip(found, paths, strict=True):
        proven = {"index": entry.index, "line": entry.line, "path": [sibling.hex() for sibling in path]}
        yield json.dumps(proven, ensure_ascii=False) + "\n"


def _sent(entry: Entry) -> CheckpointSent:
    values = entry.values()
    return CheckpointSent(
        index=entry.index, at=entry.at, way=values["way"], size=values.get("size"), failure=values.get("why", "")
    )


def _view(entry: Entry) -> EntryView:
    return EntryView(
        index=entry.index,
        at=entry.at,
        name=entry.name,
        code=entry.code,
        actor=entry.actor,
        line=entry.line,
        values=entry.values(),
    )
