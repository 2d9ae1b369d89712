"""Tables of the audit log. Nothing here updates or deletes an entry."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Row, String, Table, Text, insert, select, update

from gateway.audit.merkle import Tree
from gateway.audit.model import Entry
from gateway.errors import Conflict
from gateway.store.base import Utc, metadata
from gateway.store.db import Tx

entries = Table(
    "audit_entry",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False, index=True),
    Column("name", String(64), nullable=False, index=True),
    Column("code", String(16), nullable=False),
    Column("actor", String(128), nullable=False, index=True),
    Column("line", Text, nullable=False),
)

heads = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),  # 32 octets each, tallest first
)

HASH = 32


async def tree(tx: Tx) -> Tree:
    """The head of the log; an empty one before the first entry."""
    row = (await tx.execute(select(heads.c.size, heads.c.peaks))).one_or_none()
    if row is None:
        return Tree()
    return Tree(row.size, [row.peaks[i : i + HASH] for i in range(0, len(row.peaks), HASH)])


async def put(tx: Tx, entry: Entry, grown: Tree) -> None:
    """Add `entry`, which made the log `grown`.

    Raises:
        Conflict: another writer added an entry in between.
    """
    await tx.execute(
        insert(entries).values(
            number=entry.index, at=entry.at, name=entry.name, code=entry.code, actor=entry.actor, line=entry.line
        )
    )
    values = {"size": grown.size, "peaks": b"".join(grown.peaks)}
    if entry.index == 0:
        await tx.execute(insert(heads).values(id=1, **values))
        return
    moved = await tx.execute(update(heads).where(heads.c.size == entry.index).values(**values))
    if moved.rowcount != 1:
        raise Conflict("the audit log has moved on")


async def read(
    tx: Tx, *, since: int = 0, limit: int = 1000, names: frozenset[str] = frozenset(), actor: str = ""
) -> list[Entry]:
    """Entries from index `since` on, oldest first, at most `limit`."""
    query = select(entries).where(entries.c.number >= since).order_by(entries.c.number).limit(limit)
    if names:
        query = query.where(entries.c.name.in_(names))
    if actor:
        query = query.where(entries.c.actor == actor)
    return [_entry(row) for row in await tx.execute(query)]


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.number, row.at, row.name, row.code, row.actor, row.line)
