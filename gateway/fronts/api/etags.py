"""ETag and If-Match (RFC 9110, 8.8.3 and 13.1.1): whoever changes a thing says which state of it he saw.

A change without If-Match is refused (RFC 6585, 428): two admins who work at once must not undo each other unseen.
`*` names no state and is refused like none; a weak tag never matches.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Header, Response

from gateway.errors import Invalid, Refused, Stale
from gateway.fronts.api.views.common import Tagged

T = TypeVar("T", bound=Tagged)
CHANGED: Final = "This was changed by somebody else in the meantime"
_TAG: Final = re.compile(r'"([\x21\x23-\x7e]{1,64})"')
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


def tag(state: int | str) -> str:
    """The ETag of a thing in `state`: its version, or words that say what it is."""
    return f'"{state}"'


def tagged(response: Response, view: T) -> T:
    """`view`, and its ETag beside it."""
    response.headers["ETag"] = view.etag
    return view


def seen(
    if_match: Annotated[
        str | None, Header(description="The ETag of what you saw; without it nothing is changed.", examples=['"3"'])
    ] = None,
) -> str:
    """What the one tag in If-Match says.

    Raises:
        Refused: `etag_missing`.
        Invalid: several tags, or none that is well formed.
        Stale: a weak tag.
    """
    if if_match is None or if_match.strip() == "*":
        raise Refused("etag_missing", "Say which state you change: read it, and give its ETag back as If-Match.")
    if if_match.startswith("W/"):
        raise Stale(CHANGED)
    if not (found := _TAG.fullmatch(if_match.strip())):
        raise Invalid("If-Match", 'must be one ETag, as it was given, e.g. "3"')
    return found[1]


def seen_version(said: Annotated[str, Depends(seen)]) -> int:
    """The version in If-Match. A tag that is no version of ours is one that is not the newest."""
    if not _NUMBER.fullmatch(said):
        raise Stale(CHANGED)
    return int(said)


Seen = Annotated[str, Depends(seen)]
SeenVersion = Annotated[int, Depends(seen_version)]
