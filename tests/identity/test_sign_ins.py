"""Page sessions: one person, one address, two limits (abuse cases 53, 57, 60)."""

import pytest

from gateway.errors import Refused
from gateway.identity import sql_tokens
from gateway.limits import SIGN_IN_IDLE, SIGN_IN_LIFE
from tests.identity.conftest import ELSEWHERE, HOME, PASSWORD, Site


async def signed_in(site: Site, name: str = "vera", source: str = HOME) -> str:
    person, proofs = await site.identity.sign_in(name, PASSWORD, site.next_code(name), source)
    token, _ = await site.identity.open_sign_in(person, proofs, source, "Firefox\x1b]0;x\x07")
    return token


async def test_a_token_is_its_persons_until_he_signs_out(site: Site):
    token = await signed_in(site)
    found = await site.identity.sign_in_of(token, HOME)
    assert found.person == site.persons["vera"]
    assert found.client == "Firefox\\u001b]0;x\\u0007"
    assert found.ends - found.opened == SIGN_IN_LIFE
    await site.identity.close_sign_in(token)
    await site.identity.close_sign_in(token)
    assert await site.identity.sign_in_of(token, HOME) is None
    names = [e["event"] for e in await site.events("identity.sign_in.opened", "identity.sign_in.closed")]
    assert names == ["identity.sign_in.opened", "identity.sign_in.closed"]


async def test_tokens_and_csrf_tokens_are_never_the_same(site: Site):
    tokens = [await signed_in(site) for _ in range(3)]
    found = [await site.identity.sign_in_of(t, HOME) for t in tokens]
    assert len(set(tokens)) == len({f.csrf for f in found}) == len({f.id for f in found}) == 3
    assert all(len(t) >= 43 for t in tokens)  # 256 bits
    for other in ("", tokens[0][:-1], tokens[0].swapcase(), tokens[0] + "=", found[0].id, found[0].csrf, "\udcff"):
        assert await site.identity.sign_in_of(other, HOME) is None


async def test_57_a_stolen_token_is_worth_nothing_elsewhere_and_the_theft_is_on_record(site: Site):
    token = await signed_in(site)
    assert await site.identity.sign_in_of(token, ELSEWHERE) is None
    assert await site.identity.sign_in_of(token, "::ffff:" + HOME)  # the same address, and still open
    event = (await site.events("identity.sign_in.misused"))[-1]
    assert (event["source"], event["opened_from"], event["person"]) == (ELSEWHERE, HOME, "vera")


async def test_it_ends_when_idle_and_asking_keeps_it(site: Site):
    token = await signed_in(site)
    for _ in range(3):
        site.clock.advance(seconds=SIGN_IN_IDLE.total_seconds() - 1)
        assert await site.identity.sign_in_of(token, HOME)
    site.clock.advance(seconds=SIGN_IN_IDLE.total_seconds())
    assert await site.identity.sign_in_of(token, HOME) is None
    event = (await site.events("identity.sign_in.closed"))[-1]
    assert (event["actor"], event["reason"]) == ("clock", "idle")


async def test_it_ends_with_its_life_however_busy(site: Site):
    token = await signed_in(site)
    for _ in range(71):
        site.clock.advance(minutes=10)
        assert await site.identity.sign_in_of(token, HOME)
    site.clock.advance(minutes=10)
    assert await site.identity.sign_in_of(token, HOME) is None
    assert (await site.events("identity.sign_in.closed"))[-1]["reason"] == "life"


async def test_51_setting_the_clock_back_makes_it_no_longer(site: Site):
    token = await signed_in(site)
    site.clock.step_wall(hours=-1)
    site.clock.advance(seconds=SIGN_IN_IDLE.total_seconds())
    assert await site.identity.sign_in_of(token, HOME) is None


async def test_a_restart_keeps_it_and_a_reboot_makes_it_no_longer(site: Site):
    token = await signed_in(site)
    assert await site.restarted().sign_in_of(token, HOME)
    site.clock.reboot()
    assert await site.restarted().sign_in_of(token, HOME)
    site.clock.advance(seconds=SIGN_IN_IDLE.total_seconds())
    assert await site.restarted().sign_in_of(token, HOME) is None


async def test_all_of_a_persons_are_closed_when_he_is_switched_off(site: Site):
    tokens, vito = [await signed_in(site) for _ in range(3)], await signed_in(site, "vito")
    off = await site.identity.disable(site.persons["sam"], "vera", "left")
    await site.identity.change_person(site.persons["sam"], "vera", off.version, enabled=True)
    assert [await site.identity.sign_in_of(t, HOME) for t in tokens] == [None] * 3  # not asleep: closed
    assert await site.identity.sign_in_of(vito, HOME)
    closed = await site.events("identity.sign_in.closed")
    assert [(e["actor"], e["reason"]) for e in closed] == [("sam", "standing")] * 3


@pytest.mark.parametrize("cause", ["contract", "expiry", "network"])
async def test_it_ends_when_its_person_may_not_be_in_any_more(site: Site, cause: str):
    token, sam, now = await signed_in(site), site.persons["sam"], site.clock.now()
    if cause == "contract":
        await site.identity.change_organisation(sam, "drives", contract_end=now)
    elif cause == "expiry":
        await site.identity.change_person(sam, "vera", 1, expires=now)
    else:
        await site.identity.change_organisation(sam, "drives", networks=["203.0.113.0/24"])
    assert await site.identity.sign_in_of(token, HOME) is None
    assert (await site.events("identity.sign_in.closed"))[-1]["reason"] == "standing"


async def test_a_change_of_roles_holds_from_the_next_request_on(site: Site):
    token = await signed_in(site)
    await site.identity.change_person(site.persons["sam"], "vera", 1, roles=set())
    assert (await site.identity.sign_in_of(token, HOME)).person.roles == frozenset()


async def test_none_is_opened_with_the_proofs_of_somebody_else(site: Site):
    _, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    for name in ("vito", "sam"):
        with pytest.raises(Refused, match="bad_credentials"):
            await site.identity.open_sign_in(site.persons[name], proofs, HOME, "browser")
    assert not await site.events("identity.sign_in.opened")


async def test_what_nobody_came_back_to_is_forgotten(site: Site):
    await signed_in(site)
    site.clock.advance(days=2)
    await signed_in(site)
    async with site.store.read() as tx:
        assert len(await sql_tokens.sign_ins_of(tx, site.persons["vera"].id)) == 1
