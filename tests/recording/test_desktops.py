"""A desktop's recording: full pictures to start from, keys that nobody reads, viewers that get a repaint."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.errors import Refused
from gateway.ids import SessionId
from gateway.limits import SEGMENT_DESKTOP, WATCH_DESKTOP
from gateway.recording import playback
from gateway.recording.format import COUNT, PICTURE, SIZE
from gateway.recording.model import DESKTOPS, Kind, Record
from gateway.recording.playback import detail, records, summary, timeline
from gateway.recording.reader import Player
from gateway.recording.service import Recordings
from gateway.recording.summary import COPIES, EVENTS_OCTETS, PICTURES, Summary
from gateway.recording.tape import Tape
from gateway.recording.verify import check_file
from gateway.recording.writer import Recorder
from gateway.store.db import Store
from tests.recording.conftest import Keys, record_to
from tests.recording.test_reading import ADA
from tests.recording.test_service import closed
from tests.sim.clock import SimulatedClock

WIDE = SIZE.pack(1024, 768)


@pytest.fixture
def recorder(tmp_path: Path, clock: SimulatedClock, keys: Keys):
    recorder = record_to(tmp_path / "desktop.slg", clock, keys, protocol=DESKTOPS)
    yield recorder
    if not recorder.closed:
        recorder.drop()


def desktop(recorder: Recorder) -> Tape:
    tape = recorder.open_tape({"kind": "desktop"}, None)
    tape.desktop(1024, 768)
    return tape


def opened(recorder: Recorder, keys: Keys) -> Player:
    return Player.open(recorder.path, keys.replay, keys.signing.public_key())


def ended(recorder: Recorder, keys: Keys) -> Player:
    recorder.seal()
    recorder.finish()
    assert not check_file(recorder.path, [keys.signing.public_key()]).findings
    return opened(recorder, keys)


def kinds(found) -> str:
    return "".join(chr(r.kind) for r in found)


def test_a_request_to_repaint_is_the_first_thing_in_a_segment_of_its_own(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = desktop(recorder)
    tape.shown(b"old")
    clock.advance(seconds=1)
    tape.repaint()
    tape.shown(b"new")
    clock.advance(milliseconds=20)
    tape.repainted()
    with ended(recorder, keys) as player:
        found = list(player.records(1_000_001))
        assert kinds(found) == "wqpfcz"
        assert found[0].payload == WIDE
        assert PICTURE.unpack(found[3].payload) == (found[1].at_us, 1024, 768)
        assert detail(player, summary(player)).points == (0, found[3].at_us)


def test_a_segment_of_a_desktop_is_as_long_as_its_limit_says(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = desktop(recorder)
    for _ in range(3 * SEGMENT_DESKTOP // 60_000):
        tape.shown(bytes(60_000))
    assert len(recorder.points) == 2


def test_no_record_shares_its_time_with_the_checkpoint_before_it(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    """Else a seek to a picture could be taken for a slice that goes on from there."""
    recorder._most = 1
    tape = desktop(recorder)
    for step in (tape.repaint, lambda: tape.shown(b"all"), tape.repainted):
        clock.advance(milliseconds=1)
        step()
    ends = {at for at, _ in recorder.points}
    with ended(recorder, keys) as player:
        assert not ends & {r.at_us for r in player.records() if chr(r.kind) in "qpf"}


def test_a_picture_is_whole_only_in_the_size_it_was_asked_for(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = recorder.open_tape({"kind": "desktop"}, None)
    tape.repainted()
    tape.repaint()
    tape.repainted()
    tape.desktop(1024, 768)
    tape.desktop(1024, 768)
    tape.repainted()
    tape.repainted()
    tape.repaint()
    tape.desktop(800, 600)
    tape.repainted()
    with ended(recorder, keys) as player:
        assert kinds(player.records()) == "msqwwfwqwcz"


def test_what_is_typed_at_a_desktop_can_be_read_by_nobody_83(recorder: Recorder, keys: Keys) -> None:
    tape = desktop(recorder)
    for scancode in b"\x1e\x9e\x1f":
        tape.pressed(b"S3CRET" + bytes([scancode]))
        tape.shown(b"S3CRET" + bytes([scancode]))
    tape.pointed(b"\x20\x00\x08\x10\x00\x10\x00")
    tape.close(None)
    with ended(recorder, keys) as player:
        raw = list(player.records())
        assert kinds(raw) == "mswipipipucz"
        assert not any(b"S3CRET" in r.payload for r in raw if r.kind != Kind.PDU)
        shown = records(player, 0, None).records
    assert [COUNT.unpack(r.payload)[0] for r in shown if r.kind == Kind.HIDDEN] == [7, 7, 7]
    assert [r.payload for r in shown if r.kind == Kind.MOUSE] == [b"\x20\x00\x08\x10\x00\x10\x00"]
    assert Kind.INPUT not in {r.kind for r in shown}


def test_the_heat_map_counts_what_was_shown_and_what_came_from_the_person(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = desktop(recorder)
    tape.shown(bytes(1000))
    clock.advance(seconds=1)
    tape.pressed(b"k")
    tape.pointed(b"m")
    tape.clipboard("out", "Grüße")
    with ended(recorder, keys) as player:
        assert timeline(summary(player)).activity[:2] == ((1000, 0), (0, 2))
        copied = next(r for r in player.records() if r.kind == Kind.CLIPBOARD)
        entry = next(e for e in timeline(summary(player)).entries if e.kind == "clipboard")
        assert "Gr" not in json.dumps(summary(player), ensure_ascii=False)
    assert (entry.at_us, entry.words) == (copied.at_us, "Copied from the target, 5 characters")
    assert entry.value == {"direction": "out", "characters": 5}
    assert json.loads(copied.payload) == {"direction": "out", "text": "Grüße"}


def test_pictures_of_a_very_long_session_get_rarer_and_end_with_the_latest() -> None:
    made = Summary()
    for n in range(3 * PICTURES):
        made.add(Kind.PICTURE, 1, n * 1000 + 5, PICTURE.pack(n * 1000, 8, 8))
        assert len(made.pictures) <= PICTURES
        assert made.pictures[-1] == (n * 1000, n * 1000 + 5)
    assert len(made.pictures) >= PICTURES // 2
    assert made.pictures == sorted(made.pictures)
    made.add(Kind.PICTURE, 1, 1, b"short")
    assert made.pictures[-1][0] == (3 * PICTURES - 1) * 1000


def test_a_flood_of_the_clipboard_pushes_no_decision_out_of_the_timeline() -> None:
    made = Summary()
    for n in range(2 * COPIES):
        made.add(Kind.CLIPBOARD, 1, n, b'{"direction":"in","text":"' + b"x" * 4096 + b'"}')
    made.add(Kind.CLIPBOARD, 1, n, b"[no object")
    made.add(Kind.DECISION, 0, n, b'{"event":"end"}')
    values = made.values(n)
    assert values["left_out"] == COPIES + 1
    assert values["events"][-1]["value"] == {"event": "end"}
    assert values["events"][0]["value"] == {"direction": "in", "characters": 4096}
    assert len(json.dumps(values)) < EVENTS_OCTETS
    odd = Summary()
    odd.add(Kind.CLIPBOARD, 1, 0, b"[no object")
    assert odd.values(1)["events"][0]["value"] == {"direction": "out", "characters": 0}


STEPS = st.lists(
    st.sampled_from(["shown", "shown", "large", "repaint", "repaint", "painted", "painted", "resize", "wait", "long"]),
    max_size=60,
)


def played(tape: Tape, recorder: Recorder, clock: SimulatedClock, steps: list[str]) -> None:
    for n, step in enumerate(steps):
        clock.advance(milliseconds=3)
        match step:
            case "shown":
                tape.shown(b"<%d>" % n)
            case "large":
                tape.shown(n.to_bytes(4, "big") * 12_000)
            case "repaint":
                tape.repaint()
            case "painted":
                tape.repainted()
            case "resize":
                tape.desktop(800 + n, 600)
            case _:
                clock.advance(seconds=2 if step == "wait" else 11)
                recorder.tick()


def starts_whole(found: list[Record], at_us: int, whole: list[tuple[int, int]]) -> bool:
    """Whether `found` begins where the last picture was begun that was whole at `at_us`."""
    begun = max((begun for begun, done in whole if done <= at_us), default=None)
    if begun is None:
        return found[0].kind == Kind.META
    return found[0].kind == Kind.DESKTOP and (found[1].kind, found[1].at_us) == (Kind.REPAINT, begun)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=["repaint", "painted", "large", "large", "shown"] * 4, seeks=[0.3, 0.9], sealed=True)
@example(steps=["repaint", "painted", "large", "large", "shown"] * 4, seeks=[0.3, 0.9], sealed=False)
@given(steps=STEPS, seeks=st.lists(st.floats(0, 1.1), min_size=1, max_size=6), sealed=st.booleans())
def test_a_seek_begins_where_the_picture_was_whole_and_goes_on_without_a_gap(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, steps: list[str], seeks: list[float], sealed: bool
) -> None:
    monkeypatch.setattr(playback, "SLICE_OCTETS", 100_000)
    clock = SimulatedClock()
    (tmp_path / "seek.slg").unlink(missing_ok=True)
    recorder = record_to(tmp_path / "seek.slg", clock, keys, protocol=DESKTOPS)
    recorder._most = 150_000
    played(desktop(recorder), recorder, clock, steps)
    if sealed:
        recorder.seal()
    try:
        with opened(recorder, keys) as player:
            everything = list(player.records())
            whole = [(PICTURE.unpack(r.payload)[0], r.at_us) for r in everything if r.kind == Kind.PICTURE]
            assert detail(player, summary(player)).points == (0, *(done for _, done in whole))
            last = everything[-1].at_us
            ends = {at for at, _ in player.points()}  # asked for one of these, a slice goes on from another
            moments = {int(last * part) for part in seeks} | {done - n for _, done in whole for n in (0, 1)}
            for at in sorted(moments - ends):
                found = records(player, at, None)
                assert starts_whole(list(found.records), at, whole)
                taken = list(found.records)
                while found.next_us is not None:
                    found = records(player, found.next_us, None)
                    assert sum(len(r.payload) for r in found.records) < 100_000 + 150_000 + 48_000
                    taken += found.records
                tail = [r for r in everything if r.kind in (Kind.PDU, Kind.REPAINT, Kind.PICTURE)]
                got = [r for r in taken if r.kind in (Kind.PDU, Kind.REPAINT, Kind.PICTURE)]
                assert got == tail[len(tail) - len(got) :]
    finally:
        recorder.drop()


def test_a_writer_that_died_leaves_pictures_to_start_from(
    recorder: Recorder, clock: SimulatedClock, keys: Keys
) -> None:
    tape = desktop(recorder)
    for _ in range(3):
        tape.repaint()
        tape.shown(b"all of it")
        clock.advance(seconds=4)
        tape.repainted()
        clock.advance(seconds=5)
    tape.repaint()
    tape.shown(b"half of it")
    recorder.drop()
    with opened(recorder, keys) as player:
        assert detail(player, summary(player)).points == (0, 4_000_000, 13_000_000, 22_000_000)
        assert kinds(records(player, 21_999_999, None).records).startswith("wqpf")
        assert records(player, 40_000_000, None).records[1].at_us == pytest.approx(18_000_000, abs=5)


async def test_a_viewer_of_a_desktop_gets_its_size_and_the_target_is_asked_for_the_rest(recorder: Recorder) -> None:
    tape = desktop(recorder)
    tape.shown(b"long ago")
    asked: list[str] = []
    recorder.on_viewer = lambda: asked.append("paint")
    async with recorder.watch() as watch:
        batches = watch.batches()
        assert not asked
        fresh = await anext(batches)
        assert (fresh.fresh, kinds(fresh.records), asked) == (True, "msw", ["paint"])
        tape.repaint()
        tape.shown(b"everything")
        tape.repainted()
        assert kinds((await anext(batches)).records) == "qpf"


async def test_a_viewer_that_never_reads_costs_bounded_memory_and_starts_afresh(recorder: Recorder) -> None:
    tape = desktop(recorder)
    asked: list[str] = []
    recorder.on_viewer = lambda: asked.append("paint")
    async with recorder.watch() as watch:
        batches = watch.batches()
        await anext(batches)
        for _ in range(3 * WATCH_DESKTOP // 60_000):
            tape.shown(bytes(60_000))
            assert sum(len(r.payload) for r in watch._queue) <= WATCH_DESKTOP
        assert not watch._queue
        fresh = await anext(batches)
        assert (fresh.fresh, kinds(fresh.records), asked) == (True, "msw", ["paint", "paint"])


async def test_a_whole_picture_of_a_large_desktop_fits_into_what_a_viewer_may_lag(recorder: Recorder) -> None:
    tape = desktop(recorder)
    async with recorder.watch() as watch:
        batches = watch.batches()
        await anext(batches)
        tape.repaint()
        for _ in range(1920 * 1080 * 4 // 12_288 + 1):
            tape.shown(bytes(12_400))
        tape.repainted()
        batch = await anext(batches)
        assert (batch.fresh, chr(batch.records[0].kind), chr(batch.records[-1].kind)) == (False, "q", "f")


async def test_exports_of_a_desktop_say_what_was_told_and_copied(
    recordings: Recordings, store: Store, clock: SimulatedClock
) -> None:
    async with store.write() as tx:
        recorder = await recordings.open(
            tx, session=SessionId("ses_d"), person="vera", target="ews-l4", protocol="rdp", meta={"grant": "grt_x"}
        )
    tape = desktop(recorder)
    tape.shown(b"\x00secret pixels")
    tape.clipboard("in", "M3\x1b[31m to 40 %")
    recorder.record(Kind.NOTICE, 0, b'{"words": "Five minutes left."}')
    await closed(recordings, store, recorder)
    text = (await recordings.text(SessionId("ses_d"), **ADA)).decode()
    assert "Five minutes left." in text
    assert '"direction":"in"' in text
    assert "to 40 %" in text
    assert "pixels" not in text
    assert "\x1b" not in text
    with pytest.raises(Refused, match="desktop"):
        await recordings.asciicast(SessionId("ses_d"), **ADA)


async def test_a_desktop_that_is_recorded_now_is_found_without_reading_it_all(
    recordings: Recordings, store: Store, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store.write() as tx:
        recorder = await recordings.open(
            tx, session=SessionId("ses_d"), person="vera", target="ews-l4", protocol="rdp", meta={"grant": "grt_x"}
        )
    tape = desktop(recorder)
    tape.repaint()
    tape.shown(b"all")
    clock.advance(seconds=1)
    tape.repainted()
    with monkeypatch.context() as patch:
        patch.setattr(Player, "records", None)
        assert (await recordings.detail(SessionId("ses_d"), **ADA)).points == (0, 1_000_000)
        assert (await recordings.timeline(SessionId("ses_d"), **ADA)).activity == ((3, 0),)
    recorder.drop()
    recordings._gone(recorder.seq)
    assert (await recordings.detail(SessionId("ses_d"), **ADA)).points == (0, 1_000_000)
