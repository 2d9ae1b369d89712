"""What a search finds: rows as they stood on a terminal, each once, at the moment it was complete; and typed lines."""

import json
from pathlib import Path

import pytest
from avt._avt import Vt
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import SessionId
from gateway.recording import emulator
from gateway.recording.format import COUNT, SIZE
from gateway.recording.lines import Line, Typed, lines, typed
from gateway.recording.model import About, Kind, Record
from gateway.recording.playback import FOUND, SCANNED, rows
from gateway.recording.playback import keys as read
from gateway.recording.reader import Player
from gateway.recording.text import text
from gateway.recording.writer import Recorder
from tests.recording.conftest import Keys
from tests.sim.clock import START, SimulatedClock

SHELL = {"kind": "shell", "columns": 20, "rows": 4}


def opened(about: dict[str, object], stream: int = 1) -> Record:
    return Record(Kind.OPEN, stream, 0, json.dumps(about).encode())


def shown(*outputs: str, about: dict[str, object] = SHELL) -> list[tuple[int, str]]:
    """(number of the output after which it stood there, text), in the order of being told."""
    records = [Record(Kind.OUTPUT, 1, n, text.encode()) for n, text in enumerate(outputs, 1)]
    return [(line.at_us, line.text) for line in lines([opened(about), *records])]


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (["$ ", *"show", "\r\n"], [(5, "$ show")]),  # key by key, one line
        (["a\r\nb\r\nc\r\nd\r\ne\r\nf\r\n"], [(1, name) for name in "abcdef"]),  # more than the screen has
        (["$ sho", "\b \b", "w"], [(1, "$ sho"), (3, "$ shw")]),  # what is taken back stood there
        (["secret\r\n\x1b[2J\x1b[Hgone"], [(1, "secret"), (1, "gone")]),  # erased within one read
        (["\x1b[31mred\x1b[0m \x1b[1mbold"], [(1, "red bold")]),
        (["x" * 25], [(1, "x" * 20), (1, "x" * 5)]),
    ],
)
def test_a_row_is_told_once_and_as_it_stood_there(outputs: list[str], told: list[tuple[int, str]]) -> None:
    assert shown(*outputs) == told


def test_rows_that_a_pager_moves_are_no_news() -> None:
    page = ["\x1b[?1049h\x1b[H1\r\n2\r\n3\r\n4", *(f"\x1b[4;1H\n{n}" for n in range(5, 9)), "\x1b[?1049l"]
    assert sorted(shown(*page)) == [(1, "1"), (1, "2"), (1, "3"), (1, "4"), (2, "5"), (3, "6"), (4, "7"), (5, "8")]


def test_an_output_without_a_terminal_is_told_line_by_line_and_never_without_bound() -> None:
    assert shown("one\ntw", "o\nthree", about={"kind": "exec"}) == [(1, "one"), (2, "two"), (2, "three")]
    assert [len(text) for _, text in shown("x" * 10_000, about={"kind": "exec"})] == [4096, 4096, 1808]


def test_a_keyframe_paints_what_was_told_already_and_what_follows_is_new() -> None:
    paint = SIZE.pack(20, 4) + b"old\r\n"
    records = [Record(Kind.KEYFRAME, 1, 5, paint), Record(Kind.OUTPUT, 1, 6, b"new\r\n")]
    assert list(lines(records)) == [Line(6, 1, "new")]


@given(st.lists(st.tuples(st.sampled_from([*b"soerckx"]), st.binary(max_size=40)), max_size=12))
def test_any_records_at_all_are_read(parts: list[tuple[int, bytes]]) -> None:
    records = [Record(kind, 1, at, payload) for at, (kind, payload) in enumerate(parts)]
    assert all(line.text for line in lines(records))


def test_typed_lines_are_apart_and_what_was_not_echoed_is_counted_alone() -> None:
    def key(at: int, text: str) -> Record:
        return Record(Kind.INPUT, 1, at, text.encode())

    def hidden(at: int, octets: int) -> Record:
        return Record(Kind.HIDDEN, 1, at, COUNT.pack(octets))

    records = [*(key(n, c) for n, c in enumerate("su\r")), hidden(10, 6), hidden(11, 1), key(20, "i\x1b[Ad\r")]
    records += [key(30, "x"), key(6_000_000, "y")]
    assert list(typed(records)) == [
        Typed(0, 1, "su", 0),
        Typed(10, 1, "", 7),
        Typed(20, 1, "i\\u001b[Ad", 0),
        Typed(30, 1, "x", 0),
        Typed(6_000_000, 1, "y", 0),
    ]


def test_a_search_reads_a_bounded_part_and_goes_on_without_a_gap_or_a_repetition(
    recorder: Recorder, clock: SimulatedClock, keys: Keys, tmp_path: Path
) -> None:
    tape = recorder.open_tape({"kind": "shell", "columns": 80, "rows": 24}, (80, 24))
    total = 0
    number = 0
    while total < 2.5 * SCANNED:
        part = b"".join(b"needle %06d %s\r\n" % (n, b"x" * 60) for n in range(number, number + 400))
        tape.output(part)
        total, number = total + len(part), number + 400
        clock.advance(seconds=2)
        recorder.tick()
    tape.close(0)
    recorder.seal()
    assert keys.replay is not None
    with Player.open(recorder.path, keys.replay) as player:
        found, at, answers = list[str](), 0, 0
        while True:
            part_found = rows(player, at, "NEEDLE")
            found += [line.text.split()[1] for line in part_found.lines]
            answers += 1
            if part_found.next_us is None:
                break
            assert part_found.next_us > at
            at = part_found.next_us
        assert found == [f"{n:06d}" for n in range(number)]
        assert answers > 2
        assert rows(player, 0, f"needle {number - 1:06d}").lines == ()  # not in the first part
        assert len(rows(player, 0, "needle").lines) < number
    assert number > FOUND


def test_what_is_typed_is_read_with_the_recording(recorder: Recorder, clock: SimulatedClock, keys: Keys) -> None:
    tape = recorder.open_tape(SHELL, (20, 4))
    for key in b"ls":
        tape.typed(bytes([key]))
        tape.output(bytes([key]))
    tape.typed(b"\r")
    tape.output(b"\r\nPassword: ")
    clock.advance(seconds=3)
    tape.typed(b"s3cret\r")
    tape.output(b"\r\n")
    tape.close(0)
    recorder.seal()
    assert keys.replay is not None
    with Player.open(recorder.path, keys.replay) as player:
        said = [(line.text, line.hidden) for line in read(player, 0).lines]
    assert "ls" in [text for text, _ in said]
    assert ("", 7) in said
    assert not any("s3cret" in text for text, _ in said)


class Panic(BaseException):
    """What a panic of the extension is: no Exception."""


@pytest.mark.parametrize("method", ["feed_str", "resize"])
def test_an_emulator_that_panics_ends_no_search_and_no_export(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    class Terminal:
        def __init__(self, *size: int) -> None:
            self._own = Vt(*size)

        def __getattr__(self, name: str) -> object:
            return panics if name == method else getattr(self._own, name)

    def panics(*_: object) -> None:
        raise Panic

    monkeypatch.setattr(emulator, "Vt", Terminal)
    records = [opened(SHELL), Record(Kind.OUTPUT, 1, 1, b"one\r\n"), Record(Kind.RESIZE, 1, 2, SIZE.pack(30, 9))]
    records += [Record(Kind.OUTPUT, 1, 3, b"two\r\n"), Record(Kind.CLOSE, 1, 4, b"{}")]
    assert "two" in [line.text for line in lines(records)]
    about = About(1, SessionId("ses_1"), "plant", "vera", "ews-l4", "ssh", START)
    assert "two" in "".join(text(about, records))
