"""A whole gateway with the demonstration's people, in this process, on free ports; decisions by the services."""

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.access.model import AccessRequest, Grant, Release
from gateway.app import Gateway, opened, serving
from gateway.clock import Clock
from gateway.config import FILE, read
from gateway.demo import site, target
from gateway.identity.model import Person
from gateway.inventory.model import Protocol
from tests.e2e.people import Codes
from tests.ports import free_port

SETTINGS = """
site = "test.mill"
south = "{south}"
ssh = {{ host = "127.0.0.1", port = {ssh} }}
page = {{ host = "127.0.0.1", port = {page} }}
admin = {{ host = "127.0.0.2", port = {page} }}
[anchors]
file = "{folder}/anchors.txt"
"""


@dataclass
class Site:
    gateway: Gateway
    logins: dict[str, site.Login]
    codes: dict[str, Codes]

    @property
    def ssh_port(self) -> int:
        return self.gateway.settings.ssh.port

    async def person(self, name: str) -> Person:
        return await self.gateway.services.identity.person_named(name)

    async def approved(self, minutes: int = 30) -> Grant:
        """Vera asks and Omar approves."""
        s = self.gateway.services
        now = s.clock.now()
        request: AccessRequest = await s.access.ask(
            await self.person("vera"), target_name="ews-l4", protocol=Protocol.SSH, not_before=now,
            not_after=now + timedelta(hours=4), duration=timedelta(minutes=minutes), purpose="Replace the drive",
            work_order="WO-8812", source="127.0.0.1",
        )  # fmt: skip
        omar = await self.person("omar")
        proof = await s.identity.confirm(omar, await self.codes["omar"].next(), "127.0.0.1")
        decided = await s.access.approve(request.id, omar, proof, digest=request.wanted.digest())
        assert decided.grant is not None
        return await s.access.grant(decided.grant)

    async def released(self, grant: Grant) -> Release:
        """Lena switches one session on."""
        s = self.gateway.services
        lena = await self.person("lena")
        proof = await s.identity.confirm(lena, await self.codes["lena"].next(), "127.0.0.1")
        return await s.access.release(grant.id, lena, proof)

    def ssh(self, *arguments: str, login: str = "vera+ews-l4") -> list[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "PubkeyAuthentication=no")
        flags = [part for option in options for part in ("-o", option)]
        return ["ssh", "-F", "none", *flags, "-p", str(self.ssh_port), f"{login}@127.0.0.1", *arguments]


@asynccontextmanager
async def running_site(
    folder: Path, *, south: str = "127.0.0.3", address: str = site.TARGET_ADDRESS, port: int = 0, local: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[Site]:  # fmt: skip
    """Start everything; the target too when it is `local`. `clock` instead of the machine's own."""
    folder.mkdir(exist_ok=True)
    port = port or free_port(address)
    text = SETTINGS.format(south=south, ssh=free_port(), page=free_port(), folder=folder)
    (folder / FILE).write_text(text)
    async with contextlib.AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(opened(folder, read(folder), clock))
        key = await site.make(gateway, address, port)
        if local:
            home = folder / "home"
            served = await target.start(address, port, account=site.ACCOUNT, key=key, home=home)
            await stack.enter_async_context(served)
        await stack.enter_async_context(serving(gateway))
        logins = {login.name: login for login in site.logins(folder)}
        yield Site(gateway, logins, {n: Codes(login.secret) for n, login in logins.items()})


def root() -> bool:
    return os.geteuid() == 0
