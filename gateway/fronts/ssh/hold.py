"""Holding in the client's own terminal: one step of waiting, and the text for it.

During authentication each step is a keyboard-interactive round without prompts: the client shows its text at once and
answers at once, so that the connection is never silent for longer than `HOLD_STEP` and Ctrl-C leaves at any moment.
"""

from __future__ import annotations

from datetime import timedelta

from gateway.clock import ZERO, Clock
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.ports import Visit
from gateway.limits import HOLD_STEP
from gateway.sessions.model import Hold
from gateway.words import printable


class Patience:
    """What one person who waits is told: all of it once, and again when it changes; between that, how long it lasts."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._told = clock, ""

    async def step(self, visit: Visit, *, at_once: bool = False) -> str:
        """Wait up to `HOLD_STEP`: empty when `visit.enter()` may be called, else what to tell the person who waits.

        Raises:
            Refused: it will never be; its words are for the person.
        """
        if await visit.settled(ZERO if at_once else HOLD_STEP):
            return ""
        return self.text(visit.hold)

    def text(self, hold: Hold | None) -> str:
        """One line for his terminal."""
        if hold is None:
            return texts.OPENING
        if hold.words != self._told:
            self._told = hold.words
            return printable(hold.words)
        return texts.still_waiting(lasting(max(self._clock.now() - hold.since, ZERO)))


def lasting(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"
