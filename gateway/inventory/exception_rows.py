"""Exceptions in the database, as domain values."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, insert, select, update

from gateway.errors import Conflict, NotFound
from gateway.ids import ExceptionId, PersonId, TargetId
from gateway.inventory import tables as t
from gateway.inventory.model import SecurityException
from gateway.store.db import Tx

CHANGED: Final = "Somebody else has changed it meanwhile; look at it again."
_HELD: Final = and_(t.exceptions.c.accepted.is_not(None), t.exceptions.c.ended.is_(None))
"""What `Target.exceptions` has."""
THERE: Final = exists().where(t.exceptions.c.target == t.targets.c.id, _HELD)
"""Whether a target has any."""
_JOINED: Final = select(t.exceptions, t.targets.c.name.label("target_name")).join(t.targets)


def _read(row: Row[Any]) -> SecurityException:
    values = {c.name: getattr(row, c.name) for c in t.exceptions.c}
    return SecurityException(
        **values
        | {
            "id": ExceptionId(values["id"]),
            "target": TargetId(values["target"]),
            "proposed_by": PersonId(values["proposed_by"]),
        }
    )


async def held(tx: Tx, name: str) -> dict[str, list[SecurityException]]:
    """Accepted and not ended, by target, in the order of their acceptance: of all targets, or of the one so called."""
    query = _JOINED.where(_HELD).order_by(t.exceptions.c.accepted, t.exceptions.c.id)
    found: dict[str, list[SecurityException]] = defaultdict(list)
    for one, _ in await _all(tx, query.where(t.targets.c.name == name) if name else query):
        found[one.target].append(one)
    return found


async def put(tx: Tx, exception: SecurityException) -> None:
    values = {c.name: getattr(exception, c.name) for c in t.exceptions.c}
    await tx.execute(insert(t.exceptions).values(**values))


async def one(tx: Tx, id_: ExceptionId) -> tuple[SecurityException, str]:
    """It, and the name of its target.

    Raises:
        NotFound: no such exception.
    """
    row = (await tx.execute(_JOINED.where(t.exceptions.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound("exception")
    return _read(row), row.target_name


async def every(tx: Tx) -> list[tuple[SecurityException, str]]:
    """The newest first, each with the name of its target."""
    return await _all(tx, _JOINED.order_by(t.exceptions.c.proposed.desc(), t.exceptions.c.id))


async def open_of(tx: Tx, target: TargetId, service: str) -> list[SecurityException]:
    """For that service alone: proposed or accepted, and not ended."""
    where = _open(target) & (t.exceptions.c.service == service)
    return [found for found, _ in await _all(tx, _JOINED.where(where).order_by(t.exceptions.c.proposed))]


async def over(tx: Tx, now: datetime) -> list[tuple[SecurityException, str]]:
    """Those whose time is past, and that nobody ended."""
    return await _all(tx, _JOINED.where(t.exceptions.c.ended.is_(None), t.exceptions.c.expires <= now))


async def count_open(tx: Tx, target: TargetId) -> int:
    found: int = (await tx.execute(select(func.count()).select_from(t.exceptions).where(_open(target)))).scalar_one()
    return found


def _open(target: TargetId) -> ColumnElement[bool]:
    return (t.exceptions.c.target == target) & t.exceptions.c.ended.is_(None)


async def move(tx: Tx, was: SecurityException, now: SecurityException) -> None:
    """Compare-and-set: accepted and ended happen once each.

    Raises:
        Conflict: it is not as it `was`.
    """
    seen = (t.exceptions.c.id == was.id) & t.exceptions.c.ended.is_(None)
    seen &= t.exceptions.c.accepted.is_(None) if was.accepted is None else t.exceptions.c.accepted.is_not(None)
    values = {
        "accepted_by": now.accepted_by,
        "accepted": now.accepted,
        "ended_by": now.ended_by,
        "ended": now.ended,
        "ended_reason": now.ended_reason,
    }
    if (await tx.execute(update(t.exceptions).where(seen).values(**values))).rowcount != 1:
        raise Conflict(CHANGED)


async def _all(tx: Tx, statement: Select[Any]) -> list[tuple[SecurityException, str]]:
    return [(_read(row), row.target_name) for row in await tx.execute(statement)]
