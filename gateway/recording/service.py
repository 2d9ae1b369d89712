"""Recordings: opened in the transaction of their session, signed while they grow, sealed, recovered, found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import pyrage
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.events.recording import RecordingClosed, RecordingFailed, RecordingHead, RecordingOpened
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import Conflict, Invalid, RecorderFailed, StoreUnavailable
from gateway.ids import SessionId
from gateway.recording import sql
from gateway.recording.format import b64
from gateway.recording.library import Library
from gateway.recording.model import About, Head, Recording, RecordingState
from gateway.recording.rescue import Rescue
from gateway.recording.storage import SUFFIX, LocalFolder
from gateway.recording.ticks import MICROSECOND
from gateway.recording.writer import Recorder
from gateway.store.db import Store, Tx

log = structlog.get_logger()

TICK: Final = timedelta(seconds=1)  # checkpoints are looked after this often
HEADS: Final = timedelta(minutes=1)  # the audit log learns this often where live recordings stand
RELATED: Final = ("req_", "grt_", "rel_", "ses_")


class SigningKeys(Protocol):
    """What recordings need of the site's keys."""

    @property
    def signing(self) -> Ed25519PrivateKey: ...

    @property
    def replay(self) -> pyrage.x25519.Identity | None: ...


class Recordings(Library):
    """INVARIANT: a recording that the log has as closed is never written again."""

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        clock: Clock,
        keys: SigningKeys,
        recipients: Iterable[str],
        folder: Path,
        site: str,
    ) -> None:
        """
        Raises:
            Invalid: a recipient that does not parse, or none at all: nobody could ever open a recording.
        """
        storage = LocalFolder(folder)
        super().__init__(store, audit, clock, keys.signing, keys.replay, storage, site)
        self._recipients = [_recipient(text) for text in recipients]
        if keys.replay is not None:
            self._recipients.append(keys.replay.to_public())
        if not self._recipients:
            raise Invalid("recipients", "nobody could open a recording: name recipients, or keep a replay key")
        self._live: dict[int, Recorder] = {}
        self._told: dict[int, int] = {}  # frames that the log knows of, by seq
        self._sealed: dict[int, Head] = {}
        self._durable: set[int] = set()  # whose file survives a power cut
        self._rescue = Rescue(store, audit, clock, keys.signing, storage)

    async def open(
        self, tx: Tx, *, session: SessionId, person: str, target: str, protocol: str, meta: Mapping[str, object]
    ) -> Recorder:
        """A recorder for a session, open and writable. When the transaction fails, `abandon` it.

        Raises:
            RecorderFailed: the file cannot be written; there is no session.
        """
        seq = await sql.next_seq(tx)
        about = About(seq, session, self._site, person, target, protocol, self._clock.now())
        name = f"{seq:08d}-{session}{SUFFIX}"
        recorder = Recorder(
            self._storage.live(name),
            about,
            meta,
            recipients=self._recipients,
            site_key=self._signing,
            clock=self._clock,
        )
        try:
            await self._opened(tx, recorder, name, related(meta))
        except BaseException:  # whatever keeps the row from being written, cancellation too: the file goes as well
            recorder.abandon()
            raise
        tx.after_commit(lambda: self._live.update({seq: recorder}))
        return recorder

    async def _opened(self, tx: Tx, recorder: Recorder, name: str, ids: tuple[str, ...]) -> None:
        about, head = recorder.about, recorder.head
        event = RecordingOpened(
            actor=about.person,
            session=about.session,
            seq=about.seq,
            frames=head.frames,
            h=b64(head.h),
            person=about.person,
            target=about.target,
            protocol=about.protocol,
        )
        entry = await self._audit.entry(tx, event)
        await sql.add(
            tx,
            Recording(
                seq=about.seq,
                session=about.session,
                person=about.person,
                target=about.target,
                protocol=about.protocol,
                started=about.started,
                state=RecordingState.OPEN,
                frames=head.frames,
                h=head.h,
                octets=recorder.octets,
                related=ids,
                opened_entry=entry.index,
                file=name,
            ),
        )
        tx.after_commit(lambda: self._told.update({about.seq: head.frames}))

    async def close(self, tx: Tx, recorder: Recorder) -> Head:
        """Seal it. May be called again when the transaction failed.

        A disk that cannot take the end is no error here: the log says so, and recovery seals it when the disk can.
        """
        seq = recorder.seq
        try:
            if seq not in self._sealed:
                if not recorder.closed:
                    recorder.seal()
                await asyncio.to_thread(self._settle, recorder)
                self._sealed[seq] = recorder.head
        except RecorderFailed as error:
            await self._failed(tx, recorder, str(error))
            return recorder.head
        head = self._sealed[seq]
        await sql.move(
            tx,
            seq,
            state=RecordingState.SEALED,
            frames=head.frames,
            h=head.h,
            ended=self._clock.now(),
            octets=recorder.octets,
            duration=recorder.now_us() * MICROSECOND,
        )
        event = RecordingClosed(
            actor=GATEWAY,
            session=recorder.about.session,
            seq=seq,
            frames=head.frames,
            h=b64(head.h),
            octets=recorder.octets,
        )
        await self._audit.append(tx, event)
        tx.after_commit(lambda: self._gone(seq))
        return head

    def _settle(self, recorder: Recorder) -> None:
        recorder.finish()
        self._storage.keep(recorder.path.name)

    async def _failed(self, tx: Tx, recorder: Recorder, why: str) -> None:
        recorder.drop()
        head = recorder.head
        event = RecordingFailed(
            actor=GATEWAY,
            session=recorder.about.session,
            seq=recorder.seq,
            frames=head.frames,
            h=b64(head.h),
            why=why,
        )
        await self._audit.append(tx, event)

        def later() -> None:
            self._gone(recorder.seq)
            self._rescue.later(recorder.seq)

        tx.after_commit(later)

    def _gone(self, seq: int) -> None:
        for known in (self._live, self._told, self._sealed):
            known.pop(seq, None)
        self._durable.discard(seq)

    def _summary(self, recording: Recording) -> dict[str, Any] | None:
        """Of one that is written here and now, what its writer knows."""
        writer = self._live.get(recording.seq)
        return writer.summary.values(writer.now_us()) if writer is not None else super()._summary(recording)

    def live(self, session: SessionId) -> Recorder | None:
        """The recorder of a session that is recorded now."""
        return next((r for r in self._live.values() if r.about.session == session and not r.closed), None)

    async def recover(self) -> None:
        """At start, before the first session: seal what a dead process left, if the log has it as open."""
        await self._rescue.at_start()

    async def run(self) -> None:
        """Checkpoints, durability, heads in the log, and retries of what could not be sealed; until cancelled."""
        async with asyncio.TaskGroup() as timers:
            timers.create_task(_every(TICK, self.tick), name="recording checkpoints")
            timers.create_task(_every(TICK, self.sync), name="recording durability")
            timers.create_task(_every(HEADS, self.heads), name="recording heads")
            timers.create_task(_every(HEADS, self._rescue.again), name="recording rescue")

    async def tick(self) -> None:
        """Once a second."""
        for recorder in list(self._live.values()):
            recorder.tick()

    async def sync(self) -> None:
        """Make new checkpoints survive a power cut, off the loop."""
        for recorder in [r for r in self._live.values() if r.dirty and not r.closed]:
            try:
                await asyncio.to_thread(self._sync, recorder)
            except RecorderFailed:
                if not recorder.closed:
                    recorder.on_failed()

    def _sync(self, recorder: Recorder) -> None:
        recorder.sync()
        if recorder.seq not in self._durable:
            self._storage.created(recorder.path.name)
            self._durable.add(recorder.seq)

    async def heads(self) -> None:
        """Tell the log where each live recording stands, so that none can be cut unseen."""
        moved = [r for r in self._live.values() if not r.closed and r.head.frames != self._told.get(r.seq)]
        if not moved:
            return
        async with self._store.write() as tx:
            heads = [(r.about.session, r.head) for r in moved if not r.closed]
            for session, head in heads:
                try:
                    await sql.move(tx, head.seq, frames=head.frames, h=head.h)
                except Conflict:  # one row that somebody changed must not silence the others
                    log.error("Recording is live, but its row is not open", seq=head.seq)
                event = RecordingHead(actor=GATEWAY, session=session, seq=head.seq, frames=head.frames, h=b64(head.h))
                await self._audit.append(tx, event)
        self._told.update({head.seq: head.frames for _, head in heads})


def related(meta: Mapping[str, object]) -> tuple[str, ...]:
    """Ids in `meta` by which the audit log names what belongs to the session."""
    found = {v for v in meta.values() if isinstance(v, str) and v.startswith(RELATED)}
    return tuple(sorted(found))


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise Invalid("recipients", f"{json.dumps(text[:80])} is not an age public key (age1…)") from None


async def _every(period: timedelta, call: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(period.total_seconds())
        try:
            await call()
        except (StoreUnavailable, Conflict) as error:
            log.warning("Recordings could not be looked after; next try follows", why=str(error))
