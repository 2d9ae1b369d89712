"""The DER reader: total, bounded, exact."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp import der
from gateway.rdp.certificate import subject_public_key
from gateway.rdp.credssp_messages import Framer, TsRequest


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_comes_back(value: int) -> None:
    assert der.to_integer(der.only(der.INTEGER, der.integer(value), "test"), "test") == value


@given(st.binary(max_size=70_000))
def test_an_octet_string_comes_back_while_it_is_within_the_bound(value: bytes) -> None:
    whole = der.octets(value)
    if len(whole) > der.MOST_OCTETS:
        with pytest.raises(RemoteProtocolError, match="at most"):
            der.only(der.OCTET_STRING, whole, "test")
    else:
        assert der.only(der.OCTET_STRING, whole, "test") == value


def test_the_shortest_lengths_are_written() -> None:
    assert der.octets(bytes(0x7F))[:2].hex() == "047f"
    assert der.octets(bytes(0x80))[:3].hex() == "048180"
    assert der.octets(bytes(0x100))[:4].hex() == "04820100"


@pytest.mark.parametrize(
    "head",
    ["3080", "3085ffffffffff", "30ff", "308480000000", "3084ffffffff", "3083010001", "1f0101", "bf8101"],
)
def test_a_length_of_two_gigabytes_or_without_end_is_refused_at_once(head: str) -> None:
    """Attack 76: nothing is waited for and nothing is set aside."""
    with pytest.raises(RemoteProtocolError):
        der.extent(bytes.fromhex(head), "test")


def test_an_overlong_length_octet_is_read() -> None:
    assert der.only(der.OCTET_STRING, bytes.fromhex("0482000161"), "test") == b"a"


@given(st.binary(max_size=300))
def test_anything_at_all_is_read_or_refused(data: bytes) -> None:
    elements = der.Elements(data, "test")
    with contextlib.suppress(RemoteProtocolError):
        while elements.left:
            before = elements.left
            elements.any()
            assert elements.left < before


REQUESTS = st.builds(
    TsRequest,
    version=st.integers(1, 2**31 - 1),
    token=st.binary(max_size=300),
    auth_info=st.binary(max_size=300),
    pub_key_auth=st.binary(max_size=100),
    error=st.integers(0, 2**32 - 1),
    nonce=st.sampled_from([b"", bytes(range(32))]),
)


@given(REQUESTS)
def test_a_tsrequest_comes_back(request: TsRequest) -> None:
    assert TsRequest.decode(request.encode()) == request


@given(REQUESTS, st.data())
def test_a_truncated_tsrequest_is_refused(request: TsRequest, data: st.DataObject) -> None:
    whole = request.encode()
    with pytest.raises(RemoteProtocolError):
        TsRequest.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(REQUESTS, st.data())
def test_a_tsrequest_with_a_changed_octet_is_read_or_refused(request: TsRequest, data: st.DataObject) -> None:
    whole = bytearray(request.encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RemoteProtocolError):
        TsRequest.decode(bytes(whole))


@given(st.lists(REQUESTS, min_size=1, max_size=4), st.integers(1, 50))
def test_requests_are_cut_alike_however_they_arrive(requests: list[TsRequest], slice_octets: int) -> None:
    stream = b"".join(request.encode() for request in requests)
    framer, found = Framer(), []
    for start in range(0, len(stream), slice_octets):
        framer.feed(stream[start : start + slice_octets])
        while (whole := framer.next()) is not None:
            found.append(TsRequest.decode(whole))
    assert found == requests
    assert framer.rest() == b""


@given(st.binary(max_size=400))
def test_anything_at_all_is_a_certificate_or_refused(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        subject_public_key(data)
