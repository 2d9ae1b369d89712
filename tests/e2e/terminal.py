"""A person at a terminal: starts a program in a pty, reads what it shows, types."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from typing import Self

LIMIT = 30.0  # seconds to wait for anything
SHOWN = 4000  # characters of what came instead, for whoever reads the failure


class Terminal:
    """`shown` is everything the program wrote so far, as text."""

    def __init__(self, argv: Sequence[str], *, columns: int = 80, rows: int = 24, env: Mapping[str, str] = {}) -> None:
        self._argv, self._size, self._env = argv, (rows, columns), env
        self._shown, self._news, self._read = "", [], 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._master, slave = pty.openpty()
        self.resize(self._size[1], self._size[0])
        self.process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=dict(os.environ) | {"TERM": "xterm-256color"} | dict(self._env),
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        os.close(self._master)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self._news.append(data.decode(errors="replace"))
        self._changed.set()

    @property
    def shown(self) -> str:
        if self._news:  # joined when somebody looks: a flood would make each piece a copy of all
            self._shown, self._news = "".join((self._shown, *self._news)), []
        return self._shown

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def sees(self, pattern: str, limit: float = LIMIT) -> re.Match[str]:
        """Wait until what was shown since the last match contains `pattern`."""
        try:
            async with asyncio.timeout(limit):
                while not (match := re.compile(pattern).search(self.shown, self._read)):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            shown = self.shown[self._read :][-SHOWN:]
            raise AssertionError(f"did not see {pattern!r} in:\n{shown!r}") from None
        self._read = match.end()
        return match

    async def ends(self, limit: float = LIMIT) -> int:
        async with asyncio.timeout(limit):
            return await self.process.wait()
