"""The RDP front beside a plain TCP relay and the direct connection: one client, one target, runs interleaved."""

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gateway.fronts.rdp.easel import _prepared
from gateway.fronts.rdp.pictures import Screen, Tone
from gateway.limits import SEGMENT_AGE
from tests.bench import rdp_tile
from tests.bench.rdp_client import HEIGHT, WIDTH, Desk
from tests.bench.rdp_process import Process, process
from tests.bench.rdp_stage import ENTER, HANDS, LETTERS, PATHS, SETTLED, Stage, stage

Found = dict[str, object]
KEYS = 40  # of one visit
CHANCE = secrets.SystemRandom()
QUIET = 0.03  # seconds without a picture before the next key
UNHEARD = 2.0  # seconds until a key is given up, and counted
SIGNED = SEGMENT_AGE.total_seconds() + 3  # until what was recorded is in the file, and the compressors are gone
OTHERS = 19
HOLD = Screen(
    Tone.WAIT, "Waiting for the release",
    ("Your access is approved. Waiting for the control room to switch this session on. Nothing has been sent to the "
     "target.", "Asked: the control room, 3 minutes ago."),
    "ews-l4", "You may leave and come back; nothing is lost by that.",
)  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How much of each; seconds are of one window."""

    rounds: int = 10
    runs: int = 3
    seconds: float = 10.0
    light: float = 30.0
    tiles: int = 12
    crowd: int = 40
    crowd_seconds: float = 120.0


SMALL = Size(rounds=1, runs=1, seconds=3.0, light=10.0, tiles=2, crowd=4, crowd_seconds=12.0)


async def measure(size: Size) -> Found:
    found: Found = {"hold": hold_picture(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
        visits = 2 + 2 * size.rounds + 4 * size.runs + max(OTHERS, size.crowd)
        async with stage(Path(name), visits) as at:
            found["crowd"] = await crowd(at, size)
            found["echo_1"] = await echo(at, size.rounds)
            passed("echo alone")
            found["work"] = {what: await work(at, what, size) for what in HANDS}
            passed("workloads")
            found["tile"] = await tile(at, size.tiles)
            passed("tile")
    return found


def passed(what: str) -> None:
    sys.stderr.write(f"{time.monotonic():10.1f}  load {os.getloadavg()[0]:.1f}  {what}\n")


# --- echo


async def echo(at: Stage, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds from a key to the first picture after it, and to the first whole desktop, by path."""
    taken: dict[str, list[float]] = {path: [] for path in PATHS}
    first: dict[str, list[float]] = {path: [] for path in PATHS}
    unheard = dict.fromkeys(PATHS, 0)
    for n in range(rounds):
        for path in PATHS[n % 3 :] + PATHS[: n % 3]:
            async with at.at(path) as (one, whole):
                first[path].append(whole * 1000)
                await asyncio.sleep(SETTLED)
                heard = await echoes(one)
            taken[path] += heard
            unheard[path] += KEYS - len(heard)
    return {
        path: {
            "p50": median(values), "p90": percentile(values, 90), "p99": percentile(values, 99), "keys": len(values),
            "unheard": unheard[path], "first": median(first[path]),
        }
        for path, values in taken.items()
    }  # fmt: skip


async def echoes(one: Desk) -> list[float]:
    """One line of letters."""
    taken = []
    for n in range(KEYS):
        while (left := one.painted_at + QUIET - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        await asyncio.sleep(CHANCE.uniform(0, QUIET))  # not in step with the target's own clock
        began = time.perf_counter()
        one.press(LETTERS[n % len(LETTERS)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNHEARD):
                await one.painted(began)
                taken.append((one.painted_at - began) * 1000)
    one.press(ENTER)
    await asyncio.sleep(QUIET)
    return taken


def percentile(values: list[float], share: int) -> float:
    return sorted(values)[min(len(values) * share // 100, len(values) - 1)]


# --- three workloads


async def work(at: Stage, what: str, size: Size) -> dict[str, dict[str, float]]:
    """By path: MB a minute on the wire, CPU of a MB and of a PDU, share of a core; the gateway's recording too."""
    seconds = size.light if what == "light" else size.seconds
    octets: dict[str, list[float]] = {path: [] for path in PATHS}
    spent: dict[str, list[float]] = {path: [] for path in PATHS}
    pdus = dict.fromkeys(PATHS, 0)
    kept: list[tuple[str, int, float]] = []
    async with at.load(what, at.desk):
        for _ in range(size.runs):
            for path in PATHS:
                async with at.at(path) as (one, _whole):
                    came, began = one.octets, time.monotonic()
                    await asyncio.sleep(SETTLED)
                    async with handled(one, what):
                        used, got, heard = await at.cpu(path), one.octets, one.pdus
                        await asyncio.sleep(seconds)
                        pdus[path] += one.pdus - heard
                        octets[path].append(one.octets - got)
                        spent[path].append(await at.cpu(path) - used)
                    if path == "gateway":
                        kept.append((await at.session(), one.octets - came, time.monotonic() - began))
    await asyncio.sleep(SIGNED)
    found = {
        path: {
            "mb_minute": median(octets[path]) / seconds * 60e-6,
            "ms_mb": sum(spent[path]) / sum(octets[path]) * 1e9,
            "us_pdu": sum(spent[path]) / pdus[path] * 1e6,
            "core": sum(spent[path]) / (seconds * size.runs) * 100,
        }
        for path in PATHS
    }
    written = sum(at.recorded(session) for session, _, _ in kept)
    found["gateway"] |= {
        "kept_mb_hour": written / sum(lasted for *_, lasted in kept) * 3600e-6,
        "kept_share": written / sum(came for _, came, _ in kept),
    }
    return found


@asynccontextmanager
async def handled(one: Desk, what: str) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        hand = tasks.create_task(HANDS[what](one))
        try:
            yield
        finally:
            hand.cancel()


# --- live tile


async def tile(at: Stage, times: int) -> dict[str, float]:
    """Milliseconds from a viewer's WebSocket to the first whole picture, while the person works lightly."""
    async with at.load("light", at.desk), at.at("gateway") as (one, _), handled(one, "light"):
        session = await at.session()
        async with rdp_tile.viewer(at.gateway) as viewer:
            alone = []
            for _ in range(times):
                await asyncio.sleep(CHANCE.uniform(2.2, 3.5))  # not in step with the gateway's own clock
                alone.append(await viewer.whole(session) * 1000)
            again = await viewer.whole(session) * 1000
    return {"median": median(alone), "worst": max(alone), "again": again}


# --- many


async def crowd(at: Stage, size: Size) -> Found:
    """`size.crowd` sessions: memory, CPU and recordings of light use; and the echo of one more among 19 of them."""
    many, others = size.crowd, min(OTHERS, size.crowd)
    async with process("tests.bench.rdp_crowd", str(at.gateway.hello["rdp"])) as people:
        async with at.at("gateway"):
            pass  # whatever the first visit alone brings into memory
        await asyncio.sleep(SIGNED)
        before = await at.pss()
        for n in range(many):
            ((user, secret),) = (await at.gateway.ask(f"arm {2 * n + 1} 1"))["tickets"]
            await people.ask(f"enter {user} {secret}")
        found: Found = {"many": many, "others": others, "kib_hold": (await at.pss() - before) / many}
        passed(f"{many} look at the hold")
        unseen = 0
        for n in range(many):
            await at.gateway.ask(f"release {2 * n + 1}")
            unseen += not (await people.ask(f"sees {n}"))["seen"]
        await asyncio.sleep(SIGNED)
        passed(f"{many} are there")
        used = await at.cpu("gateway")
        await asyncio.sleep(SIGNED)
        found |= {
            "unseen": unseen,
            "kib": (await at.pss() - before) / many,
            "core_idle": (await at.cpu("gateway") - used) / SIGNED * 100,
        }
        async with at.load("light", at.crowded):
            found |= await busy(at, people, size)
            passed(f"{many} of light use")
            await people.ask("rest")
            await people.ask(f"keep {others}")
            await at.gateway.ask(f"end {2 * others + 1} {many - others}")
            await people.ask("begin")
            found["echo"] = await echo(at, size.rounds)
            passed(f"echo among {others}")
    await at.gateway.ask(f"end 1 {others}")
    return found


async def busy(at: Stage, people: Process, size: Size) -> Found:
    """Light use by all of them: share of a core in percent, and a person's hour in MB."""
    got = (await people.ask("begin"))["octets"]
    used, written = await at.cpu("gateway"), at.recorded()
    await asyncio.sleep(size.crowd_seconds)
    spent, hours = await at.cpu("gateway") - used, size.crowd * size.crowd_seconds / 3600
    kept, got = at.recorded() - written, (await people.ask("octets"))["octets"] - got
    return {
        "core": spent / size.crowd_seconds * 100, "ms_mb": spent / got * 1e9,
        "kept_mb_hour": kept / hours * 1e-6, "wire_mb_hour": got / hours * 1e-6,
    }  # fmt: skip


# --- alone


def hold_picture() -> dict[str, float]:
    """A whole screen of the gateway's own: milliseconds of CPU and octets."""
    taken, octets = [], 0
    for _ in range(5):
        began = time.process_time()
        octets = sum(map(len, _prepared(HOLD, None, WIDTH, HEIGHT, 32)))
        taken.append((time.process_time() - began) * 1000)
    return {"ms": median(taken), "octets": octets}
