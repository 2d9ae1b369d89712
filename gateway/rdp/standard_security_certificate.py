"""The certificate of SC_SECURITY and the key in it ([MS-RDPBCGR] 2.2.1.4.3.1, 5.3.3).

Nothing in it proves who the target is. A proprietary certificate is signed with a key whose private half is printed in
[MS-RDPBCGR] 5.3.3.1.1: the signature tells a broken certificate from a whole one, and no more. So it is the key that
is pinned, whatever certificate it comes in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.rdp import der
from gateway.rdp.licence import RsaKey, public_key
from gateway.rdp.octets import Reader

PROPRIETARY: Final = 1  # dwVersion; the first bit, cut off, says temporary
SIGNED_WITH_RSA: Final = 1  # dwSigAlgId and dwKeyAlgId
BB_RSA_KEY_BLOB: Final = 6
BB_RSA_SIGNATURE_BLOB: Final = 8
SIGNATURE_MOST: Final = 512
NULL: Final = 0x05  # tag
RSA_ENCRYPTION: Final = bytes.fromhex("2a864886f70d010101")  # RFC 8017 A.1

# Terminal Services Signing Key (5.3.3.1.1), little endian.
SIGNING_MODULUS: Final = int.from_bytes(
    bytes.fromhex(
        "3d3a5ebd72433ec94dbbc11e4aba5fcb3e882087eff5c1e2d7b76b9af2524595"
        "ce63656b583afeef7ce7bffe3df65c7d6c5e06091af561bb2093095f056dea87"
    ),
    "little",
)
SIGNING_EXPONENT: Final = 0xC0887B5B
DIGEST_FRAME: Final = b"\x00" + b"\xff" * 45 + b"\x01"  # after the MD5 digest, up to 63 octets (5.3.3.1.2)


@dataclass(frozen=True, slots=True)
class ServerKey(RsaKey):
    """The key of standard RDP security, which is pinned."""

    @classmethod
    def of(cls, certificate: bytes) -> ServerKey:
        """The key of a SERVER_CERTIFICATE. A proprietary one must be signed well.

        Raises:
            RemoteProtocolError: neither proprietary nor an X.509 chain, a bad signature, or no RSA key that serves.
        """
        key = public_key(certificate)
        made = cls(key.modulus, key.exponent)
        if made.modulus % 2 == 0:
            raise RemoteProtocolError("server certificate: an even modulus")
        if int.from_bytes(certificate[:4], "little") & 0x7FFFFFFF == PROPRIETARY:
            _check_signature(certificate)
        return made

    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo (RFC 5280 4.1.2.7), in DER: what is pinned."""
        pair = der.sequence(der.integer(self.modulus), der.integer(self.exponent))
        algorithm = der.sequence(der.element(der.OBJECT_IDENTIFIER, RSA_ENCRYPTION), der.element(NULL))
        return der.sequence(algorithm, der.element(der.BIT_STRING, b"\x00", pair))


def _check_signature(certificate: bytes) -> None:
    """PROPRIETARYSERVERCERTIFICATE (2.2.1.4.3.1.1) against the signing key (5.3.3.1.3)."""
    src = Reader(certificate, "server certificate")
    src.u32le()  # dwVersion
    if (src.u32le(), src.u32le()) != (SIGNED_WITH_RSA, SIGNED_WITH_RSA):
        raise src.fail("an algorithm other than RSA")
    if src.u16le() != BB_RSA_KEY_BLOB:
        raise src.fail("no key blob")
    src.take(src.u16le())
    signed = certificate[: len(certificate) - src.left]
    if src.u16le() != BB_RSA_SIGNATURE_BLOB:
        raise src.fail("no signature blob")
    signature = src.take(src.u16le())
    src.end()
    if len(signature) > SIGNATURE_MOST:
        raise src.fail(f"signature of {len(signature)} octets")
    opened = pow(int.from_bytes(signature, "little"), SIGNING_EXPONENT, SIGNING_MODULUS)
    digest = hashlib.md5(signed, usedforsecurity=False).digest()
    if opened != int.from_bytes(digest + DIGEST_FRAME, "little"):
        raise src.fail("not signed with the well-known key")
