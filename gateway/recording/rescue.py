"""Which recordings recovery may touch, by the audit log; and what became of them, back into it."""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import sql as audit_sql
from gateway.audit.events.recording import (
    RecordingClosed,
    RecordingDamaged,
    RecordingFailed,
    RecordingHead,
    RecordingOpened,
    RecordingRecovered,
    RecordingUnknown,
)
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import NotFound, RecorderFailed
from gateway.recording import sql
from gateway.recording.format import Broken, b64
from gateway.recording.model import Recording, RecordingState
from gateway.recording.recovery import Evidence, Recovered, recover
from gateway.recording.storage import Storage
from gateway.recording.ticks import MICROSECOND
from gateway.store.db import Store, Tx

PAGE: Final = 1000  # entries of the log, or rows, read at once
_ENDED: Final = frozenset({RecordingClosed.name, RecordingRecovered.name})
_STATED: Final = _ENDED | {RecordingOpened.name, RecordingHead.name, RecordingFailed.name}


class Rescue:
    """INVARIANT: only what the audit log has as opened and not closed is sealed, and only as far as it agrees."""

    def __init__(
        self, store: Store, audit: AuditLog, clock: Clock, signing: Ed25519PrivateKey, storage: Storage
    ) -> None:
        self._store, self._audit, self._clock = store, audit, clock
        self._signing, self._storage = signing, storage
        self._unsealed: set[int] = set()

    def later(self, seq: int) -> None:
        """This process could not seal it; try again from time to time."""
        self._unsealed.add(seq)

    async def at_start(self) -> None:
        """Everything that a dead process left: open recordings, and files whose session was never begun."""
        await self._put_strangers_aside()
        await self._rescue(await self._open())

    async def again(self) -> None:
        """What this process itself could not seal."""
        if self._unsealed:
            await self._rescue([r for r in await self._open() if r.seq in self._unsealed])

    async def _open(self) -> list[Recording]:
        found: list[Recording] = []
        async with self._store.read() as tx:
            before = None
            while page := await sql.find(tx, state=RecordingState.OPEN, before=before, limit=PAGE):
                found += page
                before = page[-1].seq
        return found

    async def _rescue(self, recordings: list[Recording]) -> None:
        if not recordings:
            return
        async with self._store.read() as tx:
            known = await evidence(tx, recordings)
        for recording in recordings:
            try:
                outcome: Recovered | Broken = await asyncio.to_thread(
                    self._recover, recording, known[recording.seq], self._clock.now()
                )
            except Broken as broken:
                outcome = broken
            except RecorderFailed:
                self._unsealed.add(recording.seq)
                continue
            async with self._store.write() as tx:
                await self._tell(tx, recording, outcome)
            self._unsealed.discard(recording.seq)

    def _recover(self, recording: Recording, known: Evidence, now: datetime) -> Recovered:
        try:
            path = self._storage.fetch(recording.file)
        except NotFound:
            raise Broken("the file is gone") from None
        outcome = recover(path, recording.seq, known, self._signing, now)
        self._storage.keep(recording.file)
        return outcome

    async def _tell(self, tx: Tx, recording: Recording, outcome: Recovered | Broken) -> None:
        now = self._clock.now()
        if isinstance(outcome, Broken):
            gone = not self._storage.live(recording.file).exists()
            state = RecordingState.MISSING if gone else RecordingState.DAMAGED
            await sql.move(tx, recording.seq, state=state, ended=now)
            event = RecordingDamaged(actor=GATEWAY, session=recording.session, seq=recording.seq, why=str(outcome))
            await self._audit.append(tx, event)
            return
        await sql.move(
            tx,
            recording.seq,
            state=RecordingState.SEALED if outcome.clean else RecordingState.RECOVERED,
            frames=outcome.head.frames,
            h=outcome.head.h,
            ended=now,
            octets=outcome.octets,
            duration=outcome.duration_us * MICROSECOND,
        )
        await self._audit.append(
            tx,
            RecordingRecovered(
                actor=GATEWAY,
                session=recording.session,
                seq=recording.seq,
                frames=outcome.head.frames,
                h=b64(outcome.head.h),
                octets=outcome.octets,
                clean=outcome.clean,
                dropped=outcome.dropped,
            ),
        )

    async def _put_strangers_aside(self) -> None:
        async with self._store.read() as tx:
            known = await sql.files(tx)
        for name in await asyncio.to_thread(self._storage.live_names):
            if name not in known:
                async with self._store.write() as tx:
                    await self._audit.append(tx, RecordingUnknown(actor=GATEWAY, file=name))
                await asyncio.to_thread(self._storage.put_aside, name)


async def evidence(tx: Tx, recordings: list[Recording]) -> dict[int, Evidence]:
    """What the log states of each recording, from the entry on that opened the first of them."""
    found = {r.seq: Evidence() for r in recordings}
    since = min((r.opened_entry for r in recordings), default=0)
    while page := await audit_sql.read(tx, since=since, limit=PAGE, names=_STATED):
        for entry in page:
            values = entry.values()
            if (known := found.get(values["seq"])) is not None:
                known.session = values["session"]
                known.heads[values["frames"]] = base64.b64decode(values["h"])
                known.closed = known.closed or entry.name in _ENDED
        since = page[-1].index + 1
    return found
