"""A whole gateway in this process with an RDP door, before a target of the test's choice; and what it sent."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pyrage
import pytest

from gateway.access.model import Grant
from gateway.app import opened, serving
from gateway.audit import sql as audit_sql
from gateway.config import read
from gateway.demo import site as demo
from gateway.fronts.rdp.wire import Wire
from gateway.identity.model import Ticket
from gateway.inventory.model import Conduit, CredentialKind, CryptoProfile, Protocol
from gateway.policy.model import Channel
from gateway.recording.model import Record, RecordingState
from gateway.recording.reader import Player
from gateway.sessions.live import Live
from tests.e2e.clocks import SteppedClock
from tests.e2e.evidence import verified
from tests.e2e.people import Codes
from tests.e2e.site import Site
from tests.e2e.waiting import eventually
from tests.ports import free_port
from tests.rdp.peers import Probe, Target

HERE = "127.0.0.1"
DESKTOP = frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT})


@dataclass
class House(Site):
    """The demonstration's people, with a desktop in place of the demonstration's own.

    Attributes:
        clock: moves on when the test says so.
        sent: what left the gateway inside TLS, by the port that it left from.
    """

    clock: SteppedClock
    account: str
    sent: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))

    @property
    def port(self) -> int:
        rdp = self.gateway.settings.rdp
        assert rdp is not None
        return rdp.port

    @property
    def folder(self) -> Path:
        return self.gateway.folder

    async def granted(self, channels: frozenset[Channel] = DESKTOP, minutes: int = 30) -> Grant:
        """Vera asks for the desktop, and Omar approves."""
        s = self.gateway.services
        now = s.clock.now()
        request = await s.access.ask(
            await self.person("vera"), target_name="ews-l4", protocol=Protocol.RDP, account=self.account,
            channels=channels, not_before=now, not_after=now + timedelta(hours=2), duration=timedelta(minutes=minutes),
            purpose="Change the drive's ramp", work_order="WO-8812", source=HERE,
        )  # fmt: skip
        omar = await self.person("omar")
        proof = await s.identity.confirm(omar, await self.codes["omar"].next(), HERE)
        decided = await s.access.approve(request.id, omar, proof, digest=request.wanted.digest())
        assert decided.grant is not None
        return await s.access.grant(decided.grant)

    async def ticket(self, grant: Grant) -> Ticket:
        """Vera shows her two factors and makes a ticket for a client of her own."""
        identity, vera = self.gateway.services.identity, await self.person("vera")
        first = await identity.check_password("vera", self.logins["vera"].password, HERE)
        second = await identity.check_code("vera", await self.codes["vera"].next(), HERE)
        return await identity.tickets.issue(vera, grant.id, "ews-l4", self.account, (first, second), HERE, web=False)

    async def session(self) -> Live:
        """The one session there is, as the core has it in memory."""
        (session,) = await self.gateway.services.sessions.live()
        return await self.gateway.services.sessions._live(session.id)

    async def recording(self) -> Path:
        """The recording of the last session, once it is sealed."""
        recordings = self.gateway.services.recordings

        async def closed() -> bool:
            return (await recordings.find())[0].state is not RecordingState.OPEN

        await eventually(closed, "the end of the recording")
        (path,) = (self.folder / "recordings").rglob("*.slg")
        assert len(await recordings.find()) == 1
        return path

    def records(self, path: Path) -> list[Record]:
        """Everything that the holder of the replay key can read."""
        identity = pyrage.x25519.Identity.from_str((self.folder / "keys" / "replay.age").read_text().strip())
        with Player.open(path, identity) as player:
            return list(player.records())

    async def verified(self, away: Path, recording: Path) -> tuple[int, str]:
        """By verify.py, as an auditor runs it."""
        return await verified(SimpleNamespace(store=self.gateway.services.store, folder=self.folder), away, recording)

    async def events(self, *names: str) -> list[dict[str, object]]:
        async with self.gateway.services.store.read() as tx:
            return [e.values() for e in await audit_sql.read(tx, names=frozenset(names), limit=10_000)]


@asynccontextmanager
async def house(
    folder: Path,
    target: Target,
    patch: pytest.MonkeyPatch,
    *,
    door: Probe | None = None,
    user: str = "desk",
    profile: CryptoProfile = CryptoProfile.MODERN,
) -> AsyncIterator[House]:
    """The gateway reaches `target` through `door`, when there is one, as the account `user`."""
    folder.mkdir()
    demo.write_settings(folder, free_port(), free_port(), free_port())
    clock = SteppedClock()
    async with opened(folder, read(folder), clock) as gateway:
        await demo.make(gateway, target.host, free_port(target.host))
        inventory, ssh = gateway.services.inventory, frozenset({Protocol.SSH})
        await inventory.change_conduit("sam", Conduit("remote", "line4", ssh), ssh | {Protocol.RDP})
        port = door.port if door else target.port
        await inventory.add_service("sam", "ews-l4", Protocol.RDP, target.host, port, profile)
        await inventory.add_account("sam", "ews-l4", user, CredentialKind.PASSWORD, target.password.encode())
        logins = {login.name: login for login in demo.logins(folder)}
        codes = {name: Codes(login.secret) for name, login in logins.items()}
        made = House(gateway, logins, codes, clock, user)
        _listen_in(made, patch)
        async with serving(gateway):
            yield made


def _listen_in(made: House, patch: pytest.MonkeyPatch) -> None:
    """Keep what goes into TLS, on both legs."""
    write = Wire.write

    def kept(self: Wire, data: bytes) -> None:
        assert self._transport is not None
        made.sent[self._transport.get_extra_info("sockname")[1]] += data
        write(self, data)

    patch.setattr(Wire, "write", kept)
