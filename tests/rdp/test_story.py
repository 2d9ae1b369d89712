"""The story of a desktop with real clients, a whole gateway and real targets, from the ticket to the proof."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from gateway.fronts.rdp.pictures import CARD, Tone
from gateway.policy.model import Channel
from gateway.recording.model import Kind, Record
from tests.rdp.decoded import painted
from tests.rdp.house import DESKTOP, HERE, House, house
from tests.rdp.peers import (
    Client,
    Display,
    Probe,
    Sesman,
    Target,
    display,
    eventually,
    looks_like,
    pasted,
    probe,
    rdesktop,
    sesman,
    shadow,
    share_of,
    xfreerdp,
    xrdp_vnc,
)
from tests.rdp.peers.targets import TERMINAL

LINE = 0.002  # of a window: a line or two of single pixels is no bar
pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


async def shows(client: Client, target: Target) -> None:
    await client.sees(lambda seen: share_of(seen, target.colour) > 0.5, "the desktop")


def forms(secret: str) -> list[bytes]:
    """How a secret may be written on the wire."""
    return [secret.encode(), secret.encode("utf-16-le")]


@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_a_vendors_visit_from_the_ticket_to_the_proof(tmp_path: Path, monkeypatch, made) -> None:
    async with (
        made(tmp_path / "t") as target,
        probe(target.host, (target.host, target.port)) as door,
        house(tmp_path / "g", target, monkeypatch, door=door, user=target.user) as home,
        display(tmp_path / "d") as screen,
    ):
        s, lena = home.gateway.services, await home.person("lena")
        grant = await home.granted()
        ticket = await home.ticket(grant)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as vera:
            # She waits in her own window, and nothing goes to the target.
            await vera.sees(lambda seen: share_of(seen, CARD) > 0.1, "the hold")
            assert door.connections == 0

            # Lena releases: the desktop comes up in the same window, logged on with what only the vault knows.
            await home.released(grant)
            await shows(vera, target)
            assert door.connections == 1
            await vera.types("ramp 17\n", at=TERMINAL)
            await target.received("ramp 17\n")
            live = await home.session()

            # A pause: what is typed is gone for good; the picture stays; she reads why.
            await s.sessions.pause(live.session.id, lena, HERE)
            await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "the pause")
            await vera.types("frozen\n")
            await eventually(lambda: live.discarded > 0, "discarded input")
            await s.sessions.resume(live.session.id, lena, HERE)
            await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) < LINE, "no warning any more")
            await vera.types("thawed\n")
            await target.received("thawed\n")
            assert target.typed == "ramp 17\nthawed\n"
            before = await vera.screenshot()

            # Lena ends it: the target is cut, and the last screen says who did it.
            await s.sessions.kill(live.session.id, lena, HERE, "wrong drive")
            await vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "the last screen")
            await eventually(lambda: door.open == 0, "the end of the connection to the target")
            await vera.ends()
        assert door.connections == 1

        await proved(home, tmp_path)
        records = home.records(await home.recording())
        assert looks_like(painted(_before_the_end(records)), before, tolerance=0.03)
        assert all(record.payload in home.sent[home.port] for record in records if record.kind == Kind.PDU)
        assert hidden(home, target, ticket.secret) == []
        if made is xrdp_vnc:  # and what was looked for is what was sent to the target, where it belongs
            south = b"".join(data for port, data in home.sent.items() if port != home.port)
            assert any(form in south for form in forms(target.password))


async def proved(home: House, folder: Path) -> None:
    """The stand-alone verifier finds the recording whole and in the log."""
    status, report = await home.verified(folder / "away", await home.recording())
    assert status == 0, report


def hidden(home: House, target: Target, ticket: str) -> list[str]:
    """Where the target's password and the ticket are in the clear that should not be (access model, security 66)."""
    found = [
        f"password in what was sent from port {port}"
        for port, data in home.sent.items()
        if port == home.port and any(form in data for form in forms(target.password))
    ]
    found += [
        f"{what} in {path.name}"
        for path in home.folder.rglob("*")
        if path.is_file()
        for what, secret in (("password", target.password), ("ticket", ticket))
        if any(form in path.read_bytes() for form in forms(secret))
    ]
    return found


def _before_the_end(records: list[Record]) -> list[Record]:
    """Up to the decision that ended it: what follows is the gateway's own last screen."""
    return list(takewhile(lambda record: not (record.kind == Kind.DECISION and b'"kill"' in record.payload), records))


@dataclass
class Visit:
    """Vera at a desktop that was released."""

    home: House
    target: Target
    door: Probe
    screen: Display
    vera: Client

    async def killed(self) -> None:
        """Lena ends it; her client's last screen is not waited for."""
        live = await self.home.session()
        await self.home.gateway.services.sessions.kill(live.session.id, await self.home.person("lena"), HERE, "done")


@asynccontextmanager
async def visit(
    folder: Path, patch: pytest.MonkeyPatch, made=xrdp_vnc, *options: str, channels=DESKTOP, minutes: int = 30
) -> AsyncIterator[Visit]:
    """Vera's client has `options`, her grant `channels` and `minutes`."""
    async with (
        made(folder / "t") as target,
        probe(target.host, (target.host, target.port)) as door,
        house(folder / "g", target, patch, door=door, user=target.user) as home,
        display(folder / "d") as screen,
    ):
        grant = await home.granted(channels, minutes)
        ticket = await home.ticket(grant)
        await home.released(grant)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret, *options) as vera:
            await shows(vera, target)
            yield Visit(home, target, door, screen, vera)


async def test_the_end_of_the_time_is_announced_and_comes(tmp_path: Path, monkeypatch) -> None:
    async with visit(tmp_path, monkeypatch, minutes=6) as v:
        v.home.clock.pass_time(timedelta(seconds=70))
        await v.vera.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "five minutes more")
        v.home.clock.pass_time(timedelta(minutes=5))
        await v.vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "the last screen")
        await eventually(lambda: v.door.open == 0, "the end of the connection to the target")
        await v.vera.ends()
        await proved(v.home, tmp_path)


@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_a_bar_that_is_over_leaves_nothing_of_itself(tmp_path: Path, monkeypatch, made) -> None:
    async with visit(tmp_path, monkeypatch, made) as v:
        sessions, lena = v.home.gateway.services.sessions, await v.home.person("lena")
        live = await v.home.session()
        await sessions.pause(live.session.id, lena, HERE)
        await v.vera.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "the pause")
        await sessions.resume(live.session.id, lena, HERE)
        await v.vera.sees(lambda seen: share_of(seen, Tone.WARN.value) < LINE, "no warning any more")
        image = await v.vera.sees(lambda seen: share_of(seen, Tone.TELL.value) < LINE, "no notice any more")
        assert share_of(image, Tone.WARN.value) == 0


BOTH_WAYS = {Channel.CLIPBOARD_IN, Channel.CLIPBOARD_OUT}


@pytest.mark.parametrize("allowed", [frozenset(), frozenset({Channel.CLIPBOARD_OUT}), frozenset(BOTH_WAYS)])
async def test_the_clipboard_goes_where_the_grant_says_and_what_passes_is_on_record(
    tmp_path: Path, monkeypatch, allowed: frozenset[Channel]
) -> None:
    async with visit(tmp_path, monkeypatch, sesman, "+clipboard", channels=DESKTOP | allowed) as v:
        assert isinstance(v.target, Sesman)
        await v.target.begun()
        passed = []
        for channel, source, there in (
            (Channel.CLIPBOARD_OUT, v.target, v.screen),
            (Channel.CLIPBOARD_IN, v.screen, v.target),
        ):
            text = f"AXIS 4 {channel}"
            await source.copies(text)
            if channel in allowed:
                await pasted(there, text)
                passed.append(text)
            else:
                # Work that is shown goes the same way: what could have come with it has come.
                await v.vera.types(f"{channel}\n", at=TERMINAL)
                await v.target.received(f"{channel}\n")
                assert await there.pastes() != text
        await v.killed()
        records = v.home.records(await v.home.recording())
        texts = [json.loads(record.payload)["text"] for record in records if record.kind == Kind.CLIPBOARD]
        assert sorted(set(texts)) == sorted(passed)


async def test_who_may_only_look_moves_nothing(tmp_path: Path, monkeypatch) -> None:
    async with visit(tmp_path, monkeypatch, channels=frozenset({Channel.DESKTOP})) as v:
        await v.vera.types("not for you\n", at=TERMINAL)
        await v.killed()
        assert v.target.typed == ""


@pytest.mark.parametrize("options", [("/gfx", "/rfx", "+compression"), ("/bpp:16",)], ids=" ".join)
@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_whatever_a_client_can_do_the_recording_shows_what_it_showed(
    tmp_path: Path, monkeypatch, made, options: tuple[str, ...]
) -> None:
    async with visit(tmp_path, monkeypatch, made, *options) as v:
        await v.vera.types("shown\n", at=TERMINAL)
        await v.target.received("shown\n")
        before = await v.vera.screenshot()
        await v.killed()
        records = v.home.records(await v.home.recording())
        assert looks_like(painted(_before_the_end(records)), before, tolerance=0.03)


async def test_who_has_no_ticket_gets_no_further_than_credssp(tmp_path: Path, monkeypatch) -> None:
    async with (
        xrdp_vnc(tmp_path / "t") as target,
        probe(target.host, (target.host, target.port)) as door,
        house(tmp_path / "g", target, monkeypatch, door=door, user=target.user) as home,
        display(tmp_path / "d") as screen,
    ):
        grant = await home.granted()
        ticket = await home.ticket(grant)
        await home.released(grant)
        for user, password in ((ticket.id, "a" * 26), ("vera", home.logins["vera"].password)):
            async with xfreerdp(screen, HERE, home.port, user, password) as mallory:
                assert await mallory.ends() != 0
                assert "STATUS_LOGON_FAILURE" in mallory.said
            home.clock.pass_time(timedelta(minutes=5))  # after a failure nobody from that address gets in for a while
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret, "/sec:tls") as bare:
            assert await bare.ends() != 0
            assert "HYBRID_REQUIRED_BY_SERVER" in bare.said
        async with rdesktop(screen, HERE, home.port, ticket.id, ticket.secret) as old:
            assert await old.ends() != 0  # it knows no NTLM, and no certificate with a key that is not RSA
        assert door.connections == 0
