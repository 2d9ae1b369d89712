"""RDCleanPath: what IronRDP sends is read, anything else refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp import der
from gateway.rdp.cleanpath import GENERAL_ERROR, MOST_REQUEST, Request, error, response

X224 = bytes.fromhex("030000130ee000000000000100080001000000")


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200), st.binary(max_size=1024))
def test_a_request_comes_back(token: str, x224: bytes) -> None:
    request = Request(token, x224, "plant")
    assert Request.decode(request.encode()) == request


def test_a_request_with_every_field_is_read() -> None:
    whole = der.sequence(
        der.explicit(0, der.integer(3390)),
        der.explicit(2, der.text("10.0.0.1:3389")),
        der.explicit(3, der.text("id.secret")),
        der.explicit(4, der.text("server")),
        der.explicit(5, der.text("blob")),
        der.explicit(6, der.octets(X224)),
    )
    assert Request.decode(whole) == Request("id.secret", X224, "10.0.0.1:3389")


def test_the_token_is_in_no_repr() -> None:
    assert "id.secret" not in repr(Request("id.secret", X224))


def test_a_response_has_confirm_certificates_and_address() -> None:
    fields = der.Elements(response(X224, (b"leaf", b"root"), "gateway"), "test").inside(der.SEQUENCE)
    assert fields.take(0xA0) == der.integer(3390)
    assert fields.take(0xA6) == der.octets(X224)
    assert fields.take(0xA7) == der.sequence(der.octets(b"leaf"), der.octets(b"root"))
    assert fields.take(0xA9) == der.text("gateway")
    fields.end()


def test_an_error_is_that_which_ironrdp_showed() -> None:
    assert error(GENERAL_ERROR, 401).hex() == "3015a00402020d3ea10d300ba003020101a10402020191"


@pytest.mark.parametrize(
    "whole",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes.fromhex("3084ffffffff"),
        Request("t", X224).encode()[:-1],
        Request("t", X224).encode() + b"\0",
        Request("t", bytes(1025)).encode(),
        Request("t" * 1025, X224).encode(),
        Request("t", X224, "d" * 8000).encode(),
        bytes(MOST_REQUEST + 1),
        der.sequence(der.explicit(0, der.integer(3389)), der.explicit(6, der.octets(X224))),
        der.sequence(der.explicit(0, der.integer(3390)), der.explicit(3, der.text("t"))),
        der.sequence(der.explicit(0, der.integer(3390)), der.explicit(3, der.element(der.UTF8_STRING, b"\xff"))),
    ],
)
def test_what_cannot_be_meant_is_refused(whole: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Request.decode(whole)


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_changed_octet_is_read_or_refused(place: int, value: int) -> None:
    whole = bytearray(Request("id.secret", X224, "d").encode())
    whole[place % len(whole)] = value
    with contextlib.suppress(RemoteProtocolError):
        Request.decode(bytes(whole))
