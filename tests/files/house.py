"""A whole gateway in this process before a real sshd, with policies that let files pass; and what it recorded.

Targets are one and the same sshd under several names, which policies tell apart: `TARGETS`. `bad` has another sshd,
whose SFTP server misbehaves as a file called `mode` says.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncssh
import pyrage

from gateway.app import opened, serving
from gateway.audit import sql as audit_sql
from gateway.config import FILE, read
from gateway.demo import site as demo
from gateway.errors import Conflict
from gateway.identity.model import Factor, FactorProof
from gateway.ids import GrantId
from gateway.inventory.model import CredentialKind, CryptoProfile, Protocol, TargetClass, Tier
from gateway.policy.model import FILE_CHANNELS, Channel
from gateway.recording.model import Kind, Record, Recording
from gateway.recording.reader import Player
from gateway.recording.sql import find as find_recordings
from gateway.sessions.model import Session, SessionState
from tests.bench.sshd import Sshd, sshd
from tests.e2e.people import Codes
from tests.e2e.site import SETTINGS, Site
from tests.e2e.waiting import eventually
from tests.ports import free_port

HERE = "127.0.0.1"
SCHEMA = Path(__file__).parents[2] / "policies" / "schema.cedarschema"
FILES = FILE_CHANNELS
EVERYTHING = FILES | {Channel.SHELL, Channel.EXEC}
TARGETS = {
    "files": "",
    "paths": '@file_paths("{home}/incoming")',
    "copies": '@file_copy("true")',
    "holds": '@file_hold("true")',
    "waits": "",  # for its recorder, instead of ending
    "bad": "",
}
BAD = """#!/bin/sh
case $(cat {folder}/mode) in
  noise) head -c 4000 /dev/zero | tr '\\0' '\\377'; cat >/dev/null;;
  long) printf '\\177\\377\\377\\377\\002'; cat >/dev/null;;
  silent) cat >/dev/null;;
  version) printf '\\0\\0\\0\\005\\002\\0\\0\\0\\003'; cat >/dev/null;;
  gone) exit 3;;
esac
"""
POLICY = """
@id("test.{name}")
@title("Files of the target {name}")
@approvals("1")
@approver_roles("owner")
@release("false")
@observer("false")
@phishing_resistant("false")
@freshness("8h")
@max_session("8h")
@max_total("8h")
@release_expires("60m")
@idle("30m")
@concurrency("9")
@connections("40")
@recorder("{recorder}")
@channels("{channels}")
{more}
permit (principal, action, resource == Target::"{name}");
"""


@dataclass
class Ran:
    """A program that ended."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What the person read, without the line ends that some programs put in the middle of it."""
        return " ".join((self.out + self.err).split())


@dataclass
class House(Site):
    """The demonstration's people before a real sshd.

    Attributes:
        target: the sshd.
        config: of `ssh`, with a host for each target of the gateway.
        key: Vera's own.
        home: where SFTP starts on the target.
    """

    target: Sshd
    config: Path
    key: Path
    home: Path
    folder: Path
    sshd: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def source(self, name: str, octets: int = 300_000) -> Path:
        """A file of the person's, of random octets."""
        path = self.folder / "laptop" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(octets))
        return path

    def remote(self, name: str, octets: int = 300_000) -> Path:
        """The same on the target."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(octets))
        return path

    @asynccontextmanager
    async def visit(self, channels: Iterable[Channel] = FILES, target: str = "files") -> AsyncIterator["Visited"]:
        """Vera has an approval for `channels` while the block lasts; what was recorded is there at its end."""
        s = self.gateway.services
        now = s.clock.now()
        vera, omar = await self.person("vera"), await self.person("omar")
        request = await s.access.ask(
            vera, target_name=target, protocol=Protocol.SSH, channels=frozenset(channels), not_before=now,
            not_after=now + timedelta(hours=4), duration=timedelta(hours=2), purpose="Bring the new firmware",
            work_order="WO-1", source=HERE,
        )  # fmt: skip
        proof = FactorProof(omar.id, Factor.TOTP, now, HERE)
        decided = await s.access.approve(request.id, omar, proof, digest=request.wanted.digest())
        assert decided.grant is not None
        visited = Visited(self, decided.grant)
        try:
            yield visited
        finally:
            with contextlib.suppress(Conflict):  # ended by the test
                await s.access.revoke(decided.grant, omar, "done", HERE)
        await eventually(visited.over, "the end of the session")

    async def run(self, *argv: str, stdin: str = "", limit: float = 60, **environment: str) -> Ran:
        """A program of the person's, to its end."""
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self.environment | environment, start_new_session=True, cwd=self.folder,
        )  # fmt: skip
        try:
            async with asyncio.timeout(limit):
                out, err = await process.communicate(stdin.encode())
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            out, err = await process.communicate()
            raise AssertionError(f"{argv} hung: {out[-500:]!r} {err[-500:]!r}") from None
        return Ran(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))

    @asynccontextmanager
    async def started(self, *argv: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A program that is fed by the test, killed at the latest when the block ends."""
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env=self.environment, cwd=self.folder,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    @property
    def environment(self) -> dict[str, str]:
        home = self.folder / "laptop-home"
        home.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"}

    async def sftp(self, *lines: str, target: str = "files", batch: bool = True) -> Ran:
        """OpenSSH's `sftp` fed with lines; with `batch` it ends at the first that fails."""
        options = ("-b", "-") if batch else ()
        argv = ("sftp", "-F", str(self.config), *options, target)
        return await self.run(*argv, stdin="\n".join(lines) + "\n")

    async def events(self, name: str) -> list[dict]:
        async with self.gateway.services.store.read() as tx:
            return [e.values() for e in await audit_sql.read(tx, names=frozenset({name}), limit=10_000)]


@dataclass
class Visited:
    """What came of one approval.

    Attributes:
        sealed: whether its recording will be.
    """

    house: House
    grant: GrantId
    recording: Recording | None = None
    sealed: bool = True

    async def sessions(self) -> list[Session]:
        found = await self.house.gateway.services.sessions.find()
        return [session for session in found if session.grant == self.grant]

    async def live(self) -> Session:
        """The session that runs now."""
        found = list[Session]()

        async def there() -> bool:
            found[:] = [s for s in await self.sessions() if s.state is SessionState.ACTIVE]
            return bool(found)

        await eventually(there, "a session that runs")
        return found[0]

    async def paused(self) -> bool:
        return any(session.state is SessionState.PAUSED for session in await self.sessions())

    async def over(self) -> bool:
        sessions = await self.sessions()
        if any(session.ended is None for session in sessions):
            return False
        async with self.house.gateway.services.store.read() as tx:
            mine = [r for r in await find_recordings(tx) if r.session in {session.id for session in sessions}]
        self.recording = mine[0] if mine else None
        return not self.sealed or not mine or mine[0].ended is not None

    def records(self) -> list[Record]:
        """Everything that was recorded of it; nothing when it never began."""
        if self.recording is None:
            return []
        folder = self.house.gateway.folder
        return read_records(folder, folder / "recordings" / self.recording.file)

    def notes(self, of: str) -> list[dict]:
        """Requests, results or entries of files, as the recording has them."""
        found = [json.loads(r.payload) for r in self.records() if r.kind == Kind.FILE]
        return [note for note in found if note["of"] == of]

    def ledger(self) -> list[dict]:
        return self.notes("entry")

    def line(self, path: Path | str) -> dict:
        """The one entry of the ledger about this file of the target."""
        (line,) = [line for line in self.ledger() if line["path"] == str(path)]
        return line


def read_records(folder: Path, recording: Path) -> list[Record]:
    """Everything in `recording` of the gateway in `folder`."""
    identity = pyrage.x25519.Identity.from_str((folder / "keys" / "replay.age").read_text().strip())
    with Player.open(recording, identity) as player:
        return list(player.records())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    with contextlib.ExitStack() as south:
        target = south.enter_context(sshd(folder / "target", "127.0.0.4", free_port("127.0.0.4")))
        bad = south.enter_context(sshd(folder / "bad", "127.0.0.6", free_port("127.0.0.6"), "{folder}/server"))
        server = folder / "bad" / "server"
        server.write_text(BAD.format(folder=folder / "bad"))
        server.chmod(0o755)
        home, at = folder / "target" / "home", folder / "gateway"
        at.mkdir()
        (home / "incoming").mkdir()
        _write_policies(at / "policies", home)
        text = SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=at)
        (at / FILE).write_text(f'policies = "{at}/policies"\n{text}')
        async with opened(at, read(at)) as gateway:
            await demo.make(gateway, target.host, target.port)
            logins = {login.name: login for login in demo.logins(at)}
            found = House(
                gateway, logins, {n: Codes(login.secret) for n, login in logins.items()}, target, folder / "ssh_config",
                folder / "vera", home, folder, south,
            )  # fmt: skip
            await _furnish(found, bad)
            async with serving(gateway):
                yield found


def _write_policies(folder: Path, home: Path) -> None:
    folder.mkdir()
    shutil.copy(SCHEMA, folder)
    channels = ", ".join(sorted(EVERYTHING))
    for name, more in TARGETS.items():
        recorder = "pause" if name == "waits" else "end"
        text = POLICY.format(name=name, channels=channels, more=more.format(home=home), recorder=recorder)
        (folder / f"{name}.cedar").write_text(text)


async def _furnish(house: House, bad: Sshd) -> None:
    s = house.gateway.services
    omar, vera = await house.person("omar"), await house.person("vera")
    for name in TARGETS:
        at = bad if name == "bad" else house.target
        await s.inventory.add_target("sam", name, name, "line4", Tier.T0, TargetClass.WORKSTATION, [omar.id])
        await s.inventory.add_service("sam", name, Protocol.SSH, at.host, at.port, CryptoProfile.MODERN)
        await s.inventory.add_account("sam", name, at.user, CredentialKind.PRIVATE_KEY, at.key.read_bytes())
    key = asyncssh.generate_private_key("ssh-ed25519")
    house.key.touch(mode=0o600)
    key.write_private_key(house.key)
    key.write_public_key(house.key.with_suffix(".pub"))
    await s.identity.add_key(vera, key.export_public_key().decode().strip(), "laptop")
    await s.identity.check_password("vera", house.logins["vera"].password, HERE)
    await s.identity.check_code("vera", await house.codes["vera"].next(), HERE)
    public = asyncssh.read_private_key(house.gateway.keys.ssh_host_key).export_public_key().decode()
    known = house.folder / "known_hosts"
    known.write_text(f"[{HERE}]:{house.ssh_port} {public}")
    lines = [
        f"Host *\n  HostName {HERE}\n  Port {house.ssh_port}\n  IdentityFile {house.key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {known}\n  LogLevel ERROR\n  BatchMode yes\n  ConnectTimeout 30\n"
    ]
    lines += [f"Host {name}\n  User vera+{name}\n" for name in TARGETS]
    house.config.write_text("".join(lines))
