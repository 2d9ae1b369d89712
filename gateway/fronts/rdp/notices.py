"""Which notice lies over the session, and for how long. Pure: time comes in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.clock import ZERO
from gateway.fronts.rdp.pictures import Tone
from gateway.sessions.model import Notice, NoticeKind

STANDS: Final = timedelta(seconds=12)  # a notice that is read and over
SPOKEN: Final = timedelta(seconds=30)  # a message of a person
SECOND: Final = timedelta(seconds=1)
COUNTED: Final = timedelta(seconds=60)  # at the end, second by second
COUNTDOWN: Final = "This session ends in {seconds:02} s. Please save your work."  # always as long
WAITING: Final = 8  # notices that are yet to be shown; more push out the oldest
_URGENT: Final = frozenset({NoticeKind.PAUSED, NoticeKind.DISCARDED, NoticeKind.COUNTDOWN})


@dataclass(frozen=True, slots=True)
class Bar:
    words: str
    tone: Tone


class Notices:
    """One bar at a time. A pause stays until it is over; what comes meanwhile is shown first, then the pause again.
    In the last minute the time that is left is counted down."""

    def __init__(self) -> None:
        self._lasting: Bar | None = None
        self._passing: list[tuple[Bar, timedelta]] = []  # with how long each stands
        self._since: timedelta | None = None  # when the first of them began to be shown

    def tell(self, notice: Notice) -> None:
        bar = Bar(notice.words, Tone.WARN if notice.kind in _URGENT else Tone.TELL)
        match notice.kind:
            case NoticeKind.PAUSED | NoticeKind.DISCARDED:
                self._lasting = bar
                return
            case NoticeKind.ENDED:  # its words come with the end itself
                return
            case NoticeKind.RESUMED:
                self._lasting = None
        self._passing.append((bar, SPOKEN if notice.kind is NoticeKind.MESSAGE else STANDS))
        del self._passing[:-WAITING]

    @property
    def any(self) -> bool:
        return bool(self._passing) or self._lasting is not None

    def now(self, at: timedelta, left: timedelta) -> Bar | None:
        """What is to be seen at boot time `at`, when the session has so much time left."""
        while self._passing:
            bar, stands = self._passing[0]
            if self._since is None:
                self._since = at
            if at < self._since + stands:
                return bar
            del self._passing[0]
            self._since = None
        if ZERO < left < COUNTED:
            return Bar(COUNTDOWN.format(seconds=-(-left // SECOND)), Tone.WARN)
        return self._lasting
