"""Looking into a recording while it grows: what is on the screen now, then each record as it is written."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Self

from gateway.recording.model import Record

OVERHEAD = 64  # octets that a queued record costs beside its payload


@dataclass(frozen=True, slots=True)
class Batch:
    """Records for a viewer. `fresh`: they paint the present from nothing; forget what came before."""

    fresh: bool
    records: tuple[Record, ...]


class Watch:
    """One viewer. Never slows the writer: a viewer that lags gets a fresh picture instead of what it missed.

    Of a desktop the fresh picture is its size alone, and the target is asked to paint the rest.
    """

    def __init__(self, snapshot: Callable[[], tuple[Record, ...]], leave: Callable[[Watch], None], most: int) -> None:
        self._snapshot, self._leave, self._most = snapshot, leave, most
        self._queue: deque[Record] = deque()
        self._octets, self._fresh, self._over = 0, True, False
        self._news = asyncio.Event()
        self._news.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        self._leave(self)

    def offer(self, record: Record) -> None:
        """The writer's side: never waits, never raises."""
        if self._fresh:
            return
        self._octets += len(record.payload) + OVERHEAD
        if self._octets > self._most:
            self._queue.clear()
            self._fresh = True
        else:
            self._queue.append(record)
        self._news.set()

    def finish(self) -> None:
        """The recording is closed; the viewer still gets what is queued."""
        self._over = True
        self._news.set()

    async def batches(self) -> AsyncGenerator[Batch, None]:
        while (batch := await self._next()) is not None:
            yield batch

    async def _next(self) -> Batch | None:
        while True:
            await self._news.wait()
            fresh, self._fresh = self._fresh, False
            if fresh and not self._over:
                self._octets = 0
                return Batch(True, self._snapshot())
            if self._queue:
                records = tuple(self._queue)
                self._queue.clear()
                self._octets = 0
                return Batch(False, records)
            if self._over:
                return None
            self._news.clear()
