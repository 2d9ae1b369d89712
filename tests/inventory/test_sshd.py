"""A real OpenSSH server that trusts the gateway's CA: which certificates it takes, and what they allow there."""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.clock import SystemClock
from gateway.envelope import Envelope
from gateway.errors import Refused
from gateway.ids import SessionId
from gateway.inventory.model import Account, Credential, CredentialKind, Target
from gateway.inventory.service import Inventory
from gateway.store.db import Store
from tests.ports import free_port

pytestmark = pytest.mark.peer

SSHD = "/usr/sbin/sshd"
SESSION = SessionId("ses_real")
ME = getpass.getuser()
WAIT = 20.0  # seconds for a program of the machine


@dataclass
class Sshd:
    """`sshd -D` on loopback as whoever runs the tests."""

    port: int
    host_key: asyncssh.SSHKey
    stderr: asyncio.StreamReader

    async def logs(self, words: str) -> str:
        """The next line of its log with `words` in it."""
        seen: list[str] = []
        try:
            async with asyncio.timeout(WAIT):
                while text := await self.stderr.readline():
                    seen.append(text.decode(errors="replace").strip())
                    if words in seen[-1]:
                        return seen[-1]
        except TimeoutError:
            pass
        raise AssertionError(f"{words!r} is not in the log: {seen}")


@pytest.fixture
async def sshd(tmp_path: Path, ssh_ca: asyncssh.SSHKey) -> AsyncIterator[Sshd]:
    here = tmp_path / "sshd"
    here.mkdir(mode=0o700)
    port, host_key = free_port(), asyncssh.generate_private_key("ssh-ed25519")
    host_key.write_private_key(here / "host_key")
    (here / "host_key").chmod(0o600)
    ssh_ca.write_public_key(here / "ca.pub")
    (here / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {here}/host_key\nTrustedUserCAKeys {here}/ca.pub\n"
        "AuthorizedKeysFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
        "StrictModes no\nPermitRootLogin yes\nPidFile none\nLogLevel VERBOSE\nAllowTcpForwarding yes\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        SSHD, "-D", "-e", "-f", str(here / "config"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    server = Sshd(port, host_key, process.stderr)
    try:
        await server.logs("Server listening on")
        yield server
    finally:
        process.terminate()
        await process.communicate()


@pytest.fixture
def inventory(store: Store, envelope: Envelope, ssh_ca: asyncssh.SSHKey) -> Inventory:
    """By the machine's clock: the server compares with it."""
    clock = SystemClock()
    return Inventory(store, AuditLog(clock, Hub()), clock, envelope, ssh_ca)


@pytest.fixture
async def account(inventory: Inventory, target: Target) -> Account:
    return await inventory.add_account("sam", "ews-l4", ME, CredentialKind.CERTIFICATE)


async def log_in(sshd: Sshd, credential: Credential, user: str = ME) -> asyncssh.SSHClientConnection:
    key = asyncssh.import_private_key(credential.secret)
    certificate = asyncssh.import_certificate(credential.certificate)
    async with asyncio.timeout(WAIT):
        return await asyncssh.connect(
            "127.0.0.1",
            sshd.port,
            username=user,
            client_keys=[(key, certificate)],
            known_hosts=None,
            config=None,
            agent_path=None,
        )


async def test_a_real_server_takes_the_certificate_and_its_log_names_session_and_person(
    sshd: Sshd, inventory: Inventory, target: Target, account: Account
) -> None:
    credential = await inventory.credential(None, target, account, SESSION, "vera", timedelta(minutes=5))
    async with await log_in(sshd, credential) as connection, asyncio.timeout(WAIT):
        result = await connection.run("echo it works", check=True)
        assert result.stdout == "it works\n"
        terminal = await connection.run("tty", term_type="xterm")
        assert "/dev/" in str(terminal.stdout)
    assert f"for {ME}" in await sshd.logs("ID ses_real vera")


async def test_the_certificate_opens_no_forward_although_the_server_would(
    sshd: Sshd, inventory: Inventory, target: Target, account: Account
) -> None:
    """C8: a stolen session's certificate is no way on to the next machine."""
    credential = await inventory.credential(None, target, account, SESSION, "vera", timedelta(minutes=5))
    async with await log_in(sshd, credential) as connection, asyncio.timeout(WAIT):
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("127.0.0.1", sshd.port)


async def test_a_certificate_whose_deadline_has_passed_is_not_taken(
    sshd: Sshd, inventory: Inventory, target: Target, account: Account
) -> None:
    credential = await inventory.credential(None, target, account, SESSION, "vera", timedelta(seconds=-1))
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(sshd, credential)
    await sshd.logs("expired")


async def test_a_certificate_of_another_account_is_not_taken(sshd: Sshd, inventory: Inventory, target: Target) -> None:
    other = await inventory.add_account("sam", "ews-l4", "somebody", CredentialKind.CERTIFICATE)
    credential = await inventory.credential(None, target, other, SESSION, "vera", timedelta(minutes=5))
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(sshd, credential)


async def test_a_certificate_of_another_authority_is_not_taken(
    sshd: Sshd, store: Store, envelope: Envelope, target: Target, account: Account
) -> None:
    clock = SystemClock()
    stranger = Inventory(store, AuditLog(clock, Hub()), clock, envelope, asyncssh.generate_private_key("ssh-ed25519"))
    credential = await stranger.credential(None, target, account, SESSION, "vera", timedelta(minutes=5))
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(sshd, credential)


async def test_the_key_of_a_real_server_is_pinned_and_another_one_is_blocked(
    sshd: Sshd, inventory: Inventory, target: Target, account: Account
) -> None:
    credential = await inventory.credential(None, target, account, SESSION, "vera", timedelta(minutes=5))
    async with await log_in(sshd, credential) as connection:
        shown = connection.get_server_host_key()
        assert shown is not None
        await inventory.check_host_key(target.services[0], shown.export_public_key().decode(), SESSION, "vera")
    pinned = await inventory.pinned(target.services[0].id)
    assert pinned is not None
    assert pinned.fingerprint == sshd.host_key.get_fingerprint()
    swapped = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(Refused):
        await inventory.check_host_key(target.services[0], swapped, SESSION, "vera")
