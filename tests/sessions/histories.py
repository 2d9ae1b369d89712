"""A site under random moves: people, clocks, a recorder and a store that fail, and a process that dies. The services
are the real ones; only the clock is simulated."""

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.access.model import GrantState, ReleaseState, RequestState
from gateway.clock import ZERO
from gateway.errors import Conflict, Refused, StoreUnavailable
from gateway.inventory.model import Service
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Channel, OnRecorderFailure
from gateway.sessions.model import EndReason
from gateway.sessions.south import Gate
from tests.sessions.conftest import store_at
from tests.sessions.site import ELSEWHERE, HOME, PLANT_NET, SHELL_AND_EXEC, Site, listen
from tests.sessions.test_faults import Disk, Outage
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


class World(RuleBasedStateMachine):
    """A site and everything that can happen to it; what must hold whatever does is said by who inherits this."""

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
