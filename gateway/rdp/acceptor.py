"""A complete RDP server towards the client, up to the hold screen ([MS-RDPBCGR] 1.3.1.1). Thin: being filled in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

from gateway.rdp.effects import Activated, Arrived, ClientLeft, Event, Redraw

if TYPE_CHECKING:
    from gateway.rdp.tpkt import Frame
    from gateway.rdp.x224 import Security

__all__ = ["Acceptor", "AcceptorState", "Activated", "Arrived", "ClientLeft", "Event", "Redraw"]

USER: Final = 1050  # MCS user id of the client: unlike any that a target gives, so that a missing translation shows
IO: Final = 1003  # the I/O channel
SERVER: Final = 1002  # the server's own MCS id, pduSource of what it sends
FIRST_CHANNEL: Final = 1100  # static channels, in the order of the client's list
SHARE: Final = 0x00AA03EA  # share id of the gateway's own share
PIXELS_MOST: Final = 8192 * 8192  # of a desktop


class AcceptorState(Enum):
    CONNECT = "connect"
    ATTACH = "attach"
    CONFIRM = "confirm"
    FINISH = "finish"
    ACTIVE = "active"
    HANDED = "handed"
    ENDED = "ended"


class Acceptor:
    """The client's leg."""

    state: AcceptorState
    width: int
    height: int
    bpp: int
    channels: tuple[tuple[str, int], ...]
    releasable: bool  # False: a fragment of an earlier target was left open; no further target on this connection

    def __init__(self, requested: Security, *, most_pixels: int = PIXELS_MOST) -> None:
        raise NotImplementedError

    def receive(self, frame: Frame) -> list[Event]:
        raise NotImplementedError

    def data_to_send(self) -> bytes:
        """Whole PDUs, in order."""
        raise NotImplementedError

    def draw(self, pixels: bytes, width: int, height: int, x: int = 0, y: int = 0) -> None:
        """Draw RGB pixels; ACTIVE only. Costs up to 60 ms a screen: see `show`."""
        raise NotImplementedError

    def show(self, updates: Sequence[bytes]) -> None:
        """Draw what `bitmap.picture(pixels, width, height, x, y, acceptor.bpp)` made, perhaps in a thread."""
        raise NotImplementedError

    def take_back(self, share: int | None = None) -> None:
        """Deactivate the share that is active now and demand the own one anew: end screens, retries."""
        raise NotImplementedError

    def finish(self, error: int) -> None:
        """Say why (Set Error Info, when the client reads it) and good-bye; 0 says nothing but good-bye."""
        raise NotImplementedError
