"""Tables of the audit log. Nothing here updates or deletes an entry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

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
    select,
    update,
)

from gateway.audit.merkle import Tree
from gateway.audit.model import Entry
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


async def move(tx: Tx, before: Tree, after: Tree) -> bool:
    """The head goes from `before` to `after`; False: it is not at `before`, and stays where it is."""
    values = {"size": after.size, "peaks": b"".join(after.peaks)}
    if before.size == 0:
        await tx.execute(insert(heads).values(id=1, **values))
        return True
    there = (heads.c.size == before.size, heads.c.peaks == b"".join(before.peaks))
    moved = await tx.execute(update(heads).where(*there).values(**values))
    return moved.rowcount == 1


async def put(tx: Tx, new: Iterable[Entry]) -> None:
    """Add the entries by which the head has moved."""
    rows = [{"number": e.index, "at": e.at, "name": e.name, "code": e.code, "actor": e.actor, "line": e.line}
            for e in new]  # fmt: skip
    await tx.execute(insert(entries), rows)


async def read(
    tx: Tx, *, since: int = 0, limit: int = 1000, names: frozenset[str] = frozenset(), actor: str = ""
) -> list[Entry]:
    """Entries from index `since` on, oldest first, at most `limit`."""
    query = select(entries).where(entries.c.number >= since).order_by(entries.c.number).limit(limit)
    if names:
        query = query.where(entries.c.name.in_(names))
    if actor:
        query = query.where(entries.c.actor == actor)
    return [entry_of(row) for row in await tx.execute(query)]


async def lines(tx: Tx, first: int, end: int) -> list[str]:
    """The lines of the entries from `first` to before `end`."""
    there = (entries.c.number >= first, entries.c.number < end)
    return [row.line for row in await tx.execute(select(entries.c.line).where(*there).order_by(entries.c.number))]


async def latest(tx: Tx, names: frozenset[str], service: str) -> Entry | None:
    """The newest entry of these names about `service`."""
    query = select(entries).where(entries.c.name.in_(names), has("service", service))
    query = query.order_by(entries.c.number.desc()).limit(1)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else entry_of(row)


def has(field: str, value: str) -> ColumnElement[bool]:
    """Whether an entry has `value` there, letter by letter: as a field stands in `line`, no text of a person's can.

    LIKE would not tell capitals from small letters in SQLite.
    """
    plain = f"{json.dumps(field)}:{json.dumps(value, ensure_ascii=False)}"
    return func.replace(entries.c.line, plain, "") != entries.c.line


def entry_of(row: Row[Any]) -> Entry:
    return Entry(row.number, row.at, row.name, row.code, row.actor, row.line)
