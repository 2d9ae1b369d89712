"""Asking, deciding, releasing. Who may decide is for the access service; here is who may know."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from fastapi import APIRouter

from gateway.access.model import GrantState
from gateway.errors import Refused
from gateway.fronts.api import sight
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Everything, Id, Operator, needs
from gateway.fronts.api.pages import Pages
from gateway.fronts.api.render import grant_view, release_view, request_view, titles_of
from gateway.fronts.api.views.access import Approve, Ask, GrantView, Reason, ReleaseNow, ReleaseView, RequestView
from gateway.fronts.api.views.common import SIGNED_IN, Done, problems
from gateway.identity.model import Scope
from gateway.ids import ReleaseId

router = APIRouter(tags=["access"], dependencies=[needs(Scope.ACCESS)])


class RequestScope(StrEnum):
    MINE = "mine"
    TO_DECIDE = "to_decide"
    ALL = "all"


class GrantScope(StrEnum):
    MINE = "mine"
    SITE = "site"


@router.post("/requests", status_code=201, summary="Ask for access", responses=problems(*SIGNED_IN, 404, 409))
async def ask(asked: Ask, who: Anyone, state: Everything) -> RequestView:
    made = await state.access.ask(
        who.person,
        target_name=asked.target,
        protocol=asked.protocol,
        account=asked.account,
        channels=frozenset(asked.channels) or None,
        services=frozenset(asked.services),
        not_before=asked.not_before,
        not_after=asked.not_after,
        duration=timedelta(minutes=asked.duration_minutes),
        purpose=asked.purpose,
        work_order=asked.work_order,
        actions=asked.actions,
        emergency=asked.emergency,
        source=who.source,
    )
    return request_view(made, await sight.of(state, who.person), await titles_of(state))


@router.get("/requests", summary="Requests that you may know of, newest first", responses=problems(*SIGNED_IN))
async def list_requests(
    who: Anyone, state: Everything, pages: Pages, scope: RequestScope = RequestScope.MINE
) -> list[RequestView]:
    """`to_decide`: those that wait for you. `all`: of everybody, as far as you may know."""
    seen = await sight.of(state, who.person)
    if scope is RequestScope.TO_DECIDE:
        shown = pages.cut(await state.access.requests(approver=who.person), lambda r: r.id)
    else:
        after = await pages.begun(lambda cursor: sight.request(state, seen, cursor))
        mine = who.person.id if scope is RequestScope.MINE else None
        whose = None if seen.all else (who.person.id, seen.owned)
        found = await state.access.requests(requester=mine, concerning=whose, after=after, limit=pages.limit)
        shown = pages.page(found, lambda r: r.id)
    titles = await titles_of(state)
    return [request_view(r, seen, titles) for r in shown]


@router.get("/requests/{request_id}", summary="One request", responses=problems(*SIGNED_IN, 404))
async def get_request(request_id: Id, who: Anyone, state: Everything) -> RequestView:
    seen = await sight.of(state, who.person)
    return request_view(await sight.request(state, seen, request_id), seen, await titles_of(state))


@router.post(
    "/requests/{request_id}/approve",
    summary="Say yes to what you were shown",
    responses=problems(*SIGNED_IN, 404, 409),
    dependencies=[SIGNED_IN_ONLY],
)
async def approve(request_id: Id, asked: Approve, who: Anyone, state: Everything) -> RequestView:
    seen = await sight.of(state, who.person)
    request = await sight.request(state, seen, request_id)
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    await state.access.approve(request.id, who.person, proof, digest=asked.digest, note=asked.note)
    return request_view(await state.access.request(request.id), seen, await titles_of(state))


@router.post("/requests/{request_id}/deny", summary="Say no, with a reason", responses=problems(*SIGNED_IN, 404, 409))
async def deny(request_id: Id, asked: Reason, who: Anyone, state: Everything) -> RequestView:
    seen = await sight.of(state, who.person)
    request = await sight.request(state, seen, request_id)
    await state.access.deny(request.id, who.person, asked.reason, who.source)
    return request_view(await state.access.request(request.id), seen, await titles_of(state))


@router.post(
    "/requests/{request_id}/cancel", summary="Take your request back", responses=problems(*SIGNED_IN, 404, 409)
)
async def cancel(request_id: Id, who: Anyone, state: Everything) -> RequestView:
    seen = await sight.of(state, who.person)
    request = await sight.request(state, seen, request_id)
    await state.access.cancel(request.id, who.person, who.source)
    return request_view(await state.access.request(request.id), seen, await titles_of(state))


@router.get("/grants", summary="Grants that you may know of, newest first", responses=problems(*SIGNED_IN))
async def list_grants(
    who: Anyone, state: Everything, pages: Pages, scope: GrantScope = GrantScope.MINE
) -> list[GrantView]:
    """`mine`: all of yours. `site`: those that are not over."""
    seen = await sight.of(state, who.person)
    if scope is GrantScope.MINE:
        after = await pages.begun(lambda cursor: sight.grant(state, seen, cursor))
        found = await state.access.grants(person=who.person.id, after=after, limit=pages.limit)
        shown = pages.page(found, lambda g: g.id)
    else:
        found = await state.access.grants(states={GrantState.SCHEDULED, GrantState.LIVE})
        shown = pages.cut([g for g in found if seen.grant(g)], lambda g: g.id)
    titles = await titles_of(state)
    return [await grant_view(state, g, seen, titles) for g in shown]


@router.post(
    "/grants/{grant_id}/release",
    status_code=201,
    summary="Switch one session on",
    responses=problems(*SIGNED_IN, 404, 409),
    dependencies=[SIGNED_IN_ONLY],
)
async def release(grant_id: Id, asked: ReleaseNow, who: Operator, state: Everything) -> ReleaseView:
    grant = await sight.grant(state, await sight.of(state, who.person), grant_id)
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    return release_view(await state.access.release(grant.id, who.person, proof), await titles_of(state))


@router.post(
    "/grants/{grant_id}/revoke", summary="End a grant and its sessions", responses=problems(*SIGNED_IN, 404, 409)
)
async def revoke(grant_id: Id, asked: Reason, who: Anyone, state: Everything) -> GrantView:
    seen = await sight.of(state, who.person)
    grant = await sight.grant(state, seen, grant_id)
    if not seen.controls(grant.wanted.target):
        raise Refused("not_in_control", "Only the control room and owners of the target may do this.", rule="roles")
    await state.access.revoke(grant.id, who.person, asked.reason, who.source)
    return await grant_view(state, await state.access.grant(grant.id), seen, await titles_of(state))


@router.post(
    "/releases/{release_id}/withdraw", summary="Take an unused release back", responses=problems(*SIGNED_IN, 404, 409)
)
async def withdraw(release_id: Id, who: Operator, state: Everything) -> Done:
    await state.access.withdraw(ReleaseId(release_id), who.person, who.source)
    return Done()
