"""MD4 (RFC 1320), for one purpose: the NT hash of NTLM. OpenSSL 3 has it no more.

Not a hash to protect anything with; NTLM asks for it by name.
"""

from __future__ import annotations

import struct

MASK = 0xFFFFFFFF
ROUNDS = (
    (0x00000000, (3, 7, 11, 19), tuple(range(16))),
    (0x5A827999, (3, 5, 9, 13), (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    (0x6ED9EBA1, (3, 9, 11, 15), (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)),
)


def md4(data: bytes) -> bytes:
    """Digest of 16 octets (RFC 1320, section 3)."""
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    for start in range(0, len(padded), 64):
        state = _block(state, struct.unpack("<16I", padded[start : start + 64]))
    return struct.pack("<4I", *state)


def _block(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for number, (constant, shifts, order) in enumerate(ROUNDS):
        for step, index in enumerate(order):
            total = (a + _mixed(number, b, c, d) + words[index] + constant) & MASK
            shift = shifts[step % 4]
            a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & MASK, b, c
    first, second, third, fourth = state
    return (first + a) & MASK, (second + b) & MASK, (third + c) & MASK, (fourth + d) & MASK


def _mixed(number: int, x: int, y: int, z: int) -> int:
    """F, G and H of section 3.4."""
    if number == 0:
        return (x & y) | (~x & z)
    if number == 1:
        return (x & y) | (x & z) | (y & z)
    return x ^ y ^ z
