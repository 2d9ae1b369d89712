"""Whose SSH public key is whose: registered by the person himself or by an admin. What is a key: `keys.py`."""

from __future__ import annotations

from gateway.audit.events.identity import KeyAdded, KeyRemoved, KeyShared
from gateway.errors import Conflict, NotFound, Refused
from gateway.identity import keys as ssh_keys
from gateway.identity import sql, sql_factors
from gateway.identity.model import Person, SshKey
from gateway.identity.people import People, found
from gateway.limits import KEYS_OF_PERSON
from gateway.store.db import Tx
from gateway.words import sentence


class KeyRing(People):
    """INVARIANT: no two persons share a key (C10)."""

    async def add_key(
        self, person: Person, public: str, title: str, *, actor: Person | None = None, source: str = ""
    ) -> SshKey:
        """Register a public key, by himself or by an admin.

        Raises:
            Invalid: no public key, or one too weak.
            Refused: `key_taken` when it is another person's (C10), `not_admin`.
            Conflict: he has it, or too many.
        """
        fingerprint, line = ssh_keys.parse(public)
        title = sentence("title", title)
        by = actor or person
        async with self._store.write() as tx:
            await self._himself_or_admin(tx, by, person)
            his, taken = await sql_factors.keys_of(tx, person.id), await sql_factors.key(tx, fingerprint)
            if taken is None:
                if len(his) >= KEYS_OF_PERSON:
                    raise Conflict(f"There are {KEYS_OF_PERSON} keys already. Remove one first.")
                key = SshKey(person.id, fingerprint, line, title, self._clock.now())
                await sql_factors.add_key(tx, key)
                added = KeyAdded(
                    actor=by.name,
                    source=source,
                    person=person.name,
                    fingerprint=fingerprint,
                    hardware=key.hardware,
                )
                await self._audit.append(tx, added)
                return key
            if taken.person == person.id:
                raise Conflict("This key is registered already.")
            owner = found(await sql.person(tx, taken.person))
            shared = KeyShared(
                actor=by.name, source=source, person=person.name, owner=owner.name, fingerprint=fingerprint
            )
            await self._audit.append(tx, shared)
        words = "This key cannot be used here: every person needs a key of his own. Make one with ssh-keygen."
        raise Refused("key_taken", words, rule="C10")

    async def remove_key(
        self, person: Person, fingerprint: str, *, actor: Person | None = None, source: str = ""
    ) -> None:
        """
        Raises:
            NotFound: he has no such key.
        """
        by = actor or person
        async with self._store.write() as tx:
            await self._himself_or_admin(tx, by, person)
            if not await sql_factors.remove_key(tx, person.id, fingerprint):
                raise NotFound("key")
            event = KeyRemoved(actor=by.name, source=source, person=person.name, fingerprint=fingerprint)
            await self._audit.append(tx, event)

    async def keys(self, person: Person) -> list[SshKey]:
        async with self._store.read() as tx:
            return await sql_factors.keys_of(tx, person.id)

    async def _himself_or_admin(self, tx: Tx, actor: Person, person: Person) -> None:
        if actor.id != person.id:
            await self._admin(tx, actor)
