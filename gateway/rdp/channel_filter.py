"""What of the virtual channels may pass: text of the clipboard, dynamic channels by name, nothing else.

A message is judged when it is whole; until then its chunks are held, and no more of them than the largest message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import dynamic_channels
from gateway.rdp.clipboard import HEADER, Clipboard, Side
from gateway.rdp.dynamic_channels import DynamicChannels
from gateway.rdp.static_channels import Joiner, Message, split

CLIPBOARD: Final = "cliprdr"
DYNAMIC: Final = "drdynvc"
SMALLEST_LARGEST = 65536  # octets of a clipboard message that are held at least: format lists have names in them
MOST_NAMES = 256  # that are ever reported as refused

# Dynamic channels that carry pictures past the recording. No rule may allow them.
UNRECORDED = frozenset(
    {
        "Microsoft::Windows::RDS::Graphics",
        "Microsoft::Windows::RDS::Geometry::v08.01",
        "Microsoft::Windows::RDS::Video::Control::v08.01",
        "Microsoft::Windows::RDS::Video::Data::v08.01",
    }
)


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What the grant allows. `clipboard_in` is client to target; `dynamic` are names of dynamic channels.

    INVARIANT: no channel in `dynamic` carries pictures.
    """

    clipboard_in: bool = False
    clipboard_out: bool = False
    clipboard_octets: int = 0
    dynamic: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.dynamic & UNRECORDED:
            raise LocalProtocolError("a dynamic channel with pictures past the recording is allowed")

    def names(self) -> frozenset[str]:
        """Static channels that may exist at all, lower case."""
        names = {CLIPBOARD} if self.clipboard_in or self.clipboard_out else set()
        if self.dynamic:
            names.add(DYNAMIC)
        return frozenset(names)


@dataclass(frozen=True, slots=True)
class Filtered:
    """What becomes of one chunk, in the order in which it is to be done.

    Attributes:
        texts: (direction, text): "in" from the client, "out" from the target. Recorded before `forward` goes.
        forward: chunks for the other side.
        reply: chunks back to the sender.
        refused: names of channels and the like, for the audit; each is said once.
    """

    forward: tuple[bytes, ...] = field(default=(), repr=False)
    reply: tuple[bytes, ...] = field(default=(), repr=False)
    texts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    refused: tuple[str, ...] = ()


NOTHING = Filtered()


class ChannelFilter:
    """One connection's channels; `names` maps the client's MCS channel ids to static channel names."""

    def __init__(self, rules: ChannelRules, names: Mapping[int, str]) -> None:
        self._carried = rules.names() & {name.lower() for name in names.values()}
        largest = {
            CLIPBOARD: max(HEADER + rules.clipboard_octets, SMALLEST_LARGEST),
            DYNAMIC: dynamic_channels.MOST_MESSAGE,
        }
        self._joiners = {(name, side): Joiner(largest[name]) for name in self._carried for side in Side}
        self._clipboard = Clipboard(
            inwards=rules.clipboard_in, outwards=rules.clipboard_out, octets=rules.clipboard_octets
        )
        self._dynamic = DynamicChannels(rules.dynamic)
        self._said: set[str] = set()

    def from_client(self, name: str, data: bytes) -> Filtered:
        """Judge one channel PDU (CHANNEL_PDU_HEADER and chunk) of the client.

        Raises:
            RemoteProtocolError: it cannot be meant; the connection that sent it ends.
        """
        return self._judged(Side.CLIENT, name.lower(), data)

    def from_target(self, name: str, data: bytes) -> Filtered:
        """The same for the target."""
        return self._judged(Side.TARGET, name.lower(), data)

    def _judged(self, side: Side, name: str, data: bytes) -> Filtered:
        if name not in self._carried:
            return Filtered(refused=self._once(name))
        message = self._joiners[name, side].feed(data)
        if message is None:
            return NOTHING
        if name == CLIPBOARD:
            return self._clipped(side, message)
        return self._dynamically(side, message)

    def _clipped(self, side: Side, message: Message) -> Filtered:
        verdict = self._clipboard.take(side, message)
        return Filtered(
            forward=split(verdict.forward, message.flags) if verdict.forward else (),
            reply=split(verdict.reply, message.flags) if verdict.reply else (),
            texts=((side.value, verdict.text),) if verdict.text else (),
            refused=self._once(verdict.refused),
        )

    def _dynamically(self, side: Side, message: Message) -> Filtered:
        if not message.whole:
            raise RemoteProtocolError(f"{dynamic_channels.WHAT}: message of {message.length} octets")
        judge = self._dynamic.from_client if side is Side.CLIENT else self._dynamic.from_target
        verdict = judge(message.data)
        return Filtered(
            forward=split(message.data, message.flags) if verdict.passes else (),
            reply=split(verdict.reply, message.flags) if verdict.reply else (),
            refused=self._once(verdict.refused),
        )

    def _once(self, name: str) -> tuple[str, ...]:
        if not name or name in self._said or len(self._said) >= MOST_NAMES:
            return ()
        self._said.add(name)
        return (name,)
