"""Capability sets ([MS-RDPBCGR] 2.2.7): what we demand, and what of others' we let through.

What is not on the list here never passes: bitmap caches, surface commands, codecs, RAIL, nine-grid, GDI+, large
pointers, frame acknowledgement. So the target has slow-path and fast-path bitmaps, palettes and pointers left, and
a recording holds nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.rdp.octets import Reader
from gateway.rdp.static_channels import CHUNK

SETS_MOST: Final = 64  # capability sets in one list; thirty are defined


class Kind(IntEnum):
    """capabilitySetType (2.2.1.13.1.1.1)."""

    GENERAL = 1
    BITMAP = 2
    ORDER = 3
    CONTROL = 5
    ACTIVATION = 7
    POINTER = 8
    SHARE = 9
    COLOR_CACHE = 10
    SOUND = 12
    INPUT = 13
    FONT = 14
    BRUSH = 15
    GLYPH_CACHE = 16
    OFFSCREEN_CACHE = 17
    VIRTUAL_CHANNEL = 20
    MULTIFRAGMENT = 26


class ExtraFlag(IntFlag):
    """extraFlags of the general set (2.2.7.1.1)."""

    FASTPATH_OUTPUT = 0x0001
    LONG_CREDENTIALS = 0x0004
    AUTORECONNECT = 0x0008
    ENC_SALTED_CHECKSUM = 0x0010
    NO_BITMAP_COMPRESSION_HDR = 0x0400


class InputFlag(IntFlag):
    """inputFlags (2.2.7.1.6)."""

    SCANCODES = 0x0001
    MOUSEX = 0x0004
    FASTPATH = 0x0008
    UNICODE = 0x0010
    FASTPATH2 = 0x0020
    MOUSE_HWHEEL = 0x0100


INPUT_KNOWN: Final = sum(InputFlag)  # no relative mouse, no time stamps: `input` has no form for them
ORDER_FLAGS_SET: Final = 0x0002 | 0x0008  # NEGOTIATEORDERSUPPORT, ZEROBOUNDSDELTASSUPPORT: must be there (2.2.7.1.3)
ORDER_EXTRA: Final = 0x0080  # ORDERFLAGS_EXTRA_FLAGS
OWN_SOURCE: Final = 1002


@dataclass(frozen=True, slots=True)
class Capability:
    """One capability set; `kind` may be one that `Kind` does not name."""

    kind: int
    body: bytes


def split(data: bytes) -> tuple[Capability, ...]:
    """numberCapabilities, padding and the sets.

    Raises:
        RemoteProtocolError: more than SETS_MOST sets, a length that cannot be, octets left.
    """
    src = Reader(data, "capabilities")
    count = src.u16le()
    src.u16le()
    if count > SETS_MOST:
        raise src.fail(f"{count} sets, must be {SETS_MOST} or less")
    found = []
    for _ in range(count):
        kind, length = src.u16le(), src.u16le()
        if length < 4:
            raise src.fail(f"set {kind}: length {length}, must be 4 or more")
        found.append(Capability(kind, src.take(length - 4)))
    src.end()
    return tuple(found)


def join(capabilities: Iterable[Capability]) -> bytes:
    sets = [struct.pack("<HH", one.kind, len(one.body) + 4) + one.body for one in capabilities]
    return struct.pack("<HH", len(sets), 0) + b"".join(sets)


@dataclass(frozen=True, slots=True)
class Bitmap:
    """What of the bitmap set (2.2.7.1.2) decides a session."""

    bpp: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a Demand Active or Confirm Active says of its sender. A set that is missing says no to everything."""

    bitmap: Bitmap | None
    refresh_rect: bool
    suppress_output: bool
    input_flags: int

    @classmethod
    def of(cls, capabilities: Iterable[Capability]) -> Abilities:
        """The last of each kind counts, as with the peers.

        Raises:
            RemoteProtocolError: a general, bitmap or input set is too short.
        """
        bodies = {one.kind: one.body for one in capabilities}
        general = _whole(Kind.GENERAL, bodies[Kind.GENERAL]) if Kind.GENERAL in bodies else bytes(20)
        bitmap = None
        if Kind.BITMAP in bodies:
            body = _whole(Kind.BITMAP, bodies[Kind.BITMAP])
            bpp, _, _, _, width, height = struct.unpack_from("<6H", body)
            bitmap = Bitmap(bpp, width, height)
        flags = 0
        if Kind.INPUT in bodies:
            flags = int.from_bytes(_whole(Kind.INPUT, bodies[Kind.INPUT])[:2], "little")
        return cls(bitmap, bool(general[18]), bool(general[19]), flags)


def demanded(width: int, height: int, bpp: int) -> tuple[Capability, ...]:
    """The gateway's own sets for a share of its own: bitmaps and the standard pointer, nothing else."""
    extra = ExtraFlag.FASTPATH_OUTPUT | ExtraFlag.LONG_CREDENTIALS | ExtraFlag.NO_BITMAP_COMPRESSION_HDR
    order = bytes(20) + struct.pack("<6H", 1, 20, 0, 1, 0, 0x22) + bytes(32)
    order += struct.pack("<HHIIHHHH", 0x06A1, 0, 0, 480 * 480, 0, 0, 0, 0)
    offered = InputFlag.SCANCODES | InputFlag.MOUSEX | InputFlag.UNICODE | InputFlag.FASTPATH2
    return (
        Capability(Kind.SHARE, struct.pack("<HH", OWN_SOURCE, 0)),
        Capability(Kind.GENERAL, struct.pack("<9HBB", 1, 3, 0x0200, 0, 0, extra, 0, 0, 0, 1, 1)),
        Capability(Kind.BITMAP, struct.pack("<9HBBHH", bpp, 1, 1, 1, width, height, 0, 1, 1, 0, 0, 1, 0)),
        Capability(Kind.ORDER, order),
        Capability(Kind.FONT, struct.pack("<HH", 1, 0)),
        Capability(Kind.POINTER, struct.pack("<HHH", 1, 20, 20)),
        Capability(Kind.INPUT, struct.pack("<HH", offered, 0) + bytes(80)),
        Capability(Kind.VIRTUAL_CHANNEL, struct.pack("<II", 0, CHUNK)),
    )


def restricted(capabilities: Iterable[Capability], bpp: int | None = None) -> tuple[Capability, ...]:
    """Only what may pass, in the order it came; for a target's Demand Active and a client's Confirm Active alike.

    `bpp` replaces the preferred depth of the bitmap set.

    Raises:
        RemoteProtocolError: a set that must be changed is too short.
    """
    kept = [Capability(one.kind, _CHANGE[one.kind](one.body)) for one in capabilities if one.kind in _CHANGE]
    if bpp is None:
        return tuple(kept)
    depth = bpp.to_bytes(2, "little")
    return tuple(Capability(one.kind, depth + one.body[2:]) if one.kind == Kind.BITMAP else one for one in kept)


_OCTETS: Final = MappingProxyType(
    {Kind.GENERAL: 20, Kind.BITMAP: 24, Kind.ORDER: 84, Kind.INPUT: 84, Kind.GLYPH_CACHE: 48, Kind.OFFSCREEN_CACHE: 8}
)


def _whole(kind: Kind, body: bytes) -> bytes:
    if len(body) < _OCTETS[kind]:
        raise RemoteProtocolError(f"capabilities: {kind.name.lower()} of {len(body)} octets, must be {_OCTETS[kind]}")
    return body


def _as_it_is(body: bytes) -> bytes:
    return body


def _general(body: bytes) -> bytes:
    """No compression, no auto-reconnect."""
    new = bytearray(_whole(Kind.GENERAL, body))
    extra = int.from_bytes(new[10:12], "little") & ~int(ExtraFlag.AUTORECONNECT)
    struct.pack_into("<HH", new, 8, 0, extra)
    struct.pack_into("<H", new, 16, 0)
    return bytes(new)


def _bitmap(body: bytes) -> bytes:
    """drawingFlags 0: no chroma subsampling, no colour loss, and always an alpha plane."""
    new = bytearray(_whole(Kind.BITMAP, body))
    new[19] = 0
    return bytes(new)


def _order(body: bytes) -> bytes:
    """No drawing order at all."""
    new = bytearray(_whole(Kind.ORDER, body))
    flags = int.from_bytes(new[30:32], "little")
    struct.pack_into("<H", new, 30, (flags | ORDER_FLAGS_SET) & ~ORDER_EXTRA)
    new[32:64] = bytes(32)
    struct.pack_into("<H", new, 66, 0)
    return bytes(new)


def _input(body: bytes) -> bytes:
    flags = int.from_bytes(_whole(Kind.INPUT, body)[:2], "little") & INPUT_KNOWN
    return flags.to_bytes(2, "little") + body[2:]


def _glyphs(body: bytes) -> bytes:
    """glyphSupportLevel NONE; it stands before two octets of padding."""
    whole = _whole(Kind.GLYPH_CACHE, body)
    return whole[:44] + bytes(2) + whole[46:]


def _offscreen(body: bytes) -> bytes:
    return bytes(4) + _whole(Kind.OFFSCREEN_CACHE, body)[4:]


def _channels(body: bytes) -> bytes:
    """No compression in virtual channels, either way; chunks of the common size."""
    return struct.pack("<II", 0, CHUNK) if len(body) >= 8 else bytes(4)


_CHANGE: Final[Mapping[int, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        Kind.GENERAL: _general,
        Kind.BITMAP: _bitmap,
        Kind.ORDER: _order,
        Kind.CONTROL: _as_it_is,
        Kind.ACTIVATION: _as_it_is,
        Kind.POINTER: _as_it_is,
        Kind.SHARE: _as_it_is,
        Kind.COLOR_CACHE: _as_it_is,
        Kind.SOUND: _as_it_is,
        Kind.INPUT: _input,
        Kind.FONT: _as_it_is,
        Kind.BRUSH: _as_it_is,
        Kind.GLYPH_CACHE: _glyphs,
        Kind.OFFSCREEN_CACHE: _offscreen,
        Kind.VIRTUAL_CHANNEL: _channels,
        Kind.MULTIFRAGMENT: _as_it_is,
    }
)
