"""Bitmap updates ([MS-RDPBCGR] 2.2.9.1.1.3.1.2): read cheaply, and made for the gateway's own pictures.

An update is TS_UPDATE_BITMAP_DATA from its updateType on; slow and fast path carry the same octets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import planar
from gateway.rdp.share import UpdateType

BITMAP_COMPRESSION: Final = 0x0001
NO_BITMAP_COMPRESSION_HDR: Final = 0x0400
COMPRESSION_HDR: Final = 8  # TS_CD_HEADER, there when the flag above is not
DEPTHS: Final = (8, 15, 16, 24, 32)
UPDATE_MOST: Final = 15_000  # octets of an update of ours: with its headers within the 16383 of MCS
SLOW_MOST: Final = 16_365  # octets of an update that fit into one MCS PDU: 16383 less share headers
TILE_WIDTH: Final = 64
TILE_HEIGHT: Final = 48
_HEAD: Final = struct.Struct("<9H")
_PIXELS_WHOLE: Final = {15: 2, 16: 2, 24: 4}  # pixels that fill whole groups of four octets, as rows must (raw only)
_FIELDS: Final = {
    15: (
        bytes(v >> 3 for v in range(256)),  # blue
        bytes((v >> 3 << 5) & 0xFF for v in range(256)),  # green, low part
        bytes(v >> 6 for v in range(256)),  # green, high part
        bytes(v >> 3 << 2 for v in range(256)),  # red
    ),
    16: (
        bytes(v >> 3 for v in range(256)),
        bytes((v >> 2 << 5) & 0xFF for v in range(256)),
        bytes(v >> 5 for v in range(256)),
        bytes(v >> 3 << 3 for v in range(256)),
    ),
}


@dataclass(frozen=True, slots=True)
class Rectangle:
    """TS_BITMAP_DATA. right and bottom are inclusive; the bitmap may be wider and higher than the rectangle."""

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int
    bpp: int
    flags: int
    data: bytes

    def encode(self) -> bytes:
        sides = (self.left, self.top, self.right, self.bottom, self.width, self.height)
        return _HEAD.pack(*sides, self.bpp, self.flags, len(self.data)) + self.data


Head = tuple[int, int, int, int, int, int, int, int, int]  # the nine numbers before the pixels, bitmapLength last


def heads(update: bytes) -> list[Head]:
    """What stands before the pixels of each rectangle: all that the way to the client has to know, and cheap.

    Raises:
        RemoteProtocolError: another update, truncated, octets left, an empty rectangle or one larger than its
            bitmap, an unknown depth.
    """
    if len(update) < 4 or int.from_bytes(update[:2], "little") != UpdateType.BITMAP:
        raise RemoteProtocolError("bitmap update: truncated, or another type")
    found, at, size = [], 4, len(update)
    for _ in range(int.from_bytes(update[2:4], "little")):
        if at + _HEAD.size > size:
            raise RemoteProtocolError("bitmap update: truncated")
        head = left, top, right, bottom, width, height, bpp, _, length = _HEAD.unpack_from(update, at)
        if right < left or bottom < top or width < right - left + 1 or height < bottom - top + 1:
            words = f"rectangle {left},{top} to {right},{bottom} of a bitmap of {width} x {height}"
            raise RemoteProtocolError(f"bitmap update: {words}")
        if bpp not in DEPTHS:
            raise RemoteProtocolError(f"bitmap update: {bpp} bits a pixel")
        found.append(head)
        at += _HEAD.size + length
    if at != size:
        raise RemoteProtocolError(f"bitmap update: {size} octets, must be {at}")
    return found


def decode(update: bytes) -> list[Rectangle]:
    """The rectangles of an update; their pixels are not looked at. Raises as `heads`."""
    return cut(heads(update), update)


def cut(walked: Iterable[Head], update: bytes) -> list[Rectangle]:
    """The rectangles of an update whose `heads` are these."""
    found, at = [], 4
    for head in walked:
        at += _HEAD.size
        found.append(Rectangle(*head[:8], update[at : at + head[8]]))
        at += head[8]
    return found


def encode(rectangles: Iterable[Rectangle]) -> bytes:
    parts = [one.encode() for one in rectangles]
    return struct.pack("<HH", UpdateType.BITMAP, len(parts)) + b"".join(parts)


def grouped(rectangles: Iterable[Rectangle], most: int = UPDATE_MOST) -> list[bytes]:
    """Updates of at most `most` octets; one rectangle that is longer stands alone."""
    updates: list[bytes] = []
    group: list[Rectangle] = []
    octets = 4
    for one in rectangles:
        length = _HEAD.size + len(one.data)
        if group and octets + length > most:
            updates.append(encode(group))
            group, octets = [], 4
        group.append(one)
        octets += length
    if group:
        updates.append(encode(group))
    return updates


def picture(pixels: bytes, width: int, height: int, x: int = 0, y: int = 0, bpp: int = 32) -> list[bytes]:
    """Updates that draw RGB pixels (3 octets each, rows from the top) with the left upper corner at x, y.

    Planar at 32 bits a pixel, plain at 15, 16 and 24. Every tile is as wide as its rectangle at 32: clients have been
    seen to draw others wrongly, or to crash.
    """
    return grouped(tiles(pixels, width, height, x, y, bpp))


def tiles(pixels: bytes, width: int, height: int, x: int, y: int, bpp: int) -> list[Rectangle]:
    if len(pixels) != 3 * width * height or not pixels:
        raise LocalProtocolError(f"picture: {len(pixels)} octets, must be {3 * width * height}")
    if bpp != 32 and bpp not in _PIXELS_WHOLE:
        raise LocalProtocolError(f"picture: {bpp} bits a pixel, must be 15, 16, 24 or 32")
    if max(x + width, y + height) > 0x10000 or min(x, y) < 0:
        raise LocalProtocolError(f"picture: {width} x {height} at {x},{y}")
    planes = pixels[0::3], pixels[1::3], pixels[2::3]
    found = []
    for top in range(0, height, TILE_HEIGHT):
        high = min(TILE_HEIGHT, height - top)
        for left in range(0, width, TILE_WIDTH):
            wide = min(TILE_WIDTH, width - left)
            starts = range(top * width + left, (top + high) * width + left, width)
            red, green, blue = (b"".join([plane[at : at + wide] for at in starts]) for plane in planes)
            if bpp == 32:
                padded, flags = wide, BITMAP_COMPRESSION | NO_BITMAP_COMPRESSION_HDR
                data = planar.encode(red, green, blue, wide)
            else:
                padded, flags = wide + -wide % _PIXELS_WHOLE[bpp], 0
                data = _plain(red, green, blue, wide, padded, bpp)
            corner = (x + left, y + top, x + left + wide - 1, y + top + high - 1)
            found.append(Rectangle(*corner, padded, high, bpp, flags, data))
    return found


def exact(rectangles: Iterable[Rectangle], width: int, height: int) -> list[Rectangle] | None:
    """The same picture with no bitmap wider or higher than its rectangle, nor than a desktop of that size.

    None when nothing had to be changed. Only 32 bits a pixel are made anew; others stay.

    Raises:
        RemoteProtocolError: a bitmap that has to be made anew cannot be read.
    """
    made: list[Rectangle] = []
    changed = False
    for one in rectangles:
        right, bottom = min(one.right, width - 1), min(one.bottom, height - 1)
        if one.bpp != 32 or (one.width == right - one.left + 1 and one.height == bottom - one.top + 1):
            made.append(one)
            continue
        changed = True
        wide, high = right - one.left + 1, bottom - one.top + 1
        if wide > 0 and high > 0:
            whole, row = pixels_of(one), 3 * one.width
            seen = b"".join([whole[at : at + 3 * wide] for at in range(0, row * high, row)])
            made += tiles(seen, wide, high, one.left, one.top, 32)
    return made if changed else None


def pixels_of(one: Rectangle) -> bytes:
    """RGB of a bitmap of 32 bits a pixel, rows from the top.

    Raises:
        RemoteProtocolError: it cannot be read.
    """
    if one.bpp != 32:
        raise LocalProtocolError(f"bitmap: {one.bpp} bits a pixel, must be 32")
    if one.flags & BITMAP_COMPRESSION:
        start = 0 if one.flags & NO_BITMAP_COMPRESSION_HDR else COMPRESSION_HDR
        return planar.decode(one.data[start:], one.width, one.height)
    row = 4 * one.width
    if len(one.data) < row * one.height:
        raise RemoteProtocolError(f"bitmap: {len(one.data)} octets of raw data, must be {row * one.height}")
    turned = b"".join([one.data[at : at + row] for at in range(row * (one.height - 1), -1, -row)])
    pixels = bytearray(3 * one.width * one.height)
    pixels[0::3], pixels[1::3], pixels[2::3] = turned[2::4], turned[1::4], turned[0::4]
    return bytes(pixels)


def _plain(red: bytes, green: bytes, blue: bytes, width: int, padded: int, bpp: int) -> bytes:
    """Raw pixels, rows from the bottom, each row filled up with black to `padded` pixels."""
    if bpp == 24:
        octets = [blue, green, red]
    else:
        # 16: rrrrrggg gggbbbbb; 15: xrrrrrgg gggbbbbb, low octet first
        fields = _FIELDS[bpp]
        octets = [_either(blue.translate(fields[0]), green.translate(fields[1]))]
        octets.append(_either(green.translate(fields[2]), red.translate(fields[3])))
    pixels = bytearray(len(octets) * len(red))
    for number, plane in enumerate(octets):
        pixels[number :: len(octets)] = plane
    row, fill = len(octets) * width, bytes(len(octets) * (padded - width))
    return b"".join([pixels[at : at + row] + fill for at in range(len(pixels) - row, -1, -row)])


def _either(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") | int.from_bytes(other, "little")).to_bytes(len(one), "little")
