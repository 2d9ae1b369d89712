"""Client core data, the block with which a client introduces itself ([MS-RDPBCGR] 2.2.1.3.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import KEEP, IntFlag
from typing import Final

from gateway.errors import LocalProtocolError
from gateway.rdp.octets import Reader
from gateway.rdp.x224 import Security

CS_CORE: Final = 0xC001
BLOCK_HEADER: Final = 4  # type u16 + length u16, which counts itself

# Fields of CS_CORE after imeFileName, as offsets into `tail`; each may be absent with everything behind it.
TAIL_HIGH_COLOR: Final = 8  # postBeta2ColorDepth u16 + clientProductId u16 + serialNumber u32
TAIL_SUPPORTED: Final = 10
TAIL_EARLY: Final = 12
TAIL_SELECTED: Final = 80  # clientDigProductId 64 + connectionType u8 + pad u8 after the flags
TAIL_WHOLE: Final = 84  # up to serverSelectedProtocol, the last field that a target needs
NAME_OCTETS: Final = 32
IME_OCTETS: Final = 64
DEFAULT_TAIL: Final = bytes.fromhex("01ca 0100 00000000")  # RNS_UD_COLOR_8BPP, clientProductId 1, serialNumber 0


class EarlyCapability(IntFlag, boundary=KEEP):
    """earlyCapabilityFlags of CS_CORE (2.2.1.3.2)."""

    ERRINFO_PDU = 0x0001
    WANT_32BPP = 0x0002
    STATUSINFO_PDU = 0x0004
    STRONG_ASYMMETRIC_KEYS = 0x0008
    RELATIVE_MOUSE_INPUT = 0x0010
    VALID_CONNECTION_TYPE = 0x0020
    MONITOR_LAYOUT_PDU = 0x0040
    NETCHAR_AUTODETECT = 0x0080
    DYNVC_GFX = 0x0100
    DYNAMIC_TIME_ZONE = 0x0200
    HEARTBEAT_PDU = 0x0400
    SKIP_CHANNELJOIN = 0x0800


@dataclass(frozen=True, slots=True)
class CoreClient:
    """TS_UD_CS_CORE (2.2.1.3.2). `name` and `ime` are 32 and 64 octets as sent.

    `tail` is everything from postBeta2ColorDepth on, as sent: any of it may be absent.
    """

    version: int
    width: int
    height: int
    color_depth: int
    sas_sequence: int
    keyboard_layout: int
    build: int
    name: bytes
    keyboard_type: int
    keyboard_subtype: int
    function_keys: int
    ime: bytes
    tail: bytes = b""

    @property
    def high_color_depth(self) -> int | None:
        return self._field(TAIL_HIGH_COLOR, 2)

    @property
    def supported_color_depths(self) -> int | None:
        return self._field(TAIL_SUPPORTED, 2)

    @property
    def early(self) -> EarlyCapability:
        """None set when the field is absent."""
        return EarlyCapability(self._field(TAIL_EARLY, 2) or 0)

    @property
    def selected(self) -> Security | None:
        value = self._field(TAIL_SELECTED, 4)
        return None if value is None else Security(value)

    def asking(self, *, colors: int, depths: int, early: EarlyCapability, selected: Security) -> CoreClient:
        """A copy with these four fields; whatever stands before serverSelectedProtocol is there, zero if it was absent.

        `colors` is highColorDepth, `depths` supportedColorDepths. What follows serverSelectedProtocol (physical size,
        orientation, scale) is left out: a target that knows none draws at its true size.
        """
        tail = bytearray(self.tail[:TAIL_WHOLE].ljust(TAIL_WHOLE, b"\x00"))
        if len(self.tail) < TAIL_HIGH_COLOR:
            tail[:TAIL_HIGH_COLOR] = DEFAULT_TAIL
        tail[TAIL_HIGH_COLOR:TAIL_SUPPORTED] = colors.to_bytes(2, "little")
        tail[TAIL_SUPPORTED:TAIL_EARLY] = depths.to_bytes(2, "little")
        tail[TAIL_EARLY : TAIL_EARLY + 2] = early.to_bytes(2, "little")
        tail[TAIL_SELECTED:TAIL_WHOLE] = selected.to_bytes(4, "little")
        return replace(self, tail=bytes(tail))

    def _field(self, offset: int, size: int) -> int | None:
        field = self.tail[offset : offset + size]
        return int.from_bytes(field, "little") if len(field) == size else None

    def encode(self) -> bytes:
        if len(self.name) != NAME_OCTETS or len(self.ime) != IME_OCTETS:
            raise LocalProtocolError(f"CS_CORE: name must be {NAME_OCTETS} octets, ime {IME_OCTETS}")
        words = (self.width, self.height, self.color_depth, self.sas_sequence)
        keys = (self.keyboard_type, self.keyboard_subtype, self.function_keys)
        head = u32(self.version) + u16(*words) + u32(self.keyboard_layout, self.build) + self.name
        return block(CS_CORE, head + u32(*keys) + self.ime + self.tail)

    @classmethod
    def decode(cls, data: bytes) -> CoreClient:
        src = Reader(data, "CS_CORE")
        version, width, height, depth, sequence = src.u32le(), src.u16le(), src.u16le(), src.u16le(), src.u16le()
        layout, build, name = src.u32le(), src.u32le(), src.take(NAME_OCTETS)
        keyboard, subtype, functions = src.u32le(), src.u32le(), src.u32le()
        ime, tail = src.take(IME_OCTETS), src.rest()
        return cls(
            version, width, height, depth, sequence, layout, build, name, keyboard, subtype, functions, ime, tail
        )


def block(kind: int, body: bytes) -> bytes:
    """A user data block of GCC with its header (2.2.1.3.1)."""
    return u16(kind, BLOCK_HEADER + len(body)) + body


def u16(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


def u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)
