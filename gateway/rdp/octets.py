"""A cursor over the octets of one PDU, and the integers of [MS-RDPBCGR] (little endian) and X.224/MCS (big endian)."""

from __future__ import annotations

from gateway.errors import RemoteProtocolError


class Reader:
    """Reads from the front of `data`; `what` names the PDU in every error.

    Each method raises RemoteProtocolError when octets are missing: a peer may send anything.
    """

    __slots__ = ("_at", "_data", "_size", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._size, self._what, self._at = data, len(data), what, 0

    @property
    def left(self) -> int:
        """Octets not yet read."""
        return self._size - self._at

    def take(self, count: int) -> bytes:
        start = self._at
        end = start + count
        if not start <= end <= self._size:
            raise RemoteProtocolError(f"{self._what}: truncated, {count} octets expected, {self.left} left")
        self._at = end
        return self._data[start:end]

    def rest(self) -> bytes:
        """Everything that is left, which may be nothing."""
        return self.take(self.left)

    def end(self) -> None:
        """Refuse octets after the last field."""
        if self.left:
            raise RemoteProtocolError(f"{self._what}: {self.left} octets after the end")

    def u8(self) -> int:
        return self.take(1)[0]

    def u16le(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32le(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u16be(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def fail(self, words: str) -> RemoteProtocolError:
        """The error to raise, with the name of the PDU in front of `words`."""
        return RemoteProtocolError(f"{self._what}: {words}")
