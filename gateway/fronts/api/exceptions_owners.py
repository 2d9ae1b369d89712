"""An owner of a target answers for an exception (C34): the people's door alone."""

from __future__ import annotations

from fastapi import APIRouter

from gateway.errors import Refused
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Everything, Id
from gateway.fronts.api.exceptions import found, seen
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.fronts.api.views.exceptions import ExceptionAccept, ExceptionView

router = APIRouter(tags=["exceptions"], dependencies=[SIGNED_IN_ONLY])


@router.post(
    "/exceptions/{exception_id}/accept", summary="Answer for an exception", responses=problems(*SIGNED_IN, 404, 409)
)
async def accept_exception(exception_id: Id, asked: ExceptionAccept, who: Anyone, state: Everything) -> ExceptionView:
    """An owner of the target who did not propose it. From now on it holds."""
    one, of = await found(state, who, exception_id)
    if who.person.id not in of.owners:
        words = f"Only an owner of {of.name} can accept an exception of it. Ask one of them."
        raise Refused("not_owner", words, rule="C34")
    await state.identity.confirm(who.person, asked.code, who.source)
    one = await state.inventory.accept_exception(who.person.name, who.person.id, one.id, source=who.source)
    return await seen(state, who, one, of)
