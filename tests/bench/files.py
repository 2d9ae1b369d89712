"""SFTP through the gateway beside OpenSSH through ProxyJump: the same client, target, cipher and machine, interleaved.

Usage: python -m tests.bench.files FOLDER
    serve a gateway before an sshd of its own; prints where they are, answers `use` with its seconds of CPU, and ends
    with its standard input
"""

import asyncio
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.bench.ssh import every_host
from tests.bench.sshd import sshd
from tests.files.house import FILES, house
from tests.ports import free_port

PATHS = ("direct", "jump", "gateway")
LIMIT = 600.0  # seconds that anything may take
CONFIG = """\
Host direct jump
  HostName {target[host]}
  Port {target[port]}
  User {target[user]}
  IdentityFile {target[key]}
Host jump
  ProxyJump hop
Host gateway
  HostName 127.0.0.1
  Port {port}
  User vera+files
  IdentityFile {vera}
"""


@dataclass(frozen=True)
class Size:
    """How much of each.

    Attributes:
        octets: of the large file.
        files: small ones in one run.
    """

    octets: int = 256 << 20
    files: int = 2000
    runs: int = 5


SMALL = Size(octets=16 << 20, files=50, runs=1)
SMALL_OCTETS = 1000  # of a small file


class Served:
    """The gateway's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.about = self._answer()

    def cpu(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("use\n")
        self._process.stdin.flush()
        return float(self._answer()["cpu"])

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        while not (line := self._process.stdout.readline()).startswith("{"):
            if not line:
                raise RuntimeError("the gateway has gone")
        return json.loads(line)


class Sftp:
    """A stock `sftp` that has signed in, told one line after the other."""

    def __init__(self, config: Path, path: str) -> None:
        argv = ["sftp", "-q", "-F", str(config), "-b", "-", path]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.takes()

    def takes(self, *lines: str) -> float:
        """Seconds until all of it is done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        started = time.monotonic()
        self._process.stdin.write("".join(f"{line}\n" for line in (*lines, "!echo all-is-done")).encode())
        seen = b""
        while b"\nall-is-done\n" not in b"\n" + seen:
            if not select.select([self._process.stdout], [], [], LIMIT)[0] or not (
                more := os.read(self._process.stdout.fileno(), 65536)
            ):
                raise RuntimeError(f"sftp stopped: {seen[-300:]!r}")
            seen = (seen + more)[-65536:]
        return time.monotonic() - started

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


def measure(size: Size) -> dict[str, dict[str, float]]:
    """Seconds of one run by operation and path, and the gateway's CPU of one: `cpu`. `size` is what was measured."""
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")) as name,
        served(Path(name)) as gateway,
        sshd(Path(name) / "hop", "127.0.0.5", free_port("127.0.0.5")) as hop,
    ):
        folder, about = Path(name), gateway.about
        config = folder / "bench_config"
        config.write_text(every_host(hop) + CONFIG.format(**about))
        far, near = Path(about["home"]), folder / "near"
        near.mkdir()
        for side in (far, near):
            (side / "large").write_bytes(os.urandom(1 << 20) * (size.octets >> 20))
            (side / "many").mkdir()
            for n in range(size.files):
                (side / "many" / f"{n:05}").write_bytes(os.urandom(SMALL_OCTETS))
        clients = {path: Sftp(config, path) for path in PATHS}
        try:
            return {"size": asdict(size)} | _operations(clients, gateway, far, near, size.runs)
        finally:
            for one in clients.values():
                one.close()


def _operations(
    clients: dict[str, Sftp], gateway: Served, far: Path, near: Path, runs: int
) -> dict[str, dict[str, float]]:
    lines: dict[str, Callable[[str], str]] = {
        "get": lambda path: f"get {far}/large {near}/got-{path}",
        "put": lambda path: f"put {near}/large {far}/put-{path}",
        "get_small": lambda path: f"get -r {far}/many {near}/got-{path}",
        "put_small": lambda path: f"put -r {near}/many {far}/put-{path}",
    }
    found = {}
    for name, line in lines.items():
        taken: dict[str, list[float]] = {path: [] for path in PATHS}
        spent = 0.0
        for _ in range(runs):
            for path in PATHS:
                before = gateway.cpu()
                taken[path].append(clients[path].takes(line(path)))
                spent += gateway.cpu() - before if path == "gateway" else 0
                for side in (near / f"got-{path}", far / f"put-{path}"):
                    _compared(side, near, far)
        found[name] = {path: median(values) for path, values in taken.items()} | {"cpu": spent / runs}
    return found


def _compared(copy: Path, near: Path, far: Path) -> None:
    """What came is what was sent; then it is gone."""
    if copy.is_dir():
        names = sorted(one.name for one in copy.iterdir())
        source = (far if copy.is_relative_to(near) else near) / "many"
        assert names == sorted(one.name for one in source.iterdir())
        shutil.rmtree(copy)
    elif copy.exists():
        source = (far if copy.is_relative_to(near) else near) / "large"
        assert copy.stat().st_size == source.stat().st_size
        copy.unlink()


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.files", str(folder / "house")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Served(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


async def serve(folder: Path) -> None:
    folder.mkdir()
    async with house(folder) as site, site.visit(FILES):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        target = {name: str(getattr(site.target, name)) for name in ("host", "port", "user", "key")}
        about = {"target": target, "port": site.ssh_port, "vera": str(site.key), "home": str(site.home)}
        print(json.dumps(about), flush=True)
        while await reader.readline():
            print(json.dumps({"cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
