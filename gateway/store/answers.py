"""What a door answered to a request that names itself, so that who asks again gets the same and nothing is done twice.

A row without a status is one whose work runs, or whose process died in it: nobody can say which of the two it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, LargeBinary, String, Table, delete, func, insert, select, update

from gateway.store.base import Utc, metadata
from gateway.store.db import Tx

answers = Table(
    "api_answer",
    metadata,
    Column("key", String(64), primary_key=True),  # digest of who asks, where, and his own key
    Column("person", String(32), nullable=False, index=True),
    Column("asked", String(64), nullable=False),  # digest of the body
    Column("at", Utc, nullable=False, index=True),
    Column("status", Integer),
    Column("etag", String(128)),
    Column("body", LargeBinary),  # empty when it holds what is shown once
)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as kept; `status` None while the first of its kind runs."""

    asked: str
    at: datetime
    status: int | None
    etag: str
    body: bytes


async def begin(tx: Tx, key: str, person: str, asked: str, at: datetime) -> Given | None:
    """None for the one caller whose work this is; for every other what is known of it."""
    found = await _find(tx, key)
    if found is None:
        await tx.execute(insert(answers).values(key=key, person=person, asked=asked, at=at))
    return found


async def _find(tx: Tx, key: str) -> Given | None:
    row = (await tx.execute(select(answers).where(answers.c.key == key))).one_or_none()
    return None if row is None else Given(row.asked, row.at, row.status, row.etag or "", row.body or b"")


async def finish(tx: Tx, key: str, status: int, etag: str, body: bytes) -> None:
    await tx.execute(update(answers).where(answers.c.key == key).values(status=status, etag=etag, body=body))


async def drop(tx: Tx, key: str) -> None:
    """Nothing was done: the key is free again."""
    await tx.execute(delete(answers).where(answers.c.key == key))


async def count(tx: Tx, person: str) -> int:
    held: int = (await tx.execute(select(func.count()).where(answers.c.person == person))).scalar_one()
    return held


async def forget(tx: Tx, before: datetime) -> None:
    await tx.execute(delete(answers).where(answers.c.at < before))
