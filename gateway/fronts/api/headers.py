"""What holds for every request before a route sees it, and for every answer after: host, origin, size, headers."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Final

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.fronts.api import problems
from gateway.limits import API_BODY_OCTETS, API_POLICY_OCTETS

log = structlog.get_logger()

API: Final = "/api/"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Bodies with many files.
POLICY_SETS: Final = frozenset(f"/api/v1/policies{rest}" for rest in ("", "/validate", "/diff"))
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The page of one desktop runs its RDP client as WebAssembly. No other page may.
DESKTOP: Final = "/desktop"
DESKTOP_POLICY: Final = POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
ALWAYS: Final = {
    "Strict-Transport-Security": "max-age=31536000",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=()",
}


class Guard:
    """The outermost layer. Refuses foreign hosts and origins and large bodies; puts the headers on every answer.

    A state change must come from a page of this very origin, or from a program that sends no Origin: a foreign page
    cannot sign somebody in (login CSRF, where no CSRF token exists yet). A WebSocket must name this origin.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _dress(MutableHeaders(scope=message), scope["path"])
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        await self._bounded(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or without_port(hosts[0]) not in self._hosts:
            return problems.answer(421, "unknown_host", "This gateway does not answer to that name.")
        websocket = scope["type"] == "websocket"
        if not websocket and scope["method"] in READING:
            return None
        origins = headers.getlist("origin")
        if origins != [f"https://{hosts[0]}"] and (origins or websocket):
            return problems.answer(403, "foreign_origin", "This was sent by a page of another origin.")
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return problems.answer(403, "foreign_origin", "This was sent by a page of another origin.")
        return None

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = Headers(scope=scope).get("content-length", "0")
        most = API_POLICY_OCTETS if scope["path"] in POLICY_SETS else API_BODY_OCTETS
        too_large = problems.answer(413, "too_large", f"The body must be at most {most} octets.")
        if not declared.isdecimal() or int(declared) > most:
            await too_large(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:  # a body without a length, or with a false one
                raise HTTPException(413)
            return message

        await self._answered(scope, counted, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The boundary: whatever a route failed with becomes an answer, with the headers, and a line in the log."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))  # no local variables: they hold secrets
            log.error("A request failed unexpectedly", kind=type(error).__name__, error=str(error), where=where)
            if started:
                raise
            await problems.answer(500, "internal", problems.INTERNAL)(scope, receive, send)


def _dress(headers: MutableHeaders, path: str) -> None:
    for name, value in ALWAYS.items():
        headers[name] = value
    if path == DESKTOP:
        headers["Content-Security-Policy"] = DESKTOP_POLICY
    if path.startswith(API) or "cache-control" not in headers:
        headers["Cache-Control"] = "no-store"


def without_port(host: str) -> str:
    """`[::1]:8443` -> `::1`, `gate.plant:8443` -> `gate.plant`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
