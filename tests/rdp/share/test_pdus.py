"""Share PDUs, capability sets, fast-path updates, pointers, coverage, error codes: samples, round trips, refusals."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import capabilities, error_info, fastpath, pointer, share
from gateway.rdp.capabilities import Abilities, Bitmap, Capability, Kind, restricted
from gateway.rdp.coverage import Coverage
from gateway.rdp.fastpath import Fragmentation, Update, UpdateCode
from gateway.rdp.pointer import Cached, Position, Shape, System
from gateway.rdp.share import ConfirmActive, DemandActive, PduType, PduType2, ShareControl, ShareData

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
AREA = st.tuples(U16, U16, U16, U16)
SETS = st.lists(st.builds(Capability, U16, st.binary(max_size=90)), max_size=20).map(tuple)
BODIES = st.one_of(
    st.builds(share.Synchronize, U16, U16),
    st.builds(share.Control, U16, U16, U32),
    st.builds(share.FontList, U16, U16, U16, U16),
    st.builds(share.FontMap, U16, U16, U16, U16),
    st.builds(share.SetErrorInfo, U32),
    st.builds(share.RefreshRect, st.lists(AREA, max_size=255).map(tuple)),
    st.builds(share.SuppressOutput, st.none() | AREA),
)


def test_a_synchronize_is_written_as_in_the_specification():
    # [MS-RDPBCGR] 4.1.14: annotated Client Synchronize, without its security header
    sample = bytes.fromhex("1600 1700 ef03  ea03 0100 00 01 0800 1f 00 0000  0100 ea03")
    assert share.data(0x000103EA, 1007, share.Synchronize(1, 1002)) == sample
    (control,) = share.split_control(sample)
    assert (control.kind, control.source) == (PduType.DATA, 1007)
    assert ShareData.decode(control.body) == ShareData(0x000103EA, PduType2.SYNCHRONIZE, bytes.fromhex("0100ea03"))


@given(U32, U16, BODIES)
def test_share_data_comes_back(number: int, source: int, pdu: share.DataBody):
    (control,) = share.split_control(share.data(number, source, pdu))
    data = ShareData.decode(control.body)
    assert (control.source, data.share, data.kind) == (source, number, pdu.KIND)
    assert type(pdu).decode(data.body) == pdu


@given(U32, st.binary(max_size=20), SETS)
def test_demand_and_confirm_active_come_back(number: int, source: bytes, sets: tuple[Capability, ...]):
    demand = DemandActive(number, source, sets)
    assert DemandActive.decode(demand.encode()) == demand
    bare = DemandActive(number, source, sets, b"")
    assert DemandActive.decode(bare.encode()) == bare
    confirm = ConfirmActive(number, source, sets)
    assert ConfirmActive.decode(confirm.encode()) == confirm


@given(st.lists(st.builds(ShareControl, st.integers(0, 15), U16, st.binary(max_size=30)), min_size=1, max_size=5))
def test_several_share_control_pdus_in_one_packet_come_apart(controls: list[ShareControl]):
    assert share.split_control(b"".join(one.encode() for one in controls)) == controls


@given(st.binary(max_size=120))
def test_any_octets_are_a_pdu_or_refused(data: bytes):
    decoders = [
        share.split_control, ShareData.decode, DemandActive.decode, ConfirmActive.decode, share.Synchronize.decode,
        share.Control.decode, share.FontList.decode, share.FontMap.decode, share.SetErrorInfo.decode,
        share.RefreshRect.decode, share.SuppressOutput.decode, capabilities.split, fastpath.decode,
        pointer.decode_slow, lambda octets: pointer.decode_fast(octets[0] if octets else 5, octets[1:]),
    ]  # fmt: skip
    for decode in decoders:
        with contextlib.suppress(RemoteProtocolError):
            decode(data)


@given(SETS)
def test_whatever_is_offered_only_known_sets_pass_and_the_harmful_parts_are_off(sets: tuple[Capability, ...]):
    with contextlib.suppress(RemoteProtocolError):
        for one in restricted(sets, 32):
            assert one.kind in set(Kind)


@pytest.mark.parametrize("kind", [4, 18, 19, 21, 22, 23, 24, 25, 27, 28, 29, 30, 31, 99])
def test_sets_that_are_not_carried_are_cut(kind: int):
    assert restricted((Capability(kind, bytes(90)),)) == ()


def test_each_carried_set_loses_what_may_not_be_negotiated():
    ones = b"\xff" * 90
    bodies = {Kind(one.kind): one.body for one in restricted([Capability(kind, ones) for kind in Kind], 32)}
    general = struct.unpack("<9HBB", bodies[Kind.GENERAL][:20])
    assert general[4] == general[8] == 0  # compression
    assert general[5] == 0xFFFF & ~8  # auto-reconnect
    assert (bodies[Kind.BITMAP][:2], bodies[Kind.BITMAP][19]) == (b"\x20\0", 0)
    assert bodies[Kind.ORDER][32:64] == bytes(32)
    assert int.from_bytes(bodies[Kind.ORDER][30:32], "little") == 0xFFFF & ~0x80
    assert bodies[Kind.ORDER][66:68] == bytes(2)
    assert int.from_bytes(bodies[Kind.INPUT][:2], "little") == 0x13D
    assert bodies[Kind.GLYPH_CACHE][44:46] == bytes(2)
    assert bodies[Kind.OFFSCREEN_CACHE][:4] == bytes(4)
    assert bodies[Kind.VIRTUAL_CHANNEL] == struct.pack("<II", 0, 1600)
    assert bodies[Kind.POINTER] == ones


def test_our_own_sets_say_what_we_can():
    abilities = Abilities.of(capabilities.demanded(800, 600, 16))
    assert abilities.bitmap == Bitmap(16, 800, 600)
    assert abilities.refresh_rect
    assert abilities.suppress_output
    once = restricted(capabilities.demanded(800, 600, 16))
    assert restricted(once) == once


def test_who_says_nothing_can_nothing():
    assert Abilities.of(()) == Abilities(None, False, False, 0)


@pytest.mark.parametrize("octets", ["0100 0000 0100 0300", "0200 0000 0100 0400", "0000 0000 00", "01"])
def test_torn_capability_lists_are_refused(octets: str):
    with pytest.raises(RemoteProtocolError):
        capabilities.split(bytes.fromhex(octets))


UPDATES = st.builds(Update, st.integers(0, 15), st.sampled_from(Fragmentation), st.binary(max_size=200))


@given(st.lists(UPDATES, min_size=1, max_size=6))
def test_fast_path_updates_come_back(updates: list[Update]):
    assert fastpath.decode(fastpath.encode(updates)) == updates


@given(st.binary(max_size=400), st.integers(1, 90))
def test_fragments_are_put_together_again(data: bytes, most: int):
    assembly = fastpath.Assembly()
    pdus = fastpath.fragments(UpdateCode.BITMAP, data, most)
    whole = [assembly.feed(update) for pdu in pdus for update in fastpath.decode(pdu)]
    assert whole == [None] * (len(pdus) - 1) + [data]
    assert not assembly.open


def test_a_pdu_of_ours_that_is_too_long_is_our_error():
    with pytest.raises(LocalProtocolError):
        fastpath.encode([Update(1, Fragmentation.SINGLE, bytes(40_000))])
    with pytest.raises(LocalProtocolError):
        ShareControl(PduType.DATA, 1002, bytes(0x8000)).encode()


@pytest.mark.parametrize(
    "octets", ["80 05 01 00 00", "03 06 01 00 00 00", "00 06 01 00 00", "00 06 01 02 00 00", "00 02"]
)
def test_encrypted_and_torn_updates_are_refused(octets: str):
    with pytest.raises(RemoteProtocolError):
        fastpath.decode(bytes.fromhex(octets))


SHAPE = Shape(3, 1, 2, 5, 2, 24, bytes(32), bytes(4))


@pytest.mark.parametrize(
    ("kind", "body", "code", "read"),
    [
        (1, struct.pack("<I", 0x7F00), UpdateCode.POINTER_DEFAULT, System(pointer.SYSTEM_DEFAULT)),
        (1, bytes(4), UpdateCode.POINTER_NULL, System(pointer.SYSTEM_NULL)),
        (3, struct.pack("<HH", 7, 8), UpdateCode.POINTER_POSITION, Position(7, 8)),
        (7, struct.pack("<H", 9), UpdateCode.POINTER_CACHED, Cached(9)),
        (6, SHAPE.encode(), UpdateCode.POINTER_COLOR, SHAPE),
        (8, struct.pack("<H", 24) + SHAPE.encode() + b"\0", UpdateCode.POINTER_NEW, SHAPE),
    ],
)
def test_pointers_read_the_same_on_both_paths(kind: int, body: bytes, code: UpdateCode, read: pointer.Pointer):
    assert pointer.decode_slow(struct.pack("<HH", kind, 0) + body) == read
    assert pointer.decode_fast(code, body) == read


RECT = st.tuples(st.integers(-5, 40), st.integers(-5, 40), st.integers(-5, 40), st.integers(-5, 40))


@given(st.integers(0, 30), st.integers(0, 20), st.lists(RECT, max_size=12))
def test_coverage_is_complete_when_every_pixel_was_painted_and_not_before(width: int, height: int, rects: list):
    coverage = Coverage(width, height)
    assert coverage.complete
    coverage.begin()
    missing = {(x, y) for x in range(width) for y in range(height)}
    for left, top, right, bottom in rects:
        coverage.painted(left, top, right, bottom)
        missing -= {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}
        assert coverage.complete == (not missing)
    coverage.painted(0, 0, 0xFFFF, 0xFFFF)
    assert coverage.complete


@pytest.mark.parametrize("code", [*error_info.ErrorInfo, 0x10D, 0x10C9, 0x406, 0xDEADBEEF])
def test_every_error_code_is_a_sentence(code: int):
    words = error_info.words(code)
    assert words == "" if code == 0 else words.endswith(".") and words[0].isupper()


def test_the_usual_ends_have_words_of_their_own():
    assert error_info.words(0xC) == "The account was logged off on the target."
    assert "0x10ca" in error_info.words(0x10CA)
