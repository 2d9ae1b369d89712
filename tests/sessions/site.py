"""A small site with the real services on a store of its own: Vera (vendor), Omar (owner), Lena (operator), Ada
(auditor), Sam (admin), and the workstation `ews-l4` of tier T1 whose SSH service is where a test says."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access.model import AccessRequest, Grant, Release
from gateway.access.service import Access
from gateway.audit import sql as audit_sql
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.audit.model import Entry
from gateway.envelope import Envelope
from gateway.identity import sql as identity_sql
from gateway.identity import sql_factors
from gateway.identity.model import Factor, FactorProof, Organisation, Person, Role
from gateway.identity.service import Identity
from gateway.identity.sql_factors import Credential
from gateway.ids import OrganisationId, PersonId
from gateway.inventory.model import CredentialKind, Protocol, TargetClass, Tier
from gateway.inventory.service import Inventory
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Action, Allow, Channel, Decision, Deny, Question
from gateway.recording.service import Recordings
from gateway.sessions.connection import Connection
from gateway.sessions.model import Arrival, End, Notice
from gateway.sessions.service import Sessions
from gateway.sessions.south import South
from gateway.sessions.spool import Spools
from gateway.sessions.visit import Visit
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock

HOME = "198.51.100.7"  # where Vera sits
ELSEWHERE = "203.0.113.9"
PLANT_NET = "192.0.2.50"
SHELL_AND_EXEC = frozenset({Channel.SHELL, Channel.EXEC})
DESKTOP = frozenset({Channel.DESKTOP, Channel.DESKTOP_INPUT, Channel.CLIPBOARD_OUT})
MINUTE = timedelta(minutes=1)
POLICIES = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True, slots=True)
class Keys:
    signing: Ed25519PrivateKey
    replay: pyrage.x25519.Identity | None


KEYS = Keys(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), pyrage.x25519.Identity.generate())
CA = asyncssh.generate_private_key("ssh-ed25519")


class Rulebook:
    """The real policies, with single obligations changed by a test, and a switch that turns every yes into a no."""

    def __init__(self, engine: PolicyEngine) -> None:
        self._engine, self.changed, self.closed = engine, dict[str, object](), frozenset[Action]()
        self.asked: list[Question] = []

    @property
    def version(self) -> str:
        return self._engine.version

    def decide(self, q: Question, at, *, explained: bool = True) -> Decision:
        self.asked.append(q)
        if q.action in self.closed:
            return Deny("forbidden", "A rule of this plant forbids that.", ("test.closed",), "", self.version)
        answer = self._engine.decide(q, at, explained=explained)
        if isinstance(answer, Allow):
            return replace(answer, obligations=replace(answer.obligations, **self.changed))
        return answer


@dataclass
class Heard:
    """What a front was told, in order."""

    notices: list[Notice] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    pauses: list[bool] = field(default_factory=list)

    def words(self) -> str:
        return " ".join(n.words for n in self.notices)


class Site:
    def __init__(self, store: Store, clock: SimulatedClock, folder: Path, engine: PolicyEngine, source: str) -> None:
        self.store, self.clock, self.folder = store, clock, folder
        self.policy, self.south = Rulebook(engine), South(source)
        self.protocol = Protocol.SSH  # by which people come
        self.begin()
        self.vera = self.omar = self.lena = self.ada = self.sam = self.paul = Person.__new__(Person)

    def begin(self) -> None:
        """A gateway process on this site's store and folder."""
        store, clock, envelope = self.store, self.clock, Envelope(bytes(32))
        self.audit = AuditLog(clock, Hub())
        self.identity = Identity(store, self.audit, clock, envelope, "plant")
        self.inventory = Inventory(store, self.audit, clock, envelope, CA)
        self.access = Access(store, self.audit, clock, self.policy, self.identity, self.inventory, "remote")
        self.recordings = Recordings(store, self.audit, clock, KEYS, [], self.folder / "recordings", "plant")
        self.sessions = Sessions(
            store=store, audit=self.audit, clock=clock, policy=self.policy, access=self.access,
            identity=self.identity, inventory=self.inventory, recordings=self.recordings, south=self.south,
            node="node-1", zone_of_people="remote", spools=Spools(self.folder / "held", envelope),
        )  # fmt: skip

    def restart(self) -> Sessions:
        """kill -9 and a new process: memory and locks are gone, files and store are not."""
        for live in self.sessions.registry:
            if live.recorder is not None:
                live.recorder._chain.close()
        self.begin()
        return self.sessions

    async def people(self, *names: str, organisation: Organisation, roles: Iterable[Role]) -> list[Person]:
        made = [Person(PersonId(f"per_{n}"), n, n.capitalize(), organisation, frozenset(roles)) for n in names]
        async with self.store.write() as tx:
            for person in made:
                await identity_sql.add_person(tx, person)
        return made

    async def build(self, address: str = "127.0.0.1", port: int = 1) -> "Site":
        self.plant = Organisation(OrganisationId("org_plant"), "plant", "Kieswerk", plant=True)
        self.drives = Organisation(OrganisationId("org_drives"), "drives", "Drives AG", plant=False)
        async with self.store.write() as tx:
            await identity_sql.add_organisation(tx, self.plant)
            await identity_sql.add_organisation(tx, self.drives)
        (self.vera, self.paul) = await self.people("vera", "paul", organisation=self.drives, roles=[Role.VENDOR])
        (self.omar, self.olga) = await self.people("omar", "olga", organisation=self.plant, roles=[Role.OWNER])
        (self.lena, self.lars) = await self.people("lena", "lars", organisation=self.plant, roles=[Role.OPERATOR])
        (self.ada,) = await self.people("ada", organisation=self.plant, roles=[Role.AUDITOR])
        (self.sam,) = await self.people("sam", organisation=self.plant, roles=[Role.ADMIN])
        async with self.store.write() as tx:  # an admin who can log in: there must always be one
            await sql_factors.set_credential(tx, Credential(self.sam.id, "", b"", 0, 0), self.clock.now())
        await self.inventory.add_zone("sam", "remote", "People outside", "5")
        await self.inventory.add_zone("sam", "cell4", "Cell 4", "2")
        await self.inventory.add_conduit("sam", "remote", "cell4", list(Protocol))
        await self.target("ews-l4", address, port)
        return self

    async def target(self, name: str, address: str = "127.0.0.1", port: int = 1) -> None:
        await self.inventory.add_target(
            "sam", name, f"Workstation {name}", "cell4", Tier.T1, TargetClass.WORKSTATION, [self.omar.id]
        )
        await self.inventory.add_service("sam", name, Protocol.SSH, address, port)
        await self.inventory.add_account("sam", name, "engineer", CredentialKind.PASSWORD, b"target-secret-9")
        await self.inventory.add_account("sam", name, "service", CredentialKind.PASSWORD, b"other-secret")

    async def desktops(self, name: str = "ews-l4", port: int = 1) -> None:
        """The target has a desktop, too, and people come for that from now on."""
        await self.inventory.add_service("sam", name, Protocol.RDP, "127.0.0.1", port)
        self.protocol = Protocol.RDP

    async def services(self, target: str = "ews-l4", **ports: int) -> None:
        """Services of TCP, by name."""
        for name, port in ports.items():
            await self.inventory.add_service("sam", target, Protocol.TCP, "127.0.0.1", port, name=name)

    async def controller(self, name: str = "plc-1", **ports: int) -> None:
        """A target without a shell, and people come to be forwarded from now on."""
        await self.inventory.add_target(
            "sam", name, f"Controller {name}", "cell4", Tier.T1, TargetClass.WORKSTATION, [self.omar.id]
        )
        await self.services(name, **ports)

    # --- people do things

    def proof(self, person: Person, factor: Factor = Factor.TOTP, source: str = PLANT_NET) -> FactorProof:
        return FactorProof(person.id, factor, self.clock.now(), source)

    def proofs(self, person: Person, source: str = HOME) -> tuple[FactorProof, ...]:
        return self.proof(person, Factor.PASSWORD, source), self.proof(person, Factor.TOTP, source)

    async def ask(
        self, person: Person | None = None, *, target: str = "ews-l4", opens: timedelta = timedelta(0),
        window: timedelta = timedelta(hours=8), duration: timedelta = timedelta(hours=2), account: str = "",
        channels: frozenset[Channel] | None = None, services: frozenset[str] = frozenset(),
        protocol: Protocol | None = None,
    ) -> AccessRequest:  # fmt: skip
        now = self.clock.now()
        if channels is None:
            channels = DESKTOP if self.protocol is Protocol.RDP else SHELL_AND_EXEC
        return await self.access.ask(
            person or self.vera, target_name=target, protocol=protocol or self.protocol, account=account,
            channels=channels, services=services,
            not_before=now + opens, not_after=now + opens + window, duration=duration, purpose="drive fault",
            work_order="WO 4711", source=HOME,
        )  # fmt: skip

    async def approve(self, request: AccessRequest, by: Person | None = None) -> Grant:
        by = by or self.omar
        done = await self.access.approve(request.id, by, self.proof(by), digest=request.wanted.digest())
        assert done.grant
        return await self.access.grant(done.grant)

    async def grant(self, person: Person | None = None, **wanted) -> Grant:
        return await self.approve(await self.ask(person, **wanted))

    async def release(self, grant: Grant) -> Release:
        return await self.access.release(grant.id, self.lena, self.proof(self.lena))

    def arrival(
        self, person: Person | None = None, *, target: str = "ews-l4", account: str = "", source: str = HOME,
        proofs: tuple[FactorProof, ...] | None = None,
    ) -> Arrival:  # fmt: skip
        person = person or self.vera
        return Arrival(
            person, target, account, self.protocol, source, "SSH-2.0-OpenSSH_9.2p1",
            self.proofs(person, source) if proofs is None else proofs,
        )  # fmt: skip

    async def arrive(self, person: Person | None = None, **how) -> Visit:
        return await self.sessions.arrive(self.arrival(person, **how))

    async def enter(self, person: Person | None = None, **how) -> tuple[Connection, Heard]:
        visit = await self.arrive(person, **how)
        assert await visit.settled(timedelta(0)), visit.hold
        return listen(await visit.enter())

    async def inside(self, person: Person | None = None, **wanted) -> tuple[Connection, Heard]:
        """From nothing to a running session."""
        grant = await self.grant(person, **wanted)
        await self.release(grant)
        return await self.enter(person, target=wanted.get("target", "ews-l4"))

    def require(self, **obligations) -> None:
        """The policy's obligations from now on; a grant keeps what it was given."""
        self.policy.changed = obligations

    # --- time

    async def tick(self, **by: float) -> None:
        """Time passes, the store answers, and the sweeps run."""
        self.clock.advance(**by)
        await self.sessions.keeper.beat()
        self.sessions.sweep.tick()
        await self.sessions.sweep.read_again()
        await self.sessions.keeper.persist_all()

    async def settle(self) -> None:
        """What memory decided reaches the store."""
        await self.sessions.sweep.read_again()
        await self.sessions.keeper.persist_all()

    # --- what is on record

    async def log(self, *names: str) -> list[Entry]:
        async with self.store.read() as tx:
            return await audit_sql.read(tx, names=frozenset(names), limit=100_000)

    async def events(self, *names: str) -> list[dict]:
        return [entry.values() for entry in await self.log(*names)]


def listen(connection: Connection) -> tuple[Connection, Heard]:
    """A front that writes down what it is told."""
    heard = Heard()
    connection.on_notice, connection.on_pause = heard.notices.append, heard.pauses.append
    connection.on_end = heard.ends.append
    return connection, heard


class Listener:
    """A target's port that counts who knocked, and from where."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    def knocked(self) -> list[tuple[socket.socket, str]]:
        """Connections since the last look: (socket, source address)."""
        found = []
        while True:
            try:
                one, peer = self.socket.accept()
            except BlockingIOError:
                return found
            found.append((one, peer[0]))

    def close(self) -> None:
        self.socket.close()
