"""The abuse cases of security.md that concern access, by number: 41 and 47 to 51."""

import asyncio
from dataclasses import replace

import pytest

from gateway.access.model import GrantState, ReleaseState, RequestState
from gateway.audit.events.access import GrantRevoked, GrantUsed
from gateway.errors import Conflict, NotFound, Refused
from gateway.inventory.model import Protocol
from gateway.policy.model import Channel
from tests.access.site import (
    EWS,
    HOUR,
    LENA,
    MINUTE,
    OLGA,
    OMAR,
    PAULA,
    SAM,
    SOURCE,
    VERA,
    VIKTOR,
    Site,
)


async def test_41_a_grant_revoked_mid_session_is_told_at_once_and_starts_nothing_more(site: Site) -> None:
    grant = await site.live()
    again = await site.released(grant)
    with site.audit.hub.subscribe() as events:
        await site.access.revoke(grant.id, OMAR, "Something is wrong.", SOURCE)
        event = await asyncio.wait_for(events.next(), 1)
    assert isinstance(event, GrantRevoked)
    assert (event.grant, event.actor, event.reason) == (grant.id, "omar", "Something is wrong.")
    async with site.store.read() as tx:
        assert await site.access.grant_for(tx, VERA.id, EWS.id, Protocol.SSH, site.clock.now()) is None
        assert await site.access.armed(tx, grant.id, site.clock.instant()) is None
    for attempt in (site.start(grant, again), site.start(await site.access.grant(grant.id), again)):
        with pytest.raises((Refused, Conflict)):
            await attempt


async def test_41_an_approval_that_expires_mid_session_is_told_at_its_second(site: Site) -> None:
    grant = await site.live()
    site.clock.advance(minutes=59, seconds=59)
    await site.access.sweep()
    with site.audit.hub.subscribe() as events:
        site.clock.advance(seconds=1)
        await site.access.sweep()
        event = await asyncio.wait_for(events.next(), 1)
    assert isinstance(event, GrantUsed)
    assert (event.grant, event.actor) == (grant.id, "clock")


async def test_47_two_approvers_pressing_at_once_make_one_grant(site: Site) -> None:
    request = await site.asked()
    results = await asyncio.gather(site.approve(request, OMAR), site.approve(request, OLGA), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["AccessRequest", "Conflict"]
    assert len(await site.access.grants()) == 1


@pytest.mark.parametrize("requester", [VERA, OMAR, VIKTOR])
async def test_47_a_requester_never_approves_his_own_request(site: Site, requester) -> None:
    site.policy.oblige(approver_roles=frozenset({"vendor", "owner"}))
    request = await site.asked(requester)
    with pytest.raises(Refused, match="another person must decide") as refused:
        await site.approve(request, requester)
    assert refused.value.code == "own_request"
    assert (await site.access.request(request.id)).approvals == ()


async def test_47_an_approver_disabled_after_approving_does_not_count_when_the_rest_approve(site: Site) -> None:
    site.policy.oblige(approvals=2)
    request = await site.asked()
    await site.approve(request, OMAR)
    site.people.change(OMAR, disabled=True)
    assert (await site.approve(request, OLGA)).state is RequestState.PENDING
    assert await site.access.grants() == []
    with pytest.raises(Refused, match="is disabled"):
        await site.approve(request, OMAR)


async def test_47_one_person_cannot_be_two_pairs_of_eyes(site: Site) -> None:
    site.policy.oblige(approvals=2, approver_roles=frozenset({"owner", "operator"}))
    both = site.people.change(OMAR, roles=OMAR.roles | LENA.roles)
    renamed = replace(both, name="omar-operator")  # another log-in name, the same natural person
    request = await site.asked()
    await site.approve(request, both)
    with pytest.raises(Refused, match="approved this request already"):
        await site.approve(request, renamed)
    assert await site.access.grants() == []


async def test_47_the_vendors_own_colleague_is_no_second_pair_of_eyes(site: Site) -> None:
    request = await site.asked()
    with pytest.raises(Refused) as refused:
        await site.approve(request, VIKTOR)
    assert refused.value.code == "own_organisation"
    grant = await site.granted()
    with pytest.raises(Refused):
        await site.released(grant, VIKTOR)
    live = await site.live()
    with pytest.raises(Refused):
        await site.access.extend(live.id, VIKTOR, site.proof(VIKTOR), MINUTE, "Please.")
    assert await site.access.releases(grant.id) == []


@pytest.mark.parametrize(
    "change",
    [
        {"target": "tgt_other"},
        {"account": "root"},
        {"channels": frozenset({Channel.SHELL, Channel.SFTP_WRITE})},
        {"duration": 4 * HOUR},
        {"purpose": "Something else"},
        {"work_order": "WO-4712"},
        {"actions": "Download"},
        {"emergency": True},
        {"protocol": Protocol.RDP},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_48_an_approval_of_another_wording_than_the_one_shown_is_void(site: Site, change: dict) -> None:
    request = await site.asked()
    shown = replace(request.wanted, **change)
    with pytest.raises(Conflict, match="not the one that you were shown"):
        await site.access.approve(request.id, OMAR, site.proof(OMAR), digest=shown.digest())
    assert await site.access.grants() == []


async def test_48_an_approval_of_another_window_than_the_one_shown_is_void(site: Site) -> None:
    request = await site.asked()
    for change in (
        {"not_after": request.wanted.not_after + MINUTE},
        {"not_before": request.wanted.not_before - MINUTE},
    ):
        with pytest.raises(Conflict):
            digest = replace(request.wanted, **change).digest()
            await site.access.approve(request.id, OMAR, site.proof(OMAR), digest=digest)
    for digest in ("", "0" * 64):
        with pytest.raises(Conflict):
            await site.access.approve(request.id, OMAR, site.proof(OMAR), digest=digest)
    assert await site.access.grants() == []


async def test_49_an_approval_is_not_replayed_after_denial_cancelling_or_expiry(site: Site) -> None:
    denied, cancelled, expired = [await site.asked() for _ in range(3)]
    await site.access.deny(denied.id, OLGA, "No.", SOURCE)
    await site.access.cancel(cancelled.id, VERA, SOURCE)
    for request in (denied, cancelled):
        with pytest.raises(Conflict):
            await site.approve(request)
    site.clock.advance(hours=2)
    for _ in ("before the sweep", "after it"):
        with pytest.raises(Conflict, match="its window ended"):
            await site.approve(expired)
        await site.access.sweep()
    assert await site.access.grants() == []


async def test_49_an_approval_call_replayed_after_it_worked_makes_no_second_grant(site: Site) -> None:
    request = await site.asked()
    proof = site.proof(OMAR)
    await site.access.approve(request.id, OMAR, proof, digest=request.wanted.digest())
    with pytest.raises(Conflict, match="it was approved by omar"):
        await site.access.approve(request.id, OMAR, proof, digest=request.wanted.digest())
    assert len(await site.access.grants()) == 1


async def test_49_another_vendors_request_does_not_exist(site: Site) -> None:
    request, grant = await site.asked(), await site.granted()
    release = await site.released(grant)
    unknown = replace(request, id="req_none")
    said = []
    for thing in (request, unknown):
        for attempt in (
            site.approve(thing, PAULA),
            site.access.deny(thing.id, PAULA, "No.", SOURCE),
            site.access.cancel(thing.id, PAULA, SOURCE),
        ):
            with pytest.raises(NotFound) as missing:
                await attempt
            said.append(str(missing.value))
    assert set(said) == {"no such request"}
    for attempt in (
        site.released(grant, PAULA),
        site.access.revoke(grant.id, PAULA, "No.", SOURCE),
        site.access.extend(grant.id, PAULA, site.proof(PAULA), MINUTE, "More."),
    ):
        with pytest.raises(NotFound, match="no such grant"):
            await attempt
    with pytest.raises(NotFound, match="no such release"):
        await site.access.withdraw(release.id, PAULA, SOURCE)
    assert (await site.access.request(request.id)).state is RequestState.PENDING
    assert (await site.access.releases(grant.id))[0].state is ReleaseState.ARMED


async def test_50_five_hundred_requests_of_one_person_leave_ten_to_read(site: Site) -> None:
    results = await asyncio.gather(*(site.asked() for _ in range(60)), return_exceptions=True)
    assert sum(isinstance(r, Refused) for r in results) == 50
    for _ in range(440):
        with pytest.raises(Refused, match="wait for a decision"):
            await site.asked()
    assert len(await site.access.requests(states={RequestState.PENDING})) == 10


@pytest.mark.parametrize("step", [-1, 1], ids=["back", "forth"])
async def test_51_a_grant_is_never_longer_than_by_monotonic_time_when_the_clock_is_set(site: Site, step) -> None:
    now = site.clock.now()
    grant = await site.live(not_before=now - 2 * HOUR, not_after=now + 6 * HOUR)
    begun = site.clock.boot
    site.clock.step_wall(hours=step)
    minutes = 0
    while (await site.access.grant(grant.id)).state is GrantState.LIVE:
        site.clock.advance(minutes=5)
        minutes += 5
        await site.access.sweep()
        assert minutes <= 60
    assert site.clock.boot - begun <= HOUR


async def test_an_admin_has_no_third_way_in(site: Site) -> None:
    request, grant = await site.asked(), await site.granted()
    for attempt in (site.approve(request, SAM), site.released(grant, SAM)):
        with pytest.raises(Refused):
            await attempt
    live = await site.live()
    with pytest.raises(Refused):
        await site.access.extend(live.id, SAM, site.proof(SAM), MINUTE, "More.")
