"""Export of one terminal as asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/). Pure."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator

from gateway.recording.format import SIZE
from gateway.recording.model import About, Kind, Record
from gateway.recording.summary import told

SCREEN = (80, 24)  # of a stream without a terminal


def asciicast(about: About, records: Iterable[Record], stream: int) -> Iterator[str]:
    """Lines of the cast of `stream`; `records` come from the start, with typed input opened."""
    decoders = {
        kind: codecs.getincrementaldecoder("utf-8")("replace") for kind in (Kind.OUTPUT, Kind.ERROR, Kind.INPUT)
    }
    for record in records:
        if record.kind == Kind.OPEN and record.stream == stream:
            yield _header(about, record)
        elif record.kind in decoders and record.stream == stream:
            text = decoders[Kind(record.kind)].decode(record.payload)
            if text:
                yield _event(record.at_us, "i" if record.kind == Kind.INPUT else "o", text)
        elif record.kind == Kind.RESIZE and record.stream == stream and len(record.payload) == SIZE.size:
            cols, rows = SIZE.unpack(record.payload)
            yield _event(record.at_us, "r", f"{cols}x{rows}")
        elif record.kind in (Kind.NOTICE, Kind.DECISION):
            yield _event(record.at_us, "m", record.payload.decode(errors="replace"))


def _header(about: About, opened: Record) -> str:
    value = told(opened.payload.decode(errors="replace"))
    size = value if isinstance(value, dict) else {}
    header = {
        "version": 2,
        "width": size.get("columns", SCREEN[0]),
        "height": size.get("rows", SCREEN[1]),
        "timestamp": int(about.started.timestamp()),
        "title": f"{about.person} on {about.target}, session {about.session}, stream {opened.stream}",
    }
    return json.dumps(header) + "\n"


def _event(at_us: int, code: str, text: str) -> str:
    return json.dumps([at_us / 1_000_000, code, text], ensure_ascii=False) + "\n"
