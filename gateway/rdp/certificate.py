"""The key in an X.509 certificate (RFC 5280 4.1), as the octets that CredSSP binds and licensing reads."""

from __future__ import annotations

from gateway.errors import RemoteProtocolError
from gateway.rdp import der


def subject_public_key(certificate: bytes, what: str = "certificate") -> bytes:
    """Bits of SubjectPublicKey of a DER certificate (RSAPublicKey for RSA, the point for EC), as [MS-CSSP] 3.1.5 binds.

    The algorithm is not looked at: terminal servers file their keys under identifiers of signatures, which certificate
    libraries refuse. `what` names the certificate in every error.

    Raises:
        RemoteProtocolError: it is no certificate, or one of more than 64 KiB.
    """
    body = der.Elements(der.only(der.SEQUENCE, certificate, what), what).inside(der.SEQUENCE)
    body.maybe(der.context(0))  # version
    body.take(der.INTEGER)  # serialNumber
    for _ in ("signature", "issuer", "validity", "subject"):
        body.take(der.SEQUENCE)
    info = body.inside(der.SEQUENCE)
    info.take(der.SEQUENCE)  # algorithm
    bits = info.take(der.BIT_STRING)
    info.end()
    if len(bits) < 2 or bits[0] != 0:
        raise RemoteProtocolError(f"{what}: public key of {len(bits)} octets is no whole number of octets")
    return bits[1:]
