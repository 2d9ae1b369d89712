"""Connection Request and Confirm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import x224
from gateway.rdp.tpkt import Frame, FrameKind
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRefused, ConnectionRequest, NegotiationFailure, Security
from tests.rdp.wire import samples
from tests.rdp.wire.samples import frame

CORRELATION = bytes.fromhex("06002400") + bytes(range(16)) + bytes(16)  # 2.2.1.1.2
FIXED = "e0 00 00 00 00 00"
TEXT = st.text("abcdefgXYZ0123456789=:.- ", min_size=1, max_size=60)


def request(rest: str, length: int | None = None) -> Frame:
    """A CR whose LI is `length`, or right."""
    body = bytes.fromhex(rest)
    octets = bytes((len(body) if length is None else length,)) + body
    return frame(b"\x03\x00" + (4 + len(octets)).to_bytes(2, "big") + octets)


def test_the_request_of_the_specification_reads_and_writes() -> None:
    """[MS-RDPBCGR] 4.1.1."""
    found = ConnectionRequest.decode(frame(samples.CONNECTION_REQUEST))
    assert found == ConnectionRequest(Security.RDP, cookie="eltons")
    assert found.encode() == samples.CONNECTION_REQUEST


def test_the_confirm_of_the_specification_reads_and_writes() -> None:
    """[MS-RDPBCGR] 4.1.2."""
    found = x224.decode_confirm(frame(samples.CONNECTION_CONFIRM))
    assert found == ConnectionConfirm(Security.RDP, 0)
    assert found.encode() == samples.CONNECTION_CONFIRM


REQUESTS = st.builds(
    ConnectionRequest,
    st.one_of(st.none(), st.integers(0, 0xFFFFFFFF).map(Security)),
    cookie=st.just(""),
    routing=st.one_of(st.just(""), TEXT.map("tsv://MS Terminal Services Plugin.1.".__add__)),
) | st.builds(
    ConnectionRequest,
    st.integers(0, 0xFFFFFFFF).map(Security),
    cookie=TEXT,
    flags=st.integers(0, 255).map(lambda flags: flags | x224.CORRELATION_INFO_PRESENT),
    correlation=st.just(CORRELATION),
)


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(made: ConnectionRequest) -> None:
    assert ConnectionRequest.decode(frame(made.encode())) == made


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 255))
def test_a_confirm_comes_back_as_it_was(number: int, flags: int) -> None:
    for made in (ConnectionConfirm(Security(number), flags), ConnectionRefused(number)):
        assert x224.decode_confirm(frame(made.encode())) == made


def test_a_client_without_negotiation_is_told_apart() -> None:
    assert ConnectionRequest.decode(request(FIXED)) == ConnectionRequest(None)
    assert ConnectionRequest.decode(request(FIXED + "416263 0d0a")) == ConnectionRequest(None, routing="Abc")


def test_a_server_without_negotiation_chose_rdp_security() -> None:
    assert x224.decode_confirm(request("d0 00 00 00 00 00")) == ConnectionConfirm(Security.RDP, 0)


def test_a_failure_is_what_it_says() -> None:
    refused = ConnectionRefused(NegotiationFailure.HYBRID_REQUIRED)
    assert refused.encode() == bytes.fromhex("03 00 00 13 0e d0 00 00 12 34 00 03 00 08 00 05 00 00 00")


def test_a_cookie_may_hold_the_octet_of_a_negotiation() -> None:
    """A CR LF inside RDP_NEG_REQ is no end of a cookie: flags 0x0d cannot be one."""
    found = ConnectionRequest.decode(request(FIXED + "01 00 08 00 0d 0a 00 00"))
    assert found.protocols == 0x0A0D


@pytest.mark.parametrize(
    ("rest", "length"),
    [
        ("", 0), ("e0", 1), (FIXED, 5), (FIXED, 7), (FIXED, 255),  # LI lies
        ("d0 00 00 00 00 00", None), ("f0 00 00 00 00 00", None),  # another TPDU
        ("e0 00 00 00 00 40", None),  # class 4
        (FIXED + "01 00 08 00 03 00 00", None), (FIXED + "01 00 09 00 03 00 00 00 00", None),  # length of RDP_NEG_REQ
        (FIXED + "02 00 08 00 03 00 00 00", None),  # a server's
        (FIXED + "01 00 08 00 03 00 00 00 ff", None),  # something after it
        (FIXED + "01 08 08 00 03 00 00 00", None), (FIXED + "01 08 08 00 03 00 00 00 06 00 24 00", None),  # correlation
        (FIXED + "41 62 63", None),  # a line without its end
    ],
)  # fmt: skip
def test_a_request_that_lies_is_refused(rest: str, length: int | None) -> None:
    with pytest.raises(RemoteProtocolError):
        ConnectionRequest.decode(request(rest, length))


@given(st.binary(max_size=80))
def test_anything_at_all_is_a_request_a_confirm_or_refused(data: bytes) -> None:
    octets = bytes((min(len(data) + 1, 255), 0xE0)) + data
    for whole in (data, b"\x03\x00\x00\x00" + octets, b"\x03\x00\x00\x00" + octets.replace(b"\xe0", b"\xd0", 1)):
        for decode in (ConnectionRequest.decode, x224.decode_confirm, x224.data_of):
            try:
                decode(frame(whole))
            except RemoteProtocolError:
                continue


def test_data_lies_in_a_data_tpdu() -> None:
    assert x224.data(b"\x28") == samples.ATTACH_USER_REQUEST
    assert x224.data_of(frame(samples.ATTACH_USER_REQUEST)) == b"\x28"
    for wrong in (samples.CONNECTION_REQUEST, x224.data(b"\x28")[:7], b"\x03\x00\x00\x08\x02\xf0\x00\x28"):
        with pytest.raises(RemoteProtocolError):
            x224.data_of(frame(wrong))
    with pytest.raises(RemoteProtocolError):
        x224.data_of(Frame(FrameKind.FAST, samples.ATTACH_USER_REQUEST))
    with pytest.raises(RemoteProtocolError):
        ConnectionRequest.decode(Frame(FrameKind.FAST, samples.CONNECTION_REQUEST))


def test_we_do_not_write_a_request_that_cannot_be() -> None:
    for made in (
        ConnectionRequest(None, cookie="a", routing="b"),
        ConnectionRequest(None, routing="a\r\nb"),
        ConnectionRequest(None, routing="a" * 250),
    ):
        with pytest.raises(LocalProtocolError):
            made.encode()
