"""Records of a recording for the page: as JSON, or as the octets that stand in the file."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import JsonValue

from gateway.fronts.api.views.recordings import RecordView
from gateway.recording.format import BLOCK, pack_record
from gateway.recording.model import Kind, Record
from gateway.recording.summary import measured

STRUCTURED: Final = frozenset(
    {Kind.META, Kind.OPEN, Kind.CLOSE, Kind.DECISION, Kind.NOTICE, Kind.SUMMARY, Kind.CLIPBOARD, Kind.FILE}
)
MESSAGE: Final = 256 << 10  # octets of one message of records, give or take a record


def view(record: Record) -> RecordView:
    """`record` with its payload: JSON as it is, octets as base64."""
    kind = chr(record.kind)
    if record.kind in STRUCTURED:
        value = _object(record.payload)
        return RecordView(kind=kind, stream=record.stream, at_us=record.at_us, value=value)
    data = base64.b64encode(record.payload).decode()
    return RecordView(kind=kind, stream=record.stream, at_us=record.at_us, data=data)


def watched(record: Record) -> RecordView | None:
    """`record` for somebody who watches, without what `stripped` takes away."""
    left = stripped(record)
    if left is None:
        return None
    if left.kind == Kind.INPUT:
        return RecordView(kind=chr(left.kind), stream=left.stream, at_us=left.at_us)
    return view(left)


def stripped(record: Record) -> Record | None:
    """`record` as somebody may see it who watches: that something was typed, copied or transferred, not what it is."""
    match record.kind:
        case Kind.BLOCK:
            return Record(record.kind, record.stream, record.at_us, record.payload[: BLOCK.size])
        case Kind.BURST:
            return None
        case Kind.INPUT:
            return Record(record.kind, record.stream, record.at_us, b"")
        case Kind.CLIPBOARD:
            return Record(record.kind, record.stream, record.at_us, measured(record.payload))
        case _:
            return record


def framed(records: Iterable[Record | None]) -> Iterator[bytes]:
    """`records` in few messages, each record as in the file (recording format, section 3)."""
    parts, octets = list[bytes](), 0
    for record in records:
        if record is not None:
            parts.append(pack_record(record.kind, record.stream, record.at_us, record.payload))
            octets += len(parts[-1])
        if octets >= MESSAGE:
            yield b"".join(parts)
            parts, octets = [], 0
    if parts:
        yield b"".join(parts)


def _object(payload: bytes) -> dict[str, JsonValue]:
    """The JSON object of `payload`; of anything else its text, so that nothing of a recording is hidden."""
    try:
        value: JsonValue = json.loads(payload)
    except (ValueError, RecursionError):
        value = payload.decode(errors="replace")
    return value if isinstance(value, dict) else {"text": value}
