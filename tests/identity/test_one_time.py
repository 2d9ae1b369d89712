"""One-time secrets: of any number who hold one, one redeems it, once, in time, and bound (abuse cases 57, 58)."""

import asyncio
from datetime import timedelta

import pytest

from gateway.errors import Refused
from gateway.identity import sql_tokens
from gateway.identity.one_time import Kind, digest
from tests.identity.conftest import Site

TTL = timedelta(seconds=60)
BOUND = {"target": "tgt_a", "address": "192.0.2.7"}


async def issue(site: Site, **bound: str) -> str:
    async with site.store.write() as tx:
        return await site.identity.one_time.issue(tx, Kind.INVITATION, site.persons["vera"].id, TTL, bound)


async def redeem(site: Site, token: str, kind: Kind = Kind.INVITATION, **bound: str):
    async with site.store.write() as tx:
        return await site.identity.one_time.redeem(tx, kind, token, bound)


async def test_it_stands_for_what_it_was_issued_for_once(site: Site):
    token = await issue(site, **BOUND)
    found = await redeem(site, token, **BOUND)
    assert (found.person, dict(found.bound)) == (site.persons["vera"].id, BOUND)
    with pytest.raises(Refused) as refused:
        await redeem(site, token, **BOUND)
    assert (refused.value.code, refused.value.detail) == ("bad_token", "used")


async def test_of_twenty_at_once_one_redeems_it(site: Site):
    token = await issue(site)
    outcomes = await asyncio.gather(*(redeem(site, token) for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(o, BaseException) for o in outcomes) == 1


async def test_the_database_itself_gives_it_to_one_caller(site: Site):
    """What holds between nodes that looked at it at the same moment."""
    stored = digest(Kind.INVITATION, await issue(site))

    async def take() -> bool:
        async with site.store.write() as tx:
            return await sql_tokens.redeem(tx, stored)

    assert sorted(await asyncio.gather(*(take() for _ in range(20)))) == [False] * 19 + [True]


async def test_57_it_is_worth_nothing_in_other_hands(site: Site):
    token = await issue(site, **BOUND)
    for other in ({}, {**BOUND, "address": "192.0.2.8"}, {"target": "tgt_a"}, {**BOUND, "more": "x"}):
        with pytest.raises(Refused) as refused:
            await redeem(site, token, **other)
        assert refused.value.detail == "bound to something else"
    with pytest.raises(Refused, match="bad_token"):
        await redeem(site, token, Kind.SETUP, **BOUND)
    assert await redeem(site, token, **BOUND)


@pytest.mark.parametrize("step", [-3600, 0, 3600])
async def test_it_lives_no_longer_than_its_life_whatever_the_clock_does(site: Site, step: int):
    token = await issue(site)
    site.clock.step_wall(seconds=step)
    site.clock.advance(seconds=60)
    with pytest.raises(Refused) as refused:
        await redeem(site, token)
    assert refused.value.detail == "expired"


async def test_every_refusal_reads_the_same(site: Site):
    used, late = await issue(site), await issue(site)
    await redeem(site, used)
    site.clock.advance(seconds=60)
    words = set()
    for token in (used, late, "", "guess", "\x00", "\udcff", "x" * 60_000):
        with pytest.raises(Refused) as refused:
            await redeem(site, token)
        words.add((refused.value.code, refused.value.words))
    assert len(words) == 1


async def test_void_ends_one_kind_of_one_person(site: Site):
    token = await issue(site)
    async with site.store.write() as tx:
        await site.identity.one_time.void(tx, Kind.INVITATION, site.persons["vito"].id)
        await site.identity.one_time.void(tx, Kind.SETUP, site.persons["vera"].id)
        await site.identity.one_time.look(tx, Kind.INVITATION, token)
        await site.identity.one_time.void(tx, Kind.INVITATION, site.persons["vera"].id)
    with pytest.raises(Refused):
        await redeem(site, token)


async def test_who_lost_the_race_in_the_database_is_refused(site: Site, monkeypatch):
    async def lost(*_) -> bool:
        return False

    token = await issue(site)
    monkeypatch.setattr(sql_tokens, "redeem", lost)
    with pytest.raises(Refused, match="bad_token"):
        await redeem(site, token)
