"""A small site: its people, one workstation, a policy that says what a test wants; and access on top of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.access.model import AccessRequest, Grant, Release
from gateway.access.service import Access
from gateway.audit import sql as audit_sql
from gateway.audit.log import AuditLog
from gateway.audit.model import Entry
from gateway.errors import NotFound
from gateway.identity.model import Factor, FactorProof, Organisation, Person, Role
from gateway.ids import AccountId, OrganisationId, PersonId, ServiceId, SessionId, TargetId, new_id
from gateway.inventory.model import (
    Account,
    CredentialKind,
    Protocol,
    Service,
    Target,
    TargetClass,
    Tier,
    Zone,
)
from gateway.policy.model import Allow, Channel, Decision, Obligations, OnRecorderFailure, Question
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock

SOURCE = "198.51.100.7"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

STANDARD = Obligations(
    approvals=1,
    approver_roles=frozenset({"owner"}),
    release=True,
    observer=False,
    phishing_resistant=False,
    freshness=15 * MINUTE,
    max_session=4 * HOUR,
    max_total=8 * HOUR,
    release_expires=15 * MINUTE,
    idle=20 * MINUTE,
    concurrency=1,
    connections=8,
    on_recorder_failure=OnRecorderFailure.END,
    channels=frozenset({Channel.SHELL, Channel.EXEC}),
)

PLANT = Organisation(OrganisationId("org_plant"), "plant", "Kieswerk", plant=True)
DRIVES = Organisation(OrganisationId("org_drives"), "drives", "Drives AG", plant=False)
PUMPS = Organisation(OrganisationId("org_pumps"), "pumps", "Pumps Oy", plant=False)


def _person(name: str, organisation: Organisation, *roles: Role) -> Person:
    return Person(PersonId(f"per_{name}"), name, name.capitalize(), organisation, frozenset(roles))


VERA = _person("vera", DRIVES, Role.VENDOR)
VIKTOR = _person("viktor", DRIVES, Role.VENDOR, Role.OWNER, Role.OPERATOR)  # of Vera's organisation, owns the target
PAULA = _person("paula", PUMPS, Role.VENDOR)
OMAR = _person("omar", PLANT, Role.OWNER)
OLGA = _person("olga", PLANT, Role.OWNER)
LENA = _person("lena", PLANT, Role.OPERATOR)
LARS = _person("lars", PLANT, Role.OPERATOR)
NORA = _person("nora", PLANT, Role.OWNER)  # owns other targets
ADA = _person("ada", PLANT, Role.AUDITOR)
SAM = _person("sam", PLANT, Role.ADMIN)
EVERYBODY = (VERA, VIKTOR, PAULA, OMAR, OLGA, LENA, LARS, NORA, ADA, SAM)

EWS = Target(
    id=TargetId("tgt_ews"),
    name="ews-l4",
    title="Engineering workstation, line 4",
    zone=Zone("cell4", "Cell 4", "2"),
    tier=Tier.T1,
    target_class=TargetClass.WORKSTATION,
    owners=frozenset({OMAR.id, OLGA.id, VIKTOR.id}),
    services=(
        Service(ServiceId("svc_ssh"), "ssh", Protocol.SSH, "192.0.2.4", 22),
        Service(ServiceId("svc_rdp"), "rdp", Protocol.RDP, "192.0.2.4", 3389),
    ),
    accounts=(Account(AccountId("acc_eng"), "engineer", CredentialKind.PASSWORD),),
)


class People:
    def __init__(self) -> None:
        self.now = {p.id: p for p in EVERYBODY}

    async def person(self, person: PersonId, /) -> Person:
        try:
            return self.now[person]
        except KeyError:
            raise NotFound("person") from None

    async def person_named(self, name: str, /) -> Person:
        for person in self.now.values():
            if person.name == name:
                return person
        raise NotFound("person")

    async def organisations(self) -> list[Organisation]:
        return [PLANT, DRIVES, PUMPS]

    def change(self, person: Person, **to: object) -> Person:
        self.now[person.id] = replace(self.now[person.id], **to)
        return self.now[person.id]


class Places:
    def __init__(self) -> None:
        self.targets = {EWS.name: EWS}
        self.conduits = {("remote", "cell4", Protocol.SSH), ("remote", "cell4", Protocol.RDP)}

    async def target_named(self, name: str, /) -> Target:
        try:
            return self.targets[name]
        except KeyError:
            raise NotFound("target") from None

    async def conduit_permits(self, source: str, destination: str, protocol: Protocol, /) -> bool:
        return (source, destination, protocol) in self.conduits


class Policy:
    def __init__(self) -> None:
        self.answer: Decision = Allow(STANDARD, ("t1.standard-cell",), "0123456789ab")
        self.asked: list[Question] = []

    def decide(self, q: Question, at: datetime) -> Decision:
        self.asked.append(q)
        return self.answer

    def oblige(self, **to: object) -> None:
        self.answer = Allow(replace(STANDARD, **to), ("t1.standard-cell",), "0123456789ab")


@dataclass
class Site:
    store: Store
    audit: AuditLog
    clock: SimulatedClock
    people: People = field(default_factory=People)
    places: Places = field(default_factory=Places)
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self.access = Access(
            self.store, self.audit, self.clock, self.policy, self.people, self.places, zone_of_people="remote"
        )

    def proof(self, person: Person, factor: Factor = Factor.TOTP) -> FactorProof:
        return FactorProof(person.id, factor, self.clock.now(), SOURCE)

    def wish(self, **other: object) -> dict[str, object]:
        """What Vera asks for when nothing else matters: two hours from now, one of them to work."""
        now = self.clock.now()
        wish: dict[str, object] = {
            "target_name": EWS.name,
            "protocol": Protocol.SSH,
            "not_before": now,
            "not_after": now + 2 * HOUR,
            "duration": HOUR,
            "purpose": "Replace the drive of conveyor 3",
            "work_order": "WO-4711",
            "source": SOURCE,
        }
        return wish | other

    async def asked(self, person: Person = VERA, **other: object) -> AccessRequest:
        return await self.access.ask(person, **self.wish(**other))

    async def approve(self, request: AccessRequest, person: Person = OMAR) -> AccessRequest:
        digest = request.wanted.digest()
        return await self.access.approve(request.id, person, self.proof(person), digest=digest)

    async def granted(self, **other: object) -> Grant:
        request = await self.approve(await self.asked(**other))
        assert request.grant is not None
        return await self.access.grant(request.grant)

    async def released(self, grant: Grant, person: Person = LENA) -> Release:
        return await self.access.release(grant.id, person, self.proof(person))

    async def start(self, grant: Grant, release: Release | None = None) -> Grant:
        """A session starts by this grant and this release, or by the one that is armed."""
        at = self.clock.instant()
        async with self.store.write() as tx:
            if release is None:
                release = await self.access.armed(tx, grant.id, at)
            return await self.access.start(tx, grant, release, SessionId(new_id("ses")), at)

    async def live(self, **other: object) -> Grant:
        grant = await self.granted(**other)
        await self.released(grant)
        return await self.start(grant)

    async def log(self, *names: str) -> list[Entry]:
        async with self.store.read() as tx:
            return await audit_sql.read(tx, names=frozenset(names), limit=100_000)
