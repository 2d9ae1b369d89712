"""Fast-path updates of a server ([MS-RDPBCGR] 2.2.9.1.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.octets import Reader

PDU_MOST: Final = 0x7FFF  # what the two octets of its length can say
FRAGMENT_MOST: Final = 16_000  # octets of a fragment of ours; clients give up at 16384 (FreeRDP)
UPDATE_MOST: Final = 16 * 1024 * 1024  # octets of one update put together; 2048 x 2048 at 32 bits


class UpdateCode(IntEnum):
    """updateCode (2.2.9.1.2.1)."""

    ORDERS = 0x0
    BITMAP = 0x1
    PALETTE = 0x2
    SYNCHRONIZE = 0x3
    SURFACE_COMMANDS = 0x4
    POINTER_NULL = 0x5
    POINTER_DEFAULT = 0x6
    POINTER_POSITION = 0x8
    POINTER_COLOR = 0x9
    POINTER_CACHED = 0xA
    POINTER_NEW = 0xB
    POINTER_LARGE = 0xC


class Fragmentation(IntEnum):
    SINGLE = 0
    LAST = 1
    FIRST = 2
    NEXT = 3


# What a recording can be read from, and so what a target may send.
CARRIED: Final = frozenset(UpdateCode) - {UpdateCode.ORDERS, UpdateCode.SURFACE_COMMANDS, UpdateCode.POINTER_LARGE}


@dataclass(frozen=True, slots=True)
class Update:
    """One update, or one fragment of one."""

    code: int
    fragmentation: Fragmentation
    data: bytes


def decode(data: bytes) -> list[Update]:
    """The updates of a whole fast-path output PDU.

    Raises:
        RemoteProtocolError: encrypted, compressed, or lengths that do not fit.
    """
    src = Reader(data, "fast-path update")
    if head := src.u8():  # action, reserved and flags are all 0 without encryption
        raise src.fail(f"header {head:#04x}, must be 0")
    length = src.u8()
    if length & 0x80:
        length = (length & 0x7F) << 8 | src.u8()
    if length != len(data):
        raise src.fail(f"length {length}, must be {len(data)}")
    updates: list[Update] = []
    while True:
        header = src.u8()
        if header >> 6:
            raise src.fail("compressed data was never negotiated")
        updates.append(Update(header & 0x0F, Fragmentation(header >> 4 & 3), src.take(src.u16le())))
        if not src.left:
            return updates


def encode(updates: Iterable[Update]) -> bytes:
    """A whole fast-path output PDU; its length takes two octets always, as servers write it."""
    body = b"".join(struct.pack("<BH", one.code | one.fragmentation << 4, len(one.data)) + one.data for one in updates)
    if len(body) + 3 > PDU_MOST:
        raise LocalProtocolError(f"fast-path update: length {len(body) + 3}, must be {PDU_MOST} or less")
    return struct.pack(">BH", 0, len(body) + 3 | 0x8000) + body


class Assembly:
    """Puts fragments together, so that rectangles can be read; at most one update is open at a time."""

    def __init__(self, most: int = UPDATE_MOST) -> None:
        self._most = most
        self._code: int | None = None
        self._held = bytearray()

    @property
    def open(self) -> bool:
        """A first fragment came, and not yet its last."""
        return self._code is not None

    def feed(self, update: Update) -> bytes | None:
        """The whole data once it is there.

        Raises:
            RemoteProtocolError: fragments out of order or of another code, or more than `most` octets.
        """
        begins = update.fragmentation in (Fragmentation.SINGLE, Fragmentation.FIRST)
        if begins == self.open or (self.open and update.code != self._code):
            words = f"{update.fragmentation.name.lower()} fragment of code {update.code}"
            raise RemoteProtocolError(f"fast-path update: {words} while code {self._code} is open")
        if update.fragmentation is Fragmentation.SINGLE:
            return update.data
        if len(self._held) + len(update.data) > self._most:
            raise RemoteProtocolError(f"fast-path update: more than {self._most} octets in fragments")
        self._held += update.data
        self._code = update.code
        if update.fragmentation is not Fragmentation.LAST:
            return None
        whole, self._held, self._code = bytes(self._held), bytearray(), None
        return whole


def fragments(code: int, data: bytes, most: int = FRAGMENT_MOST) -> list[bytes]:
    """One update as whole PDUs, in fragments of at most `most` octets when it is longer."""
    if len(data) <= most:
        return [encode([Update(code, Fragmentation.SINGLE, data)])]
    parts = [data[at : at + most] for at in range(0, len(data), most)]
    kinds = [Fragmentation.FIRST, *[Fragmentation.NEXT] * (len(parts) - 2), Fragmentation.LAST]
    return [encode([Update(code, kind, part)]) for kind, part in zip(kinds, parts, strict=True)]
