"""The ledger of files that passed: what it knows of each (decisions 10). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from gateway.ids import FileId, SessionId, new_id
from gateway.sessions.model import Session
from gateway.sftp.ledger import FileEntry
from gateway.words import printable


class Verdict(StrEnum):
    """What became of a file."""

    PASSED = "passed"  # all of it
    PARTIAL = "partial"
    REFUSED = "refused"
    HELD = "held"  # an upload that waits for somebody to deliver it (C62)
    CLEARED = "cleared"  # somebody did, and it waits for a session to go through
    DELIVERED = "delivered"
    WITHHELD = "withheld"
    EXPIRED = "expired"  # nobody decided in time, or no session of the grant could take it


ENTRY: Final = "entry"  # `of` of a FILE record: a file is closed
OPEN: Final = frozenset({Verdict.HELD, Verdict.CLEARED})


@dataclass(frozen=True, slots=True)
class Passed:
    """What a session has to say of one file; of a session it is never said twice."""

    id: FileId
    session: SessionId
    seq: int
    grant: str
    person: str
    target: str
    stream: int
    number: int
    way: str
    path: str
    octets: int
    ranges: tuple[tuple[int, int], ...]
    sha256: str
    partial: bool
    verdict: str
    words: str
    opened: datetime
    closed: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger.

    Attributes:
        place: where it stands in the ledger of the site; later lines have greater ones.
        decided_by, decided: who delivered or withheld a held file, and when.
    """

    place: int
    passed: Passed
    decided_by: str
    decided: datetime | None


def passed(
    entry: FileEntry, session: Session, stream: int, opened: datetime, closed: datetime, id_: FileId | None = None
) -> Passed:
    return Passed(
        id_ or FileId(new_id("fil")), session.id, session.seq, session.grant or "", session.person_name,
        session.target_name, stream, entry.number, entry.way, printable(entry.path), entry.octets, entry.ranges,
        entry.sha256, entry.partial, entry.verdict, printable(entry.words), opened, closed,
    )  # fmt: skip


def told(line: Passed) -> dict[str, object]:
    """As the recording has it, which knows session and stream itself."""
    return {
        "of": ENTRY,
        "id": line.id,
        "file": line.number,
        "way": line.way,
        "path": line.path,
        "octets": line.octets,
        "ranges": line.ranges,
        "sha256": line.sha256,
        "partial": line.partial,
        "verdict": line.verdict,
        "words": line.words,
        "opened": line.opened.isoformat(),
        "closed": line.closed.isoformat(),
    }


def heard_of(payload: bytes, session: Session, stream: int) -> Passed | None:
    """The line of a FILE record; None when it is of something else."""
    try:
        value = json.loads(payload)
        return _heard(value, session, stream) if value["of"] == ENTRY else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _heard(value: Mapping[str, Any], session: Session, stream: int) -> Passed:
    ranges = tuple((int(first), int(past)) for first, past in value["ranges"])
    entry = FileEntry(
        int(value["file"]), str(value["way"]), str(value["path"]), int(value["octets"]), ranges, str(value["sha256"]),
        bool(value["partial"]), str(value["verdict"]), str(value["words"]),
    )  # fmt: skip
    opened, closed = (datetime.fromisoformat(value[name]) for name in ("opened", "closed"))
    return passed(entry, session, stream, opened, closed, FileId(str(value["id"])))
