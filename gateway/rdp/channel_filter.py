"""What of the virtual channels may pass (thin version: signatures)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What the grant allows. `clipboard_in`: client to target; `dynamic`: names of dynamic channels."""

    clipboard_in: bool = False
    clipboard_out: bool = False
    clipboard_octets: int = 0
    dynamic: frozenset[str] = frozenset()

    def names(self) -> frozenset[str]:
        """Static channels that may exist at all, lower case."""
        clipboard = {"cliprdr"} if self.clipboard_in or self.clipboard_out else set()
        return frozenset(clipboard | ({"drdynvc"} if self.dynamic else set()))


@dataclass(frozen=True, slots=True)
class Filtered:
    """What becomes of one chunk: `texts` are (direction "in" | "out", text), to be recorded before `forward` goes."""

    forward: tuple[bytes, ...] = ()
    reply: tuple[bytes, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()


class ChannelFilter:
    """One connection's channels; `names` maps the client's MCS channel ids to static channel names."""

    def __init__(self, rules: ChannelRules, names: Mapping[int, str]) -> None: ...

    def from_client(self, name: str, data: bytes) -> Filtered:
        return Filtered()

    def from_target(self, name: str, data: bytes) -> Filtered:
        return Filtered()
