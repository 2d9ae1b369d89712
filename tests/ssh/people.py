"""Who there is and what proves it: an in-memory twin of identity that keeps the contract."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.clock import SystemClock
from gateway.errors import Refused
from gateway.identity.model import Factor, FactorProof, Organisation, Person, Role
from gateway.ids import OrganisationId, PersonId

PLANT = Organisation(OrganisationId("org_1"), "acme", "ACME Drives", plant=False)
PASSWORD, CODE = "correct horse", "123456"
WRONG = Refused("bad_credentials", "Name, password or code is wrong.")


def person(name: str) -> Person:
    return Person(PersonId(f"per_{name}"), name, name.title(), PLANT, frozenset({Role.VENDOR}))


@dataclass
class TwinIdentity:
    """Knows vera and viktor; one password and one code for both; each code call is counted."""

    clock: SystemClock = field(default_factory=SystemClock)
    people: dict[str, Person] = field(default_factory=lambda: {n: person(n) for n in ("vera", "viktor")})
    keys: dict[str, str] = field(default_factory=dict)  # public line -> name
    code_calls: int = 0
    password_calls: int = 0
    offers: list[str] = field(default_factory=list)
    proved: list[tuple[str, bool]] = field(default_factory=list)
    proofs: list[FactorProof] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def _proof(self, name: str, factor: Factor, source: str) -> FactorProof:
        proof = FactorProof(self.people[name].id, factor, self.clock.now(), source)
        self.proofs.append(proof)
        return proof

    async def check_password(self, name, password, source):
        self.password_calls += 1
        if name not in self.people or password != PASSWORD:
            raise WRONG
        return self._proof(name, Factor.PASSWORD, source)

    async def has_key(self, name, public, source):
        self.offers.append(public)
        return self.keys.get(public) == name

    async def prove_key(self, name, public, touched, source):
        if self.keys.get(public) != name:
            raise WRONG
        self.proved.append((name, touched))
        return self._proof(name, Factor.SSH_KEY_TOUCHED if touched else Factor.SSH_KEY, source)

    async def check_code(self, name, code, source):
        self.code_calls += 1
        if name not in self.people or code != CODE:
            raise Refused("bad_code", "That code is not right.")
        return self._proof(name, Factor.TOTP, source)

    async def recent(self, person_id, source):
        return tuple(p for p in self.proofs if p.person == person_id and p.source == source)

    async def log_in(self, name, proofs, source, door, client):
        if not proofs or {p.person for p in proofs} != {self.people[name].id}:
            raise WRONG
        self.logins.append((name, client))
        return self.people[name]

    async def person(self, person_id):
        return next(p for p in self.people.values() if p.id == person_id)
