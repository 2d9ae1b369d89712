"""Clocks that are set and machines that are restarted win nobody any time (rule 7; C26; abuse case 51)."""

from datetime import timedelta

import pytest

from gateway.access.model import GrantState, ReleaseState, RequestState
from gateway.errors import Conflict, Refused
from tests.access.site import HOUR, MINUTE, OMAR, Site


@pytest.mark.parametrize("step", [-1, 1], ids=["back", "forth"])
async def test_a_live_grant_ends_no_later_than_by_the_boot_clock_when_the_clock_is_set(site: Site, step: int) -> None:
    grant = await site.live()
    site.clock.advance(minutes=30)
    site.clock.step_wall(hours=step)
    assert grant.deadline.remaining(site.clock.instant()) <= 30 * MINUTE
    site.clock.advance(minutes=30)
    await site.access.sweep()
    assert (await site.access.grant(grant.id)).state is GrantState.USED


async def test_a_window_closes_on_time_although_the_clock_was_set_back_before_any_session(site: Site) -> None:
    grant = await site.granted()
    site.clock.advance(minutes=110)
    site.clock.step_wall(hours=-1)
    release = await site.released(grant)
    assert release.expires.remaining(site.clock.instant()) == 10 * MINUTE
    site.clock.advance(minutes=10)
    with pytest.raises(Refused, match="time of this access is over"):
        await site.start(grant, release)
    await site.access.sweep()
    assert (await site.access.grant(grant.id)).state is GrantState.EXPIRED


async def test_a_request_is_not_approved_after_its_window_although_the_clock_was_set_back(site: Site) -> None:
    request = await site.asked()
    site.clock.advance(minutes=119)
    site.clock.step_wall(hours=-1)
    site.clock.advance(minutes=1)
    with pytest.raises(Conflict, match="its window ended"):
        await site.approve(request)
    await site.access.sweep()
    assert (await site.access.request(request.id)).state is RequestState.EXPIRED


async def test_a_grant_inherits_what_is_left_of_the_window_not_what_the_set_clock_says(site: Site) -> None:
    request = await site.asked()
    site.clock.advance(minutes=60)
    site.clock.step_wall(hours=-1)
    grant = await site.access.grant((await site.approve(request)).grant)
    assert grant.closes.remaining(site.clock.instant()) == HOUR


@pytest.mark.parametrize("step", [-1, 1], ids=["back", "forth"])
async def test_a_release_expires_on_time_or_earlier_when_the_clock_is_set(site: Site, step: int) -> None:
    now = site.clock.now()
    grant = await site.granted(not_before=now - 2 * HOUR, not_after=now + 24 * HOUR)
    release = await site.released(grant)
    site.clock.step_wall(hours=step)
    site.clock.advance(minutes=15)
    with pytest.raises(Refused, match="waits for the control room"):
        await site.start(grant, release)
    await site.access.sweep()
    (after,) = await site.access.releases(grant.id)
    assert after.state is ReleaseState.EXPIRED


async def test_after_a_restart_an_open_grant_goes_on_with_what_was_left(site: Site) -> None:
    grant = await site.live()
    await site.access.sweep()
    site.clock.advance(minutes=30)
    await site.access.sweep()
    site.clock.reboot()
    await site.access.sweep()
    after = await site.access.grant(grant.id)
    assert after.state is GrantState.LIVE
    assert after.deadline.remaining(site.clock.instant()) == 30 * MINUTE
    assert after.deadline.boot_id == "boot-2"


async def test_a_clock_set_back_across_a_restart_gives_no_more_than_was_left(site: Site) -> None:
    grant, request = await site.live(), await site.asked()
    release = await site.released(grant)
    site.clock.advance(minutes=10)
    await site.access.sweep()
    site.clock.reboot()
    site.clock.step_wall(hours=-1)
    await site.access.sweep()
    at = site.clock.instant()
    grant = await site.access.grant(grant.id)
    assert grant.deadline.remaining(at) == 50 * MINUTE
    assert (await site.access.request(request.id)).closes.remaining(at) == 110 * MINUTE
    (armed,) = [r for r in await site.access.releases(grant.id) if r.id == release.id]
    assert armed.expires.remaining(at) == 5 * MINUTE
    (entry,) = await site.log("access.clock.rebased")
    assert entry.values()["stepped_back"] == 3600.0
    assert entry.values()["deadlines"] == 5  # the request's, the release's, and three of the grant


async def test_a_clock_set_back_after_a_restart_gives_no_more_than_was_left(site: Site) -> None:
    grant = await site.live()
    site.clock.advance(minutes=10)
    await site.access.sweep()
    site.clock.reboot()
    await site.access.sweep()
    site.clock.advance(minutes=20)
    site.clock.step_wall(hours=-1)
    site.clock.advance(minutes=30)
    await site.access.sweep()
    assert (await site.access.grant(grant.id)).state is GrantState.USED


async def test_a_restart_that_took_long_counts_against_the_grant(site: Site) -> None:
    grant = await site.live()
    await site.access.sweep()
    site.clock.reboot()
    site.clock.step_wall(minutes=45)  # the wall clock went on while the machine was off
    await site.access.sweep()
    left = (await site.access.grant(grant.id)).deadline.remaining(site.clock.instant())
    assert left == 15 * MINUTE


async def test_an_extension_after_a_restart_stays_within_the_total(site: Site) -> None:
    site.policy.oblige(max_total=2 * HOUR)
    grant = await site.live()
    await site.access.sweep()
    site.clock.advance(minutes=30)
    await site.access.sweep()
    site.clock.reboot()
    site.clock.step_wall(hours=-1)
    await site.access.sweep()
    with pytest.raises(Refused, match="1 h more can be given"):
        await site.access.extend(grant.id, OMAR, site.proof(OMAR), 61 * MINUTE, "More.")
    grant = await site.access.extend(grant.id, OMAR, site.proof(OMAR), HOUR, "More.")
    assert grant.deadline.remaining(site.clock.instant()) == 90 * MINUTE


async def test_the_clock_is_noted_every_ten_seconds_while_anything_is_open_and_else_not(site: Site) -> None:
    async def noted() -> timedelta | None:
        from gateway.access import sql

        async with site.store.read() as tx:
            last = await sql.last_seen(tx)
        return None if last is None else last.boot

    await site.access.sweep()
    assert await noted() is None
    await site.asked()
    await site.access.sweep()
    first = await noted()
    site.clock.advance(seconds=9)
    await site.access.sweep()
    assert await noted() == first
    site.clock.advance(seconds=1)
    await site.access.sweep()
    assert await noted() == first + timedelta(seconds=10)
