"""Two factors of one's own at every door (C11; security.md, abuse cases 12, 13, 44, 46)."""

from datetime import timedelta

import pytest

from gateway.errors import Refused, StoreUnavailable
from gateway.identity.login import next_factors
from gateway.identity.model import UNCHANGED, Factor, FactorProof, two_factors
from gateway.limits import FIRST_FACTOR_AGE, SECOND_FACTOR_AGE
from tests.identity.conftest import ELSEWHERE, HOME, PASSWORD, Site
from tests.identity.keys import ED25519, SK

TABLE = [
    (frozenset(), False),
    ({Factor.PASSWORD}, False),
    ({Factor.TOTP}, False),
    ({Factor.SSH_KEY}, False),
    ({Factor.SSH_KEY_TOUCHED}, False),
    ({Factor.PASSWORD, Factor.SSH_KEY}, False),
    ({Factor.SSH_KEY, Factor.SSH_KEY_TOUCHED}, False),
    ({Factor.PASSWORD, Factor.TOTP}, True),
    ({Factor.SSH_KEY, Factor.TOTP}, True),
    ({Factor.SSH_KEY_TOUCHED, Factor.TOTP}, True),
    ({Factor.SSH_KEY_TOUCHED, Factor.PASSWORD}, True),
]


async def show(site: Site, factor: Factor, source: str = HOME, name: str = "vera") -> FactorProof:
    identity = site.identity
    match factor:
        case Factor.PASSWORD:
            return await identity.check_password(name, PASSWORD, source)
        case Factor.TOTP:
            return await identity.check_code(name, site.next_code(name), source)
        case Factor.SSH_KEY:
            return await identity.prove_key(name, ED25519, False, source)
        case Factor.SSH_KEY_TOUCHED:
            return await identity.prove_key(name, SK, True, source)


@pytest.fixture
async def keyed(site: Site) -> Site:
    await site.identity.add_key(site.persons["vera"], ED25519, "laptop")
    await site.identity.add_key(site.persons["vera"], SK, "stick")
    return site


@pytest.mark.parametrize(("factors", "enough"), TABLE)
async def test_46_nobody_is_admitted_with_a_factor_missing(keyed: Site, factors, enough):
    if Factor.TOTP in factors and factors == {Factor.TOTP}:
        await show(keyed, Factor.PASSWORD)  # a code is only looked at after a first factor; it is not handed in here
    proofs = tuple([await show(keyed, f) for f in sorted(factors, key=lambda f: f is Factor.TOTP)])
    if enough:
        assert (await keyed.identity.admit("vera", proofs, HOME)).name == "vera"
        return
    with pytest.raises(Refused) as refused:
        await keyed.identity.admit("vera", proofs, HOME)
    assert refused.value.code == "bad_credentials"
    assert (await keyed.events("identity.login.refused"))[-1]["stage"] == "admit"
    with pytest.raises(Refused):
        await keyed.identity.open_sign_in(keyed.persons["vera"], proofs, HOME, "browser")


def test_the_next_factor_always_leads_to_enough():
    for shown, enough in TABLE:
        helps = next_factors(frozenset(shown))
        assert (not helps) == enough == two_factors(frozenset(shown))
        assert all(f not in shown for f in helps if shown)


async def test_12_the_proofs_of_two_persons_are_nobodys(keyed: Site):
    vera = await keyed.identity.check_password("vera", PASSWORD, HOME)
    await keyed.identity.check_password("vito", PASSWORD, HOME)
    vito = await keyed.identity.check_code("vito", keyed.code("vito"), HOME)
    for name in ("vera", "vito", "sam"):
        with pytest.raises(Refused) as refused:
            await keyed.identity.admit(name, (vera, vito), HOME)
        assert refused.value.code == "bad_credentials"
        assert (await keyed.events("identity.login.refused"))[-1]["reason"] == "proofs of several persons"


async def test_13_begun_as_admin_and_finished_as_vendor_is_the_vendor_or_nobody(site: Site):
    with pytest.raises(Refused):
        await site.identity.check_password("sam", "not sam's password", HOME)
    person, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    assert person.name == "vera"
    with pytest.raises(Refused):
        await site.identity.admit("sam", proofs, HOME)


async def test_44_a_code_of_one_person_is_no_code_of_another(site: Site):
    await site.identity.check_password("vito", PASSWORD, HOME)
    with pytest.raises(Refused) as refused:
        await site.identity.check_code("vito", site.code("vera"), HOME)
    assert refused.value.code == "bad_code"


async def test_a_code_without_a_first_factor_is_not_even_looked_at(site: Site):
    code = site.code("vera")
    with pytest.raises(Refused) as refused:
        await site.identity.check_code("vera", code, HOME)
    assert refused.value.code == "bad_credentials"
    await site.identity.check_password("vera", PASSWORD, ELSEWHERE)
    with pytest.raises(Refused):
        await site.identity.check_code("vera", code, HOME)  # the first factor was shown elsewhere
    assert await site.identity.check_code("vera", code, ELSEWHERE)


async def test_a_made_up_proof_lets_nobody_in(site: Site):
    vera, now = site.persons["vera"].id, site.clock.now()
    forged = tuple(FactorProof(vera, f, now, HOME) for f in (Factor.PASSWORD, Factor.TOTP))
    with pytest.raises(Refused):
        await site.identity.admit("vera", forged, HOME)
    assert (await site.events("identity.login.refused"))[-1]["reason"] == "proof not on record"


async def test_proofs_shown_elsewhere_do_not_count_here(site: Site):
    _, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), ELSEWHERE)
    with pytest.raises(Refused):
        await site.identity.admit("vera", proofs, HOME)
    assert (await site.events("identity.login.refused"))[-1]["reason"] == "proofs from several addresses"


@pytest.mark.parametrize("factor", ["first", "second"])
async def test_old_proofs_do_not_admit(site: Site, factor: str):
    _, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    site.clock.advance(seconds=(FIRST_FACTOR_AGE if factor == "first" else SECOND_FACTOR_AGE).total_seconds())
    if factor == "second":
        proofs = (await site.identity.check_password("vera", PASSWORD, HOME), proofs[1])
    with pytest.raises(Refused):
        await site.identity.admit("vera", proofs, HOME)
    assert (await site.events("identity.login.refused"))[-1]["reason"] == f"no {factor} factor"


async def test_a_recent_code_serves_a_new_connection_with_a_first_factor_of_its_own(site: Site):
    await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    site.clock.advance(minutes=5)
    first = await site.identity.check_password("vera", PASSWORD, HOME)
    recent = await site.identity.recent(first.person, "::ffff:" + HOME)
    second = next(p for p in recent if p.factor is Factor.TOTP)
    assert second.fresh(site.clock.now(), timedelta(minutes=6))
    assert not second.fresh(site.clock.now(), timedelta(minutes=5))
    assert (await site.identity.admit("vera", (first, second), HOME)).name == "vera"
    assert await site.identity.recent(first.person, ELSEWHERE) == ()


async def test_a_reset_takes_back_what_was_proven_before_it(site: Site):
    _, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    await site.identity.invite(site.persons["sam"], "vera")
    with pytest.raises(Refused):
        await site.identity.admit("vera", proofs, HOME)
    assert await site.identity.recent(site.persons["vera"].id, HOME) == ()


async def standings(site: Site, cause: str) -> None:
    sam, now = site.persons["sam"], site.clock.now()
    match cause:
        case "disabled":
            await site.identity.disable(sam, "vera", "left the company")
        case "expired":
            vera = site.persons["vera"]
            await site.identity.change_person(sam, "vera", vera.version, expires=now)
        case "contract_expired":
            await site.identity.change_organisation(sam, "drives", contract_end=now)
        case "source_network":
            await site.identity.change_organisation(sam, "drives", contract_end=UNCHANGED, networks=["203.0.113.0/24"])


CAUSES = ["disabled", "expired", "contract_expired", "source_network"]


@pytest.mark.parametrize("cause", CAUSES)
async def test_standing_is_told_only_after_both_factors(site: Site, cause: str):
    await standings(site, cause)
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", "not her password", site.code("vera"), HOME)
    assert refused.value.code == "bad_credentials"
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", PASSWORD, site.wrong_code("vera"), HOME)
    assert refused.value.code == "bad_credentials"
    with pytest.raises(Refused) as refused:
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    assert refused.value.code == cause
    assert (await site.events("identity.login.refused"))[-1]["reason"] == cause


@pytest.mark.parametrize("cause", CAUSES)
async def test_nobody_confirms_a_decision_who_may_not_be_in(site: Site, cause: str):
    await standings(site, cause)
    with pytest.raises(Refused) as refused:
        await site.identity.confirm(site.persons["vera"], site.code("vera"), HOME)
    assert refused.value.code == cause


async def test_a_person_is_in_until_the_last_instant_and_out_at_the_date(site: Site):
    sam, vera = site.persons["sam"], site.persons["vera"]
    await site.identity.change_person(sam, "vera", vera.version, expires=site.clock.now() + timedelta(hours=1))
    site.clock.advance(seconds=3599)
    await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    site.clock.advance(seconds=31)
    with pytest.raises(Refused, match="expired"):
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)


async def test_every_refusal_before_both_factors_reads_the_same(site: Site):
    said = set()
    for name, password, code in [
        ("nobody", PASSWORD, "000000"),
        ("vera", "not her password", site.code("vera")),
        ("vera", PASSWORD, site.wrong_code("vera")),
        ("vera", PASSWORD, "12345"),
        ("vera", "", ""),
        ("VERA", PASSWORD, site.code("vera")),
        ("vera\x00", PASSWORD, site.code("vera")),
    ]:
        with pytest.raises(Refused) as refused:
            await site.identity.sign_in(name, password, code, HOME)
        said.add((refused.value.code, refused.value.words, refused.value.rule))
        site.clock.advance(minutes=16)
    assert len(said) == 1
    reasons = [e["reason"] for e in await site.events("identity.login.refused")]
    assert (
        reasons
        == ["unknown person", "wrong password", "wrong code", "wrong code", "wrong password"] + ["unknown person"] * 2
    )


async def test_an_unknown_name_costs_the_same_hash_as_a_known_one(site: Site, monkeypatch):
    verified = []
    same = site.identity._passwords._same
    monkeypatch.setattr(site.identity._passwords, "_same", lambda h, p: verified.append(len(h)) or same(h, p))
    for name in ("vera", "nobody", "x" * 60_000, "vera\x00"):
        with pytest.raises(Refused):
            await site.identity.check_password(name, "not a password", HOME)
    assert len(verified) == 4
    assert len(set(verified)) == 1


async def test_a_log_in_is_on_record_with_door_and_client(site: Site):
    await site.identity.logged_in(site.persons["vera"], "ssh", "OpenSSH_9.2\x1b[2J", HOME)
    event = (await site.events("identity.login.succeeded"))[-1]
    assert (event["actor"], event["door"], event["source"]) == ("vera", "ssh", HOME)
    assert event["client"] == "OpenSSH_9.2\\u001b[2J"


async def test_when_the_store_cannot_answer_the_answer_is_no(site: Site):
    async with site.store.engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE login_failure")
    with pytest.raises(StoreUnavailable):
        await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    with pytest.raises(StoreUnavailable):
        await site.identity.confirm(site.persons["vera"], site.code("vera"), HOME)
    assert await site.identity.recent(site.persons["vera"].id, HOME) == ()


async def test_a_log_in_is_on_record_when_it_was_one(keyed: Site):
    first = await show(keyed, Factor.SSH_KEY)
    with pytest.raises(Refused):
        await keyed.identity.log_in("vera", (first,), HOME, "ssh", "OpenSSH_9.2")
    assert await keyed.events("identity.login.succeeded") == []
    proofs = (first, await show(keyed, Factor.TOTP))
    assert (await keyed.identity.log_in("vera", proofs, HOME, "ssh", "OpenSSH_9.2")).name == "vera"
    assert [event["person"] for event in await keyed.events("identity.login.succeeded")] == ["vera"]
