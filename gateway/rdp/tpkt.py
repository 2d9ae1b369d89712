"""Whole PDUs out of a stream of octets: TPKT (RFC 1006 section 6) and fast-path ([MS-RDPBCGR] 2.2.8.1.2, 2.2.9.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError

TPKT_VERSION: Final = 3
TPKT_HEADER: Final = 4  # version u8 + reserved u8 + length u16
TPKT_LEAST: Final = 7  # the header and the shortest TPDU (RFC 1006 section 6)
FASTPATH_ACTION: Final = 0x03  # bits of the first octet; all clear is FASTPATH_INPUT_ACTION_FASTPATH
MOST_OCTETS: Final = 65535  # what the u16 of TPKT can say


class FrameKind(Enum):
    SLOW = "slow-path"
    FAST = "fast-path"


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole PDU with its header."""

    kind: FrameKind
    data: bytes


class Framer:
    """Cuts a stream into frames; holds back at most one unfinished frame of `most` octets.

    A length is judged before the octets are there, so a peer cannot make us wait for more than `most`.
    """

    def __init__(self, most: int = MOST_OCTETS) -> None:
        self._most = most
        self._held = bytearray()

    @property
    def pending(self) -> int:
        """Octets of an unfinished frame."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """Frames that are whole now.

        Raises:
            RemoteProtocolError: neither TPKT nor fast-path, or a length that cannot be. The stream is lost then:
                every later call raises too.
        """
        self._held += data
        held, at, frames = self._held, 0, []
        while sized := self._size(at):
            kind, length = sized
            if len(held) - at < length:
                break
            frames.append(Frame(kind, bytes(held[at : at + length])))
            at += length
        del held[:at]
        return frames

    def _size(self, at: int) -> tuple[FrameKind, int] | None:
        """Kind and length of the frame that begins `at`; None while its header is not there."""
        held = self._held
        if len(held) <= at:
            return None
        if held[at] == TPKT_VERSION:
            if len(held) - at < TPKT_HEADER:
                return None
            kind, length, least = FrameKind.SLOW, held[at + 2] << 8 | held[at + 3], TPKT_LEAST
        elif held[at] & FASTPATH_ACTION:
            raise RemoteProtocolError(f"frame: first octet {held[at]:#04x} is neither TPKT nor fast-path")
        else:
            if len(held) - at < 2:
                return None
            kind, length, least = FrameKind.FAST, held[at + 1], 3
            if length & 0x80:
                if len(held) - at < 3:
                    return None
                length, least = (length & 0x7F) << 8 | held[at + 2], 4
        if length < least:
            raise RemoteProtocolError(f"frame: {kind.value} length {length}, must be {least} or more")
        if length > self._most:
            raise RemoteProtocolError(f"frame: {kind.value} length {length}, must be {self._most} or less")
        return kind, length


def tpkt(payload: bytes) -> bytes:
    """`payload` in a TPKT."""
    length = TPKT_HEADER + len(payload)
    if not TPKT_LEAST <= length <= MOST_OCTETS:
        raise LocalProtocolError(f"TPKT: length {length}, must be {TPKT_LEAST} to {MOST_OCTETS}")
    return bytes((TPKT_VERSION, 0)) + length.to_bytes(2, "big") + payload
