"""RDCleanPath: how IronRDP in a browser opens an RDP connection through a WebSocket (its crate ironrdp-rdcleanpath).

One DER message each way instead of the X.224 exchange and the TLS handshake: the browser's TLS is the WebSocket's.
After the response the WebSocket carries plain RDP octets.

    RDCleanPathPdu ::= SEQUENCE {
        version [0] INTEGER,  error [1] RDCleanPathErr OPTIONAL,  destination [2] UTF8String OPTIONAL,
        proxy_auth [3] UTF8String OPTIONAL,  server_auth [4] UTF8String OPTIONAL,
        preconnection_blob [5] UTF8String OPTIONAL,  x224_connection_pdu [6] OCTET STRING OPTIONAL,
        server_cert_chain [7] SEQUENCE OF OCTET STRING OPTIONAL,  server_addr [9] UTF8String OPTIONAL }
    RDCleanPathErr ::= SEQUENCE { error_code [0] INTEGER,  http_status_code [1] INTEGER OPTIONAL,
        wsa_last_error [2] INTEGER OPTIONAL,  tls_alert_code [3] INTEGER OPTIONAL }
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.errors import RemoteProtocolError
from gateway.rdp import der

VERSION = 3390  # BASE_VERSION 3389 + 1, the only one there is
GENERAL_ERROR = 1
MOST_TOKEN = 1024  # octets; ours are some 50
MOST_X224 = 1024  # octets of the Connection Request with its TPKT header
MOST_REQUEST = 8192  # octets of the whole message; its fields are bounded besides
WHAT = "RDCleanPath request"


@dataclass(frozen=True, slots=True)
class Request:
    """What the browser asks: the ticket in `token`, its X.224 Connection Request (whole TPKT) in `x224`.

    `destination` is the page's claim and decides nothing.
    """

    token: str = field(repr=False)
    x224: bytes
    destination: str = ""

    @classmethod
    def decode(cls, data: bytes) -> Request:
        """Decode the first WebSocket message.

        Raises:
            RemoteProtocolError: not a request, another version, a field too large, or octets left over.
        """
        if len(data) > MOST_REQUEST:
            raise RemoteProtocolError(f"{WHAT}: {len(data)} octets, must be at most {MOST_REQUEST}")
        outer = der.Elements(data, WHAT, MOST_REQUEST)
        fields = outer.inside(der.SEQUENCE)
        outer.end()
        version = der.to_integer(der.only(der.INTEGER, fields.take(der.context(0)), WHAT), WHAT)
        if version != VERSION:
            raise RemoteProtocolError(f"{WHAT}: version {version}, must be {VERSION}")
        fields.maybe(der.context(1))
        destination = _text(fields, 2)
        token = _text(fields, 3)
        _text(fields, 4)
        _text(fields, 5)
        inner = fields.maybe(der.context(6))
        if inner is None:
            raise RemoteProtocolError(f"{WHAT}: no X.224 Connection Request")
        x224 = der.only(der.OCTET_STRING, inner, WHAT)
        if len(x224) > MOST_X224:
            raise RemoteProtocolError(f"{WHAT}: X.224 of {len(x224)} octets, must be at most {MOST_X224}")
        fields.maybe(der.context(7))
        fields.maybe(der.context(9))
        fields.end()
        return cls(token, x224, destination)

    def encode(self) -> bytes:
        """The request as IronRDP writes it; empty `destination` is left out."""
        return der.sequence(
            der.explicit(0, der.integer(VERSION)),
            der.explicit(2, der.text(self.destination)) if self.destination else b"",
            der.explicit(3, der.text(self.token)),
            der.explicit(6, der.octets(self.x224)),
        )


def _text(fields: der.Elements, number: int) -> str:
    inner = fields.maybe(der.context(number))
    if inner is None:
        return ""
    content = der.only(der.UTF8_STRING, inner, WHAT)
    if len(content) > MOST_TOKEN:
        raise RemoteProtocolError(f"{WHAT}: field {number} of {len(content)} octets, must be at most {MOST_TOKEN}")
    return der.to_text(content, WHAT)


def response(x224: bytes, certificates: Sequence[bytes], address: str) -> bytes:
    """The answer that opens the connection.

    `x224` is the Connection Confirm (whole TPKT, PROTOCOL_SSL); `certificates` are DER, leaf first: IronRDP shows
    nothing of them and takes the leaf's key for CredSSP alone; `address` is what it may show as the server.
    """
    return der.sequence(
        der.explicit(0, der.integer(VERSION)),
        der.explicit(6, der.octets(x224)),
        der.explicit(7, der.sequence(*(der.octets(certificate) for certificate in certificates))),
        der.explicit(9, der.text(address)),
    )


def error(code: int, http_status: int | None = None) -> bytes:
    """The answer that refuses; IronRDP shows `general error (code 1); HTTP 401 unauthorized` and the like."""
    fault = der.sequence(
        der.explicit(0, der.integer(code)),
        der.explicit(1, der.integer(http_status)) if http_status is not None else b"",
    )
    return der.sequence(der.explicit(0, der.integer(VERSION)), der.explicit(1, fault))
