"""Person, organisation or target gets no session until a date (C38)."""

from __future__ import annotations

from datetime import datetime

from gateway.access import rules, sql
from gateway.access.desk import Desk
from gateway.access.model import Block, BlockKind
from gateway.audit.events.access import BlockLifted, BlockSet
from gateway.errors import Conflict, Invalid, NotFound
from gateway.identity.model import Person
from gateway.inventory.model import Target
from gateway.store.db import Tx
from gateway.words import sentence


class Blocking(Desk):
    async def block(
        self, actor: Person, kind: BlockKind | str, name: str, until: datetime | None, reason: str, source: str
    ) -> Block:
        """No session for it until `until`, or until lifted. Several blocks may stand; the longest counts.

        Raises:
            Refused: he may not.
            Invalid: no such kind, or `until` is over.
            NotFound: nothing of that name.
        """
        kind, reason, now = _kind(kind), sentence("reason", reason), self._clock.now()
        if until is not None and (until.tzinfo is None or until <= now):
            raise Invalid("until", "must be a moment to come, with its time zone")
        async with self._attempt("block", actor, source, name), self._store.write() as tx:
            actor = await self._identity.person(actor.id)
            target = await self._named(kind, name)
            rules.demand(rules.may_block(actor, kind, target, now))
            block = Block(kind, name, until, actor.name, reason, now)
            await sql.add_block(tx, block)
            event = BlockSet(actor=actor.name, source=source, kind=kind, blocked=name, until=until, reason=reason)
            await self._audit.append(tx, event)
            return block

    async def unblock(self, actor: Person, kind: BlockKind | str, name: str, reason: str, source: str) -> None:
        """Lift all blocks of it.

        Raises:
            Refused: he may not.
            Conflict: none stands.
        """
        kind, reason, now = _kind(kind), sentence("reason", reason), self._clock.now()
        async with self._attempt("unblock", actor, source, name), self._store.write() as tx:
            actor = await self._identity.person(actor.id)
            rules.demand(rules.may_lift(actor, kind, now))
            if not await sql.lift_blocks(tx, kind, name, now):
                raise Conflict(f"The {kind} {name} is not blocked.")
            event = BlockLifted(actor=actor.name, source=source, kind=kind, blocked=name, reason=reason)
            await self._audit.append(tx, event)

    async def blocked(self, tx: Tx, person: Person, target: Target) -> Block | None:
        """What keeps `person` from a session on `target` now; the longest, when several do."""
        return await self._block_of(tx, person.name, person.organisation.name, target.name)

    async def blocks(self) -> list[Block]:
        """All in force, newest first."""
        async with self._store.read() as tx:
            return await sql.find_blocks(tx, self._clock.now())

    async def _named(self, kind: BlockKind, name: str) -> Target | None:
        """The target of that name; nothing for another kind, but it exists.

        Raises:
            NotFound: it does not.
        """
        if kind is BlockKind.TARGET:
            return await self._inventory.target_named(name)
        if kind is BlockKind.PERSON:
            await self._identity.person_named(name)
        elif all(o.name != name for o in await self._identity.organisations()):
            raise NotFound("organisation")
        return None


def _kind(kind: BlockKind | str) -> BlockKind:
    try:
        return BlockKind(kind)
    except ValueError:
        raise Invalid("kind", "must be person, organisation or target") from None
