"""Reading from a channel goes on only while nobody has a reason against it."""

from __future__ import annotations

from enum import Flag
from typing import Protocol


class Readable(Protocol):
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Valve:
    """INVARIANT: the channel is read if and only if no reason to shut is left."""

    def __init__(self, channel: Readable) -> None:
        self._channel = channel
        self._why = 0

    @property
    def shut_now(self) -> bool:
        return self._why != 0

    def shut(self, why: Flag) -> None:
        if not self._why:
            self._channel.pause_reading()
        self._why |= why.value

    def open(self, why: Flag) -> None:
        """Take the reason back; reading may deliver data before this returns."""
        before, self._why = self._why, self._why & ~why.value
        if before and not self._why:
            self._channel.resume_reading()
