"""Long lists come in pages: an answer that goes on names the next page in `Link` (RFC 8288, `rel="next"`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from gateway.errors import Invalid
from gateway.fronts.api.views.common import ID_CHARACTERS

T = TypeVar("T")
SIZE: Final = 200  # things in one answer: more than a person reads
CURSOR: Final = "cursor"


class Paging:
    """Where a list goes on.

    Attributes:
        next: the cursor that the page which was cut ends with; None at the end of the list.
    """

    def __init__(
        self,
        request: Request,
        response: Response,
        cursor: Annotated[
            str, Query(max_length=ID_CHARACTERS, description="As the `Link` of the answer before has it.")
        ] = "",
    ) -> None:
        self._request, self._response, self._cursor = request, response, cursor
        self.next: str | None = None

    def cut(self, things: Sequence[T], key: Callable[[T], str]) -> list[T]:
        """The page of `things` that the cursor begins; each is told by its `key`, which is shown in the cursor.

        Raises:
            Invalid: there is nothing of that key (any more).
        """
        start = 0
        if self._cursor:
            start = next((n for n, thing in enumerate(things, 1) if key(thing) == self._cursor), 0)
            if not start:
                raise Invalid(CURSOR, "is of nothing that is here; read the list from its beginning")
        page = list(things[start : start + SIZE])
        if start + SIZE < len(things):
            self.next = key(page[-1])
        following(self._request, self._response, self.next)
        return page


def following(request: Request, response: Response, cursor: str | int | None, name: str = CURSOR) -> None:
    """Name the next page: this very question, going on at `cursor`; None at the end."""
    if cursor is None:
        return
    query = [(n, value) for n, value in request.query_params.multi_items() if n != name]
    response.headers["Link"] = f'<{request.url.path}?{urlencode([*query, (name, str(cursor))])}>; rel="next"'


Pages = Annotated[Paging, Depends(Paging)]
