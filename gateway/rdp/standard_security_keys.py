"""The keys of standard RDP security, and one direction's RC4 and MAC ([MS-RDPBCGR] 5.3.5 to 5.3.7). FIPS is left out.

MD5, SHA-1 and RC4 are what it is made of. It hides little from whoever has time, and is spoken only to a target that
speaks nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import KEEP, IntFlag
from types import MappingProxyType
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.rc4 import rc4

RANDOM: Final = 32  # octets of the client random and of the server random
SIGNATURE: Final = 8  # octets of a MAC
UPDATE_EVERY: Final = 4096  # packets of one direction under one key (5.3.7)
PAD1: Final = b"\x36" * 40
PAD2: Final = b"\x5c" * 48


class Method(IntFlag, boundary=KEEP):
    """encryptionMethods of CS_SECURITY, encryptionMethod of SC_SECURITY (2.2.1.3.3, 2.2.1.4.3)."""

    BITS_40 = 0x01
    BITS_128 = 0x02
    BITS_56 = 0x08
    FIPS = 0x10


# Octets of a key, and the octets that take the place of its first ones (5.3.5.1).
STRENGTHS: Final[Mapping[Method, tuple[int, bytes]]] = MappingProxyType(
    {
        Method.BITS_40: (8, bytes.fromhex("d1269e")),
        Method.BITS_56: (8, bytes.fromhex("d1")),
        Method.BITS_128: (16, b""),
    }
)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """As the client uses them: `encrypt` towards the server, `decrypt` from it."""

    mac: bytes = field(repr=False)
    encrypt: bytes = field(repr=False)
    decrypt: bytes = field(repr=False)


def derive(client_random: bytes, server_random: bytes, method: Method) -> SessionKeys:
    """Non-FIPS initial session keys (5.3.5.1).

    Raises:
        LocalProtocolError: randoms that are not 32 octets, or no one method.
    """
    if len(client_random) != RANDOM or len(server_random) != RANDOM or method not in STRENGTHS:
        raise LocalProtocolError(f"standard security: two randoms of {RANDOM} octets and one method expected")
    randoms = client_random + server_random

    def salted(secret: bytes, text: bytes) -> bytes:
        return _md5(secret, _sha1(text, secret, randoms))

    premaster = client_random[:24] + server_random[:24]
    master = salted(premaster, b"A") + salted(premaster, b"BB") + salted(premaster, b"CCC")
    blob = salted(master, b"X") + salted(master, b"YY") + salted(master, b"ZZZ")
    return SessionKeys(
        _weakened(blob[:16], method),
        _weakened(_md5(blob[32:48], randoms), method),
        _weakened(_md5(blob[16:32], randoms), method),
    )


class Direction:
    """What is sent, or what is received: one RC4 stream, its MAC, its count."""

    def __init__(self, mac: bytes, key: bytes, method: Method) -> None:
        self._mac, self._initial, self._current, self._method = mac, key, key, method
        self._stream = rc4(key)
        self._under_key = 0  # packets under the current key
        self._packets = 0  # packets ever

    def seal(self, data: bytes, *, salted: bool) -> bytes:
        """MAC and encrypted data of the next packet."""
        self._turn()
        signature = self._signature(data, salted)
        self._counted()
        return signature + self._stream.update(data)

    def open(self, sealed: bytes, *, salted: bool) -> bytes:
        """The data of the next packet.

        Raises:
            RemoteProtocolError: no room for a MAC, or a wrong one. The stream is lost then.
        """
        if len(sealed) < SIGNATURE:
            raise RemoteProtocolError("standard security: truncated before the end of the MAC")
        self._turn()
        data = self._stream.update(sealed[SIGNATURE:])
        if not hmac.compare_digest(self._signature(data, salted), sealed[:SIGNATURE]):
            raise RemoteProtocolError("standard security: the MAC is wrong")
        self._counted()
        return data

    def _counted(self) -> None:
        self._under_key += 1
        self._packets += 1

    def _signature(self, data: bytes, salted: bool) -> bytes:
        """5.3.6.1, or 5.3.6.1.1 when `salted`."""
        parts = [self._mac, PAD1, _u32(len(data)), data]
        if salted:
            parts.append(_u32(self._packets & 0xFFFFFFFF))
        return _md5(self._mac, PAD2, _sha1(*parts))[:SIGNATURE]

    def _turn(self) -> None:
        """A new key after 4096 packets (5.3.7)."""
        if self._under_key < UPDATE_EVERY:
            return
        size, _ = STRENGTHS[self._method]
        mixed = _md5(self._initial, PAD2, _sha1(self._initial, PAD1, self._current))[:size]
        self._current = _weakened(rc4(mixed).update(mixed), self._method)
        self._stream, self._under_key = rc4(self._current), 0


def _weakened(key: bytes, method: Method) -> bytes:
    size, salt = STRENGTHS[method]
    return salt + key[len(salt) : size]


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()


def _sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")
