"""Calls that must not be broken off halfway because a client hangs up: they run to their end under the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from gateway.errors import GatewayError

T = TypeVar("T")


class Errands:
    """Runs each call as a task of the connection's group; who waits for it may be cancelled, the call is not."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, call: Coroutine[Any, Any, T]) -> T:
        """What the call returns, or the `GatewayError` it raises."""

        async def errand() -> tuple[T | None, GatewayError | None]:
            try:
                return await call, None
            except GatewayError as error:
                return None, error

        task = self._tasks.create_task(errand())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        value, error = await asyncio.shield(task)
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # without an error it is what the call returned

    async def idle(self) -> None:
        """All calls have come to their end."""
        while self._running:
            await asyncio.wait(set(self._running))
