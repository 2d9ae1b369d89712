"""Client Info."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.client_info import ClientInfo, InfoFlag
from tests.rdp.wire import samples
from tests.rdp.wire.samples import INFO

U32 = st.integers(0, 0xFFFFFFFF)
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
LATIN = st.text(st.characters(max_codepoint=255), max_size=80)


def infos(text: st.SearchStrategy[str], flag: InfoFlag) -> st.SearchStrategy[ClientInfo]:
    flags = U32.map(lambda value: InfoFlag(value) & ~InfoFlag.UNICODE | flag)
    return st.builds(ClientInfo, U32, flags, text, text, text, text, text, st.binary(max_size=60))


INFOS = st.one_of(infos(UNICODE, InfoFlag.UNICODE), infos(LATIN, InfoFlag(0)))


def test_client_info_has_its_fields_in_their_places() -> None:
    """2.2.1.11.1.1: lengths without nulls, then strings with them."""
    info = ClientInfo(0, InfoFlag.UNICODE, "D", "us", "", "", "x", b"extra")
    assert info.encode() == bytes.fromhex(
        "4000 0000 00000000 10000000 0200 0400 0000 0000 0200 4400 0000 7500 7300 0000 0000 0000 7800 0000"
    ) + b"extra"  # fmt: skip
    assert ClientInfo.decode(info.encode()) == info


@given(INFOS)
def test_client_info_comes_back_as_it_was(info: ClientInfo) -> None:
    assert ClientInfo.decode(info.encode()) == info


@given(INFOS, st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_anything_at_all_is_client_info_or_refused(info: ClientInfo, at: int, octets: bytes) -> None:
    whole = info.encode()
    for damaged in (whole[:at], whole[:at] + octets + whole[at + len(octets) :], octets * 20):
        try:
            found = ClientInfo.decode(damaged)
            assert ClientInfo.decode(found.encode()) == found
            found.without_reconnect_cookie()
        except RemoteProtocolError:
            continue


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\x00\x00" + data[2:],  # another kind of PDU
        lambda data: data[:12] + b"\xff\xff" + data[14:],  # a string longer than everything
        lambda data: data[:12] + b"\x02\x02" + data[14:],  # 514 octets
        lambda data: data[:12] + b"\x09\x00" + data[14:],  # half a character
        lambda data: data[:12] + b"\x08\x00" + data[14:],  # a null that is not where it belongs
        lambda data: data[:22] + b"\x00\xd8" + data[24:],  # half a surrogate pair
        lambda data: data[:40],
        lambda data: data + bytes(5000),
    ],
)
def test_client_info_that_lies_is_refused(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(RemoteProtocolError):
        ClientInfo.decode(damage(INFO.encode()))


def test_only_the_reconnect_cookie_is_cut_out() -> None:
    assert INFO.without_reconnect_cookie().extra == samples.BEFORE_COOKIE + b"\x00\x00" + bytes(4)
    assert replace(INFO, extra=b"").without_reconnect_cookie().extra == b""


@pytest.mark.parametrize("missing", ["clientTimeZone", "clientSessionId", "performanceFlags", "cbAutoReconnectCookie"])
def test_extended_information_may_end_before_any_optional_field(missing: str) -> None:
    left = {"clientTimeZone": 180, "clientSessionId": 8, "performanceFlags": 4, "cbAutoReconnectCookie": 0}[missing]
    extra = samples.BEFORE_COOKIE[: len(samples.BEFORE_COOKIE) - left]
    assert replace(INFO, extra=extra).without_reconnect_cookie().extra == extra


@pytest.mark.parametrize("length", [1, 3, 10, 40, 200, len(samples.BEFORE_COOKIE) + 1, len(samples.BEFORE_COOKIE) + 9])
def test_extended_information_that_is_torn_is_refused(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        replace(INFO, extra=samples.EXTRA[:length]).without_reconnect_cookie()


def test_threat_the_password_is_in_no_repr() -> None:
    assert "secret of the ticket" not in repr(INFO)
    assert "vvvv" not in repr(INFO)


def test_we_do_not_write_strings_that_cannot_be() -> None:
    for info in (
        replace(INFO, user="u" * 257),
        replace(INFO, user="\ud800"),
        replace(INFO, user="Ж", flags=InfoFlag.MOUSE),
    ):
        with pytest.raises(LocalProtocolError) as caught:
            info.encode()
        assert caught.value.__cause__ is None
        assert "Ж" not in str(caught.value)
