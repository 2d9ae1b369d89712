"""People and targets that no policy tells apart are asked about once, and it makes no difference to any answer."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.model import Person, Role
from gateway.inventory.model import Target
from gateway.policy import preview
from gateway.policy.engine import PolicyEngine
from gateway.policy.reach import Permit, Site, reached
from tests.policy.asking import AT, forbid, permit
from tests.policy.people import ATOMS, NIGHT, SCOPES, person, persons, policies, target, targets, texts

moments = st.sampled_from([AT, NIGHT])


def naively(engine: PolicyEngine, person: Person, target: Target, at, *, emergency: bool) -> tuple[Permit, ...]:
    """Each question to Cedar itself, with nothing remembered."""
    return reached(lambda q: engine.decide(q, at, explained=False), person, target, emergency=emergency)


FEW = [person("vera", Role.VENDOR), person("omar", Role.OWNER, of=0), person("vito", Role.VENDOR, of=2)]
PLACES = [
    target("ews-l4", owners=("omar",), services=("ssh", "plc", "hmi"), accounts=("engineer", "guest")),
    target("ews-l5", zone=1, owners=("vera",), services=("ssh", "rdp")),
    target("plc-1", zone=2, services=("plc",)),
]


@pytest.mark.parametrize("atom", ATOMS)
def test_every_fact_that_a_policy_reads_is_told_apart(atom: str) -> None:
    engine = PolicyEngine.of(texts(permit("base", channels="shell, exec, forward, desktop"), forbid("not", atom)))
    site = Site(engine, AT)
    for who in FEW:
        for where in PLACES:
            assert site.reached(who, where) == naively(engine, who, where, AT, emergency=False)


@pytest.mark.parametrize("scope", SCOPES)
def test_every_head_of_a_policy_is_told_apart(scope: str) -> None:
    engine = PolicyEngine.of(texts(permit("base", channels="shell, forward"), permit("more", scope=scope, idle="5m")))
    site = Site(engine, AT)
    for who in FEW:
        for where in PLACES:
            assert site.reached(who, where) == naively(engine, who, where, AT, emergency=False)


@settings(max_examples=60)
@given(policies(), persons, targets, moments, st.booleans())
def test_what_is_reached_is_what_asking_each_by_himself_gives(texts, people, places, at, emergency) -> None:
    engine = PolicyEngine.of(texts)
    site = Site(engine, at, emergency=emergency)
    for who in people:
        for where in places:
            assert site.reached(who, where) == naively(engine, who, where, at, emergency=emergency)


@settings(max_examples=40)
@given(policies(), persons, targets, moments)
def test_who_can_is_what_asking_each_by_himself_gives(texts, people, places, at) -> None:
    engine = PolicyEngine.of(texts)
    for where in places:
        said = {
            (name, reach.way, channel, service, reach.permit.obligations, reach.permit.rules)
            for reach in preview.who_can(engine, people, where, at)
            for name in reach.persons
            for channel, service in reach.channels
        }
        assert said == {
            (who.name, p.way, p.channel, p.service, p.obligations, p.rules)
            for who in people
            for p in naively(engine, who, where, at, emergency=False)
        }


def seen(permits: tuple[Permit, ...]) -> dict:
    return {(p.way, p.channel, p.service): p for p in permits}


@settings(max_examples=60)
@given(policies(), policies(), persons, targets, moments)
def test_a_difference_is_what_comparing_each_by_himself_gives(old, new, people, places, at) -> None:
    before, after = PolicyEngine.of(old), PolicyEngine.of(new)
    expected = defaultdict(set)
    for who in people:
        for where in places:
            was = seen(naively(before, who, where, at, emergency=False))
            now = seen(naively(after, who, where, at, emergency=False))
            expected["gained"] |= {(who.name, where.name, *key) for key in now.keys() - was.keys()}
            expected["lost"] |= {(who.name, where.name, *key) for key in was.keys() - now.keys()}
            both = was.keys() & now.keys()
            differing = {key for key in both if was[key].obligations != now[key].obligations}
            expected["obliged"] |= {(who.name, where.name, *key) for key in differing}
    said = defaultdict(set)
    for d in preview.diff(before, after, people, places, at):
        rows = {(p, t, d.change.way, *ch) for p in d.persons for t in d.targets for ch in d.change.channels}
        assert not rows & said[d.change.what], "nobody is told twice"
        said[d.change.what] |= rows
        assert preview.sentence(d)
    assert {k: v for k, v in said.items() if v} == {k: v for k, v in expected.items() if v}
