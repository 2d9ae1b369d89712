"""What comes over the two WebSockets. They are not part of OpenAPI; their models are, for the page.

`/sessions/{id}/watch` sends, until the session ends:
* text messages, each a `Snapshot`, an `Increment` or an `Over`;
* of a desktop (protocol `rdp`) what happens comes instead of `Increment` in binary messages: one or more records, one
  behind the other, each as in the recording's file (recording format, section 3):
  `kind u8 | stream u16 | at_us u64 | length u32 | payload`, big-endian, 15 octets before the payload.
The payload of a typed record (`i`) is empty; that of a clipboard record (`t`) is `{"direction", "characters"}`.
The snapshot of a desktop has META (`m`), and for each open stream OPEN (`s`) and, when known, DESKTOP (`w`): no pixels.
The target is asked to paint everything at that moment: REPAINT (`q`), PDUs (`p`), PICTURE (`f`) follow as they come.
"""

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
    exception: str | None = None


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
