"""The ledger of files that passed: what it knows of each (decisions 10). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol as Port

from gateway.ids import SessionId
from gateway.sessions.model import Session


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


@dataclass(frozen=True, slots=True)
class Passed:
    """One line of the ledger."""

    session: SessionId
    seq: int
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


def passed(entry: FileEntry, session: Session, stream: int, opened: datetime, closed: datetime) -> Passed:
    return Passed(
        session.id, session.seq, session.person_name, session.target_name, stream, entry.number, str(entry.way),
        entry.path, entry.octets, tuple((first, past) for first, past in entry.ranges), entry.sha256, entry.partial,
        str(entry.verdict), entry.words, opened, closed,
    )  # fmt: skip


def told(line: Passed) -> dict[str, object]:
    """As the recording has it, which knows session and stream itself."""
    return {
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
