"""Input of the client ([MS-RDPBCGR] 2.2.8.1): slow-path and fast-path events, and what is held down at the target.

Events are kept in one form whichever path they came by; the fast-path form is also what is recorded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final, TypeVar

from gateway.errors import LocalProtocolError, RemoteProtocolError


class KeyFlag(IntFlag):
    """Flags of a key, as the slow path has them (keyboardFlags, 2.2.8.1.1.3.1.1.1)."""

    EXTENDED = 0x0100
    EXTENDED1 = 0x0200
    DOWN = 0x4000  # it was down already: an auto-repeat
    RELEASE = 0x8000


class PointerFlag(IntFlag):
    """pointerFlags (2.2.8.1.1.3.1.1.3)."""

    HWHEEL = 0x0400
    WHEEL = 0x0200
    WHEEL_NEGATIVE = 0x0100
    MOVE = 0x0800
    BUTTON1 = 0x1000
    BUTTON2 = 0x2000
    BUTTON3 = 0x4000
    DOWN = 0x8000


class ExtendedFlag(IntFlag):
    """pointerFlags of an extended mouse event (2.2.8.1.1.3.1.1.4)."""

    BUTTON1 = 0x0001
    BUTTON2 = 0x0002
    DOWN = 0x8000


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A key by its scan code, 0 to 255. The repr keeps it to itself: a password is typed this way."""

    code: int = field(repr=False)
    flags: int = 0


@dataclass(frozen=True, slots=True)
class UnicodeEvent:
    """A UTF-16 code unit; flags: RELEASE or nothing."""

    unit: int = field(repr=False)
    flags: int = 0


@dataclass(frozen=True, slots=True)
class PointerEvent:
    flags: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class ExtendedPointerEvent:
    """The fourth and fifth button."""

    flags: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """State of the lock keys: scroll 1, num 2, caps 4, kana 8."""

    flags: int


@dataclass(frozen=True, slots=True)
class QoeEvent:
    """A time stamp of the client; carries no input, and is not passed on."""

    timestamp: int


InputEvent = KeyEvent | UnicodeEvent | PointerEvent | ExtendedPointerEvent | SyncEvent | QoeEvent


class _Fast(IntEnum):
    """eventCode (2.2.8.1.2.2)."""

    SCANCODE = 0
    MOUSE = 1
    MOUSEX = 2
    SYNC = 3
    UNICODE = 4
    QOE = 6


class _Slow(IntEnum):
    """messageType (2.2.8.1.1.3.1.1)."""

    SYNC = 0x0000
    UNUSED = 0x0002
    SCANCODE = 0x0004
    UNICODE = 0x0005
    MOUSE = 0x8001
    MOUSEX = 0x8002


# eventFlags of the fast path: release u1, extended u1, extended1 u1
_FAST_KEY: Final = ((0x01, KeyFlag.RELEASE), (0x02, KeyFlag.EXTENDED), (0x04, KeyFlag.EXTENDED1))
_KEY_SENT: Final = KeyFlag.RELEASE | KeyFlag.EXTENDED | KeyFlag.EXTENDED1 | KeyFlag.DOWN
_FAST_OCTETS: Final = {
    _Fast.SCANCODE: 1,
    _Fast.MOUSE: 6,
    _Fast.MOUSEX: 6,
    _Fast.SYNC: 0,
    _Fast.UNICODE: 2,
    _Fast.QOE: 4,
}
_SLOW_EVENT: Final = struct.Struct("<IHHHH")  # eventTime, messageType, then 6 octets of three numbers
_BUTTONS: Final = (PointerFlag.BUTTON1, PointerFlag.BUTTON2, PointerFlag.BUTTON3)
_EXTENDED_BUTTONS: Final = (ExtendedFlag.BUTTON1, ExtendedFlag.BUTTON2)
_Key = TypeVar("_Key")
FAST_EVENTS: Final = 255  # most events of one fast-path PDU


def encode_event(event: InputEvent) -> bytes:
    """One event in its fast-path form (2.2.8.1.2.2.1 to .6). DOWN of a key is lost: the fast path has no such flag."""
    match event:
        case KeyEvent(code, flags):
            bits = sum(bit for bit, flag in _FAST_KEY if flags & flag)
            return bytes((_Fast.SCANCODE << 5 | bits, code))
        case UnicodeEvent(unit, flags):
            return struct.pack("<BH", _Fast.UNICODE << 5 | bool(flags & KeyFlag.RELEASE), unit)
        case PointerEvent(flags, x, y):
            return struct.pack("<BHHH", _Fast.MOUSE << 5, flags, x, y)
        case ExtendedPointerEvent(flags, x, y):
            return struct.pack("<BHHH", _Fast.MOUSEX << 5, flags, x, y)
        case SyncEvent(flags):
            return bytes((_Fast.SYNC << 5 | flags & 0x1F,))
        case QoeEvent(timestamp):
            return struct.pack("<BI", _Fast.QOE << 5, timestamp)


def encode_events(events: Iterable[InputEvent]) -> bytes:
    return b"".join(map(encode_event, events))


def decode_events(data: bytes, count: int | None = None) -> tuple[InputEvent, ...]:
    """Fast-path events, `count` of them or as many as there are.

    Raises:
        RemoteProtocolError: unknown event code, truncated, or octets left.
    """
    events: list[InputEvent] = []
    at = 0
    while at < len(data) if count is None else len(events) < count:
        if at >= len(data):
            raise RemoteProtocolError(f"fast-path input: {len(events)} events, must be {count}")
        head = data[at]
        code, bits = head >> 5, head & 0x1F
        if (octets := _FAST_OCTETS.get(code)) is None:  # type: ignore[call-overload]  # an IntEnum equals its number
            raise RemoteProtocolError(f"fast-path input: unknown event code {code}")
        body = data[at + 1 : at + 1 + octets]
        if len(body) < octets:
            raise RemoteProtocolError("fast-path input: truncated event")
        events.append(_fast_event(code, bits, body))
        at += 1 + octets
    if at < len(data):
        raise RemoteProtocolError(f"fast-path input: {len(data) - at} octets after the last event")
    return tuple(events)


def _fast_event(code: int, bits: int, body: bytes) -> InputEvent:
    if code == _Fast.SCANCODE:
        return KeyEvent(body[0], sum(flag for bit, flag in _FAST_KEY if bits & bit))
    if code == _Fast.UNICODE:
        return UnicodeEvent(int.from_bytes(body, "little"), KeyFlag.RELEASE if bits & 1 else 0)
    if code == _Fast.SYNC:
        return SyncEvent(bits)
    if code == _Fast.QOE:
        return QoeEvent(int.from_bytes(body, "little"))
    flags, x, y = struct.unpack("<HHH", body)
    return PointerEvent(flags, x, y) if code == _Fast.MOUSE else ExtendedPointerEvent(flags, x, y)


def encode_fast(events: Sequence[InputEvent]) -> bytes:
    """One whole fast-path input PDU (2.2.8.1.2). Its length takes one octet where it fits, as clients do it."""
    if not 1 <= len(events) <= FAST_EVENTS:
        raise LocalProtocolError(f"fast-path input: {len(events)} events, must be 1 to {FAST_EVENTS}")
    few = len(events) <= 15
    body = (b"" if few else bytes((len(events),))) + encode_events(events)
    head = len(events) << 2 if few else 0
    length = len(body) + 2
    if length <= 0x7F:
        return bytes((head, length)) + body
    return struct.pack(">BH", head, (length + 1) | 0x8000) + body


def decode_fast(data: bytes) -> tuple[InputEvent, ...]:
    """A whole fast-path input PDU.

    Raises:
        RemoteProtocolError: encrypted, wrong length, or events that cannot be read.
    """
    if len(data) < 3:
        raise RemoteProtocolError("fast-path input: truncated")
    if data[0] & 0xC3:
        raise RemoteProtocolError(f"fast-path input: action and flags {data[0] & 0xC3:#04x}, must be 0")
    at, length = (3, (data[1] & 0x7F) << 8 | data[2]) if data[1] & 0x80 else (2, data[1])
    if length != len(data):
        raise RemoteProtocolError(f"fast-path input: length {length}, must be {len(data)}")
    count = data[0] >> 2 & 0x0F
    if not count:
        if at >= len(data):
            raise RemoteProtocolError("fast-path input: truncated")
        count = data[at]
        at += 1
    return decode_events(data[at:], count)


def encode_slow(events: Sequence[InputEvent]) -> bytes:
    """Body of a slow-path Input PDU (2.2.8.1.1.3.1): TS_INPUT_PDU_DATA."""
    return struct.pack("<HH", len(events), 0) + b"".join(map(_slow, events))


def _slow(event: InputEvent) -> bytes:
    match event:
        case KeyEvent(code, flags):
            return _SLOW_EVENT.pack(0, _Slow.SCANCODE, flags, code, 0)
        case UnicodeEvent(unit, flags):
            return _SLOW_EVENT.pack(0, _Slow.UNICODE, flags, unit, 0)
        case PointerEvent(flags, x, y):
            return _SLOW_EVENT.pack(0, _Slow.MOUSE, flags, x, y)
        case ExtendedPointerEvent(flags, x, y):
            return _SLOW_EVENT.pack(0, _Slow.MOUSEX, flags, x, y)
        case SyncEvent(flags):
            return _SLOW_EVENT.pack(0, _Slow.SYNC, 0, flags, 0)
        case QoeEvent():
            raise LocalProtocolError("slow-path input: no form for a time stamp")


def decode_slow(body: bytes) -> tuple[InputEvent, ...]:
    """TS_INPUT_PDU_DATA. Events of type UNUSED are left out.

    Raises:
        RemoteProtocolError: unknown message type, truncated, or octets left.
    """
    if len(body) < 4:
        raise RemoteProtocolError("slow-path input: truncated")
    count = int.from_bytes(body[:2], "little")
    if len(body) != 4 + count * _SLOW_EVENT.size:
        raise RemoteProtocolError(f"slow-path input: {len(body)} octets, must be {4 + count * _SLOW_EVENT.size}")
    events: list[InputEvent] = []
    for _, kind, first, second, third in _SLOW_EVENT.iter_unpack(body[4:]):
        if kind == _Slow.SCANCODE:
            events.append(KeyEvent(second & 0xFF, first & _KEY_SENT))
        elif kind == _Slow.UNICODE:
            events.append(UnicodeEvent(second, first & KeyFlag.RELEASE))
        elif kind == _Slow.MOUSE:
            events.append(PointerEvent(first, second, third))
        elif kind == _Slow.MOUSEX:
            events.append(ExtendedPointerEvent(first, second, third))
        elif kind == _Slow.SYNC:
            events.append(SyncEvent(second & 0x1F))
        elif kind != _Slow.UNUSED:
            raise RemoteProtocolError(f"slow-path input: unknown message type {kind:#06x}")
    return tuple(events)


def keys_of(events: Iterable[InputEvent]) -> bytes:
    """What was typed, in fast-path form: keys, Unicode and lock keys."""
    return encode_events(event for event in events if isinstance(event, KeyEvent | UnicodeEvent | SyncEvent))


def pointer_of(events: Iterable[InputEvent]) -> bytes:
    """What the mouse did, in fast-path form."""
    return encode_events(event for event in events if isinstance(event, PointerEvent | ExtendedPointerEvent))


class Pressed:
    """Keys and buttons that are held down at the target, and the lock keys the client last told of.

    INVARIANT: bounded: 1024 keys (code and two extension bits), 256 Unicode units, 5 buttons.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[int, int], None] = {}
        self._units: dict[int, None] = {}
        self._buttons: dict[tuple[type[PointerEvent | ExtendedPointerEvent], int], None] = {}
        self._x = self._y = 0
        self._locks: SyncEvent | None = None

    def note(self, events: Iterable[InputEvent]) -> None:
        """These events reached the target."""
        for event in events:
            match event:
                case KeyEvent(code, flags):
                    _hold(
                        self._keys, (code, flags & (KeyFlag.EXTENDED | KeyFlag.EXTENDED1)), not flags & KeyFlag.RELEASE
                    )
                case UnicodeEvent(unit, flags):
                    if len(self._units) < 256 or flags & KeyFlag.RELEASE:
                        _hold(self._units, unit, not flags & KeyFlag.RELEASE)
                case PointerEvent(flags, x, y) | ExtendedPointerEvent(flags, x, y):
                    self._note_buttons(type(event), flags, x, y)
                case SyncEvent():
                    self.lock(event)

    def _note_buttons(self, kind: type[PointerEvent | ExtendedPointerEvent], flags: int, x: int, y: int) -> None:
        if kind is PointerEvent and flags & (PointerFlag.WHEEL | PointerFlag.HWHEEL):
            return  # a turn of the wheel has no place, and its bits are a number
        self._x, self._y = x, y
        for button in _BUTTONS if kind is PointerEvent else _EXTENDED_BUTTONS:
            if flags & button:
                _hold(self._buttons, (kind, button), bool(flags & PointerFlag.DOWN))

    def lock(self, event: SyncEvent) -> None:
        """The client told of its lock keys, delivered or not."""
        self._locks = event

    def release(self) -> tuple[InputEvent, ...]:
        """Events that release everything held; nothing is held afterwards."""
        events: list[InputEvent] = [KeyEvent(code, more | KeyFlag.RELEASE) for code, more in self._keys]
        events += [UnicodeEvent(unit, KeyFlag.RELEASE) for unit in self._units]
        events += [kind(button, self._x, self._y) for kind, button in self._buttons]
        self._keys, self._units, self._buttons = {}, {}, {}
        return tuple(events)

    def synchronise(self) -> SyncEvent | None:
        """The lock keys as the client last told; None when it never did."""
        return self._locks


def _hold(held: dict[_Key, None], key: _Key, down: bool) -> None:
    if down:
        held[key] = None
    else:
        held.pop(key, None)
