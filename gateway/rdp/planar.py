"""RDP 6.0 planar bitmaps ([MS-RDPEGDI] 2.2.2.5.1, 3.1.9.2): 32 bits a pixel, a run-length coded plane a colour.

`encode` writes the one form that every client reads: header 0x10 and an alpha plane (rdesktop takes no other).
`decode` reads what a target may send after `capabilities.restricted`.

Planes are coded row by row, from the bottom. The first row holds the values, each further row the differences to the
row below it. Speed in plain Python comes from whole numbers as long as a plane (differences of all octets at once)
and from rows and planes that repeat: most of a notice is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError

COLOUR_LOSS: Final = 0x07
CHROMA_SUBSAMPLING: Final = 0x08
RLE: Final = 0x10
NO_ALPHA: Final = 0x20
RUN_LEAST: Final = 3  # octets of a run that the low four bits of a control octet can say; 1 and 2 mean long runs
RUN_MOST: Final = 47
RAW_MOST: Final = 15
SIDE_MOST: Final = 0x2000  # pixels of a bitmap, either way

_RUNS: Final = re.compile(rb"(.)\1{3,}", re.DOTALL)  # one raw octet and a run of three or more
# A difference d (signed octet) is sent as 2d, or -2d-1 when negative (3.1.9.2.3).
_FOLD: Final = bytes((d << 1) & 0xFF if d < 128 else ((256 - d) << 1) - 1 for d in range(256))
_UNFOLD: Final = bytes((256 - ((d + 1) >> 1)) & 0xFF if d & 1 else d >> 1 for d in range(256))


def encode(red: bytes, green: bytes, blue: bytes, width: int) -> bytes:
    """A bitmap from three planes whose rows run from the top, `width` octets each."""
    height = len(red) // width
    if not len(red) == len(green) == len(blue) == width * height or not height:
        raise LocalProtocolError("planar: planes of unequal length")
    return b"".join(
        (bytes((RLE,)), _opaque(width, height), _plane(red, width), _plane(green, width), _plane(blue, width))
    )


@lru_cache(256)
def _opaque(width: int, height: int) -> bytes:
    return _plane(b"\xff" * (width * height), width)


@lru_cache(1024)
def _plane(plane: bytes, width: int) -> bytes:
    rows = [plane[at : at + width] for at in range(len(plane) - width, -1, -width)]
    first = _row(rows[0])
    if len(rows) == 1:
        return first
    turned = b"".join(rows)
    folded = _subtract(turned[width:], turned[:-width]).translate(_FOLD)
    return first + b"".join([_row(folded[at : at + width]) for at in range(0, len(folded), width)])


@lru_cache(64)
def _masks(octets: int) -> tuple[int, int]:
    """The highest bit of each octet, and the seven others."""
    return int.from_bytes(b"\x80" * octets, "little"), int.from_bytes(b"\x7f" * octets, "little")


def _subtract(one: bytes, other: bytes) -> bytes:
    """Octet by octet, modulo 256: the highest bits are kept apart so that no octet borrows from its neighbour."""
    high, low = _masks(len(one))
    a, b = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    return (((a | high) - (b & low)) ^ ((a ^ b ^ high) & high)).to_bytes(len(one), "little")


def _add(one: bytes, other: bytes) -> bytes:
    high, low = _masks(len(one))
    a, b = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    return (((a & low) + (b & low)) ^ ((a ^ b) & high)).to_bytes(len(one), "little")


@lru_cache(8192)
def _row(row: bytes) -> bytes:
    """One row as segments: raw octets, then a run of the last of them (of 0 at the row's beginning)."""
    out = bytearray()
    start = 0
    for found in _RUNS.finditer(row):
        at, end = found.span()
        if at == 0 and not row[0]:
            _run(out, 0, end)  # a run of 0 needs no raw octet before it
        else:
            _raw(out, row[start : at + 1], row[at], end - at - 1)
        start = end
    if start < len(row):
        _raw(out, row[start:], 0, 0)
    return bytes(out)


def _raw(out: bytearray, raw: bytes, value: int, run: int) -> None:
    while len(raw) > RAW_MOST:
        out.append(RAW_MOST << 4)
        out += raw[:RAW_MOST]
        raw = raw[RAW_MOST:]
    joined = run if RUN_LEAST <= run <= 15 else 0
    out.append(len(raw) << 4 | joined)
    out += raw
    _run(out, value, run - joined)


def _run(out: bytearray, value: int, run: int) -> None:
    while run:
        if run >= 32:
            part = min(run, RUN_MOST)
            out.append((part - 32) << 4 | 2)
        elif run >= 16:
            part = run
            out.append((part - 16) << 4 | 1)
        elif run >= RUN_LEAST:
            part = run
            out.append(part)
        else:
            part = run
            out.append(part << 4)
            out += bytes((value,)) * part
        run -= part


def decode(data: bytes, width: int, height: int) -> bytes:
    """RGB, three octets a pixel, rows from the top. An alpha plane is read and left out.

    Raises:
        RemoteProtocolError: colour loss or subsampling, which were not negotiated; truncated; too long a run;
            sides that cannot be.
    """
    if not (1 <= width <= SIDE_MOST and 1 <= height <= SIDE_MOST):
        raise RemoteProtocolError(f"planar: {width} x {height} pixels")
    if not data:
        raise RemoteProtocolError("planar: truncated")
    head = data[0]
    if head & (COLOUR_LOSS | CHROMA_SUBSAMPLING):
        raise RemoteProtocolError(f"planar: header {head:#04x}: colour loss was never negotiated")
    at = 1
    planes: list[bytes] = []
    for number in range(3 if head & NO_ALPHA else 4):
        if head & RLE:
            plane, at = _unplane(data, at, width, height)
        else:
            plane, at = data[at : at + width * height], at + width * height
            if len(plane) < width * height:
                raise RemoteProtocolError(f"planar: plane {number} truncated")
        planes.append(plane)
    pixels = bytearray(3 * width * height)
    for colour, plane in enumerate(planes[-3:]):
        pixels[colour::3] = b"".join([plane[row : row + width] for row in range(len(plane) - width, -1, -width)])
    return bytes(pixels)


def _unplane(data: bytes, at: int, width: int, height: int) -> tuple[bytes, int]:
    """One plane, rows from the bottom as they were sent, and where the next begins."""
    below, at = _unrow(data, at, width)
    rows = [below]
    for _ in range(height - 1):
        folded, at = _unrow(data, at, width)
        below = _add(below, folded.translate(_UNFOLD))
        rows.append(below)
    return b"".join(rows), at


def _unrow(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    out = bytearray()
    last = b"\x00"
    while len(out) < width:
        if at >= len(data):
            raise RemoteProtocolError("planar: truncated")
        raw, run = data[at] >> 4, data[at] & 0x0F
        at += 1
        if run in (1, 2):
            raw, run = 0, run * 16 + raw
        octets = data[at : at + raw]
        if len(octets) < raw or len(out) + raw + run > width or not raw + run:
            raise RemoteProtocolError("planar: a segment that does not fit its row")
        at += raw
        if raw:
            out += octets
            last = octets[-1:]
        out += last * run
    return bytes(out), at
