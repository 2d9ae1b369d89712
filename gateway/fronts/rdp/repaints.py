"""When the target is asked for a whole picture, so that a recording can be entered and a viewer sees all. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

EVERY: Final = timedelta(seconds=30)  # of activity: what a seek in the recording has to decode
LEAST: Final = timedelta(seconds=2)  # between two, whoever asks
GIVEN_UP: Final = timedelta(seconds=10)  # a picture that is not whole by then is asked for anew, if anything is painted


class Repaints:
    """Times are boot time.

    Attributes:
        asked: a whole picture was asked for and has not come yet.
    """

    def __init__(self) -> None:
        self._last: timedelta | None = None
        self._wanted, self._painted = True, False
        self.asked = False

    @property
    def pending(self) -> bool:
        """A picture is wanted, or on its way."""
        return self._wanted or self.asked

    def wanted(self) -> None:
        """Somebody needs a picture now."""
        self._wanted = True

    def painted(self) -> None:
        """The target painted something."""
        self._painted = True

    def due(self, at: timedelta) -> bool:
        if self._last is None:
            return self._wanted
        since = at - self._last
        if since < LEAST:
            return False
        if self.asked and since < GIVEN_UP:
            return False
        return self._wanted or (self._painted and (since >= EVERY or self.asked))

    def soonest(self, at: timedelta) -> timedelta:
        """How long until a picture that is wanted may be asked for; zero when nothing is to be waited for."""
        if self._last is None or not self._wanted or self.asked:
            return timedelta(0)
        return max(self._last + LEAST - at, timedelta(0))

    def begun(self, at: timedelta) -> None:
        self._last, self._wanted, self._painted, self.asked = at, False, False, True

    def whole(self) -> None:
        self.asked = False
