"""Runs in the gateway's network namespace: one visit, and what the plant's side of the wire saw in each phase.

Usage: python -m tests.e2e.dark FOLDER CAPTURE (the text output of tcpdump, one line a packet); prints JSON.
"""

import asyncio
import json
import re
import sys
from pathlib import Path

from tests.e2e.site import running_site
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import eventually

GATEWAY, TARGET, PORT = "10.99.2.1", "10.99.2.2", 2022
QUIET = 6.0  # seconds to listen for what must not come: no event says that nothing did


def seen(capture: Path) -> int:
    return len(capture.read_text().splitlines())


def over(capture: Path) -> bool:
    """Whether the connection was reset, or closed by both sides and the last of that acknowledged."""
    flags = re.findall(r"Flags \[([^]]+)\]", capture.read_text())
    return any("R" in f for f in flags) or (sum("F" in f for f in flags) >= 2 and "F" not in flags[-1])


async def main(folder: Path, capture: Path) -> dict[str, int]:
    phases: dict[str, int] = {}
    async with running_site(folder, south=GATEWAY, address=TARGET, port=PORT, local=False) as site:
        grant = await site.approved()
        async with Terminal(site.ssh()) as vera:
            await vera.sees("[Pp]assword: ")
            vera.type(site.logins["vera"].password + "\n")
            await vera.sees("[Cc]ode.*: ")
            vera.type(await site.codes["vera"].next() + "\n")
            await vera.sees("control room")
            await asyncio.sleep(QUIET)
            phases["holding"] = seen(capture)
            await site.released(grant)
            await vera.sees(r"engineer@ews-l4.*[#$]")
            vera.type("echo here-$((40+2))\n")
            await vera.sees("here-42")
            (session,) = await site.gateway.services.sessions.live()
            lena = await site.person("lena")
            await site.gateway.services.sessions.kill(session.id, lena, "127.0.0.1", "test of the dark")
            await vera.ends()
        await eventually(lambda: over(capture), "the connection's last packets")
        phases["session"] = seen(capture)
        await asyncio.sleep(QUIET)
        phases["afterwards"] = seen(capture) - phases["session"]
    return phases


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))))
