"""The connector under standard RDP security ([MS-RDPBCGR] 1.3.1.1): what it says when, and what it takes."""

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import licence, mcs, x224
from gateway.rdp.connector import Connector, ConnectorState, Demanded, KeyShown, Refusal, TargetRefused
from gateway.rdp.gcc import ClientBlocks
from gateway.rdp.standard_security import Flag, StandardSecurity
from gateway.rdp.x224 import Security
from tests.rdp.legacy.server import Server, sc_security
from tests.rdp.wire.samples import CLIENT, INFO, frame
from tests.rdp.wire.target import (
    DEMAND,
    DEMAND_ACTIVE,
    LOGON,
    VALID,
    attach_confirm,
    connect_response,
    indication,
    join_confirm,
    said,
)


def begun() -> Connector:
    made = Connector(CLIENT, INFO, LOGON, Security.RDP, frozenset(), security=StandardSecurity(random=bytes))
    made.start()
    return made


def introduced() -> tuple[Connector, Server]:
    """At licensing, with Client Info said."""
    made = begun()
    made.receive(frame(connect_response((), security=sc_security())))
    made.trust()
    made.receive(frame(attach_confirm()))
    made.receive(frame(join_confirm(1007)))
    said(made)
    made.receive(frame(join_confirm(1003)))
    exchange, who = said(made)
    assert isinstance(exchange, mcs.SendDataRequest)
    assert isinstance(who, mcs.SendDataRequest)
    server = Server(exchange.data)
    flags, body = server.hears(who.data)
    assert flags == 0x48
    assert LOGON.password.encode("utf-16-le") in body
    return made, server


def clear(data: bytes, flags: int) -> bytes:
    return indication(struct.pack("<HH", flags, 0) + data)


def test_128_bit_keys_alone_are_asked_for() -> None:
    (initial,) = said(begun())
    assert isinstance(initial, mcs.ConnectInitial)
    blocks = ClientBlocks.decode(initial.user_data)
    assert (blocks.security.methods, blocks.security.extended) == (2, 0)


def test_the_key_is_shown_and_without_trust_in_it_nobody_logs_on_70() -> None:
    made = begun()
    (shown,) = made.receive(frame(connect_response((), security=sc_security())))
    assert isinstance(shown, KeyShown)
    made.receive(frame(attach_confirm()))
    made.receive(frame(join_confirm(1007)))
    with pytest.raises(LocalProtocolError):
        made.receive(frame(join_confirm(1003)))
    assert not any(isinstance(pdu, mcs.SendDataRequest) for pdu in said(made))


def test_standard_rdp_security_and_its_keys_come_together() -> None:
    for selected, security in ((Security.RDP, None), (Security.TLS, StandardSecurity())):
        with pytest.raises(LocalProtocolError):
            Connector(CLIENT, INFO, LOGON, selected, frozenset(), security=security)
    with pytest.raises(LocalProtocolError):
        Connector(CLIENT, INFO, LOGON, Security.TLS, frozenset()).trust()


@pytest.mark.parametrize("sealed", [False, True], ids=["licence in clear", "licence encrypted"])
def test_a_desktop_is_demanded(sealed: bool) -> None:
    made, server = introduced()
    granted = server.says(licence.VALID_CLIENT[4:], flags=0x80) if sealed else frame(VALID)
    assert made.receive(granted) == []
    (event,) = made.receive(server.says(DEMAND))
    assert isinstance(event, Demanded)
    assert event.demand == DEMAND


@pytest.mark.parametrize("encrypts", [0, Flag.LICENSE_ENCRYPT])
def test_a_licence_is_asked_for_with_the_key_that_was_shown_before(encrypts: int) -> None:
    made, server = introduced()
    body = bytes(32) + bytes(4) + bytes(4) + bytes(4) + struct.pack("<HHI", 13, 4, 1) + struct.pack("<HH", 3, 0)
    body += bytes(4)
    request = bytes((licence.LICENSE_REQUEST, 3)) + struct.pack("<H", 4 + len(body)) + body
    made.receive(frame(clear(request, 0x80 | encrypts)))
    (answer,) = said(made)
    assert isinstance(answer, mcs.SendDataRequest)
    octets = server.hears(answer.data)[1] if encrypts else answer.data[4:]
    assert octets[0] == licence.NEW_LICENSE_REQUEST


def test_a_redirection_is_no_way_in() -> None:
    made, server = introduced()
    assert made.receive(server.says(bytes(40), flags=0x400)) == [TargetRefused(Refusal.REDIRECTED, 0)]


@pytest.mark.parametrize("granted", [False, True], ids=["while licensing", "after it"])
def test_threat_4_what_comes_in_clear_is_refused(granted: bool) -> None:
    made, _ = introduced()
    if granted:
        made.receive(frame(VALID))
    with pytest.raises(RemoteProtocolError):
        made.receive(frame(DEMAND_ACTIVE))
    made, _ = introduced()
    made.receive(frame(VALID))
    for flags in (0, 0x80, len(DEMAND)):
        with pytest.raises(RemoteProtocolError):
            made.receive(frame(clear(DEMAND, flags)))


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=120), st.booleans())
def test_threat_5_any_octets_are_taken_or_refused(data: bytes, sealed: bool) -> None:
    made, server = introduced()
    with contextlib.suppress(RemoteProtocolError):
        made.receive(server.says(data) if sealed else frame(x224.data(data)))
    assert made.state in ConnectorState
