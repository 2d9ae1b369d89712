"""Holding in the client's own terminal: one step of waiting, and the text for it.

During authentication each step is a keyboard-interactive round without prompts: the client shows its text at once and
answers at once, so that the connection is never silent for longer than `HOLD_STEP` and Ctrl-C leaves at any moment.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.clock import ZERO, Clock
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.ports import Visit
from gateway.limits import HOLD_STEP
from gateway.sessions.model import Hold
from gateway.words import printable


async def step(visit: Visit, clock: Clock, *, at_once: bool = False) -> str:
    """Wait up to `HOLD_STEP`: empty when `visit.enter()` may be called, else what to tell the person who waits.

    Raises:
        Refused: it will never be; its words are for the person.
    """
    if await visit.settled(ZERO if at_once else HOLD_STEP):
        return ""
    return text(visit.hold, clock.now())


def text(hold: Hold | None, now: datetime) -> str:
    """One line: what is missing, who was asked, since when, and how to leave."""
    if hold is None:
        return f"Opening. {texts.LEAVE}"
    asked = f" Asked: {', '.join(hold.asked)}." if hold.asked else ""
    since = hold.since.astimezone(UTC)
    waited = _lasting(max(now - hold.since, ZERO))
    return f"{printable(hold.words)}{printable(asked)} Since {since:%H:%M:%S} UTC ({waited}). {texts.LEAVE}"


def _lasting(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"
