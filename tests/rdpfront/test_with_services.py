"""The front between the real services and a real target: the vendor's visit to a desktop, with xfreerdp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from gateway.access.model import Grant
from gateway.app import Gateway, opened
from gateway.audit import sql
from gateway.config import read
from gateway.demo import site
from gateway.fronts.rdp.pictures import CARD, Tone
from gateway.fronts.rdp.server import RdpFront, serve_rdp
from gateway.identity.model import FactorProof, Person, Ticket
from gateway.inventory.model import Conduit, CredentialKind, Protocol
from gateway.policy.model import Channel
from gateway.recording.model import Kind
from tests.rdp.peers import Target, connections_to, display, eventually, share_of, xfreerdp, xrdp_vnc
from tests.rdp.peers.targets import TERMINAL

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]
HOME = "127.0.0.1"


@dataclass
class House:
    front: RdpFront
    gateway: Gateway
    target: Target

    async def person(self, name: str) -> Person:
        return await self.gateway.services.identity.person_named(name)

    def _login(self, name: str) -> site.Login:
        return next(p for p in site.logins(self.gateway.folder) if p.name == name)

    def code(self, name: str) -> str:
        return pyotp.TOTP(self._login(name).secret).now()

    async def confirmed(self, name: str) -> FactorProof:
        return await self.gateway.services.identity.confirm(await self.person(name), self.code(name), HOME)

    async def granted(self) -> Grant:
        s = self.gateway.services
        now = s.clock.now()
        request = await s.access.ask(
            await self.person("vera"), target_name="ews-l4", protocol=Protocol.RDP, account="desk",
            channels=frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT}), not_before=now,
            not_after=now + timedelta(hours=2), duration=timedelta(minutes=30), purpose="change the drive's ramp",
            work_order="WO-1", actions="", emergency=False, source=HOME,
        )  # fmt: skip
        proof = await self.confirmed("omar")
        await s.access.approve(request.id, await self.person("omar"), proof, digest=request.wanted.digest(), note="")
        return (await s.access.grants())[0]

    async def ticket(self, grant: Grant) -> Ticket:
        identity, vera = self.gateway.services.identity, await self.person("vera")
        first = await identity.check_password("vera", self._login("vera").password, HOME)
        second = await identity.check_code("vera", self.code("vera"), HOME)
        return await identity.tickets.issue(vera, grant.id, "ews-l4", "desk", (first, second), HOME, web=False)

    async def release(self, grant: Grant) -> None:
        lena = await self.person("lena")
        await self.gateway.services.access.release(grant.id, lena, await self.confirmed("lena"))

    async def events(self, name: str) -> list[dict[str, object]]:
        async with self.gateway.services.store.read() as tx:
            return [e.values() for e in await sql.read(tx, names=frozenset({name}))]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with xrdp_vnc(tmp_path / "t") as target, _house(tmp_path / "g", target) as made:
        yield made


@asynccontextmanager
async def _house(folder: Path, target: Target) -> AsyncIterator[House]:
    folder.mkdir()
    site.write_settings(folder, 0, 0)
    async with opened(folder, read(folder)) as gateway:
        await site.make(gateway, target.host, 1)
        s = gateway.services
        await s.inventory.change_conduit(
            "sam", Conduit("remote", "line4", frozenset({Protocol.SSH})), frozenset({Protocol.SSH, Protocol.RDP})
        )
        await s.inventory.add_service("sam", "ews-l4", Protocol.RDP, target.host, target.port)
        await s.inventory.add_account("sam", "ews-l4", "desk", CredentialKind.PASSWORD, target.password.encode())
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(s.sessions.run()), tasks.create_task(s.recordings.run())]
            async with serve_rdp(
                host="127.0.0.1", port=0, certificate=gateway.keys.tls_certificate, key=gateway.keys.tls_key,
                sessions=s.sessions, tickets=s.identity.tickets, identity=s.identity, audit=s.audit, store=s.store,
                clock=s.clock,
            ) as front:  # fmt: skip
                yield House(front, gateway, target)
                await s.sessions.stop()
            for task in running:
                task.cancel()


async def test_the_vendors_visit_from_ticket_to_kill(house: House, tmp_path: Path) -> None:
    s, target = house.gateway.services, house.target
    grant = await house.granted()
    ticket = await house.ticket(grant)
    async with (
        display(tmp_path / "d") as screen,
        xfreerdp(screen, "127.0.0.1", house.front.port, ticket.id, ticket.secret) as client,
    ):
        await client.sees(lambda seen: share_of(seen, CARD) > 0.1, "the hold")
        assert connections_to(target.port) == 0
        await house.release(grant)
        await client.sees(lambda seen: share_of(seen, target.colour) > 0.5, "the desktop")
        await client.types("Hello 42\n", at=TERMINAL)
        await target.received("Hello 42\n")
        (live,) = await s.sessions.live()
        await s.sessions.kill(live.id, await house.person("lena"), HOME, "test of the valve")
        await client.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.4, "the last screen")
        assert connections_to(target.port) == 0

    async def sealed() -> bool:
        found = await s.recordings.find()
        return bool(found) and found[0].ended is not None

    await eventually(sealed, "the end of the recording", 60)
    found_records = await s.recordings.records(live.id, actor="ada")
    kinds = [Kind(r.kind) for r in found_records.records]
    assert kinds.index(Kind.DESKTOP) < kinds.index(Kind.REPAINT) < kinds.index(Kind.PICTURE)
    assert {Kind.PDU, Kind.MOUSE} <= set(kinds)
    (login,) = [e for e in await house.events("identity.login.succeeded") if e["door"] == "rdp"]
    assert login["person"] == "vera"


async def test_a_lost_connection_is_no_lost_release(house: House, tmp_path: Path) -> None:
    grant = await house.granted()
    ticket = await house.ticket(grant)
    await house.release(grant)
    async with display(tmp_path / "d") as screen:
        async with xfreerdp(screen, "127.0.0.1", house.front.port, ticket.id, ticket.secret) as client:
            await client.sees(lambda seen: share_of(seen, house.target.colour) > 0.5, "the desktop")
        async with xfreerdp(screen, "127.0.0.1", house.front.port, ticket.id, ticket.secret) as client:
            await client.sees(lambda seen: share_of(seen, house.target.colour) > 0.5, "the desktop again")
        assert len(await house.gateway.services.sessions.live()) == 1
