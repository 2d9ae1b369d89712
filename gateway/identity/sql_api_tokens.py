"""What is read and written of API tokens. Tables: `sql.py`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from gateway.clock import Deadline
from gateway.identity.model import ApiToken, Role, Scope
from gateway.identity.sql import api_token_uses as uses
from gateway.identity.sql import api_tokens as tokens
from gateway.ids import PersonId
from gateway.store.db import Tx

MICROSECOND = timedelta(microseconds=1)


async def add(tx: Tx, digest: str, it: ApiToken) -> None:
    await tx.execute(
        insert(tokens).values(
            digest=digest,
            id=it.id,
            person=it.person,
            title=it.title,
            scopes=" ".join(sorted(it.scopes)),
            roles=" ".join(sorted(it.roles)),
            networks=json.dumps(it.networks),
            made=it.made,
            life_wall=it.life.wall,
            life_boot=it.life.boot // MICROSECOND,
            life_boot_id=it.life.boot_id,
        )
    )


async def find(tx: Tx, digest: str) -> ApiToken | None:
    row = (await tx.execute(_select().where(tokens.c.digest == digest))).one_or_none()
    return None if row is None else _token(row)


async def numbered(tx: Tx, id_: str) -> ApiToken | None:
    row = (await tx.execute(_select().where(tokens.c.id == id_))).one_or_none()
    return None if row is None else _token(row)


async def of_person(tx: Tx, person: PersonId) -> list[ApiToken]:
    """Newest first, those that are over too while they are kept."""
    query = _select().where(tokens.c.person == person).order_by(tokens.c.made.desc(), tokens.c.id)
    return [_token(row) for row in await tx.execute(query)]


async def revoke(tx: Tx, id_: str, at: datetime) -> bool:
    """Compare-and-set: True for the one caller who revoked it."""
    mine = (tokens.c.id == id_) & tokens.c.revoked.is_(None)
    return (await tx.execute(update(tokens).where(mine).values(revoked=at))).rowcount == 1


async def used_from(tx: Tx, id_: str, source: str) -> datetime | None:
    """When a use from the network `source` was written last."""
    mine = (uses.c.token == id_) & (uses.c.source == source)
    found: datetime | None = (await tx.execute(select(uses.c.at).where(mine))).scalar_one_or_none()
    return found


async def put_use(tx: Tx, id_: str, source: str, at: datetime) -> None:
    mine = (uses.c.token == id_) & (uses.c.source == source)
    if (await tx.execute(update(uses).where(mine).values(at=at))).rowcount == 0:
        await tx.execute(insert(uses).values(token=id_, source=source, at=at))


async def forget(tx: Tx, before: datetime) -> None:
    """Drop tokens that ended before."""
    old = select(tokens.c.id).where(tokens.c.life_wall < before)
    await tx.execute(delete(uses).where(uses.c.token.in_(old)))
    await tx.execute(delete(tokens).where(tokens.c.life_wall < before))


def _select() -> Select[Any]:
    newest = select(func.max(uses.c.at)).where(uses.c.token == tokens.c.id).scalar_subquery()
    return select(tokens, newest.label("used"))


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        row.id,
        PersonId(row.person),
        row.title,
        frozenset(Scope(scope) for scope in row.scopes.split()),
        frozenset(Role(role) for role in row.roles.split()),
        tuple(json.loads(row.networks)),
        row.made,
        Deadline(row.life_wall, row.life_boot * MICROSECOND, row.life_boot_id),
        row.revoked,
        row.used,
    )
