"""X screens without a monitor, and looking at them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageGrab

from gateway.demo.desktop import Screen, start_screen
from gateway.demo.programs import Programs, programs
from tests.e2e.waiting import LIMIT, eventually


async def output(*argv: str, env: dict[str, str], feed: bytes = b"") -> str:
    """What a short program says; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ) | env,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate(feed)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, f"{argv}: {err.decode(errors='replace')}"
    return out.decode(errors="replace")


async def managed(env: dict[str, str]) -> None:
    """Wait until the screen has its window manager: a click before that gives no window the keyboard."""
    await output("sh", "-c", "until xdotool get_num_desktops 2>/dev/null; do sleep 0.1; done", env=env)


async def copies(running: Programs, env: dict[str, str], text: str) -> None:
    """Put it on the clipboard, as a person does with Ctrl-C. xclip stays to hand it out."""
    source = running.folder / "copied.txt"
    source.write_text(text)
    await running.start("xclip", "xclip", "-quiet", "-selection", "clipboard", "-i", source, env=env)


async def pastes(env: dict[str, str]) -> str:
    """What the clipboard gives; empty when nobody owns it."""
    return await output("sh", "-c", "timeout 5 xclip -selection clipboard -o 2>/dev/null || true", env=env)


class Clipboard(Protocol):
    """A screen whose clipboard can be asked."""

    async def pastes(self) -> str: ...


async def pasted(there: Clipboard, text: str) -> None:
    """Wait until the clipboard over there gives it."""
    got = ""

    async def gives() -> bool:
        nonlocal got
        got = await there.pastes()
        return got == text

    await eventually(gives, lambda: f"{text!r} on the clipboard, which gives {got!r}")


@dataclass
class Display:
    """A screen on which client programs open their windows."""

    screen: Screen
    running: Programs
    clients: int = 0

    @property
    def env(self) -> dict[str, str]:
        return self.screen.env

    @property
    def folder(self) -> Path:
        return self.running.folder

    def picture(self, box: tuple[int, int, int, int] | None = None) -> Image.Image:
        return ImageGrab.grab(bbox=box, xdisplay=self.screen.display).convert("RGB")

    async def copies(self, text: str) -> None:
        await copies(self.running, self.env, text)

    async def pastes(self) -> str:
        return await pastes(self.env)


@asynccontextmanager
async def display(folder: Path, width: int = 1280, height: int = 1024) -> AsyncIterator[Display]:
    folder.mkdir(parents=True, exist_ok=True)
    async with programs(folder) as running:
        screen = await start_screen(running, "Xvfb", "-screen", "0", f"{width}x{height}x24")
        await running.start("openbox", "openbox", env=screen.env)
        await managed(screen.env)
        yield Display(screen, running)
