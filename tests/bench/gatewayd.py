"""The gateway under measurement, in a process of its own, obeying lines on standard input and answering in JSON.

Usage: python -m tests.bench.gatewayd FOLDER TARGETS ADDRESS PORT ACCOUNT KEYFILE PUBLIC-KEY-OF-VERA
    arm FIRST MANY   approved and released grants, for the targets t(FIRST) … t(FIRST+MANY-1)
    live             how many sessions run; `kill` means these
    kill TARGET      kill its session; answers when that began and when the call returned (CLOCK_MONOTONIC)
    kill all         kill all of them at once
    use              PSS in KiB, and seconds of CPU so far
"""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import asyncssh

from gateway.errors import StoreUnavailable
from gateway.identity.model import Factor, FactorProof, Person
from gateway.ids import SessionId
from gateway.inventory.model import CredentialKind, CryptoProfile, Protocol, TargetClass, Tier
from gateway.sessions.model import Session
from tests.e2e.site import Site, running_site


async def targets(site: Site, count: int, address: str, port: int, account: str, key: Path) -> None:
    """Targets that are one and the same machine, whose host key is pinned, as it is after their first use."""
    inventory = site.gateway.services.inventory
    host_key = asyncssh.read_private_key(key.with_name("host_key")).export_public_key().decode()
    omar = await site.person("omar")
    for n in range(count):
        name = f"t{n}"
        await inventory.add_target("sam", name, name, "line4", Tier.T1, TargetClass.WORKSTATION, [omar.id])
        await inventory.add_service("sam", name, Protocol.SSH, address, port, CryptoProfile.MODERN)
        await inventory.add_account("sam", name, account, CredentialKind.PRIVATE_KEY, key.read_bytes())
        service = (await inventory.target_named(name)).services[0]
        await inventory.check_host_key(service, host_key, SessionId(""), "bench")


async def arm(site: Site, first: int, count: int) -> None:
    """Grants for targets from `first` on, each released; proofs are made here, they are not what is measured."""
    s = site.gateway.services
    people = {name: await site.person(name) for name in ("vera", "omar", "lena")}
    for n in range(first, first + count):
        now = s.clock.now()
        request = await s.access.ask(
            people["vera"], target_name=f"t{n}", protocol=Protocol.SSH, not_before=now,
            not_after=now + timedelta(hours=4), duration=timedelta(hours=2), purpose="bench", work_order="B",
            source="127.0.0.1",
        )  # fmt: skip
        proofs = {name: FactorProof(people[name].id, Factor.TOTP, now, "127.0.0.1") for name in ("omar", "lena")}
        decided = await s.access.approve(request.id, people["omar"], proofs["omar"], digest=request.wanted.digest())
        assert decided.grant is not None
        await s.access.release(decided.grant, people["lena"], proofs["lena"])


def pss() -> int:
    for line in Path(f"/proc/{os.getpid()}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError


async def kill(site: Site, live: list[Session], lena: Person) -> dict[str, float]:
    sessions = site.gateway.services.sessions
    started = time.monotonic()
    kills = (sessions.kill(one.id, lena, "127.0.0.1", "bench") for one in live)
    answers = await asyncio.gather(*kills, return_exceptions=True)
    late = [one for one in answers if isinstance(one, StoreUnavailable)]  # ended all the same, written later
    if other := [one for one in answers if isinstance(one, BaseException) and one not in late]:
        raise other[0]
    return {"began": started, "returned": time.monotonic(), "late": len(late)}


async def main(folder: str, count: str, address: str, port: str, account: str, key: str, public: str) -> None:
    async with running_site(Path(folder)) as site:
        vera = await site.person("vera")
        await site.gateway.services.identity.add_key(vera, public, "bench")
        await targets(site, int(count), address, int(port), account, Path(key))
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print(json.dumps({"port": site.ssh_port, "secret": site.logins["vera"].secret}), flush=True)
        lena, live = await site.person("lena"), list[Session]()
        answer: dict[str, float] = {}
        while line := (await reader.readline()).decode().split():
            match line:
                case ["arm", first, many]:
                    await arm(site, int(first), int(many))
                case ["live"]:
                    live = await site.gateway.services.sessions.live()
                    answer = {"live": len(live)}
                case ["kill", "all"]:
                    answer = await kill(site, live, lena)
                case ["kill", target]:
                    answer = await kill(site, [one for one in live if one.target_name == target], lena)
                case ["use"]:
                    answer = {"pss_kib": pss(), "cpu": time.process_time()}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
