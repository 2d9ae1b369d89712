"""How another policy comes into force: proposed, signed off by a second person, made active. Each step is on record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol as Port

from gateway.audit.events.policy import PolicyActivated, PolicyChangeRefused, PolicyProposed, PolicySigned
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.errors import Conflict, Refused
from gateway.identity.model import FactorProof, Person
from gateway.ids import PersonId
from gateway.limits import NAME_OCTETS
from gateway.policy import files, sql, trial, versions
from gateway.policy.engine import PolicyEngine
from gateway.policy.versions import Deed, PolicyVersion, VersionState
from gateway.store.db import Store, Tx
from gateway.words import printable, sentence


class People(Port):
    async def person(self, person: PersonId, /) -> Person:
        """As he is now. Raises NotFound: no such person."""
        ...


class Changing:
    """The base of `PolicyBook`.

    Persons are read again inside the transaction that decides: what a front read before may be stale.

    Attributes:
        trouble: what is wrong with the folder of the settings, or with what the store has, in words; empty for nothing.
    """

    def __init__(self, store: Store, audit: AuditLog, clock: Clock, people: People) -> None:
        self._store, self._audit, self._clock, self._people = store, audit, clock, people
        self._engine = PolicyEngine.of({})  # until something is in force: nobody gets in
        self.trouble = ""

    async def get(self, version: str) -> PolicyVersion:
        """With its files. Raises NotFound: no such version."""
        async with self._store.read() as tx:
            return await sql.version(tx, version)

    async def propose(self, texts: files.Files, note: str, actor: Person, source: str = "") -> PolicyVersion:
        """A new draft of these files.

        Raises:
            Refused: he is no administrator.
            Invalid: a file is not right; a case that fails does not keep a draft from being one.
            Conflict: this very policy set is there already.
        """
        note = sentence("note", note)
        texts = files.accepted(texts)
        async with self._attempt("propose", actor, source, ""):
            versions.demand_admin(actor, self._clock.now())
            await asyncio.to_thread(trial.demand_right, texts)
            async with self._store.write() as tx:
                actor, at = await self._people.person(actor.id), self._clock.now()
                versions.demand_admin(actor, at)
                made = await sql.add(tx, draft(texts, note, Deed.of(actor, at)))
                await self._audit.append(tx, proposed(made, actor.name, source))
                return made

    async def sign(self, version: str, actor: Person, proof: FactorProof, *, digest: str) -> PolicyVersion:
        """A second person's yes to exactly `digest`.

        Raises:
            Refused: he may not, or the factor is not a fresh one of his own.
            Conflict: it is not what he was shown, or somebody else was faster.
            NotFound: no such version.
        """
        async with self._attempt("sign", actor, proof.source, version), self._store.write() as tx:
            found, at = await sql.version(tx, version), self._clock.now()
            actor = await self._people.person(actor.id)
            versions.demand_signer(found, actor, at)
            versions.demand_fresh(proof, actor, at)
            if digest != found.digest or files.digest(found.files) != found.digest:
                raise Conflict("This policy version is not the one that you were shown. Read it again.")
            state = VersionState.SIGNED if found.state is VersionState.DRAFT else found.state
            signed = await sql.move(tx, found, replace(found, state=state, signed=Deed.of(actor, at)))
            event = PolicySigned(
                actor=actor.name, source=proof.source, version=found.id, digest=digest, author=found.proposed.name,
                factor=proof.factor,
            )  # fmt: skip
            await self._audit.append(tx, event)
            return signed

    async def activate(self, version: str, actor: Person, proof: FactorProof) -> PolicyVersion:
        """Decide by a signed version from the next decision on. An earlier one again is a roll back, on record as such.

        Raises:
            Refused: he may not, it is not signed, it does not load, or a case of its own fails.
            Conflict: somebody else was faster.
            NotFound: no such version.
        """
        async with self._attempt("activate", actor, proof.source, version):
            found = await self.get(version)
            versions.demand_activator(found, await self._people.person(actor.id), self._clock.now())
            engine = await asyncio.to_thread(trial.fit, found)
            async with self._store.write() as tx:
                return await self._activated(tx, found, engine, actor, proof)

    async def _activated(
        self, tx: Tx, read: PolicyVersion, engine: PolicyEngine, actor: Person, proof: FactorProof
    ) -> PolicyVersion:
        found, before, at = await sql.version(tx, read.id), await sql.active(tx), self._clock.now()
        actor = await self._people.person(actor.id)
        versions.demand_activator(found, actor, at)
        versions.demand_fresh(proof, actor, at)
        if found.digest != read.digest or found.files != read.files:
            raise Conflict("This policy version is not the one that was tried. Read it again.")
        if before is not None:
            await sql.move(tx, before, replace(before, state=VersionState.RETIRED, retired=at))
        changed = replace(found, state=VersionState.ACTIVE, activated=Deed.of(actor, at))
        active = await sql.move(tx, found, changed)
        event = activated(
            active, actor.name, proof.source,
            previous="" if before is None else before.id, rolled_back=found.state is VersionState.RETIRED,
        )  # fmt: skip
        await self._audit.append(tx, event)
        tx.after_commit(lambda: self._in_force(engine))
        return active

    def _in_force(self, engine: PolicyEngine) -> None:
        """Called once it is durable: the next decision is made by it."""
        self._engine, self.trouble = engine, ""

    @asynccontextmanager
    async def _attempt(self, attempt: str, actor: Person, source: str, version: str) -> AsyncIterator[None]:
        """Whatever is refused inside is in the audit log, although its transaction is rolled back."""
        try:
            yield
        except Refused as refusal:
            event = PolicyChangeRefused(
                actor=actor.name, source=source, attempt=attempt, version=printable(version)[:NAME_OCTETS],
                reason=refusal.code, rule=refusal.rule, detail=refusal.detail,
            )  # fmt: skip
            async with self._store.write() as tx:
                await self._audit.append(tx, event)
            raise


def draft(texts: files.Files, note: str, by: Deed) -> PolicyVersion:
    digest = files.digest(texts)
    return PolicyVersion(digest[: files.VERSION_DIGITS], digest, dict(texts), 0, VersionState.DRAFT, note, by)


def proposed(version: PolicyVersion, actor: str, source: str) -> PolicyProposed:
    names = tuple(sorted(version.files))
    return PolicyProposed(
        actor=actor, source=source, version=version.id, digest=version.digest, files=names, note=version.note
    )


def activated(version: PolicyVersion, actor: str, source: str, *, previous: str, rolled_back: bool) -> PolicyActivated:
    return PolicyActivated(
        actor=actor, source=source, version=version.id, digest=version.digest, previous=previous,
        author=version.proposed.name, signer=version.signed.name if version.signed else "", rolled_back=rolled_back,
    )  # fmt: skip
