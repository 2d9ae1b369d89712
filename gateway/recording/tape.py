"""The recording of one stream: a channel of a connection, with its terminal and what is typed into it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

from gateway.errors import RecorderFailed
from gateway.recording.echo import Echo
from gateway.recording.format import BLOCK, CARRIED, COUNT, PICTURE, SIZE, canonical
from gateway.recording.model import Kind, Record
from gateway.recording.screen import Screen


class Writer(Protocol):
    """What a tape needs of the recorder."""

    def now_us(self) -> int: ...

    def write(self, stream: int, *records: tuple[int, bytes]) -> None: ...

    def afresh(self, stream: int, *records: tuple[int, bytes]) -> int: ...

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
        self._carried = (0, 0)  # octets to the person, to the target
        self._size: tuple[int, int] | None = None  # of a desktop
        self._repaint_us: int | None = None  # the REPAINT that waits for its PICTURE
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

    # --- a desktop

    def shown(self, *pdus: bytes) -> None:
        """Whole PDUs for the person's client, a record each, in one frame."""
        self._writer.write(self.stream, *((Kind.PDU, pdu) for pdu in pdus))

    def pressed(self, events: bytes) -> None:
        """Keys at a desktop: nothing tells what of them shows, so their key is forgotten at once."""
        self._writer.write(self.stream, (Kind.INPUT, self._echo.unseen(events, self._writer.now_us())))

    def pointed(self, events: bytes) -> None:
        """Movements and buttons of the pointer."""
        self._writer.write(self.stream, (Kind.MOUSE, events))

    def clipboard(self, direction: str, text: str) -> None:
        """Text that is about to pass; `direction` as the channel permission says, `in` or `out`."""
        self._writer.write(self.stream, (Kind.CLIPBOARD, canonical({"direction": direction, "text": text})))

    def desktop(self, width: int, height: int) -> None:
        """The desktop has this size from now on; a picture of another size will not become whole."""
        size = min(width, 0xFFFF), min(height, 0xFFFF)
        self._writer.write(self.stream, (Kind.DESKTOP, SIZE.pack(*size)))
        if self._size not in (None, size):
            self._repaint_us = None
        self._size = size

    def repaint(self) -> None:
        """The target is about to be asked for everything: a segment begins here, and with it a place to seek to."""
        self._repaint_us = None
        self._repaint_us = self._writer.afresh(self.stream, (Kind.REPAINT, b""))

    def repainted(self) -> None:
        """Everything has been painted since `repaint`. Nothing when that was not asked for, or the size changed."""
        if self._repaint_us is None or self._size is None:
            return
        self._writer.write(self.stream, (Kind.PICTURE, PICTURE.pack(self._repaint_us, *self._size)))
        self._repaint_us = None

    # --- files and forwards

    def file(self, note: dict[str, object]) -> None:
        """A request about files, its result, or the entry of a closed file; `of` says which."""
        self._writer.write(self.stream, (Kind.FILE, canonical(note)))

    def block(self, file: int, way: int, offset: int, length: int, content: bytes) -> None:
        """A part of a file that is about to pass; `content` is kept when it is given."""
        self._writer.write(self.stream, (Kind.BLOCK, BLOCK.pack(file, way, offset, length) + content))

    def carried(self, to_person: int, to_target: int) -> None:
        """A chunk of a forward is about to pass, so many octets long in its direction."""
        down, up = self._carried[0] + to_person, self._carried[1] + to_target
        self._writer.write(self.stream, (Kind.FORWARD, CARRIED.pack(down, up)))
        self._carried = down, up

    # --- its end

    def close(self, status: int | None, signal: str = "") -> None:
        """The stream is over. Keys of what was never echoed are forgotten, whether this can be written or not."""
        keys = self._echo.close()
        closed: dict[str, object] = {"status": status, "signal": signal}
        if any(self._carried):
            closed |= {"to_person": self._carried[0], "to_target": self._carried[1]}
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
        """What a segment begins with: the KEYFRAME of a terminal, the size of a desktop; None for neither."""
        if self._size is not None:
            return Kind.DESKTOP, SIZE.pack(*self._size)
        painted = self._screen.keyframe() if self._screen is not None else None
        return (Kind.KEYFRAME, painted) if painted is not None else None

    def rest(self) -> None:
        """The segment is signed; nothing may come for long."""
        if self._screen is not None:
            self._screen.rest()

    def opened(self) -> Record:
        """Its OPEN record, for a viewer who comes later."""
        return self._opened
