"""Tickets: what an RDP client shows instead of a person's name, password and code (CredSSP knows nothing else).

A page where the person is signed in asks for one; it opens one target's desktop under one grant, for him alone.
`hash_of` is all that CredSSP needs (MS-NLMP 3.3.2: NTOWFv2 begins with the NT hash); the secret itself is nowhere.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from typing import Protocol as Port

from gateway.audit.events.identity import TicketIssued, TicketUsed, TicketVoided
from gateway.audit.model import GATEWAY
from gateway.clock import Deadline
from gateway.envelope import SealBroken
from gateway.errors import Refused
from gateway.identity import login, sql
from gateway.identity import sql_tickets as stored
from gateway.identity.base import Part, claimed
from gateway.identity.doors import CLIENT_CHARACTERS
from gateway.identity.lockout import address, of_source
from gateway.identity.model import PHISHING_RESISTANT, Bearer, FactorProof, Person, Ticket, two_factors
from gateway.identity.sql_tickets import Stored
from gateway.ids import ALPHABET, GrantId, PersonId
from gateway.limits import FIRST_FACTOR_AGE, SIGN_IN_LIFE, TICKET_LIFE, WEB_TICKET_LIFE
from gateway.rdp.md4 import md4
from gateway.store.db import Tx
from gateway.words import printable

ID_CHARACTERS: Final = 10  # 49 bits: no secret, and short enough to type
SECRET_CHARACTERS: Final = 26  # log2(31) * 26 = 128 bits: a fast hash of it is enough, MD4 too
TOKEN_CHARACTERS: Final = ID_CHARACTERS + 1 + SECRET_CHARACTERS
BAD_TICKET: Final = (
    "This ticket is not valid: it has expired, a newer one took its place, or it belongs to another address."
    " Sign in to the gateway's page and make a new one there."
)
OVER: Final = "The access that this ticket belongs to is over. Ask for access again if it is still needed."
AGAIN: Final = "Your sign-in does not carry a ticket any more. Sign in to the page again, with password and code."


class Grants(Port):
    """What tickets need of access."""

    async def ticket_until(self, grant: GrantId, person: PersonId, target: str, account: str, /) -> Deadline | None:
        """When the grant of a desktop ends; None when it is over, or is not of this person, target and account."""
        ...


class NoGrants:
    """Before access is there nobody has a grant: no ticket is made or accepted."""

    async def ticket_until(self, grant: GrantId, person: PersonId, target: str, account: str, /) -> Deadline | None:  # noqa: ARG002
        return None


class Tickets(Part):
    """INVARIANT: a ticket lets in its own person alone, from one address, to one target, within its life and its grant.
    INVARIANT: the store holds no secret of a ticket, and its hash opens with the master key alone.

    Attributes:
        grants: who knows whether a grant still holds; the composition root sets it.
    """

    grants: Grants = NoGrants()

    async def issue(
        self,
        person: Person,
        grant: GrantId,
        target: str,
        account: str,
        proofs: Iterable[FactorProof],
        source: str,
        *,
        web: bool,
    ) -> Ticket:
        """A ticket for who is signed in at `source`; one of the same grant and kind that was there before is void.

        Args:
            proofs: what he showed, as `recent` has it.
            web: for this very page, once and at once; else for an RDP client.

        Raises:
            Refused: the grant is over or not his, his factors are too old, or why he may not be in any more.
        """
        until = await self.grants.ticket_until(grant, person.id, target, account)
        if until is None:
            raise Refused("grant_ended", OVER, rule="access-model 2.7")
        now = self._clock.instant()
        brings = carried(person, proofs, source, now.wall)
        if not two_factors(frozenset(p.factor for p in brings)):
            raise Refused("factor_stale", AGAIN, rule="access-model 2.4")
        ticket_id, secret = _random(ID_CHARACTERS), _random(SECRET_CHARACTERS)
        life = Deadline.after(now, min(WEB_TICKET_LIFE if web else TICKET_LIFE, until.remaining(now)))
        sealed = self._envelope.seal(_purpose(ticket_id), _nt_hash(secret))
        at = address(source)
        made = Stored(ticket_id, person.id, grant, target, account, web, sealed, brings, at, at if web else "", life)
        async with self._store.write() as tx:
            fault = await self._standing(tx, person.id, source)
            if not isinstance(fault, Refused):
                await stored.forget(tx, now.wall)
                for old in await stored.drop_of_grant(tx, grant, web=web):
                    await self._voided(tx, old, person, "replaced")
                await stored.add(tx, made)
                await self._audit.append(tx, _issued(made, person, source))
        if isinstance(fault, Refused):
            raise fault
        return Ticket(ticket_id, secret, life.wall)

    async def hash_of(self, ticket_id: str, source: str) -> bytes | None:
        """The NT hash of a client's ticket, for CredSSP; None when it opens nothing from `source`."""
        async with self._store.read() as tx:
            found = await self._find(tx, ticket_id)
            if found is None or self._fault(found, source, web=False) or await self._locked(tx, of_source(source)):
                return None
        return self._opened(found)

    async def redeem(self, ticket_id: str, source: str, client: str) -> Bearer:
        """Who came with a ticket whose secret CredSSP found right. From now on it is good from `source` alone.

        Raises:
            Refused: `bad_ticket`, `locked`, `grant_ended`; or why he may not come in.
        """
        return await self._redeem(ticket_id, None, None, source, client)

    async def redeem_web(self, token: str, person: Person, source: str, client: str) -> Bearer:
        """The same for the page of `person`, by its sign-in and `token`: once.

        Raises:
            Refused: as `redeem`; another person's ticket reads like one that does not exist.
        """
        ticket_id, _, secret = token[:TOKEN_CHARACTERS].partition(".")
        return await self._redeem(ticket_id, secret, person.id, source, client)

    async def failed(self, ticket_id: str, source: str) -> None:
        """A log-on went wrong: it counts against the address like any failed log-in (security 77), and is on record."""
        async with self._store.write() as tx:
            await self._failed(tx, ticket_id, source, await self._find(tx, ticket_id), web=False)

    async def sweep(self) -> None:
        """Take away what opens nothing any more: a revoked grant leaves no hash behind. No rule rests on it."""
        async with self._store.read() as tx:
            kept = await stored.every(tx)
        now = self._clock.instant()
        for found in kept:
            until = await self.grants.ticket_until(found.grant, found.person, found.target, found.account)
            if until is not None and not found.life.passed(now):
                continue
            async with self._store.write() as tx:
                owner = await sql.person(tx, found.person)
                if await stored.drop(tx, found.id) and owner is not None:
                    await self._voided(tx, found.id, owner, "grant" if until is None else "expired")

    async def _redeem(
        self, ticket_id: str, secret: str | None, person: PersonId | None, source: str, client: str
    ) -> Bearer:
        web = secret is not None
        async with self._store.read() as tx:
            found = await self._find(tx, ticket_id)
        until = None
        if found is not None:
            until = await self.grants.ticket_until(found.grant, found.person, found.target, found.account)
        async with self._store.write() as tx:
            outcome = await self._outcome(tx, ticket_id, secret, person, source, until, web=web)
            if isinstance(outcome, Bearer):
                used = TicketUsed(
                    actor=outcome.person.name, source=source, person=outcome.person.name, ticket=_plain(ticket_id),
                    grant=outcome.grant, target=outcome.target, client=printable(client[:CLIENT_CHARACTERS]),
                )  # fmt: skip
                await self._audit.append(tx, used)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def _outcome(
        self, tx: Tx, ticket_id: str, secret: str | None, person: PersonId | None, source: str,
        until: Deadline | None, *, web: bool,
    ) -> Bearer | Refused:  # fmt: skip
        """`until`: the end of its grant; None when that is over."""
        if left := await self._locked(tx, of_source(source)):
            return login.locked(left)
        found = await self._find(tx, ticket_id)
        wrong = found is None or (web and not self._right(found, secret or "", person))
        if found is None or wrong or self._fault(found, source, web=web):
            return await self._failed(tx, ticket_id, source, found, web=web)
        owner = await self._standing(tx, found.person, source)
        if isinstance(owner, Refused):
            return owner
        if until is None or until.passed(self._clock.instant()):
            await stored.drop(tx, found.id)
            await self._voided(tx, found.id, owner, "grant")
            return Refused("grant_ended", OVER, rule="access-model 2.7")
        mine = await (stored.drop(tx, found.id) if web else stored.bind(tx, found.id, address(source)))
        if not mine:  # somebody with the same ticket was faster
            return await self._failed(tx, ticket_id, source, found, web=web)
        return Bearer(owner, found.target, found.account, found.grant, _brought(found, source))

    async def _failed(self, tx: Tx, ticket_id: str, source: str, found: Stored | None, *, web: bool) -> Refused:
        """One more failure of this address, unless it is locked already; why, for the audit log alone."""
        buckets = of_source(source)
        if left := await self._locked(tx, buckets):
            return login.locked(left)
        detail = "unknown ticket" if found is None else self._fault(found, source, web=web) or "wrong secret or person"
        name = _plain(ticket_id)
        await self._count(tx, name, source, buckets)
        return await self._refuse(tx, Refused("bad_ticket", BAD_TICKET, detail=detail), name, source, "ticket")

    async def _standing(self, tx: Tx, person: PersonId, source: str) -> Person | Refused:
        """The person as he is now, if he may be in from here."""
        now = await sql.person(tx, person)
        cause = login.standing(now, source, self._clock.now()) if now else "disabled"
        if now is None or cause:
            name = now.name if now else ""
            return await self._refuse(tx, login.not_now(cause), name, source, "ticket")
        return now

    async def _find(self, tx: Tx, ticket_id: str) -> Stored | None:
        """People type, and Windows may show them in capitals."""
        return await stored.find(tx, _plain(ticket_id))

    def _fault(self, found: Stored, source: str, *, web: bool) -> str:
        """Why it opens nothing here; empty when it may."""
        if found.life.passed(self._clock.instant()):
            return "expired"
        if found.web is not web:
            return "for a browser" if found.web else "for a client"
        return "" if found.bound_to in {"", address(source)} else "bound to another address"

    def _right(self, found: Stored, secret: str, person: PersonId | None) -> bool:
        kept = self._opened(found)
        return kept is not None and hmac.compare_digest(kept, _nt_hash(secret)) and found.person == person

    def _opened(self, found: Stored) -> bytes | None:
        """The NT hash; None under another master key, or a row that was copied."""
        try:
            return self._envelope.open(_purpose(found.id), found.sealed)
        except SealBroken:
            return None

    async def _voided(self, tx: Tx, ticket_id: str, person: Person, reason: str) -> None:
        event = TicketVoided(actor=GATEWAY, person=person.name, ticket=ticket_id, reason=reason)
        await self._audit.append(tx, event)


def carried(person: Person, proofs: Iterable[FactorProof], source: str, at: datetime) -> tuple[FactorProof, ...]:
    """Which of `proofs` a ticket carries: his own from here, a password as old as a sign-in may be, a key as young as
    at any other door."""
    mine = [p for p in proofs if p.person == person.id and address(p.source) == address(source)]
    age = {p: FIRST_FACTOR_AGE if p.factor in PHISHING_RESISTANT else SIGN_IN_LIFE for p in mine}
    return tuple(p for p in mine if p.fresh(at, age[p]))


def _brought(found: Stored, source: str) -> tuple[FactorProof, ...]:
    """Its proofs at the address of the log-on, as old as they are. What resists phishing does not travel: a ticket can
    be read out to a stranger, so a touched key counts only where it was touched."""
    here = address(source) == found.issued_to
    return tuple(replace(p, source=source) for p in found.proofs if here or p.factor not in PHISHING_RESISTANT)


def _issued(made: Stored, person: Person, source: str) -> TicketIssued:
    return TicketIssued(
        actor=person.name, source=source, person=person.name, ticket=made.id, grant=made.grant, target=made.target,
        use="browser" if made.web else "client", expires=made.life.wall,
    )  # fmt: skip


def _plain(ticket_id: str) -> str:
    return claimed(ticket_id.strip().lower())


def _random(characters: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(characters))


def _nt_hash(secret: str) -> bytes:
    """MS-NLMP 3.3.1: MD4 over the password in UTF-16LE."""
    return md4(secret.encode("utf-16-le", errors="surrogatepass"))


def _purpose(ticket_id: str) -> str:
    return f"ticket/{ticket_id}/nt"
