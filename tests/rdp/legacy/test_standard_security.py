"""Keys, MACs and PDUs of standard RDP security ([MS-RDPBCGR] 5.3), against a server of the tests' own."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import mcs, share, x224
from gateway.rdp.capabilities import Capability, Kind
from gateway.rdp.standard_security import (
    LESSER,
    STRONG,
    TRANSITIONS,
    Flag,
    Method,
    NoCommonMethod,
    SecurityState,
    StandardSecurity,
)
from gateway.rdp.standard_security_keys import UPDATE_EVERY, derive
from gateway.rdp.tpkt import Frame, FrameKind, Framer
from tests.rdp.legacy.server import Server, sc_security

METHODS = [Method.BITS_128, Method.BITS_56, Method.BITS_40]
FAST_INPUT = bytes.fromhex("04 04 00 1e")  # one scan code
IO = 1003


def agreed(method: Method = STRONG) -> tuple[StandardSecurity, Server]:
    made = StandardSecurity(method)
    made.agree(sc_security(method))
    made.trust()
    return made, Server(made.exchange(), method)


def request(data: bytes, channel: int = IO) -> bytes:
    return x224.data(mcs.SendDataRequest(1007, channel, data).encode())


def sent(octets: bytes) -> list[mcs.DomainPdu]:
    return [mcs.decode(x224.data_of(frame)) for frame in Framer().feed(octets)]


def data_of(frame: Frame) -> bytes:
    pdu = mcs.decode(x224.data_of(frame))
    assert isinstance(pdu, mcs.SendDataIndication)
    return pdu.data


# --- keys


def test_weaker_keys_begin_with_octets_that_everybody_knows_5_3_5_1() -> None:
    full, some, few = (derive(b"c" * 32, b"s" * 32, method) for method in METHODS)
    for long, shorter, short in zip(*((k.mac, k.encrypt, k.decrypt) for k in (full, some, few)), strict=True):
        assert len(long) == 16
        assert shorter == b"\xd1" + long[1:8]
        assert short == b"\xd1\x26\x9e" + long[3:8]


def test_keys_are_not_shown() -> None:
    keys = derive(b"c" * 32, b"s" * 32, STRONG)
    assert repr(keys) == "SessionKeys()"


@pytest.mark.parametrize("method", [Method(0), Method.FIPS, STRONG | LESSER])
def test_there_is_one_method_and_it_is_known(method: Method) -> None:
    with pytest.raises(LocalProtocolError):
        derive(bytes(32), bytes(32), method)


# --- the start


@pytest.mark.parametrize("method", METHODS)
def test_both_sides_have_the_same_keys_whatever_their_length(method: Method) -> None:
    made, server = agreed(method)
    assert server.hears(made.seal_headed(b"\x40\0\0\0who I am")) == (Flag.ENCRYPT | 0x40, b"who I am")
    assert made.open_data(data_of(server.says(b"welcome"))) == (Flag(0), b"welcome")


@pytest.mark.parametrize(
    ("asked", "method"),
    [(STRONG, 1), (STRONG, 8), (STRONG, 0), (STRONG, 0x10), (LESSER, 2), (LESSER, 9), (LESSER | STRONG, 0x22)],
)
def test_a_target_does_not_choose_what_was_not_asked_for(asked: Method, method: int) -> None:
    with pytest.raises(NoCommonMethod):
        StandardSecurity(asked).agree(sc_security(method))


@pytest.mark.parametrize("level", [0, 1, 4, 0xFFFFFFFF])
def test_threat_4_a_target_that_would_send_in_clear_is_left(level: int) -> None:
    with pytest.raises(RemoteProtocolError):
        StandardSecurity().agree(sc_security(level=level))


@pytest.mark.parametrize("keys", [b"", bytes(8), struct.pack("<II", 32, 0), struct.pack("<II", 31, 0) + bytes(31)])
def test_threat_5_server_security_data_that_lie_are_refused(keys: bytes) -> None:
    broken = sc_security()
    with pytest.raises(RemoteProtocolError):
        StandardSecurity().agree(type(broken)(broken.method, broken.level, keys))


def test_nothing_is_sealed_before_the_key_is_trusted() -> None:
    made = StandardSecurity()
    steps = [made.exchange, made.trust, lambda: made.seal_headed(bytes(8)), lambda: made.seal(FAST_INPUT)]
    for step in steps:
        with pytest.raises(LocalProtocolError):
            step()
    made.agree(sc_security())
    for step in (made.exchange, *steps[2:], lambda: made.agree(sc_security())):
        with pytest.raises(LocalProtocolError):
            step()
    made.trust()
    made.exchange()
    with pytest.raises(LocalProtocolError):
        made.exchange()


def test_every_state_but_the_last_leads_on() -> None:
    assert set(TRANSITIONS) == set(SecurityState) - {SecurityState.SECURE}


# --- PDUs


@pytest.mark.parametrize("salted", [False, True], ids=["MAC", "salted MAC"])
@pytest.mark.parametrize("method", METHODS)
def test_whole_pdus_go_and_come_as_under_tls(method: Method, salted: bool) -> None:
    made, server = agreed(method)
    made.salted = salted
    for turn in range(3):
        first, fast, join = sent_three(made)
        assert first.channel == 1005
        assert server.hears(first.data) == (0x808 if salted else 8, b"on a channel")
        assert (fast[0], len(fast)) == (0xC4 if salted else 0x84, fast[1] << 8 & 0x7FFF | fast[2])
        assert server.up.open(fast[3:], salted) == FAST_INPUT[2:]
        assert join == mcs.ChannelJoinRequest(1007, IO)
        assert data_of(made.open(server.says(b"share data", salted=salted))) == b"share data"
        picture = made.open(server.paints(b"\x05\x00\x00" * (turn + 1), salted=salted))
        assert picture.data == bytes((0, 0x80, 6 + 3 * turn)) + b"\x05\x00\x00" * (turn + 1)


def sent_three(made: StandardSecurity) -> tuple[mcs.SendDataRequest, bytes, mcs.DomainPdu]:
    join = x224.data(mcs.ChannelJoinRequest(1007, IO).encode())
    slow, fast, other = Framer().feed(made.seal(request(b"on a channel", 1005) + FAST_INPUT + join))
    pdu = mcs.decode(x224.data_of(slow))
    assert isinstance(pdu, mcs.SendDataRequest)
    assert fast.kind is FrameKind.FAST
    return pdu, fast.data, mcs.decode(x224.data_of(other))


def test_what_is_no_send_data_comes_as_it_is() -> None:
    made, _ = agreed()
    frame = Frame(FrameKind.SLOW, x224.data(mcs.DisconnectProviderUltimatum(1).encode()))
    assert made.open(frame) == frame


@pytest.mark.parametrize("method", METHODS)
def test_after_4096_packets_there_is_another_key_each_way_5_3_7(method: Method) -> None:
    made, server = agreed(method)
    made.salted = True
    for _ in range(2 * UPDATE_EVERY + 2):
        assert server.up.open(made.seal(FAST_INPUT)[3:], salted=True) == FAST_INPUT[2:]
    for number in range(UPDATE_EVERY + 2):
        body = struct.pack("<I", number)
        assert made.open(server.paints(body)).data[3:] == body
    assert server.up.now != server.up.key
    assert server.down.now != server.down.key


def test_the_salted_mac_is_used_once_the_target_says_that_it_reads_it() -> None:
    made, _ = agreed()
    made.learn([Capability(Kind.BITMAP, b"\xff" * 24), Capability(Kind.GENERAL, bytes(10) + b"\x0d\x04" + bytes(8))])
    assert not made.salted
    made.learn([Capability(Kind.GENERAL, bytes(10) + b"\x15\x04" + bytes(8))])
    assert made.salted


def test_threat_5_a_client_whose_pdu_leaves_no_room_for_a_mac_broke_the_protocol() -> None:
    made, server = agreed()
    (pdu,) = sent(made.seal(request(bytes(mcs.DATA_MOST - 12))))
    assert isinstance(pdu, mcs.SendDataRequest)
    assert server.hears(pdu.data)[1] == bytes(mcs.DATA_MOST - 12)
    with pytest.raises(RemoteProtocolError, match="no room"):
        made.seal(request(bytes(mcs.DATA_MOST - 11)))


def test_half_a_pdu_is_not_sealed() -> None:
    made, _ = agreed()
    with pytest.raises(LocalProtocolError):
        made.seal(request(b"data")[:-1])


# --- what a target or somebody between may try


@pytest.mark.parametrize("at", [-1, -5, -12, -13])
def test_threat_4_a_pdu_that_was_changed_on_its_way_is_refused(at: int) -> None:
    made, server = agreed()
    frame = server.says(b"hello")
    changed = bytearray(frame.data)
    changed[at] ^= 1
    with pytest.raises(RemoteProtocolError, match="MAC"):
        made.open(Frame(frame.kind, bytes(changed)))


def test_threat_4_a_pdu_that_comes_twice_is_refused() -> None:
    made, server = agreed()
    frame = server.paints(b"\x05\x00\x00")
    made.open(frame)
    with pytest.raises(RemoteProtocolError, match="MAC"):
        made.open(frame)


@pytest.mark.parametrize("flags", [0, 0x80, 0x400, 0x880])
def test_threat_4_what_is_not_encrypted_is_refused(flags: int) -> None:
    made, _ = agreed()
    pdu = mcs.SendDataIndication(1002, IO, struct.pack("<HH", flags, 0) + bytes(40))
    with pytest.raises(RemoteProtocolError, match="encryption expected"):
        made.open(Frame(FrameKind.SLOW, x224.data(pdu.encode())))
    with pytest.raises(RemoteProtocolError, match="encryption expected"):
        made.open(Frame(FrameKind.FAST, b"\0\x06\x05\0\0\0"))


@pytest.mark.parametrize("flags", [Flag.LICENSE_PKT, Flag.REDIRECTION_PKT])
def test_licensing_and_redirection_do_not_come_in_a_session(flags: Flag) -> None:
    made, server = agreed()
    with pytest.raises(RemoteProtocolError, match="after the connection sequence"):
        made.open(server.says(bytes(20), flags=flags))


def test_only_a_licensing_message_may_be_in_clear_and_only_while_licensing() -> None:
    made, server = agreed()
    assert made.open_headed(b"\x80\x02\0\0licence", licensing=True) == b"\x80\x02\0\0licence"
    with pytest.raises(RemoteProtocolError):
        made.open_headed(b"\x80\x02\0\0licence", licensing=False)
    with pytest.raises(RemoteProtocolError):
        made.open_headed(b"\0\0\0\0" + share.data(1, 2, share.Synchronize(1, 2)), licensing=True)
    assert made.open_headed(data_of(server.says(b"where", flags=0x400)), licensing=True) == b"\0\x04\0\0where"


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([0x80, 0xC0, 0x00]), st.booleans())
def test_threat_5_any_octets_are_opened_or_refused(body: bytes, head: int, slow: bool) -> None:
    made, _ = agreed()
    if slow:
        frame = Frame(FrameKind.SLOW, x224.data(mcs.SendDataIndication(1002, IO, body).encode()))
    else:
        frame = Frame(FrameKind.FAST, struct.pack(">BH", head, 0x8000 | len(body) + 3) + body)
    with pytest.raises(RemoteProtocolError):  # nobody guesses a MAC
        made.open(frame)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(METHODS), st.booleans())
def test_what_is_sealed_is_read_and_what_is_answered_too(data: bytes, method: Method, salted: bool) -> None:
    made, server = agreed(method)
    made.salted = salted
    (pdu,) = sent(made.seal(request(data)))
    assert isinstance(pdu, mcs.SendDataRequest)
    assert server.hears(pdu.data)[1] == data
    assert data_of(made.open(server.says(data, salted=salted))) == data
