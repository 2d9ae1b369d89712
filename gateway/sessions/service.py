"""Sessions: the one door for every front, and the switchboard for those who watch and cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta

from gateway.access.model import Grant
from gateway.audit.events.sessions import ExtensionAsked, MessageSent, SessionControlRefused
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import Conflict, NotFound, Refused, StoreUnavailable
from gateway.identity.model import FactorProof, Person
from gateway.ids import PersonId, SessionId
from gateway.inventory.model import Protocol, Target
from gateway.recording.service import Recordings
from gateway.recording.watch import Batch
from gateway.sessions import rules, sql, texts
from gateway.sessions.checks import Checks
from gateway.sessions.door import Door
from gateway.sessions.held import Held
from gateway.sessions.keeper import Keeper
from gateway.sessions.live import Live
from gateway.sessions.menu import Menu
from gateway.sessions.model import Arrival, EndReason, MenuLine, NoticeKind, PauseCause, Session
from gateway.sessions.ports import People, Permissions, Places, Rulebook
from gateway.sessions.registry import Registry
from gateway.sessions.south import South
from gateway.sessions.spool import Spools
from gateway.sessions.start import Start
from gateway.sessions.sweep import Sweep
from gateway.sessions.visit import Visit
from gateway.sessions.watching import Watching
from gateway.store.db import Store
from gateway.words import sentence

TICK = timedelta(seconds=1)
DROP = timedelta(minutes=1)  # between two looks for held files that are over


class Sessions:
    """INVARIANT: access = policy allows AND a live grant covers it AND every obligation is met. No third way in.
    INVARIANT: no byte is delivered to either side before it is in the recording.
    INVARIANT: if policy, store or recorder cannot answer, the session is refused or ended.

    Attributes:
        door: how one gets in. keeper: how memory reaches the store. sweep: what time and others' decisions do.
        held: uploads that wait for somebody to deliver them, and the ledger of files.
    """

    def __init__(
        self, *, store: Store, audit: AuditLog, clock: Clock, policy: Rulebook, access: Permissions, identity: People,
        inventory: Places, recordings: Recordings, south: South, node: str, zone_of_people: str = "",
        spools: Spools | None = None,
    ) -> None:  # fmt: skip
        self._store, self._audit, self._clock, self._access = store, audit, clock, access
        self.registry = Registry()
        self._checks = Checks(clock, policy, identity, inventory, zone_of_people)
        self.keeper = Keeper(store, audit, clock, recordings, self.registry, node)
        self.held = Held(store, audit, clock, access, inventory, self.registry, self.keeper, spools)
        self.sweep = Sweep(clock, access, identity, self.registry, self.keeper)
        self.door = Door(
            store=store, audit=audit, clock=clock, checks=self._checks, access=access, identity=identity,
            inventory=inventory, registry=self.registry, keeper=self.keeper,
            start=Start(store, audit, clock, access, recordings), south=south, held=self.held, node=node,
        )  # fmt: skip
        self._menu = Menu(store, clock, policy, access, inventory, self.registry)
        self._watching = Watching(store, audit)
        self._stopping = asyncio.Event()
        audit.hub.react(self.sweep.react)

    # --- life of the process

    async def recover(self) -> None:
        """At start: sessions that a dead process left are ended (`gateway`), their recordings sealed."""
        await self.keeper.recover()
        await self.held.recover()

    async def run(self) -> None:
        """Until `stop`: deadlines, notices, idle, grace and hold limits; writing what was decided; asking the store
        for a sign of life."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ticking(), name="sessions: ticking")
            tasks.create_task(self._writing(), name="sessions: writing")
            tasks.create_task(self._beating(), name="sessions: beating")
            tasks.create_task(self._dropping(), name="sessions: dropping held files")

    async def stop(self) -> None:
        """Drain: nobody new, every session ended and sealed."""
        self.door.closed_for_good = True
        for live in self.registry:
            live.finish_with(EndReason.GATEWAY, GATEWAY)
        await self.keeper.persist_all()
        await self.keeper.persist_files()
        self._stopping.set()
        self.registry.decided.set()

    async def _ticking(self) -> None:
        while not self._stopping.is_set():
            self.sweep.tick()
            await self._pause(self.sweep.next_in(TICK))

    async def _writing(self) -> None:
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(TICK.total_seconds()):
                    await self.registry.decided.wait()
            except TimeoutError:
                await self.keeper.persist_files()
                continue
            self.registry.decided.clear()
            try:
                await self.sweep.read_again()
            except StoreUnavailable:
                self.registry.decided.set()
            await self.keeper.persist_all()
            await self.keeper.persist_files()
            if self.registry.decided.is_set():  # the store is away: not at once again
                await self._pause(TICK)

    async def _beating(self) -> None:
        while not self._stopping.is_set():
            if len(self.registry):
                with suppress(StoreUnavailable):
                    await self.keeper.beat()
            await self._pause(TICK)

    async def _dropping(self) -> None:
        while not self._stopping.is_set():
            with suppress(StoreUnavailable, Conflict):
                await self.held.sweep()
            await self._pause(DROP)

    async def _pause(self, lasting: timedelta) -> None:
        try:
            async with asyncio.timeout(lasting.total_seconds()):
                await self._stopping.wait()
        except TimeoutError:
            return

    # --- for fronts

    async def arrive(self, arrival: Arrival) -> Visit:
        """Somebody authenticated wants in: he holds, joins a session of his, or is refused.

        Raises:
            Refused: no, and waiting would not help.
        """
        return await self.door.arrive(arrival)

    async def freshness(self, person: Person, target_name: str, protocol: Protocol) -> timedelta:
        """How old a second factor may be here; zero when unknown, so that it is asked for."""
        return await self._checks.freshness(person, target_name, protocol)

    async def proven(self, person: Person, proofs: tuple[FactorProof, ...], grant: Grant, source: str) -> None:
        """Whether he could stand at the door of `grant` with these proofs now.

        Raises:
            Refused: why not; `factor_stale` when a newer code would do.
        """
        w = grant.wanted
        admitted = await self._checks.connect(
            person, proofs, w.target_name, w.account, w.protocol, source, emergency=w.emergency
        )
        both, now = admitted.allow.obligations.join(grant.obligations), self._clock.now()
        if (weak := rules.factors(proofs, both, admitted.person, source, now, w.protocol)) is not None:
            raise weak

    async def menu(self, person: Person) -> list[MenuLine]:
        """What this person may reach, wait for or ask for; nothing else exists for him."""
        return await self._menu.lines(person)

    async def place(self, person: Person, name: str) -> Target | None:
        """The target called `name`, when it is in his menu by SSH or for forwards alone."""
        return await self._menu.place(person, name)

    # --- for those who control

    async def pause(self, session_id: SessionId, actor: Person, source: str, reason: str = "") -> None:
        """Freeze the input at once; what is typed is discarded."""
        live = await self._controlled(session_id, actor, source, "pause", own=True)
        live.freeze(PauseCause.PERSON, actor.name, actor.title, sentence("reason", reason, empty=True), source)
        await self.keeper.persist(live)

    async def resume(self, session_id: SessionId, actor: Person, source: str) -> None:
        """Take the pause of an operator back; others' causes stay."""
        live = await self._controlled(session_id, actor, source, "resume")
        live.thaw(PauseCause.PERSON, actor.name, source)
        await self.keeper.persist(live)

    async def kill(
        self, session_id: SessionId, actor: Person, source: str, reason: str, block_until: datetime | None = None
    ) -> None:
        """End it in this instant; then, when asked to, block the person until a date.

        Raises:
            StoreUnavailable: it has ended all the same; the record follows, the block does not.
        """
        reason = sentence("reason", reason, empty=True)
        live = await self._live(session_id)
        if (refusal := rules.killer(actor, live.target)) is not None:
            await self._note_refusal(live, actor, source, "kill", refusal)
            raise refusal
        live.finish_with(EndReason.KILLED, actor.name, reason, actor.title)
        await self.keeper.persist(live)
        if block_until is not None:
            await self._access.block(
                actor, "person", live.session.person_name, block_until, reason or texts.AFTER_KILL, source
            )

    async def message(self, session_id: SessionId, actor: Person, words: str, source: str = "") -> None:
        """Say something to the person in the session."""
        words = sentence("words", words)
        live = await self._controlled(session_id, actor, source, "message")
        live.facts.append(MessageSent(actor=actor.name, source=source, session=live.session.id, words=words))
        live.tell(NoticeKind.MESSAGE, texts.message(actor.title, words))
        await self.keeper.persist(live)

    async def extend(
        self, session_id: SessionId, actor: Person, proof: FactorProof, by: timedelta, reason: str
    ) -> None:
        """More time for the grant and all its sessions; an approver's decision with a fresh factor."""
        live = await self._live(session_id)
        if live.grant is None or not live.running:
            raise Refused("not_running", texts.NOT_RUNNING)
        grant = await self._access.extend(live.grant.id, actor, proof, by, reason)
        for one in self.registry.under(grant.id):
            if grant.deadline is not None:
                self.sweep.move_deadline(one, grant.deadline, actor.name)
        await self.keeper.persist(live)

    async def ask_extension(self, session_id: SessionId, person: Person, by: timedelta, reason: str) -> None:
        """The person in the session asks for more time: those who can give it hear of it."""
        reason = sentence("reason", reason)
        live = await self._live(session_id)
        if person.id != live.session.person:
            raise NotFound("session")
        if not live.running:
            raise Refused("not_running", texts.NOT_RUNNING)
        live.facts.append(ExtensionAsked(actor=person.name, session=live.session.id, by=by, reason=reason))
        live.decision("extension asked", actor=person.name, seconds=by.total_seconds(), reason=reason)
        live.tell(NoticeKind.MESSAGE, texts.asked_extension(by))
        await self.keeper.persist(live)

    def watch(
        self, session_id: SessionId, watcher: Person, source: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        """Records of a session as they come: a fresh picture first. On record; operators and owners count as observers.
        While the session holds it waits for its start."""
        return self._watching.watch(self.registry.get(session_id), watcher, source)

    # --- reading

    async def live(self) -> list[Session]:
        """Every session of this site that has not ended, newest first; this process's as they are in this instant."""
        return await self.find(ended=False)

    async def get(self, session_id: SessionId) -> Session:
        """Raises NotFound."""
        async with self._store.read() as tx:
            return self._now(await sql.get(tx, session_id))

    async def find(
        self, *, ended: bool | None = None, person: PersonId | None = None, target_name: str = "",
        before: datetime | None = None, limit: int = 200,
    ) -> list[Session]:  # fmt: skip
        """Newest first, at most `limit`; `before` is the `created` of the last one of the page before."""
        async with self._store.read() as tx:
            rows = await sql.find(tx, ended=ended, person=person, target_name=target_name, before=before, limit=limit)
        found = [self._now(row) for row in rows]
        return [s for s in found if ended is None or (s.end is not None) is ended]

    def observers(self, session_id: SessionId) -> int:
        """How many people watch who count as observers."""
        live = self.registry.get(session_id)
        return live.observers if live is not None else 0

    def last_input(self, session_id: SessionId) -> datetime | None:
        """When the person last sent input; None when he did not yet, and once the session is over."""
        live = self.registry.get(session_id)
        return live.typed_at.wall if live is not None and live.typed_at is not None and not live.over else None

    def _now(self, row: Session) -> Session:
        live = self.registry.get(row.id)
        return live.session if live is not None and live.stored else row

    # --- who may

    async def _live(self, session_id: SessionId) -> Live:
        live = self.registry.get(session_id)
        if live is None or live.over:
            row = await self.get(session_id)
            raise Refused("ended", row.end.words if row.end else texts.NOT_RUNNING)
        return live

    async def _controlled(
        self, session_id: SessionId, actor: Person, source: str, attempt: str, *, own: bool = False
    ) -> Live:
        live = await self._live(session_id)
        refusal = rules.controller(actor, live.target, live.session.person, own=own)
        if refusal is None and not live.running:
            refusal = Refused("not_running", texts.NOT_RUNNING)
        if refusal is not None:
            await self._note_refusal(live, actor, source, attempt, refusal)
            raise refusal
        return live

    async def _note_refusal(self, live: Live, actor: Person, source: str, attempt: str, refusal: Refused) -> None:
        async with self._store.write() as tx:
            await self._audit.append(
                tx,
                SessionControlRefused(
                    actor=actor.name, source=source, session=live.session.id, attempt=attempt, reason=refusal.code
                ),
            )
