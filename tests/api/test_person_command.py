"""The last admin lost his factors: the owner of the machine invites him again, and nobody else can."""

import subprocess
import sys
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from gateway.app import Gateway, opened
from gateway.audit import sql
from gateway.config import FILE, read
from gateway.errors import Refused
from tests.e2e.site import SETTINGS
from tests.ports import free_port

HERE = "192.0.2.7"
OLD, NEW = "sam opened the sluice", "sam opens the sluice anew"


def command(folder: Path, name: str = "sam") -> subprocess.CompletedProcess[str]:
    asked = (sys.executable, "-m", "gateway", "person", "invite", str(folder), name)
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)


def code(gateway: Gateway, secret: str) -> str:
    return TOTP(secret).at(int(gateway.services.clock.now().timestamp()))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A gateway's folder with one admin."""
    (tmp_path / FILE).write_text(SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=tmp_path))
    async with opened(tmp_path, read(tmp_path)) as gateway:
        identity = gateway.services.identity
        token = await identity.setup_token()
        assert token is not None
        made = await identity.setup(token, "sam", "Sam", OLD)
        await identity.confirm_enrolment(token, code(gateway, made.secret))
    return tmp_path


async def test_the_last_admin_comes_back_by_a_link_and_his_old_factors_are_void(folder: Path) -> None:
    done = command(folder)
    assert (done.returncode, done.stderr) == (0, "")
    link = done.stdout.splitlines()[-1]
    assert link.startswith(f"https://localhost:{read(folder).page.port}/#/enrol/")
    token = link.rpartition("/")[2]
    async with opened(folder, read(folder)) as gateway:
        identity = gateway.services.identity
        with pytest.raises(Refused):
            await identity.check_password("sam", OLD, HERE)
        made = await identity.enrol(token, NEW, HERE)
        person = await identity.confirm_enrolment(token, code(gateway, made.secret), HERE)
        assert person.admin
        await identity.check_password("sam", NEW, HERE)
        with pytest.raises(Refused):
            await identity.enrol(token, NEW, HERE)
        async with gateway.services.store.read() as tx:
            invited = await sql.read(tx, names=frozenset({"identity.person.invited"}))
    assert [entry.actor for entry in invited] == ["gateway"]


async def test_nobody_is_invited_beside_a_gateway_that_runs(folder: Path) -> None:
    async with opened(folder, read(folder)) as gateway:
        refused = command(folder)
        assert refused.returncode == 2
        assert "another gateway runs on this folder" in refused.stderr
        assert refused.stdout == ""
        await gateway.services.identity.check_password("sam", OLD, HERE)


def test_an_unknown_person_is_one_line_and_status_2(folder: Path) -> None:
    refused = command(folder, "nobody")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
