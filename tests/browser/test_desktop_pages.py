"""Desktops in the page: replay of a recording whose colours are known, and a visit in the browser, in real Chromium."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from gateway.ids import SessionId
from gateway.inventory.model import Conduit, CredentialKind, Protocol
from gateway.rdp import bitmap, mcs, x224
from gateway.rdp.input import PointerEvent, PointerFlag, encode_events
from gateway.rdp.share import ShareData
from tests.browser.pages import LIMIT, Desk, desks
from tests.e2e import site as house
from tests.e2e.clocks import SteppedClock
from tests.e2e.site import Site, running_site
from tests.ports import free_port
from tests.rdp.peers import Target, shadow, xrdp_vnc

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

WIDTH, HEIGHT = 640, 400
RED, GREEN, BLUE = (200, 30, 40), (20, 160, 60), (30, 60, 210)
SESSION = SessionId("ses_d3skt0p")
FRAME = """async ([data, at]) => {
    const video = document.createElement('video');
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/webm' }));
    const once = (name) => new Promise((done, failed) => {
        video.addEventListener(name, done, { once: true });
        video.addEventListener('error', () => failed(new Error(video.error.message)), { once: true });
    });
    await once('loadeddata');
    video.currentTime = at;
    await once('seeked');
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    return [video.duration, [...context.getImageData(20, 20, 1, 1).data.slice(0, 3)]];
}"""
CANVAS = """async () => {
    await new Promise(requestAnimationFrame);
    const canvas = document.querySelector('iron-remote-desktop')?.shadowRoot?.querySelector('canvas');
    if (!canvas) return null;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const corner = copy.getImageData(canvas.width - 9, canvas.height - 9, 1, 1).data;
    return [canvas.width, canvas.height, ...corner.slice(0, 3)];
}"""
SEAGREEN = (46, 139, 87)
STEELBLUE = (70, 130, 180)
HOSTILE = "</script><img src=x onerror=globalThis.bad=1><!--<script>"
PIXEL = """async ([x, y]) => {
    await new Promise(requestAnimationFrame);
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


async def both(desk: Desk, what: str) -> None:
    """A picture in the light and one in the dark."""
    await desk.picture(what)
    await desk.page.emulate_media(color_scheme="dark")
    await desk.picture(f"{what}-dark")
    await desk.page.emulate_media(color_scheme="light")


async def shows(ada: Desk, colour: tuple[int, int, int], x: int = 5, y: int = 5) -> None:
    """The pixel, once painted. Asked for frame by frame: the page's policy forbids `wait_for_function`, an `eval`."""
    seen = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT / 1000):
            while (seen := await ada.page.evaluate(PIXEL, [x, y])) != list(colour):
                pass
    assert seen == list(colour)


async def plays_by_itself(ada: Desk, path: Path) -> None:
    """The HTML file plays with no server: the browser is off the network, and the file may run its own script alone."""
    async with ada.page.expect_download() as download:
        await ada.page.get_by_role("button", name="HTML file").click()
    await (await download.value).save_as(path)
    async with offline(ada, path) as away:
        for at, colour in ((100, BLUE), (3, RED), (59, GREEN)):
            await sought(away, at)
            await shows(away, colour)
        await expect(away.page.get_by_text("55 frames, each as it was written.")).to_be_visible()
        await away.picture("a-recording-taken-away")


@asynccontextmanager
async def offline(ada: Desk, path: Path) -> AsyncIterator[Desk]:
    """The file at `path`, opened without a network; nothing in it may complain."""
    away = Desk(await ada.page.context.new_page(), ada._site, "ada")
    await away.page.context.set_offline(True)
    await away.page.goto(path.as_uri())
    yield away
    await away.page.context.set_offline(False)
    assert away.problems == [], json.dumps(away.problems)


async def films(ada: Desk, path: Path) -> None:
    """The video plays, seeks and has the colours, give or take what its codec loses."""
    async with ada.page.expect_download(timeout=60_000) as download:
        await ada.page.get_by_role("button", name="WebM video").click()
    await (await download.value).save_as(path)
    cinema = await ada.page.context.new_page()
    for at, colour in ((2, RED), (50, GREEN), (110, BLUE)):
        video = base64.b64encode(path.read_bytes()).decode()
        seconds, seen = await cinema.evaluate(FRAME, [video, at])
        assert seconds == pytest.approx(120, abs=2)
        assert seen == pytest.approx(colour, abs=12)


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
        copied = ada.page.get_by_role("button", name="Copied from the target, 13 characters")
        await expect(copied).to_be_visible()  # before it is played, its length is all that is said
        await expect(copied).not_to_contain_text("AXIS")
        await shows(ada, RED)
        for at, colour in ((100, BLUE), (45, GREEN), (3, RED), (79, GREEN), (119, BLUE)):
            await sought(ada, at)
            await shows(ada, colour)
            await shows(ada, colour, WIDTH - 70, HEIGHT - 5)
        await sought(ada, 65)
        await shows(ada, (255, 255, 255), WIDTH - 1, HEIGHT - 1)
        await shows(ada, GREEN, WIDTH - 65, HEIGHT - 1)
        await both(ada, "ada-replays-a-desktop")
        for key, time in (("ArrowRight", "1:10"), ("ArrowLeft", "1:05")):  # as anywhere on the page: five seconds
            await ada.page.get_by_label("Position").press(key)
            await expect(ada.page.get_by_label("Time", exact=True)).to_have_text(f"{time} / 2:00")

        await sought(ada, 59)
        await ada.page.get_by_role("button", name="4×").click()
        await ada.page.get_by_role("button", name="Play", exact=True).click()
        await expect(player).to_contain_text("Copied from the target, 13 characters: AXIS 4 = 17.3")
        await expect(copied).to_contain_text("AXIS 4 = 17.3")
        await expect(ada.page.get_by_role("button", name="Jump to 1:00: Clipboard")).to_have_count(1)
        assert ada.problems == [], json.dumps(ada.problems)
        await plays_by_itself(ada, tmp_path / "recording.html")
        await films(ada, tmp_path / "recording.webm")


async def with_desktop(site: Site, target: Target, name: str = "desk") -> None:
    """The engineering station gets its desktop, and the conduit towards it."""
    inventory = site.gateway.services.inventory
    was = Conduit("remote", "line4", frozenset({Protocol.SSH}))
    await inventory.change_conduit("sam", was, frozenset({Protocol.SSH, Protocol.RDP}))
    await inventory.add_service("sam", "ews-l4", Protocol.RDP, target.host, target.port)
    await inventory.add_account("sam", "ews-l4", name, CredentialKind.PASSWORD, target.password.encode())


async def asks(vera: Desk, account: str = "desk") -> None:
    form = vera.page.get_by_role("form", name="Ask for access")
    await form.get_by_role("button", name="Desktop (RDP)").click()
    await form.get_by_label("Account on the target").select_option(account)
    await form.get_by_label("Purpose").fill("Change the drive's ramp")
    await form.get_by_label("Work order").fill("WO-8812")
    await vera.picture("vera-asks-for-a-desktop")
    await form.get_by_role("button", name="Ask for access").click()


async def approves(omar: Desk) -> None:
    await omar.page.get_by_role("link", name="Approvals").click()
    card = omar.page.get_by_role("article", name="Request of Vera Lind for ews-l4")
    await card.get_by_role("button", name="Approve").click()
    await omar.code()
    await omar.picture("omar-approves-a-desktop")
    await card.get_by_role("button", name="Approve now").click()


async def test_a_recorded_terminal_is_taken_away_too_and_what_it_shows_stays_text(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway", local=False) as site, desks(site, "ada") as (ada,):
        s = site.gateway.services
        async with s.recordings._store.write() as tx:
            recorder = await s.recordings.open(
                tx, session=SESSION, person="vera", target="ews-l4", protocol="ssh", meta={"purpose": HOSTILE}
            )
        tape = recorder.open_tape({"kind": "shell", "columns": 80, "rows": 24}, (80, 24))
        tape.output(f"{HOSTILE}\r\nsee-42\r\n".encode())
        tape.close(0)
        async with s.recordings._store.write() as tx:
            await s.recordings.close(tx, recorder)
        await ada.sign_in()
        await ada.page.get_by_role("link", name="Recordings").click()
        await ada.page.get_by_role("link", name="Open recording 1").click()
        async with ada.page.expect_download() as download:
            await ada.page.get_by_role("button", name="HTML file").click()
        await (await download.value).save_as(path := tmp_path / "recording.html")
        async with offline(ada, path) as away:
            last = await away.page.get_by_label("Position").get_attribute("max")
            await away.page.get_by_label("Position").fill(str(last))
            await expect(away.page.get_by_label("Replay")).to_contain_text("see-42")
            await expect(away.page.get_by_label("Replay")).to_contain_text(HOSTILE)
            assert await away.page.evaluate("() => globalThis.bad") is None


async def test_a_vendor_works_at_a_desktop_in_her_browser_and_the_control_room_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rdp = free_port()
    monkeypatch.setattr(house, "SETTINGS", f'rdp = {{{{ host = "127.0.0.1", port = {rdp} }}}}' + house.SETTINGS)
    async with (
        xrdp_vnc(tmp_path / "target") as target,
        running_site(tmp_path / "gateway", local=False, address=target.host) as site,
        desks(site, "vera", "omar", "lena", "ada") as (vera, omar, lena, ada),
    ):
        await with_desktop(site, target)
        for desk in (vera, omar, lena):
            await desk.sign_in()
        await asks(vera)
        await approves(omar)

        # 1. Both doors; the ticket for her own client, with the host to type.
        grant = vera.page.get_by_role("article", name="Grant for ews-l4")
        await grant.get_by_role("button", name="Open with my RDP client").click()
        ticket = grant.get_by_role("region", name="Ticket for ews-l4")
        await expect(ticket.get_by_label("Computer")).to_have_text(f"localhost:{rdp}")
        async with vera.page.expect_download() as download:
            await ticket.get_by_role("button", name="Download .rdp file").click()
        file = Path(await (await download.value).path()).read_text()
        assert f"full address:s:localhost:{rdp}" in file
        assert (await ticket.get_by_label("Password").inner_text()) not in file
        await both(vera, "vera-has-a-ticket")

        # 2. In the browser: the hold, drawn by the gateway, then the desktop.
        async with vera.page.expect_popup() as popup:
            await grant.get_by_role("link", name="Open in the browser").click()
        seat = Desk(await popup.value, site, "vera")
        await expect(seat.page.locator("iron-remote-desktop")).to_be_visible()
        await lena.page.get_by_role("region", name="Waiting").get_by_role("button", name="Release").click()
        await seat.picture("vera-waits-at-a-desktop")
        await lena.code()
        await lena.page.get_by_role("button", name="Release now").click()

        # 3. The control room: a tile with the whole picture, then the large view.
        await lena.page.get_by_role("button", name="Live tiles").click()
        await expect(lena.page.get_by_label("Live desktop")).to_be_visible()
        await shows(lena, STEELBLUE, 1000, 700)
        await seat.picture("vera-works-at-a-desktop")
        await both(lena, "lena-sees-live-tiles")
        await lena.page.get_by_role("button", name="Enlarge session of Vera Lind on ews-l4").click()
        await shows(lena, STEELBLUE, 1000, 700)

        # 4. She types; it arrives. Killed, she reads why.
        await seat.page.locator("iron-remote-desktop").click(position={"x": 200, "y": 200})
        await seat.page.keyboard.type("ramp 17", delay=30)
        await seat.page.keyboard.press("Enter")
        await target.received("ramp 17\n")
        await lena.picture("lena-watches-a-desktop")
        running = lena.page.get_by_role("article", name="Session of Vera Lind on ews-l4")
        await running.get_by_role("button", name="Kill").click()
        await running.get_by_label("Reason").fill("The line starts again")
        await running.get_by_role("button", name="Kill now").click()
        await expect(seat.page.get_by_role("heading", name="The desktop is closed")).to_be_visible()
        await both(seat, "vera-reads-why")
        await expect(running).to_be_hidden()

        # 5. The auditor.
        await ada.sign_in()
        await opened(ada)
        last = await ada.page.get_by_label("Position").get_attribute("max")
        await ada.page.get_by_label("Position").fill(str(last))  # at first xrdp paints black
        await shows(ada, STEELBLUE, 1000, 700)
        await ada.picture("ada-replays-a-visit")
        assert [d.problems for d in (vera, omar, lena, ada, seat)] == [[], [], [], [], []]


async def test_a_target_of_another_size_is_shown_at_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser's RDP client would stop at such a change: the page connects again at the target's size instead."""
    rdp = free_port()
    monkeypatch.setattr(house, "SETTINGS", f'rdp = {{{{ host = "127.0.0.1", port = {rdp} }}}}' + house.SETTINGS)
    async with (
        shadow(tmp_path / "target") as target,
        running_site(tmp_path / "gateway", local=False, address=target.host) as site,
        desks(site, "vera", "omar", "lena") as (vera, omar, lena),
    ):
        await with_desktop(site, target, target.user)
        for desk in (vera, omar, lena):
            await desk.sign_in()
        await asks(vera, target.user)
        await approves(omar)
        async with vera.page.expect_popup() as popup:
            await vera.page.get_by_role("link", name="Open in the browser").click()
        seat = Desk(await popup.value, site, "vera")
        await lena.page.get_by_role("region", name="Waiting").get_by_role("button", name="Release").click()
        await lena.code()
        await lena.page.get_by_role("button", name="Release now").click()
        await canvas_is(seat, (1024, 768, *SEAGREEN))
        await seat.picture("vera-at-a-desktop-of-another-size")
        assert seat.problems == []
        await policies(vera)


async def policies(vera: Desk) -> None:
    """WebAssembly in the document of a desktop and nowhere else; nothing inline in either."""
    found = {}
    for path in ("/", "/desktop"):
        answer = await vera.page.request.get(f"https://localhost:{vera._site.gateway.settings.page.port}{path}")
        found[path] = answer.headers["content-security-policy"]
    assert "wasm" not in found["/"]
    assert found["/desktop"] == found["/"].replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
    assert "unsafe-inline" not in found["/desktop"]


async def canvas_is(seat: Desk, wanted: tuple[int, ...]) -> None:
    seen = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while (seen := await seat.page.evaluate(CANVAS)) != list(wanted):
                pass
    assert seen == list(wanted)
