"""`Idempotency-Key`: a client that lost an answer asks again with the same key, and nothing is made twice.

Of what makes things (POST that answers 201). A key belongs to one person, with the roles he has now, and one path.
An answer with a secret is not kept: who asks again learns that it was made, and nothing more.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import GatewayError, Invalid
from gateway.fronts.api import problems
from gateway.fronts.api.deps import Asker, asker, asks, checked, services
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import ShownOnce
from gateway.limits import IDEMPOTENCY_KEPT, IDEMPOTENCY_KEY_CHARACTERS, IDEMPOTENCY_KEYS
from gateway.store import answers

log = structlog.get_logger()

HEADER: Final = "Idempotency-Key"
PARAMETER: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A text of your own, new for each new thing. Asked again with it, nothing is made twice (24 h).",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARACTERS},
    "example": "a9d1e2c4-6d0c-4d7e-8a0c-2f3b5f6c7d8e",
}
_MINE: Final = "idempotency"  # in the state of a request: the digest of its key, once its work has begun
_SECRET: Final = "idempotency_secret"


class _Known(Exception):
    def __init__(self, answer: Response) -> None:
        self.answer = answer


def makes(route: APIRoute) -> bool:
    """Whether a route makes something, for somebody who is known."""
    return route.methods == {"POST"} and route.status_code == 201 and asks(route.dependant)


async def once(request: Request) -> None:
    """A dependency of every route: lets the first request with a key through, and answers every other here."""
    route: APIRoute = request.scope["route"]
    keys = request.headers.getlist(HEADER)
    if not keys or not makes(route):
        return
    who, state = await checked(request, await asker(request)), services(request)
    given, body = _digest(request, who, _valid(keys)), hashlib.sha256(await request.body()).hexdigest()
    secret = isinstance(route.response_model, type) and issubclass(route.response_model, ShownOnce)
    found = await _begin(state, given, who.person.id, body)
    if found is not None:
        raise _Known(_again(found, body, secret=secret))
    setattr(request.state, _MINE, given)
    setattr(request.state, _SECRET, secret)


async def _begin(state: Services, key: str, person: str, body: str) -> answers.Given | None:
    at, hours = state.clock.now(), IDEMPOTENCY_KEPT // timedelta(hours=1)
    async with state.store.write() as tx:
        await answers.forget(tx, at - IDEMPOTENCY_KEPT)
        found = await answers.begin(tx, key, person, body, at)
        if found is None and await answers.count(tx, person) > IDEMPOTENCY_KEYS:
            words = f"You used {IDEMPOTENCY_KEYS} keys within {hours} h. Wait, or leave the key out."
            raise _Known(problems.answer(429, "too_many_keys", words))  # which undoes `begin`
    return found


def _again(found: answers.Given, body: str, *, secret: bool) -> Response:
    if found.asked != body:
        words = f"This {HEADER} was used for something else. Give every new thing a key of its own."
        return problems.answer(422, "key_reused", words)
    if found.status is None:
        words = (
            "The first request with this key still runs, or broke off. Look whether it was made before you ask anew."
        )
        return problems.answer(409, "key_in_use", words)
    if secret:
        words = "It was made when you asked first. Its secret was shown then and cannot be shown again."
        return problems.answer(409, "shown_once", words)
    headers = {"Idempotency-Replayed": "true"} | ({"ETag": found.etag} if found.etag else {})
    return Response(found.body, found.status, headers, "application/json")


def _valid(keys: list[str]) -> str:
    key = keys[0]
    if len(keys) != 1 or not 0 < len(key) <= IDEMPOTENCY_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise Invalid(HEADER, f"must be one text of 1 to {IDEMPOTENCY_KEY_CHARACTERS} printable ASCII characters")
    return key


def _digest(request: Request, who: Asker, key: str) -> str:
    """Who asks, as what, where: with other roles it is another request, which is decided anew."""
    parts = (who.person.id, " ".join(sorted(who.person.roles)), request.url.path, request.url.query, key)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Keeping:
    """Keeps the answer of a request whose key is new, before it is sent.

    A refusal frees the key: nothing was done. After a failure of ours nobody knows, and the key stays taken.
    """

    def __init__(self, app: ASGIApp, state: Services) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or HEADER not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        state = scope.setdefault("state", {})

        async def hold(message: Message) -> None:
            if _MINE in state:
                held.append(message)
            else:  # nothing was begun: this may be a download of any length
                await send(message)

        await self._app(scope, receive, hold)
        if key := state.get(_MINE):
            try:
                await self._keep(key, held, secret=state[_SECRET])
            except GatewayError as error:  # it is done, and said; only asking again will not help
                log.error("An answer could not be kept", error=str(error))
        for message in held:
            await send(message)

    async def _keep(self, key: str, held: list[Message], *, secret: bool) -> None:
        status = held[0]["status"]
        if status >= 500 and status != 503:
            return
        body = b"".join(message.get("body", b"") for message in held[1:])
        async with self._state.store.write() as tx:
            if status < 300:
                etag = MutableHeaders(raw=held[0]["headers"]).get("etag", "")
                await answers.finish(tx, key, status, etag, b"" if secret else body)
            else:
                await answers.drop(tx, key)


def install(app: FastAPI) -> None:
    @app.exception_handler(_Known)
    async def known(_request: Request, found: _Known) -> Response:
        return found.answer
