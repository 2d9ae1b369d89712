"""One-time codes: once, whatever the door, the node, a restart or the clock (abuse cases 42, 43, 44, 51; C14)."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyotp.totp import TOTP

from gateway.errors import Refused
from gateway.identity import sql_factors, totp
from gateway.identity.totp import Meaning, judge, next_code
from tests.identity.conftest import ELSEWHERE, HOME, PASSWORD, Site
from tests.sim.clock import START

SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238 appendix B: "12345678901234567890"


def at_step(away: int) -> str:
    return TOTP(SEED).at(int(START.timestamp()) + 30 * away)


def test_a_known_code_of_the_rfc_is_right():
    at = START.fromtimestamp(1111111109, START.tzinfo)  # appendix B: 07081804
    assert judge(SEED, "081804", 0, at) == totp.Verdict(Meaning.RIGHT, 1111111109 // 30)


@pytest.mark.parametrize(
    ("away", "meaning"),
    [
        (0, Meaning.RIGHT),
        (-1, Meaning.RIGHT),
        (1, Meaning.RIGHT),
        (-2, Meaning.LATE),
        (2, Meaning.EARLY),
        (-20, Meaning.LATE),
        (20, Meaning.EARLY),
        (-21, Meaning.WRONG),
        (21, Meaning.WRONG),
    ],
)
def test_44_codes_one_step_away_are_right_and_two_steps_away_are_not(away: int, meaning: Meaning):
    verdict = judge(SEED, at_step(away), 0, START)
    assert verdict.meaning is meaning
    assert verdict.skew == timedelta(seconds=30 * away if meaning is not Meaning.WRONG else 0)


def test_42_a_code_of_a_step_that_was_used_or_passed_over_is_used():
    now = totp.step_of(START)
    assert [judge(SEED, at_step(0), now + away, START).meaning for away in (-1, 0, 1)] == [
        Meaning.RIGHT,
        Meaning.USED,
        Meaning.USED,
    ]


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{6}", fullmatch=True))
def test_anything_at_all_is_answered(code: str):
    assert judge(SEED, code, 0, START).meaning in Meaning


def test_spaces_that_an_app_shows_are_no_mistake():
    code = at_step(0)
    assert judge(SEED, f" {code[:3]} {code[3:]}\n", 0, START).meaning is Meaning.RIGHT
    assert judge(SEED, "٣" * 6, 0, START).meaning is Meaning.WRONG  # digits, and not ASCII


@given(st.integers(-1, 1), st.integers(-1, 200), st.integers(0, 29))
def test_next_code_says_when_the_device_shows_one_that_is_right(skew: int, used_away: int, second: int):
    at = START + timedelta(seconds=second)
    used = totp.step_of(at) + used_away
    wait = next_code(used, timedelta(seconds=30 * skew), at)
    shown = TOTP(SEED).at(30 * (totp.step_of(at + wait) + skew))
    assert judge(SEED, shown, used, at + wait).meaning is Meaning.RIGHT
    if used_away == skew and skew >= 0:
        assert wait <= timedelta(seconds=30)


async def test_42_a_used_code_is_told_when_the_next_one_comes(site: Site):
    site.clock.advance(seconds=18)
    code = site.code("vera")
    await site.identity.sign_in("vera", PASSWORD, code, HOME)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await site.identity.sign_in("vera", PASSWORD, code, ELSEWHERE)
        assert refused.value.code == "used_code"
        assert refused.value.words == "That code was already used; the next one comes in 12 s."
    site.clock.advance(seconds=12)
    with pytest.raises(Refused, match="used_code"):
        await site.identity.sign_in("vera", PASSWORD, code, HOME)  # within the drift, and used
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)


async def test_42_a_code_is_used_once_over_all_doors_and_nodes(site: Site):
    code = site.code("vera")
    await site.identity.check_password("vera", PASSWORD, HOME)
    await site.identity.check_code("vera", code, HOME)
    other_node = site.restarted()
    for door in (
        lambda: site.identity.sign_in("vera", PASSWORD, code, HOME),
        lambda: site.identity.confirm(site.persons["vera"], code, HOME),
        lambda: other_node.check_code("vera", code, HOME),
        lambda: other_node.confirm(site.persons["vera"], code, HOME),
    ):
        with pytest.raises(Refused, match="used_code"):
            await door()


async def test_43_of_twenty_log_ins_at_once_with_one_code_one_gets_in(site: Site):
    code = site.code("vera")
    nodes = [site.identity, site.restarted()]
    outcomes = await asyncio.gather(
        *(nodes[n % 2].sign_in("vera", PASSWORD, code, f"192.0.2.{n}") for n in range(20)), return_exceptions=True
    )
    refused = [o for o in outcomes if isinstance(o, Refused)]
    assert len(refused) == 19
    assert {r.code for r in refused} == {"used_code"}
    reasons = [e["reason"] for e in await site.events("identity.login.refused")]
    assert reasons == ["used_code"] * 19


async def test_43_of_twenty_decisions_at_once_with_one_code_one_is_confirmed(site: Site):
    code, vera = site.code("vera"), site.persons["vera"]
    outcomes = await asyncio.gather(
        *(site.identity.confirm(vera, code, HOME) for _ in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(o, BaseException) for o in outcomes) == 1


async def test_43_the_database_itself_gives_a_step_to_one_caller(site: Site):
    """What holds between nodes that judged the same code at the same moment."""
    vera, step = site.persons["vera"].id, totp.step_of(site.clock.now())

    async def use() -> bool:
        async with site.store.write() as tx:
            return await sql_factors.use_step(tx, vera, step, 0)

    assert sorted(await asyncio.gather(*(use() for _ in range(20)))) == [False] * 19 + [True]


async def test_43_who_lost_the_race_in_the_database_is_refused(site: Site, monkeypatch):
    async def lost(*_) -> bool:
        return False

    monkeypatch.setattr(sql_factors, "use_step", lost)
    with pytest.raises(Refused, match="used_code"):
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    assert {p.factor for p in await site.identity.recent(site.persons["vera"].id, HOME)} == {"password"}


async def test_42_a_restart_remembers_what_was_used(site: Site):
    code = site.code("vera")
    await site.identity.sign_in("vera", PASSWORD, code, HOME)
    with pytest.raises(Refused, match="used_code"):
        await site.restarted().sign_in("vera", PASSWORD, code, HOME)


async def test_an_older_code_is_worthless_once_a_newer_one_was_used(site: Site):
    older = site.code("vera")
    await site.identity.sign_in("vera", PASSWORD, site.next_code("vera"), HOME)
    with pytest.raises(Refused, match="used_code"):
        await site.identity.sign_in("vera", PASSWORD, older, HOME)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_51_a_step_of_the_clock_makes_no_used_code_good_again(site: Site, hours: int):
    code = site.code("vera")
    await site.identity.sign_in("vera", PASSWORD, code, HOME)
    site.clock.step_wall(hours=hours)
    with pytest.raises(Refused):
        await site.identity.sign_in("vera", PASSWORD, code, HOME)
    site.clock.step_wall(hours=-hours)
    with pytest.raises(Refused, match="used_code"):
        await site.identity.sign_in("vera", PASSWORD, code, HOME)
    assert await site.identity.sign_in("vera", PASSWORD, site.next_code("vera"), HOME)


async def test_51_codes_of_an_hour_that_comes_again_are_refused_and_the_wait_is_told(site: Site):
    site.clock.step_wall(hours=1)
    await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    site.clock.step_wall(hours=-1)
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    assert refused.value.words == "That code was already used; the next one comes in 61 min."
    site.clock.advance(minutes=61)
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)


async def test_c14_the_skew_of_a_device_is_measured_and_can_be_read(site: Site):
    vera = site.persons["vera"]
    assert await site.identity.skew(vera.id) == timedelta(0)
    ahead = site.code("vera", site.clock.now() + timedelta(seconds=30))
    await site.identity.sign_in("vera", PASSWORD, ahead, HOME)
    assert await site.identity.skew(vera.id) == timedelta(seconds=30)


async def test_c14_a_clock_that_is_behind_is_told_and_kept(site: Site):
    late = site.code("vera", site.clock.now() - timedelta(seconds=90))
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", PASSWORD, late, HOME)
    assert refused.value.code == "bad_code"
    assert "90 s ago" in refused.value.words
    assert await site.identity.skew(site.persons["vera"].id) == timedelta(seconds=-90)
    assert (await site.events("identity.code.skewed"))[-1]["seconds"] == -90


async def test_nobody_is_told_of_a_code_that_is_still_to_come(site: Site):
    """Whoever guesses would learn a code that is right in three minutes."""
    early = site.code("vera", site.clock.now() + timedelta(minutes=3))
    said = []
    for code in (early, site.wrong_code("vera")):
        with pytest.raises(Refused) as refused:
            await site.identity.sign_in("vera", PASSWORD, code, HOME)
        said.append((refused.value.code, refused.value.words))
        with pytest.raises(Refused) as refused:
            await site.identity.confirm(site.persons["vera"], code, HOME)
        said.append((refused.value.code, refused.value.words))
    assert said[:2] == said[2:]
    site.clock.advance(minutes=3)
    assert await site.identity.sign_in("vera", PASSWORD, early, HOME)  # looking at it did not use it up


async def test_a_code_lost_with_its_transaction_was_not_used(site: Site, monkeypatch):
    code = site.code("vera")

    async def broken(*_):
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr("gateway.identity.doors.sql_factors.put_proof", broken)
        with pytest.raises(OSError, match="disk"):
            await site.identity.confirm(site.persons["vera"], code, HOME)
    assert await site.identity.confirm(site.persons["vera"], code, HOME)
