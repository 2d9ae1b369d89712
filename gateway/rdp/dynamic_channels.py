"""Dynamic virtual channels ([MS-RDPEDYC]): which may be opened, and nothing through the others.

The target opens channels by name. A name that is not on the list is answered with a failure and the client never
hears of it. Data passes only on channels that the client has agreed to open.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from enum import Enum, IntEnum

from gateway.errors import RemoteProtocolError
from gateway.rdp.octets import Reader

STATUS_UNSUCCESSFUL = 0xC0000001
MOST_CHANNELS = 64  # open or being opened; an honest target has some ten
MOST_MESSAGE = 65536  # octets; an honest one has at most 1600
MOST_NAME = 128  # characters of a name in the audit
WHAT = "DRDYNVC PDU"


class DynamicCommand(IntEnum):
    """Cmd of the header (2.2.1)."""

    CREATE = 1
    DATA_FIRST = 2
    DATA = 3
    CLOSE = 4
    CAPABILITIES = 5
    DATA_FIRST_COMPRESSED = 6
    DATA_COMPRESSED = 7


DATA = frozenset(
    {
        DynamicCommand.DATA_FIRST,
        DynamicCommand.DATA,
        DynamicCommand.DATA_FIRST_COMPRESSED,
        DynamicCommand.DATA_COMPRESSED,
    }
)


class _State(Enum):
    ASKED = "asked"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class DynamicVerdict:
    """Whether the message passes, what its sender is told instead, and the name that was refused."""

    passes: bool = False
    reply: bytes = b""
    refused: str = ""


DROPPED = DynamicVerdict()
PASSES = DynamicVerdict(passes=True)


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """DYNVC_CREATE_REQ (2.2.2.1). `width` is cbId: 0, 1 or 2 for a channel id of 1, 2 or 4 octets."""

    channel: int
    name: str
    width: int = 0

    def encode(self) -> bytes:
        head = bytes((DynamicCommand.CREATE << 4 | self.width,))
        return head + self.channel.to_bytes(1 << self.width, "little") + self.name.encode("latin-1") + b"\0"

    def refusal(self) -> bytes:
        """DYNVC_CREATE_RSP (2.2.2.2) with a failure."""
        head = bytes((DynamicCommand.CREATE << 4 | self.width,))
        return head + self.channel.to_bytes(1 << self.width, "little") + struct.pack("<I", STATUS_UNSUCCESSFUL)


class DynamicChannels:
    """The dynamic channels of one connection. `allowed` are names as they are sent, case and all."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._channels: dict[int, _State] = {}
        self._closing: deque[int] = deque(maxlen=MOST_CHANNELS)  # closed by one side, not answered by the other

    def from_target(self, message: bytes) -> DynamicVerdict:
        """Judge one message of the target.

        Raises:
            RemoteProtocolError: truncated, or a channel id of no known width.
        """
        command, width, src = _header(message)
        if command == DynamicCommand.CAPABILITIES:
            return PASSES
        if command == DynamicCommand.CREATE:
            channel = _channel(src, width)
            name, end, _ = src.rest().partition(b"\0")
            if not end:
                raise RemoteProtocolError(f"{WHAT}: name of a channel without its end")
            return self._create(CreateRequest(channel, name.decode("latin-1"), width))
        return self._known(command, width, src)

    def _create(self, request: CreateRequest) -> DynamicVerdict:
        taken = request.channel in self._channels or len(self._channels) >= MOST_CHANNELS
        if request.name in self._allowed and not taken:
            self._channels[request.channel] = _State.ASKED
            return PASSES
        name = "".join(letter if " " < letter < "\x7f" else "?" for letter in request.name[:MOST_NAME])
        return DynamicVerdict(reply=request.refusal(), refused=name or "?")

    def from_client(self, message: bytes) -> DynamicVerdict:
        """Judge one message of the client; RemoteProtocolError as for the target."""
        command, width, src = _header(message)
        if command == DynamicCommand.CAPABILITIES:
            return PASSES
        if command == DynamicCommand.CREATE:
            channel, status = _channel(src, width), src.u32le()
            if self._channels.get(channel) is not _State.ASKED:
                return DROPPED
            if status >> 31:
                del self._channels[channel]
            else:
                self._channels[channel] = _State.OPEN
            return PASSES
        return self._known(command, width, src)

    def _known(self, command: int, width: int, src: Reader) -> DynamicVerdict:
        """Data of either side on an open channel alone; Soft-Sync and the unknown never pass."""
        if command == DynamicCommand.CLOSE:
            return self._close(_channel(src, width))
        if command in DATA and self._channels.get(_channel(src, width)) is _State.OPEN:
            return PASSES
        return DROPPED

    def _close(self, channel: int) -> DynamicVerdict:
        """DYNVC_CLOSE (2.2.4): the first one closes, the other side answers with a second."""
        if self._channels.pop(channel, None) is not None:
            self._closing.append(channel)
            return PASSES
        if channel in self._closing:
            self._closing.remove(channel)
            return PASSES
        return DROPPED


def _header(message: bytes) -> tuple[int, int, Reader]:
    """Cmd, cbId and what follows (2.2.1)."""
    src = Reader(message, WHAT)
    first = src.u8()
    return first >> 4, first & 3, src


def _channel(src: Reader, width: int) -> int:
    if width > 2:
        raise RemoteProtocolError(f"{WHAT}: cbId {width}, must be at most 2")
    return int.from_bytes(src.take(1 << width), "little")
