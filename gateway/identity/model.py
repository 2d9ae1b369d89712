"""Persons, organisations, roles, factors and their proofs. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

from gateway.clock import ZERO, Deadline, Instant
from gateway.ids import GrantId, OrganisationId, PersonId
from gateway.limits import DECISION_FRESHNESS


class Role(StrEnum):
    """What a person is here. Several for one person; admin includes none of the others (C76)."""

    VENDOR = "vendor"
    OPERATOR = "operator"
    OWNER = "owner"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API token may do, at most: change the things of one area and read them; `read` reads everything."""

    READ = "read"
    POLICY = "policy"
    INVENTORY = "inventory"
    ACCESS = "access"
    PEOPLE = "people"


class Factor(StrEnum):
    PASSWORD = "password"
    TOTP = "totp"
    SSH_KEY = "ssh_key"
    SSH_KEY_TOUCHED = "ssh_key_touched"  # an `sk-` key whose signature says that it was touched


KNOWLEDGE_OR_KEY = frozenset({Factor.PASSWORD, Factor.SSH_KEY, Factor.SSH_KEY_TOUCHED})
PHISHING_RESISTANT = frozenset({Factor.SSH_KEY_TOUCHED})
DECIDING_FACTORS = frozenset({Factor.TOTP, Factor.SSH_KEY_TOUCHED})  # with one of them somebody decides (rule 4)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A vendor, or the plant itself.

    Attributes:
        plant: its persons may approve although the requester is one of them (access model, rule 3).
        contract_end: from this moment on none of its persons gets in (C18); None for no end.
        networks: CIDR blocks its persons must come from; empty for any.
        version: grows with each change; compare-and-set.
    """

    id: OrganisationId
    name: str
    title: str
    plant: bool
    contract_end: datetime | None = None
    networks: tuple[str, ...] = ()
    version: int = 1

    def permits_source(self, source: str) -> bool:
        """Whether a connection from address `source` may be one of its persons'."""
        return not self.networks or inside(source, self.networks)


@dataclass(frozen=True, slots=True)
class Person:
    """One natural person.

    Attributes:
        name: what he logs in with; unique, never re-used.
        expires: from this moment on he does not get in (C19).
        version: grows with each change; compare-and-set.
    """

    id: PersonId
    name: str
    title: str
    organisation: Organisation
    roles: frozenset[Role]
    expires: datetime | None = None
    disabled: bool = False
    version: int = 1

    @property
    def admin(self) -> bool:
        return Role.ADMIN in self.roles

    def standing(self, at: datetime) -> str:
        """Why he may not get in at all: `disabled`, `expired`, `contract_expired`; empty when he may."""
        if self.disabled:
            return "disabled"
        if self.expires is not None and at >= self.expires:
            return "expired"
        if self.organisation.contract_end is not None and at >= self.organisation.contract_end:
            return "contract_expired"
        return ""


@dataclass(frozen=True, slots=True)
class FactorProof:
    """`person` showed `factor` at `at`, coming from address `source`."""

    person: PersonId
    factor: Factor
    at: datetime
    source: str

    def fresh(self, at: datetime, within: timedelta) -> bool:
        """Younger than `within`; a proof from the future (clock stepped back) is not fresh."""
        return ZERO <= at - self.at < within

    def decides(self, person: Person, at: datetime) -> bool:
        """Whether `person` may decide something with it: his own, a code or a touched key, of just now."""
        return self.person == person.id and self.factor in DECIDING_FACTORS and self.fresh(at, DECISION_FRESHNESS)


@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key of a person. No two persons share one (C10)."""

    person: PersonId
    fingerprint: str  # SHA256:… as OpenSSH prints it
    public: str  # OpenSSH one-line form, without comment
    title: str
    added: datetime

    @property
    def hardware(self) -> bool:
        """Whether it is an `sk-` key, which can be touched."""
        return self.public.startswith("sk-")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person puts into his authenticator. Shown once, to him alone.

    Attributes:
        secret: base32.
        uri: `otpauth://…`, for a QR code.
    """

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A page session: one person in one browser.

    Attributes:
        csrf: what a state change must bring along; derived from the token, stored nowhere.
        ends: at the latest; idle ends it earlier.
    """

    id: str
    person: Person
    source: str
    client: str
    opened: datetime
    ends: datetime
    csrf: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a program of one person shows instead of a sign-in. The token itself is told once and kept by nobody here.

    Attributes:
        scopes: what it may do; never more than the person may.
        roles: his when it was made: a token does not grow with its person.
        networks: CIDR blocks it must come from; empty for any.
        used: the newest use, to the hour; None for never.
    """

    id: str
    person: PersonId
    title: str
    scopes: frozenset[Scope]
    roles: frozenset[Role]
    networks: tuple[str, ...]
    made: datetime
    life: Deadline
    revoked: datetime | None = None
    used: datetime | None = None

    def over(self, at: Instant, source: str) -> str:
        """Why it opens nothing: `token_revoked`, `token_expired`, `token_network`; empty when it does."""
        if self.revoked is not None:
            return "token_revoked"
        if self.life.passed(at):
            return "token_expired"
        return "token_network" if self.networks and not inside(source, self.networks) else ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Opens one desktop for one person, instead of his name and password. Shown once.

    Attributes:
        id: the user name in an RDP client; no secret.
        secret: the password there; stored as its NT hash, sealed.
        expires: at the latest; the end of the grant ends it earlier.
    """

    id: str
    secret: str
    expires: datetime

    @property
    def token(self) -> str:
        """Both in one, for the page."""
        return f"{self.id}.{self.secret}"

    def __repr__(self) -> str:
        return f"Ticket(id={self.id!r}, secret=***, expires={self.expires!r})"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who came with a ticket, and what it leads to.

    Attributes:
        proofs: what he had shown when he asked for the ticket, as old as it is, at the address he comes from now.
    """

    person: Person
    target: str
    account: str
    grant: GrantId
    proofs: tuple[FactorProof, ...]


class Unchanged(Enum):
    """The default of a field that a change leaves as it is, where None has a meaning."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


def inside(source: str, networks: tuple[str, ...]) -> bool:
    """Whether address `source` lies in one of the CIDR blocks; what is no address lies in none."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(n) for n in networks)


def two_factors(proofs: frozenset[Factor]) -> bool:
    """Whether these are two factors of different kinds: something known or held as key, and a code; or a touched key
    with a password or code."""
    return (Factor.TOTP in proofs and bool(proofs & KNOWLEDGE_OR_KEY)) or (
        Factor.SSH_KEY_TOUCHED in proofs and Factor.PASSWORD in proofs
    )
