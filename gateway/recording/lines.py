"""What stood on the terminals, row by row, with the moment at which it stood there, and what was typed. Pure.

A row is told when it is over: scrolled away, painted over, or at the end of what was given. What is typed into a row
makes it longer and is told once. What a target wrote and erased again between two reads was on nobody's screen, but is
told where the erasing can be seen in the octets.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.recording.emulator import Emulator, Panicked
from gateway.recording.format import COUNT, SIZE
from gateway.recording.model import Kind, Record
from gateway.recording.screen import WIDEST
from gateway.recording.summary import told
from gateway.words import printable

ERASES: Final = re.compile(r"(?=\x1b(?:\[[0-9;?]*[JhlLMST]|c))")  # erase, insert, delete, scroll, another screen, reset
PLAIN: Final = re.compile(rb"[^\x00-\x1f\x7f\xc2]{0,64}")  # letters: no control character begins in them
LONGEST: Final = 4096  # characters of one line of an output without a terminal; a longer one is cut into several
SILENCE_US: Final = 5_000_000  # what is typed after so long is another line
ENDS: Final = ("\r", "\n")  # keys that end a typed line


@dataclass(frozen=True, slots=True)
class Line:
    """`text` stood on the terminal of `stream` at `at_us`, and was complete then."""

    at_us: int
    stream: int
    text: str


@dataclass(frozen=True, slots=True)
class Typed:
    """One line that was typed, from `at_us` on; `hidden` octets of it were not echoed and can be read by nobody."""

    at_us: int
    stream: int
    text: str
    hidden: int


@dataclass(slots=True)
class _Row:
    at_us: int
    text: str
    told: bool = False  # nothing new stands here


class _Terminal:
    """A terminal emulator, and what its rows showed when it was looked at last."""

    def __init__(self, stream: int, cols: int, rows: int) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf-8")("replace")
        self._terminal = Emulator(cols, rows)
        self._rows = [_Row(0, "", told=True) for _ in range(rows)]
        self._letters, self._letters_us = list[bytes](), 0  # not fed yet

    def feed(self, at_us: int, data: bytes) -> Iterator[Line]:
        """Letters alone only make a row longer: it is looked at when something else comes."""
        if PLAIN.fullmatch(data):
            self._letters.append(data)
            self._letters_us = at_us
            return
        yield from self._looked()
        yield from self._fed(at_us, data)

    def _looked(self) -> Iterator[Line]:
        if self._letters:
            letters, self._letters = b"".join(self._letters), []
            yield from self._fed(self._letters_us, letters)

    def _fed(self, at_us: int, data: bytes) -> Iterator[Line]:
        for part in ERASES.split(self._decoder.decode(data)):
            changed, gone = self._terminal.feed(part)
            yield from self._scrolled(at_us, gone)
            yield from self._repainted(at_us, changed)

    def resize(self, at_us: int, cols: int, rows: int) -> Iterator[Line]:
        if not (0 < cols <= WIDEST and 0 < rows <= WIDEST):
            return
        yield from self._looked()
        yield from self._scrolled(at_us, self._terminal.resize(cols, rows))
        while len(self._rows) > rows:
            yield from self._over(self._rows.pop())
        self._rows += [_Row(at_us, "", told=True) for _ in range(rows - len(self._rows))]
        yield from self._repainted(at_us, range(rows))

    def paint(self, data: bytes) -> None:
        """A keyframe: what it shows was told already."""
        for _ in self._fed(0, data):
            pass
        for row in self._rows:
            row.told = True

    def rest(self) -> Iterator[Line]:
        yield from self._looked()
        for row in self._rows:
            yield from self._over(row)

    def _over(self, row: _Row) -> Iterator[Line]:
        if row.text and not row.told:
            row.told = True
            yield Line(row.at_us, self._stream, row.text)

    def _scrolled(self, at_us: int, gone: list[str]) -> Iterator[Line]:
        for place, text in enumerate(gone):
            row = self._rows[place] if place < len(self._rows) else _Row(at_us, "", told=True)
            yield from self._changed(row, at_us, text)
            yield from self._over(row)
        left = self._rows[len(gone) :]
        self._rows = left + [_Row(at_us, "", told=True) for _ in range(len(self._rows) - len(left))]

    def _repainted(self, at_us: int, changed: Iterable[int]) -> Iterator[Line]:
        """Rows that merely moved, as in a pager, are no news: they keep their moment."""
        shown, was = self._terminal.lines(), self._rows
        now = {n: text for n in changed if (text := shown[n].text.rstrip()) != was[n].text}
        before: dict[str, list[_Row]] = {}
        for n in now if len(now) > 1 else ():
            before.setdefault(was[n].text, []).append(was[n])
        moved = {n: rows.pop() for n, text in now.items() if text and (rows := before.get(text))}
        kept = {id(row) for row in moved.values()}
        for n, text in now.items():
            if id(was[n]) in kept:
                was[n] = moved.get(n) or _Row(at_us, text)
            elif n in moved:
                yield from self._over(was[n])
                was[n] = moved[n]
            else:
                yield from self._changed(was[n], at_us, text)

    def _changed(self, row: _Row, at_us: int, text: str) -> Iterator[Line]:
        if row.text == text:
            return
        longer = text.startswith(row.text)
        if not longer:
            yield from self._over(row)
        row.told = row.told and bool(text) and row.text.startswith(text)
        row.at_us, row.text = at_us, text


class _Pipe:
    """An output without a terminal: its lines as they come."""

    def __init__(self, stream: int) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf-8")("replace")
        self._at_us, self._line = 0, ""

    def feed(self, at_us: int, data: bytes) -> Iterator[Line]:
        self._at_us = at_us
        *lines, self._line = (self._line + self._decoder.decode(data)).split("\n")
        for line in lines:
            yield from self._told(line)
        while len(self._line) > LONGEST:
            line, self._line = self._line[:LONGEST], self._line[LONGEST:]
            yield from self._told(line)

    def rest(self) -> Iterator[Line]:
        yield from self._told(self._line)

    def _told(self, line: str) -> Iterator[Line]:
        for start in range(0, len(text := line.rstrip()), LONGEST):
            yield Line(self._at_us, self._stream, text[start : start + LONGEST])


def lines(records: Iterable[Record]) -> Iterator[Line]:
    """Rows of every terminal in `records`, which begin at the start or at keyframes."""
    streams = _Streams()
    for record in records:
        try:
            yield from streams.read(record)
        except Panicked:  # what follows is told as it came
            streams.pipe(record.stream)
    yield from streams.rest()


class _Streams:
    def __init__(self) -> None:
        self._all: dict[int, _Terminal | _Pipe] = {}

    def read(self, record: Record) -> Iterator[Line]:
        number, at_us, stream = record.stream, record.at_us, self._all.get(record.stream)
        if record.kind == Kind.OPEN:
            value = told(record.payload.decode(errors="replace"))
            about = value if isinstance(value, dict) else {}
            self._all[number] = _stream(number, about.get("columns"), about.get("rows"))
        elif record.kind in (Kind.OUTPUT, Kind.ERROR):
            yield from (stream or self.pipe(number)).feed(at_us, record.payload)
        elif record.kind == Kind.CLOSE and stream is not None:
            del self._all[number]
            yield from stream.rest()
        elif record.kind == Kind.RESIZE and isinstance(stream, _Terminal) and len(record.payload) == SIZE.size:
            yield from stream.resize(at_us, *SIZE.unpack(record.payload))
        elif record.kind == Kind.KEYFRAME and stream is None and len(record.payload) >= SIZE.size:
            stream = self._all[number] = _stream(number, *SIZE.unpack_from(record.payload))
            if isinstance(stream, _Terminal):
                stream.paint(record.payload[SIZE.size :])

    def pipe(self, number: int) -> _Pipe:
        self._all[number] = pipe = _Pipe(number)
        return pipe

    def rest(self) -> Iterator[Line]:
        for stream in self._all.values():
            with contextlib.suppress(Panicked):
                yield from stream.rest()


def typed(records: Iterable[Record]) -> Iterator[Typed]:
    """Lines as they were typed, control characters shown; `records` have their input opened."""
    begun: dict[int, tuple[Typed, int]] = {}  # by stream: the line so far, and when its last key came
    for record in records:
        if record.kind not in (Kind.INPUT, Kind.HIDDEN):
            continue
        hidden = record.kind == Kind.HIDDEN
        octets = COUNT.unpack(record.payload)[0] if hidden else 0
        text = "" if hidden else record.payload.decode(errors="replace")
        line, last = begun.pop(record.stream, (None, 0))
        if line is not None and (record.at_us - last > SILENCE_US or bool(line.hidden) != hidden):
            yield _shown(line)
            line = None
        at_us, before, hid = (line.at_us, line.text, line.hidden) if line is not None else (record.at_us, "", 0)
        line = Typed(at_us, record.stream, before + text, hid + octets)
        if line.text.endswith(ENDS) or len(line.text) > LONGEST:
            yield _shown(line)
        else:
            begun[record.stream] = line, record.at_us
    for line, _ in begun.values():
        yield _shown(line)


def _shown(line: Typed) -> Typed:
    return Typed(line.at_us, line.stream, printable(line.text.rstrip("\r\n")), line.hidden)


def _stream(number: int, cols: object, rows: object) -> _Terminal | _Pipe:
    if isinstance(cols, int) and isinstance(rows, int) and 0 < cols <= WIDEST and 0 < rows <= WIDEST:
        return _Terminal(number, cols, rows)
    return _Pipe(number)
