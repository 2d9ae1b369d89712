"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

from gateway.clock import Instant

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # a Tuesday


class SimulatedClock:
    """Both clocks go together unless a test steps the wall clock or reboots."""

    def __init__(self, start: datetime = START) -> None:
        self.wall, self.boot, self.boots = start, timedelta(hours=1), 1

    def now(self) -> datetime:
        return self.wall

    def instant(self) -> Instant:
        return Instant(self.wall, self.boot, f"boot-{self.boots}")

    def advance(self, **by: float) -> None:
        self.wall += timedelta(**by)
        self.boot += timedelta(**by)

    def step_wall(self, **by: float) -> None:
        """Somebody sets the clock."""
        self.wall += timedelta(**by)

    def reboot(self) -> None:
        self.boots, self.boot = self.boots + 1, timedelta(0)
