"""CredSSP against programs of others: xfreerdp towards the gateway, freerdp-shadow as a target."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.rdp.credssp import CredsspFailure, CredsspState, subject_public_key
from tests.e2e.waiting import eventually
from tests.ports import free_port
from tests.rdp.security.lines import PATIENCE, Certificate, Door, certificate, connect_nla, drive, initiator

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]
ID, SECRET = "k7q2m9x4ab", "s3cr3t-of-the-ticket"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X screen: xfreerdp wants one even to authenticate."""
    read, write = os.pipe()
    screen = subprocess.Popen(
        ("Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"),
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    assert number
    yield f":{number}"
    screen.kill()
    screen.wait()


@pytest.fixture(params=["rsa", "ec"])
def shown(request: pytest.FixtureRequest, tmp_path: Path) -> Certificate:
    return certificate(tmp_path, request.param)


async def xfreerdp(display: str, port: int, user: str, password: str, home: Path, *more: str) -> tuple[int, str]:
    """Exit code and all it said; it authenticates and goes."""
    process = await asyncio.create_subprocess_exec(
        "xfreerdp",
        f"/v:127.0.0.1:{port}",
        f"/u:{user}",
        f"/p:{password}",
        "/cert:ignore",
        "/sec:nla",
        "+auth-only",
        *more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "DISPLAY": display},
    )
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


async def test_xfreerdp_comes_in_with_the_ticket(display: str, shown: Certificate, tmp_path: Path) -> None:
    async with Door(shown, subject_public_key(shown.der), {ID: SECRET}) as door:
        _, said = await xfreerdp(display, door.port, ID, SECRET, tmp_path)
    assert [side.state for side in door.seen] == [CredsspState.DONE], said
    assert door.seen[0].user == ID
    assert "LOGON_FAILURE" not in said


async def test_xfreerdp_comes_in_with_any_domain(display: str, shown: Certificate, tmp_path: Path) -> None:
    async with Door(shown, subject_public_key(shown.der), {ID: SECRET}) as door:
        _, said = await xfreerdp(display, door.port, ID, SECRET, tmp_path, "/d:PLANT")
    assert [side.state for side in door.seen] == [CredsspState.DONE], said


@pytest.mark.parametrize(("user", "password"), [(ID, "wrong"), ("nobody", SECRET), (ID, "")])
async def test_xfreerdp_says_logon_failure_for_a_wrong_ticket(
    display: str, shown: Certificate, tmp_path: Path, user: str, password: str
) -> None:
    async with Door(shown, subject_public_key(shown.der), {ID: SECRET}) as door:
        code, said = await xfreerdp(display, door.port, user, password, tmp_path)
    assert code != 0
    assert "LOGON_FAILURE" in said
    assert {side.failure for side in door.seen} == {CredsspFailure.SECRET}


async def test_xfreerdp_sends_no_credentials_through_a_relay(display: str, tmp_path: Path) -> None:
    """Attack 71, CVE-2018-0886: what the client sees is another certificate than the one that the gateway has."""
    shown, ours = certificate(tmp_path, "rsa"), certificate(tmp_path, "ec")
    async with Door(shown, subject_public_key(ours.der), {ID: SECRET}) as door:
        code, _ = await xfreerdp(display, door.port, ID, SECRET, tmp_path)
    assert code != 0
    assert {side.failure for side in door.seen} == {CredsspFailure.BINDING}


ACCOUNT, PASSWORD = "svc_real", "RealPass!77"


@pytest.fixture
async def shadow(tmp_path: Path, display: str) -> AsyncIterator[int]:
    """freerdp-shadow with NLA and one account; gives its port."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    hashed = await asyncio.create_subprocess_exec(
        "winpr-hash", "-u", ACCOUNT, "-p", PASSWORD, "-f", "sam", stdout=asyncio.subprocess.PIPE, env=env
    )
    line, _ = await hashed.communicate()
    sam = tmp_path / "sam"
    sam.write_bytes(line)
    port = free_port()
    target = await asyncio.create_subprocess_exec(
        "freerdp-shadow-cli", f"/port:{port}", "/bind-address:127.0.0.1", "/sec:nla", f"/sam-file:{sam}", "+auth",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env={**env, "DISPLAY": display},
    )  # fmt: skip
    try:
        await eventually(lambda: _listens(port), "a target that listens", PATIENCE)
        yield port
    finally:
        if target.returncode is None:
            target.kill()
        await target.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_target_lets_the_account_in(shadow: int) -> None:
    reader, writer, key = await connect_nla(shadow)
    ours = initiator(key, ACCOUNT, PASSWORD)
    await drive(ours, reader, writer)
    assert ours.state is CredsspState.DONE
    writer.close()


async def test_a_target_refuses_a_wrong_password(shadow: int) -> None:
    reader, writer, key = await connect_nla(shadow)
    ours = initiator(key, ACCOUNT, "wrong")
    ended = await drive(ours, reader, writer)
    assert not ended or ours.state is CredsspState.FAILED
    writer.close()
