"""After a crash: nothing delivered is lost, the tail is sealed as UNCLEAN, and recovery signs nothing it should not."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.audit.log import AuditLog
from gateway.errors import RecorderFailed
from gateway.ids import SessionId
from gateway.recording import chain as chain_module
from gateway.recording.format import Broken
from gateway.recording.frames import Walk
from gateway.recording.model import Kind, RecordingState
from gateway.recording.reader import Player
from gateway.recording.recovery import Evidence, recover
from gateway.recording.service import Recordings
from gateway.recording.verify import check_file
from gateway.recording.writer import Recorder
from gateway.store.db import Store
from tests.recording.conftest import Keys
from tests.recording.test_service import closed, events, opened
from tests.sim.clock import SimulatedClock

KILLS = 20
WRITERS = """
import os, secrets, signal, sys
from pathlib import Path
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway.clock import SystemClock
from tests.recording.conftest import Keys, record_to
keys = Keys(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), pyrage.x25519.Identity.from_str(sys.argv[2]))

def write(path, deliver):
    recorder = record_to(path, SystemClock(), keys)
    os.write(deliver, f"{recorder.head.frames} {recorder.head.h.hex()}\\n".encode())
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    n = 0
    while True:
        tape.output(b"%d\\r\\n" % n + bytes(n % 700))
        os.write(deliver, b"%d\\n" % n)
        n += 1

for run in range(int(sys.argv[3])):
    source, deliver = os.pipe()
    child = os.fork()
    if child == 0:
        write(Path(sys.argv[1]) / f"{run}.slg", deliver)
    os.close(deliver)
    with os.fdopen(source) as lines:
        head = lines.readline().strip()
        for _ in range(secrets.randbelow(600) + 1):
            lines.readline()
        os.kill(child, signal.SIGKILL)
        rest = lines.read().rpartition("\\n")[0].splitlines()
    os.waitpid(child, 0)
    print(run, head, rest[-1] if rest else 0)
"""


def crash(recordings: Recordings, recorder: Recorder) -> None:
    """The process dies: the file is let go as it is, and a new process knows nothing."""
    recorder.drop()


@pytest.fixture
def restarted(store: Store, audit: AuditLog, clock: SimulatedClock, keys: Keys, tmp_path: Path) -> Recordings:
    return Recordings(store, audit, clock, keys, [], tmp_path / "recordings", "plant")


@pytest.mark.slow
def test_a_writer_that_is_killed_twenty_times_loses_nothing_that_it_delivered(
    tmp_path: Path, keys: Keys, clock: SimulatedClock
) -> None:
    run = [sys.executable, "-c", WRITERS, str(tmp_path), str(keys.replay), str(KILLS)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=100)
    for number, frames, h, delivered in (line.split() for line in done.stdout.splitlines()):
        path = tmp_path / f"{number}.slg"
        outcome = recover(path, 1, Evidence("ses_1", {int(frames): bytes.fromhex(h)}), keys.signing, clock.now())
        assert not outcome.clean
        result = check_file(path, [keys.signing.public_key()])
        assert (result.findings, result.ends) == ([], "R")
        with Player.open(path, keys.replay) as player:
            recorded = [int(r.payload.split(b"\r")[0]) for r in player.records() if r.kind == Kind.OUTPUT]
        assert recorded == list(range(len(recorded)))
        assert recorded[-1] >= int(delivered)
    assert len(done.stdout.splitlines()) == KILLS


async def test_a_crashed_session_is_sealed_at_the_next_start_and_says_unclean(
    recordings: Recordings, restarted: Recordings, store: Store
) -> None:
    recorder = await opened(recordings, store)
    recorder.open_tape({"kind": "shell"}, (80, 24)).output(b"$ ")
    with recorder.path.open("ab") as file:
        file.write(b"\0\0\1\0D half a frame")
    crash(recordings, recorder)
    await restarted.recover()
    row = await restarted.get(SessionId("ses_a"))
    assert row.state is RecordingState.RECOVERED
    last = (await events(store))[-1]
    assert (last["event"], last["clean"], last["dropped"]) == ("recording.recovered", False, 18)
    verification = await restarted.verification(SessionId("ses_a"))
    assert verification.verdict == "unclean"
    assert any("UNCLEAN" in f.words for f in verification.findings)


async def test_a_sealed_recording_that_was_cut_is_not_sealed_again(
    recordings: Recordings, restarted: Recordings, store: Store
) -> None:
    """Recovery is a signing oracle: it must not bless what the log has as closed, whatever the table says."""
    recorder = await opened(recordings, store)
    for n in range(5):
        recorder.record(Kind.OUTPUT, 1, b"%d" % n)
    await closed(recordings, store, recorder)
    with recorder.path.open("rb") as file:
        ends = [f.end for f in Walk(file)]
    os.truncate(recorder.path, ends[4])
    cut = recorder.path.read_bytes()
    from sqlalchemy import update

    from gateway.recording.sql import recordings as table

    async with store.write() as tx:
        await tx.execute(update(table).values(state="open"))
    await restarted.recover()
    assert recorder.path.read_bytes() == cut
    assert (await restarted.get(SessionId("ses_a"))).state is RecordingState.DAMAGED
    assert (await events(store))[-1]["event"] == "recording.damaged"


@pytest.mark.parametrize("attack", ["cut behind a head", "changed and relinked", "exchanged", "gone"])
async def test_a_running_recording_that_disagrees_with_the_log_is_not_sealed(
    attack: str, recordings: Recordings, restarted: Recordings, store: Store
) -> None:
    recorder, other = await opened(recordings, store), await opened(recordings, store, "ses_b")
    for n in range(5):
        recorder.record(Kind.OUTPUT, 1, b"%d" % n)
    await recordings.heads()
    crash(recordings, recorder)
    crash(recordings, other)
    path = recorder.path
    with path.open("rb") as file:
        frames = list(Walk(file))
    match attack:
        case "cut behind a head":
            os.truncate(path, frames[3].end)
        case "changed and relinked":
            from gateway.recording.chain import Chain

            os.truncate(path, frames[3].offset)
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
            chain = Chain(fd, 3, frames[3].offset, frames[2].h)
            for frame in frames[3:]:
                chain.put(frame.kind, frame.body[:-1] + b"!")
            chain.close()
        case "exchanged":
            path.write_bytes(other.path.read_bytes())
        case _:
            path.unlink()
    before = path.read_bytes() if path.exists() else None
    await restarted.recover()
    row = await restarted.get(SessionId("ses_a"))
    assert row.state is (RecordingState.MISSING if attack == "gone" else RecordingState.DAMAGED)
    assert (path.read_bytes() if path.exists() else None) == before
    assert (await restarted.get(SessionId("ses_b"))).state is RecordingState.RECOVERED


def test_recovery_seals_nothing_that_the_log_has_closed_even_if_all_heads_agree(
    recorder: Recorder, keys: Keys, clock: SimulatedClock
) -> None:
    evidence = Evidence("ses_1", {recorder.head.frames: recorder.head.h}, closed=True)
    recorder.drop()
    before = recorder.path.read_bytes()
    with pytest.raises(Broken, match="opened and not closed"):
        recover(recorder.path, 1, evidence, keys.signing, clock.now())
    assert recorder.path.read_bytes() == before


async def test_a_live_writer_keeps_recovery_out(recorder: Recorder, keys: Keys, clock: SimulatedClock) -> None:
    evidence = Evidence("ses_1", {recorder.head.frames: recorder.head.h})
    with pytest.raises(RecorderFailed, match="another process"):
        recover(recorder.path, 1, evidence, keys.signing, clock.now())


async def test_the_page_raises_no_false_alarm_over_a_frame_that_is_being_written(
    recordings: Recordings, store: Store
) -> None:
    recorder = await opened(recordings, store)
    with recorder.path.open("ab") as file:
        file.write(b"\0\0\1\0D half a frame")
    assert (await recordings.verification(SessionId("ses_a"))).verdict == "open"
    recorder.drop()


async def test_what_was_sealed_but_not_yet_in_the_log_is_clean(
    recordings: Recordings, restarted: Recordings, store: Store
) -> None:
    recorder = await opened(recordings, store)
    recorder.seal()
    recorder.finish()
    await restarted.recover()
    assert (await restarted.get(SessionId("ses_a"))).state is RecordingState.SEALED
    assert (await events(store))[-1]["clean"] is True


async def test_a_file_of_a_session_that_never_began_is_put_aside_and_told(
    restarted: Recordings, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "recordings" / "00000007-ses_x.slg").write_bytes(b"sluicegate-recording/1\n")
    await restarted.recover()
    assert (await events(store))[-1]["event"] == "recording.unknown"
    assert [p.name for p in (tmp_path / "recordings").iterdir()] == ["00000007-ses_x.slg.unknown"]


async def test_a_disk_that_is_full_at_the_end_ends_the_session_and_is_sealed_when_there_is_room(
    recordings: Recordings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = await opened(recordings, store)
    recorder.record(Kind.OUTPUT, 1, b"x")
    with monkeypatch.context() as full:
        full.setattr(chain_module.os, "write", lambda fd, data: (_ for _ in ()).throw(OSError(28, "No space left")))
        await closed(recordings, store, recorder)
        assert (await recordings.get(SessionId("ses_a"))).state is RecordingState.OPEN
        assert (await events(store))[-1]["event"] == "recording.failed"
        await recordings._rescue.again()
        assert (await recordings.get(SessionId("ses_a"))).state is RecordingState.OPEN
    await recordings._rescue.again()
    assert (await recordings.get(SessionId("ses_a"))).state is RecordingState.RECOVERED
    assert check_file(recorder.path, [recordings._signing.public_key()]).ends == "R"


def test_recovery_of_any_octets_seals_nothing(tmp_path: Path, keys: Keys, clock: SimulatedClock) -> None:
    for n in range(200):
        path = tmp_path / f"{n}.slg"
        path.write_bytes(b"sluicegate-recording/1\n" * (n % 2) + secrets.token_bytes(n * 3))
        before = path.read_bytes()
        with pytest.raises(Broken):
            recover(path, 1, Evidence("ses_1", {2: bytes(32)}), keys.signing, clock.now())
        assert path.read_bytes() == before


async def test_a_row_taken_out_of_the_database_loses_no_file_and_is_told(
    recordings: Recordings, restarted: Recordings, store: Store
) -> None:
    """Tampering set: the row is deleted, or the database was restored from a backup, and the file is there."""
    from sqlalchemy import delete

    from gateway.recording.sql import recordings as table

    recorder = await opened(recordings, store)
    await closed(recordings, store, recorder)
    async with store.write() as tx:
        await tx.execute(delete(table))
    octets = recorder.path.read_bytes()
    await restarted.recover()
    assert (await events(store))[-1]["event"] == "recording.unknown"
    assert recorder.path.with_name(recorder.path.name + ".unknown").read_bytes() == octets


async def test_a_disk_that_loses_what_was_written_ends_the_recording_at_once(
    recordings: Recordings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.recording import writer

    told: list[str] = []
    recorder = await opened(recordings, store)
    recorder.on_failed = lambda: told.append("failed")
    monkeypatch.setattr(writer.os, "fdatasync", lambda fd: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    recorder._checkpoint(recorder.now_us())
    await recordings.sync()
    assert told == ["failed"]
    with pytest.raises(RecorderFailed, match="damaged"):
        recorder.record(Kind.OUTPUT, 1, b"x")
    await closed(recordings, store, recorder)
    assert (await events(store))[-1]["event"] == "recording.failed"
