"""Programs that run beside the demonstration: a log file each, and an end for all of them together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

START = 30.0  # seconds a program may take until it is ready, on a busy machine
GRACE = 5.0  # seconds it may take to end when asked
LOOK = 0.05  # seconds between two looks
# The kernel ends them too when this process dies without a word.
ORPHANS_END = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass
class Program:
    """A child in a process group of its own; `said` is everything it wrote so far."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def ends(self, limit: float = START) -> int:
        async with asyncio.timeout(limit):
            return await self.process.wait()

    async def stop(self) -> None:
        """Ask it to end, so that it takes its sockets with it; then end whatever is left of its group."""
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            os.killpg(self.process.pid, signal.SIGTERM)
            await self.ends(GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


@dataclass
class Programs:
    """Starts programs in `folder`; their logs stay there as `NAME.log`."""

    folder: Path
    running: list[Program] = field(default_factory=list)

    async def start(
        self, name: str, *argv: str | Path, env: Mapping[str, str] | None = None, keep: tuple[int, ...] = (),
        at: Path | None = None,
    ) -> Program:  # fmt: skip
        """`env` is added to this process's environment; `keep` are file descriptors that it inherits."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *ORPHANS_END, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env=dict(os.environ) | dict(env or {}), pass_fds=keep, cwd=at or self.folder,
            )  # fmt: skip
        program = Program(name, process, log)
        self.running.append(program)
        return program

    async def stop(self) -> None:
        """The last started goes first, so that none complains about another's absence for long."""
        while self.running:
            await self.running.pop().stop()


@asynccontextmanager
async def programs(folder: Path) -> AsyncIterator[Programs]:
    """In `folder`, which exists."""
    started = Programs(folder)
    try:
        yield started
    finally:
        await started.stop()


async def until(true: Callable[[], bool], what: str, program: Program | None = None, limit: float = START) -> None:
    """Look until it is true.

    Raises:
        RuntimeError: it did not become true within `limit` seconds, or `program` ended before; with its last words.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit):
            while not (program and not program.alive):
                if true():
                    return
                await asyncio.sleep(LOOK)
    said = f"; {program.name} said:\n{program.said[-2000:]}" if program else ""
    raise RuntimeError(f"waited in vain for {what}{said}")
