"""The one door for every front: who arrives is checked, waits for what is missing, and enters in one transaction.

Order at start (access model, rule 10): recorder open and writable, then release used, grant live and row `active`
in the same transaction, then the first packet to the target.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.access.model import Grant, GrantState, RequestState
from gateway.audit.events.sessions import ChannelRefused, ConnectionJoined, SessionArrived, SessionHeld, SessionRefused
from gateway.audit.log import AuditLog
from gateway.audit.model import GATEWAY
from gateway.clock import Clock
from gateway.errors import Conflict, NotFound, Refused, StoreUnavailable
from gateway.ids import SessionId, new_id
from gateway.limits import NAME_OCTETS, TEXT_CHARACTERS
from gateway.policy.model import Channel
from gateway.sessions import rules, sql, texts
from gateway.sessions.checks import Admitted, Checks
from gateway.sessions.connection import Connection
from gateway.sessions.held import Held
from gateway.sessions.keeper import Keeper
from gateway.sessions.live import Live
from gateway.sessions.model import Arrival, EndReason, Hold, Session, SessionEvent, SessionState, moved
from gateway.sessions.ports import People, Permissions, Places
from gateway.sessions.registry import Registry
from gateway.sessions.rules import Facts
from gateway.sessions.south import South
from gateway.sessions.start import Start
from gateway.sessions.visit import Visit
from gateway.store.db import Store
from gateway.words import printable

RULE = "access-model 2.1"


class Door:
    """INVARIANT: nothing goes to a target from here; a session runs only by `Start`."""

    def __init__(
        self, *, store: Store, audit: AuditLog, clock: Clock, checks: Checks, access: Permissions, identity: People,
        inventory: Places, registry: Registry, keeper: Keeper, start: Start, south: South, held: Held, node: str,
    ) -> None:  # fmt: skip
        self._store, self._audit, self._clock, self._checks = store, audit, clock, checks
        self._access, self._identity, self._inventory = access, identity, inventory
        self._registry, self._keeper, self._start, self._south, self._node = registry, keeper, start, south, node
        self._held = held
        self.closed_for_good = False  # the gateway stops

    # --- arriving

    async def arrive(self, arrival: Arrival) -> Visit:
        """Raises Refused: not now, and waiting would not help."""
        try:
            return await self._arrive(arrival)
        except StoreUnavailable as error:
            raise Refused("unavailable", texts.UNAVAILABLE, rule="access-model 2.15", detail=str(error)) from None
        except Refused as refusal:
            await self._refused(arrival, refusal)
            raise

    async def _arrive(self, arrival: Arrival) -> Visit:
        if self.closed_for_good:
            raise Refused("stopping", texts.UNAVAILABLE)
        arrival = replace(arrival, protocol=await self._checks.spoken(arrival.target, arrival.protocol))
        admitted = await self._admitted(arrival)
        live = self._registry.find(admitted.person.id, admitted.target.id, arrival.protocol, arrival.source)
        if live is None:
            live = self._appear(arrival, admitted)
        elif arrival.account and arrival.account != live.session.account:
            raise Refused("wrong_account", texts.account(arrival.account, live.session.account))
        if live.session.state is SessionState.PAUSED:
            raise Refused("paused", texts.PAUSED_NOW, rule="access-model 2.11")
        most = live.obligations.connections
        if len(live.connections) + len(live.visits) >= most:
            raise Refused("too_many_connections", texts.too_many(most), rule="access-model 2.5")
        visit = Visit(live, arrival, self)
        live.visits.add(visit)
        try:
            if not live.running:
                await self.look(live)
            if live.over:
                raise live.refused()
        except BaseException:
            await self.left(live, visit)
            raise
        return visit

    async def _admitted(self, arrival: Arrival, live: Live | None = None) -> Admitted:
        return await self._checks.connect(
            arrival.person, arrival.proofs, arrival.target, live.session.account if live else arrival.account,
            arrival.protocol, arrival.source, emergency=live is not None and live.emergency,
        )  # fmt: skip

    def _appear(self, arrival: Arrival, admitted: Admitted) -> Live:
        person, target = admitted.person, admitted.target
        session = Session(
            id=SessionId(new_id("ses")), state=SessionState.AUTHORISING, person=person.id, person_name=person.name,
            person_title=person.title, organisation=person.organisation.name, target=target.id,
            target_name=target.name, account=admitted.account.name if admitted.account else "",
            protocol=arrival.protocol, source=arrival.source,
            client=printable(arrival.client)[:TEXT_CHARACTERS], node=self._node, created=self._clock.now(),
        )  # fmt: skip
        live = Live(
            session, person, target, admitted.service, admitted.account, admitted.allow.obligations, arrival.proofs,
            self._clock, self._registry.write,
        )  # fmt: skip
        live.asked_account = arrival.account
        self._registry.add(live)
        return live

    # --- holding

    async def look(self, live: Live) -> Hold | None:
        """What is missing now, after the store; None when nothing is.

        Raises:
            Refused: what is missing will not come; the session is over.
        """
        try:
            async with live.lock:
                if live.over:
                    raise live.refused()
                if not live.running and not live.fresh:
                    await self._look(live)
                return live.session.hold
        except StoreUnavailable as error:
            raise Refused("unavailable", texts.UNAVAILABLE, rule="access-model 2.15", detail=str(error)) from None

    async def _look(self, live: Live) -> None:
        live.fresh = True
        try:
            verdict = rules.missing(await self._facts(live), live.session.hold)
        except BaseException as error:
            live.fresh = False
            if not isinstance(error, Refused):
                raise
            verdict = error
        if live.over:  # meanwhile
            raise live.refused()
        if isinstance(verdict, Refused):
            live.refuse(verdict, EndReason.POLICY)
            await self._keeper.persist_locked(live)
            raise verdict
        if live.stored == 0 or verdict != live.session.hold:
            await self._hold(live, verdict)

    async def _hold(self, live: Live, hold: Hold | None) -> None:
        """Write what it waits for from now on."""
        before, s = live.session, live.session
        state = s.state
        if hold is not None and state is SessionState.AUTHORISING:
            state = moved(state, SessionEvent.HELD)
        grant = live.grant.id if live.grant is not None else None
        session = replace(s, state=state, hold=hold, grant=grant, version=live.stored + 1)
        async with self._store.write() as tx:
            if live.stored == 0:
                await sql.add(tx, session)
                event: SessionArrived | SessionHeld = SessionArrived(
                    actor=s.person_name, source=s.source, session=s.id, target=s.target_name, protocol=s.protocol,
                    account=s.account, client=s.client, waiting=hold.waiting if hold else "",
                )  # fmt: skip
            else:
                await sql.change(tx, session, live.stored)
                event = SessionHeld(
                    actor=GATEWAY,
                    session=s.id,
                    waiting=hold.waiting if hold else "",
                    since=hold.since if hold else None,
                )
            await self._audit.append(tx, event)
        live.stored = session.version
        if live.session is before:
            live.session = session
        if hold is not None:
            live.holds.append(hold)
        live.wake(stale=False)

    async def _facts(self, live: Live) -> Facts:
        s, now = live.session, self._clock.instant()
        async with self._store.read() as tx:
            if await self._access.blocked(tx, live.person, live.target) is not None:
                raise Refused("blocked", texts.BLOCKED, rule="access-model 2.12")
            grant = await self._access.grant_for(tx, s.person, s.target, s.protocol, now.wall, live.asked_account)
            other = None if grant else await self._access.grant_for(tx, s.person, s.target, s.protocol, now.wall)
            release = await self._access.armed(tx, grant.id, now) if grant is not None else None
            request = None if grant else await self._access.request_open(tx, s.person, s.target, s.protocol)
            running = await sql.running_on(tx, s.target, s.id)
        if (refusal := rules.busy(live.target, s.protocol, running, live.obligations.concurrency)) is not None:
            raise refusal
        if other is not None:
            raise Refused("wrong_account", texts.account(live.asked_account, other.wanted.account), rule=RULE)
        later = None
        if grant is not None:
            self._granted(live, grant)
        else:
            live.grant, live.obligations = None, live.allowed
            later = await self._later(live)
            if request is not None:
                live.asked_for = request.id
            elif live.asked_for is not None:
                request = await self._access.request(live.asked_for)
        waiting = request is not None and request.state is RequestState.PENDING
        return Facts(
            now.wall, s.target_name, live.obligations, grant, later, request, release, live.observers,
            await self._approvers(live) if waiting else (), s.protocol,
        )  # fmt: skip

    def _granted(self, live: Live, grant: Grant) -> None:
        """From now on the grant's account and obligations hold, too."""
        account = live.target.account(live.session.protocol, grant.wanted.account)
        if account is None and grant.wanted.account:
            raise Refused("no_grant", texts.no_grant(live.session.target_name), detail="account is gone")
        live.account, live.grant = account, grant
        live.obligations = live.allowed.join(grant.obligations)
        if grant.wanted.account != live.session.account:
            live.session = replace(live.session, account=grant.wanted.account)

    async def _later(self, live: Live) -> Grant | None:
        """An approved grant whose window opens later: the first one."""
        s, now = live.session, self._clock.now()
        grants = await self._access.grants(person=s.person, states=frozenset({GrantState.SCHEDULED, GrantState.LIVE}))
        mine = [
            g.wanted.not_before
            for g in grants
            if g.wanted.target == s.target and g.wanted.protocol is s.protocol and g.wanted.not_before > now
        ]
        return next((g for g in grants if mine and g.wanted.not_before == min(mine)), None)

    async def _approvers(self, live: Live) -> tuple[str, ...]:
        """Who can say yes, as titles."""
        asked = []
        for owner in sorted(live.target.owners):
            try:
                asked.append((await self._identity.person(owner)).title)
            except NotFound:
                continue
        if "operator" in live.obligations.approver_roles:
            asked.append(rules.CONTROL_ROOM)
        return tuple(asked)

    async def left(self, live: Live, visit: Visit) -> None:
        """A visit is gone. When it was the last one, a session that does not run yet is over."""
        live.visits.discard(visit)
        if live.visits or live.running or live.session.state is SessionState.CONNECTING:
            return
        live.finish_with(EndReason.CLIENT, live.session.person_name)
        if live.stored == 0:
            live.finished = True
            self._registry.remove(live)
        self._registry.write(live)

    # --- entering

    async def enter(self, live: Live, visit: Visit) -> Connection:
        """Raises Refused, or Conflict when it holds again; whoever is refused has left."""
        try:
            async with live.lock:
                await self._let_in(live, visit)
            if live.over:
                raise live.refused()
        except Conflict:
            raise
        except StoreUnavailable as error:
            await self.left(live, visit)
            raise Refused("unavailable", texts.UNAVAILABLE, rule="access-model 2.15", detail=str(error)) from None
        except BaseException as error:
            await self.left(live, visit)
            if isinstance(error, Refused):
                await self._refused(visit.arrival, error)
            raise
        return self._connect(live, visit)

    async def _let_in(self, live: Live, visit: Visit) -> None:
        if live.over or self.closed_for_good:
            raise live.refused()
        if visit not in live.visits:
            raise Refused("not_running", texts.NOT_RUNNING)
        admitted = await self._admitted(visit.arrival, live)
        if live.running:
            live.proofs += visit.arrival.proofs
            live.target = admitted.target
            return
        live.person, live.target, live.service = admitted.person, admitted.target, admitted.service
        live.allowed, live.proofs = admitted.allow.obligations, visit.arrival.proofs
        await self._begin(live, admitted)

    async def _begin(self, live: Live, admitted: Admitted) -> None:
        if not live.fresh:
            await self._look(live)
        if live.session.hold is not None:
            raise Conflict(texts.NOT_YET)
        try:
            await self._start.run(live, admitted.allow)
        except Conflict:
            live.fresh = False
            await self._look(live)
            raise

    def _connect(self, live: Live, visit: Visit) -> Connection:
        live.visits.discard(visit)
        live.connected += 1
        connection = Connection(live, live.connected, self, self._inventory, self._south, self._held)
        live.connections[connection.number] = connection
        live.emptied = None
        s = live.session
        live.decision("connection", connection=connection.number, client=visit.arrival.client, source=s.source)
        if connection.number > 1:
            live.facts.append(
                ConnectionJoined(
                    actor=s.person_name, source=s.source, session=s.id, connection=connection.number,
                    client=visit.arrival.client,
                )
            )  # fmt: skip
            self._registry.write(live)
        return connection

    # --- for connections

    async def permitted(self, live: Live, channel: Channel, service: str) -> None:
        """May this channel open now; a refusal is on record. Raises Refused."""
        try:
            await self._checks.channel(live, channel, service)
        except StoreUnavailable as error:
            raise Refused("unavailable", texts.UNAVAILABLE, rule="access-model 2.15", detail=str(error)) from None
        except Refused as refusal:
            s = live.session
            live.facts.append(
                ChannelRefused(
                    actor=s.person_name, source=s.source, session=s.id, channel=channel, reason=refusal.code,
                    rule=refusal.rule, service=printable(service)[:NAME_OCTETS],
                )
            )  # fmt: skip
            where = {"service": service} if service else {}
            live.decision("channel refused", channel=channel, reason=refusal.code, **where)
            self._registry.write(live)
            raise

    async def closed(self, live: Live, number: int, reason: EndReason, words: str) -> None:
        await self._keeper.closed(live, number, reason, words)

    async def _refused(self, arrival: Arrival, refusal: Refused) -> None:
        """On record; a store that is away must not turn a no into something else."""
        event = SessionRefused(
            actor=arrival.person.name, source=arrival.source, target=arrival.target, protocol=arrival.protocol,
            client=arrival.client, reason=refusal.code, rule=refusal.rule, detail=refusal.detail,
        )  # fmt: skip
        try:
            async with self._store.write() as tx:
                await self._audit.append(tx, event)
        except StoreUnavailable:
            return
