"""Records of a recording as JSON."""

from __future__ import annotations

import base64
import json
from typing import Final

from pydantic import JsonValue

from gateway.fronts.api.views.recordings import RecordView
from gateway.recording.model import Kind, Record

STRUCTURED: Final = frozenset({Kind.META, Kind.OPEN, Kind.CLOSE, Kind.DECISION, Kind.NOTICE, Kind.SUMMARY})


def view(record: Record) -> RecordView:
    """`record` with its payload: JSON as it is, octets as base64."""
    kind = chr(record.kind)
    if record.kind in STRUCTURED:
        value = _object(record.payload)
        return RecordView(kind=kind, stream=record.stream, at_us=record.at_us, value=value)
    data = base64.b64encode(record.payload).decode()
    return RecordView(kind=kind, stream=record.stream, at_us=record.at_us, data=data)


def watched(record: Record) -> RecordView | None:
    """`record` for somebody who watches: that something was typed shows, what was typed does not."""
    match record.kind:
        case Kind.BURST | Kind.KEYFRAME:  # a keyframe repeats what he sees already
            return None
        case Kind.INPUT:
            return RecordView(kind=chr(record.kind), stream=record.stream, at_us=record.at_us)
        case _:
            return view(record)


def _object(payload: bytes) -> dict[str, JsonValue]:
    """The JSON object of `payload`; of anything else its text, so that nothing of a recording is hidden."""
    try:
        value: JsonValue = json.loads(payload)
    except (ValueError, RecursionError):
        value = payload.decode(errors="replace")
    return value if isinstance(value, dict) else {"text": value}
