"""Several sessions side by side in the control room, and a page that stands still: no session waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from gateway.identity.model import Factor, FactorProof
from gateway.inventory.model import Conduit, CredentialKind, Protocol, TargetClass, Tier
from gateway.limits import WATCH_QUEUE
from gateway.policy.model import USUAL_CHANNELS, Channel
from gateway.recording.model import Kind, Record
from gateway.sessions.connection import Connection
from gateway.sessions.model import Arrival, EndReason
from gateway.sessions.stream import Stream
from tests.browser.pages import desks
from tests.browser.test_desktop_pages import GREEN, HEIGHT, RED, WIDTH, both, drawing, shows
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

HERE = "127.0.0.1"
WORKSTATION = TargetClass.WORKSTATION
FIRST = {Protocol.SSH: Channel.SHELL, Protocol.RDP: Channel.DESKTOP}
ROUNDS = 64


async def with_places(site: Site) -> None:
    """Two more workstations: one at a time works at each."""
    inventory, omar = site.gateway.services.inventory, await site.person("omar")
    was = Conduit("remote", "line4", frozenset({Protocol.SSH}))
    await inventory.change_conduit("sam", was, frozenset({Protocol.SSH, Protocol.RDP}))
    kinds = {Protocol.SSH: ("ews-l5", CredentialKind.CERTIFICATE), Protocol.RDP: ("ews-l6", CredentialKind.PASSWORD)}
    for protocol, (name, kind) in kinds.items():
        await inventory.add_target("sam", name, f"Workstation {name}", "line4", Tier.T1, WORKSTATION, [omar.id])
        await inventory.add_service("sam", name, protocol, "127.0.0.9", 22)
        secret = b"never typed" if kind is CredentialKind.PASSWORD else None
        await inventory.add_account("sam", name, "engineer", kind, secret)


@asynccontextmanager
async def inside(site: Site, target: str, protocol: Protocol) -> AsyncIterator[tuple[Connection, Stream]]:
    """Vera, asked, approved, released and entered; the front before the target is the test."""
    s = site.gateway.services
    vera, omar, lena = [await site.person(name) for name in ("vera", "omar", "lena")]
    now = s.clock.now()

    def proof(person, factor: Factor = Factor.TOTP) -> FactorProof:
        return FactorProof(person.id, factor, now, HERE)

    request = await s.access.ask(
        vera, target_name=target, protocol=protocol, not_before=now, not_after=now + timedelta(hours=4),
        duration=timedelta(minutes=30), purpose="Replace the drive", work_order="WO-8812", source=HERE,
        channels=USUAL_CHANNELS[protocol],
    )  # fmt: skip
    decided = await s.access.approve(request.id, omar, proof(omar), digest=request.wanted.digest())
    assert decided.grant is not None
    await s.access.release(decided.grant, lena, proof(lena))
    proofs = (proof(vera, Factor.PASSWORD), proof(vera))
    visit = await s.sessions.arrive(Arrival(vera, target, "", protocol, HERE, "the test", proofs))
    assert await visit.settled(timedelta(seconds=20))
    connection = await visit.enter()
    await connection.permit(FIRST[protocol])
    try:
        if protocol is Protocol.RDP:
            yield connection, connection.open_stream("desktop", {})
        else:
            yield connection, connection.open_stream("shell", {"columns": 80, "rows": 24}, (80, 24))
    finally:
        await connection.close(EndReason.CLIENT)


class Painter:
    """What a front does for a desktop: the whole picture when its colour changes, and for whoever begins to watch."""

    def __init__(self, connection: Connection, stream: Stream) -> None:
        self._stream, self._colour, self.pdus = stream, RED, 0
        stream.desktop(WIDTH, HEIGHT)
        connection.on_viewer = lambda: self.paint(self._colour)

    def paint(self, colour: tuple[int, int, int]) -> None:
        self._colour = colour
        self._stream.repaint()
        for pdu in drawing(colour):
            self._stream.shown(pdu)
            self.pdus += 1
        self._stream.repainted()


async def recorded(site: Site, connection: Connection) -> list[Record]:
    found, at = list[Record](), 0
    while True:
        part = await site.gateway.services.recordings.records(connection.session.id, actor="ada", from_us=at)
        found += part.records
        if part.next_us is None:
            return found
        at = part.next_us


async def test_three_sessions_side_by_side_go_on_while_the_page_that_shows_them_stands_still_34(
    tmp_path: Path,
) -> None:
    async with running_site(tmp_path / "gateway", local=False) as site, desks(site, "lena") as (lena,):
        await with_places(site)
        async with (
            inside(site, "ews-l4", Protocol.SSH) as (terminal, first),
            inside(site, "ews-l5", Protocol.SSH) as (_, second),
            inside(site, "ews-l6", Protocol.RDP) as (desktop, screen),
        ):
            painter = Painter(desktop, screen)
            await lena.sign_in()
            await lena.page.get_by_role("button", name="Live tiles").click()
            terminals = lena.page.get_by_label("Live terminal")
            await expect(terminals).to_have_count(2)
            await expect(lena.page.get_by_label("Live desktop")).to_be_visible()
            first.output(b"axis 4 stopped\r\n")
            second.output(b"axis 5 runs\r\n")
            await expect(terminals.filter(has_text="axis 4 stopped")).to_have_count(1)
            await expect(terminals.filter(has_text="axis 5 runs")).to_have_count(1)
            await shows(lena, RED)
            await both(lena, "lena-sees-three-live-tiles")

            # The page stands still: what is shown goes on, and is recorded, octet for octet.
            debugger = await lena.page.context.new_cdp_session(lena.page)
            still = asyncio.Event()
            debugger.on("Debugger.paused", lambda _: still.set())
            await debugger.send("Debugger.enable")
            await debugger.send("Debugger.pause")
            async with asyncio.timeout(20):
                await still.wait()
            line = b"x" * 1022 + b"\r\n"
            flood = 0
            for _ in range(ROUNDS):
                for _ in range(2 * WATCH_QUEUE // ROUNDS // len(line)):
                    first.output(line)
                    flood += len(line)
                painter.paint(RED)
                await site.person("vera")  # the gateway does other things meanwhile
            painter.paint(GREEN)
            first.output(b"\x1b[2J\x1b[Haxis 4 turns again\r\n")

            await debugger.send("Debugger.disable")
            await expect(terminals.filter(has_text="axis 4 turns again")).to_have_count(1)
            await expect(terminals.filter(has_text="axis 5 runs")).to_have_count(1)
            await shows(lena, GREEN)
        shown = [r for r in await recorded(site, terminal) if r.kind == Kind.OUTPUT]
        assert sum(len(r.payload) for r in shown) > flood >= 2 * WATCH_QUEUE - ROUNDS * len(line)
        pdus = [r for r in await recorded(site, desktop) if r.kind == Kind.PDU]
        assert len(pdus) == painter.pdus
        assert lena.problems == []
