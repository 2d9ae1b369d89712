"""MCS: the PDUs of T.125 that RDP uses ([MS-RDPBCGR] 2.2.1.3 to 2.2.1.9, 2.2.2.3; ITU-T T.125 section 7).

User ids and channel ids are the real numbers (a user id is 1001 or more); the offset of the wire stays in here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeAlias

from gateway.errors import LocalProtocolError
from gateway.rdp import ber, per
from gateway.rdp.octets import Reader

USER_BASE: Final = 1001  # the least user id; the wire carries the difference
RT_SUCCESSFUL: Final = 0
RT_NO_SUCH_CHANNEL: Final = 3
RN_PROVIDER_INITIATED: Final = 1
RN_USER_REQUESTED: Final = 3
PRIORITY_AND_SEGMENTATION: Final = 0x70  # high priority, begin and end
SEGMENTATION: Final = 0x30
_SEND_DATA: Final = struct.Struct(">BHHB")  # choice, initiator, channelId, priority and segmentation; then a length
DATA_MOST: Final = per.LENGTH_MOST  # octets of user data in one Send Data


@dataclass(frozen=True, slots=True)
class DomainParameters:
    """T.125 DomainParameters, in their order."""

    channels: int = 34
    users: int = 2
    tokens: int = 0
    priorities: int = 1
    throughput: int = 0
    height: int = 1
    octets: int = 65535
    version: int = 2

    def encode(self) -> bytes:
        values = [self.channels, self.users, self.tokens, self.priorities]
        values += [self.throughput, self.height, self.octets, self.version]
        return ber.encode(ber.SEQUENCE, b"".join(ber.integer(value) for value in values))

    @classmethod
    def read(cls, src: Reader, what: str) -> DomainParameters:
        inner = Reader(ber.read(src, ber.SEQUENCE), what)
        found = cls(*(ber.read_integer(inner) for _ in range(8)))
        inner.end()
        return found


@dataclass(frozen=True, slots=True)
class ConnectInitial:
    """MCS Connect Initial (2.2.1.3). `user_data` is a GCC Conference Create Request."""

    TAG: ClassVar[bytes] = b"\x7f\x65"
    user_data: bytes
    target: DomainParameters = DomainParameters()
    minimum: DomainParameters = DomainParameters(1, 1, 1, 1, 0, 1, 1056, 2)
    maximum: DomainParameters = DomainParameters(65535, 64535, 65535, 1, 0, 1, 65535, 2)
    calling: bytes = b"\x01"
    called: bytes = b"\x01"
    upward: bool = True

    def encode(self) -> bytes:
        selectors = ber.encode(ber.OCTET_STRING, self.calling) + ber.encode(ber.OCTET_STRING, self.called)
        body = selectors + ber.encode(ber.BOOLEAN, b"\xff" if self.upward else b"\x00")
        body += self.target.encode() + self.minimum.encode() + self.maximum.encode()
        return ber.encode(self.TAG, body + ber.encode(ber.OCTET_STRING, self.user_data))

    @classmethod
    def read(cls, src: Reader) -> ConnectInitial:
        what = "MCS Connect Initial"
        inner = Reader(ber.read(src, cls.TAG), what)
        calling, called = ber.read(inner, ber.OCTET_STRING), ber.read(inner, ber.OCTET_STRING)
        upward = ber.read(inner, ber.BOOLEAN) not in (b"\x00", b"")
        target, minimum, maximum = (DomainParameters.read(inner, what) for _ in range(3))
        user_data = ber.read(inner, ber.OCTET_STRING)
        inner.end()
        return cls(user_data, target, minimum, maximum, calling, called, upward)


@dataclass(frozen=True, slots=True)
class ConnectResponse:
    """MCS Connect Response (2.2.1.4). `user_data` is a GCC Conference Create Response."""

    TAG: ClassVar[bytes] = b"\x7f\x66"
    user_data: bytes
    result: int = RT_SUCCESSFUL
    called: int = 0
    parameters: DomainParameters = DomainParameters(34, 3, 0, 1, 0, 1, 65528, 2)

    def encode(self) -> bytes:
        body = ber.integer(self.result, ber.ENUMERATED) + ber.integer(self.called) + self.parameters.encode()
        return ber.encode(self.TAG, body + ber.encode(ber.OCTET_STRING, self.user_data))

    @classmethod
    def read(cls, src: Reader) -> ConnectResponse:
        inner = Reader(ber.read(src, cls.TAG), "MCS Connect Response")
        result, called = ber.read_integer(inner, ber.ENUMERATED), ber.read_integer(inner)
        parameters = DomainParameters.read(inner, "MCS Connect Response")
        user_data = ber.read(inner, ber.OCTET_STRING)
        inner.end()
        return cls(user_data, result, called, parameters)


@dataclass(frozen=True, slots=True)
class ErectDomainRequest:
    """MCS Erect Domain Request (2.2.1.5)."""

    CHOICE: ClassVar[int] = 1
    height: int = 0
    interval: int = 0

    def encode(self) -> bytes:
        return bytes((self.CHOICE << 2,)) + per.integer(self.height) + per.integer(self.interval)

    @classmethod
    def read(cls, src: Reader) -> Self:
        src.u8()
        fields = src.rest()
        if len(fields) == 4 and not fields[0]:  # rdesktop writes two octets each, without a length
            return cls(int.from_bytes(fields[:2], "big"), int.from_bytes(fields[2:], "big"))
        told = Reader(fields, "erect domain request")
        found = cls(per.read_integer(told), per.read_integer(told))
        told.end()
        return found


@dataclass(frozen=True, slots=True)
class DisconnectProviderUltimatum:
    """MCS Disconnect Provider Ultimatum (2.2.2.3). `reason` is one of T.125's, 0 to 7."""

    CHOICE: ClassVar[int] = 8
    reason: int

    def encode(self) -> bytes:
        return bytes((self.CHOICE << 2 | self.reason >> 1, (self.reason & 1) << 7))

    @classmethod
    def read(cls, src: Reader) -> Self:
        return cls((src.u8() & 3) << 1 | src.u8() >> 7)


@dataclass(frozen=True, slots=True)
class AttachUserRequest:
    """MCS Attach User Request (2.2.1.6)."""

    CHOICE: ClassVar[int] = 10

    def encode(self) -> bytes:
        return bytes((self.CHOICE << 2,))

    @classmethod
    def read(cls, src: Reader) -> Self:
        src.u8()
        return cls()


@dataclass(frozen=True, slots=True)
class AttachUserConfirm:
    """MCS Attach User Confirm (2.2.1.7); `user` is None when the wire has none."""

    CHOICE: ClassVar[int] = 11
    result: int
    user: int | None

    def encode(self) -> bytes:
        head = _confirm_head(self.CHOICE, self.result, self.user is not None)
        return head if self.user is None else head + _user(self.user)

    @classmethod
    def read(cls, src: Reader) -> Self:
        result, has_user = _read_confirm_head(src)
        return cls(result, _read_user(src) if has_user else None)


@dataclass(frozen=True, slots=True)
class ChannelJoinRequest:
    """MCS Channel Join Request (2.2.1.8)."""

    CHOICE: ClassVar[int] = 14
    user: int
    channel: int

    def encode(self) -> bytes:
        return bytes((self.CHOICE << 2,)) + _user(self.user) + self.channel.to_bytes(2, "big")

    @classmethod
    def read(cls, src: Reader) -> Self:
        src.u8()
        return cls(_read_user(src), src.u16be())


@dataclass(frozen=True, slots=True)
class ChannelJoinConfirm:
    """MCS Channel Join Confirm (2.2.1.9); `channel` is None when the wire has none, which is so after a refusal."""

    CHOICE: ClassVar[int] = 15
    result: int
    user: int
    requested: int
    channel: int | None

    def encode(self) -> bytes:
        head = _confirm_head(self.CHOICE, self.result, self.channel is not None)
        head += _user(self.user) + self.requested.to_bytes(2, "big")
        return head if self.channel is None else head + self.channel.to_bytes(2, "big")

    @classmethod
    def read(cls, src: Reader) -> Self:
        result, has_channel = _read_confirm_head(src)
        return cls(result, _read_user(src), src.u16be(), src.u16be() if has_channel else None)


@dataclass(frozen=True, slots=True)
class _SendData:
    CHOICE: ClassVar[int]
    initiator: int
    channel: int
    data: bytes

    def encode(self) -> bytes:
        """Raises LocalProtocolError when `data` is longer than DATA_MOST."""
        user = _on_wire(self.initiator)
        head = _SEND_DATA.pack(self.CHOICE << 2, user, self.channel, PRIORITY_AND_SEGMENTATION)
        return head + per.length(len(self.data)) + self.data

    @classmethod
    def read(cls, src: Reader) -> Self:
        _, user, channel, flags = _SEND_DATA.unpack(src.take(_SEND_DATA.size))
        if flags & SEGMENTATION != SEGMENTATION:
            raise src.fail("segmented user data")
        return cls(_user_of(src, user), channel, src.take(per.read_length(src)))


@dataclass(frozen=True, slots=True)
class SendDataRequest(_SendData):
    """MCS Send Data Request: from the client (T.125 7, SDrq)."""

    CHOICE: ClassVar[int] = 25


@dataclass(frozen=True, slots=True)
class SendDataIndication(_SendData):
    """MCS Send Data Indication: from the server (T.125 7, SDin)."""

    CHOICE: ClassVar[int] = 26


DomainPdu: TypeAlias = (
    ConnectInitial
    | ConnectResponse
    | ErectDomainRequest
    | DisconnectProviderUltimatum
    | AttachUserRequest
    | AttachUserConfirm
    | ChannelJoinRequest
    | ChannelJoinConfirm
    | SendDataRequest
    | SendDataIndication
)

_PDUS: Final = {
    pdu.CHOICE: pdu
    for pdu in (
        ErectDomainRequest,
        DisconnectProviderUltimatum,
        AttachUserRequest,
        AttachUserConfirm,
        ChannelJoinRequest,
        ChannelJoinConfirm,
        SendDataRequest,
        SendDataIndication,
    )
}


def decode(payload: bytes) -> DomainPdu:
    """The MCS PDU that is the whole of `payload` (what an X.224 Data TPDU carries).

    Raises:
        RemoteProtocolError: a PDU that RDP does not use, a broken one, or octets after it.
    """
    src = Reader(payload, "MCS")
    tag = payload[:2]
    found: DomainPdu
    if tag == ConnectInitial.TAG:
        found = ConnectInitial.read(src)
    elif tag == ConnectResponse.TAG:
        found = ConnectResponse.read(src)
    else:
        choice = payload[0] >> 2 if payload else -1
        if (kind := _PDUS.get(choice)) is None:
            raise src.fail(f"unexpected PDU {choice}")
        found = kind.read(src)
    src.end()
    return found


def _on_wire(user: int) -> int:
    if not USER_BASE <= user <= 0xFFFF:
        raise LocalProtocolError(f"MCS: user id {user}, must be {USER_BASE} or more")
    return user - USER_BASE


def _user(user: int) -> bytes:
    return _on_wire(user).to_bytes(2, "big")


def _read_user(src: Reader) -> int:
    return _user_of(src, src.u16be())


def _user_of(src: Reader, on_wire: int) -> int:
    if (user := on_wire + USER_BASE) > 0xFFFF:
        raise src.fail(f"user id {user}, must be 65535 or less")
    return user


def _confirm_head(choice: int, result: int, optional: bool) -> bytes:
    """Choice (6 bits), presence of the last field (1 bit), Result (4 bits), padding."""
    bits = choice << 10 | optional << 9 | result << 5
    return bits.to_bytes(2, "big")


def _read_confirm_head(src: Reader) -> tuple[int, bool]:
    bits = src.u16be()
    return bits >> 5 & 0x0F, bool(bits >> 9 & 1)
