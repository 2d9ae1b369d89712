"""Recordings as sessions use them: opened, closed, recovered, with the audit log beside them."""

import pytest

from gateway.audit import sql as audit_sql
from gateway.audit.log import AuditLog
from gateway.errors import Invalid
from gateway.ids import SessionId
from gateway.recording.model import RecordingState
from gateway.recording.service import Recordings
from gateway.recording.writer import Recorder
from gateway.store.db import Store
from tests.recording.conftest import Keys
from tests.sim.clock import SimulatedClock


async def opened(recordings: Recordings, store: Store, session: str = "ses_a") -> Recorder:
    async with store.write() as tx:
        return await recordings.open(
            tx, session=SessionId(session), person="vera", target="ews-l4", protocol="ssh", meta={"grant": "grt_x"}
        )


async def closed(recordings: Recordings, store: Store, recorder: Recorder) -> None:
    async with store.write() as tx:
        await recordings.close(tx, recorder)


async def events(store: Store) -> list[dict[str, object]]:
    async with store.read() as tx:
        return [e.values() for e in await audit_sql.read(tx)]


async def test_a_recording_is_in_the_log_from_its_first_frame_to_its_last(recordings: Recordings, store: Store) -> None:
    recorder = await opened(recordings, store)
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    tape.output(b"$ ")
    tape.close(0)
    await closed(recordings, store, recorder)
    row = await recordings.get(SessionId("ses_a"))
    assert row.state is RecordingState.SEALED
    first, last = await events(store)
    assert (first["event"], last["event"]) == ("recording.opened", "recording.closed")
    assert (last["seq"], last["frames"]) == (1, row.frames)


async def test_numbers_have_no_gap_when_a_session_does_not_begin(recordings: Recordings, store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with store.write() as tx:
            lost = await recordings.open(
                tx, session=SessionId("ses_a"), person="vera", target="ews-l4", protocol="ssh", meta={}
            )
            raise RuntimeError
    lost.abandon()
    assert not lost.path.exists()
    assert (await opened(recordings, store, "ses_b")).seq == 1
    assert (await opened(recordings, store, "ses_c")).seq == 2


async def test_a_recipient_that_does_not_parse_refuses_the_start(
    store: Store, audit: AuditLog, clock: SimulatedClock, keys: Keys, tmp_path
) -> None:
    with pytest.raises(Invalid, match="age public key"):
        Recordings(store, audit, clock, keys, ["age1nonsense"], tmp_path / "r", "plant")
    with pytest.raises(Invalid, match="nobody could open"):
        Recordings(store, audit, clock, Keys(keys.signing, None), [], tmp_path / "r", "plant")


async def test_heads_of_live_recordings_go_into_the_log_once_they_moved(recordings: Recordings, store: Store) -> None:
    """Also of one whose row somebody changed: it must not silence the others."""
    from sqlalchemy import update

    from gateway.recording.model import Kind
    from gateway.recording.sql import recordings as table

    first, second = await opened(recordings, store, "ses_a"), await opened(recordings, store, "ses_b")
    await recordings.heads()
    assert [e["event"] for e in await events(store)] == ["recording.opened"] * 2
    async with store.write() as tx:
        await tx.execute(update(table).where(table.c.seq == 1).values(state="sealed"))
    for recorder in (first, second):
        recorder.record(Kind.NOTICE, 0, b"{}")
    await recordings.heads()
    await recordings.heads()
    heads = [(e["seq"], e["frames"]) for e in await events(store) if e["event"] == "recording.head"]
    assert heads == [(1, first.head.frames), (2, second.head.frames)]
    for recorder in (first, second):
        recorder.drop()
