"""The door: who gets in, who waits for what, who is refused, and what he reads."""

import asyncio
from datetime import timedelta

import pytest

from gateway.access.model import ReleaseState
from gateway.errors import Conflict, Refused
from gateway.inventory.model import Protocol
from gateway.policy.model import Action
from gateway.sessions.model import EndReason, MenuState, SessionState, Waiting
from tests.sessions.site import ELSEWHERE, HOME, MINUTE, Site

NOW = timedelta(0)


async def test_without_a_grant_the_person_reads_how_to_ask(site: Site) -> None:
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "no_grant"
    assert "My access" in refused.value.words
    assert await site.sessions.live() == []
    (event,) = await site.events("session.arrival.refused")
    assert (event["actor"], event["reason"], event["source"]) == ("vera", "no_grant", HOME)


async def test_a_target_that_is_not_there_reads_like_one_without_a_grant(site: Site) -> None:
    with pytest.raises(Refused) as unknown:
        await site.arrive(target="nothing")
    with pytest.raises(Refused) as known:
        await site.arrive()
    assert unknown.value.code == known.value.code
    assert unknown.value.words.replace("nothing", "ews-l4") == known.value.words


async def test_the_story_from_request_to_shell_holds_for_approval_then_for_release(site: Site) -> None:
    request = await site.ask()
    visit = await site.arrive()
    assert not await visit.settled(NOW)
    assert visit.hold
    assert visit.hold.waiting is Waiting.APPROVAL
    assert "Omar" in visit.hold.words
    assert "Ctrl-C" in visit.hold.words
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(visit.settled(MINUTE))
        grant = await site.approve(request)
    assert not waiting.result()  # the hold has changed
    assert visit.hold.waiting is Waiting.RELEASE
    assert "the control room" in visit.hold.words
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(visit.settled(MINUTE))
        await site.release(grant)
    assert waiting.result()
    connection = await visit.enter()
    assert connection.session.state is SessionState.ACTIVE
    assert connection.session.seq == connection.number == 1
    assert await site.sessions.get(connection.session.id) == connection.session
    (release,) = await site.access.releases(grant.id)
    assert release.session == connection.session.id
    names = [e["event"] for e in await site.events()]
    order = ["session.visit.arrived", "session.hold.changed", "recording.opened", "session.visit.started"]
    assert [n for n in names if n in order] == [order[0], order[1], order[1], *order[2:]]


async def test_a_denial_ends_the_hold_with_its_reason(site: Site) -> None:
    request = await site.ask()
    visit = await site.arrive()
    assert not await visit.settled(NOW)
    await site.access.deny(request.id, site.omar, "not this week", "192.0.2.50")
    with pytest.raises(Refused) as refused:
        await visit.settled(MINUTE)
    assert "not this week" in refused.value.words
    session = await site.sessions.get(visit.session.id)
    assert session.state is SessionState.ENDED
    assert session.end
    assert session.end.reason is EndReason.POLICY


async def test_a_cancelled_request_ends_the_hold(site: Site) -> None:
    request = await site.ask()
    visit = await site.arrive()
    await site.access.cancel(request.id, site.vera, HOME)
    with pytest.raises(Refused) as refused:
        await visit.settled(MINUTE)
    assert "ask again" in refused.value.words


async def test_a_window_that_opens_soon_is_waited_for_and_a_later_one_is_not(site: Site) -> None:
    await site.grant(opens=20 * MINUTE)
    visit = await site.arrive()
    assert visit.hold
    assert visit.hold.waiting is Waiting.WINDOW
    assert "10:20 UTC" in visit.hold.words
    await site.tick(minutes=20)
    assert not await visit.settled(NOW)
    assert visit.hold.waiting is Waiting.RELEASE


async def test_a_window_that_opens_tomorrow_is_said_with_its_time(site: Site) -> None:
    await site.grant(opens=timedelta(hours=5))
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "not_open_yet"
    assert "15:00 UTC" in refused.value.words


async def test_a_hold_has_a_limit_of_its_own(site: Site) -> None:
    await site.ask()
    visit = await site.arrive()
    await site.tick(minutes=29)
    assert not await visit.settled(NOW)
    await site.tick(minutes=1)
    with pytest.raises(Refused) as refused:
        await visit.settled(MINUTE)
    assert refused.value.code == "hold_too_long"
    session = await site.sessions.get(visit.session.id)
    assert session.end
    assert session.end.reason is EndReason.EXPIRED


async def test_who_leaves_while_waiting_leaves_nothing_behind(site: Site) -> None:
    grant = await site.grant()
    visit = await site.arrive()
    await visit.leave()
    await site.settle()
    assert await site.sessions.live() == []
    assert len(site.sessions.registry) == 0
    await site.release(grant)
    assert (await site.access.releases(grant.id))[0].state is ReleaseState.ARMED
    with pytest.raises(Refused):
        await visit.enter()


async def test_a_second_connection_waits_with_the_first_and_joins_without_another_release(site: Site) -> None:
    grant = await site.grant()
    first, second = await site.arrive(), await site.arrive()
    assert first.session.id == second.session.id
    assert len(await site.sessions.live()) == 1
    await site.release(grant)
    assert await second.settled(NOW)
    assert await first.settled(NOW)
    one, two = await second.enter(), await first.enter()
    third, _ = await site.enter()
    assert [one.number, two.number, third.number] == [1, 2, 3]
    assert one.session == two.session == third.session
    assert one.deadline == third.deadline
    assert len(await site.access.releases(grant.id)) == 1
    await site.settle()
    assert [e["connection"] for e in await site.events("session.connection.joined")] == [2, 3]


async def test_who_comes_from_elsewhere_does_not_join(site: Site) -> None:
    site.require(concurrency=2)
    grant = await site.grant()
    await site.release(grant)
    await site.enter()
    visit = await site.arrive(source=ELSEWHERE)
    assert visit.hold
    assert visit.hold.waiting is Waiting.RELEASE  # a release of its own


async def test_another_person_does_not_join(site: Site) -> None:
    site.require(concurrency=2)
    connection, _ = await site.inside()
    await site.grant(site.paul)
    visit = await site.arrive(site.paul)
    assert visit.session.id != connection.session.id
    assert visit.hold


async def test_joining_ends_at_the_obligations_number(site: Site) -> None:
    site.require(connections=2)
    await site.inside()
    await site.enter()
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "too_many_connections"


async def test_joining_asks_for_the_second_factor_again_when_it_is_stale(site: Site) -> None:
    await site.inside()
    old = site.proofs(site.vera)
    site.clock.advance(minutes=16)
    with pytest.raises(Refused) as refused:
        await site.arrive(proofs=old)
    assert refused.value.code == "factor_stale"
    await site.enter()  # with a new code


async def test_only_one_person_works_on_a_target_that_takes_one(site: Site) -> None:
    await site.inside()
    await site.release(await site.grant(site.paul))
    with pytest.raises(Refused) as refused:
        await site.arrive(site.paul)
    assert refused.value.code == "busy"
    assert "Vera" not in refused.value.words


async def test_two_who_wait_for_one_target_do_not_both_start(site: Site) -> None:
    for person in (site.vera, site.paul):
        await site.grant(person)
    visits = [await site.arrive(person) for person in (site.vera, site.paul)]
    for grant in await site.access.grants():
        await site.release(grant)
    assert [await v.settled(NOW) for v in visits] == [True, True]
    outcomes = await asyncio.gather(*(v.enter() for v in visits), return_exceptions=True)
    assert sorted(type(o).__name__ for o in outcomes) == ["Connection", "Refused"]
    assert [s.state for s in await site.sessions.live()] == [SessionState.ACTIVE]


async def test_an_account_that_was_not_approved_is_refused_by_name(site: Site) -> None:
    await site.grant(account="engineer")
    with pytest.raises(Refused) as refused:
        await site.arrive(account="service")
    assert refused.value.code == "wrong_account"
    visit = await site.arrive()
    assert visit.session.account == "engineer"


async def test_a_blocked_person_is_refused_at_the_door(site: Site) -> None:
    await site.grant()
    await site.access.block(site.lena, "person", "vera", None, "alarm", "192.0.2.50")
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "blocked"


async def test_policy_is_asked_again_at_the_door(site: Site) -> None:
    await site.grant()
    site.policy.closed = frozenset({Action.CONNECT})
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert (refused.value.code, refused.value.rule) == ("forbidden", "test.closed")


async def test_a_conduit_that_was_closed_since_the_approval_refuses(site: Site) -> None:
    await site.grant()
    (conduit,) = await site.inventory.conduits()
    await site.inventory.change_conduit("sam", conduit, [Protocol.RDP])
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "no_conduit"


async def test_a_release_that_is_withdrawn_between_settled_and_enter_holds_again(site: Site) -> None:
    grant = await site.grant()
    visit = await site.arrive()
    release = await site.release(grant)
    assert await visit.settled(NOW)
    await site.access.withdraw(release.id, site.lena, "192.0.2.50")
    with pytest.raises(Conflict):
        await visit.enter()
    assert not await visit.settled(NOW)
    assert visit.hold
    assert visit.hold.waiting is Waiting.RELEASE
    await site.release(grant)
    assert await visit.settled(NOW)
    assert (await visit.enter()).session.state is SessionState.ACTIVE


async def test_an_expired_release_does_not_start_a_session(site: Site) -> None:
    grant = await site.grant()
    visit = await site.arrive()
    await site.release(grant)
    await site.tick(minutes=15)
    await site.access.sweep()
    assert not await visit.settled(NOW)


async def test_a_release_that_the_policy_obliges_only_since_this_moment_is_not_skipped(site: Site) -> None:
    site.require(release=False)
    await site.grant()  # it froze that it needs none, so only the start itself can still notice
    visit = await site.arrive()
    assert await visit.settled(NOW)
    site.require(release=True)
    with pytest.raises(Conflict):
        await visit.enter()
    assert not await visit.settled(NOW)
    assert visit.hold
    assert visit.hold.waiting is Waiting.RELEASE
    assert await site.events("session.visit.started") == []
    assert list((site.folder / "recordings").glob("*.slg")) == []


async def test_a_person_who_must_be_watched_waits_for_an_observer(site: Site) -> None:
    site.require(observer=True)
    await site.release(await site.grant())
    visit = await site.arrive()
    assert visit.hold
    assert visit.hold.waiting is Waiting.OBSERVER
    async with site.sessions.watch(visit.session.id, site.ada, "192.0.2.50"):
        assert not await visit.settled(NOW)  # an auditor cannot act, so he does not count
    async with site.sessions.watch(visit.session.id, site.lena, "192.0.2.50"):
        assert await visit.settled(NOW)
        assert (await visit.enter()).session.state is SessionState.ACTIVE


async def test_the_menu_names_what_one_can_do_and_nothing_else(site: Site) -> None:
    async def state(person) -> list:
        return [(line.target, line.state) for line in await site.sessions.menu(person)]

    assert await state(site.vera) == [("ews-l4", MenuState.MAY_ASK)]
    assert await state(site.ada) == []
    request = await site.ask()
    assert await state(site.vera) == [("ews-l4", MenuState.WAITING)]
    grant = await site.approve(request)
    assert await state(site.vera) == [("ews-l4", MenuState.HOLDS)]
    await site.release(grant)
    assert await state(site.vera) == [("ews-l4", MenuState.READY)]
    await site.enter()
    assert await state(site.vera) == [("ews-l4", MenuState.READY)]


async def test_freshness_is_the_policys_and_zero_for_what_is_not_there(site: Site) -> None:
    assert await site.sessions.freshness(site.vera, "ews-l4", Protocol.SSH) == 15 * MINUTE
    assert await site.sessions.freshness(site.vera, "nothing", Protocol.SSH) == timedelta(0)
    assert await site.sessions.freshness(site.ada, "ews-l4", Protocol.SSH) == timedelta(0)
