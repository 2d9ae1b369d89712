"""What is read and written of factors: credentials, keys, proofs, failures. Tables: `sql.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, false, insert, or_, select, update

from gateway.identity.lockout import Bucket, Failures, address
from gateway.identity.model import Factor, FactorProof, Person, SshKey
from gateway.identity.sql import credentials, failures, people, person_of, proofs, select_person, ssh_keys
from gateway.ids import PersonId
from gateway.store.db import Tx


@dataclass(frozen=True, slots=True)
class Credential:
    """Password and code generator of one person, as stored."""

    person: PersonId
    password: str
    seed: bytes
    used_step: int
    skew: int


async def credential(tx: Tx, person: PersonId) -> Credential | None:
    row = (await tx.execute(select(credentials).where(credentials.c.person == person))).one_or_none()
    return None if row is None else Credential(person, row.password, row.seed, row.used_step, row.skew)


async def set_credential(tx: Tx, it: Credential, at: datetime) -> None:
    await tx.execute(delete(credentials).where(credentials.c.person == it.person))
    await tx.execute(
        insert(credentials).values(
            person=it.person, password=it.password, seed=it.seed, used_step=it.used_step, skew=it.skew, enrolled=at
        )
    )


async def use_step(tx: Tx, person: PersonId, step: int, skew: int) -> bool:
    """Compare-and-set on the last used step: True for the one caller who used `step`."""
    moved = await tx.execute(
        update(credentials)
        .where(credentials.c.person == person, credentials.c.used_step < step)
        .values(used_step=step, skew=skew)
    )
    return moved.rowcount == 1


async def set_skew(tx: Tx, person: PersonId, skew: int) -> None:
    await tx.execute(update(credentials).where(credentials.c.person == person).values(skew=skew))


async def drop_factors(tx: Tx, person: PersonId) -> None:
    """Password, code generator, keys, and what was proven with them."""
    for table in (credentials, ssh_keys, proofs):
        await tx.execute(delete(table).where(table.c.person == person))


async def keys_of(tx: Tx, person: PersonId) -> list[SshKey]:
    query = select(ssh_keys).where(ssh_keys.c.person == person).order_by(ssh_keys.c.added, ssh_keys.c.fingerprint)
    return [_key(row) for row in await tx.execute(query)]


async def key(tx: Tx, fingerprint: str) -> SshKey | None:
    row = (await tx.execute(select(ssh_keys).where(ssh_keys.c.fingerprint == fingerprint))).one_or_none()
    return None if row is None else _key(row)


async def owner(tx: Tx, fingerprint: str) -> Person | None:
    """Whose key it is."""
    query = select_person().join(ssh_keys, ssh_keys.c.person == people.c.id)
    row = (await tx.execute(query.where(ssh_keys.c.fingerprint == fingerprint))).one_or_none()
    return None if row is None else person_of(row)


async def add_key(tx: Tx, it: SshKey) -> None:
    await tx.execute(
        insert(ssh_keys).values(
            fingerprint=it.fingerprint, person=it.person, public=it.public, title=it.title, added=it.added
        )
    )


async def remove_key(tx: Tx, person: PersonId, fingerprint: str) -> bool:
    """Remove the key and what was proven with keys."""
    gone = await tx.execute(delete(ssh_keys).where(ssh_keys.c.person == person, ssh_keys.c.fingerprint == fingerprint))
    by_key = (Factor.SSH_KEY, Factor.SSH_KEY_TOUCHED)
    await tx.execute(delete(proofs).where(proofs.c.person == person, proofs.c.factor.in_(by_key)))
    return gone.rowcount == 1


def _key(row: Row[Any]) -> SshKey:
    return SshKey(PersonId(row.person), row.fingerprint, row.public, row.title, row.added)


async def put_proof(tx: Tx, it: FactorProof, oldest: datetime) -> None:
    """Remember the newest proof of person, factor and address; forget what is older than `oldest`."""
    source = address(it.source)
    same = and_(proofs.c.person == it.person, proofs.c.factor == it.factor, proofs.c.source == source)
    moved = await tx.execute(update(proofs).where(same).values(at=it.at))
    if moved.rowcount == 0:
        await tx.execute(insert(proofs).values(person=it.person, factor=it.factor, source=source, at=it.at))
    await tx.execute(delete(proofs).where(proofs.c.person == it.person, proofs.c.at < oldest))


async def proofs_of(tx: Tx, person: PersonId, source: str) -> tuple[FactorProof, ...]:
    """The newest proof of each factor from `source`."""
    query = select(proofs).where(proofs.c.person == person, proofs.c.source == address(source))
    return tuple(
        FactorProof(person, Factor(row.factor), row.at, source)
        for row in await tx.execute(query.order_by(proofs.c.factor))
    )


async def drop_proofs(tx: Tx, person: PersonId) -> None:
    await tx.execute(delete(proofs).where(proofs.c.person == person))


async def failed_in(tx: Tx, bucket: Bucket) -> Failures | None:
    query = select(failures).where(failures.c.scope == bucket.scope, failures.c.key == bucket.key).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Failures(row.times, row.since)


async def put_failures(tx: Tx, bucket: Bucket, it: Failures) -> None:
    same = and_(failures.c.scope == bucket.scope, failures.c.key == bucket.key)
    moved = await tx.execute(update(failures).where(same).values(times=it.count, since=it.since))
    if moved.rowcount == 0:
        await tx.execute(insert(failures).values(scope=bucket.scope, key=bucket.key, times=it.count, since=it.since))


async def clear_failures(tx: Tx, buckets: Iterable[Bucket]) -> None:
    these = (and_(failures.c.scope == bucket.scope, failures.c.key == bucket.key) for bucket in buckets)
    await tx.execute(delete(failures).where(or_(false(), *these)))


async def forget_failures(tx: Tx, before: datetime) -> None:
    """Drop what no rule looks at any more, so that strange names do not fill the store."""
    await tx.execute(delete(failures).where(failures.c.since < before))
