"""The doors: each factor checked by itself, and who may come in with what was shown."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from gateway.audit.events.identity import ClockSkewSeen, LoggedIn
from gateway.audit.model import GATEWAY
from gateway.errors import Invalid, Refused
from gateway.identity import keys, login, sql, sql_factors, totp
from gateway.identity.base import Part
from gateway.identity.lockout import Bucket, Stage, address, of_person, of_source
from gateway.identity.model import KNOWLEDGE_OR_KEY, Factor, FactorProof, Person
from gateway.identity.sql_factors import Credential
from gateway.ids import PersonId
from gateway.limits import FIRST_FACTOR_AGE, PROOFS_KEPT
from gateway.store.db import Tx
from gateway.words import printable

T = TypeVar("T")
CLIENT_CHARACTERS = 200  # of what a client says about itself


class Doors(Part):
    """Every refusal before both factors are right reads the same, takes the same time, and is audited."""

    async def check_password(self, name: str, password: str, source: str) -> FactorProof:
        """
        Raises:
            Refused: `bad_credentials`, or `locked` (whether there is such a person or not).
        """
        async with self._store.read() as tx:
            person = await self._named(tx, name)
            known = await sql_factors.credential(tx, person.id) if person else None
            left = await self._locked(tx, await self._password_buckets(tx, person, name, source))
        if left:
            raise login.locked(left)
        right = await self._passwords.verify(known.password if known else None, password)
        async with self._store.write() as tx:
            outcome = await self._password_outcome(tx, person, name, source, known if right else None)
        return _settled(outcome)

    async def _password_outcome(
        self, tx: Tx, person: Person | None, name: str, source: str, shown: Credential | None
    ) -> FactorProof | Refused:
        """`shown`: the credential whose password was right. It counts only while no lock began beside it."""
        buckets = await self._password_buckets(tx, person, name, source)
        if left := await self._locked(tx, buckets):
            return login.locked(left)
        now = await sql_factors.credential(tx, person.id) if person else None
        if person is None or shown is None or now is None or now.password != shown.password:
            await self._count(tx, name, source, buckets)
            detail = "unknown person" if person is None else "wrong password" if now else "not enrolled"
            return await self._refuse(tx, login.bad_credentials(detail), name, source, "password")
        return await self._proven(tx, person, Factor.PASSWORD, source)

    async def has_key(self, name: str, public: str, source: str) -> bool:  # noqa: ARG002 - doors ask all alike
        """Whether `public` is a key of `name`. An offer proves nothing: ask for the signature."""
        async with self._store.read() as tx:
            return await self._key_owner(tx, name, public) is not None

    async def prove_key(self, name: str, public: str, touched: bool, source: str) -> FactorProof:
        """After the front verified a signature of `public` over this very connection.

        Raises:
            Refused: `bad_credentials`.
        """
        async with self._store.write() as tx:
            outcome: FactorProof | Refused
            person = await self._key_owner(tx, name, public)
            if person is None:
                outcome = await self._refuse(tx, login.bad_credentials("not his key"), name, source, "key")
            else:
                hardware = touched and public.lstrip().startswith("sk-")
                factor = Factor.SSH_KEY_TOUCHED if hardware else Factor.SSH_KEY
                outcome = await self._proven(tx, person, factor, source)
        return _settled(outcome)

    async def _key_owner(self, tx: Tx, name: str, public: str) -> Person | None:
        try:
            fingerprint, _ = keys.parse(public)
        except Invalid:
            return None
        person = await sql_factors.owner(tx, fingerprint)
        return person if person and person.name == name else None

    async def check_code(self, person_name: str, code: str, source: str) -> FactorProof:
        """A one-time code, after a first factor of the same person from the same address.

        Raises:
            Refused: `bad_credentials` without that first factor, `bad_code`, `used_code`, `locked`.
        """
        async with self._store.write() as tx:
            person = await self._named(tx, person_name)
            begun = await self._begun_with(tx, person, source) if person else frozenset()
            if person is None or not begun:
                detail = "code without a first factor"
                outcome: FactorProof | Refused = await self._refuse(
                    tx, login.bad_credentials(detail), person_name, source, "code"
                )
            else:
                counted = await self._counted(tx, person, source) if begun == {Factor.PASSWORD} else ()
                outcome = await self._code_outcome(tx, person, code, source, "code", counted)
        return _settled(outcome)

    async def confirm(self, person: Person, code: str, source: str) -> FactorProof:
        """A fresh code for one decision of somebody who is in.

        Raises:
            Refused: `bad_code`, `used_code`, `locked`; or why he may not be in any more.
        """
        async with self._store.write() as tx:
            now = await sql.person(tx, person.id)
            cause = login.standing(now, source, self._clock.now()) if now else "disabled"
            if now is None or cause:
                outcome: FactorProof | Refused = await self._refuse(
                    tx, login.not_now(cause), person.name, source, "confirm"
                )
            else:
                outcome = await self._code_outcome(tx, now, code, source, "confirm")
        return _settled(outcome)

    async def sign_in(self, name: str, password: str, code: str, source: str) -> tuple[Person, tuple[FactorProof, ...]]:
        """Password and code at once, as the page and the API ask them: nobody learns which of them was wrong.

        Raises:
            Refused: `bad_credentials`, `locked`; after a right password `used_code` or a late `bad_code`;
                after both why he may not come in.
        """
        first = await self.check_password(name, password, source)
        async with self._store.write() as tx:
            person = await self._named(tx, name)
            if person is None:
                outcome: FactorProof | Refused = login.bad_credentials("gone")
            else:
                counted = await self._counted(tx, person, source)
                outcome = await self._code_outcome(tx, person, code, source, "code", counted)
        if isinstance(outcome, Refused) and outcome.detail == "wrong code":
            raise login.bad_credentials("wrong code")
        proofs = (first, _settled(outcome))
        return await self.admit(name, proofs, source), proofs

    async def _code_outcome(
        self, tx: Tx, person: Person, code: str, source: str, stage: str, counted: tuple[Bucket, ...] = ()
    ) -> FactorProof | Refused:
        """What `code` is worth; a wrong one counts in the buckets of codes and in `counted`."""
        at = self._clock.now()
        buckets = of_person(Stage.CODE, person.name, source, familiar=await self._familiar(tx, person, source))
        if left := await self._locked(tx, buckets):
            return login.locked(left)
        known = await sql_factors.credential(tx, person.id)
        if known is None:
            return await self._refuse(tx, login.bad_code(), person.name, source, stage)
        seed = self._envelope.open(self._seed_purpose(person.id), known.seed).decode()
        verdict = totp.judge(seed, code, known.used_step, at)
        skew = int(verdict.skew.total_seconds())
        if verdict.meaning is totp.Meaning.RIGHT and await sql_factors.use_step(tx, person.id, verdict.step, skew):
            return await self._proven(tx, person, Factor.TOTP, source)
        if verdict.meaning in {totp.Meaning.RIGHT, totp.Meaning.USED}:
            wait = totp.next_code(max(known.used_step, verdict.step), verdict.skew, at)
            return await self._refuse(tx, login.used_code(wait), person.name, source, stage)
        behind: timedelta | None = None
        if verdict.meaning is not totp.Meaning.WRONG:
            behind = -verdict.skew if verdict.meaning is totp.Meaning.LATE else None
            await sql_factors.set_skew(tx, person.id, skew)
            seen = ClockSkewSeen(actor=GATEWAY, source=source, person=person.name, seconds=skew)
            await self._audit.append(tx, seen)
        await self._count(tx, person.name, source, (*buckets, *counted))
        return await self._refuse(tx, login.bad_code(behind), person.name, source, stage)

    async def recent(self, person: PersonId, source: str) -> tuple[FactorProof, ...]:
        """The newest proof per factor from that address (access model, rule 4); the asker judges their age."""
        async with self._store.read() as tx:
            return await sql_factors.proofs_of(tx, person, source)

    async def admit(self, name: str, proofs: tuple[FactorProof, ...], source: str) -> Person:
        """Whose `proofs` these are, if they let him in now.

        Raises:
            Refused: `bad_credentials` when they do not suffice or are not all of `name`; after both factors why
                he may not come in: `disabled`, `expired`, `contract_expired`, `source_network`.
        """
        async with self._store.write() as tx:
            outcome = await self._admission(tx, name, tuple(proofs), source)
        return _settled(outcome)

    async def _admission(self, tx: Tx, name: str, proofs: tuple[FactorProof, ...], source: str) -> Person | Refused:
        at, person = self._clock.now(), await self._named(tx, name)
        detail = login.lacking(person, proofs, source, at) if person else "unknown person"
        if person and not detail and not await self._remembered(tx, person, proofs, source):
            detail = "proof not on record"
        if person is None or detail:
            return await self._refuse(tx, login.bad_credentials(detail), name, source, "admit")
        if cause := login.standing(person, source, at):
            return await self._refuse(tx, login.not_now(cause), name, source, "admit")
        his = (bucket for stage in Stage for bucket in of_person(stage, name, source, familiar=True))
        await sql_factors.clear_failures(tx, his)
        return person

    async def log_in(self, name: str, proofs: tuple[FactorProof, ...], source: str, door: str, client: str) -> Person:
        """As `admit`, and the log says that he is in. Raises as `admit`."""
        async with self._store.write() as tx:
            outcome = await self._admission(tx, name, proofs, source)
            if isinstance(outcome, Person):
                await self._logged_in(tx, outcome, door, client, source)
        return _settled(outcome)

    async def logged_in(self, person: Person, door: str, client: str, source: str) -> None:
        """He is in: `door` names the front, `client` what the client says it is."""
        async with self._store.write() as tx:
            await self._logged_in(tx, person, door, client, source)

    async def _logged_in(self, tx: Tx, person: Person, door: str, client: str, source: str) -> None:
        client = printable(client[:CLIENT_CHARACTERS])
        event = LoggedIn(actor=person.name, source=source, person=person.name, door=door, client=client)
        await self._audit.append(tx, event)

    async def skew(self, person: PersonId) -> timedelta:
        """How far the clock of his code generator was ahead of ours when it was last seen (C14)."""
        async with self._store.read() as tx:
            known = await sql_factors.credential(tx, person)
        return timedelta(seconds=known.skew if known else 0)

    async def _password_buckets(self, tx: Tx, person: Person | None, name: str, source: str) -> tuple[Bucket, ...]:
        familiar = person is not None and await self._familiar(tx, person, source)
        return of_person(Stage.PASSWORD, name, source, familiar=familiar) + of_source(source)

    async def _proven(self, tx: Tx, person: Person, factor: Factor, source: str) -> FactorProof:
        proof = FactorProof(person.id, factor, self._clock.now(), source)
        await sql_factors.put_proof(tx, proof, proof.at - PROOFS_KEPT)
        return proof

    async def _begun_with(self, tx: Tx, person: Person, source: str) -> frozenset[Factor]:
        """The first factors of his that were right here, not long ago."""
        at = self._clock.now()
        proofs = await sql_factors.proofs_of(tx, person.id, source)
        return frozenset(p.factor for p in proofs if p.fresh(at, FIRST_FACTOR_AGE)) & KNOWLEDGE_OR_KEY

    async def _counted(self, tx: Tx, person: Person, source: str) -> tuple[Bucket, ...]:
        """Where a wrong code after a password counts too: else the lock came later after a right one, and told it."""
        return await self._password_buckets(tx, person, person.name, source)

    async def _familiar(self, tx: Tx, person: Person, source: str) -> bool:
        """Whether he was in from this address before."""
        return any(p.factor is Factor.TOTP for p in await sql_factors.proofs_of(tx, person.id, source))

    async def _remembered(self, tx: Tx, person: Person, proofs: tuple[FactorProof, ...], source: str) -> bool:
        """Whether each proof is one that we gave and that no reset took back since."""
        kept = {p.factor: p.at for p in await sql_factors.proofs_of(tx, person.id, address(source))}
        return all(p.factor in kept and kept[p.factor] >= p.at for p in proofs)


def _settled(outcome: T | Refused) -> T:
    if isinstance(outcome, Refused):
        raise outcome
    return outcome
