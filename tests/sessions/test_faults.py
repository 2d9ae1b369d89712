"""What fails: recorder, store, process. Closed every time, and told."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway.errors import RecorderFailed, Refused, StoreUnavailable
from gateway.policy.model import OnRecorderFailure
from gateway.recording.model import RecordingState
from gateway.sessions.model import EndReason, NoticeKind, RecorderStalled, SessionEnded, SessionState
from tests.sessions.site import MINUTE, PLANT_NET, Site, listen

TERMINAL = (80, 24)


class Disk:
    """Makes a recorder fail on demand: what it is given is in no file then."""

    def __init__(self, recorder) -> None:
        self.full, self.written, self._write = False, 0, recorder.write
        recorder.write = self.write

    def write(self, stream, *records) -> None:
        if self.full:
            raise RecorderFailed("recording: no space left on device")
        self._write(stream, *records)
        self.written += 1


class Outage:
    """A store that is away, on demand."""

    def __init__(self, store) -> None:
        self.away, self._write, self._read = False, store.write, store.read
        store.write, store.read = self.write, self.read

    @asynccontextmanager
    async def write(self):
        if self.away:
            raise StoreUnavailable("gone")
        async with self._write() as tx:
            yield tx

    @asynccontextmanager
    async def read(self):
        if self.away:
            raise StoreUnavailable("gone")
        async with self._read() as tx:
            yield tx


def disk_of(site: Site, connection) -> Disk:
    live = site.sessions.registry.get(connection.session.id)
    assert live
    assert live.recorder
    return Disk(live.recorder)


async def test_a_session_that_cannot_be_recorded_does_not_start_and_its_release_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = await site.grant()
    await site.release(grant)

    async def broken(*_, **__):
        raise RecorderFailed("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(site.recordings, "open", broken)
        visit = await site.arrive()
        with pytest.raises(Refused) as refused:
            await visit.enter()
    assert refused.value.code == "recorder"
    await site.settle()
    session = await site.sessions.get(visit.session.id)
    assert (session.state, session.seq) == (SessionState.ENDED, 0)
    connection, _ = await site.enter()  # the release is still there
    assert connection.session.seq == 1


async def test_a_transaction_that_fails_leaves_no_recording_no_row_and_an_armed_release(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = await site.grant()
    await site.release(grant)
    visit = await site.arrive()

    async def broken(*_):
        raise Refused("grant_changed", "It was changed.")

    with monkeypatch.context() as patch:
        patch.setattr(site.access, "start", broken)
        with pytest.raises(Refused):
            await visit.enter()
    assert not list(site.folder.glob("recordings/**/*.slg"))
    assert await site.events("recording.opened", "session.visit.started") == []
    await site.settle()
    connection, _ = await site.enter()
    assert connection.session.seq == 1  # no gap


async def test_abuse_80_a_recorder_that_fails_midway_ends_the_session_and_delivers_nothing(site: Site) -> None:
    connection, heard = await site.inside()
    other, heard_too = await site.enter()
    stream, shell = connection.open_stream("exec", {}, None), other.open_stream("shell", {}, TERMINAL)
    disk = disk_of(site, connection)
    stream.output(b"recorded")
    disk.full = True
    with pytest.raises(SessionEnded):
        stream.output(b"never")
    assert heard.ends[0].reason is EndReason.RECORDER
    assert heard_too.ends == heard.ends
    assert not shell.typed(b"x")
    await site.settle()
    (end,) = await site.events("session.visit.ended")
    assert (end["reason"], end["actor"]) == ("recorder", "recorder")
    assert (await site.sessions.get(connection.session.id)).state is SessionState.ENDED


async def test_abuse_80_keys_that_cannot_be_recorded_do_not_reach_the_target(site: Site) -> None:
    connection, heard = await site.inside()
    stream = connection.open_stream("exec", {}, None)
    disk = disk_of(site, connection)
    disk.full = True
    assert not stream.stdin(b"x")
    assert len(heard.ends) == 1


async def test_abuse_80_a_recorder_that_gives_up_by_itself_ends_the_session(site: Site) -> None:
    connection, heard = await site.inside()
    disk = disk_of(site, connection)
    disk.full = True
    live = site.sessions.registry.get(connection.session.id)
    live.recorder.on_failed()
    assert heard.ends[0].reason is EndReason.RECORDER


async def test_where_the_obligation_says_pause_the_session_waits_for_its_recorder_and_loses_nothing(
    site: Site,
) -> None:
    site.require(on_recorder_failure=OnRecorderFailure.PAUSE)
    connection, heard = await site.inside()
    stream = connection.open_stream("exec", {}, None)
    disk = disk_of(site, connection)
    disk.full = True
    with pytest.raises(RecorderStalled):
        stream.output(b"kept by the front")
    assert heard.pauses == [True]
    assert connection.session.state is SessionState.PAUSED
    assert not stream.stdin(b"x")
    await site.tick(seconds=30)
    assert heard.pauses == [True]
    disk.full = False
    await site.tick(seconds=1)
    assert heard.pauses == [True, False]
    stream.output(b"kept by the front")
    assert [n.kind for n in heard.notices] == [NoticeKind.RESUMED]


async def test_a_recorder_that_does_not_come_back_ends_the_session_in_the_end(site: Site) -> None:
    site.require(on_recorder_failure=OnRecorderFailure.PAUSE)
    connection, heard = await site.inside()
    stream = connection.open_stream("exec", {}, None)
    disk_of(site, connection).full = True
    with pytest.raises(RecorderStalled):
        stream.output(b"x")
    await site.tick(minutes=5)
    assert heard.ends[0].reason is EndReason.RECORDER


async def test_fault_4_a_full_disk_of_one_session_touches_no_other(site: Site) -> None:
    site.require(concurrency=2)
    mine, heard = await site.inside()
    other, heard_other = await site.inside(site.paul)
    disk_of(site, mine).full = True
    with pytest.raises(Refused) as refused:
        mine.open_stream("exec", {}, None)
    assert refused.value.code == "recorder"
    assert heard.ends
    assert heard_other.ends == []
    other.open_stream("exec", {}, None).output(b"y")


async def test_fault_3_no_store_no_entry(site: Site) -> None:
    await site.release(await site.grant())
    outage = Outage(site.store)
    outage.away = True
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "unavailable"
    outage.away = False
    visit = await site.arrive()
    outage.away = True
    with pytest.raises(Refused):
        await visit.enter()
    outage.away = False
    await site.settle()
    assert await site.sessions.live() == []


async def test_fault_3_a_store_that_is_silent_ends_the_session_within_five_seconds_and_gets_the_record_later(
    site: Site,
) -> None:
    connection, heard = await site.inside()
    await site.tick(seconds=1)
    outage = Outage(site.store)
    outage.away = True
    for _ in range(5):
        site.clock.advance(seconds=1)
        with pytest.raises(StoreUnavailable):
            await site.sessions.keeper.beat()
        site.sessions.sweep.tick()
    assert heard.ends[0].reason is EndReason.GATEWAY
    await site.sessions.keeper.persist_all()
    outage.away = False
    await site.settle()
    session = await site.sessions.get(connection.session.id)
    assert session.state is SessionState.ENDED
    assert len(await site.events("session.visit.ended")) == 1


async def test_a_kill_is_effective_although_the_store_is_away(site: Site) -> None:
    connection, heard = await site.inside()
    outage = Outage(site.store)
    outage.away = True
    with pytest.raises(StoreUnavailable):
        await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    assert heard.ends[0].reason is EndReason.KILLED
    outage.away = False
    await site.settle()
    (end,) = await site.events("session.visit.ended")
    assert end["reason"] == "killed"


async def test_a_start_that_is_cancelled_in_mid_transaction_leaves_nothing_running(site: Site) -> None:
    """The vendor hangs up in the instant of the start; whether it committed or not, the row ends."""
    grant = await site.grant()
    await site.release(grant)
    visit = await site.arrive()
    original, reached = site.access.start, asyncio.Event()

    async def slow(*args):
        started = await original(*args)
        reached.set()
        await asyncio.Event().wait()
        return started

    site.access.start = slow
    async with asyncio.TaskGroup() as tasks:
        entering = tasks.create_task(visit.enter())
        await reached.wait()
        entering.cancel()
    site.access.start = original
    await site.settle()
    session = await site.sessions.get(visit.session.id)
    assert (session.state, session.seq) == (SessionState.ENDED, 0)
    assert not list(site.folder.glob("recordings/**/*.slg"))
    connection, _ = await site.enter()
    assert connection.session.seq == 1


async def test_fault_6_after_kill_9_every_session_has_an_end_and_every_recording_is_sealed(site: Site) -> None:
    connection, _ = await site.inside()
    connection.open_stream("exec", {}, None).output(b"delivered")
    await site.grant(site.paul)
    site.require(concurrency=2)
    held = await site.arrive(site.paul)
    sessions = site.restart()
    await sessions.recover()
    for session in (connection.session.id, held.session.id):
        found = await sessions.get(session)
        assert found.state is SessionState.ENDED
        assert found.end
        assert found.end.reason is EndReason.GATEWAY
    assert await sessions.live() == []
    assert len(await site.events("session.visit.ended")) == 2
    recording = await site.recordings.get(connection.session.id)
    assert recording.state is RecordingState.RECOVERED
    await sessions.recover()
    assert len(await site.events("session.visit.ended")) == 2


async def test_after_a_restart_time_is_not_given_back(site: Site) -> None:
    connection, _ = await site.inside(duration=30 * MINUTE)
    before = connection.deadline
    site.clock.advance(minutes=10)
    sessions = site.restart()
    await sessions.recover()
    assert connection.session.grant
    await site.release(await site.access.grant(connection.session.grant))
    again, _ = listen(await (await site.arrive()).enter())
    assert again.deadline == before
    assert again.session.seq == 2


async def test_stop_ends_and_seals_everything_and_lets_nobody_in(site: Site) -> None:
    connection, heard = await site.inside()
    await site.sessions.stop()
    assert heard.ends[0].reason is EndReason.GATEWAY
    assert (await site.sessions.get(connection.session.id)).state is SessionState.ENDED
    with pytest.raises(Refused):
        await site.arrive()


async def test_run_writes_what_was_decided_and_ends_with_stop(site: Site) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(site.sessions.run())
        connection, heard = await site.inside()
        closed = asyncio.Event()
        connection.on_end = lambda end: (heard.ends.append(end), closed.set())
        site.clock.advance(hours=3)
        await closed.wait()
        with site.audit.hub.subscribe() as events:
            while (await site.sessions.get(connection.session.id)).state is not SessionState.ENDED:
                await events.next()
        await site.sessions.stop()
    assert heard.ends[0].reason is EndReason.EXPIRED
