"""Stock clients as a test drives them: asyncssh in the process, OpenSSH, PuTTY and dropbear as programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import signal
import struct
import termios
from dataclasses import dataclass, field
from fcntl import ioctl

import asyncssh

from tests.ssh.bell import Bell
from tests.ssh.people import CODE, PASSWORD

MASTER = ("PermitLocalCommand=yes", "LocalCommand=echo mastered")  # said once the control socket is there
ANSWERS = {"Password: ": PASSWORD, "Code: ": CODE}


class Client(asyncssh.SSHClient):
    """Answers prompts, and remembers what it was shown."""

    def __init__(self, answers=ANSWERS, refuse_rounds_after: int | None = None) -> None:
        self.answers, self.rounds, self.banners, self.lost = answers, [], [], None
        self.leave_after = refuse_rounds_after
        self.gone, self.bell = asyncio.Event(), Bell()

    def auth_banner_received(self, msg, lang) -> None:
        self.banners.append(msg)

    def connection_lost(self, exc) -> None:
        self.lost = exc
        self.gone.set()

    def kbdint_auth_requested(self):
        return ""

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        self.rounds.append((instructions, [prompt for prompt, _ in prompts]))
        self.bell.ring()
        if self.leave_after is not None and len(self.rounds) > self.leave_after:
            return None
        return [self.answers[prompt] for prompt, _ in prompts]

    async def shown(self, rounds: int) -> None:
        """So many rounds were shown."""
        await self.bell.until(lambda: len(self.rounds) >= rounds)

    @property
    def prompts(self) -> list[str]:
        return [prompt for _, prompts in self.rounds for prompt in prompts]


async def connect(bench, login="vera+ews-l4", *, key=True, client=None, **options):
    """(connection, client) once signed in."""
    client = client or Client()
    connection, _ = await asyncssh.create_connection(
        lambda: client,
        "127.0.0.1",
        bench.port,
        username=login,
        known_hosts=None,
        client_keys=[str(bench.key)] if key is True else ([key] if key else None),
        config=None,
        agent_path=None,
        **options,
    )
    return connection, client


def _at_a_terminal() -> None:
    """As a shell would start it: the terminal is its own, and Ctrl-C reaches it though we may run in the background."""
    ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Terminal:
    """A program of ours in a pty of its own, driven like expect does it."""

    master: int
    process: asyncio.subprocess.Process
    seen: bytearray = field(default_factory=bytearray)
    fresh: asyncio.Event = field(default_factory=asyncio.Event)
    at: int = 0
    over: bool = False

    @classmethod
    async def start(cls, *arguments: str, environment=None, rows=24, columns=80) -> Terminal:
        ours, theirs = pty.openpty()
        ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_at_a_terminal,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm", **(environment or {})},
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        terminal = cls(ours, process)
        asyncio.get_running_loop().add_reader(ours, terminal._readable)
        return terminal

    def _readable(self) -> None:
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.seen += data
        else:
            self.over = True
            asyncio.get_running_loop().remove_reader(self.master)
        self.fresh.set()

    async def until(self, pattern: str, within: float = 15) -> str:
        """Wait for `pattern` in what was not matched yet; what was seen up to its end."""
        expression = re.compile(pattern.encode(), re.DOTALL)
        try:
            async with asyncio.timeout(within):
                while True:
                    found = expression.search(self.seen, self.at)
                    if found:
                        text = bytes(self.seen[self.at : found.end()]).decode("utf-8", "replace")
                        self.at = found.end()
                        return text
                    if self.over:
                        break
                    self.fresh.clear()
                    await self.fresh.wait()
        except TimeoutError:
            pass
        raise AssertionError(f"{pattern!r} not in {bytes(self.seen[self.at :])!r}")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def exit(self, within: float = 10) -> int:
        async with asyncio.timeout(within):
            status = await self.process.wait()
            while not self.over:
                self.fresh.clear()
                await self.fresh.wait()
        return status

    @property
    def text(self) -> str:
        return self.seen.decode("utf-8", "replace")

    async def stop(self) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            await self.process.wait()
        if not self.over:
            asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)


def openssh(bench, *arguments: str, login="vera+ews-l4", key=True, program="ssh", options=()) -> list[str]:
    return [
        program,
        "-F", "/dev/null", "-o", f"UserKnownHostsFile={bench.known_hosts}", "-o", "StrictHostKeyChecking=yes",
        "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes",
        *(("-i", str(bench.key)) if key else ("-o", "PubkeyAuthentication=no")),
        *(part for option in options for part in ("-o", option)),
        "-P" if program in {"sftp", "scp"} else "-p", str(bench.port),
        *((f"{login}@127.0.0.1",) if program == "ssh" else ()),
        *arguments,
    ]  # fmt: skip


@dataclass
class Ran:
    status: int
    out: bytes
    err: bytes

    @property
    def words(self) -> str:
        return (self.out + self.err).decode("utf-8", "replace")


def askpass(bench) -> dict[str, str]:
    """Prompts are answered by a program: for clients without a terminal."""
    script = bench.folder / "askpass"
    script.write_text(f'#!/bin/sh\ncase "$1" in *Password:*) echo "{PASSWORD}";; *) echo "{CODE}";; esac\n')
    script.chmod(0o700)
    return {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force",
        "DISPLAY": "none",
    }  # fmt: skip


async def run(bench, *arguments: str, stdin: bytes = b"", environment=None, within: float = 30) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=askpass(bench) | (environment or {}),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"{arguments[0]} hung; stdout {out[-500:]!r} stderr {err[-500:]!r}") from None
    return Ran(process.returncode, out, err)
