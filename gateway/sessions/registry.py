"""The sessions that this process holds, found by who and where, and which of them the store has yet to hear of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from gateway.ids import GrantId, PersonId, SessionId, TargetId
from gateway.inventory.model import Protocol
from gateway.sessions.live import Live


class Registry:
    """INVARIANT: at most one session that is not over for a person, target, protocol and source."""

    def __init__(self) -> None:
        self._lives: dict[SessionId, Live] = {}
        self._late: list[Live] = []  # over and written, but for files that were told of afterwards
        self.decided = asyncio.Event()  # something must be written

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._lives.values()))

    def __len__(self) -> int:
        return len(self._lives)

    def add(self, live: Live) -> None:
        self._lives[live.session.id] = live

    def remove(self, live: Live) -> None:
        self._lives.pop(live.session.id, None)

    def get(self, session_id: SessionId) -> Live | None:
        return self._lives.get(session_id)

    def find(self, person: PersonId, target: TargetId, protocol: Protocol, source: str) -> Live | None:
        """The session that a connection of `person` from `source` joins."""
        for live in self._lives.values():
            s = live.session
            if (s.person, s.target, s.protocol, s.source) == (person, target, protocol, source) and not live.over:
                return live
        return None

    def under(self, grant: GrantId) -> Iterator[Live]:
        """The sessions that run under `grant`, or wait with it."""
        return (live for live in self if live.grant is not None and live.grant.id == grant)

    def with_files(self) -> list[Live]:
        """Those with lines of the ledger that the store has yet to get."""
        self._late = [live for live in self._late if live.files]
        return [live for live in [*self._lives.values(), *self._late] if live.files]

    def write(self, live: Live) -> None:
        """Memory decided something: the store must hear of it."""
        if live.finished and live not in self._late:
            self._late.append(live)
        self.decided.set()
