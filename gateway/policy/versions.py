"""Versions of the policy: their states, and who may sign one off and put it into force (C94). Pure.

Rules first:
- what nobody signed cannot be made active; what is signed is exactly the digest that the signer was shown;
- the signer is another natural person than the author; where the gateway itself is the author (it found the files in
  a folder), the one who makes it active is another person than the signer: two persons stand behind each change;
- one version is active at a time; an earlier one may be made active again, which is on record as a roll back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from gateway.audit.model import GATEWAY
from gateway.errors import Refused
from gateway.identity.model import FactorProof, Person, Role
from gateway.ids import PersonId
from gateway.policy.files import Files

RULE: Final = "policy sign-off"


class VersionState(StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    ACTIVE = "active"
    RETIRED = "retired"  # was active


MOVES: Mapping[VersionState, frozenset[VersionState]] = MappingProxyType(
    {
        VersionState.DRAFT: frozenset({VersionState.SIGNED}),
        VersionState.SIGNED: frozenset({VersionState.ACTIVE}),
        VersionState.ACTIVE: frozenset({VersionState.RETIRED}),
        VersionState.RETIRED: frozenset({VersionState.ACTIVE}),
    }
)


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did something to a version, and when.

    Attributes:
        person: empty for the gateway itself.
        name: his login name, or `gateway`.
        title: as he was called then.
    """

    person: str
    name: str
    title: str
    at: datetime

    @classmethod
    def of(cls, person: Person, at: datetime) -> Deed:
        return cls(person.id, person.name, person.title, at)

    @classmethod
    def of_gateway(cls, at: datetime) -> Deed:
        return cls("", GATEWAY, "The gateway", at)

    def by(self, person: Person) -> bool:
        """Whether `person` did it, under this account or another of his.

        The gateway knows natural persons by their accounts. Two accounts with one title are taken for one person:
        rather one signer too few than an author who signs his own version.
        """
        return bool(self.person) and (PersonId(self.person) == person.id or _same(self.title, person.title))


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One policy set with its history.

    Attributes:
        id: the first digits of `digest`; what decisions carry as their version.
        digest: over every file.
        files: texts by name; empty where only the head was read.
        number: counts from 1, in the order of proposals.
        activated: the newest time.
        retired: when it was active last.
        revision: grows with each change; compare-and-set.
    """

    id: str
    digest: str
    files: Files
    number: int
    state: VersionState
    note: str
    proposed: Deed
    signed: Deed | None = None
    activated: Deed | None = None
    retired: datetime | None = None
    revision: int = 1

    @property
    def by_gateway(self) -> bool:
        return not self.proposed.person


def demand_admin(person: Person, at: datetime) -> None:
    """Raises Refused: he may not propose versions, nor make one active."""
    _demand_standing(person, at)
    if not person.admin:
        words = "Policy versions are proposed and made active by administrators; you are none."
        raise Refused("not_admin", words, rule=RULE)


def demand_signer(version: PolicyVersion, person: Person, at: datetime) -> None:
    """Raises Refused: he may not sign `version` off."""
    _demand_standing(person, at)
    if not (person.organisation.plant and person.roles & {Role.OWNER, Role.ADMIN}):
        words = "A policy version is signed off by an owner or an administrator of the plant itself; you are none."
        raise Refused("not_signer", words, rule=RULE)
    if version.proposed.by(person):
        words = f"You proposed policy version {version.id} yourself. Another owner or administrator has to sign it."
        raise Refused("own_version", words, rule=RULE)
    if version.signed is not None:
        words = f"{version.signed.title} has signed policy version {version.id} already. It needs no second signature."
        raise Refused("already_signed", words, rule=RULE)


def demand_activator(version: PolicyVersion, person: Person, at: datetime) -> None:
    """Raises Refused: `version` may not be made active, or not by him."""
    demand_admin(person, at)
    if version.state is VersionState.ACTIVE:
        raise Refused("already_active", f"Policy version {version.id} is active already.", rule=RULE)
    if version.signed is None:
        words = (
            f"Policy version {version.id} is not signed. An owner or administrator of the plant, not its author, has to"
            " sign it off first."
        )
        raise Refused("not_signed_off", words, rule=RULE)
    if version.by_gateway and version.signed.by(person):
        words = (
            f"You signed policy version {version.id}, and it came from the gateway's folder, not from a colleague."
            " Another administrator has to make it active."
        )
        raise Refused("own_signature", words, rule=RULE)


def deeds(version: PolicyVersion, person: Person, at: datetime) -> list[Literal["sign", "activate"]]:
    """What to offer him. The book decides; this only saves him a refusal."""
    found: list[Literal["sign", "activate"]] = []
    with suppress(Refused):
        demand_signer(version, person, at)
        found.append("sign")
    with suppress(Refused):
        demand_activator(version, person, at)
        found.append("activate")
    return found


def demand_fresh(proof: FactorProof, person: Person, at: datetime) -> None:
    """Raises Refused: `proof` is not a code or a touched key of his own of just now."""
    if proof.decides(person, at):
        return
    words = "This needs a fresh code or a touched key of your own. Enter the code that your authenticator shows now."
    raise Refused("stale_factor", words, rule=RULE)


def _demand_standing(person: Person, at: datetime) -> None:
    if why := person.standing(at):
        raise Refused(why, f"Your account {person.name} may not decide anything now.", rule=RULE)


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(title: str) -> list[str]:
    """Its words without case, accents, dots and order."""
    folded = unicodedata.normalize("NFKD", title).casefold()
    return sorted("".join(c if c.isalnum() else " " for c in folded if not unicodedata.combining(c)).split())
