"""The clipboard channel ([MS-RDPECLIP]): text, each direction by itself, and nothing else.

Either side sees of the other's clipboard only the text formats, and only if text may flow from there; otherwise an
empty list. Files never pass: their formats are not offered on and their PDUs are dropped.
Everything that goes on is built here anew, so that what passes is what is recorded.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag

from gateway.errors import RemoteProtocolError
from gateway.rdp.octets import Reader
from gateway.rdp.static_channels import Message

HEADER = 8  # msgType u16 + msgFlags u16 + dataLen u32
SHORT_NAME = 32  # octets of CLIPRDR_SHORT_FORMAT_NAME
MOST_ASKED = 16  # requests or lists without an answer; an honest peer has one
WHAT = "CLIPRDR PDU"


class ClipboardType(IntEnum):
    """msgType (2.2.1)."""

    MONITOR_READY = 1
    FORMAT_LIST = 2
    FORMAT_LIST_RESPONSE = 3
    FORMAT_DATA_REQUEST = 4
    FORMAT_DATA_RESPONSE = 5
    TEMP_DIRECTORY = 6
    CAPABILITIES = 7
    FILE_CONTENTS_REQUEST = 8
    FILE_CONTENTS_RESPONSE = 9
    LOCK = 10
    UNLOCK = 11


class ClipboardFlag(IntFlag):
    """msgFlags (2.2.1)."""

    RESPONSE_OK = 1
    RESPONSE_FAIL = 2


class TextFormat(IntEnum):
    """The standard formats that are text."""

    TEXT = 1
    OEMTEXT = 7
    UNICODETEXT = 13


TEXTS = frozenset(TextFormat)
GENERAL_CAPABILITY = 1  # CB_CAPSTYPE_GENERAL
LONG_NAMES = 0x2  # CB_USE_LONG_FORMAT_NAMES, the one general flag that is passed on
FILES = frozenset({ClipboardType.FILE_CONTENTS_REQUEST, ClipboardType.FILE_CONTENTS_RESPONSE})
REFUSED_FILES = "cliprdr: file contents"
REFUSED_TEXT = "cliprdr: text over the cap"


class Side(Enum):
    """Who sent it; the value is the direction in which its text flows."""

    CLIENT = "in"
    TARGET = "out"

    @property
    def other(self) -> Side:
        return Side.TARGET if self is Side.CLIENT else Side.CLIENT


@dataclass(frozen=True, slots=True)
class ClipboardVerdict:
    """What goes on, what its sender is answered instead, the text that is in what goes on, and what was refused."""

    forward: bytes = field(default=b"", repr=False)
    reply: bytes = field(default=b"", repr=False)
    text: str = field(default="", repr=False)
    refused: str = ""


DROPPED = ClipboardVerdict()


def pdu(kind: ClipboardType, flags: int = 0, body: bytes = b"") -> bytes:
    """One PDU with its header."""
    return struct.pack("<HHI", kind, flags, len(body)) + body


FAILED = pdu(ClipboardType.FORMAT_DATA_RESPONSE, ClipboardFlag.RESPONSE_FAIL)


@dataclass(slots=True)
class _Half:
    """What one side has said."""

    allowed: bool
    long_names: bool = False
    offered: frozenset[int] = frozenset()
    lists: int = 0  # sent by it and not answered by the other
    asked: deque[int] = field(default_factory=deque)  # formats that it wants of the other


class Clipboard:
    """The clipboard of one connection. `octets` is the most that one text may have as it is sent."""

    def __init__(self, *, inwards: bool, outwards: bool, octets: int) -> None:
        self._octets = octets
        self._halves = {Side.CLIENT: _Half(inwards), Side.TARGET: _Half(outwards)}

    def take(self, side: Side, message: Message) -> ClipboardVerdict:
        """Judge one message of `side`.

        Raises:
            RemoteProtocolError: truncated, or too large for anything but text.
        """
        src = Reader(message.data, WHAT)
        kind, flags, length = src.u16le(), ClipboardFlag(src.u16le()), src.u32le()
        if length > message.length - HEADER:
            raise RemoteProtocolError(f"{WHAT}: body of {length} octets in a message of {message.length}")
        if kind == ClipboardType.FORMAT_DATA_RESPONSE:
            if not flags & ClipboardFlag.RESPONSE_OK:
                return self._data(side, None)
            if not message.whole or length > self._octets:
                return self._data(side, None, REFUSED_TEXT)
            return self._data(side, src.take(length))
        if kind in FILES:
            return ClipboardVerdict(refused=REFUSED_FILES)
        if not message.whole:
            raise RemoteProtocolError(f"{WHAT}: message type {kind} of {message.length} octets")
        body = Reader(src.take(length), WHAT)
        return self._other(side, kind, flags, body)

    def _other(self, side: Side, kind: int, flags: ClipboardFlag, body: Reader) -> ClipboardVerdict:
        match kind:
            case ClipboardType.MONITOR_READY if side is Side.TARGET:
                return ClipboardVerdict(pdu(ClipboardType.MONITOR_READY))
            case ClipboardType.CAPABILITIES:
                return self._capabilities(side, body)
            case ClipboardType.FORMAT_LIST:
                return self._list(side, body)
            case ClipboardType.FORMAT_LIST_RESPONSE:
                return self._listed(side, flags)
            case ClipboardType.FORMAT_DATA_REQUEST:
                return self._request(side, body.u32le())
            case _:
                return DROPPED

    def _capabilities(self, side: Side, body: Reader) -> ClipboardVerdict:
        """CLIPRDR_CAPS (2.2.2.1): the general set with the long names alone."""
        count = body.u16le()
        body.u16le()
        version, general = 2, 0
        for _ in range(count):
            kind, length = body.u16le(), body.u16le()
            if length < 4:
                raise RemoteProtocolError(f"{WHAT}: capability set of {length} octets")
            inner = Reader(body.take(length - 4), WHAT)
            if kind == GENERAL_CAPABILITY:
                version, general = inner.u32le(), inner.u32le()
        self._halves[side].long_names = bool(general & LONG_NAMES)
        kept = struct.pack("<HHHHII", 1, 0, GENERAL_CAPABILITY, 12, version, general & LONG_NAMES)
        return ClipboardVerdict(pdu(ClipboardType.CAPABILITIES, body=kept))

    @property
    def _long_names(self) -> bool:
        return all(half.long_names for half in self._halves.values())

    def _list(self, side: Side, body: Reader) -> ClipboardVerdict:
        """CLIPRDR_FORMAT_LIST (2.2.3.1): the texts if they may flow, without names."""
        half = self._halves[side]
        if half.lists >= MOST_ASKED:
            raise RemoteProtocolError(f"{WHAT}: more than {MOST_ASKED} format lists without an answer")
        half.lists += 1
        found = TEXTS & set(_formats(body, long_names=self._long_names))
        half.offered = frozenset(found) if half.allowed else frozenset()
        return ClipboardVerdict(
            pdu(ClipboardType.FORMAT_LIST, body=format_list(sorted(half.offered), long_names=self._long_names))
        )

    def _listed(self, side: Side, flags: ClipboardFlag) -> ClipboardVerdict:
        sender = self._halves[side.other]
        if not sender.lists:
            return DROPPED
        sender.lists -= 1
        kept = flags & (ClipboardFlag.RESPONSE_OK | ClipboardFlag.RESPONSE_FAIL)
        return ClipboardVerdict(pdu(ClipboardType.FORMAT_LIST_RESPONSE, kept))

    def _request(self, side: Side, wanted: int) -> ClipboardVerdict:
        """CLIPRDR_FORMAT_DATA_REQUEST (2.2.5.1) for what the other side's list, as shown, has."""
        asked = self._halves[side].asked
        if wanted not in self._halves[side.other].offered or len(asked) >= MOST_ASKED:
            return ClipboardVerdict(reply=FAILED)
        asked.append(wanted)
        return ClipboardVerdict(pdu(ClipboardType.FORMAT_DATA_REQUEST, body=struct.pack("<I", wanted)))

    def _data(self, side: Side, data: bytes | None, refused: str = "") -> ClipboardVerdict:
        """CLIPRDR_FORMAT_DATA_RESPONSE (2.2.5.2) to the oldest request; None is a failure. Unasked it is dropped."""
        asked = self._halves[side.other].asked
        if not asked:
            return DROPPED
        wanted = asked.popleft()
        if data is None or not self._halves[side].allowed:
            return ClipboardVerdict(FAILED, refused=refused)
        text, kept = read_text(wanted, data)
        return ClipboardVerdict(pdu(ClipboardType.FORMAT_DATA_RESPONSE, ClipboardFlag.RESPONSE_OK, kept), text=text)


def _formats(body: Reader, *, long_names: bool) -> Iterable[int]:
    """Format ids of a list; fewer than four octets at its end are a sender's padding."""
    while body.left >= 4:
        yield body.u32le()
        if long_names:
            while body.left >= 2 and body.take(2) != b"\0\0":
                pass
        else:
            body.take(min(SHORT_NAME, body.left))


def format_list(formats: Iterable[int], *, long_names: bool) -> bytes:
    """Body of a Format List of standard formats, which have no names (2.2.3.1.1.1, 2.2.3.1.2.1)."""
    return b"".join(struct.pack("<I", wanted) + bytes(2 if long_names else SHORT_NAME) for wanted in formats)


def read_text(wanted: int, data: bytes) -> tuple[str, bytes]:
    """The text up to its NUL, and the octets that say exactly that.

    What is no UTF-16 becomes U+FFFD in both. Eight bit text is read as Windows-1252, or octet by octet.
    """
    if wanted == TextFormat.UNICODETEXT:
        text = data[: len(data) & ~1].decode("utf-16-le", "replace").partition("\0")[0]
        return text, (text + "\0").encode("utf-16-le")
    octets = data.partition(b"\0")[0]
    try:
        return octets.decode("cp1252"), octets + b"\0"
    except UnicodeDecodeError:
        return octets.decode("latin-1"), octets + b"\0"
