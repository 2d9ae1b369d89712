"""What a terminal shows now, as the octets that paint it: lets a player start in the middle."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Final, TypeVar

from avt._avt import Vt

from gateway.recording.format import SIZE

WIDEST: Final = 1000  # columns or rows a terminal is emulated with; a larger one gets no keyframes
T = TypeVar("T")


class Screen:
    """A terminal emulator beside a stream. INVARIANT: what goes wrong in it never reaches the recorder.

    It takes 100 KiB, so between segments it `rest`s: what it shows is kept as text, and painted afresh when it goes on.
    """

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = cols, rows
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._terminal: Vt | None = None
        self._painted, self._broken = "", False
        self.resize(cols, rows)

    def feed(self, data: bytes) -> None:
        if not self._broken:
            self._guard(lambda: self._awake().feed_str(self._decoder.decode(data)))

    def resize(self, cols: int, rows: int) -> None:
        self._broken = self._broken or not (0 < cols <= WIDEST and 0 < rows <= WIDEST)
        if not self._broken:
            self._guard(lambda: self._awake().resize(cols, rows))
        self.cols, self.rows = cols, rows

    def rest(self) -> None:
        """Give the memory back until something is shown."""
        if not self._broken and self._terminal is not None:
            self._painted = self._guard(self._terminal.dump) or ""
            self._terminal = None

    def keyframe(self) -> bytes | None:
        """Payload of a KEYFRAME: size, and octets that paint this screen; None when the emulator gave up.

        The octets of a character that has not come whole stand at the end, where the stream continues it.
        """
        painted = self._painted if self._terminal is None else self._guard(self._terminal.dump)
        if self._broken or painted is None:
            return None
        pending, _ = self._decoder.getstate()
        return SIZE.pack(self.cols, self.rows) + painted.encode(errors="replace") + pending

    def _awake(self) -> Vt:
        if self._terminal is None:
            self._terminal = Vt(self.cols, self.rows, 0)
            self._terminal.feed_str(self._painted)
            self._painted = ""
        return self._terminal

    def _guard(self, call: Callable[[], T]) -> T | None:
        """Keyframes stop at the first panic of the extension, which is no Exception; recording goes on."""
        try:
            return call()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - as said
            self._terminal, self._broken = None, True
            return None
