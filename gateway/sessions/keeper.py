"""What memory decided reaches the store: one transaction for each session's row, its audit events, its sealing.

The store may be away meanwhile: facts wait in order, nothing is lost, and no session outlives the store by more than
`STORE_SILENT` (access model, rule 15).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from gateway.audit.events.sessions import ConnectionClosed, FilePassed, SessionEnd
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import Conflict, GatewayError, NotFound, RecorderFailed, StoreUnavailable
from gateway.inventory.model import Protocol
from gateway.limits import LEDGER_BEHIND
from gateway.recording.model import Kind
from gateway.recording.service import Recordings
from gateway.sessions import files, sql, sql_files, texts
from gateway.sessions.files import Passed
from gateway.sessions.live import Live
from gateway.sessions.model import RUNNING, End, EndReason, Session, SessionState
from gateway.sessions.registry import Registry
from gateway.store.db import Store, Tx

log = structlog.get_logger()


class Keeper:
    """INVARIANT: each session that has a row gets exactly one end record, in the transaction that ends the row."""

    def __init__(
        self, store: Store, audit: AuditLog, clock: Clock, recordings: Recordings, registry: Registry, node: str
    ) -> None:
        self._store, self._audit, self._clock = store, audit, clock
        self._recordings, self._registry, self._node = recordings, registry, node
        self.answers = 0  # how often the store has said yes

    async def persist(self, live: Live) -> None:
        """Bring the row to where memory is. Raises StoreUnavailable: it stays to be done."""
        async with live.lock:
            await self.persist_locked(live)

    async def persist_locked(self, live: Live) -> None:
        try:
            if live.finished:
                await self._write_files(live)
            elif live.over:
                await self._finish(live)
            elif live.facts and live.stored:
                await self._write(live)
            elif live.stored:
                await self._write_files(live)
        except Conflict:
            log.error("Session row was moved by somebody else", session=live.session.id)
            live.finish_with(EndReason.GATEWAY, GATEWAY)

    async def persist_all(self) -> None:
        """Everything that waits to be written, as far as the store takes it."""
        await self._persist_each(self._registry)

    async def persist_files(self) -> None:
        """What passed since it was asked last: once a second, so that many small files cost few transactions.

        Lines of sessions that are over are written here too, should a front be late.
        """
        await self._persist_each(self._registry.with_files())

    async def _persist_each(self, lives: Iterable[Live]) -> None:
        for live in lives:
            try:
                await self.persist(live)
            except StoreUnavailable:
                self._registry.write(live)
                return
            except GatewayError:  # one session's trouble must not keep the others from being written
                log.exception("Session could not be written", session=live.session.id)
                self._registry.write(live)

    async def closed(self, live: Live, number: int, reason: EndReason, words: str) -> None:
        """A connection is gone: the grace begins when it was the last."""
        if live.connections.pop(number, None) is None or live.over:
            return
        live.facts.append(
            ConnectionClosed(
                actor=live.session.person_name, source=live.session.source, session=live.session.id,
                connection=number, reason=reason, words=words,
            )
        )  # fmt: skip
        live.decision("connection closed", connection=number, reason=reason)
        if not live.connections:
            live.emptied = (self._clock.instant(), reason)
        self._registry.write(live)

    async def beat(self) -> None:
        """Ask the store for a sign of life that it must write."""
        async with self._store.write() as tx:
            await sql.seen(tx, self._node, self._clock.now())
        self.answers += 1

    async def recover(self) -> None:
        """Sessions that a dead process left: their recordings are sealed, their rows ended."""
        await self._recordings.recover()
        await self._recover_files()
        async with self._store.write() as tx:
            await sql.forget_nodes(tx)
            for row in await sql.unfinished(tx):
                end = End(EndReason.GATEWAY, GATEWAY, texts.ended(EndReason.GATEWAY))
                await self._end_row(tx, row, replace(row, end=end), sealed=row.seq != 0)

    async def _recover_files(self) -> None:
        """Lines of the ledger that are in a recording and were to be written in the second in which the process died.

        Without a replay key nobody here can read them; whoever holds one finds them in the recording.
        """
        async with self._store.read() as tx:
            rows = [row for row in await sql.unfinished(tx) if row.seq and row.protocol is not Protocol.RDP]
        for row in rows if self._recordings.can_replay else ():
            try:
                found = await self._recordings.tail(row.id, Kind.FILE, LEDGER_BEHIND, actor=GATEWAY)
            except (GatewayError, OSError):
                log.exception("Ledger of files could not be completed", session=row.id)
                continue
            heard = (files.heard_of(record.payload, row, record.stream) for record in found)
            if lines := [line for line in heard if line is not None]:
                async with self._store.write() as tx:
                    known = await sql_files.known(tx, row.id)
                    await self._enter(tx, [line for line in lines if line.id not in known])

    async def _write_files(self, live: Live) -> None:
        if not live.files:
            return
        lines = list(live.files)
        async with self._store.write() as tx:
            await self._enter(tx, lines)
        del live.files[: len(lines)]
        self.answers += 1

    async def _enter(self, tx: Tx, lines: Sequence[Passed]) -> None:
        """Lines of the ledger, each with its audit event."""
        await sql_files.add(tx, lines)
        for line in lines:
            await self._audit.append(
                tx,
                FilePassed(
                    actor=line.person, session=line.session, file=line.id, way=line.way, path=line.path,
                    octets=line.octets, sha256=line.sha256, partial=line.partial, verdict=line.verdict,
                ),
            )  # fmt: skip

    async def _write(self, live: Live) -> None:
        facts, session = list(live.facts), replace(live.session, version=live.stored + 1)
        lines = list(live.files)
        async with self._store.write() as tx:
            for fact in facts:
                await self._audit.append(tx, fact)
            await self._enter(tx, lines)
            await sql.change(tx, session, live.stored)
        del live.files[: len(lines)]
        del live.facts[: len(facts)]
        live.stored = session.version
        live.session = replace(live.session, version=session.version)
        self.answers += 1

    async def _finish(self, live: Live) -> None:
        try:
            await self._seal_and_end(live, seal=True)
        except RecorderFailed:
            log.exception("Recording could not be sealed", session=live.session.id)
            await self._seal_and_end(live, seal=False)
        live.connections.clear()
        live.finished = True
        self._registry.remove(live)
        live.wake()

    async def _seal_and_end(self, live: Live, *, seal: bool) -> None:
        """INVARIANT: what the row says happened, not what memory hoped: a start may have failed at its commit."""
        recorder, last, lines = live.recorder, None, list(live.files)
        async with self._store.write() as tx:
            try:
                row = await sql.get(tx, live.session.id)
            except NotFound:
                row = None
            ran = row is not None and row.state in RUNNING
            sealed = seal and ran and recorder is not None
            if recorder is not None and sealed:
                await self._recordings.close(tx, recorder)
            await self._enter(tx, lines)
            if row is not None and row.state is not SessionState.ENDED:
                for fact in live.facts:
                    await self._audit.append(tx, fact)
                last = await self._end_row(tx, row, live.session, sealed=sealed)
        live.session = last or live.session
        if recorder is not None and not ran:
            recorder.abandon()
        live.facts.clear()
        del live.files[: len(lines)]
        self.answers += 1

    async def _end_row(self, tx: Tx, row: Session, last: Session, *, sealed: bool) -> Session:
        """`last` is the session as memory had it; it carries the end."""
        assert last.end is not None
        ended = replace(
            row, state=SessionState.ENDED, hold=None, end=last.end, ended=self._clock.now(), version=row.version + 1
        )
        await sql.change(tx, ended, row.version)
        await self._audit.append(
            tx,
            SessionEnd(
                actor=last.end.actor, session=row.id, seq=row.seq, target=row.target_name, reason=last.end.reason,
                words=last.end.words, started=row.started, ended=self._clock.now(), sealed=sealed,
            ),
        )  # fmt: skip
        return ended
