"""The way to a target, planted: what it is told, and what it is not, before there is a relay."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import Refused
from gateway.fronts.rdp import leg, setting, visitor
from gateway.inventory.model import CryptoProfile
from gateway.limits import RDP_FREE
from gateway.policy.model import Channel
from gateway.rdp import mcs, x224
from gateway.rdp.gcc import ClientBlocks, CoreServer
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import ConnectionConfirm, Security
from tests.rdp.legacy.server import sc_security
from tests.rdp.peers import eventually
from tests.rdp.wire import target as old
from tests.rdpfront import twins
from tests.rdpfront.conftest import Bench
from tests.rdpfront.lines import LogonFailed, caller, plant
from tests.rdpfront.test_visit import working


@pytest.fixture(autouse=True)
def no_last_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "END_SHOWN", timedelta(0))


@pytest.mark.parametrize(
    "granted",
    [
        {Channel.DESKTOP, Channel.CLIPBOARD_IN},  # who may only watch pastes nothing
        {Channel.DESKTOP, Channel.DESKTOP_INPUT},
        {Channel.DESKTOP, Channel.DESKTOP_INPUT, Channel.DRIVE, Channel.PRINTER, Channel.AUDIO_OUT},  # not carried
    ],
)
async def test_a_channel_that_may_not_be_does_not_exist_for_the_target_74(
    bench: Bench, certificate: tuple[Path, Path], granted: set[Channel]
) -> None:
    bench.sessions.channels = frozenset(granted)
    async with working(bench, certificate) as (_, target, _, _):
        assert target.acceptor is not None
        assert target.acceptor.channels == ()


async def test_a_clipboard_of_one_direction_is_the_one_channel_of_the_target(
    bench: Bench, certificate: tuple[Path, Path]
) -> None:
    bench.sessions.channels = frozenset({Channel.DESKTOP, Channel.CLIPBOARD_OUT})
    async with working(bench, certificate) as (_, target, _, _):
        assert target.acceptor is not None
        assert [name for name, _ in target.acceptor.channels] == ["cliprdr"]


async def test_a_desktop_that_was_not_granted_is_not_dialled_74(bench: Bench) -> None:
    bench.sessions.channels = frozenset({Channel.CLIPBOARD_IN})
    bench.sessions.released.set()
    async with caller(bench.front.port) as client:
        await client.until(lambda: client.twin.left)
    assert bench.sessions.connections
    assert bench.sessions.dials == 0


async def test_failed_log_ons_make_their_source_wait_and_a_mistake_or_two_do_not_77(bench: Bench) -> None:
    clock, penalties = SystemClock(), bench.front._setting.penalties
    for n in range(RDP_FREE + 1):
        assert not penalties.waits("127.0.0.1", clock.instant().boot)
        with pytest.raises(LogonFailed):
            async with caller(bench.front.port, secret="wrong"):
                pass
        await eventually(lambda n=n: len(bench.tickets.failures) == n + 1, "the failure")
    assert penalties.waits("127.0.0.1", clock.instant().boot) > timedelta(0)


@pytest.mark.parametrize("selected", [Security.TLS, Security.HYBRID])
async def test_threat_5_octets_in_clear_before_tls_end_the_way_to_a_target(bench: Bench, selected: Security) -> None:
    """What somebody in between says in clear must not be read as if the target had said it under TLS."""
    heard: list[bytes] = []

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(19)
        writer.write(ConnectionConfirm(selected).encode() + b"\x03")
        heard.append(await reader.read())
        writer.close()

    bench.sessions.released.set()
    async with await asyncio.start_server(target, "127.0.0.4", 0) as server:
        bench.sessions.target = server.sockets[0].getsockname()
        async with caller(bench.front.port) as client:
            await client.until(lambda: client.twin.left)
        await eventually(lambda: bool(heard), "the end at the target")
    assert heard == [b""]


def test_only_a_target_with_an_exception_is_spoken_to_in_old_tls(certificate: tuple[Path, Path]) -> None:
    old = [profile for profile in CryptoProfile if leg._context(profile).minimum_version < ssl.TLSVersion.TLSv1_2]
    assert old == [CryptoProfile.LEGACY]
    assert setting.Certificate.load(*certificate).context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(("days", "entered"), [(1, True), (0, False), (-1, False)])
async def test_a_target_without_tls_hears_nothing_but_under_an_exception_that_holds_69(
    bench: Bench, certificate: tuple[Path, Path], days: int, entered: bool
) -> None:
    bench.sessions.profile, bench.sessions.exceptions = CryptoProfile.LEGACY, (twins.excepted(timedelta(days=days)),)
    bench.sessions.released.set()
    async with plant(certificate, selected=Security.RDP) as target, caller(bench.front.port) as client:
        bench.sessions.target = (target.host, target.port)
        await client.until(lambda: client.twin.left)
    assert any(target.before_log_on) is entered
    assert b"inner" not in b"".join(target.before_log_on)


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_key_of_standard_rdp_security_that_is_not_the_pinned_one_gets_nothing_70(
    bench: Bench, pinned: bool
) -> None:
    heard: list[mcs.DomainPdu] = []
    bench.sessions.profile, bench.sessions.exceptions = CryptoProfile.LEGACY, (twins.excepted(),)
    if not pinned:
        bench.sessions.certificate_refusal = Refused("host_key_changed", "ews-l4 shows another key.")

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(19)
        writer.write(ConnectionConfirm(Security.RDP).encode())
        framer = Framer()
        while not any(isinstance(one, mcs.SendDataRequest) for one in heard) and (data := await reader.read(4096)):
            for one in framer.feed(data):
                heard.append(mcs.decode(x224.data_of(one)))
                writer.write(_answer(heard[-1]))
        writer.close()

    bench.sessions.released.set()
    async with await asyncio.start_server(target, "127.0.0.4", 0) as server:
        bench.sessions.target = server.sockets[0].getsockname()
        async with caller(bench.front.port) as client:
            await client.until(lambda: client.twin.left)
    assert isinstance(heard[0], mcs.ConnectInitial)
    assert any(isinstance(one, mcs.SendDataRequest) for one in heard) is pinned


def _answer(pdu: mcs.DomainPdu) -> bytes:
    """What a target of standard RDP security says to it."""
    match pdu:
        case mcs.ConnectInitial():
            asked = ClientBlocks.decode(pdu.user_data).network.channels
            ids = tuple(range(1004, 1004 + len(asked)))
            return old.connect_response(ids, core=CoreServer(), security=sc_security())
        case mcs.AttachUserRequest():
            return old.attach_confirm()
        case mcs.ChannelJoinRequest():
            return old.join_confirm(pdu.channel)
        case _:
            return b""
