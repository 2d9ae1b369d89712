"""The three messages of NTLM ([MS-NLMP] 2.2.1) and their attribute-value pairs (2.2.2.1).

Only what NTLMv2 with Unicode, extended session security, key exchange and 128 bit needs.
Unknown flag bits and unknown pairs are kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from gateway.errors import LocalProtocolError, RemoteProtocolError

SIGNATURE = b"NTLMSSP\0"
VERSION = bytes.fromhex("0a00634500 00000f")  # 10.0, build 17763, NTLMSSP_REVISION_W2K3: read by nobody
MOST_NAME = 512  # octets of a user, domain or workstation: 256 characters
MIC_OFFSET = 72  # header 12 + six fields of 8 + flags 4 + version 8
AUTHENTICATE_HEADER = 88  # MIC_OFFSET + MIC 16
NO_MIC = bytes(16)


class MessageType(IntEnum):
    """[MS-NLMP] 2.2.1."""

    NEGOTIATE = 1
    CHALLENGE = 2
    AUTHENTICATE = 3


class NegotiateFlag(IntFlag):
    """NEGOTIATE ([MS-NLMP] 2.2.2.5), the bits that are used here; others are kept."""

    UNICODE = 0x00000001
    REQUEST_TARGET = 0x00000004
    SIGN = 0x00000010
    SEAL = 0x00000020
    NTLM = 0x00000200
    ANONYMOUS = 0x00000800
    ALWAYS_SIGN = 0x00008000
    TARGET_TYPE_SERVER = 0x00020000
    EXTENDED_SESSIONSECURITY = 0x00080000
    TARGET_INFO = 0x00800000
    VERSION = 0x02000000
    NEGOTIATE_128 = 0x20000000
    KEY_EXCH = 0x40000000


NEEDED = (
    NegotiateFlag.UNICODE
    | NegotiateFlag.SIGN
    | NegotiateFlag.SEAL
    | NegotiateFlag.EXTENDED_SESSIONSECURITY
    | NegotiateFlag.NEGOTIATE_128
    | NegotiateFlag.KEY_EXCH
)


class AvId(IntEnum):
    """AvId ([MS-NLMP] 2.2.2.1), those used here."""

    EOL = 0
    NB_COMPUTER_NAME = 1
    NB_DOMAIN_NAME = 2
    DNS_COMPUTER_NAME = 3
    DNS_DOMAIN_NAME = 4
    FLAGS = 6
    TIMESTAMP = 7


AV_MIC_PRESENT = 0x2
AvPairs = tuple[tuple[int, bytes], ...]


def encode_pairs(pairs: AvPairs) -> bytes:
    """AV_PAIR structures with the closing MsvAvEOL."""
    body = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in pairs)
    return body + struct.pack("<HH", AvId.EOL, 0)


def decode_pairs(data: bytes, what: str) -> AvPairs:
    """The pairs before MsvAvEOL; what follows it is padding of the sender and is not looked at."""
    pairs: list[tuple[int, bytes]] = []
    at = 0
    while True:
        if at + 4 > len(data):
            raise RemoteProtocolError(f"{what}: attribute-value pairs without their end")
        kind, length = struct.unpack_from("<HH", data, at)
        at += 4
        if kind == AvId.EOL:
            return tuple(pairs)
        if at + length > len(data):
            raise RemoteProtocolError(f"{what}: attribute-value pair of {length} octets is truncated")
        pairs.append((kind, data[at : at + length]))
        at += length


def flags_of(message: bytes, kind: MessageType) -> NegotiateFlag:
    """Check signature and type, and that all of `NEEDED` is offered; gives the flags.

    Raises:
        RemoteProtocolError: another message, truncated, or weaker than NTLMv2 with 128 bit sealing.
    """
    what = f"NTLM {kind.name}"
    at = {MessageType.NEGOTIATE: 12, MessageType.CHALLENGE: 20, MessageType.AUTHENTICATE: 60}[kind]
    if len(message) < at + 4:
        raise RemoteProtocolError(f"{what}: truncated at {len(message)} octets")
    if message[:8] != SIGNATURE:
        raise RemoteProtocolError(f"{what}: no NTLMSSP signature")
    (found,) = struct.unpack_from("<I", message, 8)
    if found != kind:
        raise RemoteProtocolError(f"{what}: message type {found}, must be {int(kind)}")
    flags = NegotiateFlag(struct.unpack_from("<I", message, at)[0])
    if missing := NEEDED & ~flags:
        raise RemoteProtocolError(f"{what}: flags {int(missing):#010x} are missing")
    return flags


@dataclass(frozen=True, slots=True)
class Negotiate:
    """NEGOTIATE_MESSAGE (2.2.1.1) without domain and workstation, which nobody needs."""

    flags: NegotiateFlag

    def encode(self) -> bytes:
        return SIGNATURE + struct.pack("<II", MessageType.NEGOTIATE, self.flags) + bytes(16) + VERSION

    @classmethod
    def decode(cls, message: bytes) -> Negotiate:
        return cls(flags_of(message, MessageType.NEGOTIATE))


@dataclass(frozen=True, slots=True)
class Challenge:
    """CHALLENGE_MESSAGE (2.2.1.2). `info` are the pairs of TargetInfo, `challenge` eight octets."""

    flags: NegotiateFlag
    challenge: bytes
    info: AvPairs
    name: str = ""

    def encode(self) -> bytes:
        name = self.name.encode("utf-16-le")
        info = encode_pairs(self.info)
        start = 56
        return b"".join(
            (
                SIGNATURE,
                struct.pack("<I", MessageType.CHALLENGE),
                _field(name, start),
                struct.pack("<I", self.flags),
                self.challenge,
                bytes(8),
                _field(info, start + len(name)),
                VERSION,
                name,
                info,
            )
        )

    @classmethod
    def decode(cls, message: bytes) -> Challenge:
        what = "NTLM CHALLENGE"
        flags = flags_of(message, MessageType.CHALLENGE)
        if len(message) < 48:
            raise RemoteProtocolError(f"{what}: truncated at {len(message)} octets")
        name = _text(_taken(message, 12, what), what)
        info = decode_pairs(_taken(message, 40, what), what)
        return cls(flags, message[24:32], info, name)

    def value(self, kind: AvId) -> bytes | None:
        """The first value of one pair."""
        return next((value for found, value in self.info if found == kind), None)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE_MESSAGE (2.2.1.3). `nt` is NTProofStr and the client's blob; `key` the encrypted session key.

    INVARIANT: the payload begins after the MIC, so that the MIC is where it is looked for.
    """

    flags: NegotiateFlag
    user: str
    domain: str
    nt: bytes = field(repr=False)
    key: bytes = field(repr=False)
    mic: bytes = field(default=NO_MIC, repr=False)
    workstation: str = ""
    lm: bytes = field(default=bytes(24), repr=False)

    def encode(self) -> bytes:
        values = (
            self.lm,
            self.nt,
            *(value.encode("utf-16-le") for value in (self.domain, self.user, self.workstation)),
            self.key,
        )
        # Fields stand in the order of the header, payloads as Windows has them: names first.
        header, payload = [b""] * len(values), b""
        for index in (2, 3, 4, 0, 1, 5):
            header[index] = _field(values[index], AUTHENTICATE_HEADER + len(payload))
            payload += values[index]
        head = SIGNATURE + struct.pack("<I", MessageType.AUTHENTICATE)
        return head + b"".join(header) + struct.pack("<I", self.flags) + VERSION + self.mic + payload

    @classmethod
    def decode(cls, message: bytes) -> Authenticate:
        """Decode, names bounded to `MOST_NAME` octets.

        Raises:
            RemoteProtocolError: a field outside the message or inside the header, names that are not UTF-16.
        """
        what = "NTLM AUTHENTICATE"
        flags = flags_of(message, MessageType.AUTHENTICATE)
        if len(message) < AUTHENTICATE_HEADER:
            raise RemoteProtocolError(f"{what}: no room for a MIC in {len(message)} octets")
        lm, nt, domain, user, workstation, key = (
            _taken(message, at, what, AUTHENTICATE_HEADER) for at in range(12, 60, 8)
        )
        mic = message[MIC_OFFSET : MIC_OFFSET + 16]
        return cls(flags, _text(user, what), _text(domain, what), nt, key, mic, _text(workstation, what), lm)


def _field(value: bytes, start: int) -> bytes:
    if len(value) > 0xFFFF:
        raise LocalProtocolError(f"NTLM field of {len(value)} octets")
    return struct.pack("<HHI", len(value), len(value), start)


def _taken(message: bytes, at: int, what: str, floor: int = 0) -> bytes:
    """What the field (Len u16, MaxLen u16, BufferOffset u32) at `at` points to."""
    length, _, start = struct.unpack_from("<HHI", message, at)
    if not length:
        return b""
    if start < floor or start + length > len(message):
        raise RemoteProtocolError(f"{what}: field of {length} octets at {start} is outside")
    return message[start : start + length]


def _text(value: bytes, what: str) -> str:
    if len(value) > MOST_NAME:
        raise RemoteProtocolError(f"{what}: name of {len(value)} octets, must be at most {MOST_NAME}")
    try:
        return value.decode("utf-16-le")
    except UnicodeDecodeError:
        raise RemoteProtocolError(f"{what}: name is not UTF-16") from None
