"""RDP clients of Debian, with a person's hands: xfreerdp and rdesktop."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gateway.demo.programs import Program
from tests.e2e.waiting import LIMIT, eventually
from tests.rdp.peers.pictures import has_the_keyboard
from tests.rdp.peers.screens import Display, output

CLICKS = 3  # in vain, before a terminal is given up
SAID = 3000  # characters of its log, for whoever reads the failure


@dataclass
class Client:
    """A client that runs; `said` is its log."""

    display: Display
    program: Program
    title: str
    _window: str = ""

    @property
    def said(self) -> str:
        return self.program.said

    @property
    def alive(self) -> bool:
        return self.program.alive

    async def window(self) -> str:
        """Wait for its window; the window's id."""
        search = 'xdotool search --onlyvisible --name "$0" 2>/dev/null || true'

        async def open_or_gone() -> bool:
            if not self._window:
                self._window = (await output("sh", "-c", search, self.title, env=self.display.env)).strip()
            return bool(self._window) or not self.alive

        await eventually(open_or_gone, lambda: f"a window of {self.program.name}; it said:\n{self.said[-SAID:]}")
        assert self._window, f"{self.program.name} ended without a window; it said:\n{self.said[-SAID:]}"
        return self._window.split()[-1]

    async def screenshot(self) -> Image.Image:
        """What its window shows."""
        find, lines = 'xdotool getwindowgeometry --shell "$0" 2>/dev/null || true', ""
        while not lines:  # a client may close its window and open another
            lines = await output("sh", "-c", find, await self.window(), env=self.display.env)
            self._window = self._window if lines else ""
        place = dict(line.split("=") for line in lines.split())
        x, y, width, height = (int(place[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
        return self.display.picture((x, y, x + width, y + height))

    async def sees(self, what: Callable[[Image.Image], bool], name: str, limit: float = LIMIT) -> Image.Image:
        """Look at the window until it shows it; returns that picture. What it showed instead stays in the folder."""
        image = await self.screenshot()

        async def shown() -> bool:
            nonlocal image
            image = await self.screenshot()
            return what(image)

        def instead() -> str:
            kept = self.display.folder / f"{self.program.name}-instead.png"
            image.save(kept)
            return f"{name}, and saw {kept}; {self.program.name} said:\n{self.said[-SAID:]}"

        await eventually(shown, instead, limit)
        return image

    async def clicks(self, x: int, y: int) -> None:
        """At this place of the desktop it shows."""
        number = await self.window()
        await output("xdotool", "windowactivate", "--sync", number, env=self.display.env)
        await output("xdotool", "mousemove", "--window", number, str(x), str(y), "click", "1", env=self.display.env)

    async def _takes_the_keyboard(self, x: int, y: int) -> None:
        for left in reversed(range(CLICKS)):
            await self.clicks(x, y)
            try:
                await self.sees(has_the_keyboard, "a terminal that has the keyboard", LIMIT / CLICKS)
            except AssertionError:
                if not left:
                    raise
            else:
                return

    async def types(self, text: str, at: tuple[int, int] | None = None) -> None:
        """Key by key, a line feed as Return.

        `at`: a place inside the target's terminal, which is clicked before. The target's window manager gives it the
        keyboard some time after the click: what is typed earlier goes to whoever had it, or to nobody. A click that
        came before the window manager had the window is lost, so that it is made again.
        """
        if at:
            await self._takes_the_keyboard(*at)
        else:
            await output("xdotool", "windowactivate", "--sync", await self.window(), env=self.display.env)
        for part in re.findall(r"\n|[^\n]+", text):
            # What `type` makes of a line feed is a key that no keyboard has.
            keys = ("key", "Return") if part == "\n" else ("type", "--delay", "30", part)
            await output("xdotool", *keys, env=self.display.env)

    async def ends(self, limit: float = LIMIT) -> int:
        """Wait until it ends by itself; its exit status."""
        return await self.program.ends(limit)

    async def says(self, words: str, limit: float = LIMIT) -> None:
        await eventually(lambda: words in self.said, lambda: f"{words!r} in:\n{self.said[-SAID:]}", limit)


@asynccontextmanager
async def _client(screen: Display, name: str, title: str, *argv: str) -> AsyncIterator[Client]:
    program = await screen.running.start(name, *argv, env=screen.env)
    try:
        yield Client(screen, program, title)
    finally:
        await program.stop()


def _title(screen: Display, program: str) -> str:
    screen.clients += 1
    return f"{program}-{screen.clients}"


def _xfreerdp(screen: Display, *argv: str, size: str) -> AbstractAsyncContextManager[Client]:
    title = _title(screen, "xfreerdp")
    trust = () if any(part.startswith("/cert") for part in argv) else ("/cert:ignore",)
    look = (f"/size:{size}", f"/t:{title}", "-decorations", "/log-level:INFO")
    return _client(screen, title, title, "xfreerdp", *argv, *look, *trust)


def xfreerdp(
    screen: Display, host: str, port: int, user: str, password: str, *options: str, size: str = "1024x768"
) -> AbstractAsyncContextManager[Client]:
    """FreeRDP 2; it takes any certificate unless `options` say otherwise."""
    return _xfreerdp(screen, f"/v:{host}:{port}", f"/u:{user}", f"/p:{password}", *options, size=size)


def xfreerdp_file(
    screen: Display, file: Path, password: str, *options: str, size: str = "1024x768"
) -> AbstractAsyncContextManager[Client]:
    """The same, told by an .rdp file where to go and as whom."""
    return _xfreerdp(screen, str(file), f"/p:{password}", *options, size=size)


@asynccontextmanager
async def rdesktop(
    screen: Display, host: str, port: int, user: str, password: str, *options: str, size: str = "1024x768"
) -> AsyncIterator[Client]:
    """rdesktop 1.9; `yes` is answered to its question about the certificate.

    Without its clipboard: while nobody owns the local one, it and xrdp send each other empty data without end.
    """
    title = _title(screen, "rdesktop")
    argv = (
        "sh", "-c", 'yes yes | exec "$@"', "rdesktop", "rdesktop", "-u", user, "-p", password, "-g", size, "-T", title,
        "-a", "32", "-v", "-r", "clipboard:off", *options, f"{host}:{port}",
    )  # fmt: skip
    async with _client(screen, title, title, *argv) as client:
        yield client
