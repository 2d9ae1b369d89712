"""Files whose keyframes are gone, damaged or forged: a seek begins earlier or says why not; nothing false shows (78).

Every file here was written by the real writer and then changed on the disk.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
import zstandard
from avt._avt import Vt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.recording.format import (
    CHECKPOINT,
    DATA,
    HEAD,
    LINK,
    MAGIC,
    SIZE,
    TAG,
    Broken,
    digest,
    frame_key,
    nonce,
    pack_record,
    unpack_records,
)
from gateway.recording.frames import Frame, Walk, first
from gateway.recording.model import Kind, Record
from gateway.recording.playback import Slice, detail, records, summary
from gateway.recording.reader import Player
from gateway.recording.screen import Screen
from tests.recording.conftest import Keys, record_to
from tests.sim.clock import SimulatedClock

FALSE = b"FALSE WORDS"
MINUTE = 60_000_000
SOON = 5_000_000  # after a line was written, in the segment that holds it
Write = Callable[[int], None]


def written(path: Path, keys: Keys, at_minute: Write = lambda _: None) -> Path:
    """Ten minutes of a terminal: a line a minute, and a title that was painted once and never again."""
    clock = SimulatedClock()
    recorder = record_to(path, clock, keys)
    tape = recorder.open_tape({"kind": "shell"}, (40, 12))
    tape.output(b"\x1b[HTITLE\r\n")
    for minute in range(10):
        at_minute(minute)
        tape.output(b"minute %d\r\n" % minute)
        for _ in range(60):
            clock.advance(seconds=1)
            recorder.tick()
    tape.close(0)
    recorder.seal()
    recorder.finish()
    return path


def screen(found: Slice, until_us: int) -> list[str]:
    """What a player shows: a keyframe only where nothing is known yet, and then as what stood there since before it."""
    terminal, known = Vt(40, 12, 0), False
    for record in found.records:
        if record.at_us > until_us and (known or record.kind != Kind.KEYFRAME):
            break
        if record.kind == Kind.KEYFRAME and not known:
            terminal.feed_str("\x1bc" + record.payload[SIZE.size :].decode())
        elif record.kind == Kind.OUTPUT:
            terminal.feed_str(record.payload.decode())
        known = known or record.kind in (Kind.KEYFRAME, Kind.OUTPUT)
    return [line.rstrip() for line in terminal.text() if line.strip()]


def shown(minutes: int) -> list[str]:
    return ["TITLE", *(f"minute {n}" for n in range(minutes + 1))]


def frames(path: Path) -> list[Frame]:
    with path.open("rb") as file:
        return list(Walk(file))


def segment(path: Path, at_us: int) -> tuple[Frame, Frame]:
    """The last checkpoint before `at_us`, and the data frame behind it: its keyframes."""
    found = frames(path)
    place = max(
        i for i, f in enumerate(found[:-3]) if f.kind == CHECKPOINT and int.from_bytes(f.body[16:24], "big") <= at_us
    )
    assert found[place + 1].kind == DATA
    return found[place], found[place + 1]


@pytest.mark.parametrize("silent_from", [0, 3, 7])
def test_where_keyframes_are_gone_a_seek_decodes_from_an_earlier_place(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, silent_from: int
) -> None:
    def gives_up(minute: int) -> None:
        if minute == silent_from:
            monkeypatch.setattr(Screen, "keyframe", lambda _: None)

    path = written(tmp_path / "one.slg", keys, gives_up)
    with Player.open(path, keys.replay) as player:
        points = detail(player, summary(player)).points
        assert all(at <= (silent_from + 1) * MINUTE for at in points if at < 10 * MINUTE)
        for until in range(SOON, 10 * MINUTE, MINUTE // 2):
            assert screen(records(player, until, until + 1), until) == shown(until // MINUTE)


@pytest.mark.parametrize("part", ["checkpoint", "keyframes"])
def test_a_damaged_keyframe_ends_the_play_there_and_what_is_whole_before_and_after_is_shown(
    tmp_path: Path, keys: Keys, part: str
) -> None:
    path = written(tmp_path / "one.slg", keys)
    place, painted = segment(path, 5 * MINUTE)
    data = bytearray(path.read_bytes())
    data[(place.end if part == "keyframes" else place.offset) + HEAD.size + 7] ^= 1
    path.write_bytes(data)
    with Player.open(path, keys.replay) as player:
        with pytest.raises(Broken, match=f"frame {(painted if part == 'keyframes' else place).n}"):
            records(player, 5 * MINUTE + SOON, 6 * MINUTE)
        for minute in (3, 7, 9):
            until = minute * MINUTE + SOON
            assert screen(records(player, until, until + 1), until) == shown(minute)
        before = records(player, 0, None)  # what was asked for reaches over the damage: it ends where the damage begins
        last = 4 if part == "keyframes" else 3  # without its checkpoint nothing confirms what was said in the fourth
        assert before.next_us is not None
        assert last * MINUTE < before.next_us < (last + 1) * MINUTE
        assert screen(before, 10 * MINUTE) == shown(last)
        with pytest.raises(Broken):
            records(player, before.next_us, None)


def forged(path: Path, keys: Keys, at_us: int, change: Callable[[list[Record]], list[Record]]) -> None:
    """Somebody with a read key writes a segment anew with another first frame, and every link behind it fits."""
    assert keys.replay is not None
    _, target = segment(path, at_us)
    with path.open("rb") as file:
        head, header = first(file)
        h = Walk(file).h
    aead = AESGCM(frame_key(pyrage.decrypt(header.wrap, [keys.replay]), head.h))
    reading = zstandard.ZstdDecompressor().decompressobj()
    writing = zstandard.ZstdCompressor(level=1).compressobj()
    out, inside = bytearray(MAGIC), False
    for frame in frames(path):
        body, inside = frame.body, frame.kind == DATA and (inside or frame.n == target.n)
        if inside:
            plain = reading.decompress(aead.decrypt(nonce(frame.n), body, HEAD.pack(len(body), DATA)))
            if frame.n == target.n:
                said = change(unpack_records(plain))
                plain = b"".join(pack_record(r.kind, r.stream, r.at_us, r.payload) for r in said)
            packed = writing.compress(plain) + writing.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            body = aead.encrypt(nonce(frame.n), packed, HEAD.pack(len(packed) + TAG, DATA))
        start = HEAD.pack(len(body), frame.kind)
        h = digest(h, start, body)
        out += start + body + h[:LINK]
    path.write_bytes(out)


def test_a_keyframe_forged_with_a_read_key_shows_nothing_78(tmp_path: Path, keys: Keys) -> None:
    path = written(tmp_path / "one.slg", keys)

    def lie(found: list[Record]) -> list[Record]:
        assert found[0].kind == Kind.KEYFRAME
        return [Record(Kind.KEYFRAME, r.stream, r.at_us, r.payload[: SIZE.size] + FALSE) for r in found]

    forged(path, keys, 5 * MINUTE, lie)
    with Player.open(path, keys.replay) as player:
        with pytest.raises(Broken, match="not what its checkpoint signed"):
            records(player, 5 * MINUTE, 6 * MINUTE)
        for from_us in (0, 3 * MINUTE):  # what was asked for reaches over the forgery
            assert screen(records(player, from_us, None), 10 * MINUTE) == shown(4)


def test_a_keyframe_taken_out_with_a_read_key_shows_no_half_screen_78(tmp_path: Path, keys: Keys) -> None:
    path = written(tmp_path / "one.slg", keys)
    forged(path, keys, 5 * MINUTE, lambda found: [Record(Kind.NOTICE, 0, found[0].at_us, b"{}")])
    until = 5 * MINUTE + SOON
    with Player.open(path, keys.replay) as player, pytest.raises(Broken):
        records(player, until, 6 * MINUTE)


def test_an_index_that_points_elsewhere_shows_what_is_true_or_nothing(tmp_path: Path, keys: Keys) -> None:
    path = written(tmp_path / "one.slg", keys)
    with Player.open(path, keys.replay) as player:
        truth = [r for r in player.records() if r.kind == Kind.OUTPUT]
    index = frames(path)[-2]
    data = path.read_bytes()
    swapped = b"".join(
        index.body[at : at + 8] + index.body[-at - 8 : len(index.body) - at] for at in range(0, len(index.body), 16)
    )  # every moment names the place of another
    path.write_bytes(data[: index.offset + HEAD.size] + swapped + data[index.end - LINK :])
    with Player.open(path, keys.replay) as player:
        for minute in range(10):
            until = minute * MINUTE + SOON
            with contextlib.suppress(Broken):
                found = [r for r in records(player, until, until + 1).records if r.at_us <= until]
                since = found[0].at_us if found else until
                assert [r for r in found if r.kind == Kind.OUTPUT] == [r for r in truth if since <= r.at_us <= until]
