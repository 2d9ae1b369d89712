"""How a person gets his factors: by an invitation, or, the first admin, by the setup token of the first start.

A token is looked at when the password is chosen and used up when a first code confirms the authenticator: who scans
the picture wrongly begins again with the same link.
"""

from __future__ import annotations

from typing import Final

from gateway.audit.events.identity import (
    OrganisationAdded,
    PersonAdded,
    PersonEnrolled,
    SetupCompleted,
    SetupOffered,
)
from gateway.audit.model import GATEWAY
from gateway.errors import Invalid, Refused
from gateway.identity import login, passwords, sql, sql_factors, sql_tokens, totp
from gateway.identity.base import Part
from gateway.identity.lockout import AT_ADDRESS, Bucket, of_source
from gateway.identity.model import Enrolment, Organisation, Person, Role
from gateway.identity.one_time import Kind, Redeemed, digest
from gateway.identity.people import valid_person_name
from gateway.identity.sql_factors import Credential
from gateway.identity.sql_tokens import Begun
from gateway.ids import OrganisationId, PersonId, new_id
from gateway.limits import SETUP_LIFE
from gateway.store.db import Tx
from gateway.words import sentence

PLANT: Final = "plant"  # the organisation of the first admin


class Enrolling(Part):
    async def setup_token(self) -> str | None:
        """A fresh setup token while there is no admin, else None; one made before is void. For the console alone."""
        async with self._store.write() as tx:
            if await self._has_admin(tx):
                return None
            await self.one_time.void(tx, Kind.SETUP, None)
            token = await self.one_time.issue(tx, Kind.SETUP, None, SETUP_LIFE)
            event = SetupOffered(actor=GATEWAY, expires=self._clock.now() + SETUP_LIFE)
            await self._audit.append(tx, event)
            return token

    async def setup(self, token: str, name: str, title: str, password: str, source: str = "") -> Enrolment:
        """Begin with the first admin; he exists once `confirm_enrolment` has seen a code.

        Raises:
            Refused: `bad_token`, `locked`.
            Invalid: name, title or password cannot be that.
        """
        found = await self._look(Kind.SETUP, token, source)
        valid_person_name(name)
        title = sentence("title", title)
        return await self._begin(Kind.SETUP, token, found, PersonId(new_id("per")), name, title, password)

    async def enrol(self, token: str, password: str, source: str = "") -> Enrolment:
        """Choose a password and get the secret of a code generator; a second call with the link begins anew.

        Raises:
            Refused: `bad_token`, `locked`, or why he may not come in.
            Invalid: the password.
        """
        found = await self._look(Kind.INVITATION, token, source)
        async with self._store.read() as tx:
            person = await sql.person(tx, found.person) if found.person else None
        if person is None:
            raise Refused("bad_token", "This link is not valid.", detail="for nobody")
        if cause := person.standing(self._clock.now()):
            raise login.not_now(cause)
        return await self._begin(Kind.INVITATION, token, found, person.id, person.name, person.title, password)

    async def confirm_enrolment(self, token: str, code: str, source: str = "") -> Person:
        """The first code of the new authenticator: from now on he can log in, and this code is used.

        Raises:
            Refused: `bad_token`, `bad_code`, `locked`.
        """
        async with self._store.write() as tx:
            outcome = await self._confirm(tx, token, code, source)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def _look(self, kind: Kind, token: str, source: str) -> Redeemed:
        """What `token` is worth. Guesses count for their address (abuse case 58)."""
        async with self._store.write() as tx:
            if left := await self._locked(tx, of_source(source)):
                outcome: Redeemed | Refused = login.locked(left)
            else:
                try:
                    outcome = await self.one_time.look(tx, kind, token)
                except Refused as refusal:
                    await self._count(tx, "", source, of_source(source))
                    outcome = await self._refuse(tx, refusal, "", source, f"token {kind}")
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def _begin(
        self, kind: Kind, token: str, found: Redeemed, person: PersonId, name: str, title: str, password: str
    ) -> Enrolment:
        hashed = await self._passwords.hash(passwords.accept(password, name))
        seed = totp.new_seed()
        sealed = self._envelope.seal(self._seed_purpose(person), seed.encode())
        async with self._store.write() as tx:
            await self.one_time.look(tx, kind, token)  # hashing took a while
            await sql_tokens.begin(tx, Begun(found.digest, person, name, title, hashed, sealed))
        return Enrolment(seed, totp.uri(seed, name, self._site))

    async def _confirm(self, tx: Tx, token: str, code: str, source: str) -> Person | Refused:
        at = self._clock.now()
        if left := await self._locked(tx, of_source(source)):
            return login.locked(left)
        kind, begun = await self._begun(tx, token)
        if begun is None:
            await self._count(tx, "", source, of_source(source))
            refusal = Refused("bad_token", "Open your link again and choose a password first.", detail="not begun")
            return await self._refuse(tx, refusal, "", source, "token")
        guesses = Bucket("enrolment", begun.digest, AT_ADDRESS)
        if left := await self._locked(tx, (guesses,)):
            return login.locked(left)
        try:
            await self.one_time.look(tx, kind, token)
        except Refused as refusal:
            return await self._refuse(tx, refusal, begun.name, source, "token")
        seed = self._envelope.open(self._seed_purpose(begun.person), begun.seed).decode()
        verdict = totp.judge(seed, code, 0, at)
        if verdict.meaning is not totp.Meaning.RIGHT:
            await self._count(tx, begun.name, source, (guesses,))
            behind = -verdict.skew if verdict.meaning is totp.Meaning.LATE else None
            return await self._refuse(tx, login.bad_code(behind), begun.name, source, "enrolment")
        if kind is Kind.SETUP and await self._has_admin(tx):
            return await self._refuse(
                tx, Refused("bad_token", "There is an admin already."), begun.name, source, "token"
            )
        await self.one_time.redeem(tx, kind, token)
        person = await self._first_admin(tx, begun, source) if kind is Kind.SETUP else None
        person = person or await sql.person(tx, begun.person)
        if person is None:
            raise Invalid("token", "its person is gone")
        skew = int(verdict.skew.total_seconds())
        await sql_factors.set_credential(tx, Credential(person.id, begun.password, begun.seed, verdict.step, skew), at)
        await sql_tokens.end(tx, begun.digest)
        await self._audit.append(tx, PersonEnrolled(actor=person.name, source=source, person=person.name))
        return person

    async def _begun(self, tx: Tx, token: str) -> tuple[Kind, Begun | None]:
        for kind in Kind:
            if begun := await sql_tokens.begun(tx, digest(kind, token)):
                return kind, begun
        return Kind.INVITATION, None

    async def _first_admin(self, tx: Tx, begun: Begun, source: str) -> Person:
        """The plant's organisation and its first admin, who is nothing but admin (C76)."""
        plant = Organisation(OrganisationId(new_id("org")), PLANT, self._site, plant=True)
        person = Person(begun.person, begun.name, begun.title, plant, frozenset({Role.ADMIN}))
        await sql.add_organisation(tx, plant)
        await sql.add_person(tx, person)
        for event in (
            OrganisationAdded(
                actor=GATEWAY, source=source, organisation=PLANT, plant=True, contract_end=None, networks=()
            ),
            PersonAdded(
                actor=GATEWAY, source=source, person=person.name, organisation=PLANT, roles=("admin",), expires=None
            ),
            SetupCompleted(actor=person.name, source=source, person=person.name),
        ):
            await self._audit.append(tx, event)
        return person

    async def _has_admin(self, tx: Tx) -> bool:
        """Whether there ever was one: the last admin cannot be removed, so the setup opens once in a life."""
        return any(p.admin for p in await sql.every_person(tx))
