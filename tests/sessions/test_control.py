"""Those who control: pause, resume, kill, message, extend, watch; and who may not."""

import asyncio
from datetime import timedelta

import pytest

from gateway.errors import NotFound, Refused
from gateway.policy.model import Action, Channel
from gateway.recording.model import Kind
from gateway.sessions.connection import Connection
from gateway.sessions.model import EndReason, NoticeKind, SessionEnded, SessionState
from tests.sessions.site import HOME, MINUTE, PLANT_NET, Site, listen

NOW = timedelta(0)
TERMINAL = (80, 24)


def kinds(heard) -> list[NoticeKind]:
    return [n.kind for n in heard.notices]


async def test_keys_typed_in_a_pause_are_discarded_counted_and_told_once(site: Site) -> None:
    connection, heard = await site.inside()
    stream = connection.open_stream("shell", {}, TERMINAL)
    assert stream.typed(b"ls\r")
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET, "crane moves")
    assert connection.session.state is SessionState.PAUSED
    assert heard.pauses == [True]
    assert not stream.typed(b"rm")
    assert not stream.typed(b" -rf /\r")
    stream.output(b"the target goes on")
    assert kinds(heard) == [NoticeKind.PAUSED, NoticeKind.DISCARDED]
    assert "Lena" in heard.notices[0].words
    assert "crane moves" in heard.notices[0].words
    await site.sessions.resume(connection.session.id, site.lena, PLANT_NET)
    assert kinds(heard)[-1] is NoticeKind.RESUMED
    assert heard.pauses == [True, False]
    assert stream.typed(b"x")
    (resumed,) = await site.events("session.input.resumed")
    assert resumed["discarded"] == len(b"rm -rf /\r")


async def test_a_commands_standard_input_is_held_back_in_a_pause_not_thrown_away(site: Site) -> None:
    connection, heard = await site.inside()
    stream = connection.open_stream("exec", {"command": "cat > plc.bin"}, None)
    assert stream.stdin(b"first")
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    assert not stream.stdin(b"second")
    assert NoticeKind.DISCARDED not in kinds(heard)
    await site.sessions.resume(connection.session.id, site.lena, PLANT_NET)
    assert stream.stdin(b"second")


async def test_a_signal_is_input_like_keys(site: Site) -> None:
    connection, _ = await site.inside()
    stream = connection.open_stream("exec", {}, None)
    assert stream.signal("INT")
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    assert not stream.signal("INT")


async def test_nothing_new_opens_in_a_pause(site: Site) -> None:
    connection, _ = await site.inside()
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    for attempt in (connection.permit(Channel.SHELL), connection.dial(), site.arrive()):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.code == "paused"
    with pytest.raises(Refused):
        connection.open_stream("shell", {}, TERMINAL)


async def test_pausing_twice_is_one_pause_and_a_resume_undoes_it(site: Site) -> None:
    connection, _ = await site.inside()
    for _ in range(2):
        await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    await site.sessions.resume(connection.session.id, site.omar, PLANT_NET)
    assert connection.session.state is SessionState.ACTIVE
    assert len(await site.events("session.input.paused")) == 1


@pytest.mark.parametrize("who", ["vera", "paul", "ada", "olga", "sam"])
async def test_whoever_is_neither_operator_nor_owner_controls_nothing(site: Site, who: str) -> None:
    connection, heard = await site.inside()
    actor, session = getattr(site, who), connection.session.id
    for attempt in (
        site.sessions.pause(session, actor, PLANT_NET),
        site.sessions.resume(session, actor, PLANT_NET),
        site.sessions.message(session, actor, "hello", PLANT_NET),
        site.sessions.extend(session, actor, site.proof(actor), 10 * MINUTE, "more"),
    ):
        with pytest.raises((Refused, NotFound)):
            await attempt
    if who != "sam":
        with pytest.raises(Refused):
            await site.sessions.kill(session, actor, PLANT_NET, "because")
    assert connection.session.state is SessionState.ACTIVE
    assert heard.notices == []
    assert len(await site.events("session.control.refused")) == (3 if who == "sam" else 4)


async def test_kill_tells_both_sides_why_and_seals_the_recording(site: Site) -> None:
    connection, heard = await site.inside()
    stream = connection.open_stream("shell", {}, TERMINAL)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm on line 4")
    (end,) = heard.ends
    assert (end.reason, end.actor) == (EndReason.KILLED, "lena")
    assert "alarm on line 4" in end.words
    assert not stream.typed(b"x")
    with pytest.raises(SessionEnded):
        stream.output(b"x")
    session = await site.sessions.get(connection.session.id)
    assert (session.state, session.end) == (SessionState.ENDED, end)
    (record,) = await site.events("session.visit.ended")
    assert (record["reason"], record["sealed"], record["actor"]) == ("killed", True, "lena")
    assert [e["event"] for e in await site.events("recording.closed", "session.visit.ended")] == [
        "recording.closed",
        "session.visit.ended",
    ]


async def test_kill_with_a_block_keeps_the_person_out(site: Site) -> None:
    connection, _ = await site.inside()
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "no", site.clock.now() + 60 * MINUTE)
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "blocked"
    (record,) = await site.events("session.visit.ended")
    assert record["reason"] == "killed"


async def test_a_second_kill_finds_nothing_and_the_first_reason_stays(site: Site) -> None:
    connection, heard = await site.inside()
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "first")
    with pytest.raises(Refused) as refused:
        await site.sessions.kill(connection.session.id, site.omar, PLANT_NET, "second")
    assert refused.value.code == "ended"
    assert len(heard.ends) == 1
    assert len(await site.events("session.visit.ended")) == 1


async def test_an_operator_ends_a_session_that_still_waits(site: Site) -> None:
    await site.grant()
    visit = await site.arrive()
    await site.sessions.kill(visit.session.id, site.lena, PLANT_NET, "not tonight")
    with pytest.raises(Refused) as refused:
        await visit.settled(MINUTE)
    assert "not tonight" in refused.value.words
    (record,) = await site.events("session.visit.ended")
    assert (record["reason"], record["seq"]) == ("killed", 0)
    assert not list(site.folder.glob("recordings/**/*.slg"))


async def test_a_message_reaches_every_connection_and_the_recording(site: Site) -> None:
    _, heard = await site.inside()
    other, heard_too = await site.enter()
    await site.sessions.message(other.session.id, site.lena, "Please save and leave.", PLANT_NET)
    assert "Lena says: Please save and leave." in heard.words()
    assert heard.notices == heard_too.notices
    assert len(await site.events("session.message.sent")) == 1


async def test_an_extension_moves_the_deadline_of_every_session_of_the_grant(site: Site) -> None:
    site.require(idle=60 * MINUTE)
    connection, heard = await site.inside(duration=30 * MINUTE)
    before = connection.deadline
    await site.tick(minutes=10)
    await site.sessions.ask_extension(connection.session.id, site.vera, 10 * MINUTE, "download runs")
    await site.sessions.extend(connection.session.id, site.omar, site.proof(site.omar), 10 * MINUTE, "fine")
    assert connection.deadline == before.later(10 * MINUTE)
    assert kinds(heard) == [NoticeKind.MESSAGE, NoticeKind.EXTENDED]
    await site.tick(minutes=25)
    assert connection.session.state is SessionState.ACTIVE
    stored = await site.sessions.get(connection.session.id)
    assert stored.deadline == connection.deadline
    assert len(await site.events("session.deadline.moved")) == 1


async def test_an_extension_given_to_the_grant_itself_reaches_the_session(site: Site) -> None:
    connection, heard = await site.inside(duration=30 * MINUTE)
    before, grant = connection.deadline, connection.session.grant
    assert grant
    await site.access.extend(grant, site.omar, site.proof(site.omar), 10 * MINUTE, "fine")
    await site.settle()
    assert connection.deadline == before.later(10 * MINUTE)
    assert kinds(heard) == [NoticeKind.EXTENDED]


async def test_a_stale_factor_extends_nothing(site: Site) -> None:
    connection, _ = await site.inside()
    before, old = connection.deadline, site.proof(site.omar)
    site.clock.advance(minutes=3)
    with pytest.raises(Refused):
        await site.sessions.extend(connection.session.id, site.omar, old, 10 * MINUTE, "fine")
    assert connection.deadline == before


async def test_only_the_person_in_the_session_asks_for_more_time(site: Site) -> None:
    connection, _ = await site.inside()
    with pytest.raises(NotFound):
        await site.sessions.ask_extension(connection.session.id, site.paul, MINUTE, "me too")


async def test_a_channel_needs_the_grant_and_the_policy_of_this_moment(site: Site) -> None:
    connection, _ = await site.inside(channels=frozenset({Channel.SHELL}))
    await connection.permit(Channel.SHELL)
    with pytest.raises(Refused) as refused:
        await connection.permit(Channel.EXEC)
    assert refused.value.code == "channel_not_granted"
    site.policy.closed = frozenset({Action.CHANNEL})
    with pytest.raises(Refused) as refused:
        await connection.permit(Channel.SHELL)
    assert refused.value.code == "forbidden"
    await site.settle()
    assert [e["channel"] for e in await site.events("session.channel.refused")] == ["exec", "shell"]


async def test_who_watches_sees_the_start_then_what_comes_and_it_is_on_record(site: Site) -> None:
    connection, _ = await site.inside()
    stream = connection.open_stream("shell", {}, TERMINAL)
    seen = []
    async with site.sessions.watch(connection.session.id, site.ada, PLANT_NET) as batches:
        async for batch in batches:
            seen += batch.records
            if not batch.fresh:
                break
            stream.output(b"$ hello")
    assert seen[0].kind == Kind.META
    assert seen[-1].payload == b"$ hello"
    await site.settle()
    assert [e["actor"] for e in await site.events("session.watch.began", "session.watch.ended")] == ["ada", "ada"]


@pytest.mark.parametrize("who", ["vera", "paul", "olga", "sam"])
async def test_who_may_not_watch_sees_nothing_and_that_is_on_record(site: Site, who: str) -> None:
    connection, _ = await site.inside()
    with pytest.raises(Refused):
        async with site.sessions.watch(connection.session.id, getattr(site, who), PLANT_NET):
            pytest.fail("he watches")
    assert len(await site.events("session.control.refused")) == 1


async def test_watching_ends_when_the_session_does(site: Site) -> None:
    connection, _ = await site.inside()
    async with (
        site.sessions.watch(connection.session.id, site.lena, PLANT_NET) as batches,
        asyncio.TaskGroup() as tasks,
    ):

        async def look() -> None:
            async for _ in batches:
                pass

        tasks.create_task(look())
        await asyncio.sleep(0)
        await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    assert len(await site.events("session.watch.ended")) == 1


async def test_an_observer_who_must_be_there_and_leaves_freezes_the_input_at_once(site: Site) -> None:
    site.require(observer=True)
    await site.release(await site.grant())
    visit = await site.arrive()
    async with site.sessions.watch(visit.session.id, site.lena, PLANT_NET):
        assert await visit.settled(NOW)
        connection, heard = listen(await visit.enter())
        stream = connection.open_stream("shell", {}, TERMINAL)
        assert stream.typed(b"a")
    assert not stream.typed(b"b")
    assert "nobody is watching" in heard.words()
    async with site.sessions.watch(visit.session.id, site.omar, PLANT_NET):
        assert stream.typed(b"c")
    await site.tick(seconds=59)
    assert connection.session.state is SessionState.PAUSED
    await site.tick(seconds=1)
    assert heard.ends[0].reason is EndReason.OBSERVER


async def test_an_operators_resume_does_not_undo_the_missing_observer(site: Site) -> None:
    site.require(observer=True)
    await site.release(await site.grant())
    visit = await site.arrive()
    async with site.sessions.watch(visit.session.id, site.lena, PLANT_NET):
        connection = await visit.enter()
        stream = connection.open_stream("shell", {}, TERMINAL)
        await site.sessions.pause(connection.session.id, site.omar, PLANT_NET)
    await site.sessions.resume(connection.session.id, site.omar, PLANT_NET)
    assert connection.session.state is SessionState.PAUSED
    assert not stream.typed(b"x")


async def test_a_front_that_fails_keeps_no_other_from_hearing_of_the_end(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    connection, _ = await site.inside()
    _, heard = await site.enter()

    def broken(_: object) -> None:
        raise RuntimeError("front is broken")

    connection.on_end = broken
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    assert len(heard.ends) == 1


async def test_a_front_that_listens_late_still_hears_of_the_end(site: Site) -> None:
    visit_grant = await site.grant()
    await site.release(visit_grant)
    connection: Connection = await (await site.arrive()).enter()
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    _, heard = listen(connection)
    assert len(heard.ends) == 1
    assert HOME not in heard.ends[0].words
