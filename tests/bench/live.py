"""Ten terminals at once in one Chromium page of the control room: how far behind the session its picture is.

Each line that a session shows carries the moment at which it was given to the recorder; the page notes when the frame
that paints it is over. Both read this machine's wall clock.
"""

import asyncio
import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from gateway.clock import SystemClock
from gateway.inventory.model import CredentialKind, Protocol, Tier
from gateway.sessions.stream import Stream
from tests.bench.player import contention, spread
from tests.browser.pages import Desk, desks
from tests.browser.test_wall import WORKSTATION, inside
from tests.e2e.site import Site, running_site

# In the page: milliseconds from each stamp `@moment@` to the end of the frame that paints it.
NOTES = """() => {
    globalThis.behind = {};
    globalThis.notes?.disconnect();
    const wall = () => performance.timeOrigin + performance.now();
    const [since, seen] = [wall(), new Map()];
    globalThis.notes = new MutationObserver((changes) => {
        const elements = changes.map((c) => c.target instanceof Element ? c.target : c.target.parentElement);
        for (const place of new Set(elements.map((e) => e?.closest('terminal-player')).filter(Boolean))) {
            const stamps = [...place.textContent.matchAll(/@([0-9.]+)@/g)].map((m) => Number(m[1]));
            const fresh = stamps.filter((at) => at > (seen.get(place) ?? since));
            if (fresh.length === 0) continue;
            seen.set(place, Math.max(...fresh));
            const kind = place.classList.contains('tile') ? 'tile' : 'large';
            requestAnimationFrame(() => setTimeout(() => {
                (globalThis.behind[kind] ??= []).push(...fresh.map((at) => wall() - at));
            }));
        }
    });
    globalThis.notes.observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true });
}"""

# What was noted, once the frames that are being painted are over.
PAINTED = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(globalThis.behind)))))"""


@dataclass(frozen=True)
class Size:
    """How much of each; `rate` is lines a second of each terminal."""

    terminals: int = 10
    seconds: float = 20
    rate: float = 5


SMALL = Size(terminals=3, seconds=3)


async def with_targets(site: Site, many: int) -> list[str]:
    inventory, omar = site.gateway.services.inventory, await site.person("omar")
    names = [f"bench-{n}" for n in range(many)]
    for name in names:
        await inventory.add_target("sam", name, f"Workstation {name}", "line4", Tier.T1, WORKSTATION, [omar.id])
        await inventory.add_service("sam", name, Protocol.SSH, "127.0.0.9", 22)
        await inventory.add_account("sam", name, "engineer", CredentialKind.CERTIFICATE, None)
    return names


async def works(stream: Stream, size: Size, shift: float, flood: int) -> str:
    """Lines with stamps, of which it gives the last; `flood` octets a second of other output between them."""
    clock, pause = SystemClock(), 1 / size.rate
    await asyncio.sleep(shift * pause)
    filler = (b"." * 98 + b"\r\n") * int(flood * pause / 100)
    for n in range(int(size.seconds * size.rate)):
        stamp = f"@{clock.now().timestamp() * 1000:.1f}@"
        stream.output(filler + f"line {n:04} {stamp} axis 4 runs at 1250 1/min\r\n".encode())
        await asyncio.sleep(pause)
    return stamp


async def behind(lena: Desk, streams: list[Stream], size: Size, flood: int = 0) -> dict[str, object]:
    """`flood` is of the first terminal alone."""
    await lena.page.evaluate(NOTES)
    async with asyncio.TaskGroup() as tasks:
        last = [
            tasks.create_task(works(stream, size, n / len(streams), flood if n == 0 else 0))
            for n, stream in enumerate(streams)
        ]
    for one in last:
        await expect(lena.page.locator("terminal-player").filter(has_text=one.result()).first).to_be_visible()
    found = await lena.page.evaluate(PAINTED)
    return {kind: {"pictures": len(ms)} | spread(ms) for kind, ms in found.items()}


async def _measured(size: Size, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        "load": os.getloadavg()[0], "contention": contention(), "terminals": size.terminals
    }  # fmt: skip
    async with running_site(folder, local=False) as site, desks(site, "lena") as (lena,):
        names = await with_targets(site, size.terminals)
        async with contextlib.AsyncExitStack() as stack:
            entered = [await stack.enter_async_context(inside(site, name, Protocol.SSH)) for name in names]
            streams = [stream for _, stream in entered]
            await lena.sign_in()
            await lena.page.get_by_role("button", name="Live tiles").click()
            tiles = lena.page.locator("terminal-player.tile")
            await expect(tiles).to_have_count(size.terminals)
            for stream in streams:
                stream.output(b"ready\r\n")
            await expect(tiles.filter(has_text="ready")).to_have_count(size.terminals)
            found["quiet"] = await behind(lena, streams, size)
            found["one_floods_1_MB_per_s"] = await behind(lena, streams, size, flood=1_000_000)
            await lena.page.get_by_role("button", name="Enlarge session").first.click()
            await expect(lena.page.locator("terminal-player:not(.tile)")).to_contain_text("axis 4 runs")
            found["one_enlarged"] = await behind(lena, streams, size)
    return found


def measure(size: Size) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measured(size, Path(name)))
