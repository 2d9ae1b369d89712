"""What people in running sessions ask for, until it is answered: the control room reads it beside the session.

Heard from the audit log's hub, kept in memory: a session does not outlive the process that runs it either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.audit.events.sessions import DeadlineMoved, ExtensionAsked, SessionEnd
from gateway.audit.model import AuditEvent
from gateway.ids import SessionId

KEPT: Final = 1000  # asks at once; the oldest goes


@dataclass(frozen=True, slots=True)
class Asked:
    """More time, asked for by the person in the session."""

    by: timedelta
    reason: str
    at: datetime


class Asks:
    def __init__(self) -> None:
        self._open: dict[str, Asked] = {}

    def of(self, session: SessionId) -> Asked | None:
        return self._open.get(session)

    def hears(self, now: Callable[[], datetime]) -> Callable[[AuditEvent], None]:
        """What the hub calls with each committed event."""

        def hear(event: AuditEvent) -> None:
            match event:
                case ExtensionAsked():
                    self._open.pop(event.session, None)
                    self._open[event.session] = Asked(event.by, event.reason, now())
                    if len(self._open) > KEPT:
                        del self._open[next(iter(self._open))]
                case DeadlineMoved() | SessionEnd():
                    self._open.pop(event.session, None)

        return hear
