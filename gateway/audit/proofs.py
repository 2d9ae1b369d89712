"""Inclusion proofs of the audit log (RFC 6962, 2.1.1): an outsider checks a few entries without having the others.

The roots of whole tiles of 1024 entries are remembered, for they never change; a proof then reads the tiles of its own
entries and the unfinished one at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.audit import sql
from gateway.audit.merkle import leaf, node
from gateway.store.db import Tx

TILE: Final = 1 << 10  # entries


class Tiles:
    """What one process remembers of one log: 32 octets for every 1024 entries."""

    def __init__(self) -> None:
        self._roots: list[bytes] = []

    async def proofs(self, tx: Tx, numbers: Sequence[int], size: int) -> list[list[bytes]]:
        """The audit path of each entry in the log of the first `size`, nearest sibling first."""
        while (len(self._roots) + 1) * TILE <= size:
            first = len(self._roots) * TILE
            root = _Span(await self._leaves(tx, first, first + TILE), {}).root(first, first + TILE)
            if len(self._roots) * TILE == first:  # else somebody else who asks at the same time was faster
                self._roots.append(root)
        wanted = {number // TILE for number in numbers} | {size // TILE}
        leaves = dict[int, bytes]()
        for tile in sorted(wanted):
            leaves |= await self._leaves(tx, tile * TILE, min((tile + 1) * TILE, size))
        span = _Span(leaves, {(n * TILE, (n + 1) * TILE): root for n, root in enumerate(self._roots)})
        return [span.path(number, 0, size) for number in numbers]

    async def _leaves(self, tx: Tx, first: int, end: int) -> dict[int, bytes]:
        lines = await sql.lines(tx, first, end) if first < end else []
        return {number: leaf(line.encode()) for number, line in enumerate(lines, first)}


class _Span:
    """Subtrees over leaves by their number; `known` remembers those that were asked for."""

    def __init__(self, leaves: dict[int, bytes], known: dict[tuple[int, int], bytes]) -> None:
        self._leaves, self._known = leaves, known

    def root(self, low: int, high: int) -> bytes:
        """MTH(D[low:high])."""
        if (low, high) in self._known:
            return self._known[low, high]
        if high - low == 1:
            return self._leaves[low]
        middle = low + _split(high - low)
        made = self._known[low, high] = node(self.root(low, middle), self.root(middle, high))
        return made

    def path(self, number: int, low: int, high: int) -> list[bytes]:
        """PATH(number, D[low:high])."""
        if high - low == 1:
            return []
        middle = low + _split(high - low)
        if number < middle:
            return [*self.path(number, low, middle), self.root(middle, high)]
        return [*self.path(number, middle, high), self.root(low, middle)]


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962, 2.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def root_of(number: int, size: int, entry: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that `path` leads to from the hash of `entry` (RFC 9162, 2.1.3.2); None when the path is no such."""
    if not 0 <= number < size:
        return None
    place, last, found = number, size - 1, leaf(entry)
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = node(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None
