"""Uploads that wait for somebody to deliver them (C62): held -> cleared -> delivered, or withheld, or expired.

INVARIANT: nobody delivers what he sent himself, and nothing of it goes to the target but through a session that runs
under the grant it was sent under.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from gateway.access import rules as access_rules
from gateway.access.model import OPEN_GRANT
from gateway.audit.events.files import HeldFileMoved, HeldFileRefused
from gateway.audit.log import AuditLog
from gateway.audit.model import CLOCK, GATEWAY
from gateway.clock import Clock
from gateway.envelope import SealBroken
from gateway.errors import Conflict, NotFound, Refused
from gateway.identity.model import FactorProof, Person
from gateway.ids import FileId, GrantId, SessionId, new_id
from gateway.limits import HELD_LIFE
from gateway.sessions import files, rules, sql, sql_files, texts
from gateway.sessions.files import Line, Verdict
from gateway.sessions.keeper import Keeper
from gateway.sessions.live import Live, call
from gateway.sessions.ports import Permissions, Places
from gateway.sessions.registry import Registry
from gateway.sessions.spool import Spool, Spools
from gateway.sessions.sql_files import Sought
from gateway.store.db import Store
from gateway.words import printable, sentence

PAGE = 200  # lines looked at at once


class Held:
    """`spools` None: this gateway keeps none, and who would have to wait is refused."""

    def __init__(
        self, store: Store, audit: AuditLog, clock: Clock, access: Permissions, inventory: Places, registry: Registry,
        keeper: Keeper, spools: Spools | None,
    ) -> None:  # fmt: skip
        self._store, self._audit, self._clock, self._access = store, audit, clock, access
        self._inventory, self._registry, self._keeper, self._spools = inventory, registry, keeper, spools
        self._under_way: dict[FileId, Spool] = {}  # what a connection took; over when that is closed

    # --- for the session that sends and the one that takes

    def spool(self) -> Spool:
        """Where an upload goes. Raises Refused: it cannot be kept."""
        return self._home().create(FileId(new_id("fil")))

    async def rename(self, live: Live, file_id: FileId, path: str) -> None:
        """The sender calls it otherwise, as clients do that send under another name first.

        Raises:
            Conflict: somebody has decided about it already.
        """
        await self._keeper.persist(live)
        async with self._store.write() as tx:
            line = _his(live, await sql_files.get(tx, file_id))
            await sql_files.rename(tx, line, printable(path))

    async def remove(self, live: Live, file_id: FileId) -> None:
        """The sender wants it no more; raises as `rename`."""
        await self._keeper.persist(live)
        line = _his(live, await self.get(file_id))
        await self._move(line, Verdict.WITHHELD, live.session.person_name, live.session.source, texts.TAKEN_BACK)

    async def cleared(self, live: Live) -> list[Line]:
        """What may go to the target of `live` now, oldest first."""
        if live.grant is None or not live.running:
            return []
        return (await self._all(Sought(grant=live.grant.id, verdict=Verdict.CLEARED)))[::-1]

    async def take(self, live: Live, file_id: FileId) -> Spool:
        """The content of a cleared file, checked against the ledger; nobody else gets it before this is closed.

        Raises:
            Refused: it is not for this session, another connection has it, or it is not what was sent: then it is
                withheld.
        """
        line = await self.get(file_id)
        if live.grant is None or (line.passed.grant, line.passed.verdict) != (live.grant.id, Verdict.CLEARED):
            raise Refused("not_cleared", texts.NOT_CLEARED, rule="C62")
        if (other := self._under_way.get(file_id)) is not None and not other.closed:
            raise Refused("under_way", texts.UNDER_WAY, rule="C62")
        with contextlib.suppress(SealBroken), contextlib.ExitStack() as unless_taken:
            self._under_way[file_id] = spool = self._home().open(file_id, line.passed.octets)
            unless_taken.callback(spool.close)
            if await asyncio.to_thread(spool.digest) == line.passed.sha256:
                unless_taken.pop_all()
                return spool
        await self._move(line, Verdict.WITHHELD, GATEWAY, "", texts.SPOOL_CHANGED)
        raise Refused("held_changed", texts.SPOOL_CHANGED, rule="C62")

    async def delivered(self, live: Live, file_id: FileId) -> None:
        """The target has the whole of it. Raises Conflict: it was withheld meanwhile."""
        line = await self.get(file_id)
        if line.passed.verdict != Verdict.CLEARED or live.grant is None or line.passed.grant != live.grant.id:
            raise Conflict(texts.file_decided(line.passed.verdict))
        live.decision("delivered", file=file_id, path=line.passed.path, sha256=line.passed.sha256)
        await self._move(line, Verdict.DELIVERED, line.decided_by, "", "")

    # --- for those who decide

    async def get(self, file_id: FileId) -> Line:
        """Raises NotFound."""
        async with self._store.read() as tx:
            return await sql_files.get(tx, file_id)

    async def find(self, sought: Sought, limit: int) -> list[Line]:
        """Lines of the ledger, newest first."""
        async with self._store.read() as tx:
            return await sql_files.find(tx, sought, limit)

    async def deliver(self, file_id: FileId, actor: Person, proof: FactorProof) -> Line:
        """Let a held upload through: at once when a session of its grant runs, or when the next one does.

        Raises:
            Refused: he may not, or his factor is not fresh.
            Conflict: it is decided, or its grant is over.
        """
        line = await self._decidable(file_id, actor, proof.source, "deliver", proof)
        if line.passed.verdict != Verdict.HELD:
            raise Conflict(texts.file_decided(line.passed.verdict))
        grant = await self._access.grant(GrantId(line.passed.grant))
        if grant.state not in OPEN_GRANT or grant.passed(self._clock.instant()):
            raise Conflict(texts.GRANT_OVER)
        moved = await self._move(line, Verdict.CLEARED, actor.name, proof.source, texts.CLEARED)
        for live in self._registry.under(grant.id):
            for connection in list(live.connections.values()):
                call(connection.on_cleared)
        return moved

    async def withhold(self, file_id: FileId, actor: Person, reason: str, source: str) -> Line:
        """It never reaches the target, and is gone, also when it is under way; less needs no fresh factor.

        Raises:
            Refused: he may not.
            Conflict: the target has it, or it is gone.
        """
        reason = sentence("reason", reason)
        line = await self._decidable(file_id, actor, source, "withhold", None)
        if line.passed.verdict not in files.OPEN:
            raise Conflict(texts.file_decided(line.passed.verdict))
        return await self._move(line, Verdict.WITHHELD, actor.name, source, reason)

    # --- what time does

    async def sweep(self) -> None:
        """Drop what nobody decided about in time, and what no session can deliver any more."""
        at, waiting = self._clock.instant(), list[Line]()
        for verdict in sorted(files.OPEN):
            waiting += await self._all(Sought(verdict=verdict))
        for line in waiting:
            grant = await self._access.grant(GrantId(line.passed.grant))
            if at.wall - line.passed.closed >= HELD_LIFE or grant.state not in OPEN_GRANT:
                await self._move(line, Verdict.EXPIRED, CLOCK, "", texts.HELD_EXPIRED)

    async def recover(self) -> None:
        """At start: what a dead process left of uploads that never became a line of the ledger is gone."""
        if self._spools is None:
            return
        for file_id in self._spools.kept():
            try:
                line = await self.get(file_id)
            except NotFound:
                self._spools.remove(file_id)
                continue
            if line.passed.verdict not in files.OPEN:
                self._spools.remove(file_id)

    # --- inside

    async def _all(self, sought: Sought) -> list[Line]:
        """Newest first, however many there are."""
        page = await self.find(sought, PAGE)
        found = list(page)
        while len(page) == PAGE:
            page = await self.find(replace(sought, before=page[-1].place), PAGE)
            found += page
        return found

    def _home(self) -> Spools:
        if self._spools is None:
            raise Refused("not_held", texts.NOT_HELD_HERE, rule="C62")
        return self._spools

    async def _decidable(
        self, file_id: FileId, actor: Person, source: str, attempt: str, proof: FactorProof | None
    ) -> Line:
        line, now = await self.get(file_id), self._clock.now()
        async with self._store.read() as tx:
            session = await sql.get(tx, SessionId(line.passed.session))
        target = await self._inventory.target_named(line.passed.target)
        refusal = rules.deliverer(actor, target, session)
        if refusal is None and (objection := access_rules.standing(actor, now)) is not None:
            refusal = objection.refused()
        if refusal is None and proof is not None and (stale := access_rules.fresh(proof, actor, now)) is not None:
            refusal = stale.refused()
        if refusal is None:
            return line
        event = HeldFileRefused(
            actor=actor.name, source=source, session=session.id, file=file_id, attempt=attempt, reason=refusal.code
        )
        async with self._store.write() as tx:
            await self._audit.append(tx, event)
        raise refusal

    async def _move(self, line: Line, verdict: Verdict, by: str, source: str, words: str) -> Line:
        """Written first; what is decided against is gone from the disk after."""
        async with self._store.write() as tx:
            moved = await sql_files.move(tx, line, verdict, by=by, at=self._clock.now(), words=words)
            said = line.passed
            await self._audit.append(
                tx,
                HeldFileMoved(
                    actor=by, source=source, session=said.session, file=said.id, path=said.path, sha256=said.sha256,
                    verdict=verdict, words=words,
                ),
            )  # fmt: skip
        if verdict is not Verdict.CLEARED and self._spools is not None:
            if (taken := self._under_way.pop(line.passed.id, None)) is not None:
                taken.close()
            self._spools.remove(line.passed.id)
        return moved


def _his(live: Live, line: Line) -> Line:
    """`line`, when it is of `live` and nobody has decided about it."""
    if line.passed.session != live.session.id:
        raise NotFound("file")
    if line.passed.verdict != Verdict.HELD:
        raise Conflict(texts.file_decided(line.passed.verdict))
    return line
