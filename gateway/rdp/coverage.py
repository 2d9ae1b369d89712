"""Has every pixel of the desktop been painted since a repaint was asked for? No picture is decoded for it."""

from __future__ import annotations


class Coverage:
    """The pixels of a desktop that were not painted yet: one whole number a row, one bit a pixel.

    INVARIANT: `complete` is true only when every pixel was inside some rectangle since `begin`.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows: list[int] = []
        self._missing = 0  # rows with a bit set

    def begin(self) -> None:
        """Nothing is painted yet."""
        self._rows = [(1 << self.width) - 1] * self.height
        self._missing = self.height if self.width else 0

    def painted(self, left: int, top: int, right: int, bottom: int) -> None:
        """A rectangle, edges inclusive, in pixels; what lies outside the desktop is cut off."""
        left, right = max(left, 0), min(right, self.width - 1)
        top, bottom = max(top, 0), min(bottom, self.height - 1)
        if not self._missing or left > right or top > bottom:
            return
        keep = ~(((1 << (right - left + 1)) - 1) << left)
        before = self._rows[top : bottom + 1]
        after = [row & keep for row in before]
        self._rows[top : bottom + 1] = after
        self._missing -= after.count(0) - before.count(0)

    @property
    def complete(self) -> bool:
        """Nothing is missing; true as well before the first `begin`."""
        return not self._missing
