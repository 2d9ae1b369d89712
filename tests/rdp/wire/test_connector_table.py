"""Every PDU in every state: the table allows it, or it is refused. And a target that means harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp import mcs, x224
from gateway.rdp.connector import NEWS_MOST, TRANSITIONS, Arrival, Connector, ConnectorState
from gateway.rdp.gcc import CoreServer, NetworkServer, SecurityServer
from gateway.rdp.licence import LicenceRefused
from gateway.rdp.share import PduType2
from gateway.rdp.tpkt import Frame, FrameKind
from gateway.rdp.x224 import Security
from tests.rdp.wire.samples import frame
from tests.rdp.wire.target import (
    DEACTIVATE_ALL,
    DEMAND_ACTIVE,
    DISCONNECT,
    IO,
    REDIRECTION,
    SECURE_REDIRECTION,
    USER,
    VALID,
    attach_confirm,
    connect_response,
    connector,
    error_info,
    indication,
    join_confirm,
    share_data,
)  # fmt: skip

S, A = ConnectorState, Arrival
LICENCE_REQUEST = indication(bytes.fromhex("80000000 0103 0000"))
WAY = [connect_response(), attach_confirm(), *map(join_confirm, (USER, IO, 1004, 1005, 1006)), VALID, DEMAND_ACTIVE]
STEPS = {S.CONNECT: 0, S.ATTACH: 1, S.JOIN: 2, S.LICENCE: 7, S.DEMAND: 8}
PDUS: dict[str, tuple[bytes, Arrival]] = {
    "connect response": (connect_response(), A.CONNECT_RESPONSE),
    "attach confirm": (attach_confirm(), A.ATTACH_CONFIRM),
    "join confirm": (join_confirm(USER), A.JOIN_CONFIRM),
    "licence granted": (VALID, A.LICENCE_GRANTED),
    "demand active": (DEMAND_ACTIVE, A.DEMAND_ACTIVE),
    "deactivate all": (DEACTIVATE_ALL, A.NEWS),
    "status info": (share_data(PduType2.STATUS_INFO, bytes(4)), A.NEWS),
    "channel data": (indication(bytes(20), 1004), A.NEWS),
    "redirection": (REDIRECTION, A.REFUSAL),
    "redirection without a share header": (SECURE_REDIRECTION, A.REFUSAL),
    "error info": (error_info(7), A.REFUSAL),
    "disconnect": (DISCONNECT, A.REFUSAL),
    "connect initial": (x224.data(mcs.ConnectInitial(b"abc").encode()), A.NEVER),
    "erect domain": (x224.data(mcs.ErectDomainRequest().encode()), A.NEVER),
    "attach request": (x224.data(mcs.AttachUserRequest().encode()), A.NEVER),
    "join request": (x224.data(mcs.ChannelJoinRequest(USER, IO).encode()), A.NEVER),
    "send data request": (x224.data(mcs.SendDataRequest(USER, IO, VALID[14:]).encode()), A.NEVER),
    "confirm active": (indication(bytes.fromhex("0600 1300 ea03")), A.NEVER),
}
ON_IO = {A.LICENCE_GRANTED, A.DEMAND_ACTIVE, A.NEWS, A.REFUSAL}  # what says something only where the I/O channel is


def at(state: ConnectorState) -> Connector:
    made = connector()
    for answer in WAY[: STEPS[state]]:
        assert made.receive(frame(answer)) == []
    assert made.state is state
    return made


@pytest.mark.parametrize("name", PDUS)
@pytest.mark.parametrize("state", STEPS)
def test_every_pdu_in_every_state_is_in_the_table_or_refused(state: ConnectorState, name: str) -> None:
    made, (data, arrival) = at(state), PDUS[name]
    early = arrival in ON_IO and name != "disconnect" and state not in {S.LICENCE, S.DEMAND}
    following = None if early else TRANSITIONS[state].get(arrival)
    if following is None:
        with pytest.raises(RemoteProtocolError):
            made.receive(frame(data))
        assert made.state is state
    else:
        events = made.receive(frame(data))
        assert made.state is following
        assert bool(events) == (following is S.DONE)


def test_the_table_names_every_state_and_ends() -> None:
    assert set(TRANSITIONS) == set(ConnectorState)
    assert TRANSITIONS[S.DONE] == {}
    assert all(A.NEVER not in row for row in TRANSITIONS.values())
    assert all(row[A.REFUSAL] is S.DONE for state, row in TRANSITIONS.items() if state is not S.DONE)


@pytest.mark.parametrize("state", STEPS)
def test_a_fast_path_pdu_before_the_share_is_refused(state: ConnectorState) -> None:
    with pytest.raises(RemoteProtocolError):
        at(state).receive(Frame(FrameKind.FAST, b"\x00\x05\x00\x00\x00"))


@pytest.mark.parametrize(
    "response",
    [
        connect_response((1004, 1005)), connect_response((1004, 1005, 1006, 1007)), connect_response(()),
        connect_response((1004, 1004, 1006)), connect_response((1004, IO, 1006)),  # two channels of one number
        connect_response(network=NetworkServer(0, (1004, 1005, 1006))),
        connect_response(security=SecurityServer(2, 2)),  # RDP's own encryption inside TLS
    ],
)  # fmt: skip
def test_threat_5_a_target_that_mixes_channels_up_is_refused(response: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        at(S.CONNECT).receive(frame(response))


def test_threat_5_somebody_between_us_and_the_target_who_weakens_the_request_is_noticed() -> None:
    """The Connection Request travels in the clear; SC_CORE repeats it inside TLS (2.2.1.4.2)."""
    weakened = connect_response(core=CoreServer(requested=Security.RDP))
    with pytest.raises(RemoteProtocolError, match="saw a request for 0, not 1"):
        at(S.CONNECT).receive(frame(weakened))


@pytest.mark.parametrize("user", [None, IO, 1004])
def test_threat_5_a_user_id_that_is_a_channel_is_refused(user: int | None) -> None:
    with pytest.raises(RemoteProtocolError):
        at(S.ATTACH).receive(frame(attach_confirm(user)))


@pytest.mark.parametrize(
    "confirm",
    [
        join_confirm(IO), join_confirm(USER, user=1050),
        x224.data(mcs.ChannelJoinConfirm(0, USER, USER, 1004).encode()),
        x224.data(mcs.ChannelJoinConfirm(0, USER, USER, None).encode()),
    ],
)  # fmt: skip
def test_threat_5_a_join_that_was_not_asked_for_is_refused(confirm: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        at(S.JOIN).receive(frame(confirm))


def test_threat_5_a_target_cannot_keep_us_busy_for_ever() -> None:
    made, news = at(S.DEMAND), frame(PDUS["status info"][0])
    for _ in range(NEWS_MOST):
        assert made.receive(news) == []
    with pytest.raises(RemoteProtocolError, match="more than 64"):
        made.receive(news)


def test_threat_5_compressed_data_was_never_agreed_upon() -> None:
    data = bytearray(share_data(PduType2.STATUS_INFO, bytes(4)))
    data[14 + 15] = 0x21  # compressedType: PACKET_COMPRESSED, 64 KiB
    with pytest.raises(RemoteProtocolError, match="compressed"):
        at(S.DEMAND).receive(frame(bytes(data)))


def test_a_target_that_wants_a_licence_is_told_apart() -> None:
    with pytest.raises(LicenceRefused, match="licence"):
        at(S.LICENCE).receive(frame(indication(bytes.fromhex("80000000 0203 0400"))))


@given(
    st.sampled_from(list(STEPS)),
    st.sampled_from([data for data, _ in PDUS.values()] + [LICENCE_REQUEST]),
    st.integers(0, 200), st.binary(max_size=6), st.booleans(),
)  # fmt: skip
def test_threat_5_anything_at_all_from_a_target_is_an_event_or_refused(
    state: ConnectorState, data: bytes, place: int, octets: bytes, cut: bool
) -> None:
    made = at(state)
    damaged = data[:place] + octets + (b"" if cut else data[place + len(octets) :])
    for sent in (damaged, octets, x224.data(octets + b"\x00")):
        try:
            if made.state is not S.DONE:
                made.receive(frame(sent))
        except RemoteProtocolError:
            continue
