"""Reading recordings: finding them, playing them, and everything that is made from one. Each reading is an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final, TypeVar

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.events.recording import RecordingRead
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.errors import Refused
from gateway.ids import SessionId
from gateway.recording import sql
from gateway.recording.asciicast import asciicast
from gateway.recording.model import DESKTOPS, Kind, Record, Recording, RecordingState
from gateway.recording.playback import (
    Detail,
    Keys,
    Rows,
    Slice,
    Timeline,
    detail,
    keys,
    records,
    rows,
    summary,
    timeline,
)
from gateway.recording.proof import Finding, Verification, check, pack
from gateway.recording.reader import Player
from gateway.recording.rescue import evidence
from gateway.recording.storage import Storage
from gateway.recording.text import text
from gateway.recording.ticks import MICROSECOND
from gateway.recording.typed import keys_in, opened
from gateway.store.db import Store

FOUND: Final = 200  # recordings in one answer at most
READ_AGAIN: Final = timedelta(minutes=15)  # one replay asks many times; the log says so once in this time
READERS: Final = 1000  # (person, recording, way) remembered
SUMMARIES: Final = 16  # of recovered recordings remembered; one is 3 MB at most
EXPORT_OCTETS: Final = 64 << 20  # of an export; what is longer is cut, and says so
T = TypeVar("T")


class Library:
    """The reading half of `Recordings`."""

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        clock: Clock,
        signing: Ed25519PrivateKey,
        replay: pyrage.x25519.Identity | None,
        storage: Storage,
        site: str,
    ) -> None:
        self._store, self._audit, self._clock, self._site = store, audit, clock, site
        self._signing, self._replay, self._storage = signing, replay, storage
        self._read: dict[tuple[str, SessionId, str], datetime] = {}
        self._summaries: dict[int, dict[str, Any]] = {}

    async def find(
        self,
        *,
        person: str = "",
        target: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        protocol: str = "",
        sessions: frozenset[str] | None = None,
        before: int | None = None,
        limit: int = FOUND,
    ) -> list[Recording]:
        """Newest first; of `sessions` alone when given; `before` is the `seq` of the last one already seen."""
        async with self._store.read() as tx:
            return await sql.find(
                tx,
                person=person,
                target=target,
                since=since,
                until=until,
                protocol=protocol,
                sessions=sessions,
                before=before,
                limit=max(1, min(limit, FOUND)),
            )

    async def get(self, session: SessionId) -> Recording:
        """
        Raises:
            NotFound: the session has no recording.
        """
        async with self._store.read() as tx:
            return await sql.get(tx, session)

    @property
    def can_replay(self) -> bool:
        """Whether this gateway holds a key that opens recordings (decisions 8)."""
        return self._replay is not None

    async def detail(self, session: SessionId, *, actor: str, source: str = "") -> Detail:
        """What a player needs before it plays."""
        recording = await self._reading(session, "replay", actor, source)
        known = self._summary(recording)

        def look(player: Player) -> tuple[Detail, dict[str, Any]]:
            values = known or summary(player)
            return detail(player, values), values

        found, values = await self._play(recording, look)
        self._remember(recording, values)
        return found

    async def timeline(self, session: SessionId, *, actor: str, source: str = "") -> Timeline:
        """Decisions and notices in the recording, what the log has of its request and grant, and how busy it was."""
        recording = await self._reading(session, "replay", actor, source)
        known = self._summary(recording)
        values = await self._play(recording, lambda player: known or summary(player))
        self._remember(recording, values)
        found = timeline(values)
        async with self._store.read() as tx:
            before = await sql.related_entries(tx, recording)
        return found.with_entries(recording.started, before)

    async def records(
        self, session: SessionId, from_us: int = 0, to_us: int | None = None, *, actor: str, source: str = ""
    ) -> Slice:
        """Records before `to_us`, from the keyframes before `from_us` on; bounded, `next_us` says where to go on."""
        recording = await self._reading(session, "replay", actor, source)
        return await self._play(recording, lambda player: records(player, from_us, to_us))

    async def tail(self, session: SessionId, kind: Kind, last: timedelta, *, actor: str) -> list[Record]:
        """Records of `kind` of the last while before the recording's end, give or take a segment."""
        recording = await self._reading(session, "recovery", actor, "")

        def look(player: Player) -> list[Record]:
            points = player.points()
            from_us = (points[-1][0] if points else 0) - last // MICROSECOND
            return [record for record in player.records(max(0, from_us)) if record.kind == kind]

        return await self._play(recording, look)

    async def lines(
        self, session: SessionId, wanted: str = "", from_us: int = 0, *, actor: str, source: str = ""
    ) -> Rows:
        """Lines that stood on the terminals and hold `wanted`; bounded, `next_us` says where to go on."""
        recording = await self._reading(session, "search", actor, source)
        return await self._play(recording, lambda player: rows(player, from_us, wanted))

    async def typed(self, session: SessionId, from_us: int = 0, *, actor: str, source: str = "") -> Keys:
        """What was typed, line by line; bounded, `next_us` says where to go on."""
        recording = await self._reading(session, "replay", actor, source)
        return await self._play(recording, lambda player: keys(player, from_us))

    async def asciicast(self, session: SessionId, stream: int = 1, *, actor: str, source: str = "") -> bytes:
        """One terminal as asciicast v2. Raises Refused when it is a desktop."""
        if (await self.get(session)).protocol == DESKTOPS:
            raise Refused(
                "no_terminal",
                "This is a desktop and has no text to play. Take the HTML file or the video from its player instead.",
            )
        recording = await self._reading(session, "asciicast", actor, source)

        def export(player: Player) -> bytes:
            keys = keys_in(player.records())
            return _bounded(asciicast(player.header.about, opened(player.records(), keys), stream))

        return await self._play(recording, export)

    async def text(self, session: SessionId, *, actor: str, source: str = "") -> bytes:
        """What stood on the terminals, passed through the clipboard, was decided and told, as plain text in UTF-8."""
        recording = await self._reading(session, "text", actor, source)
        return await self._play(recording, lambda player: _bounded(text(player.header.about, player.records())))

    async def verification(self, session: SessionId) -> Verification:
        """Whether the file is whole, unchanged and what this gateway's log says. An outsider repeats it offline."""
        recording = await self.get(session)
        if recording.state is RecordingState.MISSING:
            return Verification("broken", (Finding("missing", "The file of this recording is gone.", good=False),))
        async with self._store.read() as tx:
            known = (await evidence(tx, [recording]))[recording.seq]
        site = self._signing.public_key().public_bytes_raw()

        def run() -> Verification:
            path = self._storage.fetch(recording.file)
            return check(path, recording, site, known)

        return await asyncio.to_thread(run)

    async def pack(self, session: SessionId, *, actor: str, source: str = "") -> BinaryIO:
        """The evidence pack, a zip of everything an outsider needs; a temporary file that the caller closes."""
        recording = await self._reading(session, "download", actor, source)
        async with self._store.read() as tx:
            checkpoint = await self._audit.checkpoint(tx, self._site, self._signing)
            lines = await sql.log_lines(tx, checkpoint.size, recording)
        path = self._storage.fetch(recording.file)
        site = self._signing.public_key().public_bytes_raw()
        return await asyncio.to_thread(pack, recording, path, lines, checkpoint.note, site)

    def _summary(self, recording: Recording) -> dict[str, Any] | None:
        """What is known of its content without reading all of it."""
        return self._summaries.get(recording.seq)

    def _remember(self, recording: Recording, values: dict[str, Any]) -> None:
        """A recording whose writer died has no summary of its own, and never changes."""
        if recording.state is RecordingState.RECOVERED:
            while len(self._summaries) >= SUMMARIES:
                del self._summaries[next(iter(self._summaries))]
            self._summaries[recording.seq] = values

    async def _play(self, recording: Recording, call: Callable[[Player], T]) -> T:
        """`call` with the opened recording, in a thread.

        Raises:
            Refused: this gateway holds no replay key.
            NotFound: the file is gone.
            Broken: it was changed.
        """
        if self._replay is None:
            raise Refused(
                "no_replay_key",
                "This gateway holds no key that opens recordings. Download this one and open it with your own key.",
            )
        identity = self._replay

        def run() -> T:
            path = self._storage.fetch(recording.file)
            with Player.open(path, identity, self._signing.public_key()) as player:
                return call(player)

        return await asyncio.to_thread(run)

    async def _reading(self, session: SessionId, way: str, actor: str, source: str) -> Recording:
        """The recording, after the log says that `actor` reads it."""
        now, known = self._clock.now(), (actor, session, way)
        if known in self._read and now - self._read[known] < READ_AGAIN:
            return await self.get(session)
        async with self._store.write() as tx:
            recording = await sql.get(tx, session)
            event = RecordingRead(actor=actor, source=source, session=session, seq=recording.seq, way=way)
            await self._audit.append(tx, event)
        while len(self._read) >= READERS:
            del self._read[next(iter(self._read))]
        self._read[known] = now
        return recording


def _bounded(lines: Iterable[str]) -> bytes:
    parts, octets = [], 0
    for line in lines:
        parts.append(line.encode())
        octets += len(parts[-1])
        if octets > EXPORT_OCTETS:
            break
    return b"".join(parts)
