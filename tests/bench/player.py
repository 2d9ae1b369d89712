"""The player in Chromium, cold: first picture and seeks of an 8 h recording, and of a terminal with 100 MB of output.

The recordings are written by the real writer under a simulated clock and served by the real gateway. Before each page
the browser's cache is off and the kernel forgets the file; a seek goes to a moment that the page has not loaded.
"""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.async_api import Page

from gateway.ids import SessionId
from gateway.recording.service import Recordings
from gateway.recording.storage import SUFFIX
from gateway.recording.tape import Tape
from gateway.recording.writer import Recorder
from tests.bench.recorder import text
from tests.browser.pages import Desk, desks
from tests.e2e.site import Site, running_site
from tests.sim.clock import SimulatedClock

COLUMNS, ROWS = 120, 36
# In the page: from now until the picture of that moment is painted. A picture is whole when nothing waits any more.
PAINTED = """(player, to) => new Promise((done, failed) => {
    const began = performance.now();
    if (to !== null) player.seek(to);
    const look = () => {
        if (player.state.failure) failed(new Error(String(player.state.failure)));
        else if (player.state.waiting) requestAnimationFrame(look);
        else done(performance.now() - began);
    };
    requestAnimationFrame(look);
})"""
# Before anything of the page runs: when the first row with text stands in the player, since the navigation began.
FIRST = """() => {
    globalThis.firstPicture = new Promise((done) => {
        const look = new MutationObserver(() => {
            if (!document.querySelector('terminal-player .row')?.textContent) return;
            look.disconnect();
            requestAnimationFrame(() => done(performance.now()));
        });
        look.observe(document, { childList: true, subtree: true, characterData: true });
    });
}"""


@dataclass(frozen=True)
class Size:
    """How much of each; `output` and `flood` in octets."""

    hours: float = 8
    keys: int = 100_000
    output: int = 20_000_000
    flood: int = 100_000_000
    seeks: int = 30
    pages: int = 5


SMALL = Size(hours=0.2, keys=1000, output=500_000, flood=4_000_000, seeks=5, pages=2)


class Scribe:
    """One recording with one terminal, written as fast as it can be and as slowly as its clock says."""

    def __init__(self, recorder: Recorder, tape: Tape, clock: SimulatedClock) -> None:
        self._recorder, self._tape, self._clock, self._since = recorder, tape, clock, 0.0

    def passes(self, seconds: float) -> None:
        """As the service does: a tick each second."""
        while seconds > 0:
            step = min(seconds, 1.0 - self._since)
            self._clock.advance(seconds=step)
            self._since += step
            seconds -= step
            if self._since >= 1.0 - 1e-9:
                self._recorder.tick()
                self._since = 0.0

    def types(self, key: bytes) -> None:
        self._tape.typed(key)
        self.passes(0.002)
        self._tape.output(key)

    def shows(self, data: bytes) -> None:
        self._tape.output(data)


def day(scribe: Scribe, size: Size) -> None:
    """Commands of 20 keys; the output of each comes in reads of 4 KiB; between them he thinks."""
    commands = size.keys // 20
    source, each = text(1 << 20), size.output // commands
    pause = size.hours * 3600 / commands
    for n in range(commands):
        for key in b"show axis %06d" % n + b" -v --l":
            scribe.types(bytes([key]))
            scribe.passes(0.11)
        scribe.shows(b"\r\n")
        at = n * each % (len(source) - each)
        out = source[at : at + each].replace(b"\n", b"\r\n")
        for start in range(0, len(out), 4096):
            scribe.shows(out[start : start + 4096])
        scribe.shows(b"\x1b[1;32mvera@ews-l4\x1b[0m:~$ ")
        scribe.passes(max(pause - 21 * 0.112, 0.01))


def flood(scribe: Scribe, size: Size) -> None:
    """An hour of a log that never stops."""
    source, read = text(4 << 20).replace(b"\n", b"\r\n"), 16384
    for at in range(0, size.flood, read):
        start = at % (len(source) - read)
        scribe.shows(source[start : start + read])
        scribe.passes(3600 * read / size.flood)


async def written(site: Site, name: str, hours: float, write: Callable[[Scribe, Size], None], size: Size) -> SessionId:
    s, session = site.gateway.services, SessionId(f"ses_{name}")
    clock = SimulatedClock(s.clock.now() - timedelta(hours=hours, minutes=5))
    keys, folder = site.gateway.keys, site.gateway.folder / "recordings"
    recordings = Recordings(s.store, s.audit, clock, keys, [], folder, site.gateway.settings.site)
    async with s.store.write() as tx:
        recorder = await recordings.open(
            tx, session=session, person="vera", target="ews-l4", protocol="ssh", meta={"purpose": "bench"}
        )
    tape = recorder.open_tape({"kind": "shell", "columns": COLUMNS, "rows": ROWS}, (COLUMNS, ROWS))
    write(Scribe(recorder, tape, clock), size)
    tape.close(0)
    async with s.store.write() as tx:
        await recordings.close(tx, recorder)
    return session


def forgotten(folder: Path) -> None:
    """The kernel's copy of every recording, dropped: the next read comes from the disk."""
    for path in folder.rglob(f"*{SUFFIX}"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


async def first_picture(ada: Desk, site: Site, session: SessionId, folder: Path) -> tuple[float, Page]:
    """Milliseconds from the navigation of a new tab to its first painted terminal; the tab, which stays open."""
    forgotten(folder)
    page = await ada.page.context.new_page()
    wire = await page.context.new_cdp_session(page)
    await wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await page.add_init_script(f"({FIRST})()")
    await page.goto(f"https://localhost:{site.gateway.settings.page.port}/#/recordings/{session}")
    async with asyncio.timeout(60):
        return float(await page.evaluate("() => globalThis.firstPicture")), page


def spread(found: list[float]) -> dict[str, float]:
    """Median, 95th percentile and most, in milliseconds."""
    return {
        "median_ms": round(median(found), 1),
        "p95_ms": round(quantiles(found, n=20, method="inclusive")[-1], 1),
        "most_ms": round(max(found), 1),
    }


async def one(ada: Desk, site: Site, session: SessionId, size: Size, folder: Path) -> dict[str, object]:
    firsts, seeks = list[float](), list[float]()
    for _ in range(size.pages):
        at, page = await first_picture(ada, site, session, folder)
        firsts.append(at)
        player = await page.wait_for_selector("terminal-player")
        duration = int(await page.get_by_label("Position").get_attribute("max") or "1")
        await player.evaluate(PAINTED, None)
        for _ in range(-(-size.seeks // size.pages)):
            forgotten(folder)
            seeks.append(await player.evaluate(PAINTED, secrets.randbelow(duration)))
        await page.close()
    recording = await site.gateway.services.recordings.get(session)
    return {
        "octets": recording.octets, "frames": recording.frames, "first_picture": spread(firsts), "seek": spread(seeks)
    }  # fmt: skip


def contention() -> float:
    """Seconds that pass while this process gets one second of a core: 1.0 on a machine that does nothing else."""
    began, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < 0.5:
        pass
    return round((time.monotonic() - began) / 0.5, 2)


async def _measured(size: Size, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"load": os.getloadavg()[0], "contention": contention()}
    async with running_site(folder / "gateway", local=False) as site, desks(site, "ada") as (ada,):
        await ada.sign_in()
        for name, hours, write in (("day", size.hours, day), ("flood", 1, flood)):
            session = await written(site, name, hours, write, size)
            found[name] = await one(ada, site, session, size, folder / "gateway" / "recordings")
    return found


def measure(size: Size) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measured(size, Path(name)))
