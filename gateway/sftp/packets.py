"""Packets: their types, how they are cut from a stream, and a cursor over one (draft-ietf-secsh-filexfer-02 section 3).

A packet is `length u32, type u8, …`; from `Framer` on it is without its length.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_PACKET_OCTETS

Octets = bytes | memoryview
VERSION: Final = 3

U32: Final = struct.Struct(">I")
U64: Final = struct.Struct(">Q")
HEADER: Final = struct.Struct(">IBI")  # length, type, request id


class Type(IntEnum):
    """Section 3."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """SSH_FX_… (section 7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class OpenFlags(IntEnum):
    """SSH_FXF_… (section 6.3), as bits of an int: IntFlag would cost a small file more than its digest does."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREAT = 0x08
    TRUNC = 0x10
    EXCL = 0x20


class Framer:
    """Cuts a stream into packets. Octets that lie within one `feed` are not copied."""

    def __init__(self) -> None:
        self._data: Octets = b""
        self._at = 0
        self._waiting: list[bytes] = []  # what came since, while a packet is not whole
        self._have, self._need = 0, 4

    def feed(self, data: bytes) -> list[memoryview]:
        """Take octets and return the packets that are whole now.

        Raises:
            RemoteProtocolError: a length that no packet can have.
        """
        self.take(data)
        packets = []
        while (packet := self.next()) is not None:
            packets.append(packet)
        return packets

    def take(self, data: bytes) -> None:
        """Take octets; `next` has the packets."""
        if data:
            self._waiting.append(data)
        self._have += len(data)

    def next(self) -> memoryview | None:
        """The next whole packet; None when octets are missing.

        Raises:
            RemoteProtocolError: a length that no packet can have.
        """
        if self._have < self._need:
            return None
        if self._waiting:
            left = self._data[self._at :]
            joined = self._waiting[0] if not left and len(self._waiting) == 1 else b"".join((left, *self._waiting))
            self._data, self._at = memoryview(joined), 0
            self._waiting.clear()
        size = U32.unpack_from(self._data, self._at)[0]
        if not 1 <= size <= SFTP_PACKET_OCTETS:
            raise RemoteProtocolError(f"sftp packet: length {size}, must be 1 to {SFTP_PACKET_OCTETS}")
        whole = 4 + size
        if self._have < whole:
            self._need = whole
            return None
        start = self._at + 4
        packet = memoryview(self._data)[start : start + size]
        self._at += whole
        self._have -= whole
        self._need = 4
        if not self._have:
            self._data, self._at = b"", 0
        return packet


class Reader:
    """Reads one packet from its front; `what` names it in every error.

    Each method raises RemoteProtocolError when octets are missing.
    """

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: Octets, what: str, at: int = 0) -> None:
        self._data, self._what, self._at = data, what, at

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def u32(self) -> int:
        try:
            value: int = U32.unpack_from(self._data, self._at)[0]
        except struct.error:
            raise self.fail("truncated") from None
        self._at += 4
        return value

    def u64(self) -> int:
        try:
            value: int = U64.unpack_from(self._data, self._at)[0]
        except struct.error:
            raise self.fail("truncated") from None
        self._at += 8
        return value

    def view(self, most: int = SFTP_PACKET_OCTETS) -> Octets:
        """A string as it lies there; `most` octets are accepted."""
        size = self.u32()
        start = self._at
        if size > most or size > len(self._data) - start:
            raise self.fail(f"a string of {size} octets, {min(most, self.left)} at most")
        self._at = start + size
        return self._data[start : self._at]

    def string(self, most: int = SFTP_PACKET_OCTETS) -> bytes:
        return bytes(self.view(most))

    def rest(self) -> bytes:
        start, self._at = self._at, len(self._data)
        return bytes(self._data[start:])

    def end(self) -> None:
        """Refuse octets after the last field."""
        if self.left:
            raise self.fail(f"{self.left} octets after the end")

    def fail(self, words: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"sftp {self._what}: {words}")


def string(data: bytes) -> bytes:
    """`data` with its length in front."""
    return U32.pack(len(data)) + data


def packet(kind: int, request: int, *parts: Octets) -> bytes:
    """A packet with its length: type, request id, and `parts` one after the other."""
    size = 5  # type u8 + request id u32
    for part in parts:
        size += len(part)
    return b"".join((HEADER.pack(size, kind, request), *parts))
