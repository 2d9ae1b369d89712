"""Static virtual channels: messages cut into chunks and put together again ([MS-RDPBCGR] 2.2.6.1, 3.1.5.2).

CHANNEL_PDU_HEADER: length u32 (of the whole message), flags u32
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntFlag

from gateway.errors import RemoteProtocolError

CHUNK = 1600  # CHANNEL_CHUNK_LENGTH: what any peer takes, whatever VCChunkSize says
HEADER = 8  # length u32 + flags u32
MOST_MESSAGE = 1 << 20  # octets that are ever held of one message


class ChannelFlag(IntFlag):
    """flags of CHANNEL_PDU_HEADER (2.2.6.1.1), those used here; others are kept."""

    FIRST = 0x00000001
    LAST = 0x00000002
    SHOW_PROTOCOL = 0x00000010
    COMPRESSED = 0x00200000


NO_FLAGS = ChannelFlag(0)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a channel: `data` are its first octets, `length` how many it had."""

    data: bytes = field(repr=False)
    length: int
    flags: ChannelFlag = NO_FLAGS

    @property
    def whole(self) -> bool:
        """Nothing was cut off because it was too large."""
        return len(self.data) == self.length


def split(message: bytes, flags: ChannelFlag = NO_FLAGS) -> tuple[bytes, ...]:
    """Chunks of at most `CHUNK` octets; of `flags` SHOW_PROTOCOL alone goes along."""
    kept = flags & ChannelFlag.SHOW_PROTOCOL
    starts = range(0, max(len(message), 1), CHUNK)
    chunks: list[bytes] = []
    for start in starts:
        place = ChannelFlag.FIRST if start == 0 else NO_FLAGS
        if start == starts[-1]:
            place |= ChannelFlag.LAST
        chunks.append(struct.pack("<II", len(message), kept | place) + message[start : start + CHUNK])
    return tuple(chunks)


class Joiner:
    """Puts the chunks of one direction of one channel together.

    A message larger than `most` is counted to its end and only its beginning is kept.
    A chunk without a beginning belongs to what was said before anybody listened and is dropped; so is a message
    whose end never came when the next one begins.
    """

    def __init__(self, most: int = MOST_MESSAGE) -> None:
        self._most = min(most, MOST_MESSAGE)
        self._held = bytearray()
        self._seen, self._length, self._flags = 0, -1, NO_FLAGS

    def feed(self, chunk: bytes) -> Message | None:
        """Take one channel PDU; the message when this was its last chunk.

        Raises:
            RemoteProtocolError: truncated header, compressed, or chunks that do not add up to the length.
        """
        if len(chunk) < HEADER:
            raise RemoteProtocolError(f"channel PDU: {len(chunk)} octets, must be at least {HEADER}")
        length, bits = struct.unpack_from("<II", chunk)
        flags = ChannelFlag(bits)
        if flags & ChannelFlag.COMPRESSED:
            raise RemoteProtocolError("channel PDU: compressed, which was not negotiated")
        if flags & ChannelFlag.FIRST:
            self._held.clear()
            self._seen, self._length, self._flags = 0, length, flags
        elif self._length < 0:
            return None
        data = chunk[HEADER:]
        self._seen += len(data)
        if length != self._length or self._seen > self._length:
            raise RemoteProtocolError(f"channel PDU: {self._seen} octets of a message of {self._length} ({length})")
        self._held += data[: self._most - len(self._held)]
        if not flags & ChannelFlag.LAST:
            return None
        if self._seen != self._length:
            raise RemoteProtocolError(f"channel PDU: message of {self._seen} octets, must be {self._length}")
        message = Message(bytes(self._held), self._length, self._flags)
        self._held.clear()
        self._length = -1
        return message
