"""Watching a session: on record, and an obligation may demand it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from gateway.audit.events.sessions import SessionControlRefused, WatchBegan, WatchEnded
from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEvent
from gateway.errors import NotFound, StoreUnavailable
from gateway.identity.model import Person
from gateway.limits import HOLD_LONGEST
from gateway.recording.watch import Batch
from gateway.sessions import rules
from gateway.sessions.live import Live
from gateway.store.db import Store


class Watching:
    def __init__(self, store: Store, audit: AuditLog) -> None:
        self._store, self._audit = store, audit

    @asynccontextmanager
    async def watch(self, live: Live | None, watcher: Person, source: str) -> AsyncIterator[AsyncIterator[Batch]]:
        """Raises Refused, or NotFound when there is no such session here."""
        if live is None:
            raise NotFound("session")
        session = live.session.id
        if (refusal := rules.watcher(watcher, live.target)) is not None:
            await self._append(
                SessionControlRefused(
                    actor=watcher.name, source=source, session=session, attempt="watch", reason=refusal.code
                )
            )
            raise refusal
        await self._append(WatchBegan(actor=watcher.name, source=source, session=session))
        counts = int(rules.observes(watcher, live.target, live.session.person))
        live.decision("watch began", actor=watcher.name)
        live.observe(counts)
        try:
            async with aclosing(_batches(live)) as batches:
                yield batches
        finally:
            live.observe(-counts)
            live.decision("watch ended", actor=watcher.name)
            live.facts.append(WatchEnded(actor=watcher.name, source=source, session=session))
            if live.finished:
                await self._last(live)

    async def _last(self, live: Live) -> None:
        """The session ended before its watcher left: nobody else writes it any more."""
        facts, live.facts = live.facts, []
        try:
            for fact in facts:
                await self._append(fact)
        except StoreUnavailable:
            return

    async def _append(self, event: AuditEvent) -> None:
        async with self._store.write() as tx:
            await self._audit.append(tx, event)


async def _batches(live: Live) -> AsyncGenerator[Batch, None]:
    """Everything that is recorded from now on, a picture of what was before it first."""
    try:
        async with asyncio.timeout(HOLD_LONGEST.total_seconds()):
            while not live.running and not live.over:
                await live.woken().wait()
    except TimeoutError:
        return
    if live.recorder is None:
        return
    async with live.recorder.watch() as watch, aclosing(watch.batches()) as batches:
        async for batch in batches:
            yield batch
