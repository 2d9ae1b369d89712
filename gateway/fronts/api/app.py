"""The API as one application: every route under /api/v1, the page beside it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from gateway import __doc__ as about
from gateway.fronts.api import (
    access,
    audit,
    desktop,
    exceptions,
    exceptions_owners,
    files,
    host_keys,
    idempotency,
    inventory,
    live,
    offers,
    page,
    people,
    policies,
    policies_admin,
    problems,
    recordings,
    replay,
    search,
    sessions,
    sign_in,
    sockets,
    tickets,
    tokens,
)
from gateway.fronts.api.deps import COOKIE, CSRF, asks, no_odd_query, scopes_of
from gateway.fronts.api.headers import Guard
from gateway.fronts.api.services import Door, Services
from gateway.fronts.api.views.common import Problem
from gateway.fronts.api.views.common import problems as problems_of
from gateway.fronts.api.views.live import Hint, Increment, Over, Snapshot

PREFIX = "/api/v1"
TITLE = {Door.PEOPLE: "Sluicegate", Door.ADMIN: "Sluicegate administration"}
ROUTERS = {
    Door.PEOPLE: (
        sign_in, tokens, offers, host_keys, exceptions, exceptions_owners, access, tickets, sessions, files,
        search, recordings, replay, policies, audit,
    ),
    Door.ADMIN: (sign_in, tokens, people, inventory, exceptions, policies_admin, policies, audit),
}  # fmt: skip

_CONFLICT, _TOO_MANY = problems_of(409, 429)[409], problems_of(409, 429)[429]
_WAYS_IN = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Of a sign-in. A change needs " + CSRF},
    "token": {"type": "http", "scheme": "bearer", "description": "An API token that has the scope named."},
}
_BESIDE = (Problem, Hint, Snapshot, Increment, Over)


def create_app(services: Services, door: Door) -> FastAPI:
    """The application of one door. The admin routes are not hidden on the people's door: they do not exist there."""
    app = bare(door)
    app.state.services, app.state.door = services, door
    if door is Door.PEOPLE:
        for module in (live, desktop):
            app.include_router(module.router, prefix=PREFIX)
        app.state.live = sockets.Connections()
        services.audit.hub.react(services.asks.hears(services.clock.now))
    page.install(app, services.site.pages, desktops=door is Door.PEOPLE)
    app.add_middleware(idempotency.Keeping, state=services)
    app.add_middleware(Guard, hosts=services.site.hosts)
    return app


def bare(door: Door) -> FastAPI:
    """Routes and schema without services: what the schema is written from."""
    app = FastAPI(
        title=TITLE[door],
        description=about or "",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
        separate_input_output_schemas=False,
        strict_content_type=True,
    )
    api = APIRouter(
        prefix=PREFIX, dependencies=[Depends(no_odd_query), Depends(idempotency.once)], redirect_slashes=False
    )
    for module in ROUTERS[door]:
        api.include_router(module.router)
    app.include_router(api)
    problems.install(app)
    idempotency.install(app)

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(schema(app))

    app.state.door = door
    return app


def routes(door: Door) -> list[APIRoute]:
    """Every route of the API on this door, WebSockets aside."""
    return [route for module in ROUTERS[door] for route in module.router.routes if isinstance(route, APIRoute)]


def schema(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI schema, with who may use what, and the models that no operation names. Made once."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    made = app.openapi()
    made["components"]["securitySchemes"] = _WAYS_IN
    for route in routes(app.state.door):
        for method in route.methods or ():
            operation = made["paths"][PREFIX + route.path][method.lower()]
            operation["security"] = _ways_in(route, method)
            operation["description"] = f"{operation.get('description', '')}\n\n{_said(operation)}".strip()
            if idempotency.makes(route):
                operation.setdefault("parameters", []).append(idempotency.PARAMETER)
                operation["responses"] = {"409": _CONFLICT, "429": _TOO_MANY} | operation["responses"]
    _, extra = models_json_schema([(m, "serialization") for m in _BESIDE], ref_template="#/components/schemas/{model}")
    for name, model in extra["$defs"].items():
        made["components"]["schemas"].setdefault(name, model)
    return made


def _said(operation: dict[str, Any]) -> str:
    """Who may ask, in a sentence."""
    scopes = [f"`{scope}`" for way in operation["security"] for scope in way.get("token", ())]
    if not operation["security"]:
        return "Anybody may ask."
    return f"An API token needs the scope {' or '.join(scopes)}." if scopes else "No API token may ask: a person must."


def _ways_in(route: APIRoute, method: str) -> list[dict[str, list[str]]]:
    """The cookie, or a token of any one of the scopes; nothing for what strangers may ask."""
    if not asks(route.dependant):
        return []
    return [{"cookie": []}, *({"token": [scope.value]} for scope in sorted(scopes_of(route.dependant, method)))]


def _operation(route: APIRoute) -> str:
    return route.name
