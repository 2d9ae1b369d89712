"""MCS PDUs and the BER and PER below them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import ber, mcs, per, x224
from gateway.rdp.octets import Reader
from tests.rdp.wire import samples
from tests.rdp.wire.samples import frame

USER, CHANNEL = st.integers(1001, 0xFFFF), st.integers(0, 0xFFFF)
NUMBER = st.integers(0, 0xFFFFFFFF)
PARAMETERS = st.builds(mcs.DomainParameters, *[NUMBER] * 8)
OCTETS = st.binary(max_size=300)
PDUS = st.one_of(
    st.builds(mcs.ConnectInitial, OCTETS, PARAMETERS, PARAMETERS, PARAMETERS, OCTETS, OCTETS, st.booleans()),
    st.builds(mcs.ConnectResponse, OCTETS, st.integers(0, 15), NUMBER, PARAMETERS),
    st.builds(mcs.ErectDomainRequest, NUMBER, NUMBER),
    st.builds(mcs.DisconnectProviderUltimatum, st.integers(0, 7)),
    st.builds(mcs.AttachUserRequest),
    st.builds(mcs.AttachUserConfirm, st.integers(0, 15), st.one_of(st.none(), USER)),
    st.builds(mcs.ChannelJoinRequest, USER, CHANNEL),
    st.builds(mcs.ChannelJoinConfirm, st.integers(0, 15), USER, CHANNEL, st.one_of(st.none(), CHANNEL)),
    st.builds(mcs.SendDataRequest, USER, CHANNEL, st.binary(max_size=400)),
    st.builds(mcs.SendDataIndication, USER, CHANNEL, st.binary(max_size=400)),
)


@pytest.mark.parametrize(
    ("dump", "pdu"),
    [
        (samples.ERECT_DOMAIN, mcs.ErectDomainRequest(0, 0)),  # 4.1.5
        (samples.ATTACH_USER_REQUEST, mcs.AttachUserRequest()),  # 4.1.6
        (samples.ATTACH_USER_CONFIRM, mcs.AttachUserConfirm(0, 1007)),  # 4.1.7
        (samples.JOIN_REQUEST, mcs.ChannelJoinRequest(1007, 1007)),  # 4.1.8.1.1
        (samples.JOIN_CONFIRM, mcs.ChannelJoinConfirm(0, 1007, 1007, 1007)),  # 4.1.8.1.2
        (samples.SEND_DATA, mcs.SendDataIndication(1002, 1003, samples.SEND_DATA[14:])),  # 4.1.11
        (samples.DISCONNECT, mcs.DisconnectProviderUltimatum(mcs.RN_USER_REQUESTED)),  # 4.2.2
    ],
)
def test_the_dumps_of_the_specification_read_and_write(dump: bytes, pdu: mcs.DomainPdu) -> None:
    assert mcs.decode(x224.data_of(frame(dump))) == pdu
    assert x224.data(pdu.encode()) == dump


def test_the_domain_parameters_of_the_specification_read_although_they_lack_a_sign() -> None:
    """[MS-RDPBCGR] 4.1.3: 65535 as `02 02 ff ff`."""
    found = mcs.decode(x224.data_of(frame(samples.CONNECT_INITIAL)))
    assert isinstance(found, mcs.ConnectInitial)
    assert found == mcs.ConnectInitial(found.user_data)
    assert mcs.decode(found.encode()) == found


def test_an_erect_domain_request_of_rdesktop_is_read() -> None:
    assert mcs.decode(bytes.fromhex("04 0001 0001")) == mcs.ErectDomainRequest(1, 1)


def test_a_refused_join_has_its_result_across_two_octets() -> None:
    """What the prototype sent and xfreerdp took: rt-no-such-domain (4)."""
    refused = mcs.ChannelJoinConfirm(4, 1050, 77, 77)
    assert refused.encode() == bytes.fromhex("3e 80 0031 004d 004d")
    assert mcs.ChannelJoinConfirm(8, 1050, 77, None).encode() == bytes.fromhex("3d 00 0031 004d")
    assert mcs.AttachUserConfirm(15, None).encode() == bytes.fromhex("2d e0")


@given(PDUS)
def test_a_pdu_comes_back_as_it_was(pdu: mcs.DomainPdu) -> None:
    assert mcs.decode(pdu.encode()) == pdu


@given(PDUS, st.data())
def test_a_pdu_with_an_octet_less_or_more_is_refused(pdu: mcs.DomainPdu, draw: st.DataObject) -> None:
    whole = pdu.encode()
    for wrong in (whole[: draw.draw(st.integers(0, len(whole) - 1))], whole + b"\x00"):
        with pytest.raises(RemoteProtocolError):
            mcs.decode(wrong)


@given(st.one_of(st.binary(max_size=64), PDUS.map(lambda pdu: pdu.encode())), st.integers(0, 63), st.integers(0, 255))
def test_anything_at_all_is_a_pdu_or_refused(data: bytes, at: int, octet: int) -> None:
    damaged = data[:at] + bytes((octet,)) + data[at + 1 :]
    try:
        found = mcs.decode(damaged)
    except RemoteProtocolError:
        return
    assert mcs.decode(found.encode()) == found


def test_a_short_length_in_two_octets_is_read() -> None:
    """FreeRDP, xrdp and our prototype write it so."""
    assert mcs.decode(bytes.fromhex("64 0031 03eb 70 8003 616263")) == mcs.SendDataRequest(1050, 1003, b"abc")


@pytest.mark.parametrize(
    "data",
    [
        "", "00", "ff", "30 0000",  # nothing, or PDUs that RDP does not use
        "64 0031 03eb 70 c1 00", "64 0031 03eb 70 05 6162", "64 0031 03eb 40 02 6162",  # fragments, short, segmented
        "64 fffe 03eb 70 02 6162",  # a user id beyond 65535
        "04 00 01 00", "04 05 0000000000 01 00",  # integers without octets, or too many
        "7f65 80 00", "7f65 84 00000001 00", "7f65 82 ffff 00",  # indefinite, over-long, lying
        "7f66 0a 0a05ffffffffff 020100",  # an integer of more than 32 bits
        "7f66 09 0a0100 020100 300100", "7f66 06 0a00 020100 00",
    ],
)  # fmt: skip
def test_a_pdu_that_lies_is_refused(data: str) -> None:
    with pytest.raises(RemoteProtocolError):
        mcs.decode(bytes.fromhex(data))


def test_we_do_not_write_a_pdu_that_cannot_be() -> None:
    assert len(mcs.SendDataRequest(1001, 1, bytes(mcs.DATA_MOST)).encode()) == 8 + mcs.DATA_MOST
    for pdu in (
        mcs.SendDataRequest(1001, 1, bytes(mcs.DATA_MOST + 1)),
        mcs.SendDataRequest(1000, 1, b""),
        mcs.ConnectInitial(bytes(65500)),
    ):
        with pytest.raises(LocalProtocolError):
            pdu.encode()


@given(NUMBER)
def test_a_ber_integer_comes_back(value: int) -> None:
    src = Reader(ber.integer(value), "integer")
    assert ber.read_integer(src) == value
    src.end()


@given(st.integers(0, per.LENGTH_MOST))
def test_a_per_length_comes_back(value: int) -> None:
    src = Reader(per.length(value), "length")
    assert per.read_length(src) == value
    src.end()
