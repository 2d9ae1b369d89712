"""Between an SFTP client and the target's SFTP server: what passes, what is refused, and what is noted."""

from __future__ import annotations

from collections.abc import Callable

from gateway.sftp.effects import Effect
from gateway.sftp.rules import Rules


class Proxy:
    """One SFTP channel. Effects are carried out in order.

    Args:
        refusal: the words for a permission (`rules.Permission`) that is missing and the printable path it was for.

    Every method raises RemoteProtocolError when a peer broke the protocol: the channel ends with the error's words.
    """

    def __init__(self, rules: Rules, refusal: Callable[[str, str], str]) -> None:
        self.rules, self._refusal = rules, refusal

    def from_client(self, data: bytes) -> list[Effect]:
        raise NotImplementedError

    def from_target(self, data: bytes) -> list[Effect]:
        raise NotImplementedError

    def spooled(self, key: int, words: str = "") -> list[Effect]:
        """The shell did what the `Held…` effect with `key` asked; or could not, and the client reads `words`."""
        raise NotImplementedError

    def closed(self) -> list[Effect]:
        """The channel is gone: the entries of every file that is still open, partial."""
        raise NotImplementedError

    @property
    def full(self) -> bool:
        """Too much is under way: read no more from the client until this is False again."""
        raise NotImplementedError
