"""Logging in: which factor is next, whether what was shown is enough, and what is said to whom. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import Refused
from gateway.identity.lockout import address
from gateway.identity.model import (
    KNOWLEDGE_OR_KEY,
    Factor,
    FactorProof,
    Person,
    two_factors,
)
from gateway.limits import FIRST_FACTOR_AGE, SECOND_FACTOR_AGE

BAD_CREDENTIALS: Final = "That did not work: name, password, key or code is not right. Try again."
STANDING: Final = {
    "disabled": "Your access was switched off. Ask your contact at the plant.",
    "expired": "Your access has expired. Ask your contact at the plant to renew it.",
    "contract_expired": "The contract of your organisation with the plant has ended. Ask your contact at the plant.",
    "source_network": "You cannot come in from this network. Connect from a network your organisation has agreed.",
}


def next_factors(shown: frozenset[Factor]) -> frozenset[Factor]:
    """Factors of which one more helps; empty when it is enough."""
    if two_factors(shown):
        return frozenset()
    if Factor.SSH_KEY_TOUCHED in shown:
        return frozenset({Factor.TOTP, Factor.PASSWORD})
    if shown & KNOWLEDGE_OR_KEY:
        return frozenset({Factor.TOTP})
    return KNOWLEDGE_OR_KEY  # a code alone is no beginning


def lacking(person: Person, proofs: Iterable[FactorProof], source: str, at: datetime) -> str:
    """Why `proofs` do not let `person` in; empty when they do. For the audit log.

    All are his and from here (abuse cases 12 and 13), one is the first factor of this very connection.
    """
    proofs = tuple(proofs)
    if any(p.person != person.id for p in proofs):
        return "proofs of several persons"
    if any(address(p.source) != address(source) for p in proofs):
        return "proofs from several addresses"
    young = frozenset(p.factor for p in proofs if p.fresh(at, oldest(p.factor)))
    if not next_factors(young):
        return ""
    return "no second factor" if young & KNOWLEDGE_OR_KEY else "no first factor"


def oldest(factor: Factor) -> timedelta:
    """How old a proof may be at all; policies oblige to less."""
    return SECOND_FACTOR_AGE if factor is Factor.TOTP else FIRST_FACTOR_AGE


def standing(person: Person, source: str, at: datetime) -> str:
    """Why a person who is who he says may not come in all the same; empty when he may."""
    return person.standing(at) or ("" if person.organisation.permits_source(source) else "source_network")


def bad_credentials(detail: str) -> Refused:
    return Refused("bad_credentials", BAD_CREDENTIALS, detail=detail)


def bad_code(behind: timedelta | None = None) -> Refused:
    """`behind`: the code is one of so long ago. Nothing is said of one that is still to come."""
    words = "That code is not right."
    if behind is not None:
        words += (
            f" It belongs to a moment {_lasting(behind)} ago: the clock of the device that shows it is behind."
            " Set it to automatic time, then try again."
        )
    return Refused("bad_code", words, detail="late code" if behind is not None else "wrong code")


def used_code(wait: timedelta) -> Refused:
    return Refused("used_code", f"That code was already used; the next one comes in {_lasting(wait)}.")


def locked(remaining: timedelta) -> Refused:
    """The same for a name that exists and for one that does not."""
    return Refused("locked", f"Too many failed log-ins. Try again in {_lasting(remaining)}.", detail="locked")


def not_now(cause: str) -> Refused:
    """A person is who he says and may not come in: `cause` as `standing` says it."""
    return Refused(cause, STANDING[cause], detail=cause)


def _lasting(length: timedelta) -> str:
    """`12 s`, or whole minutes from two on."""
    seconds = max(1, math.ceil(length.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"
