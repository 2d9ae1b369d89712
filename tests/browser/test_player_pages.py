"""The player: finding words, what was typed, files and forwards; back in a running session; all of it in one file, too.

Every page is looked at by axe-core, in the light and in the dark, wide and narrow.
"""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Route, expect

from gateway.ids import SessionId
from gateway.inventory.model import Protocol
from gateway.recording.format import canonical
from gateway.recording.model import Kind
from gateway.recording.service import Recordings
from tests.browser.pages import Desk, desks
from tests.browser.test_desktop_pages import offline
from tests.browser.test_wall import inside
from tests.e2e.site import Site, running_site
from tests.sim.clock import SimulatedClock

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

AXE = Path(__file__).parent.parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await Promise.all(document.getAnimations().map((running) => running.finished));
    const found = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] });
    return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`);
}"""
SESSION = SessionId("ses_pl4yer")
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MARKED = "() => [...(CSS.highlights.get('found') ?? [])].map((range) => range.toString())"
WIDTHS = (1280, 390)
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def accessible(page: Page) -> None:
    await page.evaluate(AXE.read_text())
    size = page.viewport_size
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        for look in ("light", "dark"):
            await page.emulate_media(color_scheme=look)
            found = await page.evaluate(SERIOUS)
            assert found == [], json.dumps([width, look, *found], indent=1)
    await page.emulate_media(color_scheme="light")
    if size:
        await page.set_viewport_size(size)


async def recorded(site: Site) -> None:
    """Twenty minutes: a command each minute, a password, a pause, an upload, a forward."""
    s, meta = site.gateway.services, {"person_title": "Vera Lind", "purpose": "Replace the drive"}
    clock = SimulatedClock(s.clock.now() - timedelta(hours=1))
    folder, settings = site.gateway.folder / "recordings", site.gateway.settings
    recordings = Recordings(s.store, s.audit, clock, site.gateway.keys, [], folder, settings.site)
    async with s.store.write() as tx:
        recorder = await recordings.open(tx, session=SESSION, person="vera", target="ews-l4", protocol="ssh", meta=meta)

    def passes(seconds: int) -> None:
        for _ in range(seconds):
            clock.advance(seconds=1)
            recorder.tick()

    tape = recorder.open_tape({"kind": "shell"}, (80, 24))
    for minute in range(20):
        for key in b"show axis %02d" % minute:
            tape.typed(bytes([key]))
            tape.output(bytes([key]))
        tape.typed(b"\r")
        tape.output(b"\r\n\x1b[32maxis \x1b[1m%02d\x1b[0m runs\r\n$ " % minute)
        if minute == 3:
            tape.output(b"Password: ")
            passes(3)
            tape.typed(b"s3cret\r")
            tape.output(b"\r\n")
        if minute == 5:
            files, opened = recorder.open_tape({"kind": "sftp"}, None), clock.now()
            passes(10)
            entry = {
                "of": "entry", "id": "fil_1", "file": 1, "way": "upload", "path": "/srv/incoming/drive4.par",
                "octets": 1_234_567, "ranges": [[0, 1_234_567]], "sha256": SHA256, "partial": False,
                "verdict": "passed", "words": "", "opened": opened.isoformat(), "closed": clock.now().isoformat(),
            }  # fmt: skip
            files.file(entry)
            files.close(0)
        if minute == 7:
            forward = recorder.open_tape({"kind": "forward", "service": "plc-program"}, None)
            forward.carried(6000, 0)
            forward.carried(0, 800)
            passes(20)
            forward.close(None)
        if minute == 9:
            recorder.record(Kind.DECISION, 0, canonical({"event": "pause", "actor": "lena", "reason": "Look first"}))
        passes(60)
    tape.close(0)
    async with s.store.write() as tx:
        await recordings.close(tx, recorder)


async def find(page: Page, words: str) -> Locator:
    await page.get_by_role("group", name="Show").get_by_role("button", name="Find").click()
    await page.get_by_label("Text on the terminals").fill(words)
    await page.get_by_label("Text on the terminals").press("Enter")
    return page.get_by_role("form", name="Find on the terminals").locator("..").get_by_role("status")


async def finds(desk: Desk) -> None:
    """Words that colours cut; the next and the one before; what is marked on the terminal is what was looked for."""
    page = desk.page
    replay, time = page.get_by_label("Replay"), page.get_by_label("Time", exact=True)
    status = await find(page, "AXIS 07 runs")
    await expect(status).to_contain_text("1 of 1")
    await expect(replay).to_contain_text("axis 07 runs")
    await expect(replay).not_to_contain_text("axis 08")
    assert await page.evaluate(MARKED) == ["axis 07 runs"]
    status = await find(page, "runs")
    await expect(status).to_contain_text("of 20")
    before = await time.text_content()
    await page.get_by_role("button", name="Next").click()
    await expect(time).not_to_have_text(before or "")
    await page.get_by_role("button", name="Previous").click()
    await expect(time).to_have_text(before or "")
    await expect(await find(page, "nowhere at all")).to_contain_text("Not found")
    assert await page.evaluate(MARKED) == []


async def leaves_a_search(desk: Desk) -> None:
    """Nobody reads on for somebody who has left."""
    page, asked, left = desk.page, list[str](), asyncio.Event()

    async def answered(route: Route) -> None:
        asked.append(route.request.url)
        await left.wait()
        await route.fulfill(json={"lines": [], "next_us": len(asked)})

    await page.route("**/lines*", answered)
    async with page.expect_request("**/lines*"):
        await find(page, "axis")
    await page.get_by_role("link", name="← Recordings").click()
    await expect(page.get_by_role("table", name="Recordings")).to_be_visible()
    async with page.expect_response("**/lines*"):
        left.set()
    await page.evaluate(FRAMES)
    assert len(asked) == 1


async def lists(desk: Desk) -> None:
    """What was typed, apart; and what passed beside the terminal."""
    page, show = desk.page, desk.page.get_by_role("group", name="Show")
    replay = page.get_by_label("Replay")
    await show.get_by_role("button", name="Typed").click()
    typed = page.get_by_role("group", name="Typed lines").get_by_role("button")
    await expect(typed.filter(has_text="show axis 19")).to_have_count(1)
    await expect(typed.filter(has_text="7 octets without echo: nobody can read them")).to_have_count(1)
    await expect(page.locator("body")).not_to_contain_text("s3cret")
    await typed.filter(has_text="show axis 12").click()
    await expect(replay).to_contain_text("show axis 1")
    await expect(replay).not_to_contain_text("axis 13")
    await show.get_by_role("button", name="Files and forwards (2)").click()
    passed = page.locator(".passed")
    for words in ("/srv/incoming/drive4.par", "1.2 MB", SHA256, "plc-program", "↑ 800 B", "↓ 6.0 kB"):
        await expect(passed).to_contain_text(words)
    await passed.get_by_role("button").first.click()
    await expect(replay).to_contain_text("axis 07 runs")  # a forward shows nothing, and takes no picture away


async def test_ada_finds_words_typed_lines_files_and_forwards_here_and_in_a_file_without_a_network(
    tmp_path: Path,
) -> None:
    async with running_site(tmp_path / "gateway", local=False) as site, desks(site, "ada") as (ada,):
        await recorded(site)
        await ada.sign_in()
        await ada.page.get_by_role("link", name="Recordings").click()
        await ada.page.get_by_role("link", name="Open recording 1").click()
        await expect(ada.page.get_by_text("verified").first).to_be_visible()
        await finds(ada)
        await lists(ada)
        await ada.picture("ada-finds-words-in-a-recording")
        await accessible(ada.page)
        async with ada.page.expect_download() as download:
            await ada.page.get_by_role("button", name="HTML file").click()
        await (await download.value).save_as(path := tmp_path / "recording.html")
        assert ada.problems == [], json.dumps(ada.problems)
        async with offline(ada, path) as away:
            await expect(away.page.get_by_text("Sealed by its writer at its end.")).to_be_visible()
            await finds(away)
            await lists(away)
            await accessible(away.page)
        await leaves_a_search(ada)


async def test_lena_goes_back_in_a_running_session_and_is_live_again(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway", local=False) as site, desks(site, "lena") as (lena,):
        async with inside(site, "ews-l4", Protocol.SSH) as (connection, stream):
            stream.output(b"before she came\r\n")
            await lena.sign_in()
            await lena.page.get_by_role("button", name="Watch").click()
            live = lena.page.get_by_label("Live terminal")
            await expect(live).to_contain_text("before she came")  # the whole screen at once
            stream.output(b"first\r\n")
            await expect(live).to_contain_text("first")
            stream.output(b"\x1b[2J\x1b[Hsecond\r\n")
            await expect(live).to_contain_text("second")
            await expect(live).not_to_contain_text("first")
            back = lena.page.get_by_label("Back in time")
            await back.fill(str(await back.get_attribute("min")))
            await expect(live).to_contain_text("before she came")
            await expect(live).not_to_contain_text("second")
            await expect(lena.page.get_by_text("Not live: this has happened.")).to_be_visible()
            stream.output(b"third\r\n")  # the session goes on, and what it shows waits
            await accessible(lena.page)
            await expect(live).not_to_contain_text("third")
            await lena.page.get_by_role("button", name="Live", exact=True).click()
            await expect(live).to_contain_text("third")
            await back.fill(str(await back.get_attribute("min")))
            await lena.page.get_by_role("button", name="Play", exact=True).click()
            await expect(live).to_contain_text("third")  # played on until it was live by itself
            await expect(lena.page.get_by_role("button", name="Live", exact=True)).to_have_attribute(
                "aria-pressed", "true"
            )
            assert connection.session.id
        assert lena.problems == [], json.dumps(lena.problems)
