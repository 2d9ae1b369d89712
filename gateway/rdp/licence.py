"""Licensing ([MS-RDPBCGR] 2.2.1.12, [MS-RDPELE] 2.2.2, 3.1.5): one message as server, the first answer as client.

A target without a licence server (administrative mode, most workstations) says at once that the client is valid, or is
content with a New License Request. One that goes on to a platform challenge wants a client access licence, which the
gateway does not hold: that is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.rdp import der
from gateway.rdp.certificate import subject_public_key
from gateway.rdp.octets import Reader

SEC_LICENSE_PKT: Final = 0x0080  # flag of the basic security header (2.2.8.1.1.2.1)
SEC_ENCRYPT: Final = 0x0008
LICENSE_REQUEST: Final = 0x01
PLATFORM_CHALLENGE: Final = 0x02
NEW_LICENSE_REQUEST: Final = 0x13
ERROR_ALERT: Final = 0xFF
STATUS_VALID_CLIENT: Final = 7
ST_NO_TRANSITION: Final = 2
BB_RANDOM_BLOB: Final = 2
BB_ERROR_BLOB: Final = 4
BB_CLIENT_USER_NAME_BLOB: Final = 15
BB_CLIENT_MACHINE_NAME_BLOB: Final = 16
PREAMBLE: Final = 4  # bMsgType u8 + flags u8 + wMsgSize u16, which counts itself
VERSION_3: Final = 3  # RDP 5.0 and later
KEY_EXCHANGE_ALG_RSA: Final = 1
PLATFORM: Final = 0x04010000  # CLIENT_OS_ID_WINNT_POST_52 | CLIENT_IMAGE_ID_MICROSOFT
NAME: Final = b"gateway\x00"  # user and machine in the licence request; licences are not kept, so one name serves
RANDOM: Final = 32
PREMASTER: Final = 48
CERT_CHAIN_VERSION_1: Final = 1  # proprietary certificate
CERT_CHAIN_VERSION_2: Final = 2  # X.509 chain
CERTIFICATES_MOST: Final = 8
RSA1: Final = b"RSA1"
MODULUS_LEAST: Final = 64  # octets; Windows 2000 has 512 bits
MODULUS_MOST: Final = 1024
MODULUS_PADDING: Final = 8  # zero octets after a proprietary modulus, and after what it encrypted


def _message(kind: int, body: bytes) -> bytes:
    head = SEC_LICENSE_PKT.to_bytes(4, "little") + bytes((kind, VERSION_3))
    return head + (PREAMBLE + len(body)).to_bytes(2, "little") + body


def _blob(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content


VALID_CLIENT: Final = _message(
    ERROR_ALERT,
    STATUS_VALID_CLIENT.to_bytes(4, "little") + ST_NO_TRANSITION.to_bytes(4, "little") + _blob(BB_ERROR_BLOB, b""),
)
"""Server License Error PDU - Valid Client (2.2.1.12), with its security header, as it lies in Send Data."""


class LicenceRefused(RemoteProtocolError):
    """The target does not let the gateway go on; `code` is its dwErrorCode, or 0 after a platform challenge."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class RsaKey:
    """The RSA key of a target, with which it lets itself be spoken to."""

    modulus: int
    exponent: int

    def seal(self, secret: bytes) -> bytes:
        """`secret` encrypted, with its padding (5.3.4.1): no padding inside, little endian."""
        size = (self.modulus.bit_length() + 7) // 8
        number = pow(int.from_bytes(secret, "little"), self.exponent, self.modulus)
        return number.to_bytes(size, "little") + bytes(MODULUS_PADDING)


class LicenceClient:
    """Answers the licensing messages of one target; `random(n)` gives n octets from a secret source.

    `key` is the target's when it showed one before: under standard RDP security it need not
    show it again.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self.key: RsaKey | None = None
        self.granted = False
        self._asked = False

    def answer(self, message: bytes) -> bytes | None:
        """What to send back for `message`; both with the security header. None: licensing is over, `granted` is set.

        Raises:
            LicenceRefused: a platform challenge, or an error alert other than STATUS_VALID_CLIENT.
            RemoteProtocolError: not a licensing message, a broken one, or one out of turn.
        """
        kind, src = _open(message)
        if kind == ERROR_ALERT:
            code, transition = src.u32le(), src.u32le()
            if (code, transition) != (STATUS_VALID_CLIENT, ST_NO_TRANSITION):
                raise LicenceRefused(f"licence: error {code}, state transition {transition}", code)
            self.granted = True
            return None
        if kind == PLATFORM_CHALLENGE:
            raise LicenceRefused("the target wants a licence server", 0)
        if kind != LICENSE_REQUEST or self._asked:
            raise src.fail(f"unexpected message {kind:#04x}")
        self._asked = True
        return self._new_licence_request(src)

    def _new_licence_request(self, src: Reader) -> bytes:
        """CLIENT_NEW_LICENSE_REQUEST ([MS-RDPELE] 2.2.2.2) for the SERVER_LICENSE_REQUEST (2.2.2.1) in `src`."""
        src.take(RANDOM)
        src.u32le()  # dwVersion of ProductInfo
        for _ in ("company", "product"):
            src.take(src.u32le())
        _read_blob(src)  # KeyExchangeList: RSA is the only one there is
        certificate = _read_blob(src)
        key = self.key if self.key and not certificate else public_key(certificate)
        sealed = key.seal(self._random(PREMASTER))
        body = KEY_EXCHANGE_ALG_RSA.to_bytes(4, "little") + PLATFORM.to_bytes(4, "little") + self._random(RANDOM)
        body += _blob(BB_RANDOM_BLOB, sealed) + _blob(BB_CLIENT_USER_NAME_BLOB, NAME)
        return _message(NEW_LICENSE_REQUEST, body + _blob(BB_CLIENT_MACHINE_NAME_BLOB, NAME))


def _open(message: bytes) -> tuple[int, Reader]:
    """bMsgType and the rest after the preamble."""
    src = Reader(message, "licence")
    flags, _ = src.u16le(), src.u16le()
    if not flags & SEC_LICENSE_PKT or flags & SEC_ENCRYPT:
        raise src.fail(f"security flags {flags:#06x}, SEC_LICENSE_PKT expected and no encryption under TLS")
    kind, _, size = src.u8(), src.u8(), src.u16le()
    if size != src.left + PREAMBLE:
        raise src.fail(f"size {size}, must be {src.left + PREAMBLE}")
    return kind, src


def _read_blob(src: Reader) -> bytes:
    """Content of a LICENSE_BINARY_BLOB (2.2.1.12.1.2). Its type is not looked at: servers leave it wrong when empty."""
    src.u16le()
    return src.take(src.u16le())


def public_key(certificate: bytes) -> RsaKey:
    """The key of a SERVER_CERTIFICATE (2.2.1.4.3.1). Signatures are not looked at.

    Raises:
        RemoteProtocolError: not RSA, or a key whose use would cost too much or hide nothing.
    """
    src = Reader(certificate, "licence certificate")
    version = src.u32le() & 0x7FFFFFFF  # the first bit says temporary
    if version == CERT_CHAIN_VERSION_1:
        modulus, exponent = _proprietary(src)
    elif version == CERT_CHAIN_VERSION_2:
        if not 1 <= (count := src.u32le()) <= CERTIFICATES_MOST:
            raise src.fail(f"{count} certificates, must be 1 to {CERTIFICATES_MOST}")
        leaf = b""
        for _ in range(count):
            leaf = src.take(src.u32le())
        modulus, exponent = _x509(leaf)
    else:
        raise src.fail(f"version {version}, must be 1 or 2")
    if not MODULUS_LEAST <= (modulus.bit_length() + 7) // 8 <= MODULUS_MOST:
        raise src.fail(f"modulus of {modulus.bit_length()} bits")
    if not 3 <= exponent <= 0xFFFFFFFF:
        raise src.fail(f"public exponent {exponent}")
    return RsaKey(modulus, exponent)


def _proprietary(src: Reader) -> tuple[int, int]:
    """PROPRIETARYSERVERCERTIFICATE (2.2.1.4.3.1.1) up to its RSA_PUBLIC_KEY."""
    src.take(8)  # dwSigAlgId, dwKeyAlgId
    src.u16le()  # wPublicKeyBlobType
    key = Reader(src.take(src.u16le()), "licence certificate")
    if key.take(4) != RSA1:
        raise key.fail("public key without RSA1")
    size = key.u32le()
    key.take(8)  # bitlen, datalen
    exponent = key.u32le()
    return int.from_bytes(key.take(size), "little"), exponent


def _x509(certificate: bytes) -> tuple[int, int]:
    """RSAPublicKey (RFC 8017 A.1.1) of an X.509 certificate, whatever object identifier it is filed under."""
    what = "licence certificate"
    pair = der.Elements(der.only(der.SEQUENCE, subject_public_key(certificate, what), what), what)
    modulus, exponent = pair.take(der.INTEGER), pair.take(der.INTEGER)
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
