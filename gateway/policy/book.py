"""The policy in force: what every question is decided by, kept in memory, begun and changed through the store.

`decide` reads memory alone: a store that is away stops no decision, only changes of the policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from gateway.audit.events.policy import PolicyRefused
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import Conflict, Invalid, Refused
from gateway.identity.model import Person
from gateway.inventory.model import Target
from gateway.policy import files, preview, sql, trial
from gateway.policy.changing import Changing, People, activated, draft, proposed
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Decision, Question
from gateway.policy.preview import Difference
from gateway.policy.rules import Rule
from gateway.policy.trial import CaseRun
from gateway.policy.versions import Deed, PolicyVersion, VersionState
from gateway.store.db import Store

log = structlog.get_logger(__name__)

KEPT: Final = 8  # engines of earlier versions, for those who ask why it was decided so
COMPARED: Final = 8  # differences over the whole site that run or wait; one takes half a minute where the site is large


class PolicyBook(Changing):
    """INVARIANT: what decides was signed off, or is the first policy of a new site.
    INVARIANT: what cannot be taken for what was activated decides nothing: nobody gets in.
    """

    def __init__(self, store: Store, audit: AuditLog, clock: Clock, people: People) -> None:
        super().__init__(store, audit, clock, people)
        self._others: dict[str, PolicyEngine] = {}
        self._comparing = 0
        self._desk = ThreadPoolExecutor(1, "policy")

    @property
    def engine(self) -> PolicyEngine:
        return self._engine

    @property
    def version(self) -> str:
        return self._engine.version

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self._engine.rules

    def decide(self, q: Question, at: datetime, *, explained: bool = True) -> Decision:
        return self._engine.decide(q, at, explained=explained)

    async def engine_of(self, version: str) -> PolicyEngine:
        """That version's engine, the active one's for an empty name.

        Raises:
            NotFound: no such version. Invalid: it does not load.
        """
        if not version or version == self.version:
            return self._engine
        if version not in self._others:
            found = await self.get(version)
            made = await asyncio.to_thread(PolicyEngine.of, found.files)
            while len(self._others) >= KEPT:
                del self._others[next(iter(self._others))]
            self._others[version] = made
        return self._others[version]

    async def compare(
        self, old: PolicyEngine, new: PolicyEngine, persons: Sequence[Person], targets: Sequence[Target], at: datetime
    ) -> list[Difference]:
        """`preview.diff`, one after the other on a thread of its own: those that log-ins wait for stay free.

        Raises:
            Refused: too many wait already.
        """
        if self._comparing >= COMPARED:
            words = "Others compare policy versions at the moment, and too many wait. Try again in a minute."
            raise Refused("busy", words)
        self._comparing += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._desk, preview.diff, old, new, persons, targets, at)
        finally:
            self._comparing -= 1

    # --- start

    async def open(self, folder: Path) -> None:
        """Take the active version from the store; a new site begins with `folder`, active at once.

        A folder that differs from every version becomes a draft, one that is not right is left alone, an active
        version that cannot be taken for what it was decides nothing: each is said loudly, and the gateway runs.

        Raises:
            Invalid: a new site's folder is not right.
            StoreUnavailable: nothing can be read.
        """
        async with self._store.read() as tx:
            found = await sql.active(tx)
        if found is None:
            await self._begin(await asyncio.to_thread(_read, folder))
            return
        try:
            texts = await asyncio.to_thread(_read, folder)
        except Invalid as error:
            await self._take(found, "")
            await self._say(f"The folder {folder} is not right and was left alone: ", error)
            return
        await self._take(found, texts[files.SCHEMA])
        if files.version(texts) != found.id:
            await self._take_up(folder, texts, found.id)

    async def _take(self, active: PolicyVersion, schema: str) -> None:
        """Decide by it, or by nothing at all."""
        try:
            self._engine = await asyncio.to_thread(trial.in_force, active, schema)
        except Invalid as error:
            await self._say(f"Policy version {active.id} cannot be used, so nobody gets in: ", error)

    async def _say(self, what: str, error: Invalid) -> None:
        self.trouble = f"{self.trouble} {what}{error.field}: {error.words}.".strip()
        log.error("The policy is not right", why=self.trouble, deciding=self.version)
        async with self._store.write() as tx:
            event = PolicyRefused(actor=GATEWAY, file=error.field, reason=error.words, version=self.version)
            await self._audit.append(tx, event)

    async def _begin(self, texts: files.Files) -> None:
        made = Deed.of_gateway(self._clock.now())
        note = "The policies that this gateway began with."
        found = replace(draft(texts, note, made), state=VersionState.ACTIVE, activated=made)
        async with self._store.write() as tx:
            if await sql.active(tx) is not None:
                raise Conflict("Another gateway began with a policy at the same moment. Start again.")
            first = await sql.add(tx, found)
            await self._audit.append(tx, proposed(first, GATEWAY, ""))
            await self._audit.append(tx, activated(first, GATEWAY, "", previous="", rolled_back=False))
        self._engine = PolicyEngine.of(texts)

    async def _take_up(self, folder: Path, texts: files.Files, active: str) -> None:
        """A folder that is not the active version: a draft, unless it is one of the versions already."""
        made = draft(texts, f"Found in the folder {folder} at the start.", Deed.of_gateway(self._clock.now()))
        async with self._store.write() as tx:
            known = {version.id: version for version in await sql.heads(tx)}.get(made.id)
            if known is None:
                known = await sql.add(tx, made)
                await self._audit.append(tx, proposed(known, GATEWAY, ""))
        if known.state is not VersionState.RETIRED:
            words = (
                f"The folder {folder} has policy version {known.id}, which is {known.state} and decides nothing yet. "
                f"Version {active} goes on until {known.id} is signed off and made active."
            )
            self.trouble = f"{self.trouble} {words}".strip()
            log.warning("The policy folder differs from the active version", draft=known.id, active=active)

    # --- reading

    async def versions(self) -> list[PolicyVersion]:
        """Every version without its files, newest first."""
        async with self._store.read() as tx:
            return await sql.heads(tx)

    async def test(self, version: str) -> CaseRun:
        """Run its own cases.

        Raises:
            NotFound: no such version. Invalid: it does not load.
        """
        found = await self.get(version)
        _, run = await asyncio.to_thread(trial.tried, found.files)
        return run


def _read(folder: Path) -> dict[str, str]:
    """The folder's files, all of them right. Raises Invalid."""
    texts = files.read(folder)
    trial.demand_right(texts)
    return texts
