"""Table of the ledger of files. A line is written once; of a held one verdict and name move on, by compare-and-set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Integer,
    Row,
    String,
    Table,
    Text,
    insert,
    or_,
    select,
    update,
)

from gateway.errors import Conflict, NotFound
from gateway.ids import FileId, SessionId
from gateway.sessions.files import Line, Passed, Verdict
from gateway.store.base import Utc, metadata
from gateway.store.db import Tx

files = Table(
    "session_file",
    metadata,
    Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("session", String(32), nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("grant", String(32), nullable=False, index=True),
    Column("person", String(64), nullable=False, index=True),
    Column("target", String(64), nullable=False, index=True),
    Column("stream", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("way", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("ranges", Text, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("partial", Boolean, nullable=False),
    Column("verdict", String(16), nullable=False, index=True),
    Column("words", Text, nullable=False),
    Column("opened", Utc, nullable=False),
    Column("closed", Utc, nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("decided", Utc, nullable=True),
)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which lines are meant; empty fields say nothing. `path` is a part of it, `before` the place of the last one
    seen; with `targets` those of these targets and the person's `own` alone."""

    session: str = ""
    grant: str = ""
    person: str = ""
    target: str = ""
    path: str = ""
    sha256: str = ""
    verdict: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    targets: frozenset[str] | None = None
    own: str = ""


_ADD: Final = insert(files)
_SAID: Final = tuple(field.name for field in fields(Passed))


async def add(tx: Tx, lines: Sequence[Passed]) -> None:
    """In one statement: the ledger must not be what bounds many small files."""
    if lines:
        await tx.execute(_ADD, [_to_row(line) for line in lines])


async def get(tx: Tx, file_id: FileId) -> Line:
    """Raises NotFound."""
    row = (await tx.execute(select(files).where(files.c.id == file_id))).one_or_none()
    if row is None:
        raise NotFound("file")
    return _from_row(row)


async def find(tx: Tx, sought: Sought, limit: int) -> list[Line]:
    """Newest first, at most `limit`."""
    query = select(files).order_by(files.c.place.desc()).limit(limit)
    for column in ("session", "grant", "person", "target", "sha256", "verdict"):
        if value := getattr(sought, column):
            query = query.where(files.c[column] == value)
    if sought.path:
        query = query.where(files.c.path.contains(sought.path, autoescape=True))
    if sought.since is not None:
        query = query.where(files.c.closed >= sought.since)
    if sought.until is not None:
        query = query.where(files.c.closed < sought.until)
    if sought.before is not None:
        query = query.where(files.c.place < sought.before)
    if sought.targets is not None:
        query = query.where(or_(files.c.target.in_(sorted(sought.targets)), files.c.person == sought.own))
    return [_from_row(row) for row in await tx.execute(query)]


async def known(tx: Tx, session: SessionId) -> set[FileId]:
    return {FileId(row.id) for row in await tx.execute(select(files.c.id).where(files.c.session == session))}


async def move(tx: Tx, line: Line, verdict: Verdict, *, by: str, at: datetime, words: str) -> Line:
    """What became of a held file.

    Raises:
        Conflict: it is not as it was read.
    """
    values = {"verdict": verdict.value, "decided_by": by, "decided": at, "words": words}
    moved = await tx.execute(update(files).where(*_as_read(line)).values(**values))
    if moved.rowcount != 1:
        raise Conflict("Somebody else decided about this file, or renamed it, at the same moment. Read it again.")
    return await get(tx, line.passed.id)


async def rename(tx: Tx, line: Line, path: str) -> None:
    """Raises Conflict: it is not as it was read."""
    moved = await tx.execute(update(files).where(*_as_read(line)).values(path=path))
    if moved.rowcount != 1:
        raise Conflict("Somebody decided about this file at the same moment.")


def _as_read(line: Line) -> tuple[ColumnElement[bool], ...]:
    """Nobody has decided about it or given it another name since."""
    said = line.passed
    return files.c.id == said.id, files.c.verdict == said.verdict, files.c.path == said.path


def _to_row(line: Passed) -> dict[str, object]:
    values = {name: getattr(line, name) for name in _SAID}
    return {**values, "ranges": json.dumps(line.ranges), "decided_by": "", "decided": None}


def _from_row(row: Row[Any]) -> Line:
    values = {name: getattr(row, name) for name in _SAID}
    ranges = tuple((first, past) for first, past in json.loads(row.ranges))
    return Line(row.place, Passed(**{**values, "ranges": ranges}), row.decided_by, row.decided)
