"""Pointer updates ([MS-RDPBCGR] 2.2.9.1.1.4, 2.2.9.1.2.1.5 to .11): shape and place of the target's mouse pointer."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from gateway.rdp.fastpath import UpdateCode
from gateway.rdp.octets import Reader

SYSTEM_NULL: Final = 0x00000000
SYSTEM_DEFAULT: Final = 0x00007F00
SIDE_MOST: Final = 384  # pixels; more than any client shows
DEPTHS: Final = (1, 4, 8, 16, 24, 32)  # of a new pointer's colours
COLOR_DEPTH: Final = 24  # of a colour pointer, which does not say it


class Message(IntEnum):
    """messageType of the slow path."""

    SYSTEM = 1
    POSITION = 3
    COLOR = 6
    CACHED = 7
    POINTER = 8


@dataclass(frozen=True, slots=True)
class System:
    """SYSTEM_NULL hides the pointer, SYSTEM_DEFAULT is the client's arrow."""

    pointer: int


@dataclass(frozen=True, slots=True)
class Position:
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Cached:
    index: int


@dataclass(frozen=True, slots=True)
class Shape:
    """TS_COLORPOINTERATTRIBUTE, with its depth; rows of both masks run from the bottom, filled up to two octets."""

    index: int
    hot_x: int
    hot_y: int
    width: int
    height: int
    bpp: int
    xor: bytes
    mask: bytes

    def encode(self) -> bytes:
        sides = (self.index, self.hot_x, self.hot_y, self.width, self.height)
        return struct.pack("<7H", *sides, len(self.mask), len(self.xor)) + self.xor + self.mask

    @classmethod
    def read(cls, src: Reader, bpp: int) -> Shape:
        """What follows the masks is padding."""
        index, hot_x, hot_y, width, height = (src.u16le() for _ in range(5))
        masked, coloured = src.u16le(), src.u16le()
        if bpp not in DEPTHS:
            raise src.fail(f"{bpp} bits a pixel")
        if max(width, height) > SIDE_MOST:
            raise src.fail(f"{width} x {height} pixels, must be {SIDE_MOST} or less either way")
        for length, depth in ((masked, 1), (coloured, bpp)):
            if length and length < _row(width, depth) * height:
                raise src.fail(f"a mask of {length} octets, must be {_row(width, depth) * height}")
        return cls(index, hot_x, hot_y, width, height, bpp, src.take(coloured), src.take(masked))


Pointer: TypeAlias = System | Position | Cached | Shape


def _row(width: int, bpp: int) -> int:
    """Octets of a row of a mask."""
    return (width * bpp + 15) // 16 * 2


def decode_slow(body: bytes) -> Pointer:
    """The body of a slow-path Pointer PDU.

    Raises:
        RemoteProtocolError: an unknown message, truncated, a shape too large or with masks too short for it.
    """
    src = Reader(body, "pointer")
    kind = src.u16le()
    src.u16le()
    if kind == Message.SYSTEM:
        return System(src.u32le())
    if kind == Message.POSITION:
        return Position(src.u16le(), src.u16le())
    if kind == Message.CACHED:
        return Cached(src.u16le())
    if kind == Message.COLOR:
        return Shape.read(src, COLOR_DEPTH)
    if kind == Message.POINTER:
        return Shape.read(src, src.u16le())
    raise src.fail(f"unknown message {kind}")


def decode_fast(code: int, data: bytes) -> Pointer:
    """The data of a fast-path pointer update; raises as `decode_slow`."""
    src = Reader(data, "pointer")
    if code == UpdateCode.POINTER_NULL:
        return System(SYSTEM_NULL)
    if code == UpdateCode.POINTER_DEFAULT:
        return System(SYSTEM_DEFAULT)
    if code == UpdateCode.POINTER_POSITION:
        return Position(src.u16le(), src.u16le())
    if code == UpdateCode.POINTER_CACHED:
        return Cached(src.u16le())
    if code == UpdateCode.POINTER_COLOR:
        return Shape.read(src, COLOR_DEPTH)
    if code == UpdateCode.POINTER_NEW:
        return Shape.read(src, src.u16le())
    raise src.fail(f"update code {code} is no pointer")
