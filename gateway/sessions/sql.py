"""Tables of sessions. A row moves by compare-and-set on its version, and never again once it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Index, Integer, Row, String, Table, Text, bindparam, delete, insert, select, update

from gateway.clock import Deadline
from gateway.errors import Conflict, NotFound
from gateway.ids import GrantId, PersonId, SessionId, TargetId
from gateway.inventory.model import Protocol
from gateway.sessions.model import RUNNING, End, EndReason, Hold, Session, SessionState, Waiting
from gateway.store.base import Duration, Utc, metadata
from gateway.store.db import Tx

sessions = Table(
    "session",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False, index=True),
    Column("person", String(32), nullable=False, index=True),
    Column("person_name", String(64), nullable=False),
    Column("person_title", Text, nullable=False),
    Column("organisation", String(64), nullable=False),
    Column("target", String(32), nullable=False),
    Column("target_name", String(64), nullable=False, index=True),
    Column("account", String(64), nullable=False),
    Column("protocol", String(16), nullable=False),
    Column("source", String(64), nullable=False),
    Column("client", Text, nullable=False),
    Column("node", String(64), nullable=False),
    Column("created", Utc, nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("grant_id", String(32), nullable=True, index=True),
    Column("started", Utc, nullable=True),
    Column("ended", Utc, nullable=True),
    Column("deadline_wall", Utc, nullable=True),
    Column("deadline_boot", Duration, nullable=True),
    Column("deadline_boot_id", String(64), nullable=True),
    Column("hold_waiting", String(16), nullable=True),
    Column("hold_since", Utc, nullable=True),
    Column("hold_asked", Text, nullable=True),
    Column("hold_words", Text, nullable=True),
    Column("end_reason", String(16), nullable=True),
    Column("end_actor", String(128), nullable=True),
    Column("end_words", Text, nullable=True),
    Column("version", Integer, nullable=False),
    Index("ix_session_target_state", "target", "state"),
)

nodes = Table(
    "session_node",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("seen", Utc, nullable=False),
)

OVER: Final = (SessionState.ENDED,)
_CHANGE: Final = update(sessions).where(  # what is set comes with it, so that it is built once
    sessions.c.id == bindparam("of"), sessions.c.version == bindparam("stored"), sessions.c.state.not_in(OVER)
)


async def add(tx: Tx, session: Session) -> None:
    await tx.execute(insert(sessions), _to_row(session))


async def change(tx: Tx, session: Session, stored: int) -> None:
    """Write `session` over its version `stored`.

    Raises:
        Conflict: the row has moved on, or has ended.
    """
    moved = await tx.execute(_CHANGE, {**_to_row(session), "of": session.id, "stored": stored})
    if moved.rowcount != 1:
        raise Conflict("the session has moved on")


async def get(tx: Tx, session_id: SessionId) -> Session:
    """Raises NotFound: no such session."""
    row = (await tx.execute(select(sessions).where(sessions.c.id == session_id))).one_or_none()
    if row is None:
        raise NotFound("session")
    return _from_row(row)


async def find(
    tx: Tx,
    *,
    ended: bool | None = None,
    person: PersonId | None = None,
    target_name: str = "",
    before: datetime | None = None,
    limit: int = 200,
) -> list[Session]:
    """Sessions, newest first, at most `limit`; `ended` None for both kinds; `before` for the next page."""
    query = select(sessions).order_by(sessions.c.created.desc(), sessions.c.id).limit(limit)
    if ended is not None:
        query = query.where(sessions.c.state.in_(OVER) if ended else sessions.c.state.not_in(OVER))
    if person is not None:
        query = query.where(sessions.c.person == person)
    if target_name:
        query = query.where(sessions.c.target_name == target_name)
    if before is not None:
        query = query.where(sessions.c.created < before)
    return [_from_row(row) for row in await tx.execute(query)]


async def running_on(tx: Tx, target: TargetId, but: SessionId | None = None) -> list[Protocol]:
    """The protocols of the sessions that run on `target` now, over all nodes, without that of `but`."""
    query = select(sessions.c.protocol).where(sessions.c.target == target, sessions.c.state.in_(RUNNING))
    if but is not None:
        query = query.where(sessions.c.id != but)
    return [Protocol(row.protocol) for row in await tx.execute(query)]


async def unfinished(tx: Tx) -> list[Session]:
    """Sessions that nobody ended."""
    query = select(sessions).where(sessions.c.state.not_in(OVER)).order_by(sessions.c.created)
    return [_from_row(row) for row in await tx.execute(query)]


async def seen(tx: Tx, node: str, at: datetime) -> None:
    """This node lives: the lease that its sessions run under."""
    moved = await tx.execute(update(nodes).where(nodes.c.node == node).values(seen=at))
    if moved.rowcount == 0:
        await tx.execute(insert(nodes).values(node=node, seen=at))


async def forget_nodes(tx: Tx) -> None:
    await tx.execute(delete(nodes))


def _to_row(s: Session) -> Mapping[str, object]:
    return {
        "id": s.id,
        "state": s.state,
        "person": s.person,
        "person_name": s.person_name,
        "person_title": s.person_title,
        "organisation": s.organisation,
        "target": s.target,
        "target_name": s.target_name,
        "account": s.account,
        "protocol": s.protocol,
        "source": s.source,
        "client": s.client,
        "node": s.node,
        "created": s.created,
        "seq": s.seq,
        "grant_id": s.grant,
        "started": s.started,
        "ended": s.ended,
        "deadline_wall": s.deadline.wall if s.deadline else None,
        "deadline_boot": s.deadline.boot if s.deadline else None,
        "deadline_boot_id": s.deadline.boot_id if s.deadline else None,
        "hold_waiting": s.hold.waiting if s.hold else None,
        "hold_since": s.hold.since if s.hold else None,
        "hold_asked": json.dumps(s.hold.asked) if s.hold else None,
        "hold_words": s.hold.words if s.hold else None,
        "end_reason": s.end.reason if s.end else None,
        "end_actor": s.end.actor if s.end else None,
        "end_words": s.end.words if s.end else None,
        "version": s.version,
    }


def _from_row(row: Row[Any]) -> Session:
    return Session(
        id=SessionId(row.id),
        state=SessionState(row.state),
        person=PersonId(row.person),
        person_name=row.person_name,
        person_title=row.person_title,
        organisation=row.organisation,
        target=TargetId(row.target),
        target_name=row.target_name,
        account=row.account,
        protocol=Protocol(row.protocol),
        source=row.source,
        client=row.client,
        node=row.node,
        created=row.created,
        seq=row.seq,
        grant=GrantId(row.grant_id) if row.grant_id else None,
        started=row.started,
        ended=row.ended,
        deadline=_deadline(row.deadline_wall, row.deadline_boot, row.deadline_boot_id),
        hold=Hold(Waiting(row.hold_waiting), row.hold_since, tuple(json.loads(row.hold_asked)), row.hold_words)
        if row.hold_waiting
        else None,
        end=End(EndReason(row.end_reason), row.end_actor, row.end_words) if row.end_reason else None,
        version=row.version,
    )


def _deadline(wall: datetime | None, boot: timedelta | None, boot_id: str | None) -> Deadline | None:
    if wall is None or boot is None or boot_id is None:
        return None
    return Deadline(wall, boot, boot_id)
