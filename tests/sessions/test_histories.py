"""The properties of the access model, section 5, under random histories (`histories.py`)."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from gateway.access.model import GrantState, ReleaseState
from gateway.errors import RecorderFailed
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Channel
from gateway.sessions import sql
from gateway.sessions.model import SessionState
from tests.sessions.histories import NO, PASSES, World
from tests.sessions.test_files import a_file, ledger


class Histories(World):
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

    # --- what passes

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
