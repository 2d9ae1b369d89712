"""Every state and every event of the three tables: what moves, and what is refused and left as it was."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.access import sql
from gateway.access.model import (
    GRANT_MOVES,
    RELEASE_MOVES,
    REQUEST_MOVES,
    AccessRequest,
    Grant,
    GrantState,
    Release,
    ReleaseState,
    RequestState,
)
from gateway.errors import Conflict, Refused
from tests.access.site import LENA, MINUTE, OLGA, OMAR, SOURCE, VERA, Site

# --- the tables themselves, in the database


async def request_in(site: Site, state: RequestState) -> AccessRequest:
    request = await site.asked()
    match state:
        case RequestState.APPROVED:
            await site.approve(request)
        case RequestState.DENIED:
            await site.access.deny(request.id, OMAR, "No.", SOURCE)
        case RequestState.CANCELLED:
            await site.access.cancel(request.id, VERA, SOURCE)
        case RequestState.EXPIRED:
            site.clock.advance(hours=2)
            await site.access.sweep()
    request = await site.access.request(request.id)
    assert request.state is state
    return request


async def grant_in(site: Site, state: GrantState) -> Grant:
    grant = await site.granted()
    match state:
        case GrantState.LIVE | GrantState.USED:
            await site.released(grant)
            await site.start(grant)
            if state is GrantState.USED:
                site.clock.advance(hours=1)
                await site.access.sweep()
        case GrantState.EXPIRED:
            site.clock.advance(hours=2)
            await site.access.sweep()
        case GrantState.REVOKED:
            await site.access.revoke(grant.id, OMAR, "No.", SOURCE)
    grant = await site.access.grant(grant.id)
    assert grant.state is state
    return grant


async def release_in(site: Site, state: ReleaseState) -> Release:
    grant = await site.granted()
    release = await site.released(grant)
    match state:
        case ReleaseState.USED:
            await site.start(grant)
        case ReleaseState.EXPIRED:
            site.clock.advance(minutes=15)
            await site.access.sweep()
        case ReleaseState.WITHDRAWN:
            await site.access.withdraw(release.id, LENA, SOURCE)
    (release,) = await site.access.releases(grant.id)
    assert release.state is state
    return release


@pytest.mark.parametrize(("old", "new"), list(itertools.product(RequestState, RequestState)))
async def test_a_request_moves_only_as_its_table_says(site: Site, old: RequestState, new: RequestState) -> None:
    request = await request_in(site, old)
    await moves(site, sql.move_request, request, replace(request, state=new), new in REQUEST_MOVES[old])
    assert (await site.access.request(request.id)).state is (new if new in REQUEST_MOVES[old] else old)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(GrantState, GrantState)))
async def test_a_grant_moves_only_as_its_table_says(site: Site, old: GrantState, new: GrantState) -> None:
    grant = await grant_in(site, old)
    await moves(site, sql.move_grant, grant, replace(grant, state=new), new in GRANT_MOVES[old])
    assert (await site.access.grant(grant.id)).state is (new if new in GRANT_MOVES[old] else old)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(ReleaseState, ReleaseState)))
async def test_a_release_moves_only_as_its_table_says(site: Site, old: ReleaseState, new: ReleaseState) -> None:
    release = await release_in(site, old)
    await moves(site, sql.move_release, release, replace(release, state=new), new in RELEASE_MOVES[old])
    (after,) = await site.access.releases(release.grant)
    assert after.state is (new if new in RELEASE_MOVES[old] else old)


async def moves(site: Site, move, old, new, may: bool) -> None:
    stays = old.state is new.state and not ended(old)  # an entry that changes no state, e.g. an approval of two
    if may or stays:
        async with site.store.write() as tx:
            await move(tx, old, new)
        with pytest.raises(Conflict):  # compare-and-set: the same decision on the same reading, a moment later
            async with site.store.write() as tx:
                await move(tx, old, new)
        return
    with pytest.raises(Conflict):
        async with site.store.write() as tx:
            await move(tx, old, new)


def ended(thing: AccessRequest | Grant | Release) -> bool:
    return thing.state not in {RequestState.PENDING, GrantState.SCHEDULED, GrantState.LIVE, ReleaseState.ARMED}


# --- the events, by the front door


async def _sweep_after(site: Site, **by: float) -> None:
    site.clock.advance(**by)
    await site.access.sweep()


ON_REQUEST: dict[str, Callable[[Site, AccessRequest], Awaitable[object]]] = {
    "approve": lambda s, r: s.approve(r, OLGA),
    "deny": lambda s, r: s.access.deny(r.id, OLGA, "No.", SOURCE),
    "cancel": lambda s, r: s.access.cancel(r.id, VERA, SOURCE),
    "window passes": lambda s, _: _sweep_after(s, hours=2),
}
PENDING_BECOMES = {
    "approve": RequestState.APPROVED,
    "deny": RequestState.DENIED,
    "cancel": RequestState.CANCELLED,
    "window passes": RequestState.EXPIRED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(RequestState, ON_REQUEST)))
async def test_each_event_on_a_request_in_each_state(site: Site, state: RequestState, event: str) -> None:
    request = await request_in(site, state)
    if state is RequestState.PENDING or event == "window passes":
        await ON_REQUEST[event](site, request)
    else:
        with pytest.raises(Conflict):
            await ON_REQUEST[event](site, request)
    after = await site.access.request(request.id)
    assert after.state is (PENDING_BECOMES[event] if state is RequestState.PENDING else state)
    grants = [g for g in await site.access.grants() if g.request == request.id]
    assert len(grants) == (after.state is RequestState.APPROVED)


async def _start(site: Site, grant: Grant) -> None:
    release = None
    if grant.state in {GrantState.SCHEDULED, GrantState.LIVE}:
        release = await site.released(grant)
    await site.start(grant, release)


ON_GRANT: dict[str, Callable[[Site, Grant], Awaitable[object]]] = {
    "start": _start,
    "release": lambda s, g: s.released(g),
    "extend": lambda s, g: s.access.extend(g.id, OMAR, s.proof(OMAR), 10 * MINUTE, "More."),
    "revoke": lambda s, g: s.access.revoke(g.id, OMAR, "No.", SOURCE),
    "duration passes": lambda s, _: _sweep_after(s, hours=1),
    "window passes": lambda s, _: _sweep_after(s, hours=2),
}
GRANT_BECOMES = {
    (GrantState.SCHEDULED, "start"): GrantState.LIVE,
    (GrantState.SCHEDULED, "release"): GrantState.SCHEDULED,
    (GrantState.SCHEDULED, "extend"): Refused,
    (GrantState.SCHEDULED, "revoke"): GrantState.REVOKED,
    (GrantState.SCHEDULED, "duration passes"): GrantState.SCHEDULED,
    (GrantState.SCHEDULED, "window passes"): GrantState.EXPIRED,
    (GrantState.LIVE, "start"): GrantState.LIVE,
    (GrantState.LIVE, "release"): GrantState.LIVE,
    (GrantState.LIVE, "extend"): GrantState.LIVE,
    (GrantState.LIVE, "revoke"): GrantState.REVOKED,
    (GrantState.LIVE, "duration passes"): GrantState.USED,
    (GrantState.LIVE, "window passes"): GrantState.USED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(GrantState, ON_GRANT)))
async def test_each_event_on_a_grant_in_each_state(site: Site, state: GrantState, event: str) -> None:
    grant = await grant_in(site, state)
    becomes = GRANT_BECOMES.get((state, event), state if event.endswith("passes") else (Refused, Conflict))
    if isinstance(becomes, GrantState):
        await ON_GRANT[event](site, grant)
        assert (await site.access.grant(grant.id)).state is becomes
        return
    with pytest.raises(becomes):
        await ON_GRANT[event](site, grant)
    assert await site.access.grant(grant.id) == grant


async def _start_with(site: Site, release: Release) -> None:
    await site.start(await site.access.grant(release.grant), release)


ON_RELEASE: dict[str, Callable[[Site, Release], Awaitable[object]]] = {
    "session starts": _start_with,
    "withdraw": lambda s, r: s.access.withdraw(r.id, LENA, SOURCE),
    "time passes": lambda s, _: _sweep_after(s, minutes=15),
    "grant is revoked": lambda s, r: s.access.revoke(r.grant, OMAR, "No.", SOURCE),
}
ARMED_BECOMES = {
    "session starts": ReleaseState.USED,
    "withdraw": ReleaseState.WITHDRAWN,
    "time passes": ReleaseState.EXPIRED,
    "grant is revoked": ReleaseState.WITHDRAWN,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ReleaseState, ON_RELEASE)))
async def test_each_event_on_a_release_in_each_state(site: Site, state: ReleaseState, event: str) -> None:
    release = await release_in(site, state)
    if state is ReleaseState.ARMED or event in {"time passes", "grant is revoked"}:
        await ON_RELEASE[event](site, release)
    else:
        with pytest.raises((Refused, Conflict)):
            await ON_RELEASE[event](site, release)
    (after,) = await site.access.releases(release.grant)
    assert after.state is (ARMED_BECOMES[event] if state is ReleaseState.ARMED else state)
