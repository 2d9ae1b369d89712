"""Interleaved run-length coded bitmaps of 8, 15, 16 and 24 bits ([MS-RDPBCGR] 2.2.9.1.1.3.1.2.4, 3.1.9): to read only.

A reference: the gateway itself decodes no such picture. What plays recordings is held against it.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.rdp.octets import Reader

# Orders by their whole first octet; the regular and lite forms keep a length in its low bits.
REGULAR: Final = {0x00: "bg", 0x20: "fg", 0x40: "fgbg", 0x60: "color", 0x80: "image"}  # & 0xE0
LITE: Final = {0xC0: "set fg", 0xD0: "set fgbg", 0xE0: "dithered"}  # & 0xF0
MEGA: Final = {
    0xF0: "bg", 0xF1: "fg", 0xF2: "fgbg", 0xF3: "color", 0xF4: "image",
    0xF6: "set fg", 0xF7: "set fgbg", 0xF8: "dithered",
}  # fmt: skip
SPECIAL_1, SPECIAL_2, WHITE, BLACK = 0xF9, 0xFA, 0xFD, 0xFE
MASKS: Final = {"special 1": 0x03, "special 2": 0x05}
SIDE_MOST: Final = 0x2000
WHITE_PIXEL: Final = {8: 0xFF, 15: 0x7FFF, 16: 0xFFFF, 24: 0xFFFFFF}


class _Canvas:
    """Pixels from the bottom row on, as numbers."""

    def __init__(self, width: int, height: int, bpp: int) -> None:
        self.width, self.most = width, width * height
        self.pixels: list[int] = []
        self.octets = (bpp + 7) // 8
        self.white = self.foreground = WHITE_PIXEL[bpp]

    def add(self, pixel: int) -> None:
        if len(self.pixels) >= self.most:
            raise RemoteProtocolError("interleaved rle: more pixels than the bitmap has")
        self.pixels.append(pixel)

    @property
    def below(self) -> int:
        """The pixel under the next one; black under the first row."""
        at = len(self.pixels) - self.width
        return self.pixels[at] if at >= 0 else 0

    def masked(self, mask: int, count: int) -> None:
        """FGBG: a bit set lets the foreground colour change what lies below."""
        for bit in range(count):
            self.add(self.below ^ self.foreground if mask >> bit & 1 else self.below)


def decode(data: bytes, width: int, height: int, bpp: int) -> list[int]:
    """Pixel values, rows from the top.

    Raises:
        RemoteProtocolError: an unknown order, truncated, or not exactly the pixels of the bitmap.
    """
    if bpp not in WHITE_PIXEL or not (1 <= width <= SIDE_MOST and 1 <= height <= SIDE_MOST):
        raise RemoteProtocolError(f"interleaved rle: {width} x {height} pixels of {bpp} bits")
    src = Reader(data, "interleaved rle")
    canvas = _Canvas(width, height, bpp)
    after_background, first_row = False, True
    while src.left:
        if first_row and len(canvas.pixels) >= width:
            first_row = after_background = False
        order, count = _order(src)
        if order == "bg":
            _background(canvas, count, after_background)
        else:
            _draw(canvas, src, order, count)
        after_background = order == "bg"
    if len(canvas.pixels) != canvas.most:
        raise src.fail(f"{len(canvas.pixels)} pixels, must be {canvas.most}")
    rows = [canvas.pixels[at : at + width] for at in range(canvas.most - width, -1, -width)]
    return [pixel for row in rows for pixel in row]


def _order(src: Reader) -> tuple[str, int]:
    """What to do, and for how many pixels (pairs of them, dithered)."""
    head = src.u8()
    if head >= 0xF0:
        if head in (SPECIAL_1, SPECIAL_2):
            return ("special 1" if head == SPECIAL_1 else "special 2"), 8
        if head in (WHITE, BLACK):
            return ("white" if head == WHITE else "black"), 1
        if head not in MEGA:
            raise src.fail(f"unknown order {head:#04x}")
        return MEGA[head], src.u16le()
    lite = head >= 0xC0
    order = LITE[head & 0xF0] if lite else REGULAR.get(head & 0xE0, "")
    if not order:
        raise src.fail(f"unknown order {head:#04x}")
    short = head & (0x0F if lite else 0x1F)
    if order.endswith("fgbg"):
        return order, short * 8 if short else src.u8() + 1
    return order, short or src.u8() + (16 if lite else 32)


def _background(canvas: _Canvas, count: int, again: bool) -> None:
    """What lies below, once more. Two such orders in a row have a foreground pixel between them (3.1.9)."""
    if again and count:
        canvas.masked(1, 1)
        count -= 1
    for _ in range(count):
        canvas.add(canvas.below)


def _draw(canvas: _Canvas, src: Reader, order: str, count: int) -> None:
    if order.startswith("set"):
        canvas.foreground = _pixel(canvas, src)
        order = order.removeprefix("set ")
    if order == "fg":
        for _ in range(count):
            canvas.masked(1, 1)
    elif order == "fgbg":
        for at in range(0, count, 8):
            canvas.masked(src.u8(), min(8, count - at))
    elif order == "image":
        for _ in range(count):
            canvas.add(_pixel(canvas, src))
    elif order in MASKS:
        canvas.masked(MASKS[order], 8)
    else:
        pixels = _colours(canvas, src, order)
        for _ in range(count):
            for pixel in pixels:
                canvas.add(pixel)


def _colours(canvas: _Canvas, src: Reader, order: str) -> list[int]:
    """What is repeated."""
    if order in ("white", "black"):
        return [canvas.white if order == "white" else 0]
    return [_pixel(canvas, src) for _ in range(2 if order == "dithered" else 1)]


def _pixel(canvas: _Canvas, src: Reader) -> int:
    return int.from_bytes(src.take(canvas.octets), "little")
