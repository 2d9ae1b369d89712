"""Translation between a client on an `Acceptor` and a target behind a `Connector`. Thin: being filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gateway.rdp.effects import (
    Activated,
    ChannelRefused,
    ClientLeft,
    Clipboard,
    Effect,
    Resized,
    TargetLeft,
    ToClient,
    ToInput,
    ToTarget,
)

if TYPE_CHECKING:
    from gateway.rdp.acceptor import Acceptor
    from gateway.rdp.connector import Demanded
    from gateway.rdp.coverage import Coverage
    from gateway.rdp.tpkt import Frame

__all__ = [
    "Activated",
    "Bridge",
    "ChannelRefused",
    "Channels",
    "ClientLeft",
    "Clipboard",
    "Effect",
    "Resized",
    "TargetLeft",
    "ToClient",
    "ToInput",
    "ToTarget",
]


class Filtered(Protocol):
    """What becomes of one channel PDU (see `channel_filter.Filtered`)."""

    @property
    def forward(self) -> tuple[bytes, ...]: ...
    @property
    def reply(self) -> tuple[bytes, ...]: ...
    @property
    def texts(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def refused(self) -> tuple[str, ...]: ...


class Channels(Protocol):
    """The rules of the static channels (`channel_filter.ChannelFilter`)."""

    def from_client(self, name: str, data: bytes) -> Filtered: ...
    def from_target(self, name: str, data: bytes) -> Filtered: ...


class Bridge:
    """Pure translation while the share is the target's."""

    coverage: Coverage
    width: int
    height: int
    share: int
    mid_fragment: bool
    active: bool

    def __init__(
        self, acceptor: Acceptor, demanded: Demanded, channels: Channels, *, exact_tiles: bool = False
    ) -> None:
        raise NotImplementedError

    def start(self) -> list[Effect]:
        """Deactivate All on the own share, Resized, the target's Demand Active."""
        raise NotImplementedError

    def from_client(self, frame: Frame) -> list[Effect]:
        raise NotImplementedError

    def from_target(self, frame: Frame) -> list[Effect]:
        raise NotImplementedError

    def delivered(self, effect: ToInput) -> None:
        """The shell sent this input to the target: its keys and buttons are held there now."""
        raise NotImplementedError

    def paused(self) -> bytes:
        """PDUs for the target that release every key and button held there; b"" when none is."""
        raise NotImplementedError

    def resumed(self) -> bytes:
        """PDUs for the target that bring its lock keys to the client's; b"" when the client never said."""
        raise NotImplementedError

    def repaint(self, rect: tuple[int, int, int, int] | None = None) -> bytes:
        """PDUs that ask the target to paint anew (left, top, right, bottom inclusive; None: all); b"" when not active.

        A repaint of all begins `coverage` anew.
        """
        raise NotImplementedError

    @property
    def can_draw(self) -> bool:
        """The share is active and no fragment is open."""
        raise NotImplementedError

    def overlay(self, pixels: bytes, width: int, height: int, x: int, y: int) -> list[bytes]:
        """Own picture over the target's: whole PDUs for the client, recorded like any; only when `can_draw`."""
        raise NotImplementedError

    def show(self, updates: Sequence[bytes]) -> list[bytes]:
        """The same for what `bitmap.picture` made already."""
        raise NotImplementedError

    def ended(self) -> None:
        """The target is gone or cut off. Call before `Acceptor.take_back`; an open fragment is noted there."""
        raise NotImplementedError
