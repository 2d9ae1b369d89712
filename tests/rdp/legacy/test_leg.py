"""The leg to an old target: what is asked in which order, and what never is; against a target of the tests' own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.clock import SystemClock
from gateway.errors import Refused
from gateway.fronts.rdp.leg import OFFERED, Leg
from gateway.inventory.model import CryptoProfile
from gateway.rdp import licence, mcs, x224
from gateway.rdp.client_info import ClientInfo
from gateway.rdp.connector import Demanded
from gateway.rdp.gcc import ClientBlocks, CoreServer
from gateway.rdp.standard_security import LESSER, STRONG
from gateway.rdp.tpkt import Frame, Framer
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRefused, ConnectionRequest, NegotiationFailure, Security
from gateway.sessions.model import Arrival
from tests.rdp.legacy.server import Server, sc_security
from tests.rdp.wire.samples import ALL_CHANNELS, CLIENT, INFO
from tests.rdp.wire.target import DEMAND, attach_confirm, connect_response, indication, join_confirm
from tests.rdpfront.twins import VERA, TwinConnection, TwinSessions, excepted

CHANGED = Refused("host_key_changed", "Target ews-l4 did not show the certificate that this gateway knows it by.")
TOO_NEW = bytes.fromhex("15 0301 0002 02 46")  # TLS 1.0's alert protocol_version
OLD_ANSWERS = (ConnectionRefused(NegotiationFailure.SSL_NOT_ALLOWED), ConnectionConfirm(Security.RDP))


@dataclass
class OldTarget:
    """Answers with `answers`, one a connection, the last for ever; and has one `method`.

    Attributes:
        asked: what X.224 and then CS_SECURITY asked for.
        told: who logged on.
        typed: fast-path input, opened.
        heard: every octet, as on the wire.
    """

    answers: tuple[ConnectionConfirm | ConnectionRefused, ...] = (ConnectionConfirm(Security.RDP),)
    method: int = 2
    level: int = 3
    asked: list[int] = field(default_factory=list)
    told: list[ClientInfo] = field(default_factory=list)
    typed: list[bytes] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    security: Server | None = None
    connections: int = 0
    spoken: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, answer = Framer(), self.answers[min(self.connections, len(self.answers) - 1)]
        self.connections += 1
        self.security = None
        try:
            (first,) = framer.feed(await reader.read(65536))
            self.asked.append(int(ConnectionRequest.decode(first).protocols or 0))
            writer.write(answer.encode())
            while not isinstance(answer, ConnectionRefused) and (data := await reader.read(65536)):
                self.heard += data
                if answer.selected == Security.TLS:
                    writer.write(TOO_NEW)
                    return
                if not all(self.says(frame, writer) for frame in framer.feed(data)):
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    def says(self, frame: Frame, writer: asyncio.StreamWriter) -> bool:
        if self.security is not None and frame.data[0] & 3 == 0:
            self.typed.append(self.security.up.open(frame.data[3:], bool(frame.data[0] & 0x40)))
            self.spoken.set()
            return True
        match mcs.decode(x224.data_of(frame)):
            case mcs.ConnectInitial(user_data=blocks):
                asked = ClientBlocks.decode(blocks)
                self.asked.append(asked.security.methods)
                if not asked.security.methods & self.method:
                    return False
                ids = tuple(range(1004, 1004 + len(asked.network.channels)))
                core = CoreServer(requested=Security(self.asked[-2]))
                writer.write(connect_response(ids, security=sc_security(self.method, self.level), core=core))
            case mcs.AttachUserRequest():
                writer.write(attach_confirm())
            case mcs.ChannelJoinRequest(channel=channel):
                writer.write(join_confirm(channel))
            case mcs.SendDataRequest(data=data) if self.security is None:
                self.security = Server(data, self.method)
            case mcs.SendDataRequest(data=data):
                assert self.security is not None
                _, body = self.security.hears(data)
                self.told.append(ClientInfo.decode(b"\x40\0\0\0" + body))
                writer.write(indication(licence.VALID_CLIENT) + self.security.says(DEMAND).data)
                writer.write(self.security.paints(b"\x05\x00\x00").data)
        return True


@asynccontextmanager
async def between(
    target: OldTarget, profile: CryptoProfile = CryptoProfile.LEGACY, left: timedelta = timedelta(hours=1)
) -> AsyncIterator[tuple[Leg, TwinConnection]]:
    """A leg towards `target`, whose exception lasts for what is `left`."""
    server = await asyncio.start_server(target.serve, "127.0.0.4", 0)
    sessions = TwinSessions(server.sockets[0].getsockname(), profile=profile, exceptions=(excepted(left),))
    arrival = cast("Arrival", SimpleNamespace(person=VERA, target="ews-l4", source="127.0.0.1", client="test"))
    connection = TwinConnection(sessions, sessions.session_of(arrival), 1)
    leg = Leg(connection, SystemClock())
    try:
        yield leg, connection
    finally:
        leg.cut()
        server.close()


async def opened(leg: Leg) -> Demanded:
    return await leg.open(CLIENT, INFO, ALL_CHANNELS)


@pytest.mark.parametrize("answers", [OLD_ANSWERS, OLD_ANSWERS[1:]], ids=["refuses TLS first", "chooses it at once"])
async def test_under_an_exception_an_old_target_is_entered_and_its_pdus_pass_opened_and_sealed(
    answers: tuple[ConnectionConfirm | ConnectionRefused, ...],
) -> None:
    target = OldTarget(answers)
    async with between(target) as (leg, connection):
        demanded = await opened(leg)
        assert demanded.demand == DEMAND
        asked = [int(OFFERED), 0] if len(answers) == 2 else [int(OFFERED)]
        assert target.asked == [*asked, int(STRONG)]
        assert [(one.user, one.password) for one in target.told] == [("engineer", "inner")]
        for secret in ("inner", "engineer"):
            assert secret.encode() not in target.heard
            assert secret.encode("utf-16-le") not in target.heard
        assert len(connection.sessions.certificates) == 1
        async with asyncio.timeout(20):
            picture = await leg.frames.next()
            assert picture is not None
            assert picture.data == bytes.fromhex("00 8006 05 0000")
            await leg.send(bytes.fromhex("04 04 00 1e"))
            await target.spoken.wait()
        assert target.typed == [bytes.fromhex("00 1e")]


@pytest.mark.parametrize("method", [1, 8], ids=["40 bit", "56 bit"])
async def test_lesser_keys_are_asked_for_when_the_target_has_nothing_else(method: int) -> None:
    target = OldTarget(method=method)
    async with between(target) as (leg, _):
        await opened(leg)
    assert target.asked == [int(OFFERED), int(STRONG), int(OFFERED), int(LESSER)]
    assert len(target.told) == 1


async def test_a_target_with_no_method_at_all_is_asked_twice_and_left() -> None:
    target = OldTarget(method=16)
    async with between(target) as (leg, _):
        with pytest.raises(Refused):
            await opened(leg)
    assert target.connections == 2


async def test_threat_4_another_key_gets_no_credential_70() -> None:
    target = OldTarget()
    async with between(target) as (leg, connection):
        connection.sessions.certificate_refusal = CHANGED
        with pytest.raises(Refused, match="knows it by"):
            await opened(leg)
    assert target.security is None
    assert target.told == []


@pytest.mark.parametrize("answers", [OLD_ANSWERS[:1], OLD_ANSWERS[1:]], ids=["refuses TLS", "chooses no TLS"])
@pytest.mark.parametrize("profile", [CryptoProfile.MODERN, CryptoProfile.COMPAT])
async def test_without_an_exception_it_is_not_entered(
    profile: CryptoProfile, answers: tuple[ConnectionConfirm | ConnectionRefused, ...]
) -> None:
    target = OldTarget(answers)
    async with between(target, profile) as (leg, _):
        with pytest.raises(Refused, match="neither TLS nor network level") as refused:
            await opened(leg)
    assert (refused.value.code, target.asked) == ("security", [int(OFFERED)])


async def test_a_target_whose_exception_is_over_hears_nothing_and_the_person_reads_why() -> None:
    target = OldTarget()
    async with between(target, left=timedelta(seconds=-1)) as (leg, connection):
        with pytest.raises(Refused, match="no exception allows that now") as refused:
            await opened(leg)
    assert (refused.value.code, leg.why) == ("legacy_crypto_not_excepted", "legacy_crypto_not_excepted")
    assert (target.asked, connection.sessions.dials) == ([], 0)


async def test_why_a_target_of_old_tls_is_not_entered_is_told() -> None:
    async with between(OldTarget((ConnectionConfirm(Security.TLS),))) as (leg, _):
        with pytest.raises(Refused, match="do not agree on a protocol") as refused:
            await opened(leg)
    assert refused.value.code == "protocol"


@pytest.mark.parametrize("level", [0, 1])
async def test_threat_4_a_target_that_would_send_in_clear_gets_no_credential(level: int) -> None:
    target = OldTarget(level=level)
    async with between(target) as (leg, _):
        with pytest.raises(Refused, match="do not agree on a protocol"):
            await opened(leg)
    assert target.told == []


async def test_who_was_asked_for_standard_rdp_security_does_not_choose_another_69() -> None:
    target = OldTarget((OLD_ANSWERS[0], ConnectionConfirm(Security.TLS)))
    async with between(target) as (leg, _):
        with pytest.raises(Refused, match="do not agree on a protocol"):
            await opened(leg)
    assert target.asked == [int(OFFERED), 0]
