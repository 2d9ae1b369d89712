"""The audit log, for auditors: on both doors, so that one who audits the admins needs no other way in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.audit import sql
from gateway.audit.model import Entry
from gateway.fronts.api.deps import Auditor, Everything, needs
from gateway.fronts.api.views.audit import CheckpointView, EntryPage, EntryView
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.identity.model import Scope
from gateway.limits import NAME_OCTETS

router = APIRouter(tags=["audit"], dependencies=[needs(Scope.READ)])
Word = Annotated[str, Query(max_length=2 * NAME_OCTETS)]


@router.get("/audit", summary="Entries of the audit log, oldest first", responses=problems(*SIGNED_IN))
async def list_entries(
    _who: Auditor,
    state: Everything,
    since: Annotated[int, Query(ge=0, lt=1 << 62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    name: Word = "",
    actor: Word = "",
) -> EntryPage:
    names = frozenset({name}) if name else frozenset[str]()
    async with state.store.read() as tx:
        found = await sql.read(tx, since=since, limit=limit, names=names, actor=actor)
    more = found[-1].index + 1 if len(found) == limit else None
    return EntryPage(entries=[_view(entry) for entry in found], next=more)


@router.get("/audit/checkpoint", summary="The signed head of the audit log", responses=problems(*SIGNED_IN))
async def checkpoint(_who: Auditor, state: Everything) -> CheckpointView:
    async with state.store.read() as tx:
        head = await state.audit.checkpoint(tx, state.site.name, state.site.signing)
    return CheckpointView(size=head.size, root=head.root.hex(), note=head.note)


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
