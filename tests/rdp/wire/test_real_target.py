"""The connector against a real target, over plain TLS: Debian's xrdp in front of Xvnc."""

import asyncio
import ssl
from pathlib import Path

import pytest

from gateway.rdp import share
from gateway.rdp.connector import Connector, Demanded, TargetLogon, TargetRefused
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRequest, Security, decode_confirm
from tests.rdp.peers import xrdp_vnc
from tests.rdp.wire.samples import ALL_CHANNELS, CLIENT, INFO

pytestmark = pytest.mark.peer
LIMIT = 30  # seconds for one whole connection
BITMAP = 2  # capabilitySetType (2.2.7.1.2)


async def connected(host: str, port: int, channels: frozenset[str]) -> Demanded | TargetRefused:
    """Drive a connector with plain sockets to its end."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(ConnectionRequest(Security.TLS | Security.HYBRID).encode())
        framer = Framer()
        confirm = decode_confirm(framer.feed(await reader.readexactly(19))[0])
        assert isinstance(confirm, ConnectionConfirm)
        assert confirm.selected == Security.TLS
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        await writer.start_tls(trusting)
        connector = Connector(
            CLIENT, INFO, TargetLogon("engineer", "", "Xv-real7"), confirm.selected, channels,
            requested=Security.TLS | Security.HYBRID,
        )  # fmt: skip
        connector.start()
        while True:
            writer.write(connector.data_to_send())
            data = await reader.read(65536)
            assert data, f"closed in {connector.state}"
            for frame in framer.feed(data):
                for event in connector.receive(frame):
                    return event
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("channels", [ALL_CHANNELS, frozenset({"cliprdr"}), frozenset()], ids=["all", "one", "none"])
async def test_xrdp_gives_a_desktop_of_the_clients_size_with_the_allowed_channels_alone(
    tmp_path: Path, channels: frozenset[str]
) -> None:
    async with xrdp_vnc(tmp_path, password="Xv-real7", size="1024x768") as target, asyncio.timeout(LIMIT):
        event = await connected(target.host, target.port, channels)
    assert isinstance(event, Demanded)
    assert set(event.channels) == channels
    assert len({event.user, event.io, *event.channels.values()}) == 2 + len(channels)
    (control,) = share.split_control(event.demand)
    demand = share.DemandActive.decode(control.body)
    (bitmap,) = (item.body for item in demand.capabilities if item.kind == BITMAP)
    assert int.from_bytes(bitmap[0:2], "little") == 32
    assert (int.from_bytes(bitmap[8:10], "little"), int.from_bytes(bitmap[10:12], "little")) == (1280, 1024)
