"""The command line as a person who signs in: for what no API token may do, because it takes a fresh code."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from gateway.cli.client import Client, Unanswered

CSRF: Final = "X-CSRF-Token"


class SignedIn(Client):
    """A context manager: signed in at its beginning, signed out at its end."""

    def __init__(
        self, url: str, ca: Path | None, name: str, password: str, code: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        """Raises as `Client`."""
        super().__init__(url, "none", ca, transport)
        del self._http.headers["Authorization"]  # beside a token the sign-in would count for nothing
        self._shown = {"name": name, "password": password, "code": code}

    def __enter__(self) -> Self:
        """Raises Unanswered: the gateway does not let him in."""
        me = self.post("/sign-in", dict(self._shown))
        self._shown = {}
        if not isinstance(me, dict) or not isinstance(me.get("csrf"), str):
            raise Unanswered("The gateway's answer is no sign-in; is this its address?")
        self._http.headers[CSRF] = str(me["csrf"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            self.post("/sign-out")
        except Unanswered:
            if kind is None:  # what went wrong before says more
                raise
        finally:
            super().__exit__(kind, error, where)
