"""What is asked of and done to the tables. Each change of a state is one compare-and-set on state and version."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, Table, func, insert, or_, select, update

from gateway.access import rows
from gateway.access.model import (
    GRANT_MOVES,
    RELEASE_MOVES,
    REQUEST_MOVES,
    AccessRequest,
    Approval,
    Block,
    BlockKind,
    Grant,
    GrantState,
    Release,
    ReleaseState,
    RequestState,
)
from gateway.access.tables import approvals, blocks, grants, releases, requests, seen
from gateway.clock import Instant
from gateway.errors import Conflict, NotFound
from gateway.ids import GrantId, PersonId, ReleaseId, RequestId, TargetId
from gateway.inventory.model import Protocol
from gateway.store.db import Tx

S = TypeVar("S", RequestState, GrantState, ReleaseState)


# --- requests


async def add_request(tx: Tx, request: AccessRequest) -> None:
    values = {
        "id": request.id,
        "requester": request.requester,
        "requester_name": request.requester_name,
        "organisation": request.organisation,
        "rules": json.dumps(request.rules),
        **rows.frozen(request.wanted, request.obligations, request.policy_version),
        **rows.request_moves(request),
    }
    await tx.execute(insert(requests).values(created=request.created, **values))


async def request(tx: Tx, id_: RequestId) -> AccessRequest:
    """Raises NotFound: no such request."""
    found = await _requests(tx, select(requests).where(requests.c.id == id_))
    if not found:
        raise NotFound("request")
    return found[0]


async def move_request(tx: Tx, old: AccessRequest, new: AccessRequest) -> AccessRequest:
    """Write what `old` became.

    Raises:
        Conflict: it is not as it was read.
    """
    _movable(REQUEST_MOVES, old.state, new.state)
    new = replace(new, version=old.version + 1)
    where = (requests.c.id == old.id, requests.c.state == old.state.value, requests.c.version == old.version)
    moved = await tx.execute(update(requests).where(*where).values(**rows.request_moves(new)))
    if moved.rowcount != 1:
        raise Conflict("Somebody else decided this request at the same moment. Read it again.")
    return new


async def find_requests(
    tx: Tx,
    *,
    requester: PersonId | None = None,
    target: TargetId | None = None,
    protocol: Protocol | None = None,
    states: Iterable[RequestState] | None = None,
    concerning: tuple[PersonId, Collection[TargetId]] | None = None,
    after: AccessRequest | None = None,
    limit: int | None = None,
) -> list[AccessRequest]:
    """Newest first, at most `limit` behind `after`. `concerning`: of that person, or for one of these targets."""
    query = select(requests).order_by(requests.c.created.desc(), requests.c.id)
    if requester is not None:
        query = query.where(requests.c.requester == requester)
    if target is not None:
        query = query.where(requests.c.target == target)
    if protocol is not None:
        query = query.where(requests.c.protocol == protocol.value)
    if states is not None:
        query = query.where(requests.c.state.in_([s.value for s in states]))
    if concerning is not None:
        query = query.where(or_(requests.c.requester == concerning[0], requests.c.target.in_(concerning[1])))
    return await _requests(tx, _behind(query, requests, after).limit(limit))


async def count_pending(tx: Tx, requester: PersonId) -> int:
    where = (requests.c.requester == requester, requests.c.state == RequestState.PENDING.value)
    count = (await tx.execute(select(func.count()).select_from(requests).where(*where))).scalar_one()
    return int(count)


async def add_approval(tx: Tx, of: RequestId, number: int, approval: Approval) -> None:
    values = {
        "approver": approval.approver,
        "approver_name": approval.approver_name,
        "role": approval.role,
        "roles": json.dumps(sorted(approval.roles)),
        "digest": approval.digest,
        "at": approval.at,
        "note": approval.note,
        "void": approval.void,
    }
    await tx.execute(insert(approvals).values(request=of, number=number, **values))


async def void_approval(tx: Tx, of: RequestId, approver: PersonId) -> None:
    where = (approvals.c.request == of, approvals.c.approver == approver, ~approvals.c.void)
    await tx.execute(update(approvals).where(*where).values(void=True))


# --- grants


async def add_grant(tx: Tx, grant: Grant) -> None:
    values = {
        "id": grant.id,
        "request": grant.request,
        "person": grant.person,
        "person_name": grant.person_name,
        "organisation": grant.organisation,
        "created": grant.created,
        **rows.frozen(grant.wanted, grant.obligations, grant.policy_version),
        **rows.grant_moves(grant),
    }
    await tx.execute(insert(grants).values(**values))


async def grant(tx: Tx, id_: GrantId) -> Grant:
    """Raises NotFound: no such grant."""
    row = (await tx.execute(select(grants).where(grants.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound("grant")
    return rows.grant(row)


async def move_grant(tx: Tx, old: Grant, new: Grant) -> Grant:
    """Write what `old` became.

    Raises:
        Conflict: it is not as it was read.
    """
    _movable(GRANT_MOVES, old.state, new.state)
    new = replace(new, version=old.version + 1)
    where = (grants.c.id == old.id, grants.c.state == old.state.value, grants.c.version == old.version)
    moved = await tx.execute(update(grants).where(*where).values(**rows.grant_moves(new)))
    if moved.rowcount != 1:
        raise Conflict("Somebody else changed this access at the same moment. Read it again.")
    return new


async def find_grants(
    tx: Tx,
    *,
    person: PersonId | None = None,
    target: TargetId | None = None,
    protocol: Protocol | None = None,
    states: Iterable[GrantState] | None = None,
    after: Grant | None = None,
    limit: int | None = None,
) -> list[Grant]:
    """Newest first, at most `limit` behind `after`."""
    query = select(grants).order_by(grants.c.created.desc(), grants.c.id)
    if person is not None:
        query = query.where(grants.c.person == person)
    if target is not None:
        query = query.where(grants.c.target == target)
    if protocol is not None:
        query = query.where(grants.c.protocol == protocol.value)
    if states is not None:
        query = query.where(grants.c.state.in_([s.value for s in states]))
    return [rows.grant(row) for row in await tx.execute(_behind(query, grants, after).limit(limit))]


# --- releases


async def add_release(tx: Tx, release: Release) -> None:
    values = {
        "id": release.id,
        "grant": release.grant,
        "by": release.by,
        "by_name": release.by_name,
        "created": release.created,
        **rows.release_moves(release),
    }
    await tx.execute(insert(releases).values(**values))


async def release(tx: Tx, id_: ReleaseId) -> Release:
    """Raises NotFound: no such release."""
    row = (await tx.execute(select(releases).where(releases.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound("release")
    return rows.release(row)


async def move_release(tx: Tx, old: Release, new: Release) -> Release:
    """Write what `old` became.

    Raises:
        Conflict: it is not as it was read.
    """
    _movable(RELEASE_MOVES, old.state, new.state)
    new = replace(new, version=old.version + 1)
    where = (releases.c.id == old.id, releases.c.state == old.state.value, releases.c.version == old.version)
    moved = await tx.execute(update(releases).where(*where).values(**rows.release_moves(new)))
    if moved.rowcount != 1:
        raise Conflict("This release was used, withdrawn or expired at the same moment. Read it again.")
    return new


async def find_releases(
    tx: Tx, *, of: GrantId | None = None, states: Iterable[ReleaseState] | None = None
) -> list[Release]:
    """Newest first."""
    query = select(releases).order_by(releases.c.created.desc(), releases.c.id)
    if of is not None:
        query = query.where(releases.c.grant == of)
    if states is not None:
        query = query.where(releases.c.state.in_([s.value for s in states]))
    return [rows.release(row) for row in await tx.execute(query)]


# --- blocks


async def add_block(tx: Tx, block: Block) -> None:
    values = {"kind": block.kind.value, "name": block.name, "until": block.until}
    await tx.execute(insert(blocks).values(by=block.by, reason=block.reason, at=block.at, **values))


async def lift_blocks(tx: Tx, kind: BlockKind, name: str, at: datetime) -> int:
    """Lift what blocks `name` at `at`; how many there were."""
    where = (blocks.c.kind == kind.value, blocks.c.name == name, *_in_force(at))
    lifted = await tx.execute(update(blocks).where(*where).values(lifted=at))
    return lifted.rowcount


async def find_blocks(tx: Tx, at: datetime) -> list[Block]:
    """All in force at `at`, newest first."""
    query = select(blocks).where(*_in_force(at)).order_by(blocks.c.number.desc())
    return [rows.block(row) for row in await tx.execute(query)]


async def longest_block(tx: Tx, names: dict[BlockKind, str], at: datetime) -> Block | None:
    """The one in force at `at` that lasts longest, of any of these things."""
    these = or_(*((blocks.c.kind == kind.value) & (blocks.c.name == name) for kind, name in names.items()))
    found = [rows.block(row) for row in await tx.execute(select(blocks).where(these, *_in_force(at)))]
    return max(found, key=lambda b: (b.until is None, b.until or b.at), default=None)


def _in_force(at: datetime) -> tuple[Any, ...]:
    return blocks.c.lifted.is_(None), or_(blocks.c.until.is_(None), blocks.c.until > at)


# --- the clock as it was seen last


async def last_seen(tx: Tx) -> Instant | None:
    row = (await tx.execute(select(seen))).one_or_none()
    return None if row is None else Instant(row.seen_wall, row.seen_boot, row.seen_boot_id)


async def see(tx: Tx, at: Instant, *, first: bool) -> None:
    values = {"seen_wall": at.wall, "seen_boot": at.boot, "seen_boot_id": at.boot_id}
    await tx.execute(insert(seen).values(id=1, **values) if first else update(seen).values(**values))


def _movable(moves: Mapping[S, frozenset[S]], old: S, new: S) -> None:
    """Raises Conflict: the table has no such move. What has ended is not even touched."""
    if not moves[old] or (new is not old and new not in moves[old]):
        raise Conflict(f"There is nothing to do any more: it is {old} already.")


def _behind(query: Select[Any], table: Table, after: AccessRequest | Grant | None) -> Select[Any]:
    """What a list newest first has behind `after`; of one moment they are in the order of their ids."""
    if after is None:
        return query
    at, id_ = table.c.created, table.c.id
    return query.where(or_(at < after.created, (at == after.created) & (id_ > after.id)))


async def _requests(tx: Tx, query: Select[Any]) -> list[AccessRequest]:
    found = list(await tx.execute(query))
    given = select(approvals).where(approvals.c.request.in_([r.id for r in found])).order_by(approvals.c.number)
    of: dict[str, list[Approval]] = {}
    for row in await tx.execute(given) if found else ():
        of.setdefault(row.request, []).append(rows.approval(row))
    return [rows.request(row, tuple(of.get(row.id, ()))) for row in found]
