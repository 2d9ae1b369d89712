"""Files at the session core: recorded before they pass, still in a pause, and in the ledger whatever happens."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from gateway.errors import GatewayError, Refused, StoreUnavailable
from gateway.limits import FILES_UNWRITTEN
from gateway.policy.model import FILE_CHANNELS, Action, Channel, OnRecorderFailure
from gateway.recording.model import Kind
from gateway.sessions import sql_files
from gateway.sessions.files import Line, Passed
from gateway.sessions.model import EndReason, RecorderStalled, SessionEnded
from gateway.sessions.sql_files import Sought
from gateway.sftp.ledger import FileEntry
from gateway.store.db import Tx
from tests.sessions.site import PLANT_NET, SHELL_AND_EXEC, Site
from tests.sessions.test_faults import Outage, disk_of

FILES = frozenset({Channel.SHELL, Channel.SFTP_READ, Channel.SFTP_WRITE})


def a_file(number: int = 1, **said) -> FileEntry:
    """What the codec says of a file."""
    usual = {
        "way": "upload", "path": "/srv/in/plc.zip", "octets": 4, "ranges": ((0, 4),), "sha256": "ab" * 32,
        "partial": False, "verdict": "passed",
    }  # fmt: skip
    return FileEntry(number, **{**usual, **said})


async def transfer(site: Site, **wanted):
    connection, heard = await site.inside(channels=wanted.pop("channels", FILES), **wanted)
    await connection.permit(Channel.SFTP_WRITE)
    return connection, heard, connection.open_stream("sftp", {})


async def ledger(site: Site, **sought) -> list[Line]:
    async with site.store.read() as tx:
        return await sql_files.find(tx, Sought(**sought), 100_000)


async def test_a_file_that_passed_is_in_the_ledger_the_log_and_the_recording(site: Site) -> None:
    connection, _, stream = await transfer(site)
    assert stream.asked({"request": "open", "path": "/srv/in/plc.zip"})
    assert stream.block(1, 1, 0, 4)
    site.clock.advance(seconds=3)
    stream.filed(a_file())
    await site.sessions.keeper.persist_files()
    (line,) = await ledger(site)
    said = line.passed
    assert (said.person, said.target, said.session) == ("vera", "ews-l4", connection.session.id)
    assert (said.path, said.sha256, said.ranges, said.verdict) == ("/srv/in/plc.zip", "ab" * 32, ((0, 4),), "passed")
    assert said.closed - said.opened == timedelta(seconds=3)
    (event,) = await site.events("session.file.passed")
    assert (event["file"], event["sha256"], event["actor"]) == (said.id, "ab" * 32, "vera")
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    found = (await site.recordings.records(connection.session.id, actor="ada")).records
    entry = [v for r in found if r.kind == Kind.FILE and (v := json.loads(r.payload))["of"] == "entry"]
    assert [(e["id"], e["path"]) for e in entry] == [(said.id, "/srv/in/plc.zip")]


async def test_in_a_pause_no_file_moves_and_nothing_of_it_is_lost(site: Site) -> None:
    """Attack: the transfer that was begun goes on behind a pause."""
    connection, heard, stream = await transfer(site)
    disk = disk_of(site, connection)
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    before = disk.written
    assert not stream.asked({"request": "remove"})
    assert not stream.block(1, 1, 0, 4)
    for way in (lambda: stream.block(2, 0, 0, 4), lambda: stream.answered({"status": 0})):
        with pytest.raises(RecorderStalled):
            way()
    assert not stream.carried(0, 5)
    assert not stream.carried(5, 0)
    assert disk.written == before
    assert "discarded" not in heard.words()
    with pytest.raises(Refused, match="paused"):
        await connection.permit(Channel.SFTP_READ)
    await site.sessions.resume(connection.session.id, site.lena, PLANT_NET)
    assert heard.pauses == [True, False]
    assert stream.block(1, 1, 0, 4)
    assert stream.block(2, 0, 0, 4)
    stream.answered({"status": 0})


async def test_a_part_that_cannot_be_recorded_is_not_delivered_either_way(site: Site) -> None:
    site.require(on_recorder_failure=OnRecorderFailure.END)
    connection, heard, stream = await transfer(site)
    disk_of(site, connection).full = True
    with pytest.raises(SessionEnded):
        stream.block(1, 0, 0, 4)
    assert not stream.block(1, 1, 0, 4)
    assert not stream.asked({})
    assert [end.reason for end in heard.ends] == [EndReason.RECORDER]


async def test_what_was_open_when_the_session_was_cut_is_in_the_ledger_before_its_end(site: Site) -> None:
    """Attack 40: what had passed before the kill is nowhere on record."""
    connection, _, stream = await transfer(site)
    assert stream.block(1, 1, 0, 2)
    connection.on_end = lambda _: stream.filed(a_file(octets=2, sha256="", partial=True, verdict="partial"))
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    (line,) = await ledger(site)
    assert (line.passed.verdict, line.passed.octets) == ("partial", 2)
    names = [e.name for e in await site.log("session.file.passed", "session.visit.ended")]
    assert names == ["session.file.passed", "session.visit.ended"]


async def test_an_entry_that_comes_after_the_end_was_written_is_kept_all_the_same(site: Site) -> None:
    connection, _, stream = await transfer(site)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    stream.filed(a_file())
    await site.sessions.keeper.persist_files()
    assert [line.passed.path for line in await ledger(site)] == ["/srv/in/plc.zip"]
    assert site.sessions.registry.with_files() == []


async def test_while_the_store_is_away_entries_wait_and_none_is_written_twice(site: Site) -> None:
    _, _, stream = await transfer(site)
    outage = Outage(site.store)
    outage.away = True
    for number in range(3):
        stream.filed(a_file(number))
        await site.sessions.keeper.persist_files()
    outage.away = False
    await site.sessions.keeper.persist_files()
    await site.settle()
    assert [line.passed.number for line in await ledger(site)] == [2, 1, 0]
    assert len(await site.events("session.file.passed")) == 3


async def test_lines_of_one_session_that_cannot_be_written_keep_no_other_s_from_the_ledger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.require(concurrency=2)
    first, _, stream = await transfer(site)
    stream.filed(a_file(1))
    _, _, other = await transfer(site, person=site.paul)
    other.filed(a_file(2))
    enter = site.sessions.keeper._enter

    async def troubled(tx: Tx, lines: Sequence[Passed]) -> None:
        if any(line.session == first.session.id for line in lines):
            raise GatewayError("trouble")
        await enter(tx, lines)

    monkeypatch.setattr(site.sessions.keeper, "_enter", troubled)
    await site.settle()
    await site.sessions.keeper.persist_files()
    assert [line.passed.number for line in await ledger(site)] == [2]
    monkeypatch.undo()
    await site.sessions.keeper.persist_files()
    assert [line.passed.number for line in await ledger(site)] == [1, 2]


async def test_more_entries_than_can_wait_end_the_session_and_none_is_lost(site: Site) -> None:
    """Attack: files by the thousand while the store is slow, so that the ledger loses some."""
    connection, heard, stream = await transfer(site)
    for number in range(FILES_UNWRITTEN + 5):
        stream.filed(a_file(number))
    assert [end.reason for end in heard.ends] == [EndReason.GATEWAY]
    assert not stream.block(1, 1, 0, 1)
    await site.settle()
    assert len(await ledger(site, session=connection.session.id)) == FILES_UNWRITTEN + 5


async def test_the_ledger_is_searched_by_what_one_knows_of_a_file(site: Site) -> None:
    _, _, stream = await transfer(site)
    stream.filed(a_file(1, path="/srv/in/100%_plc.zip"))
    site.clock.advance(seconds=10)
    stream.filed(a_file(2, way="download", path="/var/log/1000_plc.txt", sha256="cd" * 32, verdict="partial"))
    await site.sessions.keeper.persist_files()
    later = site.clock.now() - timedelta(seconds=5)
    for sought, numbers in [
        ({}, [2, 1]),
        ({"path": "0%_plc"}, [1]),
        ({"sha256": "cd" * 32}, [2]),
        ({"verdict": "partial"}, [2]),
        ({"since": later}, [2]),
        ({"until": later}, [1]),
        ({"person": "vera", "target": "ews-l4"}, [2, 1]),
        ({"person": "paul"}, []),
        ({"targets": frozenset({"ews-l4"})}, [2, 1]),
        ({"targets": frozenset[str]()}, []),
        ({"before": (await ledger(site))[0].place}, [1]),
    ]:
        assert [line.passed.number for line in await ledger(site, **sought)] == numbers, sought


async def test_an_operation_that_was_not_asked_for_is_refused_and_on_record(site: Site) -> None:
    """Attack: the approval was for reading."""
    connection, _ = await site.inside(channels=frozenset({Channel.SHELL, Channel.SFTP_READ}))
    await connection.permit(Channel.SFTP_READ)
    for channel in FILE_CHANNELS - {Channel.SFTP_READ}:
        assert not connection.allowed(channel)
        with pytest.raises(Refused, match=f"does not include “{channel}”"):
            await connection.permit(channel)
    assert connection.allowed(Channel.SFTP_READ)
    await site.settle()
    refused = {e["channel"] for e in await site.events("session.channel.refused")}
    assert refused == FILE_CHANNELS - {Channel.SFTP_READ}


async def test_a_policy_that_closes_a_channel_closes_it_in_sessions_that_run(site: Site) -> None:
    connection, _, _ = await transfer(site)
    site.require(channels=SHELL_AND_EXEC)
    assert connection.allowed(Channel.SFTP_WRITE)  # as the session began
    site.policy.closed = frozenset({Action.CHANNEL})
    with pytest.raises(Refused, match="forbids"):
        await connection.permit(Channel.SFTP_WRITE)


async def test_a_download_is_no_idleness(site: Site) -> None:
    site.require(idle=timedelta(minutes=5))
    _, heard, stream = await transfer(site)
    for _ in range(4):
        await site.tick(minutes=4)
        assert stream.block(1, 0, 0, 4)
    assert not heard.ends
    await site.tick(minutes=6)
    assert [end.reason for end in heard.ends] == [EndReason.IDLE]


async def test_no_store_at_all_keeps_an_entry_for_the_next_time(site: Site) -> None:
    connection, _, stream = await transfer(site)
    outage = Outage(site.store)
    stream.filed(a_file())
    outage.away = True
    with pytest.raises(StoreUnavailable):
        await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    outage.away = False
    await site.settle()
    assert len(await ledger(site)) == 1


async def test_a_revoked_approval_ends_transfers_at_once_and_opens_nothing_new_41(site: Site) -> None:
    connection, heard, stream = await transfer(site)
    assert stream.block(1, 1, 0, 4)
    await site.access.revoke(connection.session.grant, site.omar, "enough", PLANT_NET)
    assert [end.reason for end in heard.ends] == [EndReason.REVOKED]
    assert not stream.block(1, 1, 4, 4)
    assert not stream.asked({})
    for way in (lambda: stream.block(1, 0, 0, 4), lambda: stream.answered({})):
        with pytest.raises(SessionEnded):
            way()
    for call in (connection.permit(Channel.SFTP_WRITE), connection.dial()):
        with pytest.raises(Refused):
            await call
    with pytest.raises(Refused):
        connection.spool()
    with pytest.raises(Refused):
        connection.open_stream("sftp", {})


async def test_a_crash_loses_no_line_that_was_recorded_and_doubles_none(site: Site) -> None:
    """Attack 40: kill -9 in the second between the file and the ledger."""
    connection, _, stream = await transfer(site)
    stream.filed(a_file(1))
    await site.sessions.keeper.persist_files()
    stream.filed(a_file(2, path='/srv/"of":"entry"'))
    stream.filed(a_file(3, way="download", ranges=((0, 2), (5, 7)), sha256="", partial=True, verdict="partial"))
    before = list(connection._live.files)
    await site.restart().recover()
    lines = await ledger(site, session=connection.session.id)
    assert [line.passed.number for line in lines] == [3, 2, 1]
    assert [line.passed for line in lines[:2]] == before[::-1]
    assert len(await site.events("session.file.passed")) == 3
    await site.restart().recover()
    assert len(await ledger(site)) == 3


async def test_without_a_replay_key_a_crash_costs_the_last_second_of_the_ledger_and_not_the_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, stream = await transfer(site)
    stream.filed(a_file(1))
    sessions = site.restart()
    monkeypatch.setattr(site.recordings, "_replay", None)
    await sessions.recover()
    assert await ledger(site) == []
    assert await sessions.live() == []


@pytest.mark.parametrize("path", ["/srv/\ud800", "/srv/\x1b[2J", "/srv/\u202egnp.exe", "/srv/" + "n" * 4096, ""])
async def test_whatever_a_file_is_called_it_is_recorded_and_in_the_ledger(site: Site, path: str) -> None:
    """Attack: a name that no database takes, so that the session's end is never written."""
    connection, _, stream = await transfer(site)
    assert stream.asked({"path": path})
    stream.answered({"path": path})
    stream.filed(a_file(path=path, words=path))
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    (line,) = await ledger(site)
    assert line.passed.path.isprintable()
    found = (await site.recordings.records(connection.session.id, actor="ada")).records
    assert sum(r.kind == Kind.FILE for r in found) == 3
