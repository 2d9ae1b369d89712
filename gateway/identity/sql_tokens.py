"""What is read and written of tokens: one-time secrets, enrolments begun, page sessions. Tables: `sql.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from gateway.clock import Deadline
from gateway.identity.sql import enrolments, one_time, sign_ins
from gateway.ids import PersonId
from gateway.store.db import Tx

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Secret:
    """A one-time secret as stored: its digest, never itself."""

    digest: str
    kind: str
    person: PersonId | None
    bound: Mapping[str, str]
    expires: Deadline
    redeemed: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """An enrolment that waits for its first code. `person` is his id to be, when the setup begins with him."""

    digest: str
    person: PersonId
    name: str
    title: str
    password: str
    seed: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A page session as stored."""

    digest: str
    id: str
    person: PersonId
    source: str
    client: str
    opened: datetime
    life: Deadline
    idle: Deadline


async def add_secret(tx: Tx, it: Secret) -> None:
    await tx.execute(
        insert(one_time).values(
            digest=it.digest,
            kind=it.kind,
            person=it.person,
            bound=json.dumps(dict(it.bound), sort_keys=True),
            wall=it.expires.wall,
            boot=it.expires.boot // MICROSECOND,
            boot_id=it.expires.boot_id,
            redeemed=False,
        )
    )


async def secret(tx: Tx, digest: str) -> Secret | None:
    row = (await tx.execute(select(one_time).where(one_time.c.digest == digest))).one_or_none()
    if row is None:
        return None
    expires = Deadline(row.wall, row.boot * MICROSECOND, row.boot_id)
    person = None if row.person is None else PersonId(row.person)
    return Secret(digest, row.kind, person, json.loads(row.bound), expires, row.redeemed)


async def redeem(tx: Tx, digest: str) -> bool:
    """Compare-and-set: True for the one caller who redeemed it."""
    moved = await tx.execute(
        update(one_time).where(one_time.c.digest == digest, one_time.c.redeemed.is_(False)).values(redeemed=True)
    )
    return moved.rowcount == 1


async def void_secrets(tx: Tx, kind: str, person: PersonId | None) -> None:
    """Delete what is open of this kind for this person; of nobody's when None."""
    whose = one_time.c.person.is_(None) if person is None else one_time.c.person == person
    mine = select(one_time.c.digest).where(one_time.c.kind == kind, whose)
    await tx.execute(delete(enrolments).where(enrolments.c.digest.in_(mine)))
    await tx.execute(delete(one_time).where(one_time.c.kind == kind, whose))


async def forget_secrets(tx: Tx, before: datetime) -> None:
    old = select(one_time.c.digest).where(one_time.c.wall < before)
    await tx.execute(delete(enrolments).where(enrolments.c.digest.in_(old)))
    await tx.execute(delete(one_time).where(one_time.c.wall < before))


async def begin(tx: Tx, it: Begun) -> None:
    """Remember an enrolment begun; one begun before with the same secret is void."""
    await end(tx, it.digest)
    await tx.execute(
        insert(enrolments).values(
            digest=it.digest, person=it.person, name=it.name, title=it.title, password=it.password, seed=it.seed
        )
    )


async def begun(tx: Tx, digest: str) -> Begun | None:
    row = (await tx.execute(select(enrolments).where(enrolments.c.digest == digest))).one_or_none()
    return None if row is None else Begun(digest, PersonId(row.person), row.name, row.title, row.password, row.seed)


async def end(tx: Tx, digest: str) -> None:
    await tx.execute(delete(enrolments).where(enrolments.c.digest == digest))


async def open_sign_in(tx: Tx, it: Opened) -> None:
    await tx.execute(
        insert(sign_ins).values(
            digest=it.digest,
            id=it.id,
            person=it.person,
            source=it.source,
            client=it.client,
            opened=it.opened,
            life_wall=it.life.wall,
            life_boot=it.life.boot // MICROSECOND,
            life_boot_id=it.life.boot_id,
            idle_wall=it.idle.wall,
            idle_boot=it.idle.boot // MICROSECOND,
            idle_boot_id=it.idle.boot_id,
        )
    )


async def sign_in(tx: Tx, digest: str) -> Opened | None:
    row = (await tx.execute(select(sign_ins).where(sign_ins.c.digest == digest))).one_or_none()
    return None if row is None else _opened(row)


async def sign_ins_of(tx: Tx, person: PersonId) -> list[Opened]:
    query = select(sign_ins).where(sign_ins.c.person == person).order_by(sign_ins.c.opened)
    return [_opened(row) for row in await tx.execute(query)]


async def touch_sign_in(tx: Tx, digest: str, idle: Deadline) -> None:
    await tx.execute(
        update(sign_ins)
        .where(sign_ins.c.digest == digest)
        .values(idle_wall=idle.wall, idle_boot=idle.boot // MICROSECOND, idle_boot_id=idle.boot_id)
    )


async def close_sign_in(tx: Tx, digest: str) -> bool:
    return (await tx.execute(delete(sign_ins).where(sign_ins.c.digest == digest))).rowcount == 1


async def forget_sign_ins(tx: Tx, before: datetime) -> None:
    """Drop those whose life ended before; nobody came back to close them."""
    await tx.execute(delete(sign_ins).where(sign_ins.c.life_wall < before))


def _opened(row: Row[Any]) -> Opened:
    return Opened(
        row.digest,
        row.id,
        PersonId(row.person),
        row.source,
        row.client,
        row.opened,
        Deadline(row.life_wall, row.life_boot * MICROSECOND, row.life_boot_id),
        Deadline(row.idle_wall, row.idle_boot * MICROSECOND, row.idle_boot_id),
    )
