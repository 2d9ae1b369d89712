"""People and targets that no policy tells apart are asked about once, and it makes no difference to any answer."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.model import Person
from gateway.inventory.model import Target
from gateway.policy import preview
from gateway.policy.engine import PolicyEngine
from gateway.policy.reach import Permit, Site, reached
from tests.policy.asking import AT
from tests.policy.people import NIGHT, persons, policies, targets

moments = st.sampled_from([AT, NIGHT])


def naively(engine: PolicyEngine, person: Person, target: Target, at, *, emergency: bool) -> tuple[Permit, ...]:
    """Each question to Cedar itself, with nothing remembered."""
    return reached(lambda q: engine.decide(q, at, explained=False), person, target, emergency=emergency)


@settings(max_examples=120)
@given(policies(), persons, targets, moments, st.booleans())
def test_what_is_reached_is_what_asking_each_by_himself_gives(texts, people, places, at, emergency) -> None:
    engine = PolicyEngine.of(texts)
    site = Site(engine, at, emergency=emergency)
    for person in people:
        for target in places:
            assert site.reached(person, target) == naively(engine, person, target, at, emergency=emergency)


@settings(max_examples=60)
@given(policies(), persons, targets, moments)
def test_who_can_is_what_asking_each_by_himself_gives(texts, people, places, at) -> None:
    engine = PolicyEngine.of(texts)
    for target in places:
        said = {
            (name, reach.way, channel, service, reach.permit.obligations, reach.permit.rules)
            for reach in preview.who_can(engine, people, target, at)
            for name in reach.persons
            for channel, service in reach.channels
        }
        assert said == {
            (person.name, p.way, p.channel, p.service, p.obligations, p.rules)
            for person in people
            for p in naively(engine, person, target, at, emergency=False)
        }


def seen(permits: tuple[Permit, ...]) -> dict:
    return {(p.way, p.channel, p.service): p for p in permits}


@settings(max_examples=80)
@given(policies(), policies(), persons, targets, moments)
def test_a_difference_is_what_comparing_each_by_himself_gives(old, new, people, places, at) -> None:
    before, after = PolicyEngine.of(old), PolicyEngine.of(new)
    expected = defaultdict(set)
    for person in people:
        for target in places:
            was = seen(naively(before, person, target, at, emergency=False))
            now = seen(naively(after, person, target, at, emergency=False))
            expected["gained"] |= {(person.name, target.name, *key) for key in now.keys() - was.keys()}
            expected["lost"] |= {(person.name, target.name, *key) for key in was.keys() - now.keys()}
            both = was.keys() & now.keys()
            differing = {key for key in both if was[key].obligations != now[key].obligations}
            expected["obliged"] |= {(person.name, target.name, *key) for key in differing}
    said = defaultdict(set)
    for d in preview.diff(before, after, people, places, at):
        rows = {(p, t, d.change.way, *ch) for p in d.persons for t in d.targets for ch in d.change.channels}
        assert not rows & said[d.change.what], "nobody is told twice"
        said[d.change.what] |= rows
        assert preview.sentence(d)
    assert {k: v for k, v in said.items() if v} == {k: v for k, v in expected.items() if v}
