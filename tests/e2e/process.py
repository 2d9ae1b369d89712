"""The gateway as a process of its own, started by the command that a plant starts it with, and decisions from outside.

The target runs here, in the test: it outlives whatever happens to the gateway.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pyotp

from gateway.access.model import Grant, Release
from gateway.access.service import Access
from gateway.app import opened, policies
from gateway.audit import sql as audit_sql
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.clock import SystemClock
from gateway.config import FILE, read
from gateway.demo import site as demo
from gateway.demo import target
from gateway.envelope import Envelope
from gateway.identity.model import Factor, FactorProof, Person
from gateway.identity.service import Identity
from gateway.inventory.model import Protocol
from gateway.inventory.service import Inventory
from gateway.policy.engine import PolicyEngine
from gateway.recording.model import Recording
from gateway.recording.sql import find as find_recordings
from gateway.sessions import sql as session_sql
from gateway.sessions.model import Session
from gateway.store.db import Store
from tests.e2e.people import Codes
from tests.e2e.site import SETTINGS
from tests.e2e.terminal import Terminal
from tests.ports import free_port

SLUICEGATE = (sys.executable, "-m", "gateway")
HERE = "127.0.0.1"
START = 30.0  # seconds a start may take on a busy machine


@dataclass
class Process:
    """A running `sluicegate serve`, and everything it said."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _said: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self._said.set()

    async def says(self, pattern: str, limit: float = START) -> re.Match[str]:
        try:
            async with asyncio.timeout(limit):
                while not (match := re.search(pattern, self.said)):
                    self._said.clear()
                    await self._said.wait()
        except TimeoutError:
            raise AssertionError(f"did not say {pattern!r}:\n{self.said}") from None
        return match

    async def ends(self, limit: float = START) -> int:
        async with asyncio.timeout(limit):
            return await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


class Desk:
    """What Omar and Lena decide, written by the same services on the same store from another process: the gateway
    under test may be starting, dead or silent meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder, settings, clock = folder, read(folder), SystemClock()
        self.store = Store(f"sqlite+aiosqlite:///{folder}/sluicegate.db")
        self.audit = AuditLog(clock, Hub())
        envelope = Envelope((folder / "keys" / "master.key").read_bytes())
        self.identity = Identity(self.store, self.audit, clock, envelope, settings.site)
        ca = asyncssh.read_private_key(folder / "keys" / "ssh_ca")
        self.inventory = Inventory(self.store, self.audit, clock, envelope, ca)
        policy = PolicyEngine.load(policies(settings))
        zone = settings.zone_of_people
        self.access = Access(self.store, self.audit, clock, policy, self.identity, self.inventory, zone)
        self.logins = {login.name: login for login in demo.logins(folder)}
        self.codes = {name: Codes(login.secret) for name, login in self.logins.items()}
        self._clock = clock

    async def person(self, name: str) -> Person:
        return await self.identity.person_named(name)

    async def proof(self, name: str) -> tuple[Person, FactorProof]:
        """A code entered just now, or one that still counts as fresh."""
        person = await self.person(name)
        for proof in await self.identity.recent(person.id, HERE):
            if proof.factor is Factor.TOTP and proof.fresh(self._clock.now(), timedelta(seconds=90)):
                return person, proof
        return person, await self.identity.confirm(person, await self.codes[name].next(), HERE)

    async def approved(self, minutes: int = 30) -> Grant:
        now = self._clock.now()
        request = await self.access.ask(
            await self.person("vera"), target_name="ews-l4", protocol=Protocol.SSH, not_before=now,
            not_after=now + timedelta(hours=4), duration=timedelta(minutes=minutes), purpose="Replace the drive",
            work_order="WO-8812", source=HERE,
        )  # fmt: skip
        omar, proof = await self.proof("omar")
        decided = await self.access.approve(request.id, omar, proof, digest=request.wanted.digest())
        assert decided.grant is not None
        return await self.access.grant(decided.grant)

    async def released(self, grant: Grant) -> Release:
        lena, proof = await self.proof("lena")
        return await self.access.release(grant.id, lena, proof)

    async def sessions(self) -> list[Session]:
        """Newest first."""
        async with self.store.read() as tx:
            return await session_sql.find(tx)

    async def recordings(self) -> list[Recording]:
        """Newest first."""
        async with self.store.read() as tx:
            return await find_recordings(tx)

    async def events(self, *names: str) -> list[dict[str, Any]]:
        async with self.store.read() as tx:
            return [e.values() for e in await audit_sql.read(tx, names=frozenset(names), limit=10_000)]


@dataclass
class Plant:
    """A folder with a site in it, a target that runs, and the means to start gateways on the folder."""

    folder: Path
    desk: Desk
    key: asyncssh.SSHKey
    target_port: int
    ssh_port: int
    _stack: contextlib.AsyncExitStack
    _target: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start_target(self, *, port: int = 0, key: asyncssh.SSHKey | None = None) -> None:
        """Listen, letting in whoever has `key`; at the address and with the key that the gateway has unless told."""
        served = await target.start(
            demo.TARGET_ADDRESS,
            port or self.target_port,
            account=demo.ACCOUNT,
            key=key or self.key,
            home=self.folder / "home",
        )
        await self._target.enter_async_context(served)

    async def stop_target(self) -> None:
        await self._target.aclose()

    async def gateway(self, *prefix: str) -> Process:
        """A `sluicegate serve` that people can connect to; killed at the end at the latest."""
        served = await self.started(*prefix)
        await served.says('"event": "Serving"')
        return served

    async def started(self, *prefix: str, arguments: Sequence[str] = ()) -> Process:
        process = await asyncio.create_subprocess_exec(
            *prefix, *SLUICEGATE, *(arguments or ("serve", str(self.folder))),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        served = Process(process)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(served.listen())
        self._stack.push_async_callback(self._killed, process)
        return served

    async def _killed(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    def ssh(self, *arguments: str, login: str = "vera+ews-l4") -> list[str]:
        options = (
            "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes",
            f"IdentityFile={self.folder}/vera_key", "ControlMaster=no",
        )  # fmt: skip
        flags = [part for option in options for part in ("-o", option)]
        return ["ssh", "-F", "none", *flags, "-p", str(self.ssh_port), f"{login}@{HERE}", *arguments]

    async def enters(self, vera: Terminal) -> None:
        """Vera answers what she is asked; her key is the first factor."""
        await vera.sees("[Cc]ode.*: ")
        vera.type(await self.desk.codes["vera"].next() + "\n")


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    """Make the site in `folder`, with nothing running but the target."""
    folder.mkdir(exist_ok=True)
    port, ssh = free_port(demo.TARGET_ADDRESS), free_port()
    (folder / FILE).write_text(SETTINGS.format(south="127.0.0.3", ssh=ssh, page=free_port(), folder=folder))
    async with contextlib.AsyncExitStack() as stack:
        async with opened(folder, read(folder)) as gateway:
            key = await demo.make(gateway, demo.TARGET_ADDRESS, port)
            own = asyncssh.generate_private_key("ssh-ed25519")
            (folder / "vera_key").touch(mode=0o600)
            own.write_private_key(folder / "vera_key")
            vera = await gateway.services.identity.person_named("vera")
            public = own.convert_to_public().export_public_key().decode().strip()
            await gateway.services.identity.add_key(vera, public, "Vera's laptop")
        desk = Desk(folder)
        stack.push_async_callback(desk.store.close)
        made = Plant(folder, desk, key, port, ssh, stack)
        stack.push_async_callback(made.stop_target)
        await made.start_target()
        yield made


async def run(*argv: str, limit: float = START) -> tuple[int, str, str]:
    """A command to its end: exit status, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(limit):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def totp(secret: str) -> str:
    return pyotp.TOTP(secret).at(SystemClock().now())
