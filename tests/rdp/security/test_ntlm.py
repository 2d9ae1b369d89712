"""NTLM by its published vectors ([MS-NLMP] 4.2, RFC 1320 A.5), and against what cannot be meant."""

import contextlib
import secrets
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.md4 import md4
from gateway.rdp.ntlm import NtlmAcceptor, NtlmInitiator, Role, Sealing, nt_hash, ntowf_v2
from gateway.rdp.ntlm_messages import (
    NEEDED,
    Authenticate,
    AvId,
    Challenge,
    Negotiate,
    NegotiateFlag,
    decode_pairs,
    encode_pairs,
)

TIME = bytes(8)


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"message digest", "d9130a8164549fe818874806e1c7014b"),
        (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "043f8582f241db351ce627e153e7f0e4",
        ),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_is_that_of_rfc_1320(message: bytes, digest: str) -> None:
    assert md4(message).hex() == digest


def test_the_hashes_are_those_of_ms_nlmp_4_2() -> None:
    hashed = nt_hash("Password")
    assert hashed.hex() == "a4f49c406510bdcab6824ee7c30fd852"  # 4.2.2.1.2
    assert ntowf_v2(hashed, "User", "Domain").hex() == "0c868a403bfd7a93a3001ef22ef02e3f"  # 4.2.4.1.1


def test_letters_are_raised_one_by_one() -> None:
    hashed = nt_hash("Password")
    assert ntowf_v2(hashed, "großmann", "") == ntowf_v2(hashed, "GROßMANN", "")
    assert ntowf_v2(hashed, "großmann", "") != ntowf_v2(hashed, "GROSSMANN", "")


def test_the_authenticate_message_is_that_of_ms_nlmp_4_2_4() -> None:
    told = iter((b"\xaa" * 8, b"\x55" * 16))
    side = NtlmInitiator("User", "Domain", "Password", random=lambda _: next(told), time=TIME)
    side.step(b"")
    info = ((AvId.NB_DOMAIN_NAME, "Domain".encode("utf-16-le")), (AvId.NB_COMPUTER_NAME, "Server".encode("utf-16-le")))
    challenge = Challenge(NEEDED | NegotiateFlag.TARGET_INFO, bytes.fromhex("0123456789abcdef"), info, "Server")
    message = Authenticate.decode(side.step(challenge.encode()))
    assert message.nt[:16].hex() == "68cd0ab851e51c96aabc927bebef6a1c"  # 4.2.4.2.2
    assert message.key.hex() == "c5dad2544fc9799094ce1ce90bc9d03e"  # 4.2.4.2.3
    assert (message.user, message.domain) == ("User", "Domain")


def test_sealing_is_that_of_ms_nlmp_4_2_4_4() -> None:
    wrapped = Sealing(b"\x55" * 16, Role.INITIATOR).wrap("Plaintext".encode("utf-16-le"))
    assert wrapped.hex() == "010000007fb38ec5c55d497600000000" + "54e50165bf1936dc996020c1811b0f06fb5f"


def test_what_one_side_wraps_the_other_unwraps_in_order() -> None:
    one, other = Sealing(bytes(16), Role.INITIATOR), Sealing(bytes(16), Role.ACCEPTOR)
    for text in (b"first", b"", b"third"):
        assert other.unwrap(one.wrap(text)) == text
        assert one.unwrap(other.wrap(text)) == text


def test_a_sealed_message_is_not_taken_twice() -> None:
    one, other = Sealing(bytes(16), Role.INITIATOR), Sealing(bytes(16), Role.ACCEPTOR)
    sealed = one.wrap(b"once")
    other.unwrap(sealed)
    with pytest.raises(RemoteProtocolError, match="signature"):
        other.unwrap(sealed)


@given(st.binary(max_size=64), st.integers(0, 79))
def test_a_changed_octet_is_noticed(text: bytes, place: int) -> None:
    one, other = Sealing(bytes(16), Role.INITIATOR), Sealing(bytes(16), Role.ACCEPTOR)
    sealed = bytearray(one.wrap(text))
    sealed[place % len(sealed)] ^= 0x40
    with pytest.raises(RemoteProtocolError, match="signature"):
        other.unwrap(bytes(sealed))


PAIRS = st.lists(st.tuples(st.integers(1, 0xFFFF), st.binary(max_size=40)), max_size=6).map(tuple)
FLAGS = st.integers(0, 0xFFFFFFFF).map(lambda bits: NegotiateFlag(bits) | NEEDED)
NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(PAIRS, st.binary(max_size=20))
def test_pairs_come_back_and_padding_is_not_looked_at(pairs: tuple[tuple[int, bytes], ...], padding: bytes) -> None:
    assert decode_pairs(encode_pairs(pairs) + padding, "test") == pairs


@given(FLAGS)
def test_a_negotiate_comes_back(flags: NegotiateFlag) -> None:
    assert Negotiate.decode(Negotiate(flags).encode()) == Negotiate(flags)


@given(FLAGS, st.binary(min_size=8, max_size=8), PAIRS, NAMES)
def test_a_challenge_comes_back(
    flags: NegotiateFlag, challenge: bytes, pairs: tuple[tuple[int, bytes], ...], name: str
) -> None:
    message = Challenge(flags, challenge, pairs, name)
    assert Challenge.decode(message.encode()) == message


@given(FLAGS, NAMES, NAMES, st.binary(max_size=90), st.binary(max_size=16), st.binary(min_size=16, max_size=16))
def test_an_authenticate_comes_back(
    flags: NegotiateFlag, user: str, domain: str, nt: bytes, key: bytes, mic: bytes
) -> None:
    message = Authenticate(flags, user, domain, nt, key, mic, workstation="w", lm=b"\1" * 24)
    assert Authenticate.decode(message.encode()) == message


HEADS = st.sampled_from([b"", b"NTLMSSP\0\1\0\0\0", b"NTLMSSP\0\2\0\0\0", b"NTLMSSP\0\3\0\0\0"])


@given(HEADS, st.binary(max_size=200), st.sampled_from([Negotiate, Challenge, Authenticate]))
def test_anything_at_all_is_a_message_or_refused(head: bytes, tail: bytes, message: type[Negotiate]) -> None:
    with contextlib.suppress(RemoteProtocolError):
        message.decode(head + tail)


@given(st.integers(12, 87), st.binary(min_size=1, max_size=4))
def test_any_lie_in_the_header_is_read_or_refused(place: int, lie: bytes) -> None:
    whole = bytearray(Authenticate(NEEDED, "user", "domain", bytes(60), bytes(16)).encode())
    whole[place : place + len(lie)] = lie
    with contextlib.suppress(RemoteProtocolError):
        Authenticate.decode(bytes(whole))


@pytest.mark.parametrize("missing", list(NEEDED))
def test_a_weaker_offer_is_refused(missing: NegotiateFlag) -> None:
    with pytest.raises(RemoteProtocolError, match="missing"):
        Negotiate.decode(Negotiate(NEEDED & ~missing).encode())


def test_a_target_cannot_ask_for_less_than_128_bit() -> None:
    side = NtlmInitiator("User", "", "Password", random=bytes, time=TIME)
    side.step(b"")
    weak = Challenge(NEEDED & ~NegotiateFlag.NEGOTIATE_128, bytes(8), ())
    with pytest.raises(RemoteProtocolError, match="missing"):
        side.step(weak.encode())


def test_a_name_of_ten_kilobytes_is_refused() -> None:
    """Attack 72."""
    long = Authenticate(NEEDED, "u" * 5000, "", bytes(60), bytes(16))
    with pytest.raises(RemoteProtocolError, match="at most 512"):
        Authenticate.decode(long.encode())


@pytest.mark.parametrize(
    ("place", "length"), [(0, 12), (60, 4), (72, 16), (87, 1), (88, 5000), (2**31, 1), (2**32 - 1, 2)]
)
def test_a_field_that_lies_in_the_header_or_beyond_the_end_is_refused(place: int, length: int) -> None:
    """Attack 76: the user's name read from the MIC, or from what comes after the message."""
    whole = bytearray(Authenticate(NEEDED, "user", "domain", bytes(60), bytes(16)).encode())
    whole[36:44] = struct.pack("<HHI", length, length, place)
    with pytest.raises(RemoteProtocolError, match="outside"):
        Authenticate.decode(bytes(whole))


def test_one_authenticate_is_verified_once() -> None:
    """Attack: many guesses for one message."""
    client = NtlmInitiator("User", "", "Password", random=bytes, time=TIME)
    server = NtlmAcceptor(random=secrets.token_bytes, time=TIME)
    server.read(client.step(server.challenge(client.step(b""))))
    assert server.verify(nt_hash("wrong")) is None
    with pytest.raises(LocalProtocolError, match="once"):
        server.verify(nt_hash("Password"))


def test_an_answer_without_a_challenge_is_a_mistake_of_ours() -> None:
    side = NtlmAcceptor(random=bytes, time=TIME)
    with pytest.raises(LocalProtocolError):
        side.read(Authenticate(NEEDED, "user", "", bytes(60), bytes(16)).encode())
    with pytest.raises(LocalProtocolError):
        side.verify(None)
