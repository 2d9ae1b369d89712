"""The front between the real services and a target: the vendor's visit, with OpenSSH's client."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncssh
import pyotp
import pytest

from gateway.app import Gateway, opened
from gateway.audit import sql
from gateway.config import read
from gateway.demo import site
from gateway.fronts.ssh.server import SshFront, serve_ssh
from gateway.inventory.model import Protocol
from gateway.policy.model import Channel
from tests.ssh.bell import committed
from tests.ssh.clients import Terminal, openssh, run
from tests.ssh.target import Target

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


@dataclass
class Visit:
    front: SshFront
    gateway: Gateway
    target: Target
    folder: Path
    known_hosts: Path
    key: Path

    @property
    def port(self) -> int:
        return self.front.port

    def code(self, name: str) -> str:
        person = next(p for p in site.logins(self.gateway.folder) if p.name == name)
        return pyotp.TOTP(person.secret).now()

    def password(self, name: str) -> str:
        return next(p for p in site.logins(self.gateway.folder) if p.name == name).password

    async def person(self, name: str):
        return await self.gateway.services.identity.person_named(name)

    async def events(self, name: str):
        async with self.gateway.services.store.read() as tx:
            return [e.values() for e in await sql.read(tx, names=frozenset({name}))]

    async def granted(self):
        s = self.gateway.services
        vera, omar, now = await self.person("vera"), await self.person("omar"), s.clock.now()
        request = await s.access.ask(
            vera,
            target_name="ews-l4",
            protocol=Protocol.SSH,
            account="",
            channels=frozenset({Channel.SHELL, Channel.EXEC}),
            not_before=now,
            not_after=now + timedelta(hours=2),
            duration=timedelta(minutes=30),
            purpose="change the drive's ramp",
            work_order="WO-1",
            actions="",
            emergency=False,
            source="127.0.0.1",
        )
        proof = await s.identity.confirm(omar, self.code("omar"), "127.0.0.1")
        await s.access.approve(request.id, omar, proof, digest=request.wanted.digest(), note="")
        return (await s.access.grants())[0]

    async def release(self, grant):
        s = self.gateway.services
        lena = await self.person("lena")
        proof = await s.identity.confirm(lena, self.code("lena"), "127.0.0.1")
        return await s.access.release(grant.id, lena, proof)


@asynccontextmanager
async def house(folder: Path):
    target = Target()
    await target.start()
    site.write_settings(folder, 0, 0)
    settings = read(folder)
    async with opened(folder, settings) as gateway:
        public = await site.make(gateway, "127.0.0.1", target.port)
        target.authorised.add(public.public_data)
        s = gateway.services
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(s.sessions.run())
            recording = tasks.create_task(s.recordings.run())
            async with serve_ssh(
                host="127.0.0.1", port=0, host_key=gateway.keys.ssh_host_key, host_ca=gateway.keys.ssh_host_ca,
                sessions=s.sessions, identity=s.identity, audit=s.audit, store=s.store,
                clock=s.clock, banner=settings.banner,
            ) as front:  # fmt: skip
                key = folder / "vera"
                mine = asyncssh.generate_private_key("ssh-ed25519")
                mine.write_private_key(str(key))
                key.chmod(0o600)
                vera = await s.identity.person_named("vera")
                await s.identity.add_key(vera, mine.export_public_key().decode().strip(), "laptop")
                host = asyncssh.read_private_key(str(gateway.keys.ssh_host_key)).export_public_key().decode().strip()
                known_hosts = folder / "known_hosts"
                known_hosts.write_text(f"[127.0.0.1]:{front.port} {host}\n")
                yield Visit(front, gateway, target, folder, known_hosts, key)
                await s.sessions.stop()
            running.cancel()
            recording.cancel()
    await target.stop()


@pytest.fixture
async def visit(tmp_path):
    async with house(tmp_path) as visit:
        yield visit


async def test_the_vendors_visit_from_hold_to_pause_to_join_to_kill(visit):
    s = visit.gateway.services
    grant = await visit.granted()
    lena = await visit.person("lena")
    terminal = await Terminal.start(*openssh(visit))
    try:
        await terminal.until("Code: ")
        terminal.type(visit.code("vera") + "\n")
        await terminal.until("press Ctrl-C")
        assert visit.target.connections == []
        await visit.release(grant)
        await terminal.until(r"ready\$ ", within=5)
        (session,) = await s.sessions.live()
        terminal.type("echo $((40+2))\r")
        await terminal.until("42")

        beside = await run(visit, *openssh(visit, "echo joined"))
        assert beside.out == b"joined\n", beside.words
        assert len(await s.sessions.live()) == 1

        await s.sessions.pause(session.id, lena, "127.0.0.1", "look first")
        await terminal.until("aused")
        terminal.type("echo forbid$((1+1))den\r")
        await terminal.until("thrown away and will not")
        await s.sessions.resume(session.id, lena, "127.0.0.1")
        terminal.type("\recho al$((1+1))owed\r")
        await terminal.until("al2owed")
        assert "forbid2den" not in terminal.text

        began = asyncio.get_running_loop().time()
        await s.sessions.kill(session.id, lena, "127.0.0.1", "leaking valve")
        await terminal.until("leaking valve")
        await terminal.exit(5)
        assert asyncio.get_running_loop().time() - began < 2
    finally:
        await terminal.stop()
    await committed(s.audit.hub, lambda: visit.events("session.visit.ended"))
    assert (await s.recordings.verification(session.id)).verdict == "verified"


async def test_a_vendor_without_a_grant_is_held_or_told_and_nothing_goes_south(visit):
    terminal = await Terminal.start(*openssh(visit))
    try:
        await terminal.until("Code: ")
        terminal.type(visit.code("vera") + "\n")
        await terminal.until("(grant|request|ask|approv)")
    finally:
        await terminal.stop()
    assert visit.target.connections == []


async def test_the_menu_shows_the_target(visit):
    await visit.granted()
    terminal = await Terminal.start(*openssh(visit, login="vera"))
    try:
        await terminal.until("Code: ")
        terminal.type(visit.code("vera") + "\n")
        await terminal.until("ews-l4.*leave: ")
        terminal.type("q\r")
        assert await terminal.exit() == 0
    finally:
        await terminal.stop()


async def test_password_and_code_open_the_same_door(visit):
    grant = await visit.granted()
    await visit.release(grant)
    terminal = await Terminal.start(*openssh(visit, "echo in$((1+1))", key=False))
    try:
        await terminal.until("Password: ")
        terminal.type(visit.password("vera") + "\n")
        await terminal.until("Code: ")
        terminal.type(visit.code("vera") + "\n")
        await terminal.until("in2")
        assert await terminal.exit() == 0
    finally:
        await terminal.stop()


async def test_a_used_code_does_not_open_the_door_again(visit):
    await visit.granted()
    code = visit.code("vera")
    first = await Terminal.start(*openssh(visit, login="vera"))
    second = await Terminal.start(*openssh(visit, login="vera"))
    try:
        for terminal in (first, second):
            await terminal.until("Code: ")
        first.type(code + "\n")
        await first.until("leave: ")
        second.type(code + "\n")
        await second.until("already used")
    finally:
        await first.stop()
        await second.stop()
