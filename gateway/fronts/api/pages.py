"""Long lists come in pages: an answer that goes on names the next page in `Link` (RFC 8288, `rel="next"`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from gateway.errors import Invalid, NotFound
from gateway.fronts.api.views.common import ID_CHARACTERS

T = TypeVar("T")
SIZE: Final = 200  # things in one answer: more than a person reads
CURSOR: Final = "cursor"


class Paging:
    """Where a list goes on. What grows with the years is read page by page (`begun`, `page`), what is few is `cut`.

    Attributes:
        limit: how many things to read for a page: one more, which says that there is another page.
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
        self.limit = SIZE + 1
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
                raise _nothing()
        return self.page(things[start:], key)

    async def begun(self, get: Callable[[str], Awaitable[T]]) -> T | None:
        """The thing that the page begins behind; None at the beginning of the list.

        Raises:
            Invalid: there is nothing of that key (any more), or nothing that he may know of.
        """
        if not self._cursor:
            return None
        try:
            return await get(self._cursor)
        except NotFound:
            raise _nothing() from None

    def page(self, found: Sequence[T], key: Callable[[T], str]) -> list[T]:
        """The page that `found` begins with."""
        page = list(found[: self.limit - 1])
        if len(found) > len(page):
            self.next = key(page[-1])
        following(self._request, self._response, self.next)
        return page


def _nothing() -> Invalid:
    return Invalid(CURSOR, "is of nothing that is here; read the list from its beginning")


def following(request: Request, response: Response, cursor: str | int | None, name: str = CURSOR) -> None:
    """Name the next page: this very question, going on at `cursor`; None at the end."""
    if cursor is None:
        return
    query = [(n, value) for n, value in request.query_params.multi_items() if n != name]
    response.headers["Link"] = f'<{request.url.path}?{urlencode([*query, (name, str(cursor))])}>; rel="next"'


Pages = Annotated[Paging, Depends(Paging)]
