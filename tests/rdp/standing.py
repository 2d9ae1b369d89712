"""The gateway as a process of its own, with a desktop behind it: it can be killed, and its disk filled."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.access.model import Grant
from gateway.app import opened
from gateway.config import FILE, read
from gateway.demo import site as demo
from gateway.identity.model import Ticket
from gateway.inventory.model import Conduit, CredentialKind, Protocol
from tests.e2e.process import Desk, Plant
from tests.e2e.site import SETTINGS
from tests.ports import free_port
from tests.rdp.house import DESKTOP
from tests.rdp.peers import Display, Target, display, xrdp_vnc
from tests.rdp.relay import HERE, Relay, relay


@dataclass
class Standing:
    """`plant` starts gateways on its folder."""

    plant: Plant
    target: Target
    screen: Display
    port: int

    @property
    def desk(self) -> Desk:
        return self.plant.desk

    async def granted(self) -> Grant:
        """Vera asks for the desktop, and Omar approves."""
        desk, now = self.desk, self.desk._clock.now()
        request = await desk.access.ask(
            await desk.person("vera"), target_name="ews-l4", protocol=Protocol.RDP, account=self.target.user,
            channels=DESKTOP, not_before=now, not_after=now + timedelta(hours=2), duration=timedelta(minutes=30),
            purpose="Change the drive's ramp", work_order="WO-8812", source=HERE,
        )  # fmt: skip
        omar, proof = await desk.proof("omar")
        decided = await desk.access.approve(request.id, omar, proof, digest=request.wanted.digest())
        assert decided.grant is not None
        return await desk.access.grant(decided.grant)

    async def ticket(self, grant: Grant) -> Ticket:
        desk, vera = self.desk, await self.desk.person("vera")
        first = await desk.identity.check_password("vera", desk.logins["vera"].password, HERE)
        second = await desk.identity.check_code("vera", await desk.codes["vera"].next(), HERE)
        account = self.target.user
        return await desk.identity.tickets.issue(vera, grant.id, "ews-l4", account, (first, second), HERE, web=False)

    @asynccontextmanager
    async def relayed(self, ticket: Ticket) -> AsyncIterator[Relay]:
        async with relay(self.plant.folder.parent / "relay", self.port, ticket) as made:
            yield made


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Standing]:
    """No gateway runs yet."""
    site, rdp = folder / "gateway", free_port()
    site.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        target = await stack.enter_async_context(xrdp_vnc(folder / "t"))
        screen = await stack.enter_async_context(display(folder / "d"))
        settings = SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=site)
        line = f'rdp = {{ host = "{HERE}", port = {rdp} }}\n'
        (site / FILE).write_text(settings.replace("[anchors]", f"{line}[anchors]"))
        async with opened(site, read(site)) as gateway:
            key = await demo.make(gateway, target.host, free_port(target.host))
            inventory, ssh = gateway.services.inventory, frozenset({Protocol.SSH})
            await inventory.change_conduit("sam", Conduit("remote", "line4", ssh), ssh | {Protocol.RDP})
            await inventory.add_service("sam", "ews-l4", Protocol.RDP, target.host, target.port)
            secret = target.password.encode()
            await inventory.add_account("sam", "ews-l4", target.user, CredentialKind.PASSWORD, secret)
        desk = Desk(site)
        desk.identity.tickets.grants = desk.access
        stack.push_async_callback(desk.store.close)
        plant = Plant(site, desk, key, 0, 0, stack)
        yield Standing(plant, target, screen, rdp)
