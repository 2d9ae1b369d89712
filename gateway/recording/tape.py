"""The recording of one stream: a channel of a connection, with its terminal and what is typed into it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

from gateway.errors import RecorderFailed
from gateway.recording.echo import Echo
from gateway.recording.format import COUNT, SIZE, canonical
from gateway.recording.model import Kind, Record
from gateway.recording.screen import Screen


class Writer(Protocol):
    """What a tape needs of the recorder."""

    def now_us(self) -> int: ...

    def write(self, stream: int, *records: tuple[int, bytes]) -> None: ...

    def forget(self, tape: Tape) -> None: ...


class Tape:
    """Every method writes first; deliver when it has returned.

    All of them raise `RecorderFailed`, and then nothing of what was given is in the recording.
    """

    def __init__(
        self, writer: Writer, stream: int, about: Mapping[str, object], terminal: tuple[int, int] | None
    ) -> None:
        self._writer, self.stream = writer, stream
        size = {"columns": terminal[0], "rows": terminal[1]} if terminal else {}
        self._opened = Record(Kind.OPEN, stream, writer.now_us(), canonical({**about, **size}))
        self._screen = Screen(*terminal) if terminal else None
        self._echo = Echo(stream)
        self._stdin, self._stdin_octets = hashlib.sha256(), 0
        writer.write(stream, (Kind.OPEN, self._opened.payload))

    def output(self, data: bytes) -> None:
        if self._echo.idle:
            self._writer.write(self.stream, (Kind.OUTPUT, data))
        else:
            keys = self._echo.shown(data, self._writer.now_us())
            self._writer.write(self.stream, (Kind.OUTPUT, data), *((Kind.BURST, key) for key in keys))
        if self._screen is not None:
            self._screen.feed(data)

    def error(self, data: bytes) -> None:
        self._writer.write(self.stream, (Kind.ERROR, data))

    def typed(self, data: bytes) -> None:
        """Input at a terminal, sealed; readable later only if the target echoes it."""
        inputs, keys = self._echo.typed(data, self._writer.now_us())
        try:
            self._writer.write(
                self.stream, *((Kind.INPUT, sealed) for sealed in inputs), *((Kind.BURST, key) for key in keys)
            )
        except RecorderFailed:
            self._echo.lost()
            raise

    def stdin(self, data: bytes) -> None:
        """Standard input without a terminal: how much in all and its SHA-256 so far; the content is not kept."""
        digest, octets = self._stdin.copy(), self._stdin_octets + len(data)
        digest.update(data)
        self._writer.write(self.stream, (Kind.LENGTH, COUNT.pack(octets) + digest.digest()))
        self._stdin, self._stdin_octets = digest, octets

    def discarded(self, octets: int) -> None:
        """So many octets were typed during a pause and not delivered."""
        self._writer.write(self.stream, (Kind.DISCARDED, COUNT.pack(octets)))

    def resize(self, cols: int, rows: int) -> None:
        self._writer.write(self.stream, (Kind.RESIZE, SIZE.pack(min(cols, 0xFFFF), min(rows, 0xFFFF))))
        if self._screen is not None:
            self._screen.resize(cols, rows)

    def close(self, status: int | None, signal: str = "") -> None:
        """The stream is over. Keys of what was never echoed are forgotten, whether this can be written or not."""
        keys = self._echo.close()
        closed = {"status": status, "signal": signal}
        if self._stdin_octets:
            closed |= {"stdin_octets": self._stdin_octets, "stdin_sha256": self._stdin.hexdigest()}
        try:
            self._writer.write(self.stream, *((Kind.BURST, key) for key in keys), (Kind.CLOSE, canonical(closed)))
        finally:
            self._writer.forget(self)

    def passed(self, now_us: int) -> None:
        """Time went by: a burst may have ended in silence."""
        if not self._echo.idle and (keys := self._echo.passed(now_us)):
            self._writer.write(self.stream, *((Kind.BURST, key) for key in keys))

    def picture(self) -> tuple[int, bytes] | None:
        """The KEYFRAME of this stream as it stands; None without a terminal."""
        painted = self._screen.keyframe() if self._screen is not None else None
        return (Kind.KEYFRAME, painted) if painted is not None else None

    def rest(self) -> None:
        """The segment is signed; nothing may come for long."""
        if self._screen is not None:
            self._screen.rest()

    def opened(self) -> Record:
        """Its OPEN record, for a viewer who comes later."""
        return self._opened
