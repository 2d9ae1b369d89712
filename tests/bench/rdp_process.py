"""A process of the measurement that obeys lines and answers in JSON, one at a time."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

LINE = 1 << 20  # octets of an answer at most
ENDS = 60.0  # seconds to end by itself


class Process:
    """Attributes:
    hello: what it said first.
    """

    hello: dict[str, Any]

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answer(self) -> dict[str, Any]:
        """The next line that is an answer; others are its log."""
        assert self._process.stdout is not None
        while not (line := await self._process.stdout.readline()).startswith(b"{"):
            if not line:
                raise RuntimeError("a process of the measurement has gone")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        return await self.answer()


@asynccontextmanager
async def process(module: str, *arguments: str) -> AsyncIterator[Process]:
    """It runs while the block does, and ends when its standard input does."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=LINE,
    )  # fmt: skip
    try:
        made = Process(child)
        made.hello = await made.answer()
        yield made
    finally:
        assert child.stdin is not None
        child.stdin.close()
        try:
            async with asyncio.timeout(ENDS):
                await child.communicate()
        except TimeoutError:
            child.kill()
            await child.wait()
