"""Share PDUs on the I/O channel: headers and what they carry ([MS-RDPBCGR] 2.2.8.1.1.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar, Final, Self

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.capabilities import Capability, join, split
from gateway.rdp.octets import Reader

VERSION: Final = 0x10  # of TS_SHARECONTROLHEADER.pduType, beside the type's four bits
CONTROL_HEADER: Final = 6  # totalLength u16 + pduType u16 + pduSource u16
# shareId, padding, streamId, uncompressedLength, pduType2, compressedType, compressedLength
DATA_HEADER: Final = struct.Struct("<IBBHBBH")
_KIND_AND_SOURCE: Final = struct.Struct("<HH")
FLOW_MARKER: Final = 0x8000  # totalLength of a flow PDU (T.128 8.5): 8 octets that nobody answers today
FLOW_OCTETS: Final = 8
STREAM_LOW: Final = 1
COMPRESSED: Final = 0x20  # PACKET_COMPRESSED of compressedType
ORIGINATOR: Final = 0x03EA  # originatorId of a Confirm Active (2.2.1.13.2.1)


class PduType(IntEnum):
    """pduType of a share control PDU."""

    DEMAND_ACTIVE = 0x1
    CONFIRM_ACTIVE = 0x3
    DEACTIVATE_ALL = 0x6
    DATA = 0x7
    SERVER_REDIRECTION = 0xA


class PduType2(IntEnum):
    """pduType2 of a share data PDU."""

    UPDATE = 0x02
    CONTROL = 0x14
    POINTER = 0x1B
    INPUT = 0x1C
    SYNCHRONIZE = 0x1F
    REFRESH_RECT = 0x21
    PLAY_SOUND = 0x22
    SUPPRESS_OUTPUT = 0x23
    SHUTDOWN_REQUEST = 0x24
    SHUTDOWN_DENIED = 0x25
    SAVE_SESSION_INFO = 0x26
    FONT_LIST = 0x27
    FONT_MAP = 0x28
    SET_KEYBOARD_INDICATORS = 0x29
    BITMAP_CACHE_PERSISTENT_LIST = 0x2B
    SET_KEYBOARD_IME_STATUS = 0x2D
    SET_ERROR_INFO = 0x2F
    AUTO_RECONNECT_STATUS = 0x32
    STATUS_INFO = 0x36
    MONITOR_LAYOUT = 0x37


class UpdateType(IntEnum):
    """updateType of a slow-path Update PDU (2.2.9.1.1.3.1)."""

    ORDERS = 0
    BITMAP = 1
    PALETTE = 2
    SYNCHRONIZE = 3


@dataclass(frozen=True, slots=True)
class ShareControl:
    """A share control PDU. `kind` may be one that `PduType` does not name."""

    kind: int
    source: int
    body: bytes

    def encode(self) -> bytes:
        length = CONTROL_HEADER + len(self.body)
        if length >= FLOW_MARKER:
            raise LocalProtocolError(f"share control: length {length}, must be less than {FLOW_MARKER}")
        return struct.pack("<HHH", length, VERSION | self.kind, self.source) + self.body


def split_control(data: bytes) -> list[ShareControl]:
    """The share control PDUs in one MCS user data; servers may put several into one. Flow PDUs are left out.

    Raises:
        RemoteProtocolError: nothing in it, a length that cannot be, another version.
    """
    src = Reader(data, "share control")
    found: list[ShareControl] = []
    while True:
        length = src.u16le()
        if length == FLOW_MARKER:
            src.take(FLOW_OCTETS - 2)
        elif length < CONTROL_HEADER:
            raise src.fail(f"length {length}, must be {CONTROL_HEADER} or more")
        else:
            kind, source = _KIND_AND_SOURCE.unpack(src.take(_KIND_AND_SOURCE.size))
            if kind & 0xFFF0 != VERSION:
                raise src.fail(f"version {kind >> 4:#x}, must be 1")
            found.append(ShareControl(kind & 0x0F, source, src.take(length - CONTROL_HEADER)))
        if not src.left:
            return found


@dataclass(frozen=True, slots=True)
class ShareData:
    """A share data PDU inside a share control PDU of type DATA. `kind` may be one that `PduType2` does not name."""

    share: int
    kind: int
    body: bytes
    stream: int = STREAM_LOW

    def encode(self, source: int) -> bytes:
        """The whole share control PDU."""
        head = DATA_HEADER.pack(self.share, 0, self.stream, len(self.body) + 4, self.kind, 0, 0)
        return ShareControl(PduType.DATA, source, head + self.body).encode()

    @classmethod
    def decode(cls, body: bytes) -> ShareData:
        """From the body of a share control PDU. uncompressedLength is not believed: servers differ in what they count.

        Raises:
            RemoteProtocolError: truncated, or compressed, which was never negotiated.
        """
        src = Reader(body, "share data")
        share, _, stream, _, kind, compression, _ = DATA_HEADER.unpack(src.take(DATA_HEADER.size))
        if compression & COMPRESSED:
            raise src.fail(f"compressed data (type {compression & 0x0F}) was never negotiated")
        return cls(share, kind, src.rest(), stream)


@dataclass(frozen=True, slots=True)
class DemandActive:
    """Demand Active (2.2.1.13.1)."""

    share: int
    source: bytes
    capabilities: tuple[Capability, ...]
    session: bytes = bytes(4)  # sessionId; some servers leave it out

    def encode(self) -> bytes:
        """The body of the share control PDU."""
        combined = join(self.capabilities)
        head = struct.pack("<IHH", self.share, len(self.source), len(combined))
        return head + self.source + combined + self.session

    @classmethod
    def decode(cls, body: bytes) -> DemandActive:
        src = Reader(body, "demand active")
        share, length, combined = src.u32le(), src.u16le(), src.u16le()
        source = src.take(length)
        capabilities = split(src.take(combined))
        if src.left not in (0, 4):
            raise src.fail(f"{src.left} octets after the capabilities, must be 4")
        return cls(share, source, capabilities, src.rest())


@dataclass(frozen=True, slots=True)
class ConfirmActive:
    """Confirm Active (2.2.1.13.2)."""

    share: int
    source: bytes
    capabilities: tuple[Capability, ...]
    originator: int = ORIGINATOR

    def encode(self) -> bytes:
        combined = join(self.capabilities)
        head = struct.pack("<IHHH", self.share, self.originator, len(self.source), len(combined))
        return head + self.source + combined

    @classmethod
    def decode(cls, body: bytes) -> ConfirmActive:
        src = Reader(body, "confirm active")
        share, originator, length, combined = src.u32le(), src.u16le(), src.u16le(), src.u16le()
        source = src.take(length)
        capabilities = split(src.take(combined))
        src.end()
        return cls(share, source, capabilities, originator)


def share_of(control: ShareControl) -> int:
    """The share id, which is the first field of every share control PDU that names one."""
    return Reader(control.body, "share control").u32le()


@dataclass(frozen=True, slots=True)
class DeactivateAll:
    """Deactivate All (2.2.3.1). Some servers leave out all but the share id, or that too."""

    share: int

    def encode(self) -> bytes:
        return struct.pack("<IHB", self.share, 1, 0)


class _Body:
    """A share data PDU of whole u16 and u32 fields."""

    KIND: ClassVar[PduType2]
    FORM: ClassVar[struct.Struct]
    __slots__ = ()

    def encode(self) -> bytes:
        return self.FORM.pack(*(getattr(self, one.name) for one in fields(self)))  # type: ignore[arg-type]  # each subclass is a dataclass

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Raises RemoteProtocolError unless `body` has exactly the fields."""
        if len(body) != cls.FORM.size:
            raise RemoteProtocolError(f"{cls.KIND.name.lower()}: {len(body)} octets, must be {cls.FORM.size}")
        return cls(*cls.FORM.unpack(body))


@dataclass(frozen=True, slots=True)
class Synchronize(_Body):
    """2.2.1.14 and 2.2.1.19."""

    KIND: ClassVar = PduType2.SYNCHRONIZE
    FORM: ClassVar = struct.Struct("<HH")
    message: int  # 1: SYNCMSGTYPE_SYNC
    target: int  # MCS id


class ControlAction(IntEnum):
    REQUEST = 1
    GRANTED = 2
    DETACH = 3
    COOPERATE = 4


@dataclass(frozen=True, slots=True)
class Control(_Body):
    """2.2.1.15, .16, .20, .21."""

    KIND: ClassVar = PduType2.CONTROL
    FORM: ClassVar = struct.Struct("<HHI")
    action: int
    grant: int = 0
    control: int = 0


@dataclass(frozen=True, slots=True)
class _Fonts(_Body):
    FORM: ClassVar = struct.Struct("<HHHH")
    number: int = 0
    total: int = 0
    flags: int = 3  # FONTLIST_FIRST | FONTLIST_LAST
    entry: int = 0


@dataclass(frozen=True, slots=True)
class FontList(_Fonts):
    """2.2.1.18."""

    KIND: ClassVar = PduType2.FONT_LIST
    entry: int = 50


@dataclass(frozen=True, slots=True)
class FontMap(_Fonts):
    """2.2.1.22."""

    KIND: ClassVar = PduType2.FONT_MAP
    entry: int = 4


@dataclass(frozen=True, slots=True)
class SetErrorInfo(_Body):
    """2.2.5.1.1."""

    KIND: ClassVar = PduType2.SET_ERROR_INFO
    FORM: ClassVar = struct.Struct("<I")
    code: int


Area = tuple[int, int, int, int]  # left, top, right, bottom, inclusive (TS_RECTANGLE16, 2.2.11.1)


@dataclass(frozen=True, slots=True)
class RefreshRect:
    """2.2.11.2: up to 255 areas to paint anew."""

    KIND: ClassVar = PduType2.REFRESH_RECT
    areas: tuple[Area, ...]

    def encode(self) -> bytes:
        return struct.pack("<B3x", len(self.areas)) + b"".join(struct.pack("<4H", *area) for area in self.areas)

    @classmethod
    def decode(cls, body: bytes) -> RefreshRect:
        src = Reader(body, "refresh rect")
        count = src.u8()
        src.take(3)
        areas = tuple((src.u16le(), src.u16le(), src.u16le(), src.u16le()) for _ in range(count))
        src.end()
        return cls(areas)


@dataclass(frozen=True, slots=True)
class SuppressOutput:
    """2.2.11.3: None stops the updates, an area lets them come again and paints it."""

    KIND: ClassVar = PduType2.SUPPRESS_OUTPUT
    area: Area | None

    def encode(self) -> bytes:
        return bytes(4) if self.area is None else struct.pack("<B3x4H", 1, *self.area)

    @classmethod
    def decode(cls, body: bytes) -> SuppressOutput:
        src = Reader(body, "suppress output")
        allow = src.u8()
        src.take(3)
        if not allow:
            return cls(None)  # what follows means nothing then
        area = (src.u16le(), src.u16le(), src.u16le(), src.u16le())
        src.end()
        return cls(area)


DataBody = Synchronize | Control | FontList | FontMap | SetErrorInfo | RefreshRect | SuppressOutput


def data(share: int, source: int, pdu: DataBody) -> bytes:
    """A whole share control PDU that carries `pdu`."""
    return ShareData(share, pdu.KIND, pdu.encode()).encode(source)
