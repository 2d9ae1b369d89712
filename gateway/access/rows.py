"""Between rows and values."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Row

from gateway.access.model import (
    AccessRequest,
    Approval,
    Block,
    BlockKind,
    Grant,
    GrantState,
    Release,
    ReleaseState,
    RequestState,
    Wanted,
)
from gateway.clock import Deadline
from gateway.policy.model import Obligations

WANTED: Final = TypeAdapter(Wanted)
OBLIGATIONS: Final = TypeAdapter(Obligations)


def frozen(wanted: Wanted, obligations: Obligations, policy_version: str) -> dict[str, Any]:
    return {
        "target": wanted.target,
        "protocol": wanted.protocol.value,
        "wanted": WANTED.dump_json(wanted, exclude=None if wanted.services else {"services"}).decode(),
        "digest": wanted.digest(),
        "obligations": OBLIGATIONS.dump_json(obligations).decode(),
        "policy_version": policy_version,
    }


def _put(name: str, deadline: Deadline | None) -> dict[str, Any]:
    if deadline is None:
        return {f"{name}_wall": None, f"{name}_boot": None, f"{name}_boot_id": None}
    return {f"{name}_wall": deadline.wall, f"{name}_boot": deadline.boot, f"{name}_boot_id": deadline.boot_id}


def request_moves(request: AccessRequest) -> dict[str, Any]:
    return {
        "state": request.state.value,
        "decided_by": request.decided_by,
        "reason": request.reason,
        "granted": request.grant,
        "version": request.version,
        **_put("closes", request.closes),
    }


def grant_moves(grant: Grant) -> dict[str, Any]:
    return {
        "state": grant.state.value,
        "extended": grant.extended,
        "reason": grant.reason,
        "version": grant.version,
        **_put("closes", grant.closes),
        **_put("deadline", grant.deadline),
        **_put("longest", grant.longest),
    }


def release_moves(release: Release) -> dict[str, Any]:
    return {
        "state": release.state.value,
        "session": release.session,
        "version": release.version,
        **_put("expires", release.expires),
    }


def request(row: Row[Any], given: tuple[Approval, ...]) -> AccessRequest:
    return AccessRequest(
        id=row.id,
        requester=row.requester,
        requester_name=row.requester_name,
        organisation=row.organisation,
        wanted=WANTED.validate_json(row.wanted),
        obligations=OBLIGATIONS.validate_json(row.obligations),
        policy_version=row.policy_version,
        rules=tuple(json.loads(row.rules)),
        state=RequestState(row.state),
        created=row.created,
        approvals=given,
        decided_by=row.decided_by,
        reason=row.reason,
        grant=row.granted,
        version=row.version,
        closes=Deadline(row.closes_wall, row.closes_boot, row.closes_boot_id),
    )


def approval(row: Row[Any]) -> Approval:
    return Approval(
        approver=row.approver,
        approver_name=row.approver_name,
        role=row.role,
        roles=frozenset(json.loads(row.roles)),
        digest=row.digest,
        at=row.at,
        note=row.note,
        void=row.void,
    )


def grant(row: Row[Any]) -> Grant:
    started = row.deadline_wall is not None
    return Grant(
        id=row.id,
        request=row.request,
        person=row.person,
        person_name=row.person_name,
        organisation=row.organisation,
        wanted=WANTED.validate_json(row.wanted),
        obligations=OBLIGATIONS.validate_json(row.obligations),
        policy_version=row.policy_version,
        digest=row.digest,
        state=GrantState(row.state),
        created=row.created,
        extended=row.extended,
        reason=row.reason,
        version=row.version,
        closes=Deadline(row.closes_wall, row.closes_boot, row.closes_boot_id),
        deadline=Deadline(row.deadline_wall, row.deadline_boot, row.deadline_boot_id) if started else None,
        longest=Deadline(row.longest_wall, row.longest_boot, row.longest_boot_id) if started else None,
    )


def release(row: Row[Any]) -> Release:
    return Release(
        id=row.id,
        grant=row.grant,
        by=row.by,
        by_name=row.by_name,
        state=ReleaseState(row.state),
        created=row.created,
        expires=Deadline(row.expires_wall, row.expires_boot, row.expires_boot_id),
        session=row.session,
        version=row.version,
    )


def block(row: Row[Any]) -> Block:
    return Block(BlockKind(row.kind), row.name, row.until, row.by, row.reason, row.at)
