"""Somebody sets the clock by an hour while a session runs (security.md 3, abuse 51; 5, fault 8)."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit import sql as audit_sql
from gateway.sessions.model import EndReason
from tests.e2e.clocks import SteppedClock
from tests.e2e.evidence import ended
from tests.e2e.site import running_site
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.peer

HOUR, TEN_MINUTES = timedelta(hours=1), timedelta(minutes=10)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_abuse_51_no_step_of_the_clock_lengthens_a_running_session(tmp_path: Path, step: timedelta) -> None:
    clock = SteppedClock()
    async with running_site(tmp_path / "gateway", clock=clock) as site:
        s = site.gateway.services
        grant = await site.approved(minutes=10)
        await site.released(grant)
        async with Terminal(site.ssh()) as vera:
            await vera.sees("[Pp]assword: ")
            vera.type(site.logins["vera"].password + "\n")
            await vera.sees("[Cc]ode.*: ")
            vera.type(await site.codes["vera"].next() + "\n")
            await vera.sees(r"engineer@ews-l4.*[#$]")
            with s.audit.hub.subscribe() as events:
                clock.step(step)
                if step < timedelta(0):  # an hour more by the wall; the boot clock knows better
                    async with asyncio.timeout(30):
                        while (await events.next()).name != "gateway.clock.stepped":
                            pass
                    vera.type("echo still-$((40+2))\n")
                    await vera.sees("still-42")
                    clock.pass_time(TEN_MINUTES)
                await vera.sees("Your time is up")
                await vera.ends()
            session = await ended(s.sessions.find)

            async def noticed() -> bool:
                return bool(await _stepped(site))

            await eventually(noticed, "the event of the step")
            seen = await _stepped(site)
        assert session.end
        assert session.end.reason is EndReason.EXPIRED
        assert seen[0]["seconds"] == pytest.approx(step.total_seconds(), abs=2)


async def _stepped(site) -> list[dict]:
    async with site.gateway.services.store.read() as tx:
        names = frozenset({"gateway.clock.stepped"})
        return [entry.values() for entry in await audit_sql.read(tx, names=names)]
