"""One-time secrets: made once, shown once, stored hashed, redeemed once. One service for every kind."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.clock import Clock, Deadline
from gateway.errors import Refused
from gateway.identity import sql_tokens as sql
from gateway.ids import PersonId
from gateway.store.db import Tx

OCTETS: Final = 32  # 256 bits: a fast hash of it is enough
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
KEPT: Final = timedelta(days=7)  # after the end of its life


class Kind(StrEnum):
    """What a secret is for; one of another kind is not looked at."""

    INVITATION = "invitation"
    SETUP = "setup"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a secret stood for."""

    digest: str
    person: PersonId | None
    bound: Mapping[str, str]
    expires: Deadline


class OneTime:
    """INVARIANT: of any number of callers with one secret, exactly one redeems it, and only within its life."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def issue(
        self, tx: Tx, kind: Kind, person: PersonId | None, ttl: timedelta, bound: Mapping[str, str] = NOTHING
    ) -> str:
        """A fresh secret; `bound` is what its bearer must bring along, e.g. target and address."""
        token = secrets.token_urlsafe(OCTETS)
        now = self._clock.instant()
        await sql.forget_secrets(tx, now.wall - KEPT)
        await sql.add_secret(tx, sql.Secret(digest(kind, token), kind, person, bound, Deadline.after(now, ttl)))
        return token

    async def look(self, tx: Tx, kind: Kind, token: str, bound: Mapping[str, str] = NOTHING) -> Redeemed:
        """What `redeem` would answer, without using it up.

        Raises:
            Refused: `bad_token`, whatever the reason.
        """
        found = await sql.secret(tx, digest(kind, token))
        if found is None:
            raise _refused("unknown")
        if found.redeemed:
            raise _refused("used")
        if found.expires.passed(self._clock.instant()):
            raise _refused("expired")
        if dict(found.bound) != dict(bound):
            raise _refused("bound to something else")
        return Redeemed(found.digest, found.person, found.bound, found.expires)

    async def redeem(self, tx: Tx, kind: Kind, token: str, bound: Mapping[str, str] = NOTHING) -> Redeemed:
        """Use it up.

        Raises:
            Refused: `bad_token`, whatever the reason.
        """
        found = await self.look(tx, kind, token, bound)
        if not await sql.redeem(tx, found.digest):
            raise _refused("used")
        return found

    async def void(self, tx: Tx, kind: Kind, person: PersonId | None) -> None:
        """Those of this kind that the person still had are worth nothing from now on."""
        await sql.void_secrets(tx, kind, person)


def digest(kind: str, token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(f"{kind}\0{token}".encode(errors="surrogatepass")).hexdigest()


def _refused(detail: str) -> Refused:
    words = "This link is not valid: it was used, has expired, or a newer one took its place. Ask for a new one."
    return Refused("bad_token", words, detail=detail)
