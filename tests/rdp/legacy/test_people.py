"""An exception is for one target. Towards people nothing changes (C50)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from functools import reduce
from operator import or_
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.fronts.rdp.server import serve_rdp
from gateway.keys import open_keys
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import (
    ConnectionConfirm,
    ConnectionRefused,
    ConnectionRequest,
    NegotiationFailure,
    Security,
    decode_confirm,
)
from tests.rdpfront.twins import TwinIdentity, TwinSessions, TwinTickets

ASKED = [
    None,
    *(reduce(or_, some, Security.RDP) for n in range(5) for some in itertools.combinations(Security, n)),
]


@pytest.fixture
async def port(store, audit, tmp_path: Path) -> AsyncIterator[int]:
    """The front. It answers before it knows of any target, so no exception can change what it answers."""
    clock = SystemClock()
    keys = open_keys(tmp_path / "keys", clock, names=("127.0.0.1",), replay=False)
    async with serve_rdp(
        host="127.0.0.1", port=0, certificate=keys.tls_certificate, key=keys.tls_key, sessions=TwinSessions(),
        tickets=TwinTickets(), identity=TwinIdentity(), audit=audit, store=store, clock=clock,
    ) as front:  # fmt: skip
        yield front.port


async def test_whatever_a_client_asks_for_it_never_gets_standard_rdp_security_or_tls_alone_68(port: int) -> None:
    for asked in ASKED:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(ConnectionRequest(asked).encode())
            async with asyncio.timeout(20):
                (frame,) = Framer().feed(await reader.readexactly(19))
        finally:
            writer.transport.abort()
        if asked is not None and Security.HYBRID in asked:
            answer = decode_confirm(frame)
            assert isinstance(answer, ConnectionConfirm)
            assert answer.selected == Security.HYBRID
        else:
            assert decode_confirm(frame) == ConnectionRefused(NegotiationFailure.HYBRID_REQUIRED)
