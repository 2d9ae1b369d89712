"""Targets that speak RDP: Debian's xrdp in front of Xvnc, and FreeRDP's shadow server with NLA.

Each shows a plain colour, and a terminal at its left upper corner that writes what is typed into a file.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.demo.desktop import SECURITY, Screen, desktop, listening, start_screen
from gateway.demo.programs import Programs, programs, until
from tests.e2e.waiting import eventually
from tests.ports import free_port
from tests.rdp.peers.pictures import Colour
from tests.rdp.peers.screens import managed, output

STEELBLUE: Final = (70, 130, 180)
SEAGREEN: Final = (46, 139, 87)
TERMINAL: Final = (200, 200)  # a place inside the terminal: click before typing
ADDRESS: Final = "127.0.0.4"


@dataclass
class Target:
    """A desktop that listens for RDP."""

    host: str
    port: int
    user: str
    password: str
    colour: Colour
    screen: Screen
    folder: Path
    running: Programs

    @property
    def typed(self) -> str:
        """What has arrived in its terminal."""
        file = self.folder / "typed.txt"
        return file.read_text(errors="replace") if file.exists() else ""

    def log(self, name: str) -> str:
        """What its program `name` wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    async def received(self, text: str) -> None:
        """Wait until it arrived."""
        await eventually(lambda: text in self.typed, lambda: f"{text!r}, there is {self.typed!r}")


async def _terminal(running: Programs, screen: Screen, file: Path) -> None:
    """Whatever is typed goes to `file` at once, letter by letter."""
    env = screen.env
    await managed(env)
    script = f"stty -icanon; : > {file}; exec cat -u >> {file}"
    await running.start("xterm", "xterm", "-geometry", "80x24+40+40", "-e", "sh", "-c", script, env=env)
    await until(file.exists, "the terminal")
    await output(
        "xdotool", "search", "--sync", "--onlyvisible", "--class", "XTerm", "windowactivate", "--sync", env=env
    )


@asynccontextmanager
async def xrdp_vnc(
    folder: Path, *, host: str = ADDRESS, user: str = "desk", password: str = "Xv-real7", size: str = "1024x768",
    security: str = SECURITY,
) -> AsyncIterator[Target]:  # fmt: skip
    """Target A: TLS alone; the password of Client Info has to open the screen, any user name does."""
    port = free_port(host)
    now = SystemClock().now()
    async with desktop(folder, host, port, password, now, size=size, security=security) as made:
        await _terminal(made.running, made.screen, folder / "typed.txt")
        yield Target(host, port, user, password, STEELBLUE, made.screen, folder, made.running)


@asynccontextmanager
async def shadow(
    folder: Path, *, host: str = ADDRESS, user: str = "svc_real", password: str = "RealPass!77", size: str = "1024x768"
) -> AsyncIterator[Target]:
    """Target B: NLA with NTLM, against a file of hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(host)
    async with programs(folder) as running:
        screen = await start_screen(running, "Xvfb", "-screen", "0", f"{size}x24")
        await running.start("openbox", "openbox", env=screen.env)
        await output("xsetroot", "-solid", "seagreen", env=screen.env)
        await _terminal(running, screen, folder / "typed.txt")
        (folder / "SAM").write_text(await output("winpr-hash", "-u", user, "-p", password, "-f", "sam", env={}))
        server = await running.start(
            "shadow", "freerdp-shadow-cli", f"/port:{port}", f"/bind-address:{host}", "/sec:nla",
            f"/sam-file:{folder}/SAM", "+auth", env=screen.env,
        )  # fmt: skip
        await until(lambda: listening(port), "the shadow server", server)
        yield Target(host, port, user, password, SEAGREEN, screen, folder, running)
