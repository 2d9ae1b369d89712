"""What the two halves and the bridge ask of their shell, as values. The shell carries them out in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.rdp import input as rdp_input

if TYPE_CHECKING:
    from gateway.rdp.client_info import ClientInfo
    from gateway.rdp.gcc import ClientBlocks


@dataclass(frozen=True, slots=True)
class Arrived:
    """The client's Client Info is here: everything that a connector needs to know of it."""

    client: ClientBlocks
    info: ClientInfo


@dataclass(frozen=True, slots=True)
class Activated:
    """A share is active: the acceptor's own (it may be drawn on), or the target's (Font Map has passed)."""


@dataclass(frozen=True, slots=True)
class Redraw:
    """The client asks for the picture anew (Refresh Rect, Suppress Output off) while the share is the acceptor's."""


@dataclass(frozen=True, slots=True)
class ClientLeft:
    """The client says good-bye: Disconnect Provider Ultimatum, or a Shutdown Request on the acceptor's own share."""


@dataclass(frozen=True, slots=True)
class ToClient:
    """One whole PDU for the client. From the target's first Demand Active on it is recorded before it is sent."""

    pdu: bytes


@dataclass(frozen=True, slots=True)
class ToTarget:
    """One whole PDU for the target that carries no input of a person."""

    pdu: bytes


@dataclass(frozen=True, slots=True)
class ToInput:
    """Input of the person, as one whole PDU for the target.

    The shell asks the session first (paused, view only) and records; after it has sent `pdu` it calls
    `Bridge.delivered`. What it does not send it just forgets.
    """

    pdu: bytes = field(repr=False)
    events: tuple[rdp_input.InputEvent, ...] = field(repr=False)

    @property
    def keys(self) -> bytes:
        """The key, Unicode and synchronise events in fast-path form ([MS-RDPBCGR] 2.2.8.1.2.2); b"" when none."""
        return rdp_input.keys_of(self.events)

    @property
    def pointer(self) -> bytes:
        """The mouse events in fast-path form; b"" when none."""
        return rdp_input.pointer_of(self.events)


@dataclass(frozen=True, slots=True)
class Resized:
    """The target (re)demands a share of this size, in pixels. Comes before the Demand Active of that size."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TargetLeft:
    """The target ended the connection. `error` is its last Set Error Info code, 0 when it gave none."""

    error: int


@dataclass(frozen=True, slots=True)
class Clipboard:
    """Text passed through the clipboard. Recorded before the PDUs that follow it in the list are sent."""

    direction: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChannelRefused:
    """A static or dynamic channel that is not allowed; said once a name."""

    name: str


Event = Arrived | Activated | Redraw | ClientLeft
Effect = ToClient | ToTarget | ToInput | Activated | Resized | ClientLeft | TargetLeft | Clipboard | ChannelRefused
