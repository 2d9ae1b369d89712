"""A clock of a whole gateway that a test steps, moves on, and reboots."""

from datetime import UTC, datetime, timedelta

from gateway.clock import Instant, SystemClock


class SteppedClock:
    """This machine's clocks, of which the wall clock can be set, and both can be moved on together."""

    def __init__(self) -> None:
        self._own, self._step, self._passed = SystemClock(), timedelta(0), timedelta(0)
        self._boot: timedelta | None = None

    def now(self) -> datetime:
        return (self._own.now() + self._step + self._passed).astimezone(UTC)

    def instant(self) -> Instant:
        own = self._own.instant()
        boot, name = own.boot + self._passed, own.boot_id
        if self._boot is not None:
            boot, name = boot - self._boot, f"after {name}"
        return Instant(own.wall + self._step + self._passed, boot, name)

    def step(self, by: timedelta) -> None:
        self._step += by

    def pass_time(self, time: timedelta) -> None:
        self._passed += time

    def reboot(self) -> None:
        """The machine starts anew at this moment."""
        self._boot = self._own.instant().boot + self._passed
