"""Policy versions in the store. A change of state is one compare-and-set on state and row version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from gateway.errors import Conflict, NotFound
from gateway.policy import tables
from gateway.policy.versions import MOVES, Deed, PolicyVersion, VersionState
from gateway.store.db import Tx

versions, files = tables.versions, tables.files


async def add(tx: Tx, version: PolicyVersion) -> PolicyVersion:
    """With the next number.

    Raises:
        Conflict: this very policy set is there already.
    """
    found = (await tx.execute(select(versions).where(versions.c.id == version.id))).one_or_none()
    if found is not None:
        raise Conflict(f"This is word for word policy version {found.id}, which is {found.state}. Go on with that one.")
    last = (await tx.execute(select(func.max(versions.c.number)))).scalar_one()
    version = replace(version, number=(last or 0) + 1)
    values = {"id": version.id, "digest": version.digest, "number": version.number, "note": version.note}
    await tx.execute(insert(versions).values(**values, **_put("proposed", version.proposed), **_moves(version)))
    rows = [{"version": version.id, "name": name, "text": text} for name, text in version.files.items()]
    await tx.execute(insert(files), rows)
    return version


async def move(tx: Tx, old: PolicyVersion, new: PolicyVersion) -> PolicyVersion:
    """Write what `old` became.

    Raises:
        Conflict: it is not as it was read, or has no such move.
    """
    if new.state is not old.state and new.state not in MOVES[old.state]:
        raise Conflict(f"Policy version {old.id} is {old.state}; it cannot become {new.state}.")
    new = replace(new, revision=old.revision + 1)
    where = (versions.c.id == old.id, versions.c.state == old.state.value, versions.c.revision == old.revision)
    moved = await tx.execute(update(versions).where(*where).values(**_moves(new)))
    if moved.rowcount != 1:
        raise Conflict("Somebody else decided about this policy version at the same moment. Read it again.")
    return new


async def version(tx: Tx, id_: str) -> PolicyVersion:
    """With its files. Raises NotFound: no such version."""
    row = (await tx.execute(select(versions).where(versions.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound("policy version")
    found = await tx.execute(select(files).where(files.c.version == id_).order_by(files.c.name))
    return _version(row, {f.name: f.text for f in found})


async def active(tx: Tx) -> PolicyVersion | None:
    """With its files; None in a store that was never opened by a book."""
    where = versions.c.state == VersionState.ACTIVE.value
    id_ = (await tx.execute(select(versions.c.id).where(where))).scalar_one_or_none()
    return None if id_ is None else await version(tx, id_)


async def heads(tx: Tx) -> list[PolicyVersion]:
    """Every version without its files, newest first."""
    return [_version(row, {}) for row in await tx.execute(select(versions).order_by(versions.c.number.desc()))]


def _version(row: Row[Any], texts: dict[str, str]) -> PolicyVersion:
    return PolicyVersion(
        id=row.id,
        digest=row.digest,
        files=texts,
        number=row.number,
        state=VersionState(row.state),
        note=row.note,
        proposed=Deed(row.proposed_by, row.proposed_name, row.proposed_title, row.proposed_at),
        signed=_deed(row.signed_by, row.signed_name, row.signed_title, row.signed_at),
        activated=_deed(row.activated_by, row.activated_name, row.activated_title, row.activated_at),
        retired=row.retired,
        revision=row.revision,
    )


def _deed(by: str | None, name: str, title: str, at: Any) -> Deed | None:
    return None if by is None else Deed(by, name, title, at)


def _put(name: str, deed: Deed | None) -> dict[str, Any]:
    if deed is None:
        return {f"{name}_by": None, f"{name}_name": None, f"{name}_title": None, f"{name}_at": None}
    return {f"{name}_by": deed.person, f"{name}_name": deed.name, f"{name}_title": deed.title, f"{name}_at": deed.at}


def _moves(version: PolicyVersion) -> dict[str, Any]:
    return {
        "state": version.state.value,
        "retired": version.retired,
        "revision": version.revision,
        **_put("signed", version.signed),
        **_put("activated", version.activated),
    }
