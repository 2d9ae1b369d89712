"""The ledger of files that passed: what it knows of each (decisions 10). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from typing import Protocol as Port

from gateway.ids import FileId, SessionId, new_id
from gateway.sessions.model import Session
from gateway.words import printable


class FileEntry(Port):
    """What a front knows of a file when it is closed.

    Attributes:
        number: of the file within its stream.
        way: `download` or `upload`.
        path: as the target canonicalised it.
        octets: that passed.
        ranges: `[from, to)` of the file that passed, in order.
        sha256: of the whole file, hex; of what passed when `partial`.
        verdict: `passed`, `partial`, `refused`, `held`, `delivered`, `withheld`.
        words: why, for the person concerned; empty for nothing to say.
    """

    @property
    def number(self) -> int: ...
    @property
    def way(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def octets(self) -> int: ...
    @property
    def ranges(self) -> Sequence[tuple[int, int]]: ...
    @property
    def sha256(self) -> str: ...
    @property
    def partial(self) -> bool: ...
    @property
    def verdict(self) -> str: ...
    @property
    def words(self) -> str: ...


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
        session.target_name, stream, entry.number, str(entry.way), printable(entry.path), entry.octets,
        tuple((first, past) for first, past in entry.ranges), entry.sha256, entry.partial, str(entry.verdict),
        printable(entry.words), opened, closed,
    )  # fmt: skip


def told(line: Passed) -> dict[str, object]:
    """As the recording has it, which knows session and stream itself."""
    return {
        "id": line.id,
        "file": line.number,
        "way": line.way,
        "path": line.path,
        "octets": line.octets,
        "ranges": [list(r) for r in line.ranges],
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
        return _heard(value, session, stream) if value["of"] == "entry" else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _heard(value: Mapping[str, Any], session: Session, stream: int) -> Passed:
    ranges = tuple((int(first), int(past)) for first, past in value["ranges"])
    return Passed(
        FileId(str(value["id"])), session.id, session.seq, session.grant or "", session.person_name,
        session.target_name, stream, int(value["file"]), str(value["way"]), str(value["path"]), int(value["octets"]),
        ranges, str(value["sha256"]), bool(value["partial"]), str(value["verdict"]), str(value["words"]),
        datetime.fromisoformat(value["opened"]), datetime.fromisoformat(value["closed"]),
    )  # fmt: skip
