"""Export as plain text: what stood on each terminal, line by line, without colours and cursor movements; of a desktop
what passed through its clipboard; which files were asked for and passed; and what was decided and told. Pure."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta

from gateway.recording.emulator import Emulator, Panicked
from gateway.recording.format import SIZE
from gateway.recording.model import About, Kind, Record
from gateway.recording.screen import WIDEST
from gateway.recording.summary import told
from gateway.words import printable

_SAID = {
    Kind.OPEN: "opened",
    Kind.CLOSE: "closed",
    Kind.NOTICE: "notice",
    Kind.DECISION: "decision",
    Kind.CLIPBOARD: "clipboard",
}


class _Stream:
    """One stream: an emulator when it has a terminal, else its octets as they came."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        self._decoder, self._line = codecs.getincrementaldecoder("utf-8")("replace"), ""
        self._terminal = Emulator(*size) if size else None

    def feed(self, data: bytes) -> list[str]:
        """Lines that are finished."""
        text = self._decoder.decode(data)
        if self._terminal is not None:
            try:
                return self._terminal.feed(text)[1]
            except Panicked:
                self._terminal = None  # what follows is told as it came
        *lines, self._line = (self._line + text).replace("\r\n", "\n").split("\n")
        return lines

    def resize(self, cols: int, rows: int) -> list[str]:
        if self._terminal is None or not (0 < cols <= WIDEST and 0 < rows <= WIDEST):
            return []
        try:
            return self._terminal.resize(cols, rows)
        except Panicked:
            self._terminal = None
            return []

    def rest(self) -> list[str]:
        """What is left on the screen, without the empty lines below."""
        lines = self._terminal.text() if self._terminal is not None else [self._line]
        while lines and not lines[-1].strip():
            lines.pop()
        return lines


def text(about: About, records: Iterable[Record]) -> Iterator[str]:
    """Lines; `records` come from the start. Control characters are shown, never sent."""
    yield f"{about.person} on {about.target}, session {about.session}, started {about.started.isoformat()}\n"
    streams: dict[int, _Stream] = {}
    for record in records:
        stream = streams.get(record.stream)
        if record.kind == Kind.FILE:
            yield from _file(record)
        elif record.kind in _SAID:
            if record.kind == Kind.OPEN:
                streams[record.stream] = _Stream(_size(record))
            elif record.kind == Kind.CLOSE and stream is not None:
                yield from _lines(record.stream, stream.rest())
                del streams[record.stream]
            said = printable(record.payload.decode(errors="replace"))
            yield f"{_when(record)} {_SAID[Kind(record.kind)]}: {said}\n"
        elif stream is not None and record.kind in (Kind.OUTPUT, Kind.ERROR):
            yield from _lines(record.stream, stream.feed(record.payload))
        elif stream is not None and record.kind == Kind.RESIZE and len(record.payload) == SIZE.size:
            yield from _lines(record.stream, stream.resize(*SIZE.unpack(record.payload)))
    for number, stream in streams.items():
        yield from _lines(number, stream.rest())


def _when(record: Record) -> str:
    return f"[{timedelta(microseconds=record.at_us // 1000 * 1000)}] stream {record.stream}"


def _file(record: Record) -> Iterator[str]:
    """What was asked for of files, and the entry of each; answers say no more than the two."""
    value = told(record.payload.decode(errors="replace"))
    of = value.get("of") if isinstance(value, dict) else None
    if not isinstance(value, dict) or of == "result":
        return
    if of == "entry":
        named = ("verdict", "way", "path", "octets", "sha256", "words")
        said = " ".join(str(value[name]) for name in named if value.get(name) not in (None, ""))
        yield f"{_when(record)} file: {printable(said)}\n"
    else:
        yield f"{_when(record)} asked: {printable(json.dumps(value, sort_keys=True, ensure_ascii=False))}\n"


def _lines(number: int, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{number}| {printable(line.rstrip())}\n"


def _size(opened: Record) -> tuple[int, int] | None:
    value = told(opened.payload.decode(errors="replace"))
    if not isinstance(value, dict):
        return None
    cols, rows = value.get("columns"), value.get("rows")
    if isinstance(cols, int) and isinstance(rows, int) and 0 < cols <= WIDEST and 0 < rows <= WIDEST:
        return cols, rows
    return None
