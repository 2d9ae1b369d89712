"""docs/benchmarks.md from what was measured."""

import os
import platform
import subprocess
from typing import Any

import asyncssh

from gateway.clock import SystemClock
from tests.bench import rdp_report
from tests.bench.ssh import CIPHER, KEX, PATHS

HEAD = """\
# Benchmarks

Written by `make bench` on {day}: {versions}; {cores} cores.
All paths in one run, interleaved, on one machine over loopback; cipher {cipher} and key exchange {kex} on every hop.
Everything through the gateway is recorded. Bulk is text such as `ls -lR` prints, timed without the sign-in.
Only ratios of one run mean anything: absolute figures are those of a small machine that the clients and targets share.
Load average when the run began: {load:.1f}. Above 0.5, others worked on the machine too, and two runs differ more.
"""
SIDE_BY_SIDE = """
| what | direct | ProxyJump | gateway | gateway ÷ ProxyJump | asked | |
|---|---|---|---|---|---|---|
"""
ALONE = """
| what | measured | asked | |
|---|---|---|---|
"""
SHARE = """
"Idle" is after the recorder's segment was signed and its compressor let go.
A kill is measured from the operator's decision to the client's closed channel, in clients that share the machine.
"""

FILES = "## Files (SFTP)\n"
FILES_HEAD = """
OpenSSH's `sftp`, signed in before the clock starts, interleaved over the same paths. The gateway records every request
and keeps the ledger with digests. A large file has {octets:,} octets; small ones 1,000 each, {files:,} a run; medians
of {runs} runs. Load average when the run began: {load:.1f}.

| what | direct | ProxyJump | gateway | gateway ÷ ProxyJump | asked | |
|---|---|---|---|---|---|---|
"""
POLICY = "## Policy\n"
POLICY_HEAD = """
A site of 1,000 targets and 200 persons, {rules:.0f} rules that name its vendors, zones, persons and targets. Times are
CPU time, so that what else the machine does is not counted.
"""
PLAYER = "## Player\n"
PLAYER_HEAD = """
Chromium on the gateway's own machine, cold: its cache is off, and the kernel has dropped the recording. A day is eight
hours with 100,000 keys; a flood is 100 MB of output. The first picture counts from the navigation, a seek from the
call to the picture. A second of a core took {contention} s when this part began (1.0: nobody else was there).

| what | median, ms | p95, ms | asked of the median | |
|---|---|---|---|---|
"""
LIVE = "## Live wall\n"
LIVE_HEAD = """
{terminals} terminals in one page of the control room, each with five lines a second: how far a frame of the page is
behind the moment at which the session showed the line. A second of a core took {contention} s when this part began.

| what | median, ms | p95, ms | asked of the p95 | |
|---|---|---|---|---|
"""
Found = dict[str, Any]


def report(found: Found, load: float, before: str) -> str:
    """The whole report; a part that was not measured stays as it was `before`."""
    parts = _by_title(before)
    if "recorder" in found:
        parts[""] = _head(load) + SIDE_BY_SIDE + "".join(_paths(found)) + ALONE + "".join(_alone(found)) + SHARE
    if "files" in found:
        parts[FILES] = FILES + FILES_HEAD.format(load=load, **found["files"]["size"]) + "".join(_files(found["files"]))
    if "policy" in found:
        parts[POLICY] = POLICY + POLICY_HEAD.format(**found["policy"]) + ALONE + "".join(_policy(found["policy"]))
    if "player" in found:
        parts[PLAYER] = PLAYER + PLAYER_HEAD.format(**found["player"]) + "".join(_player(found["player"]))
    if "live" in found:
        parts[LIVE] = LIVE + LIVE_HEAD.format(**found["live"]) + "".join(_live(found["live"]))
    if "rdp" in found:
        parts[rdp_report.TITLE] = rdp_report.report(found["rdp"])
    order = ("", FILES, POLICY, PLAYER, LIVE, rdp_report.TITLE)
    first = [title for title in order if title in parts]
    ordered = [*first, *(title for title in parts if title not in first)]
    return "\n\n".join(parts[title].strip() for title in ordered) + "\n"


def _by_title(text: str) -> dict[str, str]:
    """Parts of a report by the line of their title; what comes before the first by ""."""
    parts, title = {"": ""}, ""
    for line in text.splitlines(keepends=True):
        if line.startswith("## "):
            title, parts[line] = line, ""
        parts[title] += line
    return parts


def _files(found: Found) -> list[str]:
    size = found["size"]
    megabytes = size["octets"] / 1e6
    return [
        _ratio("`get` of a large file, MB/s", _rates(found["get"], megabytes), least=0.7),
        _ratio("`put` of a large file, MB/s", _rates(found["put"], megabytes), least=0.7),
        _ratio("`get -r` of small files, files a second", _rates(found["get_small"], size["files"]), least=0.6),
        _ratio("`put -r` of small files, files a second", _rates(found["put_small"], size["files"]), least=0.6),
        ALONE,
        _row("gateway's CPU for 100 MB of `get`, s", found["get"]["cpu"] / megabytes * 100, 2),
        _row("gateway's CPU for 100 MB of `put`, s", found["put"]["cpu"] / megabytes * 100, 2),
        _row("gateway's CPU for a small file that is fetched, ms", found["get_small"]["cpu"] / size["files"] * 1e3, 2),
        _row("gateway's CPU for a small file that is brought, ms", found["put_small"]["cpu"] / size["files"] * 1e3, 2),
    ]


def _policy(found: Found) -> list[str]:
    return [
        _row("a decision, median, ms", found["decision_median_ms"], 2, most=1),
        _row("a decision, 99th percentile, ms", found["decision_99_ms"], 2),
        _row("the same with its words when it is a no, 99th percentile, ms", found["decision_explained_99_ms"], 1),
        _row("`who-can` for one target, median, s", found["who_can_one_target_median_ms"] / 1e3, 3, most=1),
        _row("`who-can` for one target, the worst, s", found["who_can_one_target_worst_ms"] / 1e3, 3, most=1),
        _row("`diff` of the whole site, s", found["diff_of_whole_site_s"], 1),
    ]


def _player(found: Found) -> list[str]:
    return [
        _spread(f"{what} of a {name}", found[name][key], at="median_ms", most=most)
        for name in ("day", "flood")
        for what, key, most in (("first picture", "first_picture", 1000), ("seek", "seek", 300))
    ]


def _live(found: Found) -> list[str]:
    return [
        _spread(what, found[key][kind], at="p95_ms", most=150)
        for what, key, kind in (
            ("quiet, a tile", "quiet", "tile"),
            ("while one floods 1 MB a second, a tile", "one_floods_1_MB_per_s", "tile"),
            ("one enlarged", "one_enlarged", "large"),
        )
    ]


def _spread(name: str, ms: dict[str, float], *, at: str, most: float) -> str:
    asked, met = _asked(round(ms[at]), None, most)
    return f"| {name} | {ms['median_ms']:.0f} | {ms['p95_ms']:.0f} | {asked} | {met} |\n"


def _rates(seconds: dict[str, float], amount: float) -> dict[str, float]:
    return {path: amount / value for path, value in seconds.items()}


def _head(load: float) -> str:
    client = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.strip()
    versions = f"CPython {platform.python_version()}, asyncssh {asyncssh.__version__}, {client}, {platform.machine()}"
    day = f"{SystemClock().now():%Y-%m-%d}"
    return HEAD.format(day=day, versions=versions, cores=os.cpu_count(), cipher=CIPHER, kex=KEX, load=load)


def _paths(found: Found) -> list[str]:
    bulk, echo = found["bulk"], found["echo"]
    first = {path: seconds * 1000 for path, seconds in found["first_output"].items()}
    return [
        _ratio("bulk exec down, MB/s", bulk["down"], least=0.7),
        _ratio("bulk exec up, MB/s", bulk["up"], least=0.7),
        _ratio("echo of a keystroke, p50, µs", {path: by["p50"] for path, by in echo.items()}, most=1.5),
        _ratio("echo of a keystroke, p99, µs", {path: by["p99"] for path, by in echo.items()}),
        _ratio("first output of a released session, ms", first, most=0.7),
    ]


def _ratio(name: str, by: dict[str, float], *, least: float | None = None, most: float | None = None) -> str:
    ratio = by["gateway"] / by["jump"]
    asked, met = _asked(round(ratio, 2), least, most)
    cells = " | ".join(f"{by[path]:.0f}" for path in PATHS)
    return f"| {name} | {cells} | **{ratio:.2f}** | {asked} | {met} |\n"


def _alone(found: Found) -> list[str]:
    rec, bulk, echo, crowd = found["recorder"], found["bulk"], found["echo"], found["crowd"]
    many = f"{crowd['live']:.0f} sessions open"
    small, large = (f"{rec[f'mb_per_s_{size}']:.0f} MB/s" for size in (4096, 32768))
    return [
        _row("recorder: CPU of a keystroke's frame, µs", rec["keystroke_us"], 1, most=15),
        _row(f"recorder: 4 KiB frames ÷ SHA-256 ({small})", rec["sha256_ratio_4096"], 3, least=0.10),
        _row(f"recorder: 32 KiB frames ÷ SHA-256 ({large})", rec["sha256_ratio_32768"], 3, least=0.16),
        _row("gateway's CPU for 100 MB down, s", bulk["down"]["cpu_100mb"], 2),
        _row("gateway's CPU for 100 MB up, s", bulk["up"]["cpu_100mb"], 2),
        _row("gateway's CPU for a keystroke and its echo, µs", echo["gateway"]["cpu"], 0),
        _row(f"memory (PSS) of an idle recorded session, {many}, KiB", crowd["kib"], 0, most=200),
        _row("the same right after they were opened, KiB", crowd["kib_at_first"], 0),
        _row(f"kill of one, {many}: client told and closed, ms, median", crowd["kill_one"] * 1000, 0, most=100),
        _row("kill of all of them at once: the median client, ms", crowd["kill_median"] * 1000, 0, most=100),
        _row("kill of all of them at once: the last client, ms", crowd["kill_last"] * 1000, 0, most=2000),
        _row("… until the last end was sealed and written, s", crowd["kill_written"], 1),
        _row("… operators' calls answered `StoreUnavailable` meanwhile (ended all the same)", crowd["kill_late"], 0),
    ]


def _row(name: str, value: float, digits: int, *, least: float | None = None, most: float | None = None) -> str:
    asked, met = _asked(round(value, digits), least, most)
    return f"| {name} | {value:.{digits}f} | {asked} | {met} |\n"


def _asked(value: float, least: float | None, most: float | None) -> tuple[str, str]:
    if least is not None:
        return f"≥ {least:g}", "met" if value >= least else "**missed**"
    if most is not None:
        return f"≤ {most:g}", "met" if value <= most else "**missed**"
    return "", ""
