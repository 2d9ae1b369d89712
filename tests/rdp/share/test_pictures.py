"""Bitmaps: planar and plain, read and made; tiles at their true size; interleaved RLE as a reference."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import bitmap, fastpath, planar, rle
from gateway.rdp.bitmap import Rectangle
from gateway.rdp.fastpath import Fragmentation, Update, UpdateCode
from gateway.rdp.share import PduType2, ShareData
from tests.rdp.share.twins import Joined, joined


@st.composite
def pictures(draw, most: int = 70):
    """RGB pixels that have runs, repeated rows and noise."""
    width, height = draw(st.integers(1, most)), draw(st.integers(1, 12))
    row = st.lists(st.tuples(st.sampled_from([0, 1, 127, 128, 255, 77]), st.integers(1, 50)), min_size=1, max_size=9)

    def plane() -> bytes:
        rows: list[bytes] = []
        while len(rows) < height:
            made = b"".join(bytes((value,)) * count for value, count in draw(row))
            rows += [(made * (width // len(made) + 1))[:width]] * draw(st.integers(1, 4))
        return b"".join(rows[:height])

    pixels = bytearray(3 * width * height)
    for colour in range(3):
        pixels[colour::3] = plane()
    return bytes(pixels), width, height


def planes(pixels: bytes) -> tuple[bytes, bytes, bytes]:
    return pixels[0::3], pixels[1::3], pixels[2::3]


@given(pictures())
def test_a_planar_bitmap_comes_back(made: tuple[bytes, int, int]):
    pixels, width, height = made
    data = planar.encode(*planes(pixels), width)
    assert data[0] == 0x10
    assert planar.decode(data, width, height) == pixels


@given(st.binary(min_size=3 * 64 * 3, max_size=3 * 64 * 3))
@settings(max_examples=30)
def test_noise_comes_back_too(pixels: bytes):
    data = planar.encode(*planes(pixels), 64)
    assert planar.decode(data, 64, 3) == pixels
    assert len(data) < 3 * 64 * 3 * 16 / 15 + 3 * 16 + 3 * 8


def test_the_example_of_the_specification_reads():
    # [MS-RDPEGDI] 3.1.9.2: a row of values, then two of differences to the row below
    first = bytes.fromhex("13 ff 20 fe fd")
    second = bytes.fromhex("60 01 7d f5 c2 9a 38")
    third = bytes.fromhex("60 01 67 8b a3 78 af")
    plane = first + second + third
    pixels = planar.decode(b"\x30" + plane * 3, 6, 3)
    expected = [[253, 140, 62, 14, 135, 193], [254, 192, 132, 96, 75, 25], [255, 255, 255, 255, 254, 253]]
    assert list(pixels[0::3]) == [value for row in expected for value in row]
    assert pixels[0::3] == pixels[1::3] == pixels[2::3]


def test_raw_planes_read_with_and_without_alpha():
    red, green, blue = b"\x01\x02", b"\x03\x04", b"\x05\x06"
    assert planar.decode(b"\x20" + red + green + blue + b"\0", 1, 2) == bytes((2, 4, 6, 1, 3, 5))
    assert planar.decode(b"\x00" + b"\xff\xff" + red + green + blue, 1, 2) == bytes((2, 4, 6, 1, 3, 5))


@pytest.mark.parametrize(
    ("data", "width"),
    [(b"", 4), (b"\x11", 4), (b"\x18", 4), (b"\x10", 4), (b"\x20\0", 4), (b"\x30\x50abcde", 4), (b"\x30\x00", 4),
     (b"\x30\x05", 4), (b"\x10", 0), (b"\x10", 9000)],
)  # fmt: skip
def test_planar_data_that_cannot_be_is_refused(data: bytes, width: int):
    with pytest.raises(RemoteProtocolError):
        planar.decode(data, width, 1)


@given(st.binary(max_size=120), st.integers(0, 20), st.integers(0, 20), st.sampled_from([8, 15, 16, 24, 32]))
def test_any_octets_are_a_picture_or_refused(data: bytes, width: int, height: int, bpp: int):
    with contextlib.suppress(RemoteProtocolError):
        assert len(planar.decode(data, width, height)) == 3 * width * height
    with contextlib.suppress(RemoteProtocolError):
        assert len(rle.decode(data, width, height, bpp)) == width * height
    with contextlib.suppress(RemoteProtocolError):
        rectangles = bitmap.decode(data)
        assert bitmap.encode(rectangles) == data


def plain(one: Rectangle) -> bytes:
    """RGB of a raw bitmap, as a client scales it up; low bits are lost on the way."""
    octets = (one.bpp + 7) // 8
    row = octets * one.width
    rows = [one.data[at : at + row] for at in range(len(one.data) - row, -1, -row)]
    out = bytearray()
    for line in rows:
        for at in range(0, octets * (one.right - one.left + 1), octets):
            value = int.from_bytes(line[at : at + octets], "little")
            if one.bpp == 24:
                out += bytes((value >> 16, value >> 8 & 0xFF, value & 0xFF))
            else:
                green = 6 if one.bpp == 16 else 5
                parts = (value >> 5 + green & 31) << 3, (value >> 5 & (1 << green) - 1) << 8 - green, (value & 31) << 3
                out += bytes(parts)
    return bytes(out)


@given(pictures(most=140), st.sampled_from([15, 16, 24, 32]))
@settings(max_examples=40)
def test_a_picture_is_made_of_tiles_that_show_all_of_it(made: tuple[bytes, int, int], bpp: int):
    pixels, width, height = made
    masks = {15: (0xF8, 0xF8, 0xF8), 16: (0xF8, 0xFC, 0xF8), 24: (255, 255, 255), 32: (255, 255, 255)}[bpp]
    shown = bytearray(len(pixels))
    for update in bitmap.picture(pixels, width, height, 5, 7, bpp):
        for one in bitmap.decode(update):
            tile = plain(one) if bpp != 32 else bitmap.pixels_of(one)
            wide = one.right - one.left + 1
            assert one.width == wide or bpp != 32
            for row in range(one.height):
                at = 3 * ((one.top - 7 + row) * width + one.left - 5)
                shown[at : at + 3 * wide] = tile[3 * wide * row : 3 * wide * (row + 1)]
    assert shown == bytes(value & masks[at % 3] for at, value in enumerate(pixels))


@pytest.mark.parametrize(("size", "bpp"), [((2, 2), 32), ((0, 0), 32), ((4, 1), 8)])
def test_our_own_mistakes_with_pictures_are_errors_of_ours(size: tuple[int, int], bpp: int):
    with pytest.raises(LocalProtocolError):
        bitmap.picture(bytes(3 * 4 * (size[0] == 4)), *size, bpp=bpp)


def tile(width: int, height: int, shown: tuple[int, int], at: tuple[int, int] = (0, 0)) -> tuple[Rectangle, bytes]:
    """A padded planar tile as xrdp sends it, and what of it is to be seen."""
    pixels = bytes((x * 3 + y * 5 + c * 7) & 0xFF for y in range(height) for x in range(width) for c in range(3))
    corner = (*at, at[0] + shown[0] - 1, at[1] + shown[1] - 1)
    one = Rectangle(*corner, width, height, 32, 0x401, planar.encode(*planes(pixels), width))
    seen = b"".join(pixels[3 * width * y : 3 * (width * y + shown[0])] for y in range(shown[1]))
    return one, seen


def exact(joint: Joined, update: bytes, *, fast: bool) -> dict[tuple[int, int], bytes]:
    if fast:
        half = len(update) // 2
        for kind, part in ((Fragmentation.FIRST, update[:half]), (Fragmentation.LAST, update[half:])):
            joint.target.out.append(fastpath.encode([Update(UpdateCode.BITMAP, kind, part)]))
    else:
        joint.target.say(ShareData(joint.target.share, PduType2.UPDATE, update).encode(1002))
    joint.settle()
    return joint.client.screen


@pytest.mark.parametrize("fast", [True, False])
def test_padded_tiles_are_made_anew_at_their_true_size(fast: bool):
    """rdp-hold.md 4.2: IronRDP draws them wrongly, and its page crashes on one at the edge."""
    padded, seen = tile(16, 10, (13, 9), (304, 231))
    whole, all_of_it = tile(16, 10, (16, 10))
    joint = joined(exact_tiles=True)
    screen = exact(joint, bitmap.encode([whole, padded]), fast=fast)
    assert screen == {(0, 0): all_of_it, (304, 231): seen}
    assert not joint.bridge.mid_fragment


def test_a_tile_over_the_edge_of_the_desktop_is_cut_off():
    wide, _ = tile(16, 10, (16, 10), (310, 235))
    outside, _ = tile(16, 10, (16, 10), (330, 0))
    made = bitmap.exact([wide, outside], 320, 240) or []
    assert [(one.right, one.bottom, one.width, one.height) for one in made] == [(319, 239, 10, 5)]


@pytest.mark.parametrize("fast", [True, False])
def test_a_tile_of_which_nothing_is_to_be_seen_does_not_reach_a_browser(fast: bool):
    outside, _ = tile(16, 10, (13, 9), (330, 0))
    assert exact(joined(exact_tiles=True), bitmap.encode([outside]), fast=fast) == {}


def test_raw_tiles_with_padding_are_made_anew():
    data = bytes(4 * 4 * 2)
    one = Rectangle(0, 0, 2, 1, 4, 2, 32, 0, data)
    assert [bitmap.pixels_of(made) for made in bitmap.exact([one], 320, 240) or []] == [bytes(3 * 3 * 2)]
    with pytest.raises(RemoteProtocolError):
        bitmap.exact([Rectangle(0, 0, 2, 1, 4, 2, 32, 0, data[:-1])], 320, 240)


def test_tiles_that_fit_stay_as_they_are():
    joint = joined(exact_tiles=True)
    whole, seen = tile(16, 10, (16, 10))
    assert bitmap.exact([whole], 320, 240) is None
    assert exact(joint, bitmap.encode([whole]), fast=True) == {(0, 0): seen}
    assert exact(joint, bitmap.encode([whole]), fast=False) == {(0, 0): seen}
    assert joint.client.assembly.open is False


def test_a_kill_inside_an_update_leaves_a_browser_whole():
    joint = joined(exact_tiles=True)
    joint.target.out.append(fastpath.encode([Update(UpdateCode.BITMAP, Fragmentation.FIRST, bytes(9))]))
    joint.settle()
    assert joint.bridge.can_draw
    joint.bridge.ended()
    assert joint.acceptor.releasable


@pytest.mark.parametrize(
    ("octets", "bpp", "pixels"),
    [
        ("64 34 12", 16, [0x1234] * 4),  # colour run of 4
        ("84 0100 0200 0300 0400", 16, [3, 4, 1, 2]),  # colour image, bottom row first
        ("04", 16, [0] * 4),  # background run of 4: black below the first row
        ("02 02", 16, [0, 0, 0, 0]),  # two runs, the first ends the first row: no pixel between them
        ("01 03", 16, [0, 0xFFFF, 0, 0xFFFF]),  # two runs inside: a foreground pixel between
        ("24", 15, [0, 0, 0x7FFF, 0x7FFF]),  # foreground run: the second row changes the first
        ("c4 11", 8, [0, 0, 0x11, 0x11]),  # set foreground, then run
        ("fd fe 62 05 00", 16, [5, 5, 0xFFFF, 0]),
        ("f3 0400 aabbcc", 24, [0xCCBBAA] * 4),  # mega mega colour run
        ("e2 01 02", 8, [1, 2, 1, 2]),  # dithered run of two pairs
        ("40 03 05", 8, [0, 0, 0xFF, 0]),  # fgbg image of 4: the mask changes what lies below
    ],
)
def test_samples_of_interleaved_rle(octets: str, bpp: int, pixels: list[int]):
    assert rle.decode(bytes.fromhex(octets), 2, 2, bpp) == pixels
