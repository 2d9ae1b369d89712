"""Waiting for what has no event of its own: the one loop that looks again and again."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

LIMIT = 30.0  # seconds to wait for anything
LOOK = 0.1  # seconds between two looks


async def eventually(
    true: Callable[[], bool | Awaitable[bool]], what: Callable[[], str] | str, limit: float = LIMIT
) -> None:
    """Look until it is true; `what` was waited for is the failure's text."""
    try:
        async with asyncio.timeout(limit):
            while not await _answer(true):
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what() if callable(what) else what}") from None


async def _answer(true: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = true()
    return await answer if inspect.isawaitable(answer) else answer
