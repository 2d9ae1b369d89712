"""Uploads that wait for somebody else's delivery (C62): seen by the person's own program, and at the target."""

import pytest

from gateway.identity.model import Factor, FactorProof
from gateway.sessions.files import Verdict
from gateway.sessions.sql_files import Sought
from tests.e2e.waiting import eventually
from tests.files.house import HERE, sha256

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


async def the_line(house, path):
    """The line of the ledger in the store about this file."""
    found = []

    async def there() -> bool:
        lines = await house.gateway.services.sessions.held.find(Sought(), 200)
        found[:] = [line for line in lines if line.passed.path == str(path)]
        return bool(found)

    await eventually(there, f"a line about {path}")
    return found[0]


async def omar(house):
    person = await house.person("omar")
    return person, FactorProof(person.id, Factor.TOTP, house.gateway.services.clock.now(), HERE)


async def test_an_upload_waits_reaches_the_target_once_delivered_and_is_told_of(house):
    here, there = house.source("held.bin", 200_000), house.home / "held.bin"
    held = house.gateway.services.sessions.held
    async with house.visit(target="holds") as visited:
        ran = await house.sftp(f"put {here} {there}", f"ls -l {house.home}", target="holds")
        assert ran.status == 0, ran.words
        assert "reaches the target when an owner or operator has delivered it" in ran.words
        assert not there.exists()
        line = await the_line(house, there)
        assert (line.passed.verdict, line.passed.sha256) == (Verdict.HELD, sha256(here))
        await held.deliver(line.passed.id, *await omar(house))

        async def delivered() -> bool:
            return (await the_line(house, there)).passed.verdict == Verdict.DELIVERED

        async with house.started("sftp", "-F", str(house.config), "holds"):
            await eventually(delivered, "the delivery")
        assert there.read_bytes() == here.read_bytes()
        assert [path.name for path in house.home.iterdir() if "sluicegate" in path.name] == []
    assert visited.line(there)["verdict"] == "held"


async def test_what_is_withheld_never_reaches_the_target(house):
    here, there = house.source("withheld.bin", 50_000), house.home / "withheld.bin"
    held = house.gateway.services.sessions.held
    async with house.visit(target="holds"):
        assert (await house.sftp(f"put {here} {there}", target="holds")).status == 0
        line = await the_line(house, there)
        person, _ = await omar(house)
        await held.withhold(line.passed.id, person, "not signed", HERE)
        assert (await house.sftp("pwd", target="holds")).status == 0
    assert not there.exists()


async def test_an_upload_that_is_cut_is_not_kept(house):
    here, there = house.source("cut.bin", 3_000_000), house.home / "cut.bin"
    s, lena = house.gateway.services, await house.person("lena")
    argv = ("sftp", "-l", "4000", "-F", str(house.config), "-b", "-", "holds")
    async with house.visit(target="holds") as visited, house.started(*argv) as client:
        client.stdin.write(f"put {here} {there}\n".encode())
        session = await visited.live()
        spools = house.gateway.folder / "held"
        await eventually(lambda: any(p.stat().st_size > 100_000 for p in spools.glob("*.held")), "the upload")
        await s.sessions.kill(session.id, lena, HERE, "stop")
        await client.wait()
    assert visited.line(there)["verdict"] == "partial"
    assert list(spools.glob("*.held")) == []
    assert not there.exists()
