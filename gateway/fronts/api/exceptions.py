"""Exceptions (C34), read and ended before their time on both doors.

They are proposed on the admin door (`inventory.py`) and accepted on the people's (`exceptions_owners.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from gateway.errors import NotFound
from gateway.fronts.api.deps import Anyone, Asker, Everything, Id, needs
from gateway.fronts.api.pages import Pages
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.access import Reason
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.exceptions import ExceptionPage, ExceptionView
from gateway.identity.model import Person, Role, Scope
from gateway.ids import ExceptionId, PersonId
from gateway.inventory.model import ExceptionState, SecurityException, Target
from gateway.limits import NAME_OCTETS

router = APIRouter(tags=["exceptions"], dependencies=[needs(Scope.INVENTORY)])
Titles = Mapping[PersonId, str]
_ONE = problems(*SIGNED_IN, 404)
_MOVE = problems(*SIGNED_IN, 404, 409)


@router.get("/exceptions", summary="Exceptions that concern you, newest first", responses=problems(*SIGNED_IN))
async def list_exceptions(
    who: Anyone,
    state: Everything,
    pages: Pages,
    target: Annotated[str, Query(max_length=NAME_OCTETS)] = "",
    status: ExceptionState | None = None,
) -> ExceptionPage:
    """Of the targets that you own; admins, operators and auditors read all."""
    now, titles = state.clock.now(), await _titles(state)
    found = [
        (one, of)
        for one, of in await state.inventory.exceptions()
        if _concerns(who.person, of) and target in {"", of.name} and status in {None, one.state(now)}
    ]
    page = pages.cut(found, lambda pair: pair[0].id)
    shown = [_view(one, of, who.person, now, titles) for one, of in page]
    return ExceptionPage(exceptions=shown, cursor=pages.next)


@router.get("/exceptions/{exception_id}", summary="One exception", responses=_ONE)
async def get_exception(exception_id: Id, who: Anyone, state: Everything) -> ExceptionView:
    one, of = await found(state, who, exception_id)
    return await seen(state, who, one, of)


@router.post("/exceptions/{exception_id}/end", summary="End an exception before its time", responses=_MOVE)
async def end_exception(exception_id: Id, asked: Reason, who: Anyone, state: Everything) -> ExceptionView:
    """Or turn a proposal down: an owner of the target, or an admin. Who is in already stays until his own end."""
    one, of = await found(state, who, exception_id)
    one = await state.inventory.end_exception(
        who.person.name,
        who.person.id,
        one.id,
        asked.reason,
        admin=Role.ADMIN in who.person.roles,
        source=who.source,
    )
    return await seen(state, who, one, of)


async def found(state: Services, who: Asker, exception_id: str) -> tuple[SecurityException, Target]:
    """It and its target; NotFound, the same as for none, when it is not the asker's business."""
    one, of = await state.inventory.exception(ExceptionId(exception_id))
    if not _concerns(who.person, of):
        raise NotFound("exception")
    return one, of


def _concerns(person: Person, target: Target) -> bool:
    return person.id in target.owners or bool(person.roles & {Role.ADMIN, Role.OPERATOR, Role.AUDITOR})


async def _titles(state: Services) -> Titles:
    return {person.id: person.title for person in await state.identity.people()}


async def seen(state: Services, who: Asker, one: SecurityException, of: Target) -> ExceptionView:
    return _view(one, of, who.person, state.clock.now(), await _titles(state))


def _view(one: SecurityException, of: Target, person: Person, now: datetime, titles: Titles) -> ExceptionView:
    return ExceptionView(
        id=one.id,
        state=one.state(now),
        kind=one.kind,
        target=of.name,
        target_title=of.title,
        service=one.service,
        reason=one.reason,
        clause=one.clause,
        compensation=one.compensation,
        proposed_by=_title(one.proposed_by, titles),
        proposed=one.proposed,
        expires=one.expires,
        accepted_by=_title(one.accepted_by, titles),
        accepted=one.accepted,
        ended_by=_title(one.ended_by, titles),
        ended=one.ended,
        ended_reason=one.ended_reason,
        may=_may(one, of, person, now),
    )


def _may(one: SecurityException, of: Target, person: Person, now: datetime) -> list[Literal["accept", "end"]]:
    state, owner = one.state(now), person.id in of.owners
    may: list[Literal["accept", "end"]] = []
    if state is ExceptionState.PROPOSED and owner and person.id != one.proposed_by:
        may.append("accept")
    if state in {ExceptionState.PROPOSED, ExceptionState.LIVE} and (owner or Role.ADMIN in person.roles):
        may.append("end")
    return may


def _title(person: PersonId | None, titles: Titles) -> str:
    return "" if person is None else titles.get(person, person)
