"""Desktops in the page: replay of a recording whose colours are known, in real Chromium."""

import asyncio
import contextlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from gateway.ids import SessionId
from gateway.rdp import bitmap, mcs, x224
from gateway.rdp.input import PointerEvent, PointerFlag, encode_events
from gateway.rdp.share import ShareData
from tests.browser.pages import Desk, desks
from tests.e2e.clocks import SteppedClock
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

WIDTH, HEIGHT = 640, 400
RED, GREEN, BLUE = (200, 30, 40), (20, 160, 60), (30, 60, 210)
SESSION = SessionId("ses_d3skt0p")
PIXEL = """([x, y]) => {
    const canvas = document.querySelector('desktop-player canvas');
    return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)];
}"""


def drawing(
    colour: tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT, x: int = 0, y: int = 0
) -> list[bytes]:
    """Whole PDUs as the gateway sends them to a client: one colour in a rectangle."""
    shares = [
        ShareData(0x00AA03EA, 2, update).encode(1002)
        for update in bitmap.picture(bytes(colour) * width * height, width, height, x, y)
    ]
    return [x224.data(mcs.SendDataIndication(1002, 1003, share).encode()) for share in shares]


async def recorded(site: Site, clock: SteppedClock) -> None:
    """Two minutes: all red, from 0:40 all green, from 1:20 all blue; a white square in the corner at 1:00."""
    s = site.gateway.services
    meta = {"person_title": "Vera Lind", "target_title": "Engineering station", "work_order": "WO-8812"}
    async with s.recordings._store.write() as tx:
        recorder = await s.recordings.open(
            tx, session=SESSION, person="vera", target="ews-l4", protocol="rdp", meta=meta
        )
    tape = recorder.open_tape({"kind": "desktop"}, None)
    tape.desktop(WIDTH, HEIGHT)
    for colour in (RED, GREEN, BLUE):
        tape.repaint()
        for pdu in drawing(colour):
            tape.shown(pdu)
        tape.repainted()
        clock.pass_time(timedelta(seconds=10))
        tape.pressed(b"\x00\x1e\x01\x1e")
        tape.pointed(encode_events([PointerEvent(PointerFlag.MOVE, 320, 200)]))
        clock.pass_time(timedelta(seconds=10))
        tape.pointed(encode_events([PointerEvent(PointerFlag.BUTTON1 | PointerFlag.DOWN, 100, 120)]))
        if colour == GREEN:
            for pdu in drawing((255, 255, 255), 64, 48, WIDTH - 64, HEIGHT - 48):
                tape.shown(pdu)
            tape.clipboard("out", "AXIS 4 = 17.3")
        clock.pass_time(timedelta(seconds=20))
    tape.close(0)
    async with s.recordings._store.write() as tx:
        await s.recordings.close(tx, recorder)


async def sought(ada: Desk, seconds: float) -> None:
    await ada.page.get_by_label("Position").fill(str(int(seconds * 1e6)))


async def shows(ada: Desk, colour: tuple[int, int, int], x: int = 5, y: int = 5) -> None:
    """Until the pixel has this colour. The page's policy forbids `wait_for_function`, which is an `eval`."""
    seen = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            while (seen := await ada.page.evaluate(PIXEL, [x, y])) != list(colour):
                await ada.page.wait_for_timeout(50)
    assert seen == list(colour)


async def opened(ada: Desk) -> Locator:
    await ada.page.get_by_role("link", name="Recordings").click()
    await ada.page.get_by_role("link", name="Open recording 1").click()
    player = ada.page.get_by_label("Replay")
    await expect(player.get_by_label("Desktop")).to_be_visible()
    return player


async def test_a_recorded_desktop_replays_with_exact_colours_at_every_moment(tmp_path: Path) -> None:
    clock = SteppedClock()
    async with running_site(tmp_path / "gateway", clock=clock, local=False) as site, desks(site, "ada") as (ada,):
        await ada.sign_in()  # before the clock is moved: codes are of the machine's own time
        await recorded(site, clock)
        player = await opened(ada)
        await shows(ada, RED)
        for at, colour in ((100, BLUE), (45, GREEN), (3, RED), (79, GREEN), (119, BLUE)):
            await sought(ada, at)
            await shows(ada, colour)
            await shows(ada, colour, WIDTH - 70, HEIGHT - 5)
        await sought(ada, 65)
        await shows(ada, (255, 255, 255), WIDTH - 1, HEIGHT - 1)
        await shows(ada, GREEN, WIDTH - 65, HEIGHT - 1)
        await ada.picture("ada-replays-a-desktop")

        await sought(ada, 59)
        await ada.page.get_by_role("button", name="4×").click()
        await ada.page.get_by_role("button", name="Play", exact=True).click()
        await expect(player).to_contain_text("Copied from the target, 13 characters: AXIS 4 = 17.3")
        await expect(ada.page.get_by_role("button", name="Jump to 1:00: Clipboard")).to_be_visible()
        assert ada.problems == [], json.dumps(ada.problems)
