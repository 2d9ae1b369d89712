"""A front between twins; what it records and asks for is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.fronts.rdp.server import RdpFront, serve_rdp
from gateway.inventory.model import Credential, CredentialKind
from gateway.keys import open_keys
from tests.rdp.peers import Client, Display, Target, eventually, xfreerdp
from tests.rdpfront.twins import SECRET, TICKET, TwinConnection, TwinIdentity, TwinSessions, TwinStream, TwinTickets


@dataclass
class Bench:
    """Everything a test needs of one running front."""

    front: RdpFront
    tickets: TwinTickets
    sessions: TwinSessions

    def leads_to(self, target: Target) -> None:
        self.sessions.target = (target.host, target.port)
        self.sessions.credential = Credential(target.user, CredentialKind.PASSWORD, target.password.encode())

    @asynccontextmanager
    async def client(
        self, screen: Display, *options: str, secret: str = SECRET, size: str = "1024x768"
    ) -> AsyncIterator[Client]:
        async with xfreerdp(screen, "127.0.0.1", self.front.port, TICKET, secret, *options, size=size) as client:
            yield client

    async def entered(self, number: int = 1) -> TwinConnection:
        await eventually(lambda: len(self.sessions.connections) >= number, "an entered session")
        return self.sessions.connections[number - 1]

    async def stream(self, number: int = 1) -> TwinStream:
        connection = await self.entered(number)
        await eventually(lambda: bool(connection.streams), "a stream")
        return connection.streams[0]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The gateway's own, as a new site makes it."""
    keys = open_keys(tmp_path_factory.mktemp("site") / "keys", SystemClock(), names=("127.0.0.1",), replay=False)
    return keys.tls_certificate, keys.tls_key


@pytest.fixture
async def bench(store, audit, certificate) -> AsyncIterator[Bench]:
    tickets, sessions = TwinTickets(), TwinSessions()
    async with serve_rdp(
        host="127.0.0.1",
        port=0,
        certificate=certificate[0],
        key=certificate[1],
        sessions=sessions,
        tickets=tickets,
        identity=TwinIdentity(),
        audit=audit,
        store=store,
        clock=SystemClock(),
    ) as front:
        yield Bench(front, tickets, sessions)
