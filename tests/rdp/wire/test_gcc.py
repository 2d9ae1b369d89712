"""GCC blocks: what clients and servers say of themselves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import gcc, mcs, x224
from gateway.rdp.gcc import (
    ClientBlocks,
    ClusterClient,
    ClusterFlag,
    CoreClient,
    CoreServer,
    EarlyCapability,
    NetworkClient,
    NetworkServer,
    SecurityClient,
    SecurityServer,
    ServerBlocks,
    StaticChannel,
)  # fmt: skip
from gateway.rdp.x224 import Security
from tests.rdp.wire import samples
from tests.rdp.wire.samples import CLIENT, CORE, frame

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
NAME = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=7)
OTHERS = st.lists(
    st.tuples(st.sampled_from([0xC005, 0xC006, 0xC008, 0xC00A, 0x1234]), st.binary(max_size=40)), max_size=4
).map(tuple)
CORES = st.builds(
    CoreClient, U32, U16, U16, U16, U16, U32, U32, st.binary(min_size=32, max_size=32), U32, U32, U32,
    st.binary(min_size=64, max_size=64), st.binary(max_size=102),
)  # fmt: skip
CLIENTS = st.builds(
    ClientBlocks,
    CORES,
    st.builds(SecurityClient, U32, U32),
    st.lists(st.builds(StaticChannel, NAME, U32), max_size=31).map(lambda some: NetworkClient(tuple(some))),
    st.one_of(st.none(), st.builds(ClusterClient, U32.map(ClusterFlag), U32)),
    OTHERS,
)
SERVERS = st.builds(
    ServerBlocks,
    st.one_of(
        st.builds(CoreServer, U32), st.builds(CoreServer, U32, U32.map(Security), st.one_of(st.none(), U32))
    ),
    st.builds(NetworkServer, U16, st.lists(U16, max_size=31).map(tuple)),
    st.builds(SecurityServer, U32, U32, st.binary(max_size=40)),
    st.lists(st.tuples(st.sampled_from([0x0C04, 0x0C08]), st.binary(max_size=40)), max_size=3).map(tuple),
)  # fmt: skip


def user_data(dump: bytes) -> bytes:
    found = mcs.decode(x224.data_of(frame(dump)))
    assert isinstance(found, (mcs.ConnectInitial, mcs.ConnectResponse))
    return found.user_data


def test_the_client_of_the_specification_reads_and_writes() -> None:
    """[MS-RDPBCGR] 4.1.3."""
    octets = user_data(samples.CONNECT_INITIAL)
    found = ClientBlocks.decode(octets)
    assert found == CLIENT
    assert found.encode() == octets
    assert (found.core.high_color_depth, found.core.supported_color_depths) == (24, 7)
    assert (found.core.early, found.core.selected) == (EarlyCapability.ERRINFO_PDU, Security.RDP)


def test_the_server_of_the_specification_reads_and_writes() -> None:
    """[MS-RDPBCGR] 4.1.4: the length in front of its response is wrong and means nothing."""
    octets = user_data(samples.CONNECT_RESPONSE)
    found = ServerBlocks.decode(octets)
    assert found.network == NetworkServer(1003, (1004, 1005, 1006))
    assert (found.core, found.security.method) == (CoreServer(0x00080004, Security.RDP), 2)
    written = found.encode()
    assert (written[:7], written[9:]) == (octets[:7], octets[8:])


@given(CLIENTS)
def test_a_client_comes_back_as_it_was(made: ClientBlocks) -> None:
    assert ClientBlocks.decode(made.encode()) == made


@given(SERVERS)
def test_a_server_comes_back_as_it_was(made: ServerBlocks) -> None:
    assert ServerBlocks.decode(made.encode()) == made


@pytest.mark.parametrize("length", [0, 1, 9, 12, 13, 14, 80, 83, 84, 102])
def test_a_client_core_may_end_after_any_field(length: int) -> None:
    whole = CORE.asking(colors=24, depths=15, early=EarlyCapability(0x8001), selected=Security.HYBRID)
    core = replace(whole, tail=(whole.tail + bytes(18))[:length])
    found = ClientBlocks.decode(ClientBlocks(core).encode()).core
    assert found == core
    assert found.high_color_depth == (24 if length >= 10 else None)
    assert found.early == (EarlyCapability(0x8001) if length >= 14 else 0)
    assert found.selected == (Security.HYBRID if length >= 84 else None)


@pytest.mark.parametrize("length", [0, 5, 8, 13, 84, 102])
def test_what_is_asked_for_is_there_whatever_was_absent(length: int) -> None:
    core = replace(CORE, tail=(CORE.tail + bytes(24))[:length])
    asked = core.asking(colors=24, depths=15, early=EarlyCapability.WANT_32BPP, selected=Security.TLS)
    assert len(asked.tail) == gcc_tail()
    assert asked.tail[:8] == bytes.fromhex("01ca 0100 00000000")
    assert (asked.high_color_depth, asked.supported_color_depths) == (24, 15)
    assert (asked.early, asked.selected) == (EarlyCapability.WANT_32BPP, Security.TLS)


def gcc_tail() -> int:
    """Octets from postBeta2ColorDepth to serverSelectedProtocol (2.2.1.3.2)."""
    return 2 + 2 + 4 + 2 + 2 + 2 + 64 + 1 + 1 + 4


@given(st.one_of(CLIENTS, SERVERS), st.integers(0, 500), st.binary(min_size=1, max_size=3))
def test_anything_at_all_is_blocks_or_refused(made: ClientBlocks | ServerBlocks, at: int, octets: bytes) -> None:
    whole = made.encode()
    for damaged in (whole[:at], whole[:at] + octets + whole[at + len(octets) :], octets * 20):
        for kind in (ClientBlocks, ServerBlocks):
            try:
                found = kind.decode(damaged)
            except RemoteProtocolError:
                continue
            assert kind.decode(found.encode()) == found


def blocks(*parts: bytes) -> bytes:
    """A request with these blocks and no others."""
    content = b"".join(parts)
    head = gcc.REQUEST_HEAD + gcc.CLIENT_KEY + (0x8000 | len(content)).to_bytes(2, "big")
    return gcc.OBJECT_KEY + (0x8000 | len(head + content)).to_bytes(2, "big") + head + content


SECURITY = SecurityClient().encode()


def test_blocks_may_come_in_any_order() -> None:
    """2.2.1.3: each is known by its header."""
    network = CLIENT.network.encode()
    assert ClientBlocks.decode(blocks(network, SECURITY, CORE.encode())) == ClientBlocks(CORE, network=CLIENT.network)


@pytest.mark.parametrize(
    "parts",
    [
        [], [CORE.encode()], [SECURITY],  # something is missing
        [CORE.encode(), SECURITY, SECURITY],  # twice
        [CORE.encode(), SECURITY, bytes.fromhex("05c0 0300")],  # a block shorter than its header
        [CORE.encode(), SECURITY, bytes.fromhex("05c0 0000")],  # one that would be read for ever
        [CORE.encode(), SECURITY, bytes.fromhex("05c0 ffff")],  # one longer than everything
        [CORE.encode(), SECURITY, *[bytes.fromhex("05c0 0400")] * 40],  # too many
        [bytes.fromhex("01c0 0800 04000800"), SECURITY],  # a core without its fields
        [CORE.encode(), SECURITY, bytes.fromhex("03c0 0800 20000000")],  # 32 channels
        [CORE.encode(), SECURITY, bytes.fromhex("03c0 0800 ffffffff")],  # 4 thousand million
        [CORE.encode(), SECURITY, bytes.fromhex("03c0 1400 01000000 6162636465666768 00000000")],  # no null
        [CORE.encode(), SECURITY, bytes.fromhex("03c0 1400 01000000 c300000000000000 00000000")],  # not ASCII
        [CORE.encode(), SECURITY, bytes.fromhex("03c0 1500 01000000 6100000000000000 00000000 00")],  # more than said
        [CORE.encode(), SECURITY, bytes.fromhex("04c0 0800 0d000000")],
    ],
)  # fmt: skip
def test_threat_5_blocks_that_lie_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(RemoteProtocolError):
        ClientBlocks.decode(blocks(*parts))


@pytest.mark.parametrize("network", ["eb03 2000", "eb03 0200 ec03", "eb03 0100 ec03 0000 0000", "eb03"])
def test_threat_5_a_server_that_lies_about_its_channels_is_refused(network: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NetworkServer.decode(bytes.fromhex(network))


def test_the_padding_of_a_server_may_be_missing() -> None:
    assert NetworkServer.decode(bytes.fromhex("eb03 0100 ec03")) == NetworkServer(1003, (1004,))


def test_we_do_not_write_blocks_that_cannot_be() -> None:
    for made in (
        ClientBlocks(replace(CORE, name=b"short")),
        ClientBlocks(CORE, network=NetworkClient((StaticChannel("eightoct", 0),))),
        ClientBlocks(CORE, others=((0xC005, bytes(20_000)),)),
    ):
        with pytest.raises(LocalProtocolError):
            made.encode()
