"""A whole visit with real clients and real targets: hold, release, work, pause, notices, end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.fronts.rdp import notices
from gateway.fronts.rdp.pictures import CARD, Tone
from gateway.policy.model import Channel
from gateway.sessions.model import NoticeKind
from tests.rdp.peers import (
    Client,
    Display,
    Target,
    connections_to,
    display,
    eventually,
    looks_like,
    shadow,
    share_of,
    xrdp_vnc,
)
from tests.rdp.peers.screens import output
from tests.rdp.peers.targets import TERMINAL
from tests.rdpfront.conftest import Bench
from tests.rdpfront.twins import TwinConnection

pytestmark = pytest.mark.peer
Made = Callable[[Path], AbstractAsyncContextManager[Target]]
TARGETS = pytest.mark.parametrize("made", [xrdp_vnc, shadow])


@pytest.fixture
async def screen(tmp_path: Path) -> AsyncIterator[Display]:
    async with display(tmp_path / "d") as made:
        yield made


@asynccontextmanager
async def working(bench: Bench, target: Target, screen: Display) -> AsyncIterator[tuple[Client, TwinConnection]]:
    """A client whose person sees the target's desktop."""
    bench.leads_to(target)
    bench.sessions.released.set()
    async with bench.client(screen) as client:
        await client.sees(lambda seen: share_of(seen, target.colour) > 0.5, "the desktop")
        yield client, await bench.entered()


@TARGETS
async def test_a_released_person_works_at_the_target(bench: Bench, tmp_path: Path, screen: Display, made: Made) -> None:
    async with made(tmp_path / "t") as target, bench.client(screen) as client:
        bench.leads_to(target)
        await client.sees(lambda seen: share_of(seen, CARD) > 0.1, "the hold")
        assert connections_to(target.port) == 0
        bench.sessions.released.set()
        await client.sees(lambda seen: share_of(seen, target.colour) > 0.5, "the desktop")
        await client.types("Hello 42\n", at=TERMINAL)
        await target.received("Hello 42\n")


@TARGETS
async def test_what_is_typed_in_a_pause_never_arrives_and_the_person_reads_why(
    bench: Bench, tmp_path: Path, screen: Display, made: Made
) -> None:
    async with made(tmp_path / "t") as target, working(bench, target, screen) as (client, connection):
        await client.types("before\n", at=TERMINAL)
        await target.received("before\n")
        connection.pause(on=True)
        await client.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "the bar")
        await client.types("frozen\n")
        await eventually(lambda: connection.discarded > 0, "discarded keys")
        connection.pause(on=False)
        await client.sees(lambda seen: share_of(seen, Tone.WARN.value) == 0, "no warning any more")
        await client.types("after\n")
        await target.received("after\n")
        assert "frozen" not in target.typed


@TARGETS
async def test_a_kill_cuts_the_target_and_the_person_reads_who_did_it(
    bench: Bench, tmp_path: Path, screen: Display, made: Made
) -> None:
    async with made(tmp_path / "t") as target, working(bench, target, screen) as (client, connection):
        connection.end("Lena Lead ended your session. Please call the control room.")
        await eventually(lambda: connections_to(target.port) == 0, "the target is cut")
        image = await client.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "the last screen")
        assert share_of(image, CARD) > 0.1
        assert await client.ends() != 0


@TARGETS
async def test_every_pdu_that_a_client_got_from_the_target_is_in_the_recording(
    bench: Bench, tmp_path: Path, screen: Display, made: Made
) -> None:
    async with made(tmp_path / "t") as target, working(bench, target, screen):
        stream = await bench.stream()
        await eventually(lambda: bool(stream.of("picture")), "a whole picture")
        kinds = [kind for kind, _ in stream.records]
        assert kinds.index("desktop") < kinds.index("repaint") < kinds.index("picture")
        assert stream.of("desktop")[0] == (1024, 768)


async def test_a_person_sets_the_size_of_his_desktop(bench: Bench, tmp_path: Path, screen: Display) -> None:
    bench.sessions.channels |= {Channel.DISPLAY}
    async with xrdp_vnc(tmp_path / "t") as target:
        bench.leads_to(target)
        bench.sessions.released.set()
        async with bench.client(screen, "/dynamic-resolution") as client:
            await client.sees(lambda seen: share_of(seen, target.colour) > 0.5, "the desktop")
            stream = await bench.stream()
            await output("xdotool", "windowsize", "--sync", await client.window(), "800", "600", env=screen.env)
            await eventually(lambda: (800, 600) in stream.of("desktop"), lambda: f"the size, {stream.of('desktop')}")
            image = await client.sees(lambda seen: share_of(seen, target.colour) > 0.4, "the smaller desktop")
            assert image.size == (800, 600)


async def test_notices_come_and_go_over_the_session(bench: Bench, tmp_path: Path, screen: Display, monkeypatch) -> None:
    monkeypatch.setattr(notices, "SPOKEN", timedelta(seconds=2))
    async with xrdp_vnc(tmp_path / "t") as target, working(bench, target, screen) as (client, connection):
        before = await client.screenshot()
        connection.tell(NoticeKind.MESSAGE, "Lena Lead says: please look at drive 7 before you go on with the others.")
        await client.sees(lambda seen: share_of(seen, Tone.TELL.value) > 0.005, "the message")
        await client.sees(lambda seen: looks_like(seen, before, 0.004), "the desktop as before")
