"""`make bench`: measure, and write docs/benchmarks.md.

Usage: python -m tests.bench [--small] [ssh | files | policy | player | live | rdp]...
    --small       few runs, prints only, to see that all of it works
    ssh, …        these parts alone; the others of the report stay as they are
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pyrage

from tests.bench import crowd, files, live, player, policy, rdp, recorder, ssh
from tests.bench.report import report
from tests.bench.sshd import sshd
from tests.ports import free_port

REPORT = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"

PARTS = ("ssh", "files", "policy", "player", "live", "rdp")
STARTED = time.monotonic()


@dataclass(frozen=True)
class Size:
    """How much of each."""

    recorder: int = 64 << 20
    bulk: int = 64 << 20
    runs: int = 5
    keys: int = 600
    logins: int = 11
    idle: int = 200


SMALL = Size(recorder=8 << 20, bulk=16 << 20, runs=1, keys=80, logins=2, idle=12)


def measure(size: Size) -> dict[str, dict[str, object]]:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    found: dict[str, object] = {"recorder": asyncio.run(recorder.measure(recipient, size.recorder))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vera, key = folder / "vera", asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(vera)
        vera.chmod(0o600)
        with (
            sshd(folder / "target", "127.0.0.4", free_port("127.0.0.4")) as target,
            sshd(folder / "hop", "127.0.0.5", free_port("127.0.0.5")) as hop,
            ssh.gateway(folder, target, key.export_public_key().decode().strip(), 1 + size.logins + size.idle) as gate,
        ):
            one = ssh.client(folder, target, hop, gate, vera)
            gate.ask("arm 0 1")
            for path in ssh.PATHS:
                one.run(path, "true")
            _passed("set up")
            found["first_output"] = ssh.first_output(one, gate, 1, size.logins)
            _passed("first output")
            found["echo"] = asyncio.run(ssh.echo(one, gate, size.keys))
            _passed("echo")
            found["bulk"] = ssh.bulk(one, gate, folder, size.bulk, size.runs)
            _passed("bulk")
            found["crowd"] = asyncio.run(crowd.idle_and_kill(gate, vera, 1 + size.logins, size.idle))
    _passed("crowd")
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def _passed(what: str) -> None:
    sys.stderr.write(f"{time.process_time():6.1f} s of CPU  {time.monotonic() - STARTED:6.1f} s  {what}\n")


def main(arguments: list[str]) -> int:
    parts = [one for one in arguments if one != "--small"] or list(PARTS)
    small = "--small" in arguments
    if not set(parts) <= set(PARTS):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    load, found = os.getloadavg()[0], dict[str, Any]()
    if "ssh" in parts:
        found |= measure(SMALL if small else Size())
    if "files" in parts:
        found["files"] = files.measure(files.SMALL if small else files.Size())
    if "policy" in parts:
        found["policy"] = policy.measure()
    if "player" in parts:
        found["player"] = player.measure(player.SMALL if small else player.Size())
    if "live" in parts:
        found["live"] = live.measure(live.SMALL if small else live.Size())
    if "rdp" in parts:
        found["rdp"] = asyncio.run(rdp.measure(rdp.SMALL if small else rdp.Size()))
    json.dump(found, sys.stdout, indent=1)
    print()
    if not small:
        REPORT.write_text(report(found, load, REPORT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
