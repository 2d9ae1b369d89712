"""As a new user would: the demonstration as it is started, decisions through the API, xfreerdp with a ticket."""

import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from gateway.clock import SystemClock
from gateway.demo import desktop, site
from gateway.demo.programs import Program, programs
from tests.api.site import Browser
from tests.e2e.people import Codes
from tests.e2e.waiting import LIMIT
from tests.ports import free_port
from tests.rdp.peers import connections_to, display, eventually, share_of, xfreerdp_file
from tests.rdp.peers.targets import STEELBLUE, TERMINAL

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


@asynccontextmanager
async def demonstration(folder: Path, *prefix: str) -> AsyncIterator[tuple[Program, dict[str, int]]]:
    """`sluicegate demo start` in `folder`/demo, with a home of its own beside it; its ports."""
    names = ("ssh", "page", "rdp", "target", "desktop", "drive")
    ports = {name: free_port(site.TARGET_ADDRESS if name in names[3:] else "127.0.0.1") for name in names}
    options = [part for name, port in ports.items() for part in (f"--{name}", str(port))]
    home, log = folder / "home", folder / "demo.log"
    home.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    async with programs(folder) as running:
        argv = (*prefix, sys.executable, "-m", "gateway", "demo", "start", "--folder", folder / "demo", *options)
        started = await running.start("demo", *argv, env={"HOME": str(home)})
        await eventually(
            lambda: "Leave with Ctrl-C" in started.said or not started.alive, lambda: started.said, 2 * LIMIT
        )
        assert started.alive, started.said
        yield started, ports


@asynccontextmanager
async def page(folder: Path, name: str, port: int, codes: dict[str, Codes]) -> AsyncIterator[Browser]:
    """The API as this person's page uses it; the site's own CA is trusted, and nobody else."""
    trust = ssl.create_default_context(cafile=folder / "demo" / "keys" / "tls_ca.crt")
    login = next(p for p in site.logins(folder / "demo") if p.name == name)
    async with Browser(base_url=f"https://localhost:{port}/api/v1", verify=trust, timeout=LIMIT) as browser:
        asked = {"name": name, "password": login.password, "code": await codes[name].next()}
        browser.csrf = good(await browser.post("/sign-in", json=asked))["csrf"]
        yield browser


def good(answer: httpx.Response) -> dict:
    assert answer.is_success, answer.text
    return answer.json()


async def test_a_new_user_visits_the_desktop_of_the_demonstration(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as (demo, ports):
        assert "A visit to the desktop of ews-l4" in demo.said
        codes = {p.name: Codes(p.secret) for p in site.logins(tmp_path / "demo")}
        async with (
            page(tmp_path, "vera", ports["page"], codes) as vera,
            page(tmp_path, "omar", ports["page"], codes) as omar,
            page(tmp_path, "lena", ports["page"], codes) as lena,
            display(tmp_path / "d") as screen,
        ):
            now = SystemClock().now()
            wanted = {
                "target": "ews-l4", "protocol": "rdp", "account": site.DESKTOP_ACCOUNT, "duration_minutes": 30,
                "not_before": now.isoformat(), "not_after": (now + timedelta(hours=2)).isoformat(),
                "purpose": "Change the drive's ramp", "work_order": "WO-8812",
            }  # fmt: skip
            asked = good(await vera.change("/requests", wanted))
            yes = {"code": await codes["omar"].next(), "digest": asked["digest"]}
            good(await omar.change(f"/requests/{asked['id']}/approve", yes))
            (grant,) = good(await vera.get("/grants"))
            ticket = good(await vera.change(f"/grants/{grant['id']}/tickets", {"for": "client"}))
            assert (ticket["host"], ticket["port"]) == ("localhost", ports["rdp"])
            assert f"username:s:{ticket['id']}" in ticket["file"]
            assert ticket["secret"] not in ticket["file"]

            # She trusts the site's CA and no other, and is not asked about the certificate.
            screen.env["SSL_CERT_FILE"] = str(tmp_path / "demo" / "keys" / "tls_ca.crt")
            (tmp_path / "ews-l4.rdp").write_text(ticket["file"])
            seat = xfreerdp_file(screen, tmp_path / "ews-l4.rdp", ticket["secret"], "/cert:deny")
            async with seat as client:
                await client.sees(lambda seen: share_of(seen, (250, 250, 247)) > 0.1, "the hold")
                assert connections_to(ports["desktop"]) == 0
                good(await lena.change(f"/grants/{grant['id']}/release", {"code": await codes["lena"].next()}))
                await client.sees(lambda seen: share_of(seen, STEELBLUE) > 0.3, "the desktop")
                await client.types("echo it is $((6*7)) > arrived\n", at=TERMINAL)
                arrived = tmp_path / "demo" / "desktop" / "home" / "arrived"
                await eventually(lambda: arrived.exists() and arrived.read_text() == "it is 42\n", "what was typed")
                (session,) = good(await lena.get("/sessions"))
                good(await lena.change(f"/sessions/{session['id']}/kill", {"reason": "enough"}))
                await client.ends()
            assert connections_to(ports["desktop"]) == 0
    assert list((tmp_path / "home").iterdir()) == []  # nothing outside its folder


async def test_a_demonstration_without_the_programs_names_their_packages_and_has_a_desktop_once_they_are_there(
    tmp_path: Path,
) -> None:
    async with demonstration(tmp_path, "env", "PATH=/nonexistent") as (demo, _):
        assert "sudo apt-get install tigervnc-standalone-server" in demo.said
        assert "A visit to the desktop" not in demo.said
    async with demonstration(tmp_path) as (demo, ports):
        assert "A visit to the desktop" in demo.said
        assert desktop.listening(ports["desktop"])
