"""The terminal emulator of readers. INVARIANT: whatever a target sent, no panic of the extension leaves this file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from avt._avt import Line, Vt

from gateway.errors import GatewayError

T = TypeVar("T")


class Panicked(GatewayError):
    """The emulator gave up; what its terminal shows is not known any more."""


class Emulator:
    """A terminal without lines behind it; each method raises `Panicked`."""

    def __init__(self, cols: int, rows: int) -> None:
        self._terminal = _guarded(lambda: Vt(cols, rows, 0))

    def feed(self, text: str) -> tuple[list[int], list[str]]:
        """Rows that changed, and the text of lines that went out at the top."""
        changed, gone = _guarded(lambda: self._terminal.feed_str(text))
        return changed, _texts(gone)

    def resize(self, cols: int, rows: int) -> list[str]:
        """Lines that went out at the top."""
        return _texts(_guarded(lambda: self._terminal.resize(cols, rows))[1])

    def lines(self) -> list[Line]:
        return _guarded(self._terminal.lines)

    def text(self) -> list[str]:
        return _guarded(self._terminal.text)


def _texts(lines: Iterable[Line]) -> list[str]:
    return [line.text.rstrip() for line in lines]


def _guarded(call: Callable[[], T]) -> T:
    """A panic is no Exception: it would end the gateway, not the reading."""
    try:
        return call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - as said
        raise Panicked(f"emulator: {type(error).__name__}") from None
