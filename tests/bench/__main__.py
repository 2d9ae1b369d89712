"""`make bench`: measure, and write docs/benchmarks.md."""

import asyncio
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncssh
import pyrage

from gateway.clock import SystemClock
from tests.bench import recorder, ssh
from tests.bench.sshd import sshd
from tests.e2e.site import free_port

REPORT = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"


def measure() -> dict[str, object]:
    found: dict[str, object] = {
        "recorder": asyncio.run(recorder.measure(str(pyrage.x25519.Identity.generate().to_public())))
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vera = folder / "vera"
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(vera)
        vera.chmod(0o600)
        public = key.export_public_key().decode().strip()
        with (
            sshd(folder / "target", "127.0.0.4", free_port("127.0.0.4")) as target,
            sshd(folder / "hop", "127.0.0.5", free_port("127.0.0.5")) as hop,
            ssh.gateway(folder, target, public, ssh.IDLE + 1) as gate,
        ):
            one = ssh.client(folder, target, hop, gate, vera)
            gate.ask("arm 0 1")
            for path in ssh.PATHS:
                one.run(path, "true")
            found["first_output_s"] = ssh.first_output(one)
            found["echo_us"] = asyncio.run(ssh.echo(one))
            found["bulk_mb_s"] = ssh.bulk(one, folder)
            found["idle"] = asyncio.run(ssh.idle_and_kill(gate, vera))
    return found


def versions() -> str:
    client = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.strip()
    return f"CPython {platform.python_version()}, asyncssh {asyncssh.__version__}, {client}, {platform.machine()}"


def main() -> int:
    found = measure()
    json.dump(found, sys.stdout, indent=1)
    REPORT.write_text(report(found))
    return 0


def report(found: dict[str, object]) -> str:
    rec, first, echo, bulk, idle = (
        found[name] for name in ("recorder", "first_output_s", "echo_us", "bulk_mb_s", "idle")
    )
    assert isinstance(rec, dict)
    assert isinstance(first, dict)
    assert isinstance(echo, dict)
    assert isinstance(bulk, dict)
    assert isinstance(idle, dict)
    rows = [
        ("bulk exec down, recorded, MB/s", bulk["down"], "higher", "≥ 0.7"),
        ("bulk exec up, recorded, MB/s", bulk["up"], "higher", "≥ 0.7"),
        ("echo of a keystroke, p50, µs", {k: v["p50"] for k, v in echo.items()}, "lower", "≤ 1.5"),
        ("echo of a keystroke, p99, µs", {k: v["p99"] for k, v in echo.items()}, "lower", ""),
        ("first output of a released session, ms", {k: v * 1000 for k, v in first.items()}, "lower", "≤ 0.7"),
    ]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {SystemClock().now():%Y-%m-%d}: {versions()}.",
        f"All paths in one run, interleaved, on one machine, cipher {ssh.CIPHER} on every hop; loopback.",
        "Only ratios of one run mean anything; absolute figures are those of a small shared machine.",
        "",
        "| what | direct | ProxyJump | gateway | gateway ÷ ProxyJump | asked |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {by['direct']:.0f} | {by['jump']:.0f} | {by['gateway']:.0f} "
        f"| **{by['gateway'] / by['jump']:.2f}** ({better} is better) | {asked} |"
        for name, by, better, asked in rows
    ]
    lines += [
        "",
        "| recorder alone | measured | asked |",
        "|---|---|---|",
        f"| a keystroke's frame, µs of CPU | {rec['keystroke_us']:.1f} | ≤ 15 |",
        f"| 4 KiB frames ÷ SHA-256 | {rec['sha256_ratio_4096']:.3f} ({rec['mb_per_s_4096']:.0f} MB/s) | ≥ 0.10 |",
        f"| 32 KiB frames ÷ SHA-256 | {rec['sha256_ratio_32768']:.3f} ({rec['mb_per_s_32768']:.0f} MB/s) | ≥ 0.16 |",
        "",
        "| many sessions | measured | asked |",
        "|---|---|---|",
        f"| memory (PSS) per idle recorded session, {idle['sessions']:.0f} open, KiB | {idle['kib_per_session']:.0f} | ≤ 200 |",
        f"| kill of all of them at once: median client gone, ms | {idle['kill_median_s'] * 1000:.0f} | ≤ 100 |",
        f"| … the last client gone, ms | {idle['kill_last_s'] * 1000:.0f} | ≤ 2000 |",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
