"""Persons and organisations, kept by admins."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable
from datetime import datetime

from gateway.audit.events.identity import (
    OrganisationAdded,
    OrganisationChanged,
    PersonAdded,
    PersonChanged,
    PersonDisabled,
    PersonInvited,
)
from gateway.audit.model import CLOCK, GATEWAY
from gateway.errors import Conflict, Invalid, NotFound, Refused, Stale
from gateway.identity import sql, sql_factors
from gateway.identity.base import Part, lasting_admins
from gateway.identity.model import UNCHANGED, Organisation, Person, Role, Unchanged
from gateway.identity.one_time import Kind
from gateway.ids import OrganisationId, PersonId, new_id
from gateway.limits import INVITATION_LIFE
from gateway.store.db import Tx
from gateway.words import name as valid_name
from gateway.words import sentence

RESERVED = frozenset({GATEWAY, CLOCK, "recorder", "target"})  # actors of audit events that are no persons


class People(Part):
    """Each change is by an admin who is one at this moment, and leaves an admin who can log in."""

    async def person(self, id_: PersonId) -> Person:
        """
        Raises:
            NotFound: no such person.
        """
        async with self._store.read() as tx:
            return found(await sql.person(tx, id_))

    async def person_named(self, name: str) -> Person:
        """
        Raises:
            NotFound: no such person.
        """
        async with self._store.read() as tx:
            return found(await self._named(tx, name))

    async def people(self) -> list[Person]:
        async with self._store.read() as tx:
            return await sql.every_person(tx)

    async def organisations(self) -> list[Organisation]:
        async with self._store.read() as tx:
            return await sql.every_organisation(tx)

    async def add_organisation(
        self,
        actor: Person,
        name: str,
        title: str,
        plant: bool = False,
        contract_end: datetime | None = None,
        networks: Iterable[str] = (),
        *,
        source: str = "",
    ) -> Organisation:
        it = Organisation(
            OrganisationId(new_id("org")),
            valid_name("name", name),
            sentence("title", title),
            plant,
            contract_end,
            cidr_blocks(networks),
        )
        async with self._store.write() as tx:
            await self._admin(tx, actor)
            if any(o.name == name for o in await sql.every_organisation(tx)):
                raise Conflict("There is an organisation of that name already.")
            await sql.add_organisation(tx, it)
            event = OrganisationAdded(
                actor=actor.name,
                source=source,
                organisation=name,
                plant=plant,
                contract_end=contract_end,
                networks=it.networks,
            )
            await self._audit.append(tx, event)
        return it

    async def change_organisation(
        self,
        actor: Person,
        name: str,
        *,
        title: str | None = None,
        contract_end: datetime | Unchanged | None = UNCHANGED,
        networks: Iterable[str] | None = None,
        version: int | None = None,
        source: str = "",
    ) -> Organisation:
        """
        Args:
            version: the one that the actor saw; None when he decides without having seen it.

        Raises:
            Stale: it is not at `version` any more.
            Refused: `not_admin`, `last_admin`, or `own_network` when the actor would shut himself out.
        """
        async with self._store.write() as tx:
            await self._admin(tx, actor)
            before = await sql.organisation_named(tx, name)
            if version not in {None, before.version}:
                raise Stale("This organisation was changed by somebody else in the meantime.")
            after = dataclasses.replace(
                before,
                title=before.title if title is None else sentence("title", title),
                contract_end=before.contract_end if isinstance(contract_end, Unchanged) else contract_end,
                networks=before.networks if networks is None else cidr_blocks(networks),
                version=before.version + 1,
            )
            if source and actor.organisation.id == after.id and not after.permits_source(source):
                words = "You would shut yourself out: your own address is in none of these networks."
                raise Refused("own_network", words)
            await sql.change_organisation(tx, before, after)
            await self._keep_an_admin(tx)
            event = OrganisationChanged(
                actor=actor.name,
                source=source,
                organisation=name,
                contract_end=after.contract_end,
                networks=after.networks,
            )
            await self._audit.append(tx, event)
        return after

    async def add_person(
        self,
        actor: Person,
        name: str,
        title: str,
        organisation_name: str,
        roles: Iterable[Role],
        expires: datetime | None = None,
        *,
        source: str = "",
    ) -> tuple[Person, str]:
        """A new person, and the invitation with which he sets his factors. He cannot log in before that."""
        valid_person_name(name)
        title = sentence("title", title)
        async with self._store.write() as tx:
            await self._admin(tx, actor)
            if await sql.person_named(tx, name):
                raise Conflict("There is a person of that name already; names are never used again.")
            organisation = await sql.organisation_named(tx, organisation_name)
            person = Person(PersonId(new_id("per")), name, title, organisation, frozenset(roles), expires)
            await sql.add_person(tx, person)
            event = PersonAdded(
                actor=actor.name,
                source=source,
                person=name,
                organisation=organisation_name,
                roles=tuple(sorted(person.roles)),
                expires=expires,
            )
            await self._audit.append(tx, event)
            return person, await self._invite(tx, actor.name, person, source)

    async def change_person(
        self,
        actor: Person,
        name: str,
        version: int,
        *,
        title: str | None = None,
        roles: Iterable[Role] | None = None,
        expires: datetime | Unchanged | None = UNCHANGED,
        enabled: bool = False,
        source: str = "",
    ) -> Person:
        """Change what is given; `enabled` undoes `disable`.

        Raises:
            Stale: he is not at `version` any more.
            Refused: `not_admin`, `own_roles`, `last_admin`.
        """
        async with self._store.write() as tx:
            await self._admin(tx, actor)
            before = found(await self._named(tx, name))
            if before.version != version:
                raise Stale("This person was changed by somebody else in the meantime.")
            after = dataclasses.replace(
                before,
                title=before.title if title is None else sentence("title", title),
                roles=before.roles if roles is None else frozenset(roles),
                expires=before.expires if isinstance(expires, Unchanged) else expires,
                disabled=before.disabled and not enabled,
                version=version + 1,
            )
            if before.id == actor.id and after.roles - before.roles:
                raise Refused("own_roles", "Nobody gives himself a role. Another admin must do it.")
            await self._change(tx, actor, before, after, source)
        return after

    async def disable(self, actor: Person, name: str, reason: str, *, source: str = "") -> Person:
        """From this moment on he is not let in, his page sessions are closed and his invitations void."""
        reason = sentence("reason", reason)
        async with self._store.write() as tx:
            await self._admin(tx, actor)
            before = found(await self._named(tx, name))
            after = dataclasses.replace(before, disabled=True, version=before.version + 1)
            await self._change(tx, actor, before, after, source)
            await self.one_time.void(tx, Kind.INVITATION, before.id)
            await sql_factors.drop_proofs(tx, before.id)
            await self._close_sign_ins(tx, before, actor.name, "standing")
            event = PersonDisabled(actor=actor.name, source=source, person=name, reason=reason)
            await self._audit.append(tx, event)
        return after

    async def invite(self, actor: Person, name: str, *, source: str = "") -> str:
        """A new invitation. Every factor he had is void at once, keys too; his roles stay what they are."""
        async with self._store.write() as tx:
            await self._admin(tx, actor)
            token = await self._invite(tx, actor.name, found(await self._named(tx, name)), source)
            await self._keep_an_admin(tx)
            return token

    async def invite_from_console(self, name: str) -> str:
        """For the owner of the machine, when the last admin lost his factors. No front may call this."""
        async with self._store.write() as tx:
            return await self._invite(tx, GATEWAY, found(await self._named(tx, name)), "")

    async def _invite(self, tx: Tx, actor: str, person: Person, source: str) -> str:
        if person.disabled:
            raise Refused("disabled", "This person is switched off. Switch him on first.")
        await sql_factors.drop_factors(tx, person.id)
        await self._close_sign_ins(tx, person, actor, "standing")
        await self.one_time.void(tx, Kind.INVITATION, person.id)
        token = await self.one_time.issue(tx, Kind.INVITATION, person.id, INVITATION_LIFE)
        expires = self._clock.now() + INVITATION_LIFE
        await self._audit.append(tx, PersonInvited(actor=actor, source=source, person=person.name, expires=expires))
        return token

    async def _change(self, tx: Tx, actor: Person, before: Person, after: Person, source: str) -> None:
        await sql.change_person(tx, before, after)
        await self._keep_an_admin(tx)
        event = PersonChanged(
            actor=actor.name,
            source=source,
            person=after.name,
            roles=tuple(sorted(after.roles)),
            expires=after.expires,
            disabled=after.disabled,
        )
        await self._audit.append(tx, event)

    async def _admin(self, tx: Tx, actor: Person) -> None:
        """Whether he is an admin *now*; what a page remembers of him may be old."""
        now = await sql.person(tx, actor.id)
        if now is None or not now.admin or now.standing(self._clock.now()):
            raise Refused("not_admin", "Only an admin may do this.")

    async def _keep_an_admin(self, tx: Tx) -> None:
        """INVARIANT: there is an admin who can log in, and whom no date takes away."""
        enrolled = [p for p in await sql.every_person(tx) if p.admin and await sql_factors.credential(tx, p.id)]
        if not lasting_admins(enrolled, self._clock.now()):
            words = "Then nobody could administer the gateway. Make another admin without an end date first."
            raise Refused("last_admin", words)


def valid_person_name(name: str) -> str:
    """
    Raises:
        Invalid: no name, or one that the audit log uses for something else.
    """
    if valid_name("name", name) in RESERVED:
        raise Invalid("name", "is reserved")
    return name


def found(person: Person | None) -> Person:
    if person is None:
        raise NotFound("person")
    return person


def cidr_blocks(networks: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(n.strip())) for n in networks)
    except ValueError as error:
        raise Invalid("networks", f"must be CIDR blocks, e.g. 192.0.2.0/24: {error}") from None
