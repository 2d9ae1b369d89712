"""The gateway with an RDP door, in a process of its own, obeying lines on standard input and answering in JSON.

Usage: python -m tests.bench.rdp_gatewayd FOLDER HOST PORT[,PORT…] COUNT PASSWORD
    arm FIRST MANY   approved grants and tickets for the targets t(FIRST) … t(FIRST+MANY-1): [[id, secret], …]
    release N        release t(N): when that was asked for (CLOCK_MONOTONIC)
    session N        id of the session at t(N)
    end FIRST MANY   kill the sessions at t(FIRST), t(FIRST+2), …, MANY of them
    code             a fresh one-time code of lena
    use              PSS in KiB, and seconds of CPU so far
    profile          begin cProfile; `profile FILE` ends it and writes what it found
Target t(N) is the desktop at PORT number N modulo their count: several names of one machine.
"""

import asyncio
import cProfile
import json
import os
import pstats
import sys
import time
from datetime import timedelta
from pathlib import Path

from gateway.app import opened, serving
from gateway.config import read
from gateway.demo import site as demo
from gateway.identity.model import Factor, FactorProof
from gateway.ids import GrantId
from gateway.inventory.model import Conduit, CredentialKind, Protocol, TargetClass, Tier
from gateway.policy.model import Channel
from tests.bench.gatewayd import pss
from tests.e2e.people import Codes
from tests.e2e.site import Site
from tests.ports import free_port

HERE = "127.0.0.1"
ACCOUNT = "desk"


async def targets(site: Site, count: int, host: str, ports: list[int], password: str) -> None:
    inventory, ssh = site.gateway.services.inventory, frozenset({Protocol.SSH})
    omar = await site.person("omar")
    await inventory.change_conduit("sam", Conduit("remote", "line4", ssh), ssh | {Protocol.RDP})
    for n in range(count):
        name = f"t{n}"
        await inventory.add_target("sam", name, name, "line4", Tier.T1, TargetClass.WORKSTATION, [omar.id])
        await inventory.add_service("sam", name, Protocol.RDP, host, ports[n % len(ports)])
        await inventory.add_account("sam", name, ACCOUNT, CredentialKind.PASSWORD, password.encode())


class Visits:
    """Grants by the number of their target; proofs are made here, they are not what is measured."""

    def __init__(self, site: Site) -> None:
        self._site, self._grants = site, dict[int, GrantId]()

    async def arm(self, n: int) -> list[str]:
        s, people = self._site.gateway.services, {name: await self._site.person(name) for name in ("vera", "omar")}
        now = s.clock.now()
        request = await s.access.ask(
            people["vera"], target_name=f"t{n}", protocol=Protocol.RDP, account=ACCOUNT,
            channels=frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT}), not_before=now,
            not_after=now + timedelta(hours=4), duration=timedelta(hours=2), purpose="bench", work_order="B",
            source=HERE,
        )  # fmt: skip
        proof = FactorProof(people["omar"].id, Factor.TOTP, now, HERE)
        decided = await s.access.approve(request.id, people["omar"], proof, digest=request.wanted.digest())
        assert decided.grant is not None
        self._grants[n] = decided.grant
        vera = people["vera"]
        proofs = [FactorProof(vera.id, factor, now, HERE) for factor in (Factor.PASSWORD, Factor.TOTP)]
        made = await s.identity.tickets.issue(vera, decided.grant, f"t{n}", ACCOUNT, proofs, HERE, web=False)
        return [made.id, made.secret]

    async def release(self, n: int) -> float:
        s, lena = self._site.gateway.services, await self._site.person("lena")
        proof = FactorProof(lena.id, Factor.TOTP, s.clock.now(), HERE)
        began = time.monotonic()
        await s.access.release(self._grants[n], lena, proof)
        return began

    async def end(self, names: set[str]) -> None:
        """Kill those that run."""
        sessions, lena = self._site.gateway.services.sessions, await self._site.person("lena")
        ended = [one.id for one in await sessions.live() if one.target_name in names]
        await asyncio.gather(*(sessions.kill(one, lena, HERE, "bench") for one in ended), return_exceptions=True)

    async def session(self, n: int) -> str:
        live = await self._site.gateway.services.sessions.live()
        return next(one.id for one in live if one.target_name == f"t{n}")


async def main(folder: str, host: str, ports: str, count: str, password: str) -> None:
    at = Path(folder)
    at.mkdir()
    demo.write_settings(at, free_port(), free_port(), free_port())
    async with opened(at, read(at)) as gateway:
        await demo.make(gateway, host, free_port(host))
        logins = {login.name: login for login in demo.logins(at)}
        site = Site(gateway, logins, {name: Codes(login.secret) for name, login in logins.items()})
        await targets(site, int(count), host, [int(port) for port in ports.split(",")], password)
        async with serving(gateway):
            await _obey(site, Visits(site))


async def _obey(site: Site, visits: Visits) -> None:
    settings, profile = site.gateway.settings, cProfile.Profile()
    assert settings.rdp is not None
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    answer: dict[str, object] = {
        "rdp": settings.rdp.port, "page": settings.page.port, "lena": site.logins["lena"].password, "pid": os.getpid(),
    }  # fmt: skip
    print(json.dumps(answer), flush=True)
    while line := (await reader.readline()).decode().split():
        match line:
            case ["arm", first, many]:
                answer = {"tickets": [await visits.arm(n) for n in range(int(first), int(first) + int(many))]}
            case ["release", n]:
                answer = {"at": await visits.release(int(n))}
            case ["session", n]:
                answer = {"id": await visits.session(int(n))}
            case ["end", first, many]:
                await visits.end({f"t{n}" for n in range(int(first), int(first) + 2 * int(many), 2)})
                answer = {}
            case ["code"]:
                answer = {"code": await site.codes["lena"].next()}
            case ["use"]:
                answer = {"pss_kib": pss(), "cpu": time.process_time()}
            case ["profile"]:
                profile.enable()
                answer = {}
            case ["profile", file]:
                profile.disable()
                pstats.Stats(profile).dump_stats(file)
                answer = {}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
