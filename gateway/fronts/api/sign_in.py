"""The door itself: first start, enrolment, signing in and out, who is asking, health. Both doors have it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gateway.errors import StoreUnavailable
from gateway.fronts.api.deps import COOKIE, SIGNED_IN_ONLY, Anyone, Everything, Source, needs
from gateway.fronts.api.services import Door, Services
from gateway.fronts.api.views.audit import Health
from gateway.fronts.api.views.common import SIGNED_IN, Done, problems
from gateway.fronts.api.views.identity import ConfirmEnrolment, Enrol, Enrolled, Enrolment, Me, SetUp, SignIn
from gateway.identity.model import Person, Scope
from gateway.identity.model import SignIn as Opened

router = APIRouter(tags=["sign-in"])


@router.post("/setup", summary="Make the first admin of a new site", responses=problems(403, 429))
async def set_up(asked: SetUp, state: Everything, source: Source) -> Enrolment:
    made = await state.identity.setup(asked.token, asked.name, asked.title, asked.password, source)
    return Enrolment(secret=made.secret, uri=made.uri)


@router.post("/enrol", summary="Take up an invitation: password and a new second factor", responses=problems(403, 429))
async def enrol(asked: Enrol, state: Everything, source: Source) -> Enrolment:
    made = await state.identity.enrol(asked.token, asked.password, source)
    return Enrolment(secret=made.secret, uri=made.uri)


@router.post("/enrol/confirm", summary="Confirm the new second factor with one code", responses=problems(403, 429))
async def confirm_enrolment(asked: ConfirmEnrolment, state: Everything, source: Source) -> Enrolled:
    person = await state.identity.confirm_enrolment(asked.token, asked.code, source)
    return Enrolled(name=person.name)


@router.post("/sign-in", summary="Sign in with password and code", responses=problems(401, 403, 429))
async def sign_in(asked: SignIn, request: Request, response: Response, state: Everything, source: Source) -> Me:
    """Always begins a new sign-in: a cookie that was there before is worth nothing afterwards (session fixation)."""
    person, proofs = await state.identity.sign_in(asked.name, asked.password, asked.code, source)
    if before := request.cookies.get(COOKIE):
        await state.identity.close_sign_in(before)
    client = request.headers.get("user-agent", "")
    token, opened = await state.identity.open_sign_in(person, proofs, source, client)
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="strict")
    door: Door = request.app.state.door
    await state.identity.logged_in(person, f"api {door}", client, source)
    return await _me(state, door, opened.person, opened)


@router.post(
    "/sign-out",
    summary="End the sign-in; its live views end too",
    responses=problems(*SIGNED_IN),
    dependencies=[SIGNED_IN_ONLY],
)
async def sign_out(response: Response, who: Anyone, state: Everything) -> Done:
    await state.identity.close_sign_in(who.token)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return Done()


@router.get("/me", summary="Who is asking", responses=problems(*SIGNED_IN), dependencies=[needs(*Scope)])
async def me(request: Request, who: Anyone, state: Everything) -> Me:
    return await _me(state, request.app.state.door, who.person, who.sign_in)


@router.get("/health", summary="Whether the gateway can answer", responses=problems())
async def health(response: Response, state: Everything) -> Health:
    """Asks the store for nothing but an answer; strangers learn no more than yes or no."""
    try:
        async with state.store.read():
            return Health(ok=True)
    except StoreUnavailable:
        response.status_code = 503
        return Health(ok=False)


async def _me(state: Services, door: Door, person: Person, sign_in: Opened | None) -> Me:
    return Me(
        name=person.name,
        title=person.title,
        organisation=person.organisation.title,
        roles=sorted(person.roles),
        csrf=sign_in.csrf if sign_in else "",
        door=door.value,
        site=state.site.name,
        ssh_port=state.site.ssh_port,
        rdp_host=state.site.rdp_host,
        rdp_port=state.desktops.front.port if state.desktops.front else None,
        now=state.clock.now(),
        skew_seconds=(await state.identity.skew(person.id)).total_seconds(),
    )
