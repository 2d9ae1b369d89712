"""What every part of `Identity` stands on, and what several of them do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gateway.audit.events.identity import LockedOut, LoginRefused, SignInClosed, TicketVoided, TokenRevoked
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import ZERO, Clock
from gateway.envelope import Envelope
from gateway.errors import Invalid, Refused
from gateway.identity import sql, sql_api_tokens, sql_factors, sql_tickets, sql_tokens
from gateway.identity.lockout import Bucket, failed
from gateway.identity.model import Person
from gateway.identity.one_time import OneTime
from gateway.identity.passwords import Passwords
from gateway.ids import PersonId
from gateway.limits import NAME_OCTETS
from gateway.store.db import Store, Tx
from gateway.words import name as valid_name
from gateway.words import printable

FAILURES_KEPT: Final = timedelta(days=1)  # no rule looks back that far


class Part:
    """A part of `Identity`; they share one state.

    A refusal is *returned* out of a transaction and raised after it: raised inside, it would roll back the failure
    that it counts and the event that it audits.
    """

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        clock: Clock,
        envelope: Envelope,
        site: str,
        passwords: Passwords | None = None,
    ) -> None:
        self._store, self._audit, self._clock, self._envelope, self._site = store, audit, clock, envelope, site
        self._passwords = passwords or Passwords()
        self.one_time = OneTime(clock)

    async def _named(self, tx: Tx, name: str) -> Person | None:
        """Who is called `name`, whatever was typed: what is no name is nobody's and does not reach the store."""
        try:
            return await sql.person_named(tx, valid_name("name", name))
        except Invalid:
            return None

    async def _locked(self, tx: Tx, buckets: Iterable[Bucket]) -> timedelta:
        """The longest lock that is left on any of them."""
        at, longest = self._clock.now(), ZERO
        for bucket in buckets:
            if before := await sql_factors.failed_in(tx, bucket):
                longest = max(longest, before.locked(bucket.rule, at))
        return longest

    async def _count(self, tx: Tx, name: str, source: str, buckets: Iterable[Bucket]) -> None:
        """One more failure in each bucket that is not locked; a lock that begins with it is audited."""
        at = self._clock.now()
        for bucket in buckets:
            before = await sql_factors.failed_in(tx, bucket)
            if before and before.locked(bucket.rule, at):
                continue
            after = failed(before, bucket.rule, at)
            await sql_factors.put_failures(tx, bucket, after)
            if lasting := after.locked(bucket.rule, at):
                event = LockedOut(
                    actor=GATEWAY, source=source, claimed=claimed(name), bucket=bucket.scope, lasting=lasting
                )
                await self._audit.append(tx, event)
        await sql_factors.forget_failures(tx, at - FAILURES_KEPT)

    async def _refuse(self, tx: Tx, refusal: Refused, name: str, source: str, stage: str) -> Refused:
        """`refusal`, audited."""
        reason = refusal.detail or refusal.code
        event = LoginRefused(actor=GATEWAY, source=source, claimed=claimed(name), stage=stage, reason=reason)
        await self._audit.append(tx, event)
        return refusal

    async def _close_sign_ins(self, tx: Tx, person: Person, actor: str, reason: str) -> None:
        """His page sessions end, his tickets are void, his API tokens are revoked: they do not come back with him."""
        for opened in await sql_tokens.sign_ins_of(tx, person.id):
            await sql_tokens.close_sign_in(tx, opened.digest)
            event = SignInClosed(actor=actor, person=person.name, sign_in=opened.id, reason=reason)
            await self._audit.append(tx, event)
        for ticket in await sql_tickets.drop_of_person(tx, person.id):
            await self._audit.append(tx, TicketVoided(actor=actor, person=person.name, ticket=ticket, reason=reason))
        for token in await sql_api_tokens.of_person(tx, person.id):
            if await sql_api_tokens.revoke(tx, token.id, self._clock.now()):
                revoked = TokenRevoked(actor=actor, person=person.name, token=token.id, reason=reason)
                await self._audit.append(tx, revoked)

    def _seed_purpose(self, person: PersonId) -> str:
        return f"person/{person}/totp"


def claimed(name: str) -> str:
    """What somebody said to be called, fit for one line of the log."""
    return printable(name[:NAME_OCTETS])


def lasting_admins(people: Iterable[Person], at: datetime) -> int:
    """Admins that no date takes away."""
    return sum(
        p.admin and not p.standing(at) and p.expires is None and p.organisation.contract_end is None for p in people
    )
