"""What CredSSP puts on the wire ([MS-CSSP] 2.2), and what it binds (3.1.5).

TSRequest ::= SEQUENCE { version [0] INTEGER,  negoTokens [1] NegoData OPTIONAL,  authInfo [2] OCTET STRING
    OPTIONAL,  pubKeyAuth [3] OCTET STRING OPTIONAL,  errorCode [4] INTEGER OPTIONAL,
    clientNonce [5] OCTET STRING OPTIONAL }
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from gateway.errors import RemoteProtocolError
from gateway.rdp import der

WHAT = "TSRequest"
NONCE = 32  # octets
FIRST_WITH_NONCE = 5  # below it the public key itself is sealed: what CVE-2018-0886 relayed
WITHOUT_ERROR_CODE = (1, 2, 5)  # versions that know no errorCode (2.2.1)


@dataclass(frozen=True, slots=True)
class TsRequest:
    """TSRequest (2.2.1). Empty means absent; `error` is an NTSTATUS, 0 when absent."""

    version: int
    token: bytes = field(default=b"", repr=False)
    auth_info: bytes = field(default=b"", repr=False)
    pub_key_auth: bytes = field(default=b"", repr=False)
    error: int = 0
    nonce: bytes = b""

    def encode(self) -> bytes:
        signed = self.error - (1 << 32) if self.error >> 31 else self.error
        token = der.sequence(der.sequence(der.explicit(0, der.octets(self.token))))
        return der.sequence(
            der.explicit(0, der.integer(self.version)),
            der.explicit(1, token) if self.token else b"",
            der.explicit(2, der.octets(self.auth_info)) if self.auth_info else b"",
            der.explicit(3, der.octets(self.pub_key_auth)) if self.pub_key_auth else b"",
            der.explicit(4, der.integer(signed)) if self.error else b"",
            der.explicit(5, der.octets(self.nonce)) if self.nonce else b"",
        )

    @classmethod
    def decode(cls, data: bytes) -> TsRequest:
        """Decode one whole TSRequest; more than one token, or a nonce of another size than 32, is refused."""
        outer = der.Elements(data, WHAT)
        fields = outer.inside(der.SEQUENCE)
        outer.end()
        version = der.to_integer(der.only(der.INTEGER, fields.take(der.context(0)), WHAT), WHAT)
        if version < 1:
            raise RemoteProtocolError(f"{WHAT}: version {version}, must be at least 1")
        token = b""
        if (tokens := fields.maybe(der.context(1))) is not None:
            item = der.only(der.SEQUENCE, der.only(der.SEQUENCE, tokens, WHAT), WHAT)
            token = der.only(der.OCTET_STRING, der.only(der.context(0), item, WHAT), WHAT)
        auth_info, pub_key_auth = _octets(fields, 2), _octets(fields, 3)
        error = 0
        if (code := fields.maybe(der.context(4))) is not None:
            error = der.to_integer(der.only(der.INTEGER, code, WHAT), WHAT) & 0xFFFFFFFF
        nonce = _octets(fields, 5)
        if len(nonce) not in (0, NONCE):
            raise RemoteProtocolError(f"{WHAT}: nonce of {len(nonce)} octets, must be {NONCE}")
        fields.end()
        return cls(version, token, auth_info, pub_key_auth, error, nonce)


def _octets(fields: der.Elements, number: int) -> bytes:
    inner = fields.maybe(der.context(number))
    return b"" if inner is None else der.only(der.OCTET_STRING, inner, WHAT)


class Framer:
    """Cuts the octets of the stream into TSRequests; never holds more than one of the largest size."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> None:
        """Take octets; RemoteProtocolError as soon as they cannot begin a TSRequest."""
        self._pending += data
        self._span()

    def next(self) -> bytes | None:
        """The next whole TSRequest; None while it is incomplete."""
        span = self._span()
        if span is None or span[1] > len(self._pending):
            return None
        whole, self._pending = self._pending[: span[1]], self._pending[span[1] :]
        return whole

    def rest(self) -> bytes:
        """What came after the last TSRequest; it is handed out once."""
        rest, self._pending = self._pending, b""
        return rest

    def _span(self) -> tuple[int, int] | None:
        if self._pending and self._pending[0] != der.SEQUENCE:
            raise RemoteProtocolError(f"{WHAT}: tag {self._pending[0]:#04x}, must be {der.SEQUENCE:#04x}")
        return der.extent(self._pending, WHAT)


def client_binding(version: int, nonce: bytes, public_key: bytes) -> bytes:
    """What the client seals into pubKeyAuth (3.1.5, steps 3 of client and server)."""
    if version < FIRST_WITH_NONCE:
        return public_key
    return hashlib.sha256(b"CredSSP Client-To-Server Binding Hash\0" + nonce + public_key).digest()


def server_binding(version: int, nonce: bytes, public_key: bytes) -> bytes:
    """What the server seals: its own hash, or before version 5 the key with its number raised by one."""
    if version < FIRST_WITH_NONCE:
        raised = (int.from_bytes(public_key, "little") + 1) % (1 << (8 * len(public_key)))
        return raised.to_bytes(len(public_key), "little")
    return hashlib.sha256(b"CredSSP Server-To-Client Binding Hash\0" + nonce + public_key).digest()


def password_credentials(user: str, domain: str, password: str) -> bytes:
    """TSCredentials with TSPasswordCreds (2.2.1.2, 2.2.1.2.1): in the clear, to be sealed at once."""
    names = (value.encode("utf-16-le", "surrogatepass") for value in (domain, user, password))
    inner = der.sequence(*(der.explicit(number, der.octets(name)) for number, name in enumerate(names)))
    return der.sequence(der.explicit(0, der.integer(1)), der.explicit(1, der.octets(inner)))
