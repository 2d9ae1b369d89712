"""What comes over the two WebSockets. They are not part of OpenAPI; their models are, for the page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.fronts.api.views.common import Answer
from gateway.fronts.api.views.recordings import RecordView


class Hint(Answer):
    """`/live`: something happened that you may know of. Ids only: read again what you show.

    The events `live.ready` (at the start) and `live.lagged` (some were lost) mean: read everything again.
    """

    event: str = Field(examples=["access.request.made"])
    request: str | None = None
    grant: str | None = None
    release: str | None = None
    session: str | None = None


class Snapshot(Answer):
    """`/sessions/{id}/watch`: the picture as it is now; forget what came before."""

    type: Literal["snapshot"] = "snapshot"
    records: list[RecordView]


class Increment(Answer):
    """`/sessions/{id}/watch`: what happened next."""

    type: Literal["record"] = "record"
    record: RecordView


class Over(Answer):
    """`/sessions/{id}/watch`: the session has ended; nothing follows."""

    type: Literal["end"] = "end"
