"""Requests, grants, releases and sessions as answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

from gateway.access.model import AccessRequest, Grant, Release
from gateway.access.rules import takes_over
from gateway.clock import Deadline, Instant
from gateway.fronts.api.services import Services
from gateway.fronts.api.sight import Sight
from gateway.fronts.api.views.access import ApprovalGiven, GrantView, ReleaseView, RequestView
from gateway.fronts.api.views.exceptions import RiskView
from gateway.fronts.api.views.sessions import AskedView, EndView, HoldView, SessionView
from gateway.inventory.model import SecurityException
from gateway.policy.model import Obligations
from gateway.sessions.model import Session

Titles: TypeAlias = Mapping[str, str]  # what persons are called, by the name that they sign in with


async def titles_of(state: Services) -> Titles:
    return {person.name: person.title for person in await state.identity.people()}


def minutes(length: timedelta) -> int:
    return length // timedelta(minutes=1)


def request_view(request: AccessRequest, seen: Sight, titles: Titles) -> RequestView:
    wanted = request.wanted
    return RequestView(
        id=request.id,
        state=request.state,
        requester=request.requester_name,
        requester_title=_title(request.requester_name, titles),
        organisation=request.organisation,
        target=wanted.target_name,
        protocol=wanted.protocol,
        account=wanted.account,
        channels=sorted(wanted.channels),
        services=sorted(wanted.services),
        not_before=wanted.not_before,
        not_after=wanted.not_after,
        duration_minutes=minutes(wanted.duration),
        purpose=wanted.purpose,
        work_order=wanted.work_order,
        actions=wanted.actions,
        emergency=wanted.emergency,
        digest=wanted.digest(),
        created=request.created,
        approvals=[
            ApprovalGiven(
                approver=a.approver_name,
                approver_title=_title(a.approver_name, titles),
                role=a.role,
                at=a.at,
                note=a.note,
            )
            for a in request.approvals
        ],
        approvals_needed=request.obligations.approvals,
        approver_roles=sorted(request.obligations.approver_roles),
        release=request.obligations.release,
        observer=request.obligations.observer,
        file_paths=paths_of(request.obligations),
        file_copy=request.obligations.file_copy,
        file_hold=request.obligations.file_hold,
        warning=takes_over(wanted.protocol, wanted.target_name),
        exceptions=[_risk(e) for e in seen.risks(request)],
        rules=list(request.rules),
        policy_version=request.policy_version,
        decided_by=request.decided_by,
        decided_by_title=_title(request.decided_by, titles),
        reason=request.reason,
        grant=request.grant,
        may=seen.deeds_of_request(request),
    )


def _risk(exception: SecurityException) -> RiskView:
    return RiskView(
        id=exception.id,
        kind=exception.kind,
        service=exception.service,
        reason=exception.reason,
        compensation=exception.compensation,
        expires=exception.expires,
    )


def paths_of(obligations: Obligations) -> list[str] | None:
    return None if obligations.file_paths is None else list(obligations.file_paths)


def release_view(release: Release, titles: Titles) -> ReleaseView:
    return ReleaseView(
        id=release.id,
        grant=release.grant,
        state=release.state,
        by=release.by_name,
        by_title=_title(release.by_name, titles),
        created=release.created,
        expires=release.expires.wall,
        session=release.session,
    )


async def grant_view(state: Services, grant: Grant, seen: Sight, titles: Titles) -> GrantView:
    releases = await state.access.releases(grant.id)
    at = state.clock.instant()
    wanted = grant.wanted
    return GrantView(
        id=grant.id,
        request=grant.request,
        state=grant.state,
        person=grant.person_name,
        person_title=_title(grant.person_name, titles),
        organisation=grant.organisation,
        target=wanted.target_name,
        protocol=wanted.protocol,
        account=wanted.account,
        channels=sorted(wanted.channels),
        services=sorted(wanted.services),
        not_before=wanted.not_before,
        not_after=wanted.not_after,
        duration_minutes=minutes(wanted.duration),
        purpose=wanted.purpose,
        work_order=wanted.work_order,
        created=grant.created,
        deadline=grant.deadline.wall if grant.deadline else None,
        remaining_seconds=_remaining(grant.deadline, at),
        extended_minutes=minutes(grant.extended),
        max_total_minutes=minutes(grant.obligations.max_total),
        release=grant.obligations.release,
        reason=grant.reason,
        warning=takes_over(wanted.protocol, wanted.target_name),
        releases=[release_view(r, titles) for r in releases],
        may=seen.deeds_of_grant(grant),
    )


def session_view(state: Services, session: Session, seen: Sight) -> SessionView:
    hold, end, at = session.hold, session.end, state.clock.instant()
    asked = state.asks.of(session.id)
    return SessionView(
        id=session.id,
        seq=session.seq,
        state=session.state,
        person=session.person_name,
        person_title=session.person_title,
        organisation=session.organisation,
        target=session.target_name,
        account=session.account,
        protocol=session.protocol,
        source=session.source,
        client=session.client,
        created=session.created,
        started=session.started,
        ended=session.ended,
        deadline=session.deadline.wall if session.deadline else None,
        remaining_seconds=_remaining(session.deadline, at),
        last_input=state.sessions.last_input(session.id),
        hold=HoldView(waiting=hold.waiting, since=hold.since, asked=list(hold.asked), words=hold.words)
        if hold
        else None,
        end=EndView(reason=end.reason, actor=end.actor, words=end.words) if end else None,
        grant=session.grant,
        extension_asked=AskedView(minutes=minutes(asked.by), reason=asked.reason, at=asked.at) if asked else None,
        may=seen.deeds_of_session(session),
    )


def _title(name: str, titles: Titles) -> str:
    """Of what is no person (any more), the name."""
    return titles.get(name, name)


def _remaining(deadline: Deadline | None, at: Instant) -> int | None:
    return None if deadline is None else int(deadline.remaining(at).total_seconds())
