"""The composition root: what happens before anybody can come in, and what a fault of ours may not do."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import app
from gateway.audit import sql as audit_sql
from gateway.clock import ZERO
from gateway.config import read
from gateway.errors import StoreUnavailable
from tests.e2e.clocks import SteppedClock
from tests.e2e.site import running_site
from tests.ports import free_port


async def names_and_values(gateway: app.Gateway) -> list[dict]:
    async with gateway.services.store.read() as tx:
        return [entry.values() for entry in await audit_sql.read(tx)]


async def test_after_a_reboot_deadlines_are_on_the_new_boots_clock_before_anybody_can_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SteppedClock()
    async with running_site(tmp_path / "gateway", clock=clock) as site:
        grant = await site.approved()
        await site.gateway.services.access.sweep()
        before = grant.closes
    clock.pass_time(timedelta(minutes=5))
    clock.step(-timedelta(hours=1))  # set back while it was off: the rest must not grow
    clock.reboot()
    seen: list[bool] = []
    folder = tmp_path / "gateway"
    async with app.opened(folder, read(folder), clock) as gateway:
        opening = gateway.services.sessions.recover

        async def recover() -> None:
            await opening()
            with contextlib.suppress(OSError):  # nobody listens yet
                await asyncio.open_connection("127.0.0.1", gateway.settings.ssh.port)
                seen.append(True)

        monkeypatch.setattr(gateway.services.sessions, "recover", recover)
        async with app.serving(gateway):
            events = await names_and_values(gateway)
            rebased = [e["index"] for e in events if e["event"] == "access.clock.rebased"]
            started = [e["index"] for e in events if e["event"] == "gateway.process.started"]
            assert len(rebased) == 1
            assert rebased[0] < started[-1]
            after = (await gateway.services.access.grant(grant.id)).closes
            assert before is not None
            assert after is not None
            assert after.boot_id != before.boot_id
            assert ZERO < after.remaining(clock.instant()) <= timedelta(hours=4)
    assert seen == []


async def test_the_log_says_at_each_start_by_which_rules_is_decided_from_here_on(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site:
        (loaded,) = [e for e in await names_and_values(site.gateway) if e["event"] == "policy.set.loaded"]
        assert loaded["version"] == site.gateway.services.policy.version
        assert set(loaded["rules"]) == set(site.gateway.services.policy.rules)


async def test_a_sweep_that_fails_by_a_fault_of_ours_begins_anew_and_takes_nobody_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "AGAIN", 0.0)
    again = asyncio.Event()
    turns = 0

    async def faulty() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise KeyError("a fault of ours")
        again.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(app, "_sweeps", lambda _: (("faulty", faulty),))
    async with asyncio.timeout(30), running_site(tmp_path / "gateway"):
        await again.wait()
    assert turns == 2


async def test_a_store_that_is_away_at_the_end_keeps_the_gateway_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_site(tmp_path / "gateway") as site:

        @contextlib.asynccontextmanager
        async def away():
            raise StoreUnavailable("gone")
            yield

        monkeypatch.setattr(site.gateway.services.store, "write", away)


async def test_a_front_that_cannot_listen_leaves_the_others_closed(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site:
        settings = site.gateway.settings
    port = free_port()
    taken = await asyncio.start_server(lambda *_: None, settings.ssh.host, port)
    folder = tmp_path / "gateway"
    changed = settings.model_copy(update={"ssh": settings.ssh.model_copy(update={"port": port})})
    async with taken, app.opened(folder, changed) as gateway:
        with pytest.raises(OSError, match=f"port {port}"):
            async with app.serving(gateway):
                raise AssertionError("it serves")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(settings.page.host, settings.page.port)
