"""The store is held by somebody else, or is gone (security.md 5, fault 3; access model, rule 15)."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.sessions.model import EndReason
from tests.e2e.evidence import ended
from tests.e2e.process import plant
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.peer


def lock(folder: Path) -> Callable[[], None]:
    """Hold the database's only lock for writing; returns what gives it back."""
    held = sqlite3.connect(folder / "sluicegate.db", isolation_level=None, timeout=5)
    held.execute("BEGIN EXCLUSIVE")
    return held.close


def move_away(folder: Path) -> Callable[[], None]:
    file, away = folder / "sluicegate.db", folder / "elsewhere.db"
    file.rename(away)

    def mend() -> None:
        away.rename(file)

    return mend


@pytest.mark.parametrize("spoil", [lock, move_away])
async def test_fault_3_without_its_store_the_gateway_ends_what_runs_lets_nobody_in_and_recovers_by_itself(
    tmp_path: Path, spoil: Callable[[Path], Callable[[], None]]
) -> None:
    async with plant(tmp_path / "gateway") as site:
        grant = await site.desk.approved()
        await site.desk.released(grant)
        served = await site.gateway()
        async with Terminal(site.ssh()) as vera:
            await site.enters(vera)
            await vera.sees(r"engineer@ews-l4.*[#$]")
            mend = spoil(site.folder)
            try:
                async with Terminal(site.ssh("echo in-$((40+2))")) as late:
                    await vera.sees("gateway had to end your session")
                    await late.sees("cannot (answer|check)")
                    await late.ends()
                    assert "in-42" not in late.shown
                await vera.ends()
            finally:
                mend()
        session = await ended(site.desk.sessions)
        assert session.end
        assert session.end.reason is EndReason.GATEWAY
        await site.desk.released(grant)
        async with Terminal(site.ssh("echo in-$((40+2))")) as vera:
            await vera.sees("in-42")
            assert await vera.ends() == 0
        assert served.process.returncode is None
        assert "Traceback" not in served.said, served.said
