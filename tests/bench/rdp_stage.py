"""What the RDP measurements play on: two desktops, the gateway and a plain relay before the first; and their loads."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gateway.demo.programs import Program
from gateway.rdp.input import PointerEvent, PointerFlag
from tests.bench.rdp_client import Desk, Way, desk
from tests.bench.rdp_process import Process, process
from tests.rdp.peers.screens import output
from tests.rdp.peers.targets import Target, xrdp_vnc

PATHS = ("direct", "relay", "gateway")
HERE = "127.0.0.1"
ENTER = 0x1C
LETTERS = range(0x10, 0x1A)  # scan codes of the row under the digits
SETTLED = 1.2  # seconds after the first picture: the gateway's own first repaint is over
# Coloured lines as fast as the terminal takes them, with a rest every 20 lines as compilers and installers have.
SCROLLING = (
    "xterm", "-geometry", "120x40+10+10", "-T", "scrolling", "-e", "bash", "-c",
    r"""i=0; while :; do i=$((i+1))
    printf "\e[3$((i%7+1))m%08d the quick brown fox jumps over the lazy dog %s\e[0m\n" $i $RANDOM$RANDOM
    [ $((i%20)) = 0 ] && sleep 0.05; done""",
)  # fmt: skip
# Another page of a directory every ten seconds, in a window that is moved every twenty.
LIGHT = (
    "xterm", "-geometry", "80x24+400+300", "-T", "light", "-e", "bash", "-c",
    r"""n=0; while :; do n=$((n+1)); clear; ls -l --color=always /usr/bin | tail -n +$((n*40%800)) | head -22
    [ $((n%2)) = 0 ] && xdotool search --name '^light$' windowmove $((300+n%4*60)) $((280+n%4*20))
    sleep 10; done""",
)  # fmt: skip


@dataclass
class Stage:
    """Attributes:
    desk: the desktop that is measured; `crowded` another one like it, which all others look at.
    """

    desk: Target
    crowded: Target
    gateway: Process
    relay: Process
    recordings: Path
    spent: int = 0  # numbers of the measured desktop's visits so far

    async def cpu(self, path: str) -> float:
        """Seconds of CPU of what lies between client and target so far; nothing does on the direct way."""
        if path == "direct":
            return 0.0
        return float((await (self.gateway if path == "gateway" else self.relay).ask("use"))["cpu"])

    async def pss(self) -> float:
        return float((await self.gateway.ask("use"))["pss_kib"])

    @asynccontextmanager
    async def at(self, path: str) -> AsyncIterator[tuple[Desk, float]]:
        """A client that sees the whole desktop, and how long that took: from the connect, or from the release."""
        async with AsyncExitStack() as stack:
            if path == "gateway":
                one, began = await self._released(stack)
            else:
                port, began = self.desk.port if path == "direct" else int(self.relay.hello["port"]), time.monotonic()
                host = self.desk.host if path == "direct" else HERE
                one = await stack.enter_async_context(desk(Way(host, port, self.desk.user, self.desk.password, False)))
            shares = 2 if path == "gateway" else 1
            await one.until(lambda it: it.shares == shares and bool(it.whole_at))
            yield one, one.whole_at - began
        if path == "gateway":
            await self.gateway.ask(f"end {2 * self.spent - 2} 1")

    async def _released(self, stack: AsyncExitStack) -> tuple[Desk, float]:
        n, self.spent = 2 * self.spent, self.spent + 1
        ((user, secret),) = (await self.gateway.ask(f"arm {n} 1"))["tickets"]
        one = await stack.enter_async_context(desk(Way(HERE, int(self.gateway.hello["rdp"]), user, secret, True)))
        await one.until(lambda it: bool(it.whole_at))
        return one, float((await self.gateway.ask(f"release {n}"))["at"])

    async def session(self) -> str:
        """The newest visit's session."""
        return str((await self.gateway.ask(f"session {2 * self.spent - 2}"))["id"])

    def recorded(self, session: str = "") -> int:
        """Octets of its recording so far, or of all; what is not signed yet is not there yet."""
        return sum(file.stat().st_size for file in self.recordings.rglob("*.slg") if session in file.name)

    @asynccontextmanager
    async def load(self, name: str, target: Target) -> AsyncIterator[None]:
        """What the target's own programs paint."""
        argv = {"scrolling": SCROLLING, "light": LIGHT}.get(name)
        program: Program | None = None
        if argv:
            program = await target.running.start(name, *argv, env=target.screen.env)
            await _shown(target, name)
            await _focused(target)
        try:
            yield
        finally:
            if program:
                await program.stop()


@asynccontextmanager
async def stage(folder: Path, visits: int) -> AsyncIterator[Stage]:
    """`visits`: how many sessions there will be at most on either desktop."""
    async with (
        xrdp_vnc(folder / "desk", password=PASSWORD) as one,
        xrdp_vnc(folder / "crowded", password=PASSWORD) as other,
        process("tests.bench.rdp_relay", one.host, str(one.port)) as relay,
        process(
            "tests.bench.rdp_gatewayd",
            str(folder / "gateway"),
            one.host,
            f"{one.port},{other.port}",
            str(2 * visits),
            PASSWORD,
        ) as gateway,
    ):
        for target in (one, other):
            _as_installed(target)
        yield Stage(one, other, gateway, relay, folder / "gateway" / "recordings")


PASSWORD = "Xv-real7"  # of both desktops: VncAuth looks at eight characters


def _as_installed(target: Target) -> None:
    """Bitmaps compressed, as Debian's own settings of xrdp have it; it reads them anew for each connection."""
    settings = target.folder / "xrdp.ini"
    settings.write_text(settings.read_text().replace("max_bpp=32\n", "max_bpp=32\nbitmap_compression=true\n"))


async def _shown(target: Target, title: str) -> None:
    await output("xdotool", "search", "--sync", "--onlyvisible", "--name", f"^{title}$", env=target.screen.env)


async def _focused(target: Target) -> None:
    """Give the keyboard to the terminal that writes down what it gets: the one that runs `sh`."""
    await output(
        "xdotool", "search", "--onlyvisible", "--name", "^sh$", "windowactivate", "--sync", env=target.screen.env
    )


# --- what hands do


async def typing(one: Desk) -> None:
    """Six keys a second, and a line feed after sixty."""
    for n in count(1):
        one.press(ENTER if n % 60 == 0 else LETTERS[n % len(LETTERS)])
        await asyncio.sleep(1 / 6)


async def light(one: Desk, code: int = 0) -> None:
    """Of twenty seconds ten with two keys each, four of moving the mouse, six of looking.

    `code`: a key that writes nothing, where many share one screen; else letters.
    """
    for turn in count():
        for n in range(20):
            one.press(code or LETTERS[n % len(LETTERS)])
            await asyncio.sleep(0.5)
        for n in range(20):
            one.send(PointerEvent(PointerFlag.MOVE, 600 + 2 * n, 700 + turn % 20))
            await asyncio.sleep(0.2)
        if not code:
            one.press(ENTER)
        await asyncio.sleep(6)


async def looking(one: Desk) -> None:
    """Nothing."""


HANDS = {"typing": typing, "scrolling": looking, "light": light}
