"""A session that this process holds: its gate, its pauses, its end. In memory and synchronous, so that what an
operator decides takes effect in the same instant, whatever the store does; the store hears of it right after.

INVARIANT: nothing is delivered unless it was recorded, the session runs and its deadline has not passed.
INVARIANT: an end is given once; the first reason stays.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVarTuple

import structlog

from gateway.access.model import Grant
from gateway.audit.events.sessions import SessionPaused, SessionResumed
from gateway.audit.model import CLOCK, GATEWAY, AuditEvent
from gateway.clock import Clock, Deadline, Instant
from gateway.errors import RecorderFailed, Refused
from gateway.identity.model import FactorProof, Person
from gateway.ids import RequestId
from gateway.inventory.model import Account, Protocol, Service, Target
from gateway.limits import FILES_UNWRITTEN
from gateway.policy.model import Channel, Obligations, OnRecorderFailure
from gateway.recording.model import SESSION_STREAM, Kind
from gateway.recording.tape import Tape
from gateway.recording.writer import Recorder
from gateway.sessions import rules, texts
from gateway.sessions.files import Passed
from gateway.sessions.model import (
    RUNNING,
    End,
    EndReason,
    Hold,
    Notice,
    NoticeKind,
    PauseCause,
    RecorderStalled,
    Session,
    SessionEnded,
    SessionEvent,
    SessionState,
    moved,
)

if TYPE_CHECKING:
    from gateway.sessions.connection import Connection
    from gateway.sessions.visit import Visit

log = structlog.get_logger()
Values = TypeVarTuple("Values")


class Live:
    """One session of this process.

    Attributes:
        session: as memory has it; the row follows.
        stored: version of the row; 0 before it exists.
        facts: audit events that the row's transaction has yet to write, in order.
        allowed: the policy's obligations, as asked last.
        obligations: the strictest of policy and grant; the policy's alone before there is a grant.
        visits: connections on their way in, while it holds or joins.
        lock: held while the row is read or written.
    """

    def __init__(
        self, session: Session, person: Person, target: Target, service: Service, account: Account | None,
        obligations: Obligations, proofs: tuple[FactorProof, ...], clock: Clock, decided: Callable[[Live], None],
    ) -> None:  # fmt: skip
        self.session, self.person, self.target, self.service, self.account = session, person, target, service, account
        self.allowed = self.obligations = obligations
        self.proofs, self.clock = proofs, clock
        self._decided = decided
        self.stored = 0
        self.facts: list[AuditEvent] = []
        self.files: list[Passed] = []  # lines of the ledger that the store has yet to get
        self.finished = False
        self.grant: Grant | None = None
        self.recorder: Recorder | None = None
        self.connections: dict[int, Connection] = {}
        self.connected = 0  # connections so far
        self.visits: set[Visit] = set()
        self.holds: list[Hold] = []  # all it waited for, for the recording
        self.refusal: Refused | None = None  # what those who wait for it are told
        self.asked_for: RequestId | None = None  # the pending request that it waited for
        self.asked_account = ""  # the account that was named at arrival
        self.stale = False  # something of it changed in the store: read it again
        self.fresh = False  # the hold is as the store says
        self.observers = 0
        self.pauses: dict[PauseCause, Instant] = {}
        self.discarded = 0
        self.last_input: Instant = clock.instant()
        self.typed_at: Instant | None = None  # the person's last input; None before the first
        self.emptied: tuple[Instant, EndReason] | None = None  # since when, and how the last connection closed
        self.appeared: Instant = clock.instant()
        self.told: timedelta | None = None  # countdown mark last heard
        self.idle_told = False
        self.unobserved: Instant | None = None
        self.lock = asyncio.Lock()
        self._woken = asyncio.Event()

    # --- what it is

    @property
    def running(self) -> bool:
        return self.session.state in RUNNING

    @property
    def emergency(self) -> bool:
        """Whether its grant was asked for in an emergency."""
        return self.grant is not None and self.grant.wanted.emergency

    @property
    def desktop(self) -> bool:
        return self.session.protocol is Protocol.RDP

    @property
    def channels(self) -> frozenset[Channel]:
        """What grant and obligations allow; the policy is asked apart."""
        return self.grant.wanted.channels & self.obligations.channels if self.grant is not None else frozenset()

    def reach(self, name: str) -> Service:
        """The service to dial: the session's own, or the granted tcp service called `name`; raises as `forwarded`."""
        own = not name and self.session.protocol is not Protocol.TCP
        return self.service if own else self.forwarded(name)

    def forwarded(self, name: str) -> Service:
        """The tcp service called `name`.

        Raises:
            Refused: there is none, or a forward to it is not granted.
        """
        found = rules.tcp(self.target, name) if self.grant is not None and name in self.grant.wanted.services else None
        if found is None or Channel.FORWARD not in self.channels:
            raise Refused("forward_not_granted", texts.forward(name, self.session.target_name), rule="access-model 2.1")
        return found

    def filed(self, line: Passed) -> None:
        """The ledger gets it within a second, and never after the end of this session's row."""
        self.files.append(line)
        if self.finished:
            self._decided(self)
        if len(self.files) >= FILES_UNWRITTEN:  # the store keeps up with no more; none may be lost
            self.finish_with(EndReason.GATEWAY, GATEWAY)

    @property
    def over(self) -> bool:
        return self.session.end is not None

    @property
    def deadline(self) -> Deadline:
        if self.session.deadline is None:
            raise SessionEnded("session has no deadline before it runs")
        return self.session.deadline

    def gate(self) -> None:
        """Whether octets may pass now. Cuts at the deadline by itself, so that no timer can be late.

        Raises:
            SessionEnded: they may not.
        """
        if not self.running:
            raise SessionEnded(f"session is {self.session.state}")
        if self.deadline.passed(self.clock.instant()):
            self.expire()
            raise SessionEnded("session's deadline has passed")

    def move(self, event: SessionEvent) -> None:
        self.session = replace(self.session, state=moved(self.session.state, event))

    def wake(self, *, stale: bool = True) -> None:
        """Everybody who waits for this session looks again; `stale`: in the store."""
        self.fresh = self.fresh and not stale
        self._woken.set()
        self._woken = asyncio.Event()

    def woken(self) -> asyncio.Event:
        return self._woken

    # --- start

    def start(self, grant: Grant, recorder: Recorder, session: Session) -> None:
        """The transaction is durable: from now on packets may go to the target."""
        at = self.clock.instant()
        self.grant, self.recorder, self.session, self.stored = grant, recorder, session, session.version
        self.last_input, self.told = at, rules.countdown_mark(self.deadline.remaining(at))
        recorder.on_failed, recorder.on_viewer = self.recorder_gave_up, self.viewer_came
        self.emptied = (at, EndReason.LOST)  # until its first connection stands
        for hold in self.holds:
            self.decision("held", waiting=hold.waiting, since=hold.since.isoformat(), words=hold.words)
        self.wake()

    def extend(self, deadline: Deadline) -> None:
        self.session = replace(self.session, deadline=deadline)

    # --- pause

    def freeze(self, cause: PauseCause, actor: str, title: str = "", reason: str = "", source: str = "") -> None:
        """Input is discarded from this instant on."""
        if not self.running or cause in self.pauses:
            return
        first = self.session.state is SessionState.ACTIVE
        self.pauses[cause] = self.clock.instant()
        if first:
            self.discarded = 0
            self.move(SessionEvent.PAUSE)
        self.facts.append(
            SessionPaused(actor=actor, source=source, session=self.session.id, cause=cause, reason=reason)
        )
        self.decision("pause", actor=actor, cause=cause, reason=reason)
        if first and self.running:
            for connection in list(self.connections.values()):
                call(connection.on_pause, True)
            self.tell(NoticeKind.PAUSED, texts.paused(cause, title or actor, reason, desktop=self.desktop))
        self._decided(self)

    def thaw(self, cause: PauseCause, actor: str, source: str = "") -> None:
        """One cause is gone; input flows again when it was the last."""
        if not self.running or cause not in self.pauses:
            return
        del self.pauses[cause]
        still = tuple(self.pauses)
        self.facts.append(
            SessionResumed(actor=actor, source=source, session=self.session.id, cause=cause, still=still,
                           discarded=self.discarded)
        )  # fmt: skip
        self.decision("resume", actor=actor, cause=cause, still=list(still), discarded=self.discarded)
        if not self.pauses and self.running:
            self.move(SessionEvent.RESUME)
            self.last_input, self.idle_told = self.clock.instant(), False
            self.tell(NoticeKind.RESUMED, texts.resumed(self.discarded, desktop=self.desktop))
            for connection in list(self.connections.values()):
                call(connection.on_pause, False)
        self._decided(self)

    def discard(self, tape: Tape, octets: int) -> None:
        """Count what was typed in a pause; the person is told once a pause."""
        first = self.discarded == 0
        self.discarded += octets
        try:
            tape.discarded(octets)
        except RecorderFailed:
            self.recorder_failed()
        if first and octets:
            self.tell(NoticeKind.DISCARDED, texts.DISCARDED_DESKTOP if self.desktop else texts.DISCARDED)

    def typed(self) -> None:
        """The person did something, delivered or not."""
        self.last_input, self.idle_told = self.clock.instant(), False
        self.typed_at = self.last_input

    # --- observers

    def observe(self, by: int) -> None:
        """An observer came (1) or went (-1). One who must be there and is not freezes the input at once."""
        self.observers += by
        if not self.obligations.observer:
            return
        if self.observers == 0 and self.running:
            self.unobserved = self.clock.instant()
            self.freeze(PauseCause.OBSERVER, GATEWAY)
        elif self.observers > 0:
            self.unobserved = None
            self.thaw(PauseCause.OBSERVER, GATEWAY)
        self.wake()

    def viewer_came(self) -> None:
        """Somebody sees the present from nothing: a desktop must be painted for him."""
        for connection in list(self.connections.values()):
            call(connection.on_viewer)

    # --- recorder

    def recorder_failed(self) -> RecorderFailed:
        """Nothing more can be recorded: the obligation says whether the session waits or ends. Returns what the
        front must get."""
        if self.over:
            return SessionEnded("session has ended")
        if self.obligations.on_recorder_failure is OnRecorderFailure.END:
            self.finish_with(EndReason.RECORDER, "recorder")
            return SessionEnded("recorder failed")
        self.freeze(PauseCause.RECORDER, "recorder")
        return RecorderStalled("recorder cannot write now")

    def recorder_gave_up(self) -> None:
        """The recorder found by itself, between two records, that it cannot write."""
        if self.running:
            self.recorder_failed()

    def decision(self, event: str, **values: object) -> bool:
        """Write a decision into the recording. False when it could not be."""
        return self._note(Kind.DECISION, {"event": event, "at": self.clock.now().isoformat(), **values})

    def tell(self, kind: NoticeKind, words: str) -> None:
        """Record a notice, then give it to every connection; unrecorded it is not given."""
        notice = Notice(kind, self.clock.now(), words)
        if self.recorder is not None and not self._note(
            Kind.NOTICE, {"kind": kind, "at": notice.at.isoformat(), "words": words}
        ):
            return
        for connection in list(self.connections.values()):
            call(connection.on_notice, notice)

    def _note(self, kind: Kind, value: dict[str, object]) -> bool:
        if self.recorder is None:
            return False
        try:
            self.recorder.record(kind, SESSION_STREAM, json.dumps(value, sort_keys=True).encode())
        except RecorderFailed:
            if self.running and PauseCause.RECORDER not in self.pauses:
                self.recorder_failed()
            return False
        return True

    # --- end

    def expire(self) -> None:
        self.finish_with(EndReason.EXPIRED, CLOCK)

    def finish_with(self, reason: EndReason, actor: str, detail: str = "", title: str = "") -> None:
        self.end(End(reason, actor, texts.ended(reason, title or actor, detail)))

    def refuse(self, refusal: Refused, reason: EndReason, actor: str = GATEWAY) -> None:
        """It will never run: those who wait for it are told why."""
        self.refusal = self.refusal or refusal
        self.end(End(reason, actor, refusal.words))

    def refused(self) -> Refused:
        """What somebody is told who waits for a session that is over."""
        words = self.session.end.words if self.session.end else texts.NOT_RUNNING
        return self.refusal or Refused("ended", words)

    def end(self, end: End) -> None:
        """Input closed, front told (it closes target, then client), sockets cut. Sealing and the row follow."""
        if self.over:
            return
        self.session = replace(self.session, state=moved(self.session.state, SessionEvent.END), end=end, hold=None)
        if self.recorder is not None:
            self.decision("end", reason=end.reason, actor=end.actor, words=end.words)
            self._note(Kind.NOTICE, {"kind": NoticeKind.ENDED, "at": self.clock.now().isoformat(), "words": end.words})
        for connection in list(self.connections.values()):
            connection.ended(end)
        self.wake()
        self._decided(self)


def call(callback: Callable[[*Values], None], *values: *Values) -> None:
    """Call into a front: one that fails must keep nobody else from hearing of it."""
    try:
        callback(*values)
    except Exception:
        log.exception("Front failed to take an event", values=[type(value).__name__ for value in values])
