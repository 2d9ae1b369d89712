"""Exceptions (C34): an admin proposes, an owner of the target accepts, time or somebody ends.

INVARIANT: what holds under an exception holds while `SecurityException.live` says so, and that reads the clock. The
sweep only puts on record that one is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.audit.events import inventory_exceptions as events
from gateway.audit.log import AuditLog
from gateway.audit.model import CLOCK
from gateway.clock import Clock
from gateway.errors import Conflict, Invalid, Refused
from gateway.ids import ExceptionId, PersonId, SessionId, new_id
from gateway.inventory import checks, sql
from gateway.inventory import exception_rows as rows
from gateway.inventory.model import LEGACY_CRYPTO, Protocol, SecurityException, Service, Target
from gateway.limits import EXCEPTIONS_A_TARGET
from gateway.store.db import Store, Tx
from gateway.words import name, sentence

RULE = "C34"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What an admin writes down; `SecurityException` says what the fields mean."""

    kind: str
    service: str = ""
    reason: str
    clause: str = ""
    compensation: str
    expires: datetime


class Exceptions:
    """The part of `Inventory` that knows which rule does not hold where, and until when."""

    _store: Store
    _audit: AuditLog
    _clock: Clock

    async def exceptions(self) -> list[tuple[SecurityException, Target]]:
        """Every one that ever was, the newest proposal first, each with its target."""
        async with self._store.read() as tx:
            targets = {target.id: target for target in await sql.targets(tx)}
            return [(found, targets[found.target]) for found, _ in await rows.every(tx)]

    async def exception(self, id_: ExceptionId) -> tuple[SecurityException, Target]:
        """It and its target.

        Raises:
            NotFound: no such exception.
        """
        async with self._store.read() as tx:
            found, target = await rows.one(tx, id_)
            return found, await sql.target_named(tx, target)

    async def propose_exception(
        self, actor: str, proposer: PersonId, target_name: str, asked: Proposal, *, source: str = ""
    ) -> SecurityException:
        """Nothing holds under it before an owner of the target has accepted it.

        Raises:
            Invalid: a word or an end that cannot be meant, or too many exceptions of one target;
            NotFound: no such target.
        """
        now = self._clock.now()
        asked = replace(
            asked,
            kind=name("kind", asked.kind),
            reason=sentence("reason", asked.reason),
            clause=sentence("clause", asked.clause, empty=True),
            compensation=sentence("compensation", asked.compensation),
            expires=checks.expires(asked.expires, now),
        )
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            _applies(asked, target)
            if await rows.count_open(tx, target.id) >= EXCEPTIONS_A_TARGET:
                raise Invalid("target", f"has {EXCEPTIONS_A_TARGET} exceptions already; end one first")
            made = SecurityException(
                id=ExceptionId(new_id("exc")),
                target=target.id,
                kind=asked.kind,
                service=asked.service,
                reason=asked.reason,
                clause=asked.clause,
                compensation=asked.compensation,
                proposed_by=proposer,
                proposed=now,
                expires=asked.expires,
            )
            await rows.put(tx, made)
            event = events.ExceptionProposed(
                actor=actor,
                source=source,
                **_named(made, target_name),
                reason=made.reason,
                clause=made.clause,
                compensation=made.compensation,
                expires=made.expires,
            )
            await self._audit.append(tx, event)
        return made

    async def accept_exception(
        self, actor: str, owner: PersonId, id_: ExceptionId, *, source: str = ""
    ) -> SecurityException:
        """From now on it holds. What was proposed never changes, so its id says what was accepted.

        Raises:
            Refused: he is no owner of the target, or he proposed it himself;
            Conflict: it is accepted, ended or over; NotFound: no such exception.
        """
        now = self._clock.now()
        async with self._store.write() as tx:
            was, target = await rows.one(tx, id_)
            await _answers(tx, target, owner, "accept")
            if owner == was.proposed_by:
                words = f"You proposed this exception yourself. Another owner of {target} has to accept it."
                raise Refused("own_exception", words, rule=RULE)
            if was.accepted is not None or was.ended is not None or was.expires <= now:
                raise Conflict(f"There is nothing to accept: this exception is {was.state(now)}.")
            accepted = replace(was, accepted_by=owner, accepted=now)
            await rows.move(tx, was, accepted)
            event = events.ExceptionAccepted(
                actor=actor, source=source, **_named(was, target), expires=accepted.expires
            )
            await self._audit.append(tx, event)
        return accepted

    async def end_exception(
        self, actor: str, person: PersonId, id_: ExceptionId, reason: str, *, admin: bool, source: str = ""
    ) -> SecurityException:
        """Before its time, or instead of accepting it. Whoever got in under it stays until his own end.

        Args:
            admin: he is one; else he must be an owner of the target.

        Raises:
            Refused: he is neither; Conflict: it is over already; NotFound: no such exception.
        """
        now, reason = self._clock.now(), sentence("reason", reason)
        async with self._store.write() as tx:
            was, target = await rows.one(tx, id_)
            if not admin:
                await _answers(tx, target, person, "end")
            if was.ended is not None or was.expires <= now:
                raise Conflict(f"There is nothing to end: this exception is {was.state(now)}.")
            return await self._ended(tx, was, target, actor, person, reason, source)

    async def without_service(self, tx: Tx, target: Target, service: Service, actor: str, source: str) -> None:
        """`service` goes: what was for it alone must not hold for another of its name."""
        for was in await rows.open_of(tx, target.id, service.name):
            await self._ended(tx, was, target.name, actor, None, f"Service {service.name} was taken away", source)

    async def sweep_exceptions(self) -> None:
        """Put those on record whose time is over."""
        now = self._clock.now()
        async with self._store.read() as tx:
            if not await rows.over(tx, now):
                return
        async with self._store.write() as tx:
            for was, target in await rows.over(tx, now):
                await rows.move(tx, was, replace(was, ended=was.expires))
                expired = events.ExceptionExpired(
                    actor=CLOCK, **_named(was, target), expired=was.expires, accepted=was.accepted is not None
                )
                await self._audit.append(tx, expired)

    async def used(
        self, tx: Tx, held: Iterable[SecurityException], target: Target, session: SessionId, actor: str
    ) -> None:
        """A session of `actor` begins while these hold for what it uses: in the transaction of its start."""
        for one in held:
            await self._audit.append(tx, events.ExceptionUsed(actor=actor, **_named(one, target.name), session=session))

    async def _ended(
        self, tx: Tx, was: SecurityException, target: str, actor: str, person: PersonId | None, reason: str, source: str
    ) -> SecurityException:
        ended = replace(was, ended_by=person, ended=self._clock.now(), ended_reason=reason)
        await rows.move(tx, was, ended)
        event = events.ExceptionEnded(
            actor=actor, source=source, **_named(was, target), reason=reason, accepted=was.accepted is not None
        )
        await self._audit.append(tx, event)
        return ended


def _applies(asked: Proposal, target: Target) -> None:
    """Raises Invalid: nothing of `target` could come to use it."""
    if asked.service and target.named(asked.service) is None:
        raise Invalid("service", f"{target.name} has no service {asked.service}")
    if asked.kind == LEGACY_CRYPTO and asked.service not in {"", Protocol.RDP.value}:
        raise Invalid("service", f"{LEGACY_CRYPTO} is for RDP services; compat is the oldest that SSH knows")


async def _answers(tx: Tx, target_name: str, person: PersonId, verb: str) -> None:
    if person not in (await sql.target_named(tx, target_name)).owners:
        words = f"Only an owner of {target_name} can {verb} an exception of it. Ask one of them."
        raise Refused("not_owner", words, rule=RULE)


def _named(exception: SecurityException, target: str) -> dict[str, Any]:
    return {"exception": exception.id, "kind": exception.kind, "target": target, "service": exception.service}
