"""Guessing is slow, and nobody can shut somebody else out for ever (abuse case 59)."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ZERO
from gateway.errors import Refused
from gateway.identity.lockout import (
    ANYWHERE,
    AT_ADDRESS,
    OF_SOURCE,
    Failures,
    Rule,
    Stage,
    address,
    failed,
    network,
    of_person,
)
from gateway.identity.model import Factor
from tests.identity.conftest import ELSEWHERE, HOME, PASSWORD, Site
from tests.identity.keys import ED25519
from tests.sim.clock import START

RULE = Rule(limit=5, lock=timedelta(minutes=15))
WRONG = "not the password"


def looked_at(times: list[int], rule: Rule = RULE) -> list[int]:
    """Which of the wrong tries, in seconds, were looked at."""
    state, seen = None, []
    for second in times:
        at = START + timedelta(seconds=second)
        if state and state.locked(rule, at):
            continue
        seen.append(second)
        state = failed(state, rule, at)
    return seen


@given(st.lists(st.integers(0, 20_000), max_size=200).map(sorted))
def test_in_no_stretch_of_the_lock_are_more_than_twice_the_limit_looked_at(times: list[int]):
    seen, lock = looked_at(times), RULE.lock.total_seconds()
    assert all(sum(t <= s < t + lock for s in seen) <= 2 * RULE.limit - 1 for t in seen)


@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=300).map(sorted))
def test_a_lock_is_over_after_its_time_however_many_tries_fall_into_it(times: list[int]):
    state = None
    for second in times:
        at = START + timedelta(seconds=second)
        before = state
        if not (state and state.locked(RULE, at)):
            state = failed(state, RULE, at)
        elif before:
            assert state == before  # a try during the lock neither counts nor prolongs it
        assert state.locked(RULE, at) <= RULE.lock
    last = state.since
    assert state.locked(RULE, last + RULE.lock) == ZERO


@given(st.integers(1, 9), st.integers(-100_000, 100_000))
def test_a_step_of_the_clock_never_makes_a_lock_longer(count: int, step: int):
    state = Failures(count, START)
    assert state.locked(RULE, START + timedelta(seconds=step)) <= state.locked(RULE, START)
    assert state.locked(RULE, START - RULE.lock) == state.locked(RULE, START + RULE.lock) == ZERO


def test_failures_far_apart_never_lock():
    assert looked_at([i * 901 for i in range(50)]) == [i * 901 for i in range(50)]


def test_an_ipv4_address_is_one_machine_and_an_ipv6_one_its_whole_network():
    assert address("::ffff:192.0.2.7") == network("::ffff:192.0.2.7") == "192.0.2.7"
    assert network("2001:db8::1") == network("2001:db8:0:0:ffff::2") != network("2001:db8:0:1::1")
    assert network("fe80::1%eth0") == network("fe80::2%eth0")
    assert network("") == ""
    assert network("no address") == "no address"


def test_buckets_of_odd_names_are_digests():
    for name in ("vera", "x" * 60_000, "a\x00b", "\udcff", "'; drop table person; --"):
        keys = [b.key for b in of_person(Stage.PASSWORD, name, HOME, familiar=False)]
        assert len(keys) == 2
        assert all(len(k) == 64 and k.isalnum() for k in keys)


async def guess(site: Site, name: str, source: str, times: int) -> list[str]:
    codes = []
    for _ in range(times):
        with pytest.raises(Refused) as refused:
            await site.identity.check_password(name, WRONG, source)
        codes.append(refused.value.code)
    return codes


async def test_59_after_five_wrong_passwords_the_right_one_is_not_looked_at(site: Site):
    assert await guess(site, "vera", ELSEWHERE, 6) == ["bad_credentials"] * 5 + ["locked"]
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), ELSEWHERE)
    assert refused.value.words == "Too many failed log-ins. Try again in 15 min."
    event = (await site.events("identity.login.locked"))[-1]
    assert (event["claimed"], event["bucket"], event["lasting"]) == ("vera", "password_at_address", 900)
    site.clock.advance(minutes=15)
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), ELSEWHERE)


async def test_a_name_that_does_not_exist_locks_with_the_same_words(site: Site):
    said = []
    for name in ("vera", "nobody", "odd\x00name"):
        source = f"198.51.100.{len(said)}"
        await guess(site, name, source, 5)
        with pytest.raises(Refused) as refused:
            await site.identity.check_password(name, WRONG, source)
        said.append((refused.value.code, refused.value.words))
    assert len(set(said)) == 1


async def test_59_a_restart_lifts_no_lock(site: Site):
    await guess(site, "vera", ELSEWHERE, 5)
    with pytest.raises(Refused, match="locked"):
        await site.restarted().check_password("vera", PASSWORD, ELSEWHERE)


async def test_59_guesses_at_once_are_bounded_like_guesses_in_a_row(site: Site):
    outcomes = await asyncio.gather(
        *(site.identity.check_password("vera", WRONG, ELSEWHERE) for _ in range(40)),
        site.identity.check_password("vera", PASSWORD, ELSEWHERE),
        return_exceptions=True,
    )
    codes = [o.code for o in outcomes if isinstance(o, Refused)]
    assert codes.count("bad_credentials") == 5
    assert len(codes) == 41  # the right one came while it was locked: it tells nothing


async def test_59_a_stranger_locks_the_last_admin_for_his_own_address_alone(site: Site):
    await site.identity.sign_in("sam", PASSWORD, site.code("sam"), HOME)
    for n in range(100):
        with pytest.raises(Refused):
            await site.identity.check_password("sam", WRONG, f"198.51.100.{n}")
    with pytest.raises(Refused, match="locked"):  # from many addresses: locked for all that he never came from
        await site.identity.check_password("sam", PASSWORD, "203.0.113.1")
    assert await site.identity.sign_in("sam", PASSWORD, site.next_code("sam"), HOME)
    buckets = {e["bucket"] for e in await site.events("identity.login.locked")}
    assert buckets == {"password_anywhere"}


async def test_59_the_last_admin_is_never_locked_for_longer_than_the_lock(site: Site):
    """Somebody guesses on and on from the very address of the admin; the lock of each round is as long as the first."""
    for _ in range(8):
        assert await guess(site, "sam", HOME, 7) == ["bad_credentials"] * 5 + ["locked"] * 2
        site.clock.advance(minutes=15)
    assert await site.identity.sign_in("sam", PASSWORD, site.code("sam"), HOME)


async def test_59_a_person_with_a_key_is_not_locked_out_by_strangers_at_all(site: Site):
    await site.identity.add_key(site.persons["sam"], ED25519, "desk")
    await guess(site, "sam", HOME, 30)
    first = await site.identity.prove_key("sam", ED25519, False, HOME)
    second = await site.identity.check_code("sam", site.code("sam"), HOME)
    assert await site.identity.admit("sam", (first, second), HOME)


async def test_one_address_is_slowed_down_over_all_names(site: Site):
    for n in range(20):
        with pytest.raises(Refused, match="bad_credentials"):
            await site.identity.check_password(f"person{n}", WRONG, ELSEWHERE)
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), ELSEWHERE)
    assert refused.value.words == "Too many failed log-ins. Try again in 5 min."
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    site.clock.advance(minutes=5)
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), ELSEWHERE)


async def test_wrong_codes_lock_codes_also_for_decisions(site: Site):
    vera, wrong = site.persons["vera"], site.wrong_code("vera")
    for _ in range(5):
        with pytest.raises(Refused, match="bad_code"):
            await site.identity.confirm(vera, wrong, HOME)
    with pytest.raises(Refused, match="locked"):
        await site.identity.confirm(vera, site.code("vera"), HOME)
    site.clock.advance(minutes=15)
    proof = await site.identity.confirm(vera, site.code("vera"), HOME)
    assert (proof.person, proof.factor) == (vera.id, Factor.TOTP)
    assert proof.fresh(site.clock.now(), timedelta(seconds=1))


@pytest.mark.parametrize("right_at", range(5))
async def test_the_moment_of_the_lock_does_not_tell_that_one_password_was_right(site: Site, right_at: int):
    """Four wrong passwords and a right one with a wrong code lock exactly as five wrong passwords do."""
    wrong = site.wrong_code("vera")
    for n in range(5):
        with pytest.raises(Refused, match="bad_credentials"):
            await site.identity.sign_in("vera", PASSWORD if n == right_at else WRONG, wrong, ELSEWHERE)
    with pytest.raises(Refused, match="locked"):
        await site.identity.sign_in("vera", WRONG, wrong, ELSEWHERE)


async def test_the_moment_of_the_lock_tells_nothing_factor_by_factor_either(site: Site):
    wrong = site.wrong_code("vera")
    for n in range(5):
        if n == 2:
            await site.identity.check_password("vera", PASSWORD, ELSEWHERE)
            with pytest.raises(Refused, match="bad_code"):
                await site.identity.check_code("vera", wrong, ELSEWHERE)
        else:
            await guess(site, "vera", ELSEWHERE, 1)
    assert await guess(site, "vera", ELSEWHERE, 1) == ["locked"]


async def test_getting_in_forgets_the_failures_of_that_person_there(site: Site):
    for _ in range(3):
        await guess(site, "vera", HOME, 4)
        await site.identity.sign_in("vera", PASSWORD, site.next_code("vera"), HOME)
    assert not await site.events("identity.login.locked")


async def test_a_used_code_is_no_failure(site: Site):
    code = site.code("vera")
    await site.identity.sign_in("vera", PASSWORD, code, HOME)
    for _ in range(10):
        with pytest.raises(Refused, match="used_code"):
            await site.identity.sign_in("vera", PASSWORD, code, HOME)


def test_the_rules_are_the_ones_of_the_document():
    assert (AT_ADDRESS.limit, ANYWHERE.limit, OF_SOURCE.limit) == (5, 20, 20)
    assert AT_ADDRESS.lock == ANYWHERE.lock == timedelta(minutes=15)
