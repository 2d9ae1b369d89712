"""The story of a desktop with real clients, a whole gateway and real targets, from the ticket to the proof."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from gateway.fronts.rdp import visitor
from gateway.fronts.rdp.pictures import CARD, Tone
from gateway.policy.model import Channel
from gateway.recording.model import Kind, Record
from tests.rdp.decoded import painted
from tests.rdp.peers import Client, Sesman, eventually, looks_like, pasted, rdesktop, sesman, share_of, xfreerdp
from tests.rdp.peers.screens import output
from tests.rdp.peers.targets import TERMINAL, shadow, xrdp_vnc
from tests.rdp.stage import DESKTOP, HERE, Stage, forms, stage

LINE = 0.002  # of a window: a line or two of single pixels is no bar
pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_a_vendors_visit_from_the_ticket_to_the_proof(tmp_path: Path, monkeypatch, made) -> None:
    async with stage(tmp_path, monkeypatch, made, released=False, last=visitor.END_SHOWN) as s:
        sessions, lena = s.home.gateway.services.sessions, await s.home.person("lena")
        async with s.vera() as vera:
            # She waits in her own window, and nothing goes to the target.
            await vera.sees(lambda seen: share_of(seen, CARD) > 0.1, "the hold")
            assert s.door.connections == 0

            # Lena releases: the desktop comes up in the same window, logged on with what only the vault knows.
            await s.home.released(s.grant)
            await s.shows(vera)
            assert s.door.connections == 1
            await vera.types("ramp 17\n", at=TERMINAL)
            await s.target.received("ramp 17\n")
            live = await s.home.session()

            # A pause: what is typed is gone for good; the picture stays; she reads why.
            await sessions.pause(live.session.id, lena, HERE)
            await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "the pause")
            await vera.types("frozen\n")
            await eventually(lambda: live.discarded > 0, "discarded input")
            await sessions.resume(live.session.id, lena, HERE)
            await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) < LINE, "no warning any more")
            await vera.types("thawed\n")
            await s.target.received("thawed\n")
            assert s.target.typed == "ramp 17\nthawed\n"
            before = await vera.screenshot()

            # Lena ends it: the target is cut, and the last screen says who did it.
            await s.kill()
            await vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "the last screen")
            await eventually(lambda: s.door.open == 0, "the end of the connection to the target")
            await vera.ends()
        assert s.door.connections == 1

        await proved(s)
        records = await s.records()
        assert looks_like(painted(_before_the_end(records)), before, tolerance=0.03)
        assert all(record.payload in s.home.sent[s.home.port] for record in records if record.kind == Kind.PDU)
        assert hidden(s) == []
        if made is xrdp_vnc:  # and what was looked for is what was sent to the target, where it belongs
            south = b"".join(data for port, data in s.home.sent.items() if port != s.home.port)
            assert any(form in south for form in forms(s.target.password))


async def proved(s: Stage) -> None:
    """The stand-alone verifier finds the recording whole and in the log."""
    status, report = await s.home.verified(s.folder / "away", await s.home.recording())
    assert status == 0, report


def hidden(s: Stage) -> list[str]:
    """Where the target's password and the ticket are in the clear that should not be (access model, security 66)."""
    home, password = s.home, s.target.password
    found = [
        f"password in what was sent from port {port}"
        for port, data in home.sent.items()
        if port == home.port and any(form in data for form in forms(password))
    ]
    found += [
        f"{what} in {path.name}"
        for path in home.folder.rglob("*")
        if path.is_file()
        for what, secret in (("password", password), ("ticket", s.ticket.secret))
        if any(form in path.read_bytes() for form in forms(secret))
    ]
    return found


def _before_the_end(records: list[Record]) -> list[Record]:
    """Up to the decision that ended it: what follows is the gateway's own last screen."""
    return list(takewhile(lambda record: not (record.kind == Kind.DECISION and b'"kill"' in record.payload), records))


@asynccontextmanager
async def visit(
    folder: Path, patch: pytest.MonkeyPatch, made=xrdp_vnc, *options: str, channels=DESKTOP, minutes: int = 30
) -> AsyncIterator[tuple[Stage, Client]]:
    """Vera at a desktop that was released; her client has `options`, her grant `channels` and `minutes`."""
    async with (
        stage(folder, patch, made, channels=channels, minutes=minutes, last=visitor.END_SHOWN) as s,
        s.vera(*options) as vera,
    ):
        await s.shows(vera)
        yield s, vera


async def test_the_end_of_the_time_is_announced_and_comes(tmp_path: Path, monkeypatch) -> None:
    async with visit(tmp_path, monkeypatch, minutes=6) as (s, vera):
        s.home.clock.pass_time(timedelta(seconds=70))
        await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "five minutes more")
        s.home.clock.pass_time(timedelta(minutes=5))
        await vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "the last screen")
        await eventually(lambda: s.door.open == 0, "the end of the connection to the target")
        await vera.ends()
        await proved(s)


@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_a_bar_that_is_over_leaves_nothing_of_itself(tmp_path: Path, monkeypatch, made) -> None:
    async with visit(tmp_path, monkeypatch, made) as (s, vera):
        sessions, lena = s.home.gateway.services.sessions, await s.home.person("lena")
        live = await s.home.session()
        await sessions.pause(live.session.id, lena, HERE)
        await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) > 0.005, "the pause")
        await sessions.resume(live.session.id, lena, HERE)
        await vera.sees(lambda seen: share_of(seen, Tone.WARN.value) < LINE, "no warning any more")
        image = await vera.sees(lambda seen: share_of(seen, Tone.TELL.value) < LINE, "no notice any more")
        assert share_of(image, Tone.WARN.value) == 0


BOTH_WAYS = {Channel.CLIPBOARD_IN, Channel.CLIPBOARD_OUT}


@pytest.mark.parametrize("allowed", [frozenset(), frozenset({Channel.CLIPBOARD_OUT}), frozenset(BOTH_WAYS)])
async def test_the_clipboard_goes_where_the_grant_says_and_what_passes_is_on_record(
    tmp_path: Path, monkeypatch, allowed: frozenset[Channel]
) -> None:
    async with visit(tmp_path, monkeypatch, sesman, "+clipboard", channels=DESKTOP | allowed) as (s, vera):
        assert isinstance(s.target, Sesman)
        await s.target.begun()
        passed = []
        for channel, source, there in (
            (Channel.CLIPBOARD_OUT, s.target, s.screen),
            (Channel.CLIPBOARD_IN, s.screen, s.target),
        ):
            text = f"AXIS 4 {channel}"
            await source.copies(text)
            if channel in allowed:
                await pasted(there, text)
                passed.append(text)
            else:
                # Work that is shown goes the same way: what could have come with it has come.
                await vera.types(f"{channel}\n", at=TERMINAL)
                await s.target.received(f"{channel}\n")
                assert await there.pastes() != text
        await s.kill()
        records = await s.records()
        texts = [json.loads(record.payload)["text"] for record in records if record.kind == Kind.CLIPBOARD]
        assert sorted(set(texts)) == sorted(passed)


async def test_who_may_only_look_moves_nothing(tmp_path: Path, monkeypatch) -> None:
    async with visit(tmp_path, monkeypatch, channels=frozenset({Channel.DESKTOP})) as (s, vera):
        await vera.types("not for you\n", at=TERMINAL)
        await s.kill()
        await eventually(lambda: s.door.open == 0, "the end of the connection to the target")
        # Whoever stands before the machine itself types after her: what could have come from her has come.
        await output("xdotool", "type", "mine", env=s.target.screen.env)
        await s.target.received("mine")
        assert s.target.typed == "mine"


@pytest.mark.parametrize("options", [("/gfx", "/rfx", "+compression"), ("/bpp:16",)], ids=" ".join)
@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_whatever_a_client_can_do_the_recording_shows_what_it_showed(
    tmp_path: Path, monkeypatch, made, options: tuple[str, ...]
) -> None:
    async with visit(tmp_path, monkeypatch, made, *options) as (s, vera):
        await vera.types("shown\n", at=TERMINAL)
        await s.target.received("shown\n")
        before = await vera.screenshot()
        await s.kill()
        records = await s.records()
        assert looks_like(painted(_before_the_end(records)), before, tolerance=0.03)


async def test_who_has_no_ticket_gets_no_further_than_credssp(tmp_path: Path, monkeypatch) -> None:
    async with stage(tmp_path, monkeypatch) as s:
        home, screen, ticket = s.home, s.screen, s.ticket
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
        assert s.door.connections == 0
