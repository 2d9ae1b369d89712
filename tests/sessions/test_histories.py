"""The properties of the access model, section 5, under random histories: people, clocks, a recorder and a store that
fail, and a process that dies. The services are the real ones; only the clock is simulated."""

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.access.model import GrantState, ReleaseState, RequestState
from gateway.clock import ZERO
from gateway.errors import Conflict, RecorderFailed, Refused, StoreUnavailable
from gateway.inventory.model import Service
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Channel, OnRecorderFailure
from gateway.sessions import sql
from gateway.sessions.model import EndReason, SessionState
from gateway.sessions.south import Gate
from tests.sessions.conftest import store_at
from tests.sessions.site import ELSEWHERE, HOME, PLANT_NET, SHELL_AND_EXEC, Site, listen
from tests.sessions.test_faults import Disk, Outage
from tests.sessions.test_files import a_file, ledger
from tests.sim.clock import SimulatedClock

NO = (Refused, Conflict, StoreUnavailable)
FRESH = timedelta(minutes=15)
FILES = frozenset({Channel.SFTP_READ, Channel.SFTP_WRITE})
WANTED = {"channels": SHELL_AND_EXEC | FILES | {Channel.FORWARD}, "services": frozenset({"plc"})}
PASSES = {
    "shell": ("typed", "output"),
    "exec": ("stdin", "output"),
    "desktop": ("pressed", "pointed", "pasted", "shown"),
    "sftp": ("asked", "sent", "answered", "fetched"),
    "forward": ("carried_up", "carried_down"),
}


class Histories(RuleBasedStateMachine):
    schema: Path
    engine: PolicyEngine

    @initialize(
        observer=st.booleans(), release=st.booleans(), on_failure=st.sampled_from(OnRecorderFailure),
        concurrency=st.integers(1, 2), already=st.sampled_from(["inside", "inside", "waiting", "nothing"]),
    )  # fmt: skip
    def begin(
        self, observer: bool, release: bool, on_failure: OnRecorderFailure, concurrency: int, already: str
    ) -> None:
        self.runner, self.folder = asyncio.Runner(), Path(tempfile.mkdtemp())
        shutil.copy(self.schema, self.folder / "test.db")
        self.store, self.clock = store_at(self.folder / "test.db"), SimulatedClock()
        self.outage = Outage(self.store)
        self.site = Site(self.store, self.clock, self.folder, self.engine, "127.0.0.1")
        self.do(self.site.build())
        self.observer, self.release_needed, self.concurrency = observer, release, concurrency
        self.site.require(
            observer=observer, release=release, on_recorder_failure=on_failure, concurrency=concurrency,
            idle=timedelta(hours=9),
        )  # fmt: skip
        self.visits, self.streams, self.connections, self.watches = [], [], [], []
        self.disks: dict[str, Disk] = {}
        self.disk_full, self.token, self.talks = False, 0, True
        self.delivered, self.in_pause = set[bytes](), set[bytes]()
        self.filed, self.dialled = dict[int, str](), list[Service]()
        self.site.south.connect = self.dial  # type: ignore[method-assign]
        self.do(self.site.services(plc=1, web=2))
        if already != "nothing":
            self.do(self.site.grant(**WANTED))
            self.vera_arrives(HOME)
        if already == "inside":
            self.lena_releases()
            self.lena_watches()
            self.enter(self.visits[0])

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.outage.away = self.disk_full = False
            for disk in self.disks.values():
                disk.full = False
            self.nobody_watches()
            self.do(self.site.settle())
            self.do(self.the_log_tells_the_story())
            self.do(self.site.restart().recover())
            self.do(self.the_log_tells_the_story())
            assert self.do(self.site.sessions.live()) == []
            self.do(self.every_file_is_in_the_ledger())
        finally:
            self.runner.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def dial(self, service: Service, gate: Gate) -> None:
        gate.permitted()
        self.dialled.append(service)

    def do(self, call):
        return self.runner.run(call)

    def attempt(self, call):
        try:
            return self.do(call)
        except NO:
            return None

    # --- people

    @rule(hours=st.sampled_from([1, 8]), minutes=st.sampled_from([5, 60]))
    def vera_asks(self, hours: int, minutes: int) -> None:
        self.attempt(self.site.ask(window=timedelta(hours=hours), duration=timedelta(minutes=minutes), **WANTED))

    @rule(yes=st.sampled_from([True, True, True, False]))
    def omar_decides(self, yes: bool) -> None:
        if self.outage.away:
            return
        pending = self.do(self.site.access.requests(states={RequestState.PENDING}))
        for request in pending[:1]:
            if yes:
                self.attempt(self.site.approve(request))
            else:
                self.attempt(self.site.access.deny(request.id, self.site.omar, "no", PLANT_NET))

    @rule()
    def lena_releases(self) -> None:
        if not self.outage.away:
            for grant in self.do(self.site.access.grants(states={GrantState.SCHEDULED, GrantState.LIVE}))[:1]:
                self.attempt(self.site.release(grant))

    @rule()
    def lena_withdraws(self) -> None:
        if not self.outage.away:
            for grant in self.do(self.site.access.grants()):
                for release in self.do(self.site.access.releases(grant.id)):
                    if release.state is ReleaseState.ARMED:
                        self.attempt(self.site.access.withdraw(release.id, self.site.lena, PLANT_NET))

    @rule()
    def omar_revokes(self) -> None:
        if not self.outage.away:
            for grant in self.do(self.site.access.grants(states={GrantState.SCHEDULED, GrantState.LIVE}))[:1]:
                self.attempt(self.site.access.revoke(grant.id, self.site.omar, "no", PLANT_NET))

    @rule(source=st.sampled_from([HOME, HOME, HOME, ELSEWHERE]))
    def vera_arrives(self, source: str) -> None:
        visit = self.attempt(self.site.arrive(source=source))
        if visit is not None:
            self.visits.append(visit)

    @precondition(lambda self: self.visits)
    @rule(data=st.data())
    def vera_enters(self, data) -> None:
        self.enter(data.draw(st.sampled_from(self.visits)))

    def enter(self, visit) -> None:
        try:
            if not self.do(visit.settled(ZERO)):
                return
            connection = self.do(visit.enter())
        except Conflict:
            return
        except (Refused, StoreUnavailable):
            self.visits.remove(visit)
            return
        self.visits.remove(visit)
        assert any(p.fresh(self.clock.now(), FRESH) for p in visit.arrival.proofs)
        listen(connection)
        self.connections.append(connection)
        live = self.site.sessions.registry.get(connection.session.id)
        if live.session.id not in self.disks:
            self.disks[live.session.id] = Disk(live.recorder)
            self.disks[live.session.id].full = self.disk_full
        try:
            for kind, terminal in ((kind, (80, 24) if kind == "shell" else None) for kind in PASSES):
                self.streams.append((connection, connection.open_stream(kind, {}, terminal), kind))
        except Refused:
            return

    @precondition(lambda self: self.visits)
    @rule(data=st.data())
    def vera_gives_up(self, data) -> None:
        visit = data.draw(st.sampled_from(self.visits))
        self.visits.remove(visit)
        self.do(visit.leave())

    @precondition(lambda self: self.connections)
    @rule(data=st.data(), reason=st.sampled_from([EndReason.CLIENT, EndReason.LOST]))
    def vera_leaves(self, data, reason: EndReason) -> None:
        connection = data.draw(st.sampled_from(self.connections))
        self.connections.remove(connection)
        self.streams = [s for s in self.streams if s[0] is not connection]
        self.do(connection.close(reason))

    @rule()
    def vera_talks_or_is_silent(self) -> None:
        self.talks = not self.talks

    def octets_come(self, connection, stream, what: str) -> bool:
        """Whether they were delivered."""
        disk, octets = self.disks[connection.session.id], self.next_token()
        before, paused = disk.written, connection.paused
        try:
            passed = self.offer(stream, what, octets)
        except RecorderFailed:
            passed = False
        if paused and what not in ("output", "shown"):
            self.in_pause.add(octets)
            assert not passed, f"{what} in a pause and delivered"
        if not passed:
            return False
        assert disk.written > before, "delivered and not recorded"
        self.delivered.add(octets)
        return True

    def offer(self, stream, what: str, octets: bytes) -> bool:
        """Whether `octets` may be delivered; raises as the stream does."""
        match what:
            case "pasted":
                return stream.clipboard("in", octets.decode())
            case "asked":
                return stream.asked({"path": octets.decode()})
            case "answered":
                return stream.answered({"path": octets.decode()}) is None
            case "sent" | "fetched":
                return stream.block(self.token, int(what == "sent"), 0, len(octets))
            case "carried_up" | "carried_down":
                return stream.carried(*((0, 1) if what == "carried_up" else (1, 0)))
            case "output" | "shown":
                getattr(stream, what)(octets)
                return True
            case _:
                return getattr(stream, what)(octets)

    @precondition(lambda self: self.streams)
    @rule(data=st.data())
    def a_file_is_closed(self, data) -> None:
        connection, stream, kind = data.draw(st.sampled_from(self.streams))
        if kind == "sftp" and connection.session.end is None and not self.disk_full:
            self.token += 1
            stream.filed(a_file(self.token))
            self.filed[self.token] = connection.session.id

    @precondition(lambda self: self.connections)
    @rule(data=st.data(), service=st.sampled_from(["plc", "plc", "web", "ssh", "", "nothing"]))
    def vera_forwards(self, data, service: str) -> None:
        """No target is there: what is dialled is written down instead."""
        connection = data.draw(st.sampled_from(self.connections))
        self.dialled.clear()
        try:
            self.do(connection.permit(Channel.FORWARD, service))
            self.do(connection.dial(service))
        except (*NO, RecorderFailed):
            assert not self.dialled
            return
        session = connection.session
        assert [s.name for s in self.dialled] == [service] == ["plc"], "a forward to what was not granted"
        assert not connection.paused
        self.may_run(session)

    @precondition(lambda self: self.connections)
    @rule(data=st.data(), what=st.sampled_from(["pause", "resume", "kill", "extend", "message"]))
    def lena_acts(self, data, what: str) -> None:
        session = data.draw(st.sampled_from(self.connections)).session.id
        sessions, lena = self.site.sessions, self.site.lena
        match what:
            case "pause":
                self.attempt(sessions.pause(session, lena, PLANT_NET))
            case "resume":
                self.attempt(sessions.resume(session, lena, PLANT_NET))
            case "kill":
                self.attempt(sessions.kill(session, lena, PLANT_NET, "alarm"))
            case "message":
                self.attempt(sessions.message(session, lena, "hello", PLANT_NET))
            case "extend":
                omar = self.site.omar
                self.attempt(sessions.extend(session, omar, self.site.proof(omar), timedelta(minutes=30), "more"))

    @precondition(lambda self: not self.outage.away)
    @rule()
    def lena_watches(self) -> None:
        for live in self.site.sessions.registry:
            if not live.over and len(self.watches) < 3:
                watch = self.site.sessions.watch(live.session.id, self.site.lena, PLANT_NET)
                self.do(watch.__aenter__())
                self.watches.append(watch)
                return

    @precondition(lambda self: self.watches)
    @rule()
    def lena_looks_away(self) -> None:
        self.do(self.watches.pop(0).__aexit__(None, None, None))

    def nobody_watches(self) -> None:
        while self.watches:
            self.lena_looks_away()

    # --- machines

    @rule(seconds=st.sampled_from([1, 4, 61, 130, 600, 1800]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule(hours=st.sampled_from([-1, 1]))
    def somebody_steps_the_clock(self, hours: int) -> None:
        self.clock.step_wall(hours=hours)

    @rule()
    def sweeps_run(self) -> None:
        self.attempt(self.site.sessions.keeper.beat())
        self.site.sessions.sweep.tick()
        self.attempt(self.site.access.sweep())
        self.attempt(self.site.settle())

    @rule()
    def the_disk_fills_or_gets_room(self) -> None:
        self.disk_full = not self.disk_full
        for disk in self.disks.values():
            disk.full = self.disk_full

    @rule()
    def the_store_goes_or_comes(self) -> None:
        self.outage.away = not self.outage.away

    @rule()
    def the_process_dies(self) -> None:
        self.outage.away = False
        self.nobody_watches()
        self.do(self.site.restart().recover())
        self.site.south.connect = self.dial  # type: ignore[method-assign]
        self.visits, self.streams, self.connections = [], [], []
        assert self.do(self.site.sessions.live()) == []

    # --- what must hold

    def next_token(self) -> bytes:
        self.token += 1
        return b"<%d>" % self.token

    def may_run(self, session) -> None:
        """Octets of `session` have just passed: everything that the rules demand is there in this instant."""
        away, self.outage.away = self.outage.away, False
        grant = self.do(self.site.access.grant(session.grant))
        releases = self.do(self.site.access.releases(grant.id))
        request = self.do(self.site.access.request(grant.request))
        self.outage.away = away
        at = self.clock.instant()
        assert session.state in {SessionState.ACTIVE, SessionState.PAUSED}
        assert grant.state is GrantState.LIVE
        assert grant.deadline is not None
        assert not grant.deadline.passed(at)
        assert {a.approver for a in request.approvals} == {self.site.omar.id}
        if self.release_needed:
            assert [r.state for r in releases if r.session == session.id] == [ReleaseState.USED]

    @invariant()
    def what_passes_may_pass(self) -> None:
        if not getattr(self, "talks", False):
            return
        ran = {}
        for connection, stream, kind in self.streams:
            for what in PASSES[kind]:
                if self.octets_come(connection, stream, what):
                    ran[connection.session.id] = connection.session
        for session in ran.values():
            self.may_run(session)

    @invariant()
    def nothing_typed_in_a_pause_was_ever_delivered(self) -> None:
        if hasattr(self, "delivered"):
            assert not self.delivered & self.in_pause

    @invariant()
    def no_more_sessions_run_than_the_target_takes(self) -> None:
        if hasattr(self, "runner"):
            running = [live for live in self.site.sessions.registry if live.running]
            assert len(running) <= self.concurrency
            for live in running:
                assert live.recorder is not None
                assert not self.observer or live.observers or not live.pauses.keys().isdisjoint({"observer"})

    async def every_file_is_in_the_ledger(self) -> None:
        """Once, under its own session, and in the log."""
        found = {line.passed.number: line.passed.session for line in await ledger(self.site)}
        assert found == self.filed
        assert len(await self.site.events("session.file.passed")) == len(found)

    async def the_log_tells_the_story(self) -> None:
        """Replaying the audit log reproduces every state; each end is there once; releases used are sessions begun."""
        states, ends, begun = dict[str, str](), list[str](), dict[str, str]()
        for event in await self.site.events():
            match event["event"]:
                case "session.visit.arrived":
                    states[event["session"]] = "holding" if event["waiting"] else "authorising"
                case "session.hold.changed" if event["waiting"]:
                    states[event["session"]] = "holding"
                case "session.visit.started":
                    states[event["session"]] = "active"
                    begun[event["session"]] = event["release"]
                case "session.input.paused":
                    states[event["session"]] = "paused"
                case "session.input.resumed" if not event["still"]:
                    states[event["session"]] = "active"
                case "session.visit.ended":
                    assert event["reason"]
                    assert event["words"]
                    states[event["session"]] = "ended"
                    ends.append(event["session"])
        async with self.store.read() as tx:
            rows = {s.id: s for s in await sql.find(tx, limit=1000)}
        assert {i: str(s.state) for i, s in rows.items()} == states
        assert len(ends) == len(set(ends))
        assert set(ends) == {i for i, s in rows.items() if s.end is not None}
        assert sorted(s.seq for s in rows.values() if s.seq) == list(range(1, len(begun) + 1))
        used = [
            (r.session, r.id)
            for g in await self.site.access.grants()
            for r in await self.site.access.releases(g.id)
            if r.state is ReleaseState.USED
        ]
        assert dict(used) == {s: r for s, r in begun.items() if r}
        assert len(used) == len(begun) or not self.release_needed
        assert not self.release_needed or all(begun.values())


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_random_histories_break_no_rule(schema: Path, engine: PolicyEngine) -> None:
    machine = type("Histories", (Histories,), {"schema": schema, "engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
