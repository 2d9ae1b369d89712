"""The gateway beside OpenSSH through ProxyJump: the same client, target, cipher and machine, runs interleaved."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncssh
import pyotp

from tests.bench.recorder import text
from tests.bench.sshd import Sshd

CIPHER = "aes128-gcm@openssh.com"
BULK, RUNS, KEYS, LOGINS, IDLE = 128 << 20, 5, 400, 15, 200

CONFIG = """
Host *
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  Ciphers {cipher}
  KexAlgorithms curve25519-sha256
  IdentitiesOnly yes
Host target direct
  HostName {target.host}
  Port {target.port}
  User {target.user}
  IdentityFile {target.key}
Host target
  ProxyJump hop
Host hop
  HostName {hop.host}
  Port {hop.port}
  User {hop.user}
  IdentityFile {hop.key}
Host gateway
  HostName 127.0.0.1
  Port {port}
  User vera+t0
  IdentityFile {vera}
"""
PATHS = {"direct": "direct", "jump": "target", "gateway": "gateway"}


class Gateway:
    """The process under measurement."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        hello = self._answer()
        self.port, self.secret = int(hello["port"]), str(hello["secret"])

    def _answer(self) -> dict[str, float | str]:
        assert self._process.stdout is not None
        while not (line := self._process.stdout.readline()).startswith("{"):
            if not line:
                raise RuntimeError("the gateway has gone")
        answer: dict[str, float | str] = json.loads(line)
        return answer

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def ask(self, line: str) -> dict[str, float | str]:
        self.tell(line)
        return self._answer()


@contextmanager
def gateway(folder: Path, target: Sshd, public: str, targets: int) -> Iterator[Gateway]:
    arguments = [str(folder / "gateway"), str(targets), target.host, str(target.port), target.user, str(target.key)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.gatewayd", *arguments, public],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Gateway(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


@dataclass
class Client:
    """Stock `ssh` with one configuration; the one-time code is asked once and then fresh."""

    config: Path
    askpass: Path

    def argv(self, path: str, *rest: str) -> list[str]:
        return ["ssh", "-F", str(self.config), *rest[:-1], PATHS[path], rest[-1]]

    def run(self, path: str, command: str, stdin: Path | None = None) -> float:
        environment = os.environ | {"SSH_ASKPASS": str(self.askpass), "SSH_ASKPASS_REQUIRE": "force"}
        started = time.monotonic()
        with open(stdin or "/dev/null", "rb") as source:
            subprocess.run(
                self.argv(path, command), stdin=source, stdout=subprocess.DEVNULL, env=environment, check=True
            )
        return time.monotonic() - started


def client(folder: Path, target: Sshd, hop: Sshd, gate: Gateway, vera: Path) -> Client:
    config, askpass = folder / "ssh_config", folder / "askpass"
    config.write_text(CONFIG.format(cipher=CIPHER, target=target, hop=hop, port=gate.port, vera=vera))
    askpass.write_text(f"#!/bin/sh\necho {pyotp.TOTP(gate.secret).now()}\n")
    askpass.chmod(0o700)
    return Client(config, askpass)


def interleaved(measure: Callable[[str], float], runs: int) -> dict[str, float]:
    """Median of each path, one run of each in turn."""
    taken: dict[str, list[float]] = {path: [] for path in PATHS}
    for _ in range(runs):
        for path in PATHS:
            taken[path].append(measure(path))
    return {path: median(values) for path, values in taken.items()}


def bulk(one: Client, folder: Path) -> dict[str, dict[str, float]]:
    """MB/s both ways, recorded."""
    source = folder / "bulk"
    source.write_bytes(text(BULK))
    down = interleaved(lambda path: one.run(path, f"cat {source}"), RUNS)
    up = interleaved(lambda path: one.run(path, "cat >/dev/null", source), RUNS)
    rate = {"down": down, "up": up}
    return {way: {path: BULK / seconds / 1e6 for path, seconds in by.items()} for way, by in rate.items()}


async def echo(one: Client) -> dict[str, dict[str, float]]:
    """Microseconds from a key to its echo, in a pty, by path."""
    found = {}
    for path in PATHS:
        process = await asyncio.create_subprocess_exec(
            *one.argv(path, "-tt", "stty raw -echo; echo ready; exec cat"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdout.readuntil(b"ready")
        await process.stdout.readuntil(b"\n")
        taken = []
        for n in range(KEYS):
            started = time.perf_counter()
            process.stdin.write(b"%c" % (97 + n % 26))
            await process.stdout.readexactly(1)
            taken.append((time.perf_counter() - started) * 1e6)
        process.kill()
        await process.wait()
        taken.sort()
        found[path] = {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}
    return found


def first_output(one: Client) -> dict[str, float]:
    """Seconds from starting `ssh` to its end with one line of output."""
    return interleaved(lambda path: one.run(path, "echo x"), LOGINS)


class Watcher(asyncssh.SSHClient):
    """Notes when its connection went."""

    gone = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = time.monotonic()


async def idle_and_kill(gate: Gateway, vera: Path) -> dict[str, float]:
    """PSS per idle recorded session with a shell in a pty, then the kill of all of them at once."""
    gate.ask(f"arm 1 {IDLE}")
    before = float(gate.ask("memory")["pss_kib"])
    limit = asyncio.Semaphore(8)

    async def visit(n: int) -> tuple[asyncssh.SSHClientConnection, Watcher]:
        async with limit:
            connection, watcher = await asyncssh.create_connection(
                Watcher, "127.0.0.1", gate.port, username=f"vera+t{n}", client_keys=[str(vera)], known_hosts=None,
                config=None, encryption_algs=[CIPHER], kbdint_auth=False, password_auth=False,
            )  # fmt: skip
            process = await connection.create_process(term_type="xterm", term_size=(80, 24), encoding=None)
            await process.stdout.read(1)
            return connection, watcher

    visits = await asyncio.gather(*(visit(n) for n in range(1, IDLE + 1)))
    after = float(gate.ask("memory")["pss_kib"])
    started = time.monotonic()
    gate.tell("kill")
    await asyncio.gather(*(connection.wait_closed() for connection, _ in visits))
    taken = sorted(watcher.gone - started for _, watcher in visits)
    return {
        "sessions": IDLE,
        "kib_per_session": (after - before) / IDLE,
        "kill_median_s": taken[len(taken) // 2],
        "kill_last_s": taken[-1],
    }
