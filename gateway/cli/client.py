"""The command line as a client of the API: one person's token, one gateway, and problems as words.

The token comes from a file that nobody else can read or from `SLUICEGATE_TOKEN`, never from an argument: arguments are
shown to everybody on the machine. It goes to the host of `url` alone: no redirect is followed (CVE-2025-27095), no
proxy of the environment is asked.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Self

import httpx
import typer
from pydantic import JsonValue

from gateway.errors import GatewayError, Invalid
from gateway.keys import private
from gateway.limits import API_CLIENT_ANSWER_OCTETS, API_CLIENT_WAIT

BASE: Final = "/api/v1"
UNREACHABLE: Final = 8
EXITS: Final[Mapping[int, int]] = {400: 7, 401: 3, 403: 4, 404: 5, 409: 6, 412: 6, 422: 7, 428: 6, 429: 3}

Url = Annotated[
    str, typer.Option(envvar="SLUICEGATE_URL", help="Of the gateway's listener, e.g. https://gate.plant:8443.")
]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with an API token, mode 0600; else SLUICEGATE_TOKEN has the token.")
]
Token = Annotated[str, typer.Option(envvar="SLUICEGATE_TOKEN", hidden=True)]
Ca = Annotated[
    Path | None, typer.Option(envvar="SLUICEGATE_CA", help="File of certificates to trust instead of the system's.")
]
Query = str | int | bool | None


class Unanswered(GatewayError):
    """The gateway said no, or nothing that can be used.

    Attributes:
        status: of HTTP; 0 when there was no answer.
        code: stable word of the problem, e.g. `not_your_role`; empty for none.
    """

    def __init__(self, words: str, status: int = 0, code: str = "") -> None:
        super().__init__(words)
        self.status, self.code = status, code

    @property
    def exit_status(self) -> int:
        """3 who you are, 4 refused, 5 nothing there, 6 somebody was faster, 7 cannot be meant, 8 no answer."""
        return EXITS.get(self.status, UNREACHABLE)


class Client:
    """Speaks to one door of one gateway. A context manager."""

    def __init__(
        self, url: str, token: str, ca: Path | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        """
        Args:
            transport: instead of the network, for tests.

        Raises:
            Invalid: no https address, no token, no certificate in `ca`.
        """
        if not url.startswith("https://"):
            raise Invalid("url", "must begin with https://")
        if not token.isascii() or not token.isprintable() or not token:
            raise Invalid("token", "is none; give --token-file or SLUICEGATE_TOKEN")
        self._http = httpx.Client(
            base_url=url.rstrip("/") + BASE,
            headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
            verify=_trust(ca),
            timeout=API_CLIENT_WAIT.total_seconds(),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Query) -> JsonValue:
        """The answer. `path` as in the guide, e.g. `/policies`; parameters that are None are left out.

        Raises:
            Unanswered: as every call here.
        """
        return _value(self._ask("GET", path, params=_given(query)))

    def tagged(self, path: str, **query: Query) -> tuple[JsonValue, str]:
        """The answer and its ETag, to be given back as `etag` of a change."""
        answer = self._ask("GET", path, params=_given(query))
        return _value(answer), answer.headers.get("ETag", "")

    def post(self, path: str, body: JsonValue = None, *, key: str = "") -> JsonValue:
        """With `key` as its `Idempotency-Key`, nothing is made twice, however often it is asked."""
        headers = {"Idempotency-Key": key} if key else {}
        return _value(self._ask("POST", path, json={} if body is None else body, headers=headers))

    def patch(self, path: str, body: JsonValue, etag: str) -> JsonValue:
        """Change what is still as it was when it had `etag`."""
        return _value(self._ask("PATCH", path, json=body, headers={"If-Match": etag}))

    def delete(self, path: str, etag: str = "") -> JsonValue:
        return _value(self._ask("DELETE", path, headers={"If-Match": etag} if etag else {}))

    def paged(self, path: str, **query: Query) -> Iterator[JsonValue]:
        """Every item of a list, page after page."""
        answer = self._ask("GET", path, params=_given(query))
        while True:
            page = _value(answer)
            yield from page if isinstance(page, list) else _only_list(page)
            following = answer.links.get("next", {}).get("url", "")
            if not following:
                return
            if not following.startswith(BASE + "/"):
                raise Unanswered("The gateway named a next page that is not its own.", answer.status_code)
            answer = self._ask("GET", following.removeprefix(BASE))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        json: JsonValue = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        octets = b""
        try:
            asked = self._http.build_request(method, path, params=params or None, headers=headers, json=json)
            with closing(self._http.send(asked, stream=True)) as answer:
                for piece in answer.iter_bytes():
                    octets += piece
                    if len(octets) > API_CLIENT_ANSWER_OCTETS:
                        raise Unanswered("The gateway's answer is too long for a command line.", answer.status_code)
        except httpx.InvalidURL as error:
            raise Unanswered(f"Nothing was asked: {error}.") from None
        except httpx.HTTPError as error:
            raise Unanswered(f"The gateway does not answer: {error or type(error).__name__}.") from None
        whole = httpx.Response(answer.status_code, headers=answer.headers, content=octets, request=answer.request)
        if not answer.is_success:
            raise _problem(whole)
        return whole


def connect(url: str, token_file: Path | None, token: str, ca: Path | None) -> Client:
    """The client that the options of a command mean.

    Raises:
        Invalid: the options do not say enough, or the token's file is readable by others.
    """
    if not url:
        raise Invalid("url", "is missing; give --url or SLUICEGATE_URL")
    if token_file is not None:
        private(token_file)
        token = token_file.read_text().strip()
    return Client(url, token, ca)


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ssl.SSLError:
        raise Invalid(str(ca), "holds no certificate") from None


def _given(query: Mapping[str, Query]) -> dict[str, str | int | bool]:
    return {name: value for name, value in query.items() if value is not None}


def _value(answer: httpx.Response) -> JsonValue:
    try:
        value: JsonValue = answer.json()
    except ValueError:
        raise Unanswered("The gateway's answer is not JSON; is this its address?", answer.status_code) from None
    return value


def _only_list(page: JsonValue) -> list[JsonValue]:
    """The list of a page that says other things too, e.g. `entries` beside `next`."""
    lists = [value for value in page.values() if isinstance(value, list)] if isinstance(page, dict) else []
    if len(lists) != 1:
        raise Unanswered("The gateway's answer is no list.")
    return lists[0]


def _problem(answer: httpx.Response) -> Unanswered:
    """The problem's words (RFC 9457), or the status when there are none."""
    plain = f"The gateway answers {answer.status_code} {answer.reason_phrase}".rstrip()
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("detail"), str):
        return Unanswered(f"{plain}.", answer.status_code)
    return Unanswered(problem["detail"], answer.status_code, str(problem.get("code", "")))
