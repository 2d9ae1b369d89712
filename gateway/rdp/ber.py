"""The BER of MCS connection PDUs (ITU-T X.690; definite lengths of at most two octets, as T.125 peers write them)."""

from __future__ import annotations

from typing import Final

from gateway.errors import LocalProtocolError
from gateway.rdp.octets import Reader

BOOLEAN: Final = b"\x01"
INTEGER: Final = b"\x02"
OCTET_STRING: Final = b"\x04"
ENUMERATED: Final = b"\x0a"
SEQUENCE: Final = b"\x30"
LENGTH_MOST: Final = 0xFFFF
INTEGER_OCTETS: Final = 5  # a u32 and its sign octet
INTEGER_MOST: Final = 0xFFFFFFFF


def encode(tag: bytes, content: bytes) -> bytes:
    """Tag, length in its shortest form, content."""
    length = len(content)
    if length > LENGTH_MOST:
        raise LocalProtocolError(f"BER: length {length}, must be {LENGTH_MOST} or less")
    if length < 0x80:
        return tag + bytes((length,)) + content
    size = 1 if length < 0x100 else 2
    return tag + bytes((0x80 | size,)) + length.to_bytes(size, "big") + content


def integer(value: int, tag: bytes = INTEGER) -> bytes:
    """A non-negative INTEGER (or ENUMERATED) in its shortest form."""
    return encode(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def read(src: Reader, tag: bytes) -> bytes:
    """The content of the element with `tag` that comes next."""
    if (got := src.take(len(tag))) != tag:
        raise src.fail(f"BER tag {got.hex()}, must be {tag.hex()}")
    length = src.u8()
    if length & 0x80:
        size = length & 0x7F
        if size not in (1, 2):
            raise src.fail(f"BER length of {size} octets, must be 1 or 2")
        length = int.from_bytes(src.take(size), "big")
    return src.take(length)


def read_integer(src: Reader, tag: bytes = INTEGER) -> int:
    """An INTEGER (or ENUMERATED) of at most 32 bits, read as if it had no sign.

    Windows writes 65535 without the octet for its sign ([MS-RDPBCGR] 4.1.3), and nothing in MCS is negative.
    """
    content = read(src, tag)
    if not 1 <= len(content) <= INTEGER_OCTETS:
        raise src.fail(f"BER integer of {len(content)} octets, must be 1 to {INTEGER_OCTETS}")
    if (value := int.from_bytes(content, "big")) > INTEGER_MOST:
        raise src.fail(f"BER integer of {value.bit_length()} bits, must be 32 or less")
    return value
