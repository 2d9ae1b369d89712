"""What glibc's allocator is told at start, so that memory of sessions that idle goes back to the machine."""

from __future__ import annotations

import ctypes
from typing import Final

M_MMAP_THRESHOLD: Final = -3  # mallopt(3)
THRESHOLD: Final = 272 << 10  # octets: above one read from a socket (256 KiB); left alone it grows


def give_back() -> bool:
    """Blocks of that size and more are mapped and unmapped one by one for the life of this process.

    A recorder's compressor is such a block and goes between segments; on the heap it would leave a hole that nobody
    fills. A buffer for a read is not: mapping one for each read would cost more than the read.

    Returns whether the allocator took it: another C library goes on as it does.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, THRESHOLD))
    except (OSError, AttributeError):
        return False
