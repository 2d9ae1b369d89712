"""Frames out of a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.octets import Reader
from gateway.rdp.tpkt import Frame, FrameKind, Framer, tpkt


def fast(payload: bytes, *, long: bool = False) -> bytes:
    """A fast-path PDU; `long` takes the length of two octets even where one would do."""
    if not long and len(payload) + 2 < 0x80:
        return bytes((0, len(payload) + 2)) + payload
    return b"\x00" + (0x8000 | len(payload) + 3).to_bytes(2, "big") + payload


def test_a_tpkt_has_its_length_in_its_header() -> None:
    assert tpkt(b"\x02\xf0\x80\x28") == bytes.fromhex("03 00 00 08 02 f0 80 28")  # 4.1.6


def test_slow_path_and_fast_path_come_mixed() -> None:
    stream = tpkt(b"abc") + fast(b"x") + fast(b"y" * 200) + fast(b"z", long=True) + tpkt(b"d" * 300)
    frames = Framer().feed(stream)
    assert [frame.kind for frame in frames] == [
        FrameKind.SLOW, FrameKind.FAST, FrameKind.FAST, FrameKind.FAST, FrameKind.SLOW,
    ]  # fmt: skip
    assert b"".join(frame.data for frame in frames) == stream


PIECES = st.lists(
    st.one_of(st.binary(min_size=3, max_size=300).map(tpkt), st.binary(min_size=1, max_size=300).map(fast)), max_size=8
)


@given(PIECES, st.lists(st.integers(1, 40), max_size=60))
def test_however_the_stream_is_cut_the_frames_are_the_same(pieces: list[bytes], sizes: list[int]) -> None:
    stream, framer, found, at = b"".join(pieces), Framer(), [], 0
    for size in [*sizes, len(stream) + 1]:
        found += framer.feed(stream[at : at + size])
        at += size
    assert [frame.data for frame in found] == pieces
    assert framer.pending == 0


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_anything_at_all_gives_frames_or_is_refused(chunks: list[bytes]) -> None:
    framer, whole = Framer(most=256), b""
    try:
        for chunk in chunks:
            whole += b"".join(frame.data for frame in framer.feed(chunk))
    except RemoteProtocolError:
        return
    assert b"".join(chunks).startswith(whole)
    assert framer.pending == sum(map(len, chunks)) - len(whole)


@pytest.mark.parametrize(
    "data",
    [
        "01", "02", "07", "ff",  # neither TPKT nor fast-path
        "03 00 00 00", "03 00 00 04", "03 00 00 06",  # shorter than any TPDU
        "00 00", "00 02", "00 80 03", "04 01",  # shorter than its own header, or with nothing in it
    ],
)  # fmt: skip
def test_a_length_that_cannot_be_is_refused(data: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Framer().feed(bytes.fromhex(data))


def test_threat_5_a_long_length_is_refused_before_its_octets_come() -> None:
    framer = Framer(most=1024)
    assert framer.feed(b"\x03\x00\x04\x00") == []
    for header in (b"\x03\x00\x04\x01", b"\x00\xff\xff"):
        with pytest.raises(RemoteProtocolError, match="1024 or less"):
            Framer(most=1024).feed(header)


def test_a_lost_stream_stays_lost() -> None:
    framer = Framer()
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            framer.feed(b"\x01")


def test_we_do_not_write_a_tpkt_that_cannot_be() -> None:
    assert len(tpkt(bytes(65531))) == 65535
    for payload in (b"", b"ab", bytes(65532)):
        with pytest.raises(LocalProtocolError):
            tpkt(payload)


def test_a_reader_takes_what_is_there_and_no_more() -> None:
    src = Reader(bytes(range(1, 12)), "thing")
    assert (src.u8(), src.u16le(), src.u32le(), src.u16be()) == (1, 0x302, 0x7060504, 0x809)
    assert src.left == 2
    with pytest.raises(RemoteProtocolError, match="thing: truncated, 4 octets expected, 2 left"):
        src.u32le()
    with pytest.raises(RemoteProtocolError, match="thing: 2 octets after the end"):
        src.end()
    with pytest.raises(RemoteProtocolError):
        src.take(-1)  # a length less a header may be negative: never go back
    assert src.rest() == b"\x0a\x0b"
    src.end()


def test_a_frame_is_a_value() -> None:
    assert Frame(FrameKind.FAST, b"a") == Frame(FrameKind.FAST, b"a")
