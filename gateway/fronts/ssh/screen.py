"""What the gateway itself says on one channel: notices on a terminal or beside a command, and last words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import asyncssh

from gateway.fronts.ssh import notices
from gateway.fronts.ssh.cork import corked
from gateway.sessions.model import Notice

SHOWN: Final = timedelta(seconds=6)  # a notice that does not last stays on the last row this long
PATIENCE: Final = timedelta(milliseconds=300)  # a notice waits this long for the end of a control sequence
LEAVE_FULL_SCREEN: Final = b"\x1b[?1049l\x1b[?25h\x1b[0m"  # main screen, cursor shown, plain colours
REFUSED: Final = 254  # exit status of whatever the gateway refused or ended


class Screen:
    """INVARIANT: nothing of ours goes to standard output of a channel without a terminal."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], nudge: Callable[[int, int], None]) -> None:
        self._channel, self._nudge = channel, nudge
        self.terminal = False
        self.columns = self.rows = 0
        self._tail = b""
        self._waiting: Notice | None = None
        self._wipe: asyncio.TimerHandle | None = None
        self._hurry: asyncio.TimerHandle | None = None

    def passed(self, data: bytes) -> None:
        """Output of the target that the client was just sent."""
        if self.terminal:
            self._tail = (self._tail + data[-notices.TAIL_OCTETS :])[-notices.TAIL_OCTETS :]
            if self._waiting is not None and notices.whole(self._tail):
                self._draw()

    def show(self, notice: Notice) -> None:
        if not self.terminal:
            self.write(notices.on_stderr(notice.words), error=True)
            return
        self._waiting = notice
        if notices.whole(self._tail):
            self._draw()
        elif self._hurry is None:
            loop = asyncio.get_running_loop()
            self._hurry = loop.call_later(PATIENCE.total_seconds(), self._draw)

    def say(self, words: str) -> None:
        """A line of its own, on standard error."""
        line = notices.on_stderr(words)
        self.write(b"\r\n" + line.replace(b"\n", b"\r\n") if self.terminal else line, error=True)

    def last_words(self, words: str) -> None:
        """Say why, and close with an exit status that no program of the target's made."""
        self.stop()
        with corked():  # of two hundred that are killed at once, the last must not wait for eight hundred writes
            if self.terminal:
                self.write(LEAVE_FULL_SCREEN)
            self.say(words)
            self._channel.exit(REFUSED)

    def write(self, data: bytes, *, error: bool = False) -> None:
        with contextlib.suppress(OSError):  # the channel was closed by the client
            self._channel.write(data, asyncssh.EXTENDED_DATA_STDERR if error else None)

    def stop(self) -> None:
        """The channel is over: no timer of ours may touch it."""
        for timer in (self._wipe, self._hurry):
            if timer is not None:
                timer.cancel()
        self._wipe = self._hurry = self._waiting = None

    def _draw(self) -> None:
        notice, self._waiting = self._waiting, None
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
        if notice is None:
            return
        self.write(notices.on_terminal(notice, self.columns, self.rows))
        if self._wipe is not None:
            self._wipe.cancel()
            self._wipe = None
        if not notices.lasting(notice) and self.rows > 1:
            self._wipe = asyncio.get_running_loop().call_later(SHOWN.total_seconds(), self._clear)

    def _clear(self) -> None:
        """Take the row back, and have the program paint afresh: its window shrinks by a row and grows again."""
        self._wipe = None
        self.write(notices.wiped(self.rows))
        self._nudge(self.columns, self.rows - 1)
        self._nudge(self.columns, self.rows)
