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

import pyotp

from tests.bench.recorder import text
from tests.bench.sshd import Sshd

CIPHER = "aes128-gcm@openssh.com"
KEX = "curve25519-sha256"
EVERY_HOST = """
Host *
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  Ciphers {cipher}
  KexAlgorithms {kex}
  IdentitiesOnly yes
Host hop
  HostName {hop.host}
  Port {hop.port}
  User {hop.user}
  IdentityFile {hop.key}
"""
CONFIG = """\
Host target direct
  HostName {target.host}
  Port {target.port}
  User {target.user}
  IdentityFile {target.key}
Host target
  ProxyJump hop
Host gateway
  HostName 127.0.0.1
  Port {port}
  IdentityFile {vera}
"""
PATHS = {"direct": "direct", "jump": "target", "gateway": "gateway"}
PEOPLE = "127.0.0.1"
ROUND = 40  # keys of one path before the next path has its turn


class Gateway:
    """The process under measurement."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        hello = self.answer()
        self.port, self.secret = int(hello["port"]), str(hello["secret"])

    def answer(self) -> dict[str, float | str]:
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

    def ask(self, line: str) -> dict[str, float]:
        self.tell(line)
        return {name: float(value) for name, value in self.answer().items()}


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

    def argv(self, path: str, command: str, *, terminal: bool = False, target: int = 0) -> list[str]:
        name = ["-l", f"vera+t{target}"] if path == "gateway" else []
        return ["ssh", "-F", str(self.config), *name, "-tt" if terminal else "-T", PATHS[path], command]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"SSH_ASKPASS": str(self.askpass), "SSH_ASKPASS_REQUIRE": "force"}

    def run(self, path: str, command: str, target: int = 0) -> float:
        """Seconds from starting `ssh` to its end."""
        started = time.monotonic()
        subprocess.run(
            self.argv(path, command, target=target), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env=self.environment, check=True,
        )  # fmt: skip
        return time.monotonic() - started

    def stream(self, path: str, command: str, source: Path | None = None) -> float:
        """Seconds of the transfer alone: from the moment that both ends stand ready to the end of `ssh`.

        `command` begins when it reads a line; then `source` follows.
        """
        with subprocess.Popen(
            self.argv(path, f"echo ready >&2; read go; {command}"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env=self.environment,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stderr is not None
            assert b"ready" in process.stderr.readline()
            started = time.monotonic()
            process.stdin.write(b"go\n")
            process.stdin.flush()
            if source is not None:
                subprocess.run(["cat", source], stdout=process.stdin, check=True)
            process.stdin.close()
            assert process.wait() == 0
            return time.monotonic() - started


def every_host(hop: Sshd) -> str:
    """What ssh's configuration says for every path, and the way to the hop."""
    return EVERY_HOST.format(cipher=CIPHER, kex=KEX, hop=hop)


def client(folder: Path, target: Sshd, hop: Sshd, gate: Gateway, vera: Path) -> Client:
    config, askpass = folder / "ssh_config", folder / "askpass"
    config.write_text(every_host(hop) + CONFIG.format(target=target, port=gate.port, vera=vera))
    askpass.write_text(f"#!/bin/sh\necho {pyotp.TOTP(gate.secret).now()}\n")
    askpass.chmod(0o700)
    return Client(config, askpass)


def interleaved(measure: Callable[[str, int], float], runs: int) -> dict[str, float]:
    """Median of each path, one run of each in turn."""
    taken: dict[str, list[float]] = {path: [] for path in PATHS}
    for n in range(runs):
        for path in PATHS:
            taken[path].append(measure(path, n))
    return {path: median(values) for path, values in taken.items()}


def bulk(one: Client, gate: Gateway, folder: Path, octets: int, runs: int) -> dict[str, dict[str, float]]:
    """MB/s both ways, recorded, without the sign-in; and the gateway's seconds of CPU for 100 MB."""
    source = folder / "bulk"
    source.write_bytes(text(octets))
    found = {}
    for way, stream in (
        ("down", lambda path, _: one.stream(path, f"cat {source}")),
        ("up", lambda path, _: one.stream(path, "cat >/dev/null", source)),
    ):
        before = gate.ask("use")["cpu"]
        seconds = interleaved(stream, runs)
        spent = gate.ask("use")["cpu"] - before
        found[way] = {path: octets / value / 1e6 for path, value in seconds.items()}
        found[way]["cpu_100mb"] = spent / runs / octets * 1e8
    return found


async def echo(one: Client, gate: Gateway, keys: int) -> dict[str, dict[str, float]]:
    """Microseconds from a key to its echo, in a pty, by path; and the gateway's CPU for a key."""
    taken: dict[str, list[float]] = {path: [] for path in PATHS}
    processes = {}
    for path in PATHS:
        processes[path] = process = await asyncio.create_subprocess_exec(
            *one.argv(path, "stty raw -echo; echo ready; exec cat", terminal=True), env=one.environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readuntil(b"ready")
        await process.stdout.readuntil(b"\n")
    before = gate.ask("use")["cpu"]
    for _ in range(keys // ROUND):
        for path, process in processes.items():
            taken[path] += await _echoes(process)
    spent = gate.ask("use")["cpu"] - before
    for process in processes.values():
        process.kill()
        await process.wait()
    found = {
        path: {"p50": median(values), "p99": sorted(values)[len(values) * 99 // 100]} for path, values in taken.items()
    }
    found["gateway"]["cpu"] = spent / len(taken["gateway"]) * 1e6
    return found


async def _echoes(process: asyncio.subprocess.Process) -> list[float]:
    assert process.stdin is not None
    assert process.stdout is not None
    taken = []
    for n in range(ROUND):
        started = time.perf_counter()
        process.stdin.write(b"%c" % (97 + n % 26))
        await process.stdout.readexactly(1)
        taken.append((time.perf_counter() - started) * 1e6)
    return taken


def first_output(one: Client, gate: Gateway, first: int, runs: int) -> dict[str, float]:
    """Seconds from starting `ssh` to its end with one line of output; at the gateway each begins a released session."""
    gate.ask(f"arm {first} {runs}")
    return interleaved(lambda path, n: one.run(path, "echo x", first + n), runs)
