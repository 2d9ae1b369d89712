"""A front between twins, with a target behind it; keys on disk for stock clients."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from gateway.audit import sql
from gateway.audit.log import AuditLog
from gateway.clock import SystemClock
from gateway.fronts.ssh.server import SshFront, serve_ssh
from tests.ssh.bell import Bell, committed
from tests.ssh.people import TwinIdentity
from tests.ssh.target import Target
from tests.ssh.twins import TwinSessions

BANNER = "ACME plant. Everything here is recorded. Signing in accepts that.\n"


@dataclass
class Bench:
    """Everything a test needs of one running front."""

    front: SshFront
    identity: TwinIdentity
    sessions: TwinSessions
    target: Target
    store: object
    audit: AuditLog
    left: Bell  # rung by whoever leaves the door
    folder: Path
    key: Path
    known_hosts: Path
    host_ca: asyncssh.SSHKey

    @property
    def port(self) -> int:
        return self.front.port

    def forgive(self) -> None:
        """A failure before must not keep the same source out of the next step of a test."""
        self.front._setting.penalties.proved("127.0.0.1")

    async def event(self, name: str) -> dict:
        """The first event of this name, once it is written."""
        return (await committed(self.audit.hub, lambda: self.events(name)))[0]

    async def empty(self) -> None:
        """Every connection has left its place."""
        await self.left.until(lambda: not self.front._admission.total)

    async def events(self, name: str = "") -> list[dict]:
        async with self.store.read() as tx:
            return [e.values() for e in await sql.read(tx) if not name or e.name == name]


@pytest.fixture(scope="session")
def host_key(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("host") / "ssh_host_key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(path))
    path.chmod(0o600)
    return path


@pytest.fixture
async def bench(store, audit, tmp_path, host_key, monkeypatch) -> AsyncIterator[Bench]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key_path = tmp_path / "vera"
    key.write_private_key(str(key_path))
    key.write_public_key(str(key_path) + ".pub")
    key_path.chmod(0o600)
    host_ca = asyncssh.generate_private_key("ssh-ed25519")
    identity = TwinIdentity(keys={key.export_public_key().decode().strip(): "vera"})
    target = Target()
    await target.start()
    sessions = TwinSessions(target_port=target.port)
    async with serve_ssh(
        host="127.0.0.1",
        port=0,
        host_key=host_key,
        host_ca=host_ca,
        sessions=sessions,
        identity=identity,
        audit=audit,
        store=store,
        clock=SystemClock(),
        banner=BANNER,
    ) as front:
        public = subprocess.run(
            ["ssh-keygen", "-y", "-f", str(host_key)], check=True, capture_output=True, text=True
        ).stdout.strip()
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(f"[127.0.0.1]:{front.port} {public}\n")
        left = Bell()
        leaves = front._admission.left

        def leaving(source: str, pending: bool) -> None:
            leaves(source, pending)
            left.ring()

        monkeypatch.setattr(front._admission, "left", leaving)
        yield Bench(front, identity, sessions, target, store, audit, left, tmp_path, key_path, known_hosts, host_ca)
    await target.stop()
