"""What an audit event is. The catalogue itself is in `gateway/audit/events/`, one file a subject.

An event is a frozen class with a stable name and code. Codes are grouped by subject and end in a severity:
I information, W refusal or warning, E failure. A code never changes its meaning; a retired one is never re-used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar

from gateway.clock import Instant

GATEWAY = "gateway"  # the actor of what nobody asked for
CLOCK = "clock"  # the actor of what time brought about


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Something that happened, for the auditor.

    INVARIANT: no field ever carries a secret, a keystroke or a token.

    Attributes:
        actor: login name of the person who did it, or `gateway`, `clock`, `recorder`, `target`.
        source: network address the actor came from; empty for none.
    """

    name: ClassVar[str]
    code: ClassVar[str]

    actor: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log as written.

    Attributes:
        index: place in the log, from 0 without a gap.
        line: canonical JSON, exactly the octets that are hashed (RFC 6962 leaf data).
    """

    index: int
    at: datetime
    name: str
    code: str
    actor: str
    line: str

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.line)
        return values


def canonical(index: int, at: Instant, event: AuditEvent) -> str:
    """The line of `event`: sorted keys, no spaces, UTC with microseconds, durations in seconds."""
    values: dict[str, Any] = {f.name: _plain(getattr(event, f.name)) for f in fields(event)}
    values |= {
        "index": index,
        "at": at.wall.isoformat(timespec="microseconds"),
        "boot": round(at.boot.total_seconds(), 6),
        "boot_id": at.boot_id,
        "event": event.name,
        "code": event.code,
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="microseconds")
        case timedelta():
            return value.total_seconds()
        case tuple() | list():
            return [_plain(v) for v in value]
        case set() | frozenset():
            return sorted(_plain(v) for v in value)
        case dict():
            return {str(k): _plain(v) for k, v in value.items()}
        case _:
            return value
