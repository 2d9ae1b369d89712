"""What is read and written of tickets. Table: `sql.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from gateway.clock import Deadline
from gateway.identity.model import Factor, FactorProof
from gateway.identity.sql import tickets
from gateway.ids import GrantId, PersonId
from gateway.store.db import Tx

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A ticket as stored.

    Attributes:
        web: for the page that asked; else for an RDP client.
        sealed: the NT hash of its secret, under the master key.
        proofs: what the person had shown when it was made, each with the address where he showed it.
        issued_to: address that asked for it.
        bound_to: address of its first good log-on; empty before.
    """

    id: str
    person: PersonId
    grant: GrantId
    target: str
    account: str
    web: bool
    sealed: bytes
    proofs: tuple[FactorProof, ...]
    issued_to: str
    bound_to: str
    life: Deadline

    def __repr__(self) -> str:
        return f"Stored(id={self.id!r}, grant={self.grant!r}, sealed=***)"


async def add(tx: Tx, it: Stored) -> None:
    await tx.execute(
        insert(tickets).values(
            id=it.id,
            person=it.person,
            grant=it.grant,
            target=it.target,
            account=it.account,
            web=it.web,
            sealed=it.sealed,
            proofs=json.dumps([(p.factor, p.at.isoformat()) for p in it.proofs]),
            issued_to=it.issued_to,
            bound_to=it.bound_to or None,
            life_wall=it.life.wall,
            life_boot=it.life.boot // MICROSECOND,
            life_boot_id=it.life.boot_id,
        )
    )


async def find(tx: Tx, id_: str) -> Stored | None:
    row = (await tx.execute(select(tickets).where(tickets.c.id == id_))).one_or_none()
    return None if row is None else _stored(row)


async def every(tx: Tx) -> list[Stored]:
    return [_stored(row) for row in await tx.execute(select(tickets).order_by(tickets.c.id))]


def _stored(row: Row[Any]) -> Stored:
    person = PersonId(row.person)
    shown: Sequence[tuple[str, str]] = json.loads(row.proofs)
    proofs = tuple(FactorProof(person, Factor(f), datetime.fromisoformat(at), row.issued_to) for f, at in shown)
    life = Deadline(row.life_wall, row.life_boot * MICROSECOND, row.life_boot_id)
    return Stored(
        row.id, person, GrantId(row.grant), row.target, row.account, row.web, row.sealed, proofs, row.issued_to,
        row.bound_to or "", life,
    )  # fmt: skip


async def bind(tx: Tx, id_: str, source: str) -> bool:
    """Compare-and-set: True when `source` is the address of its first log-on, now or before."""
    free = tickets.c.bound_to.is_(None) | (tickets.c.bound_to == source)
    return (await tx.execute(update(tickets).where(tickets.c.id == id_, free).values(bound_to=source))).rowcount == 1


async def drop(tx: Tx, id_: str) -> bool:
    """True for the one caller who took it away."""
    return (await tx.execute(delete(tickets).where(tickets.c.id == id_))).rowcount == 1


async def drop_of_grant(tx: Tx, grant: GrantId, *, web: bool) -> list[str]:
    """Those of one kind of a grant; which they were."""
    return await _drop(tx, (tickets.c.grant == grant) & (tickets.c.web == web))


async def drop_of_person(tx: Tx, person: PersonId) -> list[str]:
    return await _drop(tx, tickets.c.person == person)


async def forget(tx: Tx, before: datetime) -> None:
    """Drop those whose life ended before: their hashes too."""
    await tx.execute(delete(tickets).where(tickets.c.life_wall < before))


async def _drop(tx: Tx, where: ColumnElement[bool]) -> list[str]:
    found = [row.id for row in await tx.execute(select(tickets.c.id).where(where).order_by(tickets.c.id))]
    await tx.execute(delete(tickets).where(where))
    return found
