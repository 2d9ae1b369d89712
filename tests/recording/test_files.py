"""Files and forwards in a recording: what passed, what of it is kept, what a player and a reader are told."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recording.format import BLOCK, CARRIED
from gateway.recording.model import About, Kind, Record
from gateway.recording.reader import Player
from gateway.recording.summary import BUCKETS, FILES_OCTETS, Summary
from gateway.recording.tape import Tape
from gateway.recording.text import text
from gateway.recording.verify import check_file
from gateway.recording.writer import Recorder
from tests.recording.conftest import Keys

ENTRY = {
    "of": "entry", "id": "fil_1", "file": 1, "way": "upload", "path": "/srv/in/plc.zip", "octets": 4,
    "ranges": [[0, 4]], "sha256": "ab" * 32, "partial": False, "verdict": "passed", "words": "",
}  # fmt: skip


def sealed(recorder: Recorder, keys: Keys) -> list[Record]:
    """What a reader finds, after the program for outsiders has found nothing wrong."""
    recorder.seal()
    recorder.finish()
    assert not check_file(recorder.path, [keys.signing.public_key()]).findings
    found = list[Record]()
    with contextlib.closing(Player.open(recorder.path, keys.replay, keys.signing.public_key())) as player:
        cursor = player.start()
        while (more := cursor.more()) is not None:
            found += more
    return found


def transferred(recorder: Recorder, content: bytes = b"") -> Tape:
    tape = recorder.open_tape({"kind": "sftp"}, None)
    tape.file({"of": "request", "request": "open", "path": "/srv/in/plc.zip"})
    tape.block(1, 1, 0, 4, content)
    tape.file({"of": "result", "status": 0})
    tape.file(ENTRY)
    return tape


def test_a_part_of_a_file_is_on_record_without_its_content(recorder: Recorder, keys: Keys) -> None:
    transferred(recorder)
    block = next(r for r in sealed(recorder, keys) if r.kind == Kind.BLOCK)
    assert BLOCK.unpack(block.payload) == (1, 1, 0, 4)


def test_a_part_that_is_kept_can_be_read_by_whoever_has_the_key_and_nobody_else(recorder: Recorder, keys: Keys) -> None:
    """Attack: the copy of a file is read out of the file of the recording."""
    transferred(recorder, b"STOP")
    block = next(r for r in sealed(recorder, keys) if r.kind == Kind.BLOCK)
    assert block.payload[BLOCK.size :] == b"STOP"
    for secret in (b"STOP", b"plc.zip"):
        assert secret not in recorder.path.read_bytes()


def test_a_forward_counts_its_octets_both_ways_and_says_so_at_its_end(recorder: Recorder, keys: Keys) -> None:
    tape = recorder.open_tape({"kind": "forward", "service": "plc-program"}, None)
    tape.carried(0, 10)
    tape.carried(300, 0)
    tape.carried(5, 1)
    tape.close(None)
    found = sealed(recorder, keys)
    assert [CARRIED.unpack(r.payload) for r in found if r.kind == Kind.FORWARD] == [(0, 10), (300, 10), (305, 11)]
    closed = json.loads(next(r.payload for r in found if r.kind == Kind.CLOSE))
    assert (closed["to_person"], closed["to_target"]) == (305, 11)


def test_a_player_is_told_of_files_at_once_and_of_their_requests_when_it_gets_there(
    recorder: Recorder, keys: Keys
) -> None:
    transferred(recorder)
    summary = json.loads(next(r.payload for r in sealed(recorder, keys) if r.kind == Kind.SUMMARY))
    files = [e["value"] for e in summary["events"] if e["kind"] == "a"]
    assert files == [ENTRY]
    assert summary["left_out"] == 0


def test_many_files_push_no_decision_out_of_what_a_player_is_told() -> None:
    """Attack: a hundred thousand small files, so that the pause among them is not seen."""
    summary, payload = Summary(), json.dumps(ENTRY, separators=(",", ":")).encode()
    for number in range(10_000):
        summary.add(Kind.FILE, 1, number, payload)
    summary.add(Kind.DECISION, 0, 10_000, b'{"event":"pause"}')
    assert summary.events[-1][0] == Kind.DECISION
    assert sum(len(e[3]) for e in summary.events) <= FILES_OCTETS + 100
    assert summary.left_out == 10_001 - len(summary.events)


@pytest.mark.parametrize("path", ['"of":"entry"', '{"of":"entry"}', 'x","of":"entry","y":"'])
def test_a_name_that_looks_like_an_entry_is_none(path: str, recorder: Recorder, keys: Keys) -> None:
    """Attack: a file's name puts a file into the list that never passed."""
    tape = recorder.open_tape({"kind": "sftp"}, None)
    tape.file({"of": "request", "path": path})
    summary = json.loads(next(r.payload for r in sealed(recorder, keys) if r.kind == Kind.SUMMARY))
    assert [e for e in summary["events"] if e["kind"] == "a"] == []


@given(st.lists(st.tuples(st.sampled_from([Kind.BLOCK, Kind.FORWARD, Kind.FILE]), st.binary(max_size=40))))
def test_whatever_a_damaged_recording_holds_a_summary_can_be_made(found: list[tuple[int, bytes]]) -> None:
    summary = Summary()
    for at, (kind, payload) in enumerate(found):
        summary.add(kind, 1, at * 1_000_000, payload)
    values = summary.values(len(found) * 1_000_000)
    assert len(values["buckets"]) <= BUCKETS
    assert json.loads(json.dumps(values))


def test_the_activity_of_a_transfer_is_seen_like_that_of_a_shell() -> None:
    summary = Summary()
    summary.add(Kind.BLOCK, 1, 0, BLOCK.pack(1, 0, 0, 32768))
    summary.add(Kind.BLOCK, 1, 0, BLOCK.pack(1, 1, 0, 10))
    summary.add(Kind.FORWARD, 2, 0, CARRIED.pack(100, 0))
    summary.add(Kind.FORWARD, 2, 0, CARRIED.pack(150, 7))
    assert summary.values(1)["buckets"] == [[32768 + 150, 2]]


def test_the_text_of_a_recording_names_what_was_asked_for_and_what_passed(recorder: Recorder, keys: Keys) -> None:
    transferred(recorder)
    about: About = recorder.about
    lines = list(text(about, sealed(recorder, keys)))
    assert any(line.endswith(f"file: passed upload /srv/in/plc.zip 4 {'ab' * 32}\n") for line in lines)
    assert any("asked: " in line and "/srv/in/plc.zip" in line for line in lines)
    assert not any("status" in line and "asked" in line for line in lines)


def test_a_name_of_control_characters_is_shown_and_not_sent(tmp_path: Path, recorder: Recorder, keys: Keys) -> None:
    """Attack: a file whose name clears the auditor's screen."""
    tape = recorder.open_tape({"kind": "sftp"}, None)
    tape.file({**ENTRY, "path": "/srv/\x1b[2J\n"})
    lines = list(text(recorder.about, sealed(recorder, keys)))
    assert not any("\x1b" in line for line in lines)
    assert any("/srv/\\u001b[2J\\u000a" in line for line in lines)


async def test_who_watches_sees_that_a_part_passed_and_not_what_is_in_it(recorder: Recorder) -> None:
    """Attack: an operator's live view as a way to the vendor's files."""
    batches = recorder.watch().batches()
    await anext(batches)
    transferred(recorder, b"STOP")
    seen = (await anext(batches)).records
    await batches.aclose()
    (block,) = [r.payload for r in seen if r.kind == Kind.BLOCK]
    assert block == BLOCK.pack(1, 1, 0, 4)
