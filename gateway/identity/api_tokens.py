"""API tokens: 256 bits that a program shows instead of a sign-in, stored as their digest.

A person makes one with both factors and a fresh code; nothing else makes one (CVE-2023-43652).
Whoever asks for a fresh code never takes a token instead: no program approves, releases or signs.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from gateway.audit.events.identity import TokenMade, TokenRefused, TokenRevoked, TokenUsed
from gateway.audit.model import GATEWAY
from gateway.clock import ZERO, Deadline
from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.identity import login, sql
from gateway.identity import sql_api_tokens as tokens
from gateway.identity.base import Part
from gateway.identity.lockout import network, of_token_source
from gateway.identity.model import ApiToken, Factor, FactorProof, Person, Scope
from gateway.identity.one_time import OCTETS, digest
from gateway.identity.people import cidr_blocks
from gateway.ids import new_id
from gateway.limits import (
    API_TOKEN_KEPT,
    API_TOKEN_LIFE,
    API_TOKEN_NETWORKS,
    API_TOKEN_SAID,
    API_TOKENS_OF_PERSON,
    DECISION_FRESHNESS,
)
from gateway.words import sentence

KIND: Final = "api-token"
PREFIX: Final = "slg_"  # so that a scanner of repositories knows one that was left there
WORDS: Final = {
    "bad_api_token": "This API token opens nothing. Make one in the page, under your name.",
    "token_revoked": "This API token was revoked. Make a new one in the page, under your name.",
    "token_expired": "This API token has expired. Make a new one in the page, under your name.",
    "token_network": "This API token cannot be used from this network. Use it where its person said, or make another.",
}


class ApiTokens(Part):
    """INVARIANT: a token answers for one person who may come in now, within its life, from its networks.
    INVARIANT: it has no role that its person lost, and none that he got after he made it.
    """

    async def make(
        self,
        person: Person,
        proof: FactorProof,
        title: str,
        scopes: Iterable[Scope],
        lasting: timedelta,
        networks: Iterable[str] = (),
    ) -> tuple[str, ApiToken]:
        """A new token of `person`, who showed `proof` just now. The token is told here and nowhere else.

        Raises:
            Refused: no fresh code of his, or why he may not be in any more.
            Conflict: he has too many.
        """
        now, title = self._clock.instant(), sentence("title", title)
        if not ZERO < lasting <= API_TOKEN_LIFE:
            raise Invalid("days", f"must be 1 to {API_TOKEN_LIFE.days}")
        bound = cidr_blocks(networks)
        if len(bound) > API_TOKEN_NETWORKS:
            raise Invalid("networks", f"must be at most {API_TOKEN_NETWORKS}")
        fresh = proof.person == person.id and proof.factor is Factor.TOTP and proof.fresh(now.wall, DECISION_FRESHNESS)
        if not fresh:
            raise Refused("factor_stale", "A token needs a fresh code of your own.", rule="access-model 2.4")
        token = PREFIX + secrets.token_urlsafe(OCTETS)
        async with self._store.write() as tx:
            him = await sql.person(tx, person.id)
            cause = login.standing(him, proof.source, now.wall) if him else "disabled"
            if him is None or cause:
                raise login.not_now(cause)
            await tokens.forget(tx, now.wall - API_TOKEN_KEPT)
            his = [t for t in await tokens.of_person(tx, him.id) if not t.revoked and not t.life.passed(now)]
            if len(his) >= API_TOKENS_OF_PERSON:
                raise Conflict(f"There are {API_TOKENS_OF_PERSON} tokens already. Revoke one first.")
            life = Deadline.after(now, lasting)
            made = ApiToken(new_id("tok"), him.id, title, frozenset(scopes), him.roles, bound, now.wall, life)
            await tokens.add(tx, digest(KIND, token), made)
            await self._audit.append(tx, _made(him, made, proof.source))
        return token, made

    async def holder(self, token: str, source: str) -> tuple[ApiToken, Person]:
        """Which token this is, and its person with no role that the token has not.

        A lock of the source keeps a good token not out: nobody guesses 256 bits; it keeps bad ones out of the log.

        Raises:
            Refused: `bad_api_token`, `locked`, `token_…`; or why the person may not come in.
        """
        now, here = self._clock.instant(), network(source)
        async with self._store.read() as tx:
            found = await tokens.find(tx, digest(KIND, token))
            person = await sql.person(tx, found.person) if found else None
            said = await tokens.used_from(tx, found.id, here) if found else None
        if found is None or person is None:
            raise await self._refused(None, None, source, "bad_api_token")
        if cause := found.over(now, source) or login.standing(person, source, now.wall):
            raise await self._refused(found, person, source, cause)
        if said is None or not said <= now.wall < said + API_TOKEN_SAID:
            async with self._store.write() as tx:
                await tokens.put_use(tx, found.id, here, now.wall)
                await self._audit.append(
                    tx, TokenUsed(actor=person.name, source=source, person=person.name, token=found.id)
                )
        return found, replace(person, roles=person.roles & found.roles)

    async def exceeded(self, token: ApiToken, person: Person, source: str, reason: str) -> None:
        """A good token tried what it may not do: said like one that opens nothing, for it may be in wrong hands."""
        await self._counted(token, person, source, reason)

    async def of(self, person: Person) -> list[ApiToken]:
        """His tokens, newest first."""
        async with self._store.read() as tx:
            return await tokens.of_person(tx, person.id)

    async def revoke(self, person: Person, token_id: str, *, actor: Person, source: str) -> None:
        """By himself, or by an admin. Revoking what is revoked does nothing.

        Raises:
            NotFound: he has no such token; another person's reads the same.
        """
        async with self._store.write() as tx:
            found = await tokens.numbered(tx, token_id)
            if found is None or found.person != person.id:
                raise NotFound("token")
            if await tokens.revoke(tx, found.id, self._clock.now()):
                event = TokenRevoked(
                    actor=actor.name, source=source, person=person.name, token=found.id, reason="revoked"
                )
                await self._audit.append(tx, event)

    async def _refused(self, token: ApiToken | None, person: Person | None, source: str, cause: str) -> Refused:
        """The refusal, counted and audited."""
        left = await self._counted(token, person, source, cause)
        if token is None and left:
            return login.locked(left)
        return Refused(cause, WORDS[cause], rule="tokens") if cause in WORDS else login.not_now(cause)

    async def _counted(self, token: ApiToken | None, person: Person | None, source: str, cause: str) -> timedelta:
        """One more of this source, audited while it is not locked; what was left of the lock, zero for none."""
        buckets = of_token_source(source)
        async with self._store.read() as tx:
            left = await self._locked(tx, buckets)
        if left:
            return left
        async with self._store.write() as tx:
            await self._count(tx, "", source, buckets)
            if token and person:
                event = TokenRefused(actor=GATEWAY, source=source, person=person.name, token=token.id, reason=cause)
                await self._audit.append(tx, event)
            else:
                await self._refuse(tx, Refused(cause, WORDS[cause]), "", source, "token")
        return ZERO


def _made(person: Person, made: ApiToken, source: str) -> TokenMade:
    return TokenMade(
        actor=person.name,
        source=source,
        person=person.name,
        token=made.id,
        title=made.title,
        scopes=tuple(sorted(made.scopes)),
        networks=made.networks,
        expires=made.life.wall,
    )
