"""The control room switches on; approvers give more time or take it away; what a session asks in its transaction."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from gateway.access import tables
from gateway.access.model import GrantState, ReleaseState
from gateway.access.rows import WANTED
from gateway.clock import Deadline
from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.identity.model import Factor, Role
from gateway.ids import GrantId, ReleaseId, SessionId
from gateway.inventory.model import Protocol
from tests.access.site import (
    ADA,
    EWS,
    HOUR,
    LARS,
    LENA,
    MINUTE,
    NORA,
    OLGA,
    OMAR,
    PAULA,
    SAM,
    SOURCE,
    VERA,
    VIKTOR,
    Site,
)

# --- release


async def test_an_operator_arms_a_release_for_a_quarter_of_an_hour(site: Site) -> None:
    grant = await site.granted()
    release = await site.released(grant)
    assert (release.state, release.by, release.grant) == (ReleaseState.ARMED, LENA.id, grant.id)
    assert release.expires == Deadline.after(site.clock.instant(), 15 * MINUTE)
    assert await site.access.releases(grant.id) == [release]
    (entry,) = await site.log("access.release.armed")
    assert (entry.actor, entry.values()["person"], entry.values()["source"]) == ("lena", "vera", SOURCE)


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (OMAR, "not_operator"),
        (SAM, "not_operator"),
        (ADA, "not_operator"),
        (VIKTOR, "own_organisation"),
        (VERA, "own_request"),
    ],
)
async def test_only_an_operator_who_is_not_of_the_persons_organisation_releases(site: Site, person, code: str) -> None:
    grant = await site.granted()
    with pytest.raises(Refused) as refused:
        await site.released(grant, person)
    assert refused.value.code == code
    assert await site.access.releases(grant.id) == []


async def test_an_operator_never_releases_his_own_session(site: Site) -> None:
    site.people.change(LENA, roles=frozenset({Role.OPERATOR, Role.OWNER}))
    request = await site.approve(await site.asked(LENA))
    with pytest.raises(Refused, match="own request"):
        await site.access.release(request.grant, LENA, site.proof(LENA))
    assert (await site.access.release(request.grant, LARS, site.proof(LARS))).state is ReleaseState.ARMED


async def test_a_release_of_a_grant_that_one_must_not_know_of_is_not_found(site: Site) -> None:
    grant = await site.granted()
    for person in (PAULA, NORA):
        with pytest.raises(NotFound, match="no such grant"):
            await site.released(grant, person)
    with pytest.raises(NotFound, match="no such grant"):
        await site.access.release(GrantId("grt_none"), LENA, site.proof(LENA))
    with pytest.raises(NotFound, match="no such release"):
        await site.access.withdraw(ReleaseId("rel_none"), LENA, SOURCE)


async def test_a_release_needs_a_fresh_factor_of_the_operator_himself(site: Site) -> None:
    grant = await site.granted()
    for proof in (site.proof(LARS), site.proof(LENA, Factor.PASSWORD)):
        with pytest.raises(Refused) as refused:
            await site.access.release(grant.id, LENA, proof)
        assert refused.value.code == "stale_factor"


async def test_a_second_release_is_refused_while_one_is_armed_and_names_who_armed_it(site: Site) -> None:
    grant = await site.granted()
    await site.released(grant)
    with pytest.raises(Conflict, match="lena has released this access already; it waits to be used until"):
        await site.released(grant, LARS)


async def test_after_an_unused_release_expired_another_is_armed_even_before_the_sweep(site: Site) -> None:
    grant = await site.granted()
    first = await site.released(grant)
    site.clock.advance(minutes=15)
    second = await site.released(grant, LARS)
    states = {r.id: r.state for r in await site.access.releases(grant.id)}
    assert states == {first.id: ReleaseState.EXPIRED, second.id: ReleaseState.ARMED}


async def test_a_release_is_armed_before_the_window_when_it_opens_within_the_releases_life(site: Site) -> None:
    opens = site.clock.now() + HOUR
    grant = await site.granted(not_before=opens, not_after=opens + HOUR)
    with pytest.raises(Refused, match="The window opens at 2026-11-24 11:00 UTC, and a release lasts 15 min"):
        await site.released(grant)
    site.clock.advance(minutes=45)
    release = await site.released(grant)
    with pytest.raises(Refused, match="opens at") as refused:
        await site.start(grant, release)
    assert refused.value.code == "window_not_open"
    site.clock.advance(minutes=14)
    with pytest.raises(Refused, match="opens at"):
        await site.start(grant, release)


async def test_a_release_never_lasts_beyond_the_grant(site: Site) -> None:
    grant = await site.granted()
    site.clock.advance(minutes=110)
    release = await site.released(grant)
    assert release.expires.wall == grant.not_after
    site.clock.advance(minutes=10)
    with pytest.raises(Refused) as refused:
        await site.released(grant)
    assert refused.value.code == "grant_ended"


async def test_where_no_release_is_obliged_none_is_armed_and_a_session_starts_without(site: Site) -> None:
    site.policy.oblige(release=False)
    grant = await site.granted()
    with pytest.raises(Refused) as refused:
        await site.released(grant)
    assert refused.value.code == "release_not_needed"
    assert (await site.start(grant)).state is GrantState.LIVE


async def test_a_blocked_person_is_not_released(site: Site) -> None:
    grant = await site.granted()
    await site.access.block(LENA, "person", "vera", None, "Left her screen unlocked.", SOURCE)
    with pytest.raises(Refused, match="The person vera gets no session until it is lifted: Left her screen") as no:
        await site.released(grant)
    assert no.value.code == "blocked"


async def test_an_operator_withdraws_an_armed_release_once(site: Site) -> None:
    grant = await site.granted()
    release = await site.released(grant)
    for person in (VERA, ADA):
        with pytest.raises(Refused):
            await site.access.withdraw(release.id, person, SOURCE)
    assert (await site.access.withdraw(release.id, LARS, SOURCE)).state is ReleaseState.WITHDRAWN
    with pytest.raises(Conflict):
        await site.access.withdraw(release.id, LARS, SOURCE)
    with pytest.raises(Conflict):
        await site.start(grant, release)
    assert (await site.access.grant(grant.id)).state is GrantState.SCHEDULED


# --- start


async def test_the_time_runs_from_the_first_start_and_all_sessions_share_the_deadline(site: Site) -> None:
    grant = await site.granted()
    site.clock.advance(minutes=20)
    await site.released(grant)
    site.clock.advance(minutes=5)
    started = await site.start(grant)
    assert started.state is GrantState.LIVE
    assert started.deadline == Deadline.after(site.clock.instant(), HOUR)
    site.clock.advance(minutes=30)
    await site.released(started)
    again = await site.start(started)
    assert (again.state, again.deadline) == (GrantState.LIVE, started.deadline)
    assert len(await site.log("access.grant.started")) == 1
    assert len(await site.log("access.release.used")) == 2


async def test_the_deadline_is_never_later_than_the_window(site: Site) -> None:
    grant = await site.granted()
    site.clock.advance(minutes=90)
    await site.released(grant)
    assert (await site.start(grant)).deadline.wall == grant.not_after


async def test_a_session_without_release_waits_for_the_control_room(site: Site) -> None:
    grant, other = await site.granted(), await site.granted()
    foreign = await site.released(other)
    for release in (None, foreign):
        with pytest.raises(Refused, match="waits for the control room") as refused:
            await site.start(grant, release)
        assert refused.value.code == "awaiting_release"
    assert (await site.access.grant(grant.id)).state is GrantState.SCHEDULED


async def test_one_release_starts_one_session(site: Site) -> None:
    grant = await site.granted()
    release = await site.released(grant)
    started = await site.start(grant, release)
    with pytest.raises(Conflict, match="was used, withdrawn or expired at the same moment"):
        await site.start(started, release)  # as a session holds it that read it before it was used
    (stored,) = await site.access.releases(grant.id)
    for release in (None, stored):
        with pytest.raises(Refused, match="waits for the control room"):
            await site.start(started, release)
    (entry,) = await site.log("access.release.used")
    assert entry.values()["session"] == stored.session


async def test_a_start_that_is_rolled_back_leaves_release_and_grant_as_they_were(site: Site) -> None:
    grant = await site.granted()
    release = await site.released(grant)
    at = site.clock.instant()
    with pytest.raises(OSError, match="disk full"):
        async with site.store.write() as tx:
            await site.access.start(tx, grant, release, SessionId("ses_1"), at)
            raise OSError("disk full")
    assert await site.access.grant(grant.id) == grant
    assert await site.access.releases(grant.id) == [release]
    assert await site.log("access.grant.started", "access.release.used") == []


async def test_a_start_on_a_grant_read_before_it_changed_is_a_conflict(site: Site) -> None:
    grant = await site.live()
    await site.access.extend(grant.id, OMAR, site.proof(OMAR), 10 * MINUTE, "Asked by phone.")
    await site.released(grant)
    with pytest.raises(Conflict, match="changed at the same moment"):
        await site.start(grant)


async def test_a_grant_whose_wording_was_changed_in_the_database_starts_nothing(site: Site) -> None:
    grant = await site.granted()
    await site.released(grant)
    longer = WANTED.dump_json(replace(grant.wanted, duration=4 * HOUR)).decode()
    async with site.store.write() as tx:
        await tx.execute(update(tables.grants).values(wanted=longer))
    with pytest.raises(Refused, match="What was approved is not what is asked for now") as refused:
        await site.start(grant)
    assert refused.value.code == "grant_changed"


async def test_the_grant_for_a_session_is_the_live_one_and_only_inside_its_window(site: Site) -> None:
    opens = site.clock.now() + HOUR
    later = await site.granted(not_before=opens, not_after=opens + 4 * HOUR)
    async with site.store.read() as tx:
        assert await site.access.grant_for(tx, VERA.id, EWS.id, Protocol.SSH, site.clock.now()) is None
    live = await site.live()
    site.clock.advance(minutes=59)
    async with site.store.read() as tx:
        found = await site.access.grant_for(tx, VERA.id, EWS.id, Protocol.SSH, site.clock.now())
        assert found == live
        assert await site.access.grant_for(tx, PAULA.id, EWS.id, Protocol.SSH, site.clock.now()) is None
        assert await site.access.grant_for(tx, VERA.id, EWS.id, Protocol.SSH, site.clock.now(), "root") is None
    site.clock.advance(minutes=1)  # the time of the live one is over, the window of the other opens
    async with site.store.read() as tx:
        assert await site.access.grant_for(tx, VERA.id, EWS.id, Protocol.SSH, site.clock.now()) == later


async def test_of_two_open_grants_the_one_that_is_switched_on_comes_first(site: Site) -> None:
    live, other = await site.live(), await site.granted()

    async def first():
        async with site.store.read() as tx:
            found = await site.access.grant_for(tx, VERA.id, EWS.id, Protocol.SSH, site.clock.now())
            return None if found is None else found.id

    assert await first() == live.id
    release = await site.released(other)
    assert await first() == other.id
    await site.access.withdraw(release.id, LENA, SOURCE)
    assert await first() == live.id


# --- more time


async def test_an_extension_moves_the_shared_deadline(site: Site) -> None:
    grant = await site.live()
    for person in (OMAR, LENA):
        grant = await site.access.extend(grant.id, person, site.proof(person), 10 * MINUTE, "Download runs.")
    assert grant.deadline == Deadline.after(site.clock.instant(), HOUR + 20 * MINUTE)
    assert grant.extended == 20 * MINUTE
    first, second = await site.log("access.grant.extended")
    assert (first.actor, second.actor) == ("omar", "lena")
    assert (second.values()["extended"], second.values()["window_moved"]) == (1200.0, False)


@pytest.mark.parametrize(
    ("person", "code"),
    [(VERA, "own_request"), (VIKTOR, "own_organisation"), (ADA, "not_approver"), (SAM, "not_approver")],
)
async def test_only_owners_and_operators_extend_and_nobody_for_himself(site: Site, person, code: str) -> None:
    grant = await site.live()
    with pytest.raises(Refused) as refused:
        await site.access.extend(grant.id, person, site.proof(person), 10 * MINUTE, "Nearly done.")
    assert refused.value.code == code
    assert await site.access.grant(grant.id) == grant


async def test_an_extension_needs_a_fresh_factor_a_reason_and_a_length(site: Site) -> None:
    grant = await site.live()
    stale = replace(site.proof(OMAR), at=site.clock.now() - 2 * MINUTE)
    with pytest.raises(Refused, match="not older than 2 min"):
        await site.access.extend(grant.id, OMAR, stale, 10 * MINUTE, "Download runs.")
    with pytest.raises(Invalid):
        await site.access.extend(grant.id, OMAR, site.proof(OMAR), 10 * MINUTE, "")
    for nothing in (timedelta(0), -MINUTE):
        with pytest.raises(Refused, match="longer than nothing"):
            await site.access.extend(grant.id, OMAR, site.proof(OMAR), nothing, "Download runs.")


async def test_all_extensions_together_stay_within_the_policys_total(site: Site) -> None:
    site.policy.oblige(max_total=2 * HOUR)
    grant = await site.live(not_after=site.clock.now() + 24 * HOUR)
    grant = await site.access.extend(grant.id, OMAR, site.proof(OMAR), 45 * MINUTE, "Download runs.")
    with pytest.raises(Refused, match="the policy permits 2 h: 15 min more can be given") as refused:
        await site.access.extend(grant.id, OMAR, site.proof(OMAR), 16 * MINUTE, "Download runs.")
    assert refused.value.code == "extension_long"
    grant = await site.access.extend(grant.id, OMAR, site.proof(OMAR), 15 * MINUTE, "Download runs.")
    with pytest.raises(Refused, match="no more can be given"):
        await site.access.extend(grant.id, OMAR, site.proof(OMAR), timedelta(microseconds=1), "Download runs.")
    assert grant.deadline == grant.longest


async def test_an_extension_beyond_the_window_moves_the_windows_end_and_says_so(site: Site) -> None:
    grant = await site.granted()
    site.clock.advance(minutes=90)
    await site.released(grant)
    grant = await site.start(grant)
    approved = grant.wanted
    grant = await site.access.extend(grant.id, OMAR, site.proof(OMAR), 30 * MINUTE, "Download runs.")
    assert grant.not_after == approved.not_after + 30 * MINUTE == grant.deadline.wall
    assert (grant.wanted, grant.digest) == (approved, approved.digest())
    (entry,) = await site.log("access.grant.extended")
    assert entry.values()["window_moved"] is True
    site.clock.advance(minutes=59)
    await site.access.sweep()
    assert (await site.access.grant(grant.id)).open(site.clock.instant())
    await site.released(grant)
    grant = await site.start(await site.access.grant(grant.id))
    site.clock.advance(minutes=1)
    await site.access.sweep()
    assert (await site.access.grant(grant.id)).state is GrantState.USED


async def test_before_the_first_start_and_after_the_end_there_is_nothing_to_extend(site: Site) -> None:
    grant = await site.granted()
    with pytest.raises(Refused, match="No session of this access has started"):
        await site.access.extend(grant.id, OMAR, site.proof(OMAR), MINUTE, "Early.")
    live = await site.live()
    site.clock.advance(hours=1)
    with pytest.raises(Refused, match="time of this access is over"):
        await site.access.extend(live.id, OMAR, site.proof(OMAR), MINUTE, "Late.")


# --- taking it away


@pytest.mark.parametrize("person", [OMAR, LENA, SAM])
async def test_owner_operator_and_admin_revoke_and_the_armed_release_goes_with_it(site: Site, person) -> None:
    grant = await site.granted()
    release = await site.released(grant)
    revoked = await site.access.revoke(grant.id, person, "Wrong line.", SOURCE)
    assert (revoked.state, revoked.reason) == (GrantState.REVOKED, "Wrong line.")
    (after,) = await site.access.releases(grant.id)
    assert (after.id, after.state) == (release.id, ReleaseState.WITHDRAWN)
    with pytest.raises(Refused, match="The access was revoked"):
        await site.start(revoked, after)
    with pytest.raises(Refused, match="The access was revoked"):
        await site.released(grant)
    with pytest.raises(Conflict, match="the access is revoked"):
        await site.access.revoke(grant.id, person, "Again.", SOURCE)


async def test_others_revoke_nothing(site: Site) -> None:
    grant = await site.granted()
    for person, error in ((VERA, Refused), (ADA, Refused), (PAULA, NotFound), (NORA, NotFound)):
        with pytest.raises(error):
            await site.access.revoke(grant.id, person, "I say so.", SOURCE)
    assert await site.access.grant(grant.id) == grant


async def test_grants_are_read_by_person_and_state(site: Site) -> None:
    hers = await site.granted()
    other = await site.approve(await site.asked(PAULA), OLGA)
    assert [g.id for g in await site.access.grants(person=VERA.id)] == [hers.id]
    assert {g.id for g in await site.access.grants(states={GrantState.SCHEDULED})} == {hers.id, other.grant}
    assert await site.access.grants(states={GrantState.LIVE}) == []
    assert await site.access.may_see(PAULA, hers) is False
