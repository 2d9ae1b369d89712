"""Persons at browsers: headless Chromium of Debian, one context each, and pictures of what they saw."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.e2e.site import Site

LIMIT = 45_000  # milliseconds for a page to show something on a busy machine
expect.set_options(timeout=LIMIT)
PICTURES = Path(__file__).parent.parent.parent / "var" / "screenshots"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Desk:
    """One person's browser. `problems` collects what the page complained of: errors, and what the CSP blocked."""

    def __init__(self, page: Page, site: Site, name: str) -> None:
        self.page, self._site, self.name = page, site, name
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: line.type == "error" and self.problems.append(line.text))

    async def sign_in(self) -> None:
        login = self._site.logins[self.name]
        await self.page.goto(f"https://localhost:{self._site.gateway.settings.page.port}/")
        await self.page.get_by_label("Name").fill(login.name)
        await self.page.get_by_label("Password").fill(login.password)
        await self.code()
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("navigation", name="Main").wait_for()

    async def code(self) -> None:
        """Type a code that was not used yet into the one field that asks for it."""
        await self.page.get_by_label("Code").fill(await self._site.codes[self.name].next())

    async def picture(self, what: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{what}.png", full_page=True)


@asynccontextmanager
async def desks(site: Site, *names: str, width: int = 1280, height: int = 900) -> AsyncIterator[list[Desk]]:
    """A browser context for each person, signed in to nothing yet."""
    async with chromium() as browser, contextlib.AsyncExitStack():
        opened = []
        for name in names:
            context = await browser.new_context(
                ignore_https_errors=True, viewport={"width": width, "height": height}, accept_downloads=True
            )
            context.set_default_timeout(LIMIT)
            opened.append(Desk(await context.new_page(), site, name))
        try:
            yield opened
        except BaseException:
            for desk in opened:
                await desk.picture(f"failed-{desk.name}")
            raise
