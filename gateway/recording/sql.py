"""The table of recordings. Rows are added and moved on, never deleted."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    or_,
    select,
    update,
)

from gateway.audit import sql as audit_sql
from gateway.audit.merkle import leaf
from gateway.audit.model import Entry
from gateway.audit.sql import entries
from gateway.errors import Conflict, NotFound
from gateway.ids import SessionId
from gateway.recording.format import b64
from gateway.recording.model import Recording, RecordingState
from gateway.store.base import Duration, Utc, metadata
from gateway.store.db import Tx

recordings = Table(
    "recording",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("session", String(64), nullable=False, unique=True),
    Column("person", String(128), nullable=False, index=True),
    Column("target", String(128), nullable=False, index=True),
    Column("protocol", String(16), nullable=False),
    Column("started", Utc, nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("frames", BigInteger, nullable=False),
    Column("h", LargeBinary, nullable=False),
    Column("ended", Utc, nullable=True),
    Column("octets", BigInteger, nullable=False),
    Column("duration", Duration, nullable=False),
    Column("related", Text, nullable=False),
    Column("opened_entry", BigInteger, nullable=False),
    Column("file", String(128), nullable=False),
)

RELATED: Final = 500  # entries about one session at most
PAGE: Final = 1000  # lines of the log read at once


async def next_seq(tx: Tx) -> int:
    """One more than the highest number ever given: recordings count from 1 without a gap."""
    return int((await tx.execute(select(func.coalesce(func.max(recordings.c.seq), 0)))).scalar_one()) + 1


async def add(tx: Tx, recording: Recording) -> None:
    await tx.execute(
        insert(recordings).values(
            seq=recording.seq,
            session=recording.session,
            person=recording.person,
            target=recording.target,
            protocol=recording.protocol,
            started=recording.started,
            state=recording.state.value,
            frames=recording.frames,
            h=recording.h,
            ended=recording.ended,
            octets=recording.octets,
            duration=recording.duration,
            related=json.dumps(recording.related),
            opened_entry=recording.opened_entry,
            file=recording.file,
        )
    )


async def move(tx: Tx, seq: int, **values: Any) -> None:
    """Change what is OPEN.

    Raises:
        Conflict: it is not open.
    """
    if isinstance(state := values.get("state"), RecordingState):
        values["state"] = state.value
    where = (recordings.c.seq == seq) & (recordings.c.state == RecordingState.OPEN.value)
    moved = await tx.execute(update(recordings).where(where).values(**values))
    if moved.rowcount != 1:
        raise Conflict(f"recording {seq} is not open")


async def get(tx: Tx, session: SessionId) -> Recording:
    """The recording of a session.

    Raises:
        NotFound: it has none.
    """
    row = (await tx.execute(select(recordings).where(recordings.c.session == session))).one_or_none()
    if row is None:
        raise NotFound("recording")
    return _recording(row)


async def find(
    tx: Tx,
    *,
    person: str = "",
    target: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    protocol: str = "",
    sessions: frozenset[str] | None = None,
    state: RecordingState | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Recording]:
    """Newest first; of `sessions` alone when given; `before` is the number of the last one already seen."""
    query = select(recordings).order_by(recordings.c.seq.desc()).limit(limit)
    if person:
        query = query.where(recordings.c.person == person)
    if target:
        query = query.where(recordings.c.target == target)
    if since is not None:
        query = query.where(recordings.c.started >= since)
    if until is not None:
        query = query.where(recordings.c.started < until)
    if protocol:
        query = query.where(recordings.c.protocol == protocol)
    if sessions is not None:
        query = query.where(recordings.c.session.in_(sessions))
    if state is not None:
        query = query.where(recordings.c.state == state.value)
    if before is not None:
        query = query.where(recordings.c.seq < before)
    return [_recording(row) for row in await tx.execute(query)]


async def files(tx: Tx) -> frozenset[str]:
    """Names of all files that belong to a session."""
    return frozenset((await tx.execute(select(recordings.c.file))).scalars())


async def related_entries(tx: Tx, recording: Recording) -> list[Entry]:
    """What the audit log has about the session, its request, grant and release, oldest first."""
    places = select(entries.c.number).where(_about(recording)).order_by(entries.c.number).limit(RELATED)
    found: list[Entry] = []
    for number in (await tx.execute(places)).scalars().all():
        found += await audit_sql.read(tx, since=number, limit=1)
    return found


async def log_lines(tx: Tx, size: int, recording: Recording) -> list[str]:
    """The first `size` lines of the audit log for who asks about `recording`: others are `#` and their leaf hash.

    Lines about recordings are shown: without them nobody could see that none is missing.
    """
    shown = or_(_about(recording), entries.c.name.like("recording.%")).label("shown")
    query = select(entries.c.line, shown).where(entries.c.number < size).order_by(entries.c.number)
    lines: list[str] = []
    while page := (await tx.execute(query.where(entries.c.number >= len(lines)).limit(PAGE))).all():
        lines += (row.line if row.shown else "#" + b64(leaf(row.line.encode())) for row in page)
    return lines


def _about(recording: Recording) -> ColumnElement[bool]:
    return or_(*(entries.c.line.contains(name, autoescape=True) for name in (recording.session, *recording.related)))


def _recording(row: Row[Any]) -> Recording:
    return Recording(
        seq=row.seq,
        session=SessionId(row.session),
        person=row.person,
        target=row.target,
        protocol=row.protocol,
        started=row.started,
        state=RecordingState(row.state),
        frames=row.frames,
        h=row.h,
        ended=row.ended,
        octets=row.octets,
        duration=row.duration,
        related=tuple(json.loads(row.related)),
        opened_entry=row.opened_entry,
        file=row.file,
    )
