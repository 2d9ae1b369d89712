"""The aligned PER of T.124 and T.125 as far as RDP uses it (ITU-T X.691)."""

from __future__ import annotations

from typing import Final

from gateway.errors import LocalProtocolError
from gateway.rdp.octets import Reader

LENGTH_MOST: Final = 0x3FFF  # fourteen bits; longer values would come in fragments, which RDP never uses


def length(count: int) -> bytes:
    """A length determinant in its shortest form (X.691 10.9.3). Some peers always write two octets; both are read."""
    if count > LENGTH_MOST:
        raise LocalProtocolError(f"PER: length {count}, must be {LENGTH_MOST} or less")
    return bytes((count,)) if count < 0x80 else (0x8000 | count).to_bytes(2, "big")


def read_length(src: Reader) -> int:
    first = src.u8()
    if not first & 0x80:
        return first
    if first & 0x40:
        raise src.fail("PER length in fragments")
    return (first & 0x3F) << 8 | src.u8()


def integer(value: int) -> bytes:
    """A non-negative unconstrained INTEGER with its length."""
    octets = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return length(len(octets)) + octets


def read_integer(src: Reader) -> int:
    """An INTEGER of at most four octets."""
    if not 1 <= (size := read_length(src)) <= 4:
        raise src.fail(f"PER integer of {size} octets, must be 1 to 4")
    return int.from_bytes(src.take(size), "big")
