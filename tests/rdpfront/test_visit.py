"""A visit from the first octet to the last, with a client and a target of our own parts: every way it can go."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.audit import sql
from gateway.errors import Refused
from gateway.fronts.rdp import visitor
from gateway.fronts.rdp.pictures import Tone
from gateway.policy.model import Channel
from gateway.rdp import input as rdp_input
from gateway.rdp.error_info import ErrorInfo
from gateway.rdp.tpkt import FrameKind
from gateway.rdp.x224 import Security
from gateway.sessions.model import EndReason
from tests.rdp.peers import eventually
from tests.rdpfront.conftest import Bench
from tests.rdpfront.lines import Caller, LogonFailed, Plant, caller, plant, reached
from tests.rdpfront.twins import SECRET, TICKET, TwinConnection, TwinStream

A_DOWN, A_UP = rdp_input.KeyEvent(0x1E), rdp_input.KeyEvent(0x1E, rdp_input.KeyFlag.RELEASE)
RED, BLUE = (200, 10, 10), (10, 10, 200)


@pytest.fixture(autouse=True)
def short_last_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "END_SHOWN", visitor.END_SHOWN / 100)


@asynccontextmanager
async def working(
    bench: Bench, certificate: tuple[Path, Path], **of_plant: object
) -> AsyncIterator[tuple[Caller, Plant, TwinConnection, TwinStream]]:
    async with plant(certificate, **of_plant) as target, caller(bench.front.port) as client:
        bench.sessions.target = (target.host, target.port)
        bench.sessions.released.set()
        await client.until(lambda: bool(bench.sessions.connections) and target.active.is_set() and client.twin.active)
        connection = await bench.entered()
        await target.paint(RED)
        await client.sees(RED)
        yield client, target, connection, connection.streams[0]


def keys(target: Plant) -> list[rdp_input.InputEvent]:
    """What arrived of keys."""
    found: list[rdp_input.InputEvent] = []
    for one in target.heard:
        if one.kind is FrameKind.FAST:
            found += [e for e in rdp_input.decode_fast(one.data) if isinstance(e, rdp_input.KeyEvent)]
    return found


async def test_nothing_goes_south_before_the_release(bench: Bench, certificate: tuple[Path, Path]) -> None:
    async with plant(certificate) as target, caller(bench.front.port) as client:
        bench.sessions.target = (target.host, target.port)
        await client.sees(Tone.WAIT.value)
        assert (bench.sessions.dials, target.connections) == (0, 0)
        bench.sessions.released.set()
        await client.until(target.active.is_set)
        assert (bench.sessions.dials, target.connections) == (1, 1)


async def test_every_pdu_from_the_target_on_is_recorded_before_the_client_has_it(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    async with working(bench, certificate) as (client, _, _, stream):
        recorded = stream.of("pdu")
        got = client.got[client.got.index(recorded[0]) :]
        assert got == recorded[: len(got)]
        assert len(got) > 5


async def test_what_is_typed_arrives_and_is_recorded(bench: Bench, certificate: tuple[Path, Path]) -> None:
    async with working(bench, certificate) as (client, target, _, stream):
        client.twin.type(A_DOWN, A_UP)
        await client.until(lambda: keys(target) == [A_DOWN, A_UP] or not client.twin.out)
        await eventually(lambda: keys(target) == [A_DOWN, A_UP], "the key")
        assert b"".join(stream.of("keys")).endswith(rdp_input.keys_of((A_DOWN, A_UP)))


async def test_a_pause_releases_what_is_held_and_nothing_typed_in_it_arrives(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    async with working(bench, certificate) as (client, target, connection, _):
        client.twin.type(A_DOWN)
        await client.until(lambda: True)
        await eventually(lambda: keys(target) == [A_DOWN], "the key")
        connection.pause(on=True)
        await eventually(lambda: keys(target) == [A_DOWN, A_UP], "its release by the gateway")
        client.twin.type(A_DOWN, A_UP)
        await client.until(lambda: connection.discarded > 0 or not client.twin.out)
        await eventually(lambda: connection.discarded > 0, "the discarded keys")
        connection.pause(on=False)
        client.twin.type(A_UP)
        await client.until(lambda: True)
        await eventually(lambda: len(keys(target)) == 3, "the key after the pause")
        assert keys(target) == [A_DOWN, A_UP, A_UP]


async def test_who_may_only_watch_moves_nothing(bench: Bench, certificate: tuple[Path, Path]) -> None:
    bench.sessions.channels = frozenset({Channel.DESKTOP})
    async with working(bench, certificate) as (client, target, _, stream):
        client.twin.type(A_DOWN, A_UP, rdp_input.PointerEvent(rdp_input.PointerFlag.MOVE, 5, 5))
        await client.until(lambda: True)
        await target.paint(BLUE)
        await client.sees(BLUE)
        assert keys(target) == []
        assert stream.about["view_only"] is True
        assert stream.stirs > 0, "he who watches is not idle"


async def test_a_kill_cuts_the_target_shows_who_did_it_and_says_good_bye(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    async with working(bench, certificate) as (client, target, connection, stream):
        (visit,) = bench.front._visitors
        connection.end("Lena ended your session.")
        assert visit._desktop is not None
        assert visit._desktop._leg._cut, "the end takes effect before anything else runs"
        recorded = len(stream.records)
        await asyncio.wait_for(target.closed.wait(), 30)
        await client.sees(Tone.OVER.value)
        await client.until(lambda: client.twin.left)
        assert client.twin.error == ErrorInfo.RPC_INITIATED_DISCONNECT
        assert len(stream.records) == recorded


async def test_after_a_kill_nothing_of_the_target_reaches_the_client(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    async with working(bench, certificate) as (client, target, connection, stream):
        await target.paint(BLUE)
        connection.end("Lena ended your session.")
        await client.until(lambda: client.twin.left)
        passed = [pdu for pdu in stream.of("pdu") if pdu in client.got]
        end = client.got.index(passed[-1])
        assert b"".join(client.got[end + 1 :]).count(bytes(BLUE)) == 0


async def test_a_recorder_that_fails_stops_the_picture_until_it_is_back(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    async with working(bench, certificate) as (client, target, connection, stream):
        connection.failing = True
        await target.paint(BLUE)
        await eventually(lambda: connection.paused, "the pause")
        before = len(stream.of("pdu"))
        connection.failing = False
        assert len(stream.of("pdu")) == before
        connection.pause(on=False)
        await client.sees(BLUE)
        recorded = stream.of("pdu")
        got = client.got[client.got.index(recorded[0]) :]
        assert got == recorded[: len(got)]


@pytest.mark.parametrize(("user", "secret"), [(TICKET, "wrong"), ("nobody", SECRET)])
async def test_a_wrong_ticket_is_a_failed_log_on_and_counts_77(bench: Bench, user: str, secret: str) -> None:
    with pytest.raises(LogonFailed) as failed:
        async with caller(bench.front.port, user, secret):
            pass
    assert failed.value.args == (0xC000006D,)
    await eventually(lambda: bench.tickets.failures == [(user, "127.0.0.1")], "the failure")
    assert not bench.sessions.visits


async def test_a_client_without_credssp_is_told_so_68(bench: Bench) -> None:
    with pytest.raises(LogonFailed) as failed:
        await reached(bench.front.port, Security.TLS)
    assert failed.value.args == (5,)


async def test_a_refusal_is_read_on_the_screen(bench: Bench) -> None:
    bench.tickets.refusal = Refused("grant_ended", "The access that this ticket belongs to is over.")
    async with caller(bench.front.port) as client:
        await client.sees(Tone.OVER.value)
        await client.until(lambda: client.twin.left)
    assert client.twin.error == ErrorInfo.SERVER_DENIED_CONNECTION


async def test_who_leaves_while_he_waits_leaves_the_session(bench: Bench) -> None:
    async with caller(bench.front.port) as client:
        await client.sees(Tone.WAIT.value)
    await eventually(lambda: bench.sessions.visits[0].left, "the visit is over")


async def test_a_newer_client_of_the_same_person_takes_over(bench: Bench, certificate: tuple[Path, Path]) -> None:
    async with working(bench, certificate) as (older, target, connection, _):
        async with caller(bench.front.port) as newer:
            await newer.until(lambda: len(bench.sessions.connections) == 2)
            assert connection.closed
            assert bench.sessions.visits[1].beside == []
            assert target.closed.is_set() or target.connections == 2
        await older.until(lambda: older.twin.left)
        assert older.twin.error == ErrorInfo.DISCONNECTED_BY_OTHER_CONNECTION


async def test_a_target_that_logs_off_is_told_in_words(bench: Bench, certificate: tuple[Path, Path]) -> None:
    async with working(bench, certificate) as (client, target, connection, _):
        await target.says_goodbye(ErrorInfo.LOGOFF_BY_USER)
        await client.until(lambda: client.twin.left)
        reason, words = connection.closed[0]
        assert reason is EndReason.TARGET
        assert "logged off" in words


async def test_another_certificate_gets_no_credential_70(bench: Bench, certificate: tuple[Path, Path]) -> None:
    bench.sessions.certificate_refusal = Refused("certificate_changed", "ews-l4 shows another certificate.")
    bench.sessions.released.set()
    async with plant(certificate) as target, caller(bench.front.port) as client:
        bench.sessions.target = (target.host, target.port)
        await client.until(lambda: client.twin.left)
        assert bench.sessions.connections[0].closed == [(EndReason.TARGET, "ews-l4 shows another certificate.")]
        assert b"".join(target.before_log_on) == b""


@pytest.mark.parametrize(
    ("of_plant", "word"), [({"password": "other"}, "credential"), ({"selected": Security.RDP}, "neither")]
)
async def test_what_is_wrong_with_a_target_is_told(
    bench: Bench, certificate: tuple[Path, Path], of_plant: dict[str, object], word: str
) -> None:
    bench.sessions.released.set()
    async with plant(certificate, **of_plant) as target, caller(bench.front.port) as client:
        bench.sessions.target = (target.host, target.port)
        await client.until(lambda: client.twin.left)
        assert word in bench.sessions.connections[0].closed[0][1]
        assert b"inner" not in b"".join(target.before_log_on)


async def test_a_client_that_does_not_read_stops_the_target_and_a_kill_reaches_both(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    async with working(bench, certificate) as (_, target, connection, stream):
        assert target.wire is not None
        noise = [secrets.token_bytes(15_000) for _ in range(8)]

        async def flood() -> None:
            while not target.closed.is_set():
                await target.noise(noise)
                await asyncio.sleep(0)  # a line that is gone takes everything at once

        async with asyncio.TaskGroup() as tasks:
            flooding = tasks.create_task(flood())
            await eventually(lambda: not target.wire._room.is_set(), "the target has to wait")
            connection.end("Lena ended your session.")
            await asyncio.wait_for(target.closed.wait(), 30)
            await eventually(lambda: not bench.front._visitors, "the client is gone")
            flooding.cancel()
        assert stream.of("pdu")


async def test_a_gateway_that_stops_tells_everybody(bench: Bench, certificate: tuple[Path, Path]) -> None:
    async with working(bench, certificate) as (client, target, _, _), caller(bench.front.port) as _:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bench.front.close())
            await client.sees(Tone.OVER.value)
            await client.until(lambda: client.twin.left)
        assert target.closed.is_set()


async def test_who_leaves_while_the_target_opens_takes_its_connection_along(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    bench.sessions.released.set()
    async with plant(certificate, mute=True) as target:
        bench.sessions.target = (target.host, target.port)
        async with caller(bench.front.port) as client, asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(client.until(lambda: False))
            await eventually(lambda: target.connections == 1, "the dial")
            reading.cancel()
        await asyncio.wait_for(target.closed.wait(), 30)
        await eventually(lambda: bool(bench.sessions.connections[0].closed), "the connection is given back")


async def test_a_kill_while_the_target_opens_cuts_it(bench: Bench, certificate: tuple[Path, Path]) -> None:
    bench.sessions.released.set()
    async with plant(certificate, mute=True) as target, caller(bench.front.port) as client:
        bench.sessions.target = (target.host, target.port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.until(lambda: client.twin.left))
            await eventually(lambda: target.connections == 1, "the dial")
            bench.sessions.connections[0].end("Lena ended your session.")
            await asyncio.wait_for(target.closed.wait(), 30)
        assert client.twin.error == ErrorInfo.RPC_INITIATED_DISCONNECT


async def test_a_denial_while_he_waits_is_read_on_the_screen(bench: Bench) -> None:
    async with caller(bench.front.port) as client:
        await client.sees(Tone.WAIT.value)
        bench.sessions.denial = "Your request was denied by Omar: not today."
        await client.until(lambda: client.twin.left)
        assert client.twin.screen[0, 0][:3] == bytes(Tone.OVER.value)


async def test_a_target_that_breaks_the_protocol_is_left_and_it_is_on_record(
    bench: Bench, certificate: tuple[Path, Path], store
) -> None:
    async with working(bench, certificate) as (client, target, connection, _):
        assert target.wire is not None
        await target.wire.send(b"\x03\x00\x00\x09\x02\xf0\x80\xff\xff")
        await client.until(lambda: client.twin.left)
        reason, words = connection.closed[0]
        assert reason is EndReason.TARGET
        assert "what no desktop may send" in words
        await asyncio.wait_for(target.closed.wait(), 30)
    async with store.read() as tx:
        (event,) = [e.values() for e in await sql.read(tx) if e.name == "rdp.target.failed"]
    assert event["why"] == "protocol"


async def test_a_viewer_gets_a_whole_picture_of_a_still_desktop(bench: Bench, certificate: tuple[Path, Path]) -> None:
    async with working(bench, certificate) as (client, target, connection, stream):
        await client.until(lambda: bool(stream.of("repaint")))
        before = len(stream.of("repaint"))
        connection.on_viewer()
        await eventually(lambda: len(stream.of("repaint")) > before, "the repaint")
        await target.paint(BLUE)
        await client.sees(BLUE)
        await eventually(lambda: bool(stream.of("picture")), "the whole picture")
