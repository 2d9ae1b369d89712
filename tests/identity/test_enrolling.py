"""Invitations and the first start: one-time links, a confirmed first code, no back door (abuse cases 44, 56, 58)."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import Invalid, NotFound, Refused
from gateway.identity.model import Role
from gateway.limits import INVITATION_LIFE, SETUP_LIFE
from tests.identity.conftest import ELSEWHERE, HOME, PASSWORD, Site
from tests.identity.keys import ED25519

OTHER = "another long password"


async def test_there_is_no_one_to_log_in_as_before_the_setup(empty: Site):
    for name in ("admin", "root", "sluicegate", ""):
        with pytest.raises(Refused, match="bad_credentials"):
            await empty.identity.check_password(name, "admin", HOME)
    assert await empty.identity.people() == []


async def test_the_first_admin_exists_once_his_first_code_was_seen(empty: Site):
    token = await empty.identity.setup_token()
    enrolment = await empty.identity.setup(token, "sam", "Sam", PASSWORD)
    assert enrolment.uri.startswith("otpauth://totp/Kiln%204:sam?secret=" + enrolment.secret)
    assert await empty.identity.people() == []
    empty.seeds["sam"] = enrolment.secret
    sam = await empty.identity.confirm_enrolment(token, empty.code("sam"))
    assert sam.roles == {Role.ADMIN}  # and nothing else (C76)
    assert sam.organisation.plant
    assert [p.name for p in await empty.identity.people()] == ["sam"]
    with pytest.raises(Refused, match="used_code"):
        await empty.identity.sign_in("sam", PASSWORD, empty.code("sam"), HOME)
    assert await empty.identity.sign_in("sam", PASSWORD, empty.next_code("sam"), HOME)
    assert [e["event"] for e in await empty.events()][:5] == [
        "identity.setup.offered",
        "identity.organisation.added",
        "identity.person.added",
        "identity.setup.completed",
        "identity.person.enrolled",
    ]


async def test_the_setup_opens_once_in_a_life(empty: Site):
    first = await empty.identity.setup_token()
    second = await empty.identity.setup_token()
    assert first != second
    with pytest.raises(Refused, match="bad_token"):
        await empty.identity.setup(first, "sam", "Sam", PASSWORD)
    await empty.identity.setup(second, "sam", "Sam", PASSWORD)  # begun, the browser crashed: begin again
    empty.seeds["sam"] = (await empty.identity.setup(second, "sam", "Sam", PASSWORD)).secret
    await empty.identity.confirm_enrolment(second, empty.code("sam"))
    assert await empty.identity.setup_token() is None
    assert await empty.restarted().setup_token() is None
    for call in (
        empty.identity.setup(second, "eve", "Eve", PASSWORD),
        empty.identity.confirm_enrolment(second, empty.next_code("sam")),
    ):
        with pytest.raises(Refused, match="bad_token"):
            await call


async def test_a_setup_token_ends_with_its_life(empty: Site):
    token = await empty.identity.setup_token()
    empty.clock.advance(seconds=SETUP_LIFE.total_seconds())
    with pytest.raises(Refused, match="bad_token"):
        await empty.identity.setup(token, "sam", "Sam", PASSWORD)


async def test_two_browsers_with_one_setup_token_make_one_admin(empty: Site):
    token = await empty.identity.setup_token()
    empty.seeds["sam"] = (await empty.identity.setup(token, "sam", "Sam", PASSWORD)).secret
    code = empty.code("sam")
    outcomes = await asyncio.gather(
        *(empty.identity.confirm_enrolment(token, code) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(o, BaseException) for o in outcomes) == 1
    assert len(await empty.identity.people()) == 1


async def invited(site: Site, name: str = "vik") -> str:
    _, token = await site.identity.add_person(site.persons["sam"], name, "Vik", "drives", {Role.VENDOR})
    return token


async def test_44_no_code_counts_before_the_enrolment_is_confirmed(site: Site):
    token = await invited(site)
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.sign_in("vik", PASSWORD, "000000", HOME)
    site.seeds["vik"] = (await site.identity.enrol(token, PASSWORD)).secret
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.sign_in("vik", PASSWORD, site.code("vik"), HOME)
    await site.identity.confirm_enrolment(token, site.code("vik"))
    assert await site.identity.sign_in("vik", PASSWORD, site.next_code("vik"), HOME)


async def test_44_an_enrolment_link_is_used_once(site: Site):
    token = await invited(site)
    await site.enrol("vik", token)
    for call in (site.identity.enrol(token, OTHER), site.identity.confirm_enrolment(token, site.code("vik"))):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.code == "bad_token"
    assert await site.identity.sign_in("vik", PASSWORD, site.next_code("vik"), HOME)


@pytest.mark.parametrize("step", [-3600, 0, 3600])
async def test_an_invitation_ends_with_its_life_whatever_the_clock_does(site: Site, step: int):
    token = await invited(site)
    site.clock.step_wall(seconds=step)
    site.clock.advance(seconds=INVITATION_LIFE.total_seconds())
    with pytest.raises(Refused, match="bad_token"):
        await site.identity.enrol(token, PASSWORD)


async def test_a_wrong_first_code_uses_nothing_up_and_five_lock(site: Site):
    token = await invited(site)
    site.seeds["vik"] = (await site.identity.enrol(token, PASSWORD)).secret
    for _ in range(5):
        with pytest.raises(Refused, match="bad_code"):
            await site.identity.confirm_enrolment(token, site.wrong_code("vik"))
    with pytest.raises(Refused, match="locked"):
        await site.identity.confirm_enrolment(token, site.code("vik"))
    site.clock.advance(minutes=15)
    assert await site.identity.confirm_enrolment(token, site.code("vik"))


async def test_an_enrolment_begun_anew_makes_the_first_picture_worthless(site: Site):
    token = await invited(site)
    site.seeds["vik"] = (await site.identity.enrol(token, PASSWORD)).secret
    old = site.code("vik")
    site.seeds["vik"] = (await site.identity.enrol(token, OTHER)).secret
    with pytest.raises(Refused, match="bad_code"):
        await site.identity.confirm_enrolment(token, old)
    await site.identity.confirm_enrolment(token, site.code("vik"))
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.sign_in("vik", PASSWORD, site.next_code("vik"), HOME)
    assert await site.identity.sign_in("vik", OTHER, site.code("vik"), HOME)


async def test_56_to_invite_again_resets_every_factor_and_no_role(site: Site):
    vera = site.persons["vera"]
    await site.identity.add_key(vera, ED25519, "laptop")
    _, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    cookie, _ = await site.identity.open_sign_in(vera, proofs, HOME, "browser")
    first = await site.identity.invite(site.persons["sam"], "vera")
    assert not await site.identity.has_key("vera", ED25519, HOME)
    assert await site.identity.sign_in_of(cookie, HOME) is None
    with pytest.raises(Refused, match="bad_credentials"):
        await site.identity.sign_in("vera", PASSWORD, site.next_code("vera"), HOME)
    second = await site.identity.invite(site.persons["sam"], "vera")
    with pytest.raises(Refused, match="bad_token"):
        await site.identity.enrol(first, OTHER)
    again = await site.enrol("vera", second, OTHER)
    assert again == vera
    assert await site.identity.sign_in("vera", OTHER, site.next_code("vera"), HOME)


async def test_an_invitation_of_somebody_switched_off_is_void(site: Site):
    token = await invited(site)
    await site.identity.disable(site.persons["sam"], "vik", "not needed after all")
    with pytest.raises(Refused, match="bad_token"):
        await site.identity.enrol(token, PASSWORD)
    with pytest.raises(Refused, match="disabled"):
        await site.identity.invite(site.persons["sam"], "vik")


async def test_58_guessing_links_locks_the_address(site: Site):
    token = await invited(site)
    codes = []
    for n in range(25):
        with pytest.raises(Refused) as refused:
            await site.identity.enrol(f"guess{n}", PASSWORD, ELSEWHERE)
        codes.append(refused.value.code)
    assert codes == ["bad_token"] * 20 + ["locked"] * 5
    with pytest.raises(Refused, match="locked"):
        await site.identity.enrol(token, PASSWORD, ELSEWHERE)
    with pytest.raises(Refused, match="locked"):
        await site.identity.confirm_enrolment(token, "000000", ELSEWHERE)
    assert await site.identity.enrol(token, PASSWORD, HOME)
    assert len(await site.events("identity.login.refused")) == 20


def test_58_what_must_not_be_guessed_comes_from_secrets():
    for path in (Path(__file__).parents[2] / "gateway" / "identity").glob("*.py"):
        text = path.read_text()
        assert "import random" not in text
        assert "uuid" not in text


async def test_a_poor_password_is_refused_before_anything_is_used_up(site: Site):
    token = await invited(site)
    for poor in ("", "short", "x" * 257, "aaaaaaaaaaaaaa"):
        with pytest.raises(Invalid) as invalid:
            await site.identity.enrol(token, poor)
        assert invalid.value.field == "password"
    assert await site.enrol("vik", token)


async def test_the_owner_of_the_machine_can_let_the_last_admin_in_again(site: Site):
    with pytest.raises(Refused, match="last_admin"):
        await site.identity.invite(site.persons["sam"], "sam")
    assert await site.identity.sign_in("sam", PASSWORD, site.code("sam"), HOME)  # the refusal reset nothing
    token = await site.identity.invite_from_console("sam")
    await site.enrol("sam", token, OTHER)
    assert await site.identity.sign_in("sam", OTHER, site.next_code("sam"), HOME)
    event = (await site.events("identity.person.invited"))[-1]
    assert (event["actor"], event["person"]) == ("gateway", "sam")
    with pytest.raises(NotFound):
        await site.identity.invite_from_console("nobody")


async def test_reserved_names_are_nobodys(empty: Site):
    token = await empty.identity.setup_token()
    for name in ("gateway", "clock", "recorder", "target", "Sam", "sam+ews", ""):
        with pytest.raises(Invalid):
            await empty.identity.setup(token, name, "Sam", PASSWORD)


async def test_an_enrolment_measures_the_device_at_once(site: Site):
    token = await invited(site)
    site.seeds["vik"] = (await site.identity.enrol(token, PASSWORD)).secret
    vik = await site.identity.confirm_enrolment(token, site.code("vik", site.clock.now() - timedelta(seconds=30)))
    assert await site.identity.skew(vik.id) == timedelta(seconds=-30)
