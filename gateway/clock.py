"""Time: the one place that reads a clock, and the arithmetic of deadlines that no step of a clock lengthens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks.

    Attributes:
        wall: aware UTC.
        boot: since the machine started, suspended time included (CLOCK_BOOTTIME).
        boot_id: names the boot that `boot` counts from.
    """

    wall: datetime
    boot: timedelta
    boot_id: str


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...

    def instant(self) -> Instant:
        """Both clocks, read together."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        try:
            self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            self._boot_id = f"process-{time.monotonic_ns()}"

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place

    def instant(self) -> Instant:
        boot = timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
        return Instant(self.now(), boot, self._boot_id)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on both clocks; it has come when either says so (access model, rule 7).

    INVARIANT: a step of the wall clock, back or forth, never lengthens what remains.
    """

    wall: datetime
    boot: timedelta
    boot_id: str

    @classmethod
    def after(cls, at: Instant, lasting: timedelta, not_after: datetime | None = None) -> Deadline:
        """The earlier of `at` + `lasting` and `not_after`."""
        if not_after is not None:
            lasting = min(lasting, not_after - at.wall)
        return cls(at.wall + lasting, at.boot + lasting, at.boot_id)

    def remaining(self, at: Instant) -> timedelta:
        """What is left, never below zero. After a reboot only the wall clock can tell."""
        left = self.wall - at.wall
        if at.boot_id == self.boot_id:
            left = min(left, self.boot - at.boot)
        return max(left, ZERO)

    def passed(self, at: Instant) -> bool:
        return self.remaining(at) == ZERO

    def later(self, by: timedelta) -> Deadline:
        """The same deadline, extended: only an approver's decision may call this."""
        return Deadline(self.wall + by, self.boot + by, self.boot_id)
