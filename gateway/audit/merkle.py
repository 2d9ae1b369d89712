"""The tree over the audit log (RFC 6962, section 2.1), kept as the roots of its perfect subtrees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def leaf(data: bytes) -> bytes:
    """MTH of one entry (RFC 6962, 2.1): domain separated by 0x00."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """MTH of two subtrees: domain separated by 0x01."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """INVARIANT: `peaks` are the roots of the perfect subtrees of the first `size` leaves, tallest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, got {len(self.peaks)}")

    def add(self, data: bytes) -> None:
        h, n = leaf(data), self.size
        while n & 1:
            h, n = node(self.peaks.pop(), h), n >> 1
        self.peaks.append(h)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the whole; of an empty log SHA-256 of nothing."""
        if not self.peaks:
            return hashlib.sha256().digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root
