"""The part of docs/benchmarks.md about desktops, from what was measured."""

import os
import platform
import subprocess
from typing import Any

from gateway.clock import SystemClock
from gateway.demo.desktop import PATH
from tests.bench.rdp_stage import PATHS

Found = dict[str, Any]
TITLE = "## Desktops (RDP)\n"
HEAD = """
Written by `make bench` on {day}: CPython {python}, {system}, xrdp {xrdp}; {cores} cores. Only differences and ratios of
one run mean anything. Load average when this part began: {load:.1f}.

Target: Debian's xrdp before Xvnc, 1024x768 at 32 bits a pixel, its screen painted at most 60 times a second.
Client: a bare one on the gateway's own codecs that draws nothing; the same on every path. The relay is asyncio's, looks
at nothing and sees TLS alone; the gateway ends TLS on both sides, reads every PDU and records it.
"""
ECHO = """
A keystroke's echo is the time from the key to the first bitmap after it, so most of it is the target's; {keys} keys a
path, in visits of 40 in turn. The others work lightly at a second desktop of their own.

| what | direct | relay | gateway | relay − direct | gateway − direct | asked | |
|---|---|---|---|---|---|---|---|
"""
WORK = """
Typing: six keys a second. Scrolling: coloured lines as fast as a terminal takes them. Light: of twenty seconds ten with
two keys each, four of moving the mouse; another page of text every ten, its window moved every twenty. Where little
passes, a MB has to bear what the gateway does every second whether anything passes or not.

| workload | MB a minute to the client: direct | relay | gateway | CPU of a MB, ms: relay | gateway \
| CPU of a PDU, µs: relay | gateway | gateway, % of a core | recording, MB an hour | recording ÷ wire |
|---|---|---|---|---|---|---|---|---|---|---|
"""
ALONE = """
| what | measured | asked | |
|---|---|---|---|
"""
TAIL = """
A session of the {many} is a target of its own for the gateway; all of them show one Xvnc, which paints for all at once.
The tile is measured from the WebSocket's connect to the moment every pixel was painted, at random moments; the viewer
right after another waits until the target may be asked again (two seconds).
"""


def report(found: Found) -> str:
    crowd, keys = found["crowd"], found["echo_1"]["gateway"]["keys"]
    return "".join(
        (
            TITLE, _head(found["load"]),
            ECHO.format(keys=keys), *_echo("alone", found["echo_1"]),
            *_echo(f"{crowd['others']} others", crowd["echo"]), _first(found["echo_1"]),
            WORK, *(_work(what, by) for what, by in found["work"].items()),
            ALONE, *_alone(found), TAIL.format(many=crowd["many"]),
        )
    )  # fmt: skip


def _head(load: float) -> str:
    said = subprocess.run(["xrdp", "--version"], capture_output=True, text=True, env=os.environ | {"PATH": PATH})
    return HEAD.format(
        day=f"{SystemClock().now():%Y-%m-%d}", python=platform.python_version(), system=platform.machine(),
        xrdp=said.stdout.split()[1].rstrip(":,"), cores=os.cpu_count(), load=load,
    )  # fmt: skip


def _echo(among: str, by: Found) -> list[str]:
    return [
        _apart(f"echo of a keystroke, {among}, {name}, ms", {path: by[path][name] for path in PATHS}, most)
        for name, most in (("p50", 1.0), ("p99", 5.0))
    ]


def _first(by: Found) -> str:
    first = {path: by[path]["first"] for path in PATHS}
    return _apart("whole desktop after release (gateway) or connect, ms, median", first, 1000.0)


def _apart(name: str, by: dict[str, float], most: float) -> str:
    more, plain = by["gateway"] - by["direct"], by["relay"] - by["direct"]
    digits = 1 if most < 100 else 0
    cells = " | ".join(f"{by[path]:.{digits}f}" for path in PATHS)
    return f"| {name} | {cells} | {plain:+.{digits}f} | **{more:+.{digits}f}** | < +{most:g} | {_met(more, most)} |\n"


def _work(what: str, by: Found) -> str:
    gate = by["gateway"]
    wire = " | ".join(f"{by[path]['mb_minute']:.2f}" for path in PATHS)
    return (
        f"| {what} | {wire} | {by['relay']['ms_mb']:.1f} | {gate['ms_mb']:.1f} "
        f"| {by['relay']['us_pdu']:.0f} | {gate['us_pdu']:.0f} | {gate['core']:.1f} "
        f"| {gate['kept_mb_hour']:.1f} | {gate['kept_share']:.3f} |\n"
    )


def _alone(found: Found) -> list[str]:
    crowd, tile, hold = found["crowd"], found["tile"], found["hold"]
    many = f"{crowd['many']} sessions"
    return [
        _row(
            "CPU of a MB, relay and recording, heavy scrolling, ms", found["work"]["scrolling"]["gateway"]["ms_mb"], 12
        ),
        _row(f"{many} of light use, % of a core", crowd["core"], 100),
        _row(f"{many} that only look at a still picture, % of a core", crowd["core_idle"]),
        _row("recording of light use, MB an hour", crowd["kept_mb_hour"], 10),
        _row("its octets on the wire to the client, MB an hour", crowd["wire_mb_hour"]),
        _row("first whole picture of a live tile, ms, median", tile["median"], 300),
        _row("the slowest of them, ms", tile["worst"], 300),
        _row("a viewer right after another, ms", tile["again"]),
        _row(f"memory (PSS) of an idle recorded session, {many} open, KiB", crowd["kib"]),
        _row("the same while they look at the hold, KiB", crowd["kib_hold"]),
        _row(f"{many} released in turn: those without a whole desktop within a minute of the release", crowd["unseen"]),
        _row("a hold's picture, 1024x768: CPU, ms", hold["ms"]),
        _row("its octets, kB", hold["octets"] / 1000),
    ]


def _row(name: str, value: float, most: float | None = None) -> str:
    asked = "" if most is None else f"< {most:g}"
    return (
        f"| {name} | {value:.{0 if value >= 100 else 1}f} | {asked} | {'' if most is None else _met(value, most)} |\n"
    )


def _met(value: float, most: float) -> str:
    return "met" if value < most else "**missed**"
