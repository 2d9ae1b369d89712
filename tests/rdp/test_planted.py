"""Bounds that nothing but themselves enforces: all octets are there, and it is refused all the same.

A lie about a length is mostly caught by what is missing. Here nothing is missing.
"""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from gateway.errors import RemoteProtocolError
from gateway.rdp import ber, der, fastpath, gcc, mcs, share, x224
from gateway.rdp.acceptor import FIRST_CHANNEL, IO, USER, Acceptor
from gateway.rdp.client_info import STRING_OCTETS, ClientInfo, InfoFlag
from gateway.rdp.credssp import MOST_ROUNDS, CredsspAcceptor, CredsspFailure, CredsspInitiator, CredsspState
from gateway.rdp.credssp_messages import TsRequest
from gateway.rdp.effects import ToClient
from gateway.rdp.fastpath import UpdateCode
from gateway.rdp.gcc import ClientBlocks, NetworkServer
from gateway.rdp.input import KeyEvent, decode_fast
from gateway.rdp.licence import CERTIFICATES_MOST, LicenceClient
from gateway.rdp.ntlm_messages import Authenticate
from gateway.rdp.spnego import MOST_MECHANISMS, NTLM_OID, Envelope, init
from gateway.rdp.tpkt import Frame, FrameKind, tpkt
from tests.rdp.security.lines import TIME, acceptor, initiator
from tests.rdp.share.twins import INFO, Client, joined
from tests.rdp.wire import test_licence as licences
from tests.rdp.wire.samples import CLIENT, CONNECT_INITIAL, CORE, frame

CHANNEL = b"rdpdr\0\0\0" + bytes(4)
BLOCKS = CORE.encode() + CLIENT.security.encode()


def request(blocks: bytes, length: int) -> bytes:
    """A GCC Conference Create Request that says its user data had `length` octets."""
    pdu = gcc.REQUEST_HEAD + gcc.CLIENT_KEY + (0x8000 | length).to_bytes(2, "big") + blocks
    return gcc.OBJECT_KEY + (0x8000 | len(pdu)).to_bytes(2, "big") + pdu


def network(count: int) -> bytes:
    body = count.to_bytes(4, "little") + CHANNEL * count
    return gcc.CS_NET.to_bytes(2, "little") + (len(body) + 4).to_bytes(2, "little") + body


def refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ClientBlocks.decode(data)


def test_threat_5_a_client_lists_31_channels_and_no_more_76() -> None:
    whole = BLOCKS + network(31)
    assert len(ClientBlocks.decode(request(whole, len(whole))).network.channels) == 31
    more = BLOCKS + network(32)
    refused(request(more, len(more)))


def test_threat_5_a_server_gives_31_channels_and_no_more_76() -> None:
    assert len(NetworkServer.decode(bytes.fromhex("eb03 1f00") + bytes(62)).channels) == 31
    with pytest.raises(RemoteProtocolError):
        NetworkServer.decode(bytes.fromhex("eb03 2000") + bytes(64))


@pytest.mark.parametrize("lie", [-12, -1, 1, 12])
def test_threat_5_gcc_user_data_is_as_long_as_it_says_76(lie: int) -> None:
    assert ClientBlocks.decode(request(BLOCKS, len(BLOCKS))).core == CORE
    refused(request(BLOCKS, len(BLOCKS) + lie))


@pytest.mark.parametrize("size", range(4))
def test_threat_5_a_gcc_block_has_room_for_its_header_76(size: int) -> None:
    """It would be read for ever, or what was read before would be read again."""
    whole = BLOCKS + bytes.fromhex("05c0") + size.to_bytes(2, "little")
    refused(request(whole, len(whole)))


@pytest.mark.parametrize("flags", [InfoFlag.UNICODE, InfoFlag(0)])
@pytest.mark.parametrize("place", range(5))
def test_threat_5_a_string_of_client_info_has_512_octets_at_most_76(place: int, flags: InfoFlag) -> None:
    unit = b"v\0" if InfoFlag.UNICODE in flags else b"v"

    def info(octets: int) -> bytes:
        texts = [b""] * 5
        texts[place] = unit * (octets // len(unit))
        lengths = b"".join(len(text).to_bytes(2, "little") for text in texts)
        head = bytes.fromhex("40000000 00000000") + flags.to_bytes(4, "little") + lengths
        return head + b"".join(text + bytes(len(unit)) for text in texts)

    assert ClientInfo.decode(info(STRING_OCTETS)).encode() == info(STRING_OCTETS)
    with pytest.raises(RemoteProtocolError):
        ClientInfo.decode(info(STRING_OCTETS + 2))


def test_threat_5_a_length_of_per_in_fragments_is_refused_though_its_octets_are_there_76() -> None:
    data = bytes(256)
    assert mcs.decode(bytes.fromhex("64 0031 03eb 70 8100") + data) == mcs.SendDataRequest(1050, 1003, data)
    for first in ("c1", "e1"):
        with pytest.raises(RemoteProtocolError):
            mcs.decode(bytes.fromhex(f"64 0031 03eb 70 {first}00") + data)


@pytest.mark.parametrize("length", ["80", "83 000194", "84 00000194"])
def test_threat_5_a_length_of_ber_has_one_or_two_octets_though_all_are_there_76(length: str) -> None:
    payload = x224.data_of(frame(CONNECT_INITIAL))
    assert payload[:5] == bytes.fromhex("7f65 82 0194")
    with pytest.raises(RemoteProtocolError):
        mcs.decode(payload[:2] + bytes.fromhex(length) + payload[5:])


@pytest.mark.parametrize("content", ["", "000000000000", "0100000000"])
def test_threat_5_an_integer_of_ber_has_one_to_five_octets_and_32_bits_76(content: str) -> None:
    def answer(content: bytes) -> bytes:
        fields = ber.integer(0, ber.ENUMERATED) + ber.encode(ber.INTEGER, content)
        fields += mcs.DomainParameters().encode() + ber.encode(ber.OCTET_STRING, b"")
        return ber.encode(mcs.ConnectResponse.TAG, fields)

    assert mcs.decode(answer(b"\x00\xff\xff\xff\xff")) == mcs.ConnectResponse(
        b"", called=0xFFFFFFFF, parameters=mcs.DomainParameters()
    )
    with pytest.raises(RemoteProtocolError):
        mcs.decode(answer(bytes.fromhex(content)))


def test_a_connection_request_of_255_octets_is_refused_72() -> None:
    """255 is reserved for an extension of the length indicator (X.224 13.2.1)."""

    def request(length: int) -> bytes:
        line = b"A" * (length - 6 - 2) + b"\r\n"
        return tpkt(bytes((length,)) + bytes.fromhex("e0 00 00 00 00 00") + line)

    assert len(x224.ConnectionRequest.decode(frame(request(254))).routing) == 246
    with pytest.raises(RemoteProtocolError):
        x224.ConnectionRequest.decode(frame(request(255)))


@pytest.mark.parametrize("length", [0, 7, 9, 0x0800])
def test_a_negotiation_has_eight_octets_and_says_so_68(length: int) -> None:
    body = bytes.fromhex("0e e0 00 00 00 00 00 01 00") + length.to_bytes(2, "little") + bytes.fromhex("03 00 00 00")
    with pytest.raises(RemoteProtocolError):
        x224.ConnectionRequest.decode(frame(tpkt(body)))


def test_threat_5_a_licence_server_shows_eight_certificates_at_most_76() -> None:
    LicenceClient(licences.random).answer(licences.request(licences.chain(licences.KEY, CERTIFICATES_MOST - 1)))
    with pytest.raises(RemoteProtocolError):
        LicenceClient(licences.random).answer(licences.request(licences.chain(licences.KEY, CERTIFICATES_MOST)))


@pytest.mark.parametrize("version", [0x00, 0x20, 0x0110])
def test_threat_5_share_control_of_another_version_is_refused_76(version: int) -> None:
    whole = share.ShareControl(share.PduType.DEACTIVATE_ALL, 1002, share.DeactivateAll(1).encode()).encode()
    assert len(share.split_control(whole)) == 1
    with pytest.raises(RemoteProtocolError):
        share.split_control(whole[:2] + (version | whole[2] & 0x0F).to_bytes(2, "little") + whole[4:])


@pytest.mark.parametrize("more", [1, 3, 5, 8])
def test_threat_5_nothing_follows_the_session_id_of_a_demand_active_76(more: int) -> None:
    whole = share.DemandActive(1, b"RDP\0", (), b"").encode()
    assert share.DemandActive.decode(whole + bytes(4)).session == bytes(4)
    with pytest.raises(RemoteProtocolError):
        share.DemandActive.decode(whole + bytes(more))


# --- the log-on


def to_authenticate() -> tuple[TsRequest, CredsspAcceptor]:
    """A client's AUTHENTICATE that is not delivered yet, and who waits for it."""
    client, server = initiator(b"key of the certificate", "ticket", "secret"), acceptor(b"key", {"ticket": "secret"})
    server.receive(client.data_to_send())
    client.receive(server.data_to_send())
    return TsRequest.decode(client.data_to_send()), server


@pytest.mark.parametrize("octets", [0, 5, 15, 17])
def test_an_exchanged_key_has_16_octets_71(octets: int) -> None:
    """An empty one would seal under a key that everybody knows."""
    request, server = to_authenticate()
    weak = replace(Authenticate.decode(request.token), key=bytes(octets))
    with pytest.raises(RemoteProtocolError):
        server.receive(replace(request, token=weak.encode()).encode())


def test_a_client_that_reports_an_error_is_not_let_in_73() -> None:
    request, server = to_authenticate()
    server.receive(replace(request, error=0xC000006D).encode())
    assert (server.state, server.failure) == (CredsspState.FAILED, CredsspFailure.PEER)


def test_an_offer_of_mechanisms_has_an_end_76() -> None:
    def offer(count: int) -> bytes:
        listed = (der.element(der.OBJECT_IDENTIFIER, NTLM_OID) for _ in range(count))
        return init(der.sequence(*listed), b"NTLMSSP\0")

    assert Envelope().open(offer(MOST_MECHANISMS)) == b"NTLMSSP\0"
    with pytest.raises(RemoteProtocolError):
        Envelope().open(offer(MOST_MECHANISMS + 1))


class Endless:
    """A mechanism that a target never lets come to its end."""

    complete = False

    def step(self, token: bytes) -> bytes:
        return token or b"begin"

    def wrap(self, data: bytes) -> bytes:
        return data

    def unwrap(self, data: bytes) -> bytes:
        return data


def test_threat_5_a_target_cannot_exchange_tokens_for_ever_76() -> None:
    client = CredsspInitiator(b"key", "account", "", "inner", random=bytes, time=TIME, mechanism=Endless())
    for _ in range(MOST_ROUNDS):
        client.receive(TsRequest(6, token=b"again").encode())
    with pytest.raises(RemoteProtocolError):
        client.receive(TsRequest(6, token=b"again").encode())
    assert client.state is CredsspState.FAILED


# --- what passes between a client and its target


def shape(width: int, height: int, bpp: int = 32, missing: int = 0) -> bytes:
    """TS_POINTERATTRIBUTE with its masks, less the last octets of the first mask."""
    coloured, masked = width * bpp // 8 * height, (width + 15) // 16 * 2 * height
    sides = (bpp, 0, 0, 0, width, height, masked, coloured - missing)
    return struct.pack("<8H", *sides) + bytes(coloured + masked)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (UpdateCode.POINTER_NEW, shape(400, 8)),  # larger than a client shows
        (UpdateCode.POINTER_NEW, shape(8, 400)),
        (UpdateCode.POINTER_NEW, shape(32, 32, missing=4)),  # a mask that a client would read over
        (UpdateCode.POINTER_NEW, shape(32, 32, 7)),
        (UpdateCode.POINTER_NEW, shape(32, 32)[:-1]),
        (UpdateCode.POINTER_COLOR, shape(400, 8, 24)[2:]),
        (UpdateCode.POINTER_POSITION, b"\x01\x00\x02"),
        (UpdateCode.POINTER_CACHED, b"\x01"),
    ],
)
@pytest.mark.parametrize("parts", [1, 3])
def test_threat_5_a_pointer_that_cannot_be_does_not_pass_the_fast_path_76(
    code: UpdateCode, data: bytes, parts: int
) -> None:
    """A client is spared it, and so is the player of the recording."""
    joint, size = joined(), -(-len(data) // parts)
    pieces = fastpath.fragments(code, data, size)
    for one in pieces[:-1]:
        joint.bridge.from_target(Frame(FrameKind.FAST, one))
    with pytest.raises(RemoteProtocolError):
        joint.bridge.from_target(Frame(FrameKind.FAST, pieces[-1]))


def test_an_honest_pointer_passes_the_fast_path_as_it_is() -> None:
    (pdu,) = fastpath.fragments(UpdateCode.POINTER_NEW, shape(32, 32))
    assert joined().bridge.from_target(Frame(FrameKind.FAST, pdu)) == [ToClient(pdu)]


@pytest.mark.parametrize("more", [b"\x00", b"\x00\x1e", bytes(20)])
def test_what_follows_the_last_event_of_input_is_refused_76(more: bytes) -> None:
    whole = bytes((0x04, 4 + len(more), 0x00, 0x1E)) + more
    assert decode_fast(whole[:1] + b"\x04" + whole[2:4]) == (KeyEvent(0x1E),)
    with pytest.raises(RemoteProtocolError):
        decode_fast(whole)


@pytest.mark.parametrize("content", [b"\x05\x00", b"\x02\x01\x07"])
def test_threat_5_one_element_of_der_is_all_there_is_76(content: bytes) -> None:
    assert der.only(der.INTEGER, b"\x02\x01\x06", "thing") == b"\x06"
    with pytest.raises(RemoteProtocolError):
        der.only(der.INTEGER, b"\x02\x01\x06" + content, "thing")


@pytest.mark.parametrize("place", ["join", "info"])
def test_a_client_speaks_for_itself_alone_and_says_who_it_is_where_it_belongs_76(place: str) -> None:
    client, server = Client(), Acceptor(x224.Security.TLS)
    client.begin()
    for made in (client.out.pop(), mcs_pdu(mcs.ErectDomainRequest()), mcs_pdu(mcs.AttachUserRequest())):
        server.receive(frame(made))
    wrong: dict[str, mcs.DomainPdu] = {
        "join": mcs.ChannelJoinRequest(USER + 1, IO),
        "info": mcs.SendDataRequest(USER, FIRST_CHANNEL, INFO.encode()),
    }
    with pytest.raises(RemoteProtocolError):
        server.receive(frame(mcs_pdu(wrong[place])))


def mcs_pdu(pdu: mcs.DomainPdu) -> bytes:
    return x224.data(pdu.encode())
