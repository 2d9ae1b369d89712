"""Reading: seek, live tail, watch, exports, and what the page asks for."""

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from avt._avt import Vt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import NotFound, Refused
from gateway.ids import SessionId
from gateway.limits import WATCH_QUEUE
from gateway.recording.format import SEEK, SIZE, Broken, canonical
from gateway.recording.frames import Walk
from gateway.recording.model import Kind, Record
from gateway.recording.reader import Player
from gateway.recording.service import Recordings
from gateway.recording.writer import Recorder
from gateway.store.db import Store
from tests.recording.conftest import Keys, record_to
from tests.recording.test_service import closed, events, opened
from tests.sim.clock import SimulatedClock

ADA = {"actor": "ada", "source": "192.0.2.7"}


def painted(records: list[Record]) -> tuple[list[str], tuple[int, int]]:
    """What a player shows after these records of stream 1, from nothing or from its first keyframe."""
    import codecs

    screen, decoder = Vt(80, 24, 0), codecs.getincrementaldecoder("utf-8")("replace")
    keyed = False
    for record in records:
        if record.kind == Kind.KEYFRAME and not keyed:
            cols, rows = SIZE.unpack_from(record.payload)
            screen, decoder = Vt(cols, rows, 0), codecs.getincrementaldecoder("utf-8")("replace")
            screen.feed_str(decoder.decode(record.payload[SIZE.size :]))
        elif record.kind == Kind.OUTPUT:
            screen.feed_str(decoder.decode(record.payload))
        elif record.kind == Kind.RESIZE:
            screen.resize(*SIZE.unpack(record.payload))
        keyed = keyed or record.kind in (Kind.KEYFRAME, Kind.OUTPUT)
    return [line.text.rstrip() for line in screen.view()], (screen.cursor.row, screen.cursor.col)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"hello ",
                b"\r\n",
                b"\x1b[31mred\x1b[m",
                b"\x1b[2J",
                b"\x1b[H",
                b"\x1b[?1049h",
                b"\x1b[?1049l",
                b"\x1b[5;7H",
            ]
        ),
        st.sampled_from(["grüße ", "漢字", "🙂"]).map(str.encode),
        st.tuples(st.integers(20, 120), st.integers(5, 50)),
    ),
    min_size=1,
    max_size=40,
)


@given(pieces=PIECES, cut=st.integers(1, 5), seek=st.integers(0, 100))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_seek_shows_what_playing_from_the_start_shows(
    pieces: list[bytes | tuple[int, int]],
    cut: int,
    seek: int,
    tmp_path_factory: pytest.TempPathFactory,
    keys: Keys,
) -> None:
    clock = SimulatedClock()
    recorder = record_to(tmp_path_factory.mktemp("k") / "k.slg", clock, keys)
    tape = recorder.open_tape({}, (80, 24))
    for piece in pieces:
        if isinstance(piece, tuple):
            tape.resize(*piece)
        else:
            for at in range(0, len(piece), cut):  # also through the middle of a character
                tape.output(piece[at : at + cut])
                clock.advance(seconds=3)
        recorder.tick()
    recorder.seal()
    recorder.finish()
    until = recorder.now_us() * seek // 100
    with Player.open(recorder.path, keys.replay) as player:
        everything = [r for r in player.records() if r.kind != Kind.KEYFRAME and r.at_us <= until]
        sought = [r for r in player.records(until) if r.at_us <= until or r.kind == Kind.KEYFRAME]
    first = next((r.at_us for r in sought if r.kind == Kind.KEYFRAME), 0)
    assert painted([r for r in sought if r.at_us <= max(until, first)]) == painted(everything)


def test_a_seek_into_the_middle_of_a_character_shows_it_whole(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = recorder.open_tape({}, (80, 24))
    tape.output("漢".encode()[:2])
    clock.advance(seconds=12)
    recorder.tick()
    clock.advance(seconds=1)
    tape.output("漢".encode()[2:])
    recorder.seal()
    recorder.finish()
    with Player.open(recorder.path, keys.replay) as player:
        records = list(player.records(13_000_000))
    assert records[0].kind == Kind.KEYFRAME
    assert painted(records)[0][0] == "漢"


def test_a_live_tail_reads_each_record_at_once_and_stops_at_half_a_frame(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    with Player.open(recorder.path, keys.replay) as player:
        cursor = player.start()
        assert [chr(r.kind) for r in cursor.more() or []] == ["m"]
        assert cursor.more() is None
        for n in range(30):
            recorder.record(Kind.OUTPUT, 1, b"%d" % n)
            assert [r.payload for r in cursor.more() or []] == [b"%d" % n]
            assert cursor.more() is None
            clock.advance(seconds=4)
            recorder.tick()
        with recorder.path.open("ab") as file:
            file.write(b"\0\0\0\x40D half")
        assert cursor.more() is None


def test_a_false_index_shows_nothing_false(recorder: Recorder, clock: SimulatedClock, keys: Keys) -> None:
    for n in range(20):
        recorder.record(Kind.OUTPUT, 1, b"%d" % n)
        clock.advance(seconds=4)
        recorder.tick()
    recorder.seal()
    recorder.finish()
    data = recorder.path.read_bytes()
    with recorder.path.open("rb") as file:
        index = next(f for f in Walk(file) if f.kind == ord("I"))
    with Player.open(recorder.path, keys.replay) as player:
        truth = [r for r in player.records() if r.kind == Kind.OUTPUT]
    lies = b"".join(SEEK.pack(at, offset + 3) for at, offset in SEEK.iter_unpack(index.body))
    recorder.path.write_bytes(data[: index.offset + 5] + lies + data[index.end - 8 :])
    with Player.open(recorder.path, keys.replay) as player, pytest.raises(Broken):
        found = []
        for record in player.records(60_000_000):
            found.append(record)  # noqa: PERF402 - what came before the end counts too
    assert [r for r in found if r.kind == Kind.OUTPUT] == truth


def test_another_identity_opens_nothing__abuse_case_82(recorder: Recorder) -> None:
    import pyrage

    with pytest.raises(Broken, match="cannot open"):
        Player.open(recorder.path, pyrage.x25519.Identity.generate())


def test_a_frame_that_decodes_to_too_much_is_refused(
    recorder: Recorder, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.recording import reader

    recorder.record(Kind.OUTPUT, 1, bytes(3 << 20))
    monkeypatch.setattr(reader, "PLAIN_OCTETS", 1 << 20)
    with Player.open(recorder.path, keys.replay) as player, pytest.raises(Broken, match="decodes to more"):
        list(player.records())


def test_reading_of_any_octets_ends_in_an_answer_or_a_refusal(
    recorder: Recorder, clock: SimulatedClock, keys: Keys, tmp_path: Path
) -> None:
    import random  # noqa: TID251 - seeded, so that a failure comes again

    for n in range(8):
        recorder.record(Kind.OUTPUT, 1, b"%d" % n)
        clock.advance(seconds=4)
        recorder.tick()
    recorder.seal()
    recorder.finish()
    dice, good, path = random.Random(9), recorder.path.read_bytes(), tmp_path / "fuzz.slg"
    for _ in range(300):
        octets = bytearray(good)
        at = dice.randrange(len(octets))
        octets[at : at + dice.randrange(1, 30)] = dice.randbytes(dice.randrange(40))
        path.write_bytes(octets[: dice.randrange(len(octets))] if dice.random() < 0.3 else octets)
        for from_us in (0, 20_000_000):
            try:
                with Player.open(path, keys.replay, keys.signing.public_key()) as player:
                    payloads = {r.payload for r in player.records(from_us) if r.kind == Kind.OUTPUT}
            except Broken:
                continue
            assert payloads <= {b"%d" % n for n in range(8)}


async def test_a_viewer_gets_the_present_and_then_each_record(recorder: Recorder) -> None:
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    tape.output(b"before")
    async with recorder.watch() as watch:
        batches = watch.batches()
        fresh = await anext(batches)
        assert fresh.fresh
        assert [chr(r.kind) for r in fresh.records] == ["m", "s", "k"]
        assert b"before" in fresh.records[-1].payload
        tape.output(b"after")
        batch = await anext(batches)
        assert (batch.fresh, [r.payload for r in batch.records]) == (False, [b"after"])
        recorder.seal()
        last = await anext(batches)
        assert chr(last.records[-1].kind) == "z"
        with pytest.raises(StopAsyncIteration):
            await anext(batches)
    recorder.finish()


async def test_a_slow_viewer_gets_a_fresh_picture_and_bounded_memory(recorder: Recorder) -> None:
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    async with recorder.watch() as watch:
        batches = watch.batches()
        await anext(batches)
        for n in range(WATCH_QUEUE // 32768 + 20):
            tape.output(bytes([65 + n % 26]) * 32768)
            assert watch._octets <= WATCH_QUEUE + 32768 + 64
        tape.output(b"\x1b[2J\x1b[Hnow")
        batch = await asyncio.wait_for(anext(batches), 5)
        assert batch.fresh
        assert painted(list(batch.records))[0][0] == "now"
    assert not recorder._watches


async def a_session(recordings: Recordings, store: Store, clock: SimulatedClock) -> None:
    recorder = await opened(recordings, store)
    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    for n in range(20):
        for octet in b"echo %d\r" % n:
            tape.typed(bytes([octet]))
            tape.output(bytes([octet]) if octet != 13 else b"\r\n%d\r\n$ " % n)
        clock.advance(seconds=3)
        await recordings.tick()
    recorder.record(Kind.NOTICE, 0, canonical({"words": "Five minutes left."}))
    tape.close(0)
    await closed(recordings, store, recorder)


async def test_the_page_gets_what_a_player_needs(recordings: Recordings, store: Store, clock: SimulatedClock) -> None:
    await a_session(recordings, store, clock)
    session = SessionId("ses_a")
    detail = await recordings.detail(session, **ADA)
    assert detail.about == {"grant": "grt_x"}
    assert [(s.stream, s.about["kind"]) for s in detail.streams] == [(1, "shell")]
    assert detail.streams[0].closed_us == 60_000_000 <= detail.duration_us
    assert detail.points == tuple(s * 1_000_000 for s in (9, 18, 27, 36, 45, 54, 60))
    part = await recordings.records(session, 30_000_000, 40_000_000, **ADA)
    assert part.records[0].kind == Kind.KEYFRAME
    assert part.next_us is not None
    assert b"".join(r.payload for r in part.records if r.kind == Kind.INPUT).startswith(b"echo ")
    assert Kind.BURST not in {r.kind for r in part.records}
    timeline = await recordings.timeline(session, **ADA)
    assert [e.words for e in timeline.entries] == ["Five minutes left."]
    assert sum(out for out, _ in timeline.activity) == 280
    verification = await recordings.verification(session)
    assert verification.verdict == "verified"
    with pytest.raises(NotFound):
        await recordings.get(SessionId("ses_nobody"))


async def test_slices_join_to_the_whole_recording(recordings: Recordings, store: Store, clock: SimulatedClock) -> None:
    await a_session(recordings, store, clock)
    session = SessionId("ses_a")
    whole = (await recordings.records(session, **ADA)).records
    joined: list[Record] = []
    at: int | None = 0
    while at is not None:
        part = await recordings.records(session, at, at + 1, **ADA)
        joined += part.records
        at = part.next_us
    assert tuple(joined) == whole


async def test_each_reading_is_an_audit_event_once_in_a_while__abuse_case_82(
    recordings: Recordings, store: Store, clock: SimulatedClock
) -> None:
    await a_session(recordings, store, clock)
    session = SessionId("ses_a")
    for _ in range(3):
        await recordings.records(session, **ADA)
    (await recordings.pack(session, **ADA)).close()
    read = [(e["way"], e["actor"]) for e in await events(store) if e["event"] == "recording.read"]
    assert read == [("replay", "ada"), ("download", "ada")]
    clock.advance(minutes=20)
    await recordings.records(session, **ADA)
    assert [e["way"] for e in await events(store) if e["event"] == "recording.read"][-1] == "replay"


async def test_a_gateway_without_a_replay_key_shows_no_content__decision_8(
    recordings: Recordings, store: Store, clock: SimulatedClock
) -> None:
    await a_session(recordings, store, clock)
    recordings._replay = None
    with pytest.raises(Refused, match="own key"):
        await recordings.records(SessionId("ses_a"), **ADA)
    (await recordings.pack(SessionId("ses_a"), **ADA)).close()


@pytest.mark.parametrize("live", [False, True])
async def test_the_pack_verifies_on_another_machine_and_tells_nothing_about_others(
    live: bool, recordings: Recordings, store: Store, clock: SimulatedClock, tmp_path: Path
) -> None:
    await a_session(recordings, store, clock)
    other = await opened(recordings, store, "ses_b")
    async with store.write() as tx:
        from gateway.audit.events.runtime import GatewayStarted

        await recordings._audit.append(tx, GatewayStarted(actor="gateway", release="of-others", policy_version="1"))
    if live:
        with other.path.open("ab") as file:
            file.write(b"\0\0\1\0D half a frame")
    zipped = await recordings.pack(SessionId("ses_b" if live else "ses_a"), **ADA)
    with zipfile.ZipFile(io.BytesIO(zipped.read())) as archive:
        archive.extractall(tmp_path / "pack")
    zipped.close()
    folder = tmp_path / "pack"
    assert "of-others" not in (folder / "audit.jsonl").read_text()
    command = ["verify.py", "--site-key", "site-key.txt", "--log", "audit.jsonl", "--checkpoint", "checkpoint.txt"]
    run = subprocess.run(
        [sys.executable, "-I", *command, "recording.slg"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == (1 if live else 0), run.stdout + run.stderr
    assert ("UNCLEAN" in run.stdout) == live
    assert ("a cut looks like a session that runs still" in run.stdout) == live
    assert "1 other recordings are in the audit log" in run.stdout


async def test_exports_show_the_terminal(recordings: Recordings, store: Store, clock: SimulatedClock) -> None:
    await a_session(recordings, store, clock)
    header, *lines = (await recordings.asciicast(SessionId("ses_a"), **ADA)).decode().splitlines()
    assert json.loads(header)["version"] == 2
    parts = [json.loads(line) for line in lines]
    assert "".join(p[2] for p in parts if p[1] == "o").startswith("echo 0\r\n0\r\n$ echo 1")
    assert "".join(p[2] for p in parts if p[1] == "i").startswith("echo 0\recho 1")
    text = (await recordings.text(SessionId("ses_a"), **ADA)).decode()
    assert "1| $ echo 7\n1| 7\n" in text
    assert "Five minutes left." in text
    assert "\x1b" not in text
