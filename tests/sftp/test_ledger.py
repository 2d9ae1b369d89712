"""Digests, ranges and verdicts."""

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import SFTP_WINDOW
from gateway.sftp import ledger
from gateway.sftp.ledger import FileLedger, Ranges, Room


def entry(follower: FileLedger, size: int | None = None, *, closed: bool = True):
    follower.size = size
    return follower.entry(1, ledger.UPLOAD, "/x", closed=closed)


@given(st.binary(min_size=1, max_size=400), st.data())
def test_the_digest_is_that_of_the_file_in_whatever_order_it_passes(content, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(content)), max_size=12)) | {0, len(content)})
    blocks = data.draw(st.permutations(list(itertools.pairwise(cuts))))
    room = Room()
    follower = FileLedger(room, rewrites=True)
    for start, end in blocks:
        follower.passed(start, content[start:end])
    found = entry(follower, len(content))
    assert (found.sha256, found.verdict) == (hashlib.sha256(content).hexdigest(), "passed")
    assert found.ranges == ((0, len(content)),)
    assert room.left == Room().left


@given(st.binary(max_size=100), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=20))
def test_what_is_read_twice_is_digested_once(content, steps):
    follower = FileLedger(Room(), rewrites=False)
    start = 0
    for size, back in steps:
        follower.passed(start, content[start : start + size])
        start = max(0, start + size - back)
    follower.passed(min(start, len(content)), content[start:])
    assert entry(follower, len(content)).sha256 == hashlib.sha256(content).hexdigest()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=30))
def test_ranges_are_the_octets_that_passed(pieces):
    ranges = Ranges()
    seen: set[int] = set()
    for start, size in pieces:
        octets = set(range(start, start + size))
        assert ranges.add(start, start + size) == (not octets & seen)
        seen |= octets
    found = ranges.all()
    assert {n for low, high in found for n in range(low, high)} == seen
    assert all(a[1] < b[0] for a, b in itertools.pairwise(found))


def test_more_ranges_than_are_kept_are_said_to_be_so():
    ranges = Ranges(2)
    for start in (0, 10, 20):
        ranges.add(start, start + 1)
    assert ranges.torn
    assert ranges.all() == ((0, 1), (10, 11))


@pytest.mark.parametrize(
    ("blocks", "size", "words"),
    [
        ([(5, b"tail")], 9, ledger.PART),
        ([(0, b"head")], 9, ledger.PART),
        ([(0, b"head")], None, ledger.PART),
        ([(0, b"head"), (2, b"xx")], 4, ledger.REWRITTEN),
        ([(0, b"a"), (1 << 40, b"b")], 2, ledger.PART),
    ],
    ids=["reput", "cut", "size unknown", "written twice", "a hole"],
)
def test_a_file_that_is_not_whole_is_partial_with_its_ranges(blocks, size, words):
    follower = FileLedger(Room(), rewrites=True)
    for offset, data in blocks:
        follower.passed(offset, data)
    found = entry(follower, size)
    assert (found.verdict, found.sha256, found.partial, found.words) == ("partial", "", True, words)
    assert found.ranges


def test_what_comes_early_waits_only_in_a_bounded_window():
    follower, room = FileLedger(Room(), rewrites=True), Room()
    follower._room = room
    block = bytes(1 << 20)
    for n in range(1, SFTP_WINDOW // len(block) + 2):
        follower.passed(n * len(block), block)
    assert follower.why == ledger.SCATTERED
    assert room.left == Room().left
    assert follower.octets == SFTP_WINDOW + len(block)


def test_very_many_small_early_blocks_do_not_wait_either():
    follower = FileLedger(Room(), rewrites=True)
    for n in range(2000):
        follower.passed(2 + 2 * n, b"x")
    assert follower.why == ledger.SCATTERED


def test_files_of_one_channel_share_their_room():
    room = Room(10)
    first, second = FileLedger(room, rewrites=True), FileLedger(room, rewrites=True)
    first.passed(5, bytes(8))
    second.passed(5, bytes(8))
    assert (first.why, second.why) == ("", ledger.SCATTERED)


def test_an_upload_that_was_not_closed_is_partial_even_when_all_passed():
    follower = FileLedger(Room(), rewrites=True)
    follower.passed(0, b"all")
    assert entry(follower, 3, closed=False).words == ledger.CUT
