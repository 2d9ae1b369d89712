"""X.224 class 0: Connection Request, Connection Confirm and Data ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2; X.224 13.3-13.7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import KEEP, IntEnum, IntFlag
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.octets import Reader
from gateway.rdp.tpkt import TPKT_HEADER, Frame, FrameKind, tpkt

CR: Final = 0xE0
CC: Final = 0xD0
DATA_HEADER: Final = b"\x02\xf0\x80"  # LI 2, DT, EOT
FIXED: Final = 6  # octets counted by LI in CR and CC: code u8 + dst-ref u16 + src-ref u16 + class u8
TYPE_RDP_NEG_REQ: Final = 0x01
TYPE_RDP_NEG_RSP: Final = 0x02
TYPE_RDP_NEG_FAILURE: Final = 0x03
TYPE_RDP_CORRELATION_INFO: Final = 0x06
NEG_LENGTH: Final = 8  # type u8 + flags u8 + length u16 + protocols u32
CORRELATION_LENGTH: Final = 36  # type u8 + flags u8 + length u16 + correlationId 16 + reserved 16
CORRELATION_INFO_PRESENT: Final = 0x08  # flag of RDP_NEG_REQ
EXTENDED_CLIENT_DATA_SUPPORTED: Final = 0x01  # flag of RDP_NEG_RSP
MSTSHASH: Final = "Cookie: mstshash="
LI_MOST: Final = 254  # 255 is reserved (X.224 13.2.1)


class Security(IntFlag, boundary=KEEP):
    """requestedProtocols and selectedProtocol (2.2.1.1.1)."""

    RDP = 0
    TLS = 1
    HYBRID = 2
    RDSTLS = 4
    HYBRID_EX = 8


class NegotiationFailure(IntEnum):
    """failureCode of RDP_NEG_FAILURE (2.2.1.2.2)."""

    SSL_REQUIRED = 1
    SSL_NOT_ALLOWED = 2
    SSL_CERT_NOT_ON_SERVER = 3
    INCONSISTENT_FLAGS = 4
    HYBRID_REQUIRED = 5
    SSL_WITH_USER_AUTH_REQUIRED = 6


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """Client X.224 Connection Request PDU (2.2.1.1).

    `protocols` is None when the client sent no RDP_NEG_REQ. `cookie` is what follows `Cookie: mstshash=`;
    `routing` is any other first line, as sent. Both travel in the clear: neither may be a secret.
    """

    protocols: Security | None
    cookie: str = ""
    routing: str = ""
    flags: int = 0
    correlation: bytes = b""

    def encode(self) -> bytes:
        """The whole TPKT.

        Raises:
            LocalProtocolError: cookie and routing token together, a line end in one of them, or too long.
        """
        line = MSTSHASH + self.cookie if self.cookie else self.routing
        if (self.cookie and self.routing) or "\r\n" in line:
            raise LocalProtocolError("connection request: one cookie or routing token on one line")
        variable = line.encode("latin-1") + b"\r\n" if line else b""
        if self.protocols is not None:
            variable += _negotiation(TYPE_RDP_NEG_REQ, self.flags, self.protocols) + self.correlation
        return _connection(CR, 0, variable)

    @classmethod
    def decode(cls, frame: Frame) -> ConnectionRequest:
        src = _variable(frame, CR, "connection request")
        text = src.rest()
        line, separator, tail = text.partition(b"\r\n")
        if not separator or text[:1] == bytes((TYPE_RDP_NEG_REQ,)):
            line, tail = b"", text
        first = line.decode("latin-1")
        known = first.startswith(MSTSHASH) and first != MSTSHASH
        cookie, routing = (first.removeprefix(MSTSHASH), "") if known else ("", first)
        if not tail:
            return cls(None, cookie, routing)
        src = Reader(tail, "connection request")
        flags, protocols = _read_negotiation(src, TYPE_RDP_NEG_REQ)
        correlation = src.rest() if flags & CORRELATION_INFO_PRESENT else b""
        if flags & CORRELATION_INFO_PRESENT and not _is_correlation(correlation):
            raise src.fail("rdpCorrelationInfo is not 36 octets of type 6")
        src.end()
        return cls(Security(protocols), cookie, routing, flags, correlation)


@dataclass(frozen=True, slots=True)
class ConnectionConfirm:
    """Server X.224 Connection Confirm PDU with RDP_NEG_RSP (2.2.1.2.1).

    A confirm without negotiation data reads as standard RDP security without flags.
    """

    selected: Security
    flags: int = 0

    def encode(self) -> bytes:
        return _connection(CC, SERVER_REFERENCE, _negotiation(TYPE_RDP_NEG_RSP, self.flags, self.selected))


@dataclass(frozen=True, slots=True)
class ConnectionRefused:
    """Server X.224 Connection Confirm PDU with RDP_NEG_FAILURE (2.2.1.2.2); the code may be an unknown one."""

    code: int

    def encode(self) -> bytes:
        return _connection(CC, SERVER_REFERENCE, _negotiation(TYPE_RDP_NEG_FAILURE, 0, self.code))


SERVER_REFERENCE: Final = 0x1234  # src-ref of our confirms: any number but 0 names a connection (X.224 13.4.3)


def decode_confirm(frame: Frame) -> ConnectionConfirm | ConnectionRefused:
    """What a target answers to our Connection Request."""
    src = _variable(frame, CC, "connection confirm")
    if not src.left:
        return ConnectionConfirm(Security.RDP, 0)
    body = src.rest()
    src = Reader(body, "connection confirm")
    if body[0] == TYPE_RDP_NEG_FAILURE:
        _, code = _read_negotiation(src, TYPE_RDP_NEG_FAILURE)
        src.end()
        return ConnectionRefused(code)
    flags, selected = _read_negotiation(src, TYPE_RDP_NEG_RSP)
    src.end()
    return ConnectionConfirm(Security(selected), flags)


def data(payload: bytes) -> bytes:
    """`payload` in an X.224 Data TPDU in a TPKT."""
    return tpkt(DATA_HEADER + payload)


def data_of(frame: Frame) -> bytes:
    """What an X.224 Data TPDU carries.

    Raises:
        RemoteProtocolError: a fast-path frame, another TPDU, or nothing in it.
    """
    start = TPKT_HEADER + len(DATA_HEADER)
    if frame.kind is not FrameKind.SLOW or frame.data[TPKT_HEADER:start] != DATA_HEADER:
        raise RemoteProtocolError("X.224: a data TPDU expected")
    if len(frame.data) == start:
        raise RemoteProtocolError("X.224: an empty data TPDU")
    return frame.data[start:]


def _connection(code: int, source: int, variable: bytes) -> bytes:
    length = FIXED + len(variable)
    if length > LI_MOST:
        raise LocalProtocolError(f"X.224: length indicator {length}, must be {LI_MOST} or less")
    return tpkt(bytes((length, code, 0, 0)) + source.to_bytes(2, "big") + b"\x00" + variable)


def _variable(frame: Frame, code: int, what: str) -> Reader:
    """The variable part of a CR or CC, whose length indicator must be that of the TPKT."""
    src = Reader(frame.data, what)
    if frame.kind is not FrameKind.SLOW:
        raise src.fail("a fast-path PDU came")
    src.take(TPKT_HEADER)
    if (length := src.u8()) != src.left or not FIXED <= length <= LI_MOST:
        raise src.fail(f"length indicator {length}, {src.left} octets follow")
    if (got := src.u8()) & 0xF0 != code:
        raise src.fail(f"TPDU code {got:#04x}, must be {code:#04x}")
    src.take(4)  # dst-ref and src-ref mean nothing here
    if (options := src.u8()) & 0xF0:
        raise src.fail(f"X.224 class {options >> 4}, must be 0")
    return src


def _negotiation(kind: int, flags: int, value: int) -> bytes:
    return bytes((kind, flags)) + NEG_LENGTH.to_bytes(2, "little") + value.to_bytes(4, "little")


def _read_negotiation(src: Reader, kind: int) -> tuple[int, int]:
    """flags and value of RDP_NEG_REQ, RDP_NEG_RSP or RDP_NEG_FAILURE."""
    if (got := src.u8()) != kind:
        raise src.fail(f"negotiation type {got:#04x}, must be {kind:#04x}")
    flags = src.u8()
    if (length := src.u16le()) != NEG_LENGTH:
        raise src.fail(f"negotiation length {length}, must be {NEG_LENGTH}")
    return flags, src.u32le()


def _is_correlation(octets: bytes) -> bool:
    head = bytes((TYPE_RDP_CORRELATION_INFO, 0)) + CORRELATION_LENGTH.to_bytes(2, "little")
    return len(octets) == CORRELATION_LENGTH and octets[:4] == head
