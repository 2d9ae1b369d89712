"""Standard RDP security with real targets, driven by plain sockets."""

import asyncio
from pathlib import Path

import pytest

from gateway.rdp.connector import Connector, Demanded, KeyShown, TargetLogon
from gateway.rdp.standard_security import LESSER, STRONG, Method, StandardSecurity
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRequest, Security, decode_confirm
from tests.rdp.peers import xrdp_vnc
from tests.rdp.wire.samples import ALL_CHANNELS, CLIENT, INFO

pytestmark = pytest.mark.peer
LIMIT = 30  # seconds for one whole connection


async def connected(host: str, port: int, methods: Method) -> Demanded:
    """Drive a connector to the target's Demand Active."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(ConnectionRequest(Security.RDP).encode())
        framer = Framer()
        (frame,) = framer.feed(await reader.readexactly(19))
        confirm = decode_confirm(frame)
        assert isinstance(confirm, ConnectionConfirm)
        assert confirm.selected == Security.RDP
        connector = Connector(
            CLIENT, INFO, TargetLogon("engineer", "", "Xv-real7"), confirm.selected, ALL_CHANNELS,
            requested=Security.RDP, security=StandardSecurity(methods),
        )  # fmt: skip
        connector.start()
        while True:
            writer.write(connector.data_to_send())
            data = await reader.read(65536)
            assert data, f"closed in {connector.state}"
            for frame in framer.feed(data):
                for event in connector.receive(frame):
                    if isinstance(event, KeyShown):
                        connector.trust()
                    else:
                        assert isinstance(event, Demanded)
                        return event
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(("level", "methods"), [("high", STRONG), ("medium", LESSER)])
async def test_xrdp_gives_a_desktop_under_standard_rdp_security(tmp_path: Path, level: str, methods: Method) -> None:
    settings = f"security_layer=rdp\ncrypt_level={level}"
    async with xrdp_vnc(tmp_path, security=settings) as target, asyncio.timeout(LIMIT):
        event = await connected(target.host, target.port, methods)
    assert set(event.channels) == ALL_CHANNELS
