"""A fuzz target for everything of `gateway.rdp` that reads what a peer sent. Run by hand, not by the test suite.

    python -m tests.rdp.fuzz [--seconds 60] [--seed 7]        # no dependency: mutates the samples
    python -m tests.rdp.fuzz --atheris FOLDER [libFuzzer options]   # guided by coverage, if atheris is installed

Each reader must answer or raise RemoteProtocolError; what decodes and has one form must encode to what decodes the
same. Anything else is a finding: its octets are printed in hexadecimal, with the name of the reader.
"""

import argparse
import importlib
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import bitmap, cleanpath, fastpath, mcs, share, x224
from gateway.rdp import input as events
from gateway.rdp.client_info import ClientInfo
from gateway.rdp.connector import Connector, ConnectorState, TargetLogon
from gateway.rdp.credssp_messages import TsRequest
from gateway.rdp.gcc import ClientBlocks, ServerBlocks
from gateway.rdp.licence import LicenceClient
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import ConnectionRequest, Security
from tests.rdp.wire import samples
from tests.rdp.wire.target import DEMAND, DEMAND_ACTIVE, VALID, attach_confirm, connect_response, join_confirm

MOST: Final = 4096  # octets of one input
EDGES: Final = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x81", b"\x82", b"\xff\xff", b"\x00\x80", b"\x03\x00\x00\x07")


def frames(data: bytes) -> None:
    Framer().feed(data)


def connection(data: bytes) -> None:
    """X.224 of either side."""
    for frame in Framer().feed(data):
        for decode in (ConnectionRequest.decode, x224.decode_confirm):
            try:
                found = decode(frame)
            except RemoteProtocolError:
                continue
            assert decode(samples.frame(found.encode())) == found


def domain(data: bytes) -> None:
    """MCS, and the blocks in it."""
    for frame in Framer().feed(data):
        found = mcs.decode(x224.data_of(frame))
        assert mcs.decode(found.encode()) == found
        if isinstance(found, mcs.ConnectInitial):
            client = ClientBlocks.decode(found.user_data)
            assert ClientBlocks.decode(client.encode()) == client
        elif isinstance(found, mcs.ConnectResponse):
            server = ServerBlocks.decode(found.user_data)
            assert ServerBlocks.decode(server.encode()) == server


def information(data: bytes) -> None:
    found = ClientInfo.decode(data)
    assert ClientInfo.decode(found.encode()) == found
    found.without_reconnect_cookie()


def licence(data: bytes) -> None:
    LicenceClient(bytes).answer(data)


def target(data: bytes) -> None:
    """A whole connection with a target that says this."""
    made = Connector(
        samples.CLIENT,
        samples.INFO,
        TargetLogon("user", "", "password"),
        Security.TLS,
        samples.ALL_CHANNELS,
        random=bytes,
    )
    made.start()
    for frame in Framer().feed(data):
        if made.state is ConnectorState.DONE:
            return
        made.receive(frame)


def controls(data: bytes) -> None:
    """Share control PDUs, and the two that carry capabilities."""
    for control in share.split_control(data):
        match control.kind:
            case share.PduType.DEMAND_ACTIVE:
                share.DemandActive.decode(control.body)
            case share.PduType.CONFIRM_ACTIVE:
                share.ConfirmActive.decode(control.body)
            case share.PduType.DATA:
                share.ShareData.decode(control.body)


def typed(data: bytes) -> None:
    for read in (events.decode_fast, events.decode_slow):
        try:
            read(data)
        except RemoteProtocolError:
            continue


def drawn(data: bytes) -> None:
    for read in (fastpath.decode, bitmap.decode):
        try:
            read(data)
        except RemoteProtocolError:
            continue


def request(data: bytes) -> None:
    cleanpath.Request.decode(data)


def credentials(data: bytes) -> None:
    TsRequest.decode(data)


READERS: Final[Sequence[Callable[[bytes], None]]] = (
    frames, connection, domain, information, licence, target, controls, typed, drawn, request, credentials,
)  # fmt: skip
WAY: Final = b"".join(
    (connect_response(), attach_confirm(), *map(join_confirm, (1007, 1003, 1004, 1005, 1006)), VALID, DEMAND_ACTIVE)
)
SEEDS: Final = (
    samples.CONNECTION_REQUEST, samples.CONNECTION_CONFIRM, samples.CONNECT_INITIAL, samples.CONNECT_RESPONSE,
    samples.ATTACH_USER_CONFIRM, samples.JOIN_CONFIRM, samples.SEND_DATA, samples.DISCONNECT, samples.INFO.encode(),
    samples.VALID_CLIENT, WAY, DEMAND,
    bytes.fromhex("1000 0100 0000 0000 0600 0000 0000 1e00"), bytes.fromhex("040b 0a1e 2000081000 1000"),  # input
    bytes.fromhex("0100 0100 0000 0000 0300 0000 0400 0100 2000 0000 1000") + bytes(16),  # one raw rectangle
    bytes.fromhex("300d a003020106 a106 3004 3002 a000"), bytes.fromhex("3009 a004 02020d3e a301 0c"),
)  # fmt: skip


def one(data: bytes) -> None:
    """Every reader on one input; a finding is raised after it was printed."""
    for reader in READERS:
        try:
            reader(data)
        except RemoteProtocolError:
            continue
        except LocalProtocolError:
            if reader is not domain:  # a PDU may be read whose parts are longer than we would write
                raise
        except BaseException:
            sys.stderr.write(f"{reader.__name__}: {data.hex()}\n")
            raise


def mutated(seed: bytes, number: Callable[[int], int]) -> bytes:
    """A few cuts, doubles and edges."""
    data = bytearray(seed)
    for _ in range(1 + number(6)):
        at, length = number(len(data) + 1), number(8)
        match number(5):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length]
            case 2 if at < len(data):
                data[at] ^= 1 << number(8)
            case 3 if at < len(data):
                data[at] = number(256)
            case _:
                edge = EDGES[number(len(EDGES))]
                data[at : at + len(edge)] = edge
    return bytes(data[:MOST])


def by_hand(seconds: float, seed: int) -> int:
    """Mutate until the time is over; returns how many inputs there were."""
    state = seed or secrets.randbits(63)
    sys.stderr.write(f"seed {state}\n")

    def number(below: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64  # Knuth, MMIX
        return (state >> 33) % below

    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        one(mutated(SEEDS[number(len(SEEDS))], number))
        count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", metavar="FOLDER", help="corpus of libFuzzer; it gets the samples")
    chosen, rest = parser.parse_known_args()
    if not chosen.atheris:
        sys.stderr.write(f"{by_hand(chosen.seconds, chosen.seed)} inputs, no finding\n")
        return
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *rest, chosen.atheris], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
