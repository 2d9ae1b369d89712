"""The connector: what a target is asked for, and how it ends."""

from dataclasses import replace

import pytest

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import mcs
from gateway.rdp.client_info import ClientInfo, InfoFlag
from gateway.rdp.connector import ConnectorState, Demanded, Refusal, TargetRefused
from gateway.rdp.gcc import ClientBlocks, ClusterFlag, EarlyCapability, NetworkClient, StaticChannel
from gateway.rdp.x224 import Security
from tests.rdp.wire import samples
from tests.rdp.wire.samples import CLIENT, CORE, INFO, frame
from tests.rdp.wire.target import (
    DEMAND,
    DEMAND_ACTIVE,
    DISCONNECT,
    LOGON,
    REDIRECTION,
    USER,
    VALID,
    Target,
    attach_confirm,
    connect_response,
    connector,
    error_info,
    indication,
    join_confirm,
    said,
)  # fmt: skip


def asked(client: ClientBlocks = CLIENT, **arguments: object) -> ClientBlocks:
    """What a target reads in MCS Connect Initial."""
    (initial,) = said(connector(client, **arguments))  # type: ignore[arg-type]
    assert isinstance(initial, mcs.ConnectInitial)
    return ClientBlocks.decode(initial.user_data)


def told(info: ClientInfo = INFO, channels: frozenset[str] = frozenset()) -> ClientInfo:
    """What a target reads in Client Info."""
    target = Target()
    target.serves(connector(info=info, channels=channels))
    request = target.heard[-1]
    assert isinstance(request, mcs.SendDataRequest)
    return ClientInfo.decode(request.data)


def test_the_sequence_ends_with_the_targets_demand_active() -> None:
    made, target = connector(), Target()
    events = target.serves(made)
    assert events == [Demanded(USER, 1003, {"rdpdr": 1004, "cliprdr": 1005, "rdpsnd": 1006}, DEMAND)]
    assert made.state is ConnectorState.DONE
    assert [type(pdu) for pdu in target.heard] == [
        mcs.ConnectInitial, mcs.ErectDomainRequest, mcs.AttachUserRequest,
        *[mcs.ChannelJoinRequest] * 5, mcs.SendDataRequest,
    ]  # fmt: skip
    joins = [pdu.channel for pdu in target.heard if isinstance(pdu, mcs.ChannelJoinRequest)]
    assert joins == [USER, 1003, 1004, 1005, 1006]


def test_only_the_allowed_channels_exist_for_the_target() -> None:
    target = Target()
    (event,) = target.serves(connector(channels=frozenset({"cliprdr", "drdynvc"})))
    assert isinstance(event, Demanded)
    assert event.channels == {"cliprdr": 1005}
    assert asked(channels=frozenset({"cliprdr"})).network == NetworkClient((StaticChannel("cliprdr", 0xC0200000),))
    assert asked(channels=frozenset()).network == NetworkClient()


def test_a_channel_is_known_whatever_its_case_and_once() -> None:
    """A second `CLIPRDR` would be a channel that no filter watches."""
    twice = NetworkClient((StaticChannel("ClipRdr", 1), StaticChannel("CLIPRDR", 2), StaticChannel("rdpdr", 3)))
    client, channels = replace(CLIENT, network=twice), frozenset({"cliprdr"})
    assert asked(client, channels=channels).network == NetworkClient((StaticChannel("ClipRdr", 1),))
    (event,) = Target().serves(connector(client, channels=channels))
    assert isinstance(event, Demanded)
    assert event.channels == {"cliprdr": 1005}


def test_everything_of_no_use_is_left_out_of_connect_initial() -> None:
    """rdp.md 5.3: monitors, message channel, multitransport; redirection; graphics pipeline, skipped joins."""
    core = CORE.asking(colors=16, depths=1, early=EarlyCapability(0xFFFF), selected=Security.HYBRID_EX)
    others = ((0xC005, bytes(20)), (0xC006, bytes(4)), (0xC008, bytes(8)), (0xC00A, b"\x05\x00\x00\x00"))
    client = replace(CLIENT, core=replace(core, tail=core.tail + bytes(18)), others=others)
    found = asked(client, selected=Security.HYBRID)
    assert found.others == ()
    assert found.cluster is not None
    assert (found.cluster.flags, found.cluster.session) == (ClusterFlag(0x0C), 0)
    assert (found.security.methods, found.security.extended) == (0, 0)
    assert found.core.early == (
        EarlyCapability.ERRINFO_PDU | EarlyCapability.WANT_32BPP | EarlyCapability.STATUSINFO_PDU
        | EarlyCapability.STRONG_ASYMMETRIC_KEYS | EarlyCapability.VALID_CONNECTION_TYPE
        | EarlyCapability.DYNAMIC_TIME_ZONE
    )  # fmt: skip
    assert found.core.selected == Security.HYBRID
    assert (found.core.high_color_depth, found.core.supported_color_depths) == (24, 15)
    assert (found.core.width, found.core.height, found.core.keyboard_layout) == (1280, 1024, 0x409)


def test_an_old_client_is_introduced_as_one_that_the_target_can_talk_to() -> None:
    found = asked(ClientBlocks(replace(CORE, version=0x00080001, tail=b"")))
    assert found.core.version == 0x00080004
    assert found.core.selected == Security.TLS
    assert found.core.early == EarlyCapability.ERRINFO_PDU | EarlyCapability.WANT_32BPP
    assert found.cluster is None


def test_the_account_of_the_grant_logs_on_and_nothing_of_the_ticket_is_told() -> None:
    found = told()
    assert (found.user, found.domain, found.password) == (LOGON.user, LOGON.domain, LOGON.password)
    octets = found.encode()
    for text in (INFO.user, INFO.domain, INFO.password, INFO.shell, INFO.folder):
        assert text.encode("utf-16-le") not in octets
        assert text.encode() not in octets


def test_no_shell_no_compression_no_remote_application_and_no_way_back_in() -> None:
    found = told(replace(INFO, flags=InfoFlag(0xFFFFFFFF)))
    assert (found.shell, found.folder) == ("", "")
    assert samples.COOKIE not in found.extra
    assert found.extra == samples.BEFORE_COOKIE + b"\x00\x00" + bytes(4)
    assert found.flags == (
        InfoFlag.MOUSE | InfoFlag.DISABLECTRLALTDEL | InfoFlag.AUTOLOGON | InfoFlag.UNICODE | InfoFlag.MAXIMIZESHELL
        | InfoFlag.LOGONNOTIFY | InfoFlag.ENABLEWINDOWSKEY | InfoFlag.LOGONERRORS | InfoFlag.MOUSE_HAS_WHEEL
        | InfoFlag.NOAUDIOPLAYBACK | InfoFlag.VIDEO_DISABLE
    )  # fmt: skip


def test_sound_is_asked_for_where_its_channel_is_allowed() -> None:
    assert InfoFlag.NOAUDIOPLAYBACK in told().flags
    assert InfoFlag.NOAUDIOPLAYBACK not in told(channels=frozenset({"rdpsnd"})).flags
    capture = replace(INFO, flags=INFO.flags | InfoFlag.AUDIOCAPTURE)
    assert InfoFlag.AUDIOCAPTURE not in told(capture).flags
    assert InfoFlag.AUDIOCAPTURE in told(capture, frozenset({"drdynvc"})).flags


def test_the_secret_is_in_no_repr() -> None:
    assert LOGON.password not in repr(LOGON)


def through(*answers: bytes) -> list[Demanded | TargetRefused]:
    """What one that asked for no channels makes of these answers."""
    made = connector(channels=frozenset())
    events: list[Demanded | TargetRefused] = []
    for answer in answers:
        events += made.receive(frame(answer))
    assert (made.state is ConnectorState.DONE) == bool(events)
    return events


JOINED = [connect_response(()), attach_confirm(), join_confirm(USER), join_confirm(1003)]


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        ([connect_response((), result=14)], TargetRefused(Refusal.CONNECT, 14)),
        ([DISCONNECT], TargetRefused(Refusal.DISCONNECTED, 1)),
        ([connect_response(()), attach_confirm(None, 13)], TargetRefused(Refusal.ATTACH, 13)),
        ([*JOINED[:2], join_confirm(USER, 5)], TargetRefused(Refusal.JOIN, 5)),
        ([*JOINED[:3], join_confirm(1003, 6)], TargetRefused(Refusal.JOIN, 6)),
        ([*JOINED, error_info(0x0000000C)], TargetRefused(Refusal.ERROR_INFO, 0x0C)),
        ([*JOINED, DISCONNECT], TargetRefused(Refusal.DISCONNECTED, 1)),
        ([*JOINED, VALID, error_info(0x10A)], TargetRefused(Refusal.ERROR_INFO, 0x10A)),
        ([*JOINED, VALID, REDIRECTION], TargetRefused(Refusal.REDIRECTED, 0)),
        ([*JOINED, VALID, DISCONNECT], TargetRefused(Refusal.DISCONNECTED, 1)),
    ],
)
def test_a_target_that_says_no_is_understood(answers: list[bytes], refused: TargetRefused) -> None:
    assert through(*answers) == [refused]


def test_an_error_code_of_zero_is_no_refusal() -> None:
    """2.2.5.1.1: ERRINFO_NONE; xrdp and Windows may send it."""
    assert through(*JOINED, error_info(0), VALID, error_info(0), DEMAND_ACTIVE) == [Demanded(USER, 1003, {}, DEMAND)]


def test_a_channel_that_the_target_does_not_give_is_one_less() -> None:
    made = connector()
    for answer in (
        connect_response((1004, 0, 1006)), attach_confirm(), join_confirm(USER), join_confirm(1003),
        join_confirm(1004), join_confirm(1006, result=mcs.RT_NO_SUCH_CHANNEL), VALID,
    ):  # fmt: skip
        assert made.receive(frame(answer)) == []
    (event,) = made.receive(frame(DEMAND_ACTIVE))
    assert isinstance(event, Demanded)
    assert event.channels == {"rdpdr": 1004}


def test_several_pdus_in_one_are_read_up_to_the_demand_active() -> None:
    both = error_info(0)[14:] + DEMAND
    assert through(*JOINED, VALID, indication(both))[0] == Demanded(USER, 1003, {}, DEMAND)


def test_a_connector_is_used_in_its_order() -> None:
    made = connector()
    with pytest.raises(LocalProtocolError):
        made.start()
    made.data_to_send()
    assert made.data_to_send() == b""
    made.receive(frame(DISCONNECT))
    with pytest.raises(LocalProtocolError):
        made.receive(frame(DISCONNECT))


def test_a_torn_client_info_is_refused_before_anything_is_said() -> None:
    with pytest.raises(RemoteProtocolError):
        connector(info=replace(INFO, extra=samples.EXTRA[:40]))
