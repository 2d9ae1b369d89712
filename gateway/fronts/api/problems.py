"""Errors become problem details (RFC 9457): one table, no route knows a status code of an error."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.errors import Conflict, GatewayError, Invalid, NotFound, RecorderFailed, Refused, Stale, StoreUnavailable
from gateway.fronts.api.views.common import PROBLEM, FieldProblem, Problem
from gateway.limits import NAME_OCTETS
from gateway.recording.format import Broken
from gateway.words import printable

log = structlog.get_logger()

_REFUSALS = {  # every other refusal is 403
    "not_signed_in": 401,
    "bad_credentials": 401,
    "bad_api_token": 401,
    "token_revoked": 401,
    "token_expired": 401,
    "etag_missing": 428,
    "locked": 429,
    "busy": 429,
}
_PLAIN = {
    400: "The request is not well formed.",
    404: "There is nothing here.",
    405: "This cannot be done here.",
    413: "The body is too large.",
    421: "This gateway does not answer to that name.",
}
INTERNAL = "Something went wrong in the gateway. It is in its log."
_ERRORS_SHOWN = 20
_HEADERS = {  # RFC 9110, 10.2.3 and 11.6.1
    401: {"WWW-Authenticate": 'Bearer realm="sluicegate"'},
    503: {"Retry-After": "5"},
}


def answer(
    status: int, code: str, words: str, *, rule: str = "", errors: tuple[FieldProblem, ...] = ()
) -> JSONResponse:
    """One problem."""
    problem = Problem(
        type=f"urn:sluicegate:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=words,
        code=code,
        rule=rule,
        errors=list(errors),
    )
    return JSONResponse(problem.model_dump(), status, _HEADERS.get(status), media_type=PROBLEM)


def of(error: GatewayError) -> JSONResponse:
    """The problem that `error` is for the person; what he must not know stays in the log."""
    match error:
        case Refused():
            return answer(_REFUSALS.get(error.code, 403), error.code, error.words, rule=error.rule)
        case Invalid():
            words = f"{error.field}: {error.words}."
            errors = tuple(FieldProblem(field=field, words=why) for field, why in error.several[:_ERRORS_SHOWN])
            return answer(422, "invalid", words, errors=errors)
        case NotFound():
            return answer(404, "not_found", f"There is no such {error.what}, or none that you may know of.")
        case Stale():
            return answer(
                412, "stale", "It is not as you saw it: somebody else changed it. Read it again, then decide."
            )
        case Conflict():
            return answer(409, "conflict", _said(error.words))
        case Broken():
            log.error("A recording is broken", error=str(error))
            words = "This recording was changed and cannot be shown. Its verification names the place."
            return answer(409, "recording_broken", words)
        case StoreUnavailable():
            log.error("Store cannot answer a request", error=str(error))
            return answer(503, "store_unavailable", "The gateway cannot reach its store now. Nothing was done.")
        case RecorderFailed():
            log.error("Recorder cannot answer a request", error=str(error))
            return answer(503, "recorder_failed", "The gateway cannot use its recorder now. Nothing was done.")
        case _:
            log.error("A request failed", error=str(error), kind=type(error).__name__)
            return answer(500, "internal", INTERNAL)


def _said(words: str) -> str:
    """A conflict's own sentences; of one that is only stated, what to do about it."""
    return words if words.endswith(".") else f"{words[:1].upper()}{words[1:]}. Read again and decide again."


def malformed(error: RequestValidationError) -> JSONResponse:
    """Which fields cannot be meant. What was sent is never repeated: it may be a password."""
    found = error.errors()[:_ERRORS_SHOWN]
    if any(e["type"] == "json_invalid" for e in found):
        return answer(400, "malformed", "The body is not well-formed JSON.")
    errors = tuple(FieldProblem(field=_place(e["loc"]), words=str(e["msg"])) for e in found)
    words = "; ".join(f"{e.field}: {e.words}" for e in errors)
    return answer(422, "invalid", f"{words}.", errors=errors)


def _place(where: tuple[int | str, ...]) -> str:
    inside = where[1:] if len(where) > 1 else where  # the first says body, query or path
    return printable(".".join(str(part) for part in inside))[:NAME_OCTETS]


def install(app: FastAPI) -> None:
    """Every error that leaves a route of `app` becomes a problem."""

    @app.exception_handler(GatewayError)
    async def ours(request: Request, error: GatewayError) -> JSONResponse:
        if isinstance(error, Stale) and "If-Match" not in request.headers:  # two at once, of which neither saw a state
            error = Conflict(error.words)
        return of(error)

    @app.exception_handler(RequestValidationError)
    async def bad_input(_request: Request, error: RequestValidationError) -> JSONResponse:
        return malformed(error)

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).name.lower()
        return answer(error.status_code, code, _PLAIN.get(error.status_code, "This cannot be done."))
