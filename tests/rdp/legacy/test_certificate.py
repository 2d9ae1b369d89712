"""The target's key under standard RDP security: [MS-RDPBCGR] 2.2.1.4.3.1, 5.3.3."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp.standard_security_certificate import SIGNING_EXPONENT, SIGNING_MODULUS, ServerKey
from tests.rdp.legacy.server import KEY, SIGNING_PRIVATE, chain, proprietary

NUMBERS = KEY.public_key().public_numbers()


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")])
    at = datetime(2003, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, at, at + timedelta(days=9999))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_the_printed_halves_of_the_signing_key_belong_together_5_3_3_1_1() -> None:
    digest = int.from_bytes(hashlib.sha256(b"any").digest(), "little")
    assert pow(pow(digest, SIGNING_PRIVATE, SIGNING_MODULUS), SIGNING_EXPONENT, SIGNING_MODULUS) == digest


@pytest.mark.parametrize("version", [1, 0x80000001], ids=["for good", "temporary"])
def test_the_key_of_a_proprietary_certificate_is_read(version: int) -> None:
    assert ServerKey.of(proprietary(version)) == ServerKey(NUMBERS.n, NUMBERS.e)


def test_the_key_of_the_last_certificate_of_an_x_509_chain_is_read() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert ServerKey.of(chain(certificate(other), certificate())) == ServerKey(NUMBERS.n, NUMBERS.e)


def test_what_is_pinned_is_the_subject_public_key_info_whatever_it_came_in() -> None:
    expected = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert ServerKey.of(proprietary()).public_key_info() == expected
    assert ServerKey.of(chain(certificate())).public_key_info() == expected


@pytest.mark.parametrize("at", [0, 4, 8, 12, 40, 100, -80, -20, -1])
def test_threat_5_a_proprietary_certificate_that_was_changed_is_refused(at: int) -> None:
    broken = bytearray(proprietary())
    broken[at] ^= 0x10
    with pytest.raises(RemoteProtocolError):
        ServerKey.of(bytes(broken))


def test_threat_5_a_chain_without_rsa_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        ServerKey.of(chain(certificate(ec.generate_private_key(ec.SECP256R1()))))


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x03\0\0\0", proprietary()[:-1], proprietary() + b"\0", chain(), chain(*[certificate()] * 9)],
    ids=["nothing", "another version", "truncated", "longer", "an empty chain", "a long chain"],
)
def test_threat_5_what_is_no_certificate_is_refused(broken: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ServerKey.of(broken)


@given(st.binary(max_size=600), st.sampled_from([b"", b"\1\0\0\0", b"\2\0\0\0\1\0\0\0", proprietary()[:60]]))
def test_threat_5_any_octets_are_read_or_refused(tail: bytes, head: bytes) -> None:
    try:
        key = ServerKey.of(head + tail)
    except RemoteProtocolError:
        return
    assert key.modulus.bit_length() <= 8 * 1024
    assert key.exponent <= 0xFFFFFFFF
