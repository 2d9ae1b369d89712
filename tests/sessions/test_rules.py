"""The rules as pure functions: marks of the countdown, factors, who may."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.identity.model import Factor, FactorProof, Organisation, Person, Role
from gateway.ids import OrganisationId, PersonId, TargetId
from gateway.inventory.model import Target, TargetClass, Tier, Zone
from gateway.policy.model import Channel, Obligations, OnRecorderFailure
from gateway.sessions import rules

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
HOME = "198.51.100.7"
DRIVES = Organisation(OrganisationId("org_drives"), "drives", "Drives AG", plant=False)
OBLIGATIONS = Obligations(
    1, frozenset({"owner"}), True, False, False, 15 * MINUTE, 240 * MINUTE, 480 * MINUTE, 15 * MINUTE, 20 * MINUTE, 1,
    8, OnRecorderFailure.END, frozenset({Channel.SHELL}),
)  # fmt: skip


def person(name: str, *roles: Role) -> Person:
    return Person(PersonId(name), name, name, DRIVES, frozenset(roles))


VERA = person("vera", Role.VENDOR)
TARGET = Target(
    TargetId("tgt"), "ews-l4", "EWS", Zone("cell4", "Cell 4", "2"), Tier.T1, TargetClass.WORKSTATION,
    frozenset({PersonId("omar")}), (), (),
)  # fmt: skip


def shown(factor: Factor, age: timedelta = timedelta(0), *, who: str = "vera", source: str = HOME) -> FactorProof:
    return FactorProof(PersonId(who), factor, NOW - age, source)


@pytest.mark.parametrize(
    ("proofs", "code"),
    [
        ((), "factor_missing"),
        ((shown(Factor.PASSWORD),), "factor_missing"),
        ((shown(Factor.TOTP),), "factor_missing"),
        ((shown(Factor.PASSWORD), shown(Factor.TOTP)), ""),
        ((shown(Factor.SSH_KEY), shown(Factor.TOTP, 14 * MINUTE)), ""),
        ((shown(Factor.SSH_KEY), shown(Factor.TOTP, 15 * MINUTE)), "factor_stale"),
        ((shown(Factor.PASSWORD), shown(Factor.TOTP, -SECOND)), "factor_stale"),  # from the future: clock stepped back
        ((shown(Factor.PASSWORD), shown(Factor.TOTP, source="203.0.113.9")), "factor_missing"),
        ((shown(Factor.PASSWORD), shown(Factor.TOTP, who="omar")), "factor_missing"),
        ((shown(Factor.PASSWORD), shown(Factor.SSH_KEY)), "factor_missing"),
    ],
)
def test_a_session_stands_on_two_fresh_factors_of_this_person_from_this_address(proofs, code: str) -> None:
    refusal = rules.factors(proofs, OBLIGATIONS, VERA, HOME, NOW)
    assert (refusal.code if refusal else "") == code


@given(st.lists(st.integers(-5, 120 * 60), min_size=1, max_size=200))
def test_each_mark_of_the_countdown_is_told_at_most_once_while_time_goes_on(seconds: list[int]) -> None:
    told = rules.countdown_mark(seconds[0] * SECOND)
    heard = []
    for left in sorted(seconds, reverse=True):
        remaining = max(left, 0) * SECOND
        if rules.countdown_due(remaining, told):
            heard.append(rules.countdown_mark(remaining))
        told = rules.countdown_mark(remaining)
    assert len(heard) == len(set(heard))
    assert set(heard) <= set(rules.COUNTDOWN)


def test_a_tick_each_second_tells_all_four_marks() -> None:
    heard, told = [], rules.countdown_mark(3600 * SECOND)
    for left in range(3600, -1, -1):
        if rules.countdown_due(left * SECOND, told):
            heard.append(left)
        told = rules.countdown_mark(left * SECOND)
    assert heard == [900, 300, 60, 10]


@given(st.integers(-7200, 7200), st.integers(0, 3600))
def test_elapsed_time_is_the_boot_clocks_whatever_the_wall_clock_does(step: int, passed: int) -> None:
    before = Instant(NOW, timedelta(hours=1), "boot-1")
    after = Instant(NOW + (passed + step) * SECOND, timedelta(hours=1) + passed * SECOND, "boot-1")
    assert rules.elapsed(before, after) == passed * SECOND


@pytest.mark.parametrize(
    ("actor", "control", "kill", "watch", "observes"),
    [
        (person("lena", Role.OPERATOR), True, True, True, True),
        (person("omar", Role.OWNER), True, True, True, True),
        (person("olga", Role.OWNER), False, False, False, False),  # owns other targets
        (person("ada", Role.AUDITOR), False, False, True, False),
        (person("sam", Role.ADMIN), False, True, False, False),
        (VERA, False, False, False, False),
    ],
)
def test_who_may_control_kill_and_watch(actor: Person, control, kill, watch, observes) -> None:
    assert (rules.controller(actor, TARGET, VERA.id) is None) is control
    assert (rules.killer(actor, TARGET) is None) is kill
    assert (rules.watcher(actor, TARGET) is None) is watch
    assert rules.observes(actor, TARGET, VERA.id) is observes


def test_an_operator_does_not_resume_his_own_session_nor_observe_it() -> None:
    lena = person("lena", Role.OPERATOR)
    refusal = rules.controller(lena, TARGET, lena.id)
    assert refusal is not None
    assert refusal.code == "own_session"
    assert not rules.observes(lena, TARGET, lena.id)
