"""Many at once, from one gateway process and from two on one database: each decision happens once (rule 14)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.access.model import AccessRequest, GrantState, ReleaseState, RequestState
from gateway.errors import Conflict, Refused, StoreUnavailable
from gateway.identity.model import Organisation, Person, Role
from gateway.ids import PersonId
from tests.access.conftest import store_at
from tests.access.site import EWS, LENA, MINUTE, OMAR, PLANT, SAM, SOURCE, VERA, Site

TWENTY = [
    Person(PersonId(f"per_{n}"), f"owner{n}", f"Owner {n}", PLANT, frozenset({Role.OWNER, Role.OPERATOR}))
    for n in range(20)
]


@pytest.fixture
async def nodes(site: Site, tmp_path: Path) -> AsyncIterator[tuple[Site, Site]]:
    """Two gateway processes on one database, and twenty owners who are operators, too."""
    site.people.now |= {p.id: p for p in TWENTY}
    site.places.targets[EWS.name] = replace(EWS, owners=EWS.owners | {p.id for p in TWENTY})
    store = store_at(tmp_path / "test.db")
    yield site, Site(store, site.audit, site.clock, site.people, site.places, site.policy)
    await store.close()


async def all_at_once(attempts: Iterable[Awaitable[object]]) -> list[object]:
    """What each came to: its result, or the error that it was told. A second process may have to ask again."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert not [r for r in results if isinstance(r, BaseException) and not isinstance(r, (Refused, Conflict))]
    return results


def told(results: list[object], error: type[Exception]) -> int:
    return sum(isinstance(r, error) for r in results)


async def test_twenty_approvers_at_once_make_one_grant(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    request = await site.asked()
    results = await all_at_once(nodes[n % 2].approve(request, p) for n, p in enumerate(TWENTY))
    assert told(results, Conflict) == 19
    assert len(await site.access.grants()) == 1
    after = await site.access.request(request.id)
    assert (after.state, len(after.approvals)) == (RequestState.APPROVED, 1)
    assert len(await site.log("access.approval.given")) == len(await site.log("access.grant.made")) == 1


async def test_twenty_approvals_that_are_all_needed_are_all_counted_and_make_one_grant(
    nodes: tuple[Site, Site],
) -> None:
    site = nodes[0]
    site.policy.oblige(approvals=20)
    request = await site.asked()
    results = await all_at_once(nodes[n % 2].approve(request, p) for n, p in enumerate(TWENTY))
    assert all(isinstance(r, AccessRequest) for r in results)
    assert [r.state for r in results].count(RequestState.APPROVED) == 1
    (grant,) = await site.access.grants()
    assert {a.approver for a in (await site.access.request(grant.request)).approvals} == {p.id for p in TWENTY}


async def test_one_approver_pressing_twenty_times_is_one_approval(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    site.policy.oblige(approvals=2)
    request = await site.asked()
    results = await all_at_once(nodes[n % 2].approve(request, OMAR) for n in range(20))
    assert told(results, Refused) == 19
    after = await site.access.request(request.id)
    assert (after.state, len(after.approvals)) == (RequestState.PENDING, 1)


async def test_twenty_denials_at_once_are_one_with_one_reason(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    request = await site.asked()
    results = await all_at_once(
        nodes[n % 2].access.deny(request.id, p, f"Reason {n}.", SOURCE) for n, p in enumerate(TWENTY)
    )
    assert told(results, Conflict) == 19
    (entry,) = await site.log("access.request.denied")
    after = await site.access.request(request.id)
    assert (after.decided_by, after.reason) == (entry.actor, entry.values()["reason"])


async def test_yes_no_and_taking_back_at_once_decide_once(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    requests = [await site.asked() for _ in range(6)]
    for n, request in enumerate(requests):
        attempts = [
            nodes[n % 2].approve(request, OMAR),
            nodes[(n + 1) % 2].access.deny(request.id, TWENTY[n], "No.", SOURCE),
            nodes[n % 2].access.cancel(request.id, VERA, SOURCE),
        ]
        results = await all_at_once(attempts[n % 3 :] + attempts[: n % 3])
        assert told(results, Conflict) == 2
        after = await site.access.request(request.id)
        assert after.state is not RequestState.PENDING
        assert (after.grant is not None) == (after.state is RequestState.APPROVED)
    approved = await site.access.requests(states={RequestState.APPROVED})
    assert len(await site.access.grants()) == len(approved)


async def test_twenty_operators_at_once_arm_one_release(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    grant = await site.granted()
    results = await all_at_once(nodes[n % 2].released(grant, p) for n, p in enumerate(TWENTY))
    assert told(results, Conflict) == 19
    (release,) = await site.access.releases(grant.id)
    assert release.state is ReleaseState.ARMED


async def test_twenty_sessions_at_once_start_once_by_one_release(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    grant = await site.granted()
    release = await site.released(grant)
    results = await all_at_once(nodes[n % 2].start(grant, release) for n in range(20))
    assert told(results, Conflict) == 19
    assert (await site.access.grant(grant.id)).state is GrantState.LIVE
    assert len(await site.log("access.grant.started")) == len(await site.log("access.release.used")) == 1


async def test_a_revocation_and_a_start_at_once_leave_a_revoked_grant(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    for n in range(4):
        grant = await site.granted()
        release = await site.released(grant)
        attempts = [
            nodes[0].start(grant, release),
            nodes[1].access.revoke(grant.id, SAM, "Stop.", SOURCE),
            nodes[0].access.withdraw(release.id, LENA, SOURCE),
        ]
        await all_at_once(attempts[n % 3 :] + attempts[: n % 3])
        after = await site.access.grant(grant.id)
        assert after.state is GrantState.REVOKED
        (ended,) = await site.access.releases(grant.id)
        assert ended.state is (ReleaseState.USED if after.deadline is not None else ReleaseState.WITHDRAWN)


async def test_twenty_extensions_at_once_stay_within_the_total(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    grant = await site.live()
    results = await all_at_once(
        nodes[n % 2].access.extend(grant.id, p, nodes[0].proof(p), 60 * MINUTE, "More.") for n, p in enumerate(TWENTY)
    )
    assert told(results, Refused) == 13  # one hour to begin with, eight in all
    after = await site.access.grant(grant.id)
    assert after.extended == 7 * 60 * MINUTE
    assert after.deadline == after.longest


async def test_two_sweeps_and_a_decision_at_once_expire_everything_once(nodes: tuple[Site, Site]) -> None:
    site = nodes[0]
    for _ in range(5):
        await site.asked()
    site.clock.advance(hours=2)
    results = await all_at_once([n.access.sweep() for n in nodes * 5])
    assert results == [None] * 10
    assert len(await site.log("access.request.expired")) == 5


async def test_a_database_that_cannot_answer_is_a_no(site: Site) -> None:
    request = await site.asked()
    grant = await site.granted()
    other = Organisation(PLANT.id, "plant", "Kieswerk", plant=True)
    assert other == PLANT
    await site.store.close()
    async with site.store.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE access_request RENAME TO gone")
    for attempt in (site.approve(request), site.asked(), site.access.request(request.id), site.access.sweep()):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert (await site.access.grant(grant.id)).state is GrantState.SCHEDULED
