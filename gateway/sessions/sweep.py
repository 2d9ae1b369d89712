"""What time and others' decisions do to the sessions of this process: all in memory, nothing waits for the store."""

from __future__ import annotations

from datetime import timedelta

import structlog

from gateway.access.model import GrantState
from gateway.audit.events.access import BlockSet, GrantExpired, GrantExtended, GrantRevoked, GrantUsed
from gateway.audit.events.identity import KeyRemoved, OrganisationChanged, PersonChanged, PersonDisabled
from gateway.audit.events.sessions import DeadlineMoved
from gateway.audit.model import CLOCK, GATEWAY, AuditEvent
from gateway.clock import ZERO, Clock, Deadline, Instant
from gateway.errors import NotFound, Refused, StoreUnavailable
from gateway.identity.model import Factor
from gateway.ids import GrantId
from gateway.limits import HOLD_LONGEST, OBSERVER_GRACE, RECORDER_PATIENCE, STORE_SILENT, VISIT_GRACE
from gateway.policy.model import OnRecorderFailure
from gateway.sessions import rules, texts
from gateway.sessions.keeper import Keeper
from gateway.sessions.live import Live
from gateway.sessions.model import EndReason, NoticeKind, PauseCause, Waiting
from gateway.sessions.ports import People, Permissions
from gateway.sessions.registry import Registry

log = structlog.get_logger()
STEP = timedelta(seconds=2)  # a machine that slept must not mistake its own sleep for the store's silence
HINTS = ("access.", "identity.", "inventory.")  # subjects of which a hold may depend
KEYS = frozenset({Factor.SSH_KEY, Factor.SSH_KEY_TOUCHED})


class Sweep:
    """`tick` once a second and `react` at each committed event; both return at once and never raise."""

    def __init__(self, clock: Clock, access: Permissions, identity: People, registry: Registry, keeper: Keeper) -> None:
        self._clock, self._access, self._identity = clock, access, identity
        self._registry, self._keeper = registry, keeper
        self._last: Instant = clock.instant()
        self._silent, self._answers = ZERO, 0

    # --- time

    def tick(self) -> None:
        at = self._clock.instant()
        self._store_silence(at)
        for live in self._registry:
            if live.over:
                self._registry.write(live)
            elif live.running:
                self._running(live, at)
            elif live.stored:
                self._holding(live, at)

    def next_in(self, longest: timedelta) -> timedelta:
        """How long nothing is due, at most `longest`."""
        at = self._clock.instant()
        left = [live.deadline.remaining(at) for live in self._registry if live.running]
        return min([longest, *left])

    def _store_silence(self, at: Instant) -> None:
        """A gateway that cannot write ends what it could not answer for (rule 15)."""
        if self._answers != self._keeper.answers or not len(self._registry):
            self._answers, self._silent = self._keeper.answers, ZERO
        else:
            self._silent += min(rules.elapsed(self._last, at), STEP)
        self._last = at
        if self._silent >= STORE_SILENT:
            for live in self._registry:
                live.finish_with(EndReason.GATEWAY, GATEWAY)

    def _running(self, live: Live, at: Instant) -> None:
        remaining = live.deadline.remaining(at)
        if remaining == ZERO:
            live.expire()
        elif standing := live.person.standing(at.wall):
            self._no_longer(live, CLOCK, standing)
        elif live.emptied is not None and rules.elapsed(live.emptied[0], at) >= VISIT_GRACE:
            live.finish_with(live.emptied[1], live.session.person_name)
        elif live.unobserved is not None and rules.elapsed(live.unobserved, at) >= OBSERVER_GRACE:
            live.finish_with(EndReason.OBSERVER, CLOCK)
        else:
            self._recorder(live, at)
            self._idle(live, at)
            self._countdown(live, remaining)

    def _countdown(self, live: Live, remaining: timedelta) -> None:
        due, live.told = rules.countdown_due(remaining, live.told), rules.countdown_mark(remaining)
        if due and live.told is not None:
            live.tell(NoticeKind.COUNTDOWN, texts.countdown(live.told, live.deadline.wall))

    def _idle(self, live: Live, at: Instant) -> None:
        if live.pauses or not live.connections:
            return
        left = live.obligations.idle - rules.elapsed(live.last_input, at)
        if left <= ZERO:
            live.finish_with(EndReason.IDLE, CLOCK)
        elif left <= rules.IDLE_WARNING < live.obligations.idle and not live.idle_told:
            live.idle_told = True
            live.tell(NoticeKind.COUNTDOWN, texts.idle_soon(left, desktop=live.desktop))

    def _recorder(self, live: Live, at: Instant) -> None:
        """A session that waits for its recorder: tried again each tick, given up after a while."""
        since = live.pauses.get(PauseCause.RECORDER)
        if since is None:
            return
        if live.decision("recorder answers again"):
            live.thaw(PauseCause.RECORDER, "recorder")
        elif (
            rules.elapsed(since, at) >= RECORDER_PATIENCE
            or live.obligations.on_recorder_failure is OnRecorderFailure.END
        ):
            live.finish_with(EndReason.RECORDER, "recorder")

    def _holding(self, live: Live, at: Instant) -> None:
        hold = live.session.hold
        if at.wall - live.session.created >= HOLD_LONGEST or rules.elapsed(live.appeared, at) >= HOLD_LONGEST:
            refusal = Refused("hold_too_long", texts.hold_too_long(HOLD_LONGEST), rule="access-model 2.9")
            live.refuse(refusal, EndReason.EXPIRED, CLOCK)
        elif standing := live.person.standing(at.wall):
            self._no_longer(live, CLOCK, standing)
        elif hold is not None and hold.waiting is Waiting.WINDOW:
            live.wake()

    # --- others' decisions

    def react(self, event: AuditEvent) -> None:
        """A fact was committed. What it surely ends, ends here; whatever else it means is read from the store."""
        match event:
            case GrantRevoked() | GrantUsed() | GrantExpired() | GrantExtended():
                self._grant(event)
            case BlockSet():
                self._block(event)
            case PersonDisabled():
                self._person(event.person, event.actor)
            case KeyRemoved():
                self._key(event)
            case PersonChanged() | OrganisationChanged():
                for live in self._registry:
                    self._read_again(live)
        if event.name.startswith(HINTS):
            for live in self._registry:
                if not live.running:
                    live.wake()

    def _grant(self, event: GrantRevoked | GrantUsed | GrantExpired | GrantExtended) -> None:
        for live in self._registry.under(GrantId(event.grant)):
            match event:
                case GrantRevoked():
                    live.finish_with(EndReason.REVOKED, event.actor, event.reason)
                case GrantExtended():
                    self._read_again(live)
                case _ if live.running:
                    live.expire()

    def _block(self, event: BlockSet) -> None:
        for live in self._registry:
            s = live.session
            if event.blocked == {"person": s.person_name, "organisation": s.organisation, "target": s.target_name}.get(
                event.kind
            ):
                live.finish_with(EndReason.REVOKED, event.actor, event.reason)

    def _person(self, name: str, actor: str) -> None:
        for live in self._registry:
            if name in {live.session.person_name, live.session.person}:
                self._no_longer(live, actor, "disabled")

    def _key(self, event: KeyRemoved) -> None:
        """Which key opened a session is not kept: whoever came with a key must come again."""
        for live in self._registry:
            if event.person in {live.session.person_name, live.session.person} and any(
                p.factor in KEYS for p in live.proofs
            ):
                self._no_longer(live, event.actor, "key removed")

    def _no_longer(self, live: Live, actor: str, why: str) -> None:
        log.info("Person may no longer be here", session=live.session.id, why=why)
        live.refuse(Refused(why.replace(" ", "_"), texts.STANDING), EndReason.POLICY, actor)

    def _read_again(self, live: Live) -> None:
        live.stale = True
        self._registry.write(live)

    # --- the store, after a hint

    async def read_again(self) -> None:
        """What the hints were about. Raises StoreUnavailable: the hints stay."""
        for live in self._registry:
            if live.stale and not live.over:
                live.stale = False
                try:
                    await self._reread(live)
                except StoreUnavailable:
                    live.stale = True
                    raise

    async def _reread(self, live: Live) -> None:
        try:
            live.person = await self._identity.person(live.person.id)
        except NotFound:
            self._no_longer(live, GATEWAY, "unknown")
            return
        if standing := live.person.standing(self._clock.now()):
            self._no_longer(live, GATEWAY, standing)
        elif live.grant is not None and live.running:
            grant = await self._access.grant(live.grant.id)
            if grant.state is GrantState.REVOKED:
                live.finish_with(EndReason.REVOKED, GATEWAY, grant.reason)
            elif grant.state not in {GrantState.LIVE, GrantState.SCHEDULED}:
                live.expire()
            elif grant.deadline is not None:
                self.move_deadline(live, grant.deadline, GATEWAY)

    def move_deadline(self, live: Live, deadline: Deadline, actor: str) -> None:
        """An approved extension reaches a running session."""
        if not live.running or deadline == live.deadline:
            return
        live.extend(deadline)
        live.facts.append(DeadlineMoved(actor=actor, session=live.session.id, deadline=deadline.wall))
        live.decision("extended", actor=actor, deadline=deadline.wall.isoformat())
        live.told = rules.countdown_mark(deadline.remaining(self._clock.instant()))
        live.tell(NoticeKind.EXTENDED, texts.extended(deadline.wall))
        self._registry.write(live)
