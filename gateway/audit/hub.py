"""Who wants to hear of committed events: the live page, and packages that react to another's facts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.audit.model import AuditEvent
from gateway.limits import HUB_QUEUE


class Subscription:
    """Events in order of commit. A subscriber that lags by `HUB_QUEUE` loses them all and is told so."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[AuditEvent] = asyncio.Queue(HUB_QUEUE)
        self.lagged = False

    def offer(self, event: AuditEvent) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            while not self._queue.empty():
                self._queue.get_nowait()
            self.lagged = True
            self._queue.put_nowait(event)

    async def next(self) -> AuditEvent:
        """The next event. When `lagged` is set, read the store afresh and clear it."""
        return await self._queue.get()


class Hub:
    """Hands each committed event to every subscriber of this process, without waiting for any."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._reactions: list[Callable[[AuditEvent], None]] = []

    def publish(self, event: AuditEvent) -> None:
        for react in self._reactions:
            react(event)
        for subscription in self._subscriptions:
            subscription.offer(event)

    def react(self, call: Callable[[AuditEvent], None]) -> None:
        """Call it with each committed event, at once and in the same task; it must not block nor raise."""
        self._reactions.append(call)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
