"""What passed of each file: octets, ranges, and a digest in file order (decisions.md 10).

The digest follows the file from its start. A block that comes early waits in a bounded window for those before it; what
passes twice on the way to the person is digested once. Whoever writes where he has written already, appends to what was
there, or starts in the middle gets no digest: the entry is partial, with its ranges.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Final

from gateway.limits import SFTP_IN_FLIGHT, SFTP_RANGES, SFTP_WINDOW, SFTP_WINDOWS

DOWNLOAD: Final = "download"
UPLOAD: Final = "upload"
PASSED: Final = "passed"
PARTIAL: Final = "partial"
REFUSED: Final = "refused"
HELD: Final = "held"

# Why there is no digest, for the auditor.
CUT: Final = "The transfer ended before the file was closed."
PART: Final = "Not the whole file passed, or not from its start."
REWRITTEN: Final = "Octets were written more than once, so that the digest could not follow."
APPENDED: Final = "It was appended to what was there."
SCATTERED: Final = "It passed in an order that the digest could not follow."
COPIED: Final = "Content was copied into it on the target itself."
FAILED: Final = "The target did not take all that was written."
CHANGED: Final = "It was written and read through one opening, so that what was read has no one digest."
TORN: Final = "It passed in more pieces than the ledger keeps; the ranges are the first of them."


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file that passed, or was refused.

    Attributes:
        number: of the file in its stream, from 1. A file opened for both ways has an entry each way.
        way: `download` or `upload`.
        path: as the target canonicalised it, printable.
        octets: of content that passed, what passed twice counted twice.
        ranges: `[from, to)` of the file, merged, in order; at most `limits.SFTP_RANGES`.
        sha256: hexadecimal, of the whole file in file order; "" when partial.
        partial: not the whole file passed, or not in an order that could be followed.
        verdict: `passed`, `partial`, `refused` or `held`.
        words: why partial or refused; "" otherwise.
    """

    number: int
    way: str
    path: str
    octets: int
    ranges: tuple[tuple[int, int], ...]
    sha256: str
    partial: bool
    verdict: str
    words: str = ""


class Room:
    """Octets that all files of a channel together may keep waiting."""

    def __init__(self, octets: int = SFTP_WINDOWS) -> None:
        self.left = octets


class Ranges:
    """Ranges of octets, merged and bounded."""

    def __init__(self, most: int = SFTP_RANGES) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._most = most
        self.torn = False  # there were more than are kept

    def add(self, start: int, end: int) -> bool:
        """Add `[start, end)`; whether all of it was new."""
        ranges = self._ranges
        if ranges and ranges[-1][1] == start:  # the usual case: the next block
            ranges[-1] = (ranges[-1][0], end)
            return True
        first = bisect_left(ranges, start, key=lambda r: r[1])
        last = first
        new = True
        low, high = start, end
        while last < len(ranges) and ranges[last][0] <= high:
            low, high = min(low, ranges[last][0]), max(high, ranges[last][1])
            new = new and (ranges[last][1] <= start or ranges[last][0] >= end)
            last += 1
        if first == last and len(ranges) >= self._most:
            self.torn = True
            return new
        ranges[first:last] = [(low, high)]
        return new

    def all(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._ranges)


class FileLedger:
    """Follows the content of one file one way.

    Args:
        room: shared with the other files of the channel.
        rewrites: what passes twice changes the file (an upload), so that there is no digest.
    """

    def __init__(self, room: Room, *, rewrites: bool) -> None:
        self._room, self._rewrites = room, rewrites
        self._digest = hashlib.sha256()
        self._ranges = Ranges()
        self._waiting: dict[int, bytes] = {}
        self._order: list[int] = []  # offsets of what waits
        self._kept = 0
        self.octets = 0
        self.reach = 0  # the digest has [0, reach)
        self.size: int | None = None  # of the file in the end, when somebody said it
        self.why = ""  # there is no digest, and why

    def passed(self, offset: int, data: bytes | memoryview) -> None:
        """`data` at `offset` passed."""
        size = len(data)
        if not size:
            return
        self.octets += size
        end = offset + size
        new = self._ranges.add(offset, end)
        if self.why:
            return
        if offset == self.reach and not self._order:
            self._digest.update(data)
            self.reach = end
        elif not new and self._rewrites:
            self.give_up(REWRITTEN)
        else:
            self._early(offset, data)

    def _early(self, offset: int, data: bytes | memoryview) -> None:
        if offset > self.reach and offset not in self._waiting:
            full = len(self._order) >= SFTP_IN_FLIGHT or self._kept + len(data) > SFTP_WINDOW
            if full or len(data) > self._room.left:
                self.give_up(SCATTERED)
                return
            self._waiting[offset] = bytes(data)  # a view would keep all that came with it
            insort(self._order, offset)
            self._kept += len(data)
            self._room.left -= len(data)
        elif offset <= self.reach:
            self._follow(offset, data)
            self._catch_up()
        elif len(data) > len(self._waiting[offset]):
            self.give_up(SCATTERED)  # asked twice, of different length, ahead of its time: nobody does

    def _follow(self, offset: int, data: bytes | memoryview) -> None:
        """Digest what of `data` lies beyond `reach`; it begins at or before it."""
        ahead = offset + len(data) - self.reach
        if ahead > 0:
            self._digest.update(memoryview(data)[len(data) - ahead :])
            self.reach += ahead

    def _catch_up(self) -> None:
        while self._order and self._order[0] <= self.reach:
            offset = self._order.pop(0)
            data = self._waiting.pop(offset)
            self._kept -= len(data)
            self._room.left += len(data)
            self._follow(offset, data)

    def give_up(self, why: str) -> None:
        """There will be no digest."""
        self.why = self.why or why
        self._room.left += self._kept
        self._kept = 0
        self._waiting.clear()
        self._order.clear()

    def truncated(self, size: int) -> None:
        """The file has `size` octets from now on, what lay beyond is gone, and a gap is zeros."""
        if size < self.reach or self._waiting:
            self.give_up(REWRITTEN)

    @property
    def whole(self) -> bool:
        return not self.why and not self._order and self.size == self.reach

    def entry(self, number: int, way: str, path: str, *, closed: bool, held: bool = False) -> FileEntry:
        """What to write down now that it is over. `held`: it went to the spool and not to the target."""
        whole = closed and self.whole
        words = ""
        if not whole:
            words = self.why or (CUT if not closed else TORN if self._ranges.torn else PART)
        verdict = HELD if held and closed else PASSED if whole else PARTIAL
        digest = self._digest.hexdigest() if whole else ""
        self.give_up(words)
        return FileEntry(number, way, path, self.octets, self._ranges.all(), digest, not whole, verdict, words)
