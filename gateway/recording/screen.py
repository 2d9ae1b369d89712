"""What a terminal shows now, as the octets that paint it: lets a player start in the middle."""

from __future__ import annotations

import codecs
from typing import Final

from avt._avt import Vt

from gateway.recording.format import SIZE

WIDEST: Final = 1000  # columns or rows a terminal is emulated with; a larger one gets no keyframes


class Screen:
    """A terminal emulator beside a stream. INVARIANT: what goes wrong in it never reaches the recorder."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = cols, rows
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._terminal: Vt | None = None
        self.resize(cols, rows)

    def feed(self, data: bytes) -> None:
        if self._terminal is None:
            return
        try:
            self._terminal.feed_str(self._decoder.decode(data))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - a panic of the extension is no Exception; keyframes stop, recording goes on
            self._terminal = None

    def resize(self, cols: int, rows: int) -> None:
        self.cols, self.rows = cols, rows
        if not (0 < cols <= WIDEST and 0 < rows <= WIDEST):
            self._terminal = None
            return
        try:
            if self._terminal is None:
                self._terminal = Vt(cols, rows, 0)
            else:
                self._terminal.resize(cols, rows)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - as above
            self._terminal = None

    def keyframe(self) -> bytes | None:
        """Payload of a KEYFRAME: size, and octets that paint this screen; None when the emulator gave up.

        The octets of a character that has not come whole stand at the end, where the stream continues it.
        """
        if self._terminal is None:
            return None
        try:
            painted = self._terminal.dump().encode(errors="replace")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - as above
            self._terminal = None
            return None
        pending, _ = self._decoder.getstate()
        return SIZE.pack(self.cols, self.rows) + painted + pending
