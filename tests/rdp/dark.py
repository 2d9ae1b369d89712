"""Runs in the gateway's network namespace: one visit to a desktop, and what the plant saw on the wire in each phase.

Usage: python -m tests.rdp.dark FOLDER CAPTURE PORT USER PASSWORD (the capture is tcpdump's text); prints JSON.
"""

import asyncio
import json
import sys
from pathlib import Path

from gateway.app import opened, serving
from gateway.config import FILE, read
from gateway.demo import site as demo
from gateway.fronts.rdp.pictures import CARD
from gateway.inventory.model import Conduit, CredentialKind, Protocol
from tests.e2e.clocks import SteppedClock
from tests.e2e.dark import GATEWAY, TARGET, seen
from tests.e2e.people import Codes
from tests.e2e.site import SETTINGS
from tests.ports import free_port
from tests.rdp.house import HERE, House
from tests.rdp.peers import display, share_of, xfreerdp
from tests.rdp.peers.targets import STEELBLUE

QUIET = 4.0  # seconds to listen for what must not come


async def main(folder: Path, capture: Path, port: int, user: str, password: str) -> dict[str, int]:
    settings = SETTINGS.format(south=GATEWAY, ssh=free_port(), page=free_port(), folder=folder)
    line = f'rdp = {{ host = "{HERE}", port = {free_port()} }}\n'
    (folder / FILE).write_text(settings.replace("[anchors]", f"{line}[anchors]"))
    clock = SteppedClock()
    async with opened(folder, read(folder), clock) as gateway:
        await demo.make(gateway, TARGET, 22)
        inventory, ssh = gateway.services.inventory, frozenset({Protocol.SSH})
        await inventory.change_conduit("sam", Conduit("remote", "line4", ssh), ssh | {Protocol.RDP})
        await inventory.add_service("sam", "ews-l4", Protocol.RDP, TARGET, port)
        await inventory.add_account("sam", "ews-l4", user, CredentialKind.PASSWORD, password.encode())
        logins = {login.name: login for login in demo.logins(folder)}
        home = House(gateway, logins, {n: Codes(login.secret) for n, login in logins.items()}, clock, user)
        async with serving(gateway):
            return await visit(home, folder, capture)


async def visit(home: House, folder: Path, capture: Path) -> dict[str, int]:
    phases: dict[str, int] = {}
    async with display(folder / "d") as screen:
        grant = await home.granted()
        ticket = await home.ticket(grant)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as vera:
            await vera.sees(lambda image: share_of(image, CARD) > 0.1, "the hold")
            await asyncio.sleep(QUIET)
            phases["holding"] = seen(capture)
            await home.released(grant)
            await vera.sees(lambda image: share_of(image, STEELBLUE) > 0.5, "the desktop")
            live = await home.session()
            lena = await home.person("lena")
            await home.gateway.services.sessions.kill(live.session.id, lena, HERE, "test of the dark")
            await home.recording()
            await asyncio.sleep(1.0)  # the connection's last packets
            phases["session"] = seen(capture)
        async with xfreerdp(screen, HERE, home.port, ticket.id, ticket.secret) as again:
            await again.sees(lambda image: share_of(image, CARD) > 0.1, "a screen of the gateway's")
            await asyncio.sleep(QUIET)
        phases["afterwards"] = seen(capture) - phases["session"]
    return phases


if __name__ == "__main__":
    given = sys.argv[1:]
    print(json.dumps(asyncio.run(main(Path(given[0]), Path(given[1]), int(given[2]), given[3], given[4]))))
