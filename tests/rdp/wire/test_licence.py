"""Licensing."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp import licence
from gateway.rdp.licence import LicenceClient, LicenceRefused
from tests.rdp.wire import samples

KEY = rsa.generate_private_key(65537, 1024)
SECRET = bytes(range(48))


def random(count: int) -> bytes:
    return SECRET[:count]


def u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def blob(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content


def message(kind: int, body: bytes) -> bytes:
    return b"\x80\x00\x00\x00" + bytes((kind, 3)) + (4 + len(body)).to_bytes(2, "little") + body


def request(certificate: bytes) -> bytes:
    """SERVER_LICENSE_REQUEST ([MS-RDPELE] 2.2.2.1)."""
    company, product = "Microsoft Corporation\0".encode("utf-16-le"), "A02\0".encode("utf-16-le")
    body = bytes(32) + u32(0x60000, len(company)) + company + u32(len(product)) + product
    body += blob(13, u32(1)) + blob(3, certificate) + u32(1) + blob(14, b"microsoft.com\0")
    return message(licence.LICENSE_REQUEST, body)


def proprietary(modulus: int, exponent: int) -> bytes:
    """PROPRIETARYSERVERCERTIFICATE ([MS-RDPBCGR] 2.2.1.4.3.1.1)."""
    size = (modulus.bit_length() + 7) // 8
    key = b"RSA1" + u32(size + 8, size * 8, size - 1, exponent) + modulus.to_bytes(size, "little") + bytes(8)
    return u32(1, 1, 1) + blob(6, key) + blob(8, bytes(72))


def chain(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, above: int = 1) -> bytes:
    """X509 certificate chain ([MS-RDPELE] 2.2.1.4.2): the root first, the terminal server last."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ts")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7).public_key(key.public_key())
        .not_valid_before(begin).not_valid_after(begin + timedelta(days=365)).sign(key, hashes.SHA256())
    )  # fmt: skip
    leaf = made.public_bytes(serialization.Encoding.DER)
    others = (u32(5) + b"\x30\x03abc") * above
    return u32(0x80000002, above + 1) + others + u32(len(leaf)) + leaf + bytes(8 + 4 * (above + 1))


def opened(answer: bytes | None) -> bytes:
    """The premaster secret that is sealed in a CLIENT_NEW_LICENSE_REQUEST ([MS-RDPELE] 2.2.2.2)."""
    assert answer is not None
    assert answer[:6] == bytes.fromhex("8000 0000 13 03")
    assert int.from_bytes(answer[6:8], "little") == len(answer) - 4
    assert answer[8:16] == bytes.fromhex("01000000 00000104")
    assert answer[48:50] == b"\x02\x00"
    size = int.from_bytes(answer[50:52], "little")
    sealed, rest = answer[52 : 52 + size], answer[52 + size :]
    assert sealed[-8:] == bytes(8)
    assert rest == blob(15, b"gateway\0") + blob(16, b"gateway\0")
    numbers = KEY.private_numbers()
    return pow(int.from_bytes(sealed, "little"), numbers.d, numbers.public_numbers.n).to_bytes(48, "little")


def test_the_message_of_the_specification_ends_it() -> None:
    """[MS-RDPBCGR] 4.1.11."""
    assert licence.VALID_CLIENT == samples.VALID_CLIENT
    client = LicenceClient(random)
    assert client.answer(samples.VALID_CLIENT) is None
    assert client.granted


@pytest.mark.parametrize("form", ["proprietary", "chain of one", "chain of four"])
def test_a_licence_request_is_answered_with_a_secret_that_only_the_target_opens(form: str) -> None:
    numbers = KEY.public_key().public_numbers()
    certificate = {
        "proprietary": proprietary(numbers.n, numbers.e), "chain of one": chain(KEY, 0), "chain of four": chain(KEY, 3),
    }[form]  # fmt: skip
    client = LicenceClient(random)
    assert opened(client.answer(request(certificate))) == SECRET
    assert not client.granted
    assert client.answer(samples.VALID_CLIENT) is None
    assert client.granted


def test_a_platform_challenge_is_refused_in_words() -> None:
    with pytest.raises(LicenceRefused, match="the target wants a licence server") as caught:
        LicenceClient(random).answer(message(licence.PLATFORM_CHALLENGE, bytes(30)))
    assert caught.value.code == 0


@pytest.mark.parametrize(("code", "transition"), [(2, 1), (6, 1), (7, 1), (8, 2), (12, 3)])
def test_any_other_alert_is_a_refusal(code: int, transition: int) -> None:
    client = LicenceClient(random)
    with pytest.raises(LicenceRefused) as caught:
        client.answer(message(0xFF, u32(code, transition) + blob(4, b"")))
    assert caught.value.code == code
    assert not client.granted


def test_a_target_asks_once() -> None:
    client, asked = LicenceClient(random), request(chain(KEY))
    client.answer(asked)
    with pytest.raises(RemoteProtocolError):
        client.answer(asked)


@pytest.mark.parametrize(
    "certificate",
    [
        b"", u32(3), u32(2, 0), u32(2, 9), u32(2, 1, 0xFFFFFFFF), u32(2, 1, 3) + b"abc",
        proprietary(2**400 - 1, 65537),  # hides nothing
        proprietary(2**9000 - 1, 65537),  # costs too much
        proprietary(2**1024 - 1, 1),  # sends the secret as it is
        proprietary(2**1024 - 1, 65537).replace(b"RSA1", b"DSA1"),
        proprietary(2**1024 - 1, 65537)[:60],
        chain(ec.generate_private_key(ec.SECP256R1())),
    ],
)  # fmt: skip
def test_threat_5_a_certificate_that_lies_is_refused(certificate: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        LicenceClient(random).answer(request(certificate))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x80\x00\x00\x00", b"\x00\x00\x00\x00" + samples.VALID_CLIENT[4:],  # no licensing message
        b"\x88\x02\x02\x03" + samples.VALID_CLIENT[4:],  # encrypted
        samples.VALID_CLIENT + b"\x00", samples.VALID_CLIENT[:-1], message(0xFF, b"\x07\x00\x00\x00"),
        message(0x03, b""), message(0x04, b""), message(0x12, b""), message(0x13, b""), message(0x77, b""),
    ],
)  # fmt: skip
def test_a_message_out_of_turn_or_torn_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        LicenceClient(random).answer(data)


WHOLE = request(chain(KEY))


@given(st.integers(0, len(WHOLE)), st.binary(max_size=4), st.binary(max_size=80))
def test_anything_at_all_is_answered_or_refused(at: int, octets: bytes, other: bytes) -> None:
    for data in (WHOLE[:at], WHOLE[:at] + octets + WHOLE[at + len(octets) :], message(1, other), other):
        try:
            LicenceClient(random).answer(data)
        except RemoteProtocolError:
            continue
