"""Random histories with a simulated clock: what must hold, holds after each step (access model, section 5)."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import create_engine

from gateway.access import sql
from gateway.access.model import OPEN_GRANT, AccessRequest, Grant, GrantState, Release, ReleaseState, RequestState
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.clock import ZERO
from gateway.errors import Conflict, NotFound, Refused
from gateway.identity.model import Factor, Person
from gateway.store.base import metadata
from tests.access.conftest import TABLES, store_at
from tests.access.replay import replay
from tests.access.site import EVERYBODY, EWS, HOUR, LENA, MINUTE, OLGA, OMAR, PAULA, SOURCE, VERA, VIKTOR, Site
from tests.sim.clock import SimulatedClock

pytestmark = pytest.mark.slow

T = TypeVar("T")
NO = (Refused, Conflict, NotFound)
PEOPLE = st.sampled_from([*EVERYBODY, OMAR, OMAR, OLGA, OLGA, LENA, LENA, LENA])  # those who may, more often
FACTORS = st.sampled_from([Factor.TOTP] * 8 + list(Factor))
ANY = st.integers(0, 1000)
LENGTHS = st.integers(1, 240).map(lambda n: n * MINUTE)


class Histories(RuleBasedStateMachine):
    """What the test knows by itself: time as it truly went on, whom it saw approve, what it saw start."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.runner = asyncio.Runner()
        self.elapsed = ZERO  # as it truly went on, whatever the clocks say
        self.first: dict[str, timedelta] = {}  # when each grant first started
        self.extended: dict[str, timedelta] = {}
        self.window: dict[str, timedelta] = {}  # when each request's window truly ends
        self.starts = self.released_starts = 0
        self.yes: dict[str, set[str]] = {}  # who said yes to each request, as far as the test saw it

    @initialize(release=st.booleans(), roles=st.sampled_from([("owner",), ("owner", "operator"), ()]))
    def begin(self, release: bool, roles: tuple[str, ...]) -> None:
        path = Path(self.folder.name) / "test.db"
        shutil.copy(_schema(), path)
        self.clock = SimulatedClock()
        store = store_at(path)
        self.site = Site(store, AuditLog(self.clock, Hub()), self.clock)
        self.obliged = {"release": release, "approver_roles": frozenset(roles)}

    def teardown(self) -> None:
        if hasattr(self, "site"):
            self.agree()
            self.run(self.site.store.close())
        self.runner.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    def attempt(self, work: Coroutine[object, object, T]) -> T | None:
        try:
            return self.run(work)
        except NO:
            return None

    # --- what the test picks from

    def requests(self) -> list[AccessRequest]:
        return sorted(self.run(self.site.access.requests()), key=lambda r: r.id)

    def grants(self) -> list[Grant]:
        return sorted(self.run(self.site.access.grants()), key=lambda g: g.id)

    def releases(self) -> list[Release]:
        async def all_of_them() -> list[Release]:
            async with self.site.store.read() as tx:
                return await sql.find_releases(tx)

        return sorted(self.run(all_of_them()), key=lambda r: r.id)

    def permitted(self, person: Person, request: AccessRequest) -> bool:
        """The two-person rule, written a second time."""
        now = self.site.people.now[person.id]
        if now.disabled or person.id == request.requester:
            return False
        if not now.organisation.plant and now.organisation.name == request.organisation:
            return False
        owner = person.id in self.site.places.targets[EWS.name].owners
        return owner or ("operator" in request.obligations.approver_roles and "operator" in now.roles)

    # --- what people do

    @rule(steps=st.sampled_from([6, 6, 6, 5, 4, 3, 2, 1]), approvals=st.integers(0, 2), duration=LENGTHS)
    def a_visit(self, steps: int, approvals: int, duration: timedelta) -> None:
        """The first steps of what the product is for, so that histories get somewhere."""
        self.ask(VERA, approvals, 0, 3 * HOUR, duration)
        for person in (OMAR, LENA)[: steps - 1]:
            for n in range(len(self.requests())):
                self.approve(person, n, True, Factor.TOTP)
        for n in range(len(self.grants()) if steps > 3 else 0):
            self.release(LENA, n)
            if steps > 4:
                self.start(n, 1)
        self.time_passes(5)

    @rule(
        person=st.sampled_from([VERA, PAULA, OMAR]), approvals=st.integers(0, 3), opens=st.integers(-60, 60),
        lasts=LENGTHS, duration=LENGTHS,
    )  # fmt: skip
    def ask(self, person: Person, approvals: int, opens: int, lasts: timedelta, duration: timedelta) -> None:
        self.site.policy.oblige(approvals=approvals, max_total=5 * HOUR, **self.obliged)
        not_before = self.clock.now() + opens * MINUTE
        wish = {"not_before": not_before, "not_after": not_before + lasts, "duration": duration}
        request = self.attempt(self.site.asked(person, **wish))
        if request is not None:
            self.window[request.id] = self.elapsed + (not_before + lasts - self.clock.now())
            self.note(request)

    @rule(person=PEOPLE, n=ANY, shown=st.sampled_from([True, True, True, False]), factor=FACTORS)
    def approve(self, person: Person, n: int, shown: bool, factor: Factor) -> None:
        if not (requests := [r for r in self.requests() if r.state is RequestState.PENDING] or self.requests()):
            return
        request = requests[n % len(requests)]
        digest = request.wanted.digest() if shown else replace(request.wanted, purpose="Another").digest()
        proof = self.site.proof(person, factor)
        after = self.attempt(self.site.access.approve(request.id, person, proof, digest=digest))
        if after is not None:
            assert request.state is RequestState.PENDING
            assert shown
            assert factor in {Factor.TOTP, Factor.SSH_KEY_TOUCHED}
            assert self.permitted(person, request)
            assert self.elapsed < self.window[request.id]
            self.yes.setdefault(request.id, set()).add(person.id)
            self.note(after)

    def note(self, request: AccessRequest) -> None:
        """A grant was born, or not: does it stand on the approvals that it must?"""
        if request.state is not RequestState.APPROVED:
            assert request.grant is None
            return
        good = {p for p in EVERYBODY if p.id in self.yes.get(request.id, set()) and self.permitted(p, request)}
        assert len(good) >= request.obligations.approvals
        owners = {p for p in good if p.id in self.site.places.targets[EWS.name].owners}
        if "owner" in request.obligations.approver_roles:
            assert owners
        if "operator" in request.obligations.approver_roles:
            operators = {p for p in good if "operator" in self.site.people.now[p.id].roles}
            assert operators
            assert len(owners | operators) >= len(request.obligations.approver_roles)

    @rule(person=PEOPLE, n=ANY)
    def deny(self, person: Person, n: int) -> None:
        if requests := self.requests():
            request = requests[n % len(requests)]
            if self.attempt(self.site.access.deny(request.id, person, "No.", SOURCE)) is not None:
                assert self.permitted(person, request)

    @rule(n=ANY)
    def cancel(self, n: int) -> None:
        if requests := self.requests():
            request = requests[n % len(requests)]
            self.attempt(self.site.access.cancel(request.id, self.site.people.now[request.requester], SOURCE))

    @rule(person=PEOPLE, n=ANY)
    def release(self, person: Person, n: int) -> None:
        if grants := [g for g in self.grants() if n % 5 == 0 or g.state in OPEN_GRANT]:
            grant = grants[n % len(grants)]
            if self.attempt(self.site.released(grant, person)) is not None:
                assert "operator" in person.roles
                assert person.id != grant.person

    @rule(person=PEOPLE, n=ANY)
    def withdraw(self, person: Person, n: int) -> None:
        if releases := self.releases():
            self.attempt(self.site.access.withdraw(releases[n % len(releases)].id, person, SOURCE))

    @rule(n=ANY, m=ANY)
    def start(self, n: int, m: int) -> None:
        """By the armed release, or by any that there ever was."""
        if not (grants := [g for g in self.grants() if n % 5 == 0 or g.state in OPEN_GRANT]):
            return
        grant = grants[n % len(grants)]
        releases = self.releases()
        release = releases[m % len(releases)] if releases and m % 3 == 0 else None
        if self.attempt(self.site.start(grant, release)) is None:
            return
        self.starts += 1
        self.released_starts += grant.obligations.release
        self.first.setdefault(grant.id, self.elapsed)
        at = self.elapsed
        assert at < self.first[grant.id] + grant.wanted.duration + self.extended.get(grant.id, ZERO)
        if grant.id not in self.extended:
            assert at < self.window[grant.request]

    @rule(person=PEOPLE, n=ANY, by=LENGTHS)
    def extend(self, person: Person, n: int, by: timedelta) -> None:
        if grants := [g for g in self.grants() if g.state is GrantState.LIVE]:
            grant = grants[n % len(grants)]
            proof = self.site.proof(person)
            if self.attempt(self.site.access.extend(grant.id, person, proof, by, "More.")) is not None:
                self.extended[grant.id] = self.extended.get(grant.id, ZERO) + by
                assert person.id != grant.person

    @rule(person=PEOPLE, n=ANY)
    def revoke(self, person: Person, n: int) -> None:
        if n % 4 == 0 and (grants := self.grants()):
            self.attempt(self.site.access.revoke(grants[n % len(grants)].id, person, "No.", SOURCE))

    @rule(person=PEOPLE)
    def disable_or_enable(self, person: Person) -> None:
        self.site.people.change(person, disabled=not self.site.people.now[person.id].disabled)

    @rule(owners=st.sets(st.sampled_from([OMAR, OLGA, VIKTOR]).map(lambda p: p.id), min_size=1))
    def give_the_target_to(self, owners: set[str]) -> None:
        self.site.places.targets[EWS.name] = replace(EWS, owners=frozenset(owners))

    # --- what time and machines do

    @rule(minutes=st.integers(1, 45))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        self.elapsed += minutes * MINUTE

    @rule(minutes=st.integers(-60, 60))
    def somebody_sets_the_clock(self, minutes: int) -> None:
        self.clock.step_wall(minutes=minutes)

    @rule(minutes=st.integers(-60, 60))
    def the_machine_restarts(self, minutes: int) -> None:
        """The clocks were noted up to ten seconds before; nothing is decided before the first sweep after it."""
        self.clock.advance(seconds=10)
        self.elapsed += timedelta(seconds=10)
        self.sweep()
        self.clock.reboot()
        self.clock.step_wall(minutes=minutes)
        self.sweep()

    @rule()
    def sweep(self) -> None:
        self.run(self.site.access.sweep())

    # --- what must hold

    @invariant()
    def no_grant_outlives_its_time(self) -> None:
        if not hasattr(self, "site"):
            return
        at = self.clock.instant()
        for grant in self.grants():
            if grant.deadline is None or grant.state is not GrantState.LIVE:
                continue
            first, extended = self.first[grant.id], self.extended.get(grant.id, ZERO)
            assert grant.extended == extended
            assert grant.deadline.remaining(at) <= max(first + grant.wanted.duration + extended - self.elapsed, ZERO)
            assert self.elapsed + grant.deadline.remaining(at) <= max(first + grant.obligations.max_total, self.elapsed)

    @invariant()
    def used_releases_are_starts(self) -> None:
        if hasattr(self, "site"):
            used = [r for r in self.releases() if r.state is ReleaseState.USED]
            assert len(used) == self.released_starts <= self.starts
            assert len({r.session for r in used}) == len(used)

    def agree(self) -> None:
        """The audit log alone tells every state, every approval that counts and every extension."""
        told = replay(self.run(self.site.log()))
        requests, grants = self.requests(), self.grants()
        assert told.requests == {r.id: r.state for r in requests}
        assert told.grants == {g.id: g.state for g in grants}
        assert told.releases == {r.id: r.state for r in self.releases()}
        for request in requests:
            counted = sorted(a.approver_name for a in request.approvals if not a.void)
            assert counted == sorted(told.approvals.get(request.id, []))
        assert told.extended == {g.id: g.extended.total_seconds() for g in grants if g.extended}


def _schema() -> Path:
    """An empty database, made once."""
    global _EMPTY
    if _EMPTY is None:
        _EMPTY = tempfile.TemporaryDirectory()
        engine = create_engine(f"sqlite:///{_EMPTY.name}/empty.db")
        metadata.create_all(engine, tables=TABLES)
        engine.dispose()
    return Path(_EMPTY.name) / "empty.db"


_EMPTY: tempfile.TemporaryDirectory[str] | None = None

TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
