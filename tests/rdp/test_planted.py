"""Bounds that nothing but themselves enforces: all octets are there, and it is refused all the same.

A lie about a length is mostly caught by what is missing. Here nothing is missing.
"""

from __future__ import annotations

import pytest

from gateway.errors import RemoteProtocolError
from gateway.rdp import gcc, mcs, x224
from gateway.rdp.client_info import STRING_OCTETS, ClientInfo, InfoFlag
from gateway.rdp.gcc import ClientBlocks, NetworkServer
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
