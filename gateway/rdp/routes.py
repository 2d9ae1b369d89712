"""Static virtual channels between a client and a target: ids mapped by name, every chunk through the channel rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from gateway.errors import RemoteProtocolError
from gateway.rdp import mcs, x224
from gateway.rdp.acceptor import to_client
from gateway.rdp.effects import ChannelRefused, Clipboard, Effect, ToClient, ToTarget

REFUSED_MOST: Final = 64  # channel names remembered as told of


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
    """The rules of the static channels (`channel_filter.ChannelFilter`); names are in lower case."""

    def from_client(self, name: str, data: bytes) -> Filtered: ...
    def from_target(self, name: str, data: bytes) -> Filtered: ...


class Routes:
    """Which id is which channel, on either side.

    `client` are (name, id) as the client listed them; a second channel of one name is nobody's. `target` are the
    channels that were joined, by name in lower case, and `user` the gateway's MCS user id there.
    """

    def __init__(
        self, client: Iterable[tuple[str, int]], target: Mapping[str, int], user: int, rules: Channels
    ) -> None:
        self._rules, self._user, self._target_ids = rules, user, target
        self._client_names = {number: name.lower() for name, number in client}
        self._client_ids: dict[str, int] = {}
        for number, name in self._client_names.items():
            if name in target:
                self._client_ids.setdefault(name, number)
        self._target_names = {number: name for name, number in target.items()}
        self._told: set[str] = set()

    def from_client(self, number: int, data: bytes) -> list[Effect]:
        """One chunk on a channel of the client's; nothing passes on a channel that the target does not have.

        Raises:
            RemoteProtocolError: the client was never given that id.
        """
        if (name := self._client_names.get(number)) is None:
            raise RemoteProtocolError(f"data on channel {number}, which was never given")
        if self._client_ids.get(name) != number:
            return self._refused(name)
        return self._effects(name, self._rules.from_client(name, data), self._onward, self._back)

    def from_target(self, number: int, data: bytes) -> list[Effect]:
        """One chunk on a channel of the target's.

        Raises:
            RemoteProtocolError: that channel was not joined.
        """
        if (name := self._target_names.get(number)) is None:
            raise RemoteProtocolError(f"data on channel {number}, which was not joined")
        if name not in self._client_ids:
            return self._refused(name)
        return self._effects(name, self._rules.from_target(name, data), self._back, self._onward)

    def _onward(self, name: str, data: bytes) -> Effect:
        return ToTarget(x224.data(mcs.SendDataRequest(self._user, self._target_ids[name], data).encode()))

    def _back(self, name: str, data: bytes) -> Effect:
        return ToClient(to_client(data, self._client_ids[name]))

    def _effects(
        self,
        name: str,
        found: Filtered,
        onward: Callable[[str, bytes], Effect],
        back: Callable[[str, bytes], Effect],
    ) -> list[Effect]:
        """Texts first: they are recorded before the PDU that carries them goes."""
        effects: list[Effect] = [Clipboard(direction, text) for direction, text in found.texts]
        for refused in found.refused:
            effects += self._refused(refused)
        effects += [onward(name, one) for one in found.forward]
        return effects + [back(name, one) for one in found.reply]

    def _refused(self, name: str) -> list[Effect]:
        if name in self._told or len(self._told) >= REFUSED_MOST:
            return []
        self._told.add(name)
        return [ChannelRefused(name)]
