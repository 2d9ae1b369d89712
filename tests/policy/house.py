"""A book of policies on a store of its own, and the people who change it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.audit import sql as audit_sql
from gateway.audit.log import AuditLog
from gateway.identity.model import Factor, FactorProof, Person, Role
from gateway.ids import PersonId
from gateway.policy.book import PolicyBook
from gateway.policy.versions import PolicyVersion
from gateway.store.db import Store
from tests.policy.asking import permit
from tests.policy.people import person, texts
from tests.sim.clock import SimulatedClock

SOURCE = "192.0.2.7"


@dataclass
class People:
    """Stands for identity: persons as they are now."""

    known: dict[PersonId, Person] = field(default_factory=dict)

    async def person(self, id_: PersonId) -> Person:
        return self.known[id_]

    def add(self, made: Person) -> Person:
        self.known[made.id] = made
        return made


@dataclass
class House:
    store: Store
    audit: AuditLog
    clock: SimulatedClock
    people: People = field(default_factory=People)

    def __post_init__(self) -> None:
        add = self.people.add
        self.sam = add(person("sam", Role.ADMIN, of=0))
        self.ines = add(person("ines", Role.ADMIN, of=0))
        self.omar = add(person("omar", Role.OWNER, of=0))
        self.vera = add(person("vera", Role.VENDOR, of=1))
        self.book = self.opened()

    def opened(self) -> PolicyBook:
        """A book that was not opened yet, as after a restart."""
        return PolicyBook(self.store, self.audit, self.clock, self.people)

    def proof(self, of: Person, factor: Factor = Factor.TOTP) -> FactorProof:
        return FactorProof(of.id, factor, self.clock.now(), SOURCE)

    def change(self, who: Person, **changed) -> Person:
        return self.people.add(replace(who, **changed))

    async def proposed(self, name: str = "next", *more: str, **obliges: str) -> PolicyVersion:
        return await self.book.propose(texts(permit(name, **obliges), *more), "a change", self.sam, SOURCE)

    async def signed(self, version: PolicyVersion, by: Person | None = None) -> PolicyVersion:
        by = by or self.omar
        return await self.book.sign(version.id, by, self.proof(by), digest=version.digest)

    async def activated(self, version: PolicyVersion, by: Person | None = None) -> PolicyVersion:
        by = by or self.sam
        return await self.book.activate(version.id, by, self.proof(by))

    async def in_force(self, name: str = "next", **obliges: str) -> PolicyVersion:
        """A version that went all the way."""
        return await self.activated(await self.signed(await self.proposed(name, **obliges)))

    async def events(self, *names: str) -> list[dict]:
        async with self.store.read() as tx:
            entries = await audit_sql.read(tx, limit=10_000, names=frozenset(names))
        return [entry.values() for entry in entries]


def written(at: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_text(text)
    return at
