"""The door of the page and the API: both factors, one sign-in, and its end."""

import pytest

from gateway.fronts.api.services import Door
from tests.api.site import ELSEWHERE, HOST, Site, password

BOTH = pytest.mark.parametrize("door", list(Door))


@BOTH
async def test_password_and_code_open_the_door_and_me_says_who_it_is(site: Site, door: Door) -> None:
    lena = await site.signed_in("lena", door)
    me = (await lena.get("/me")).json()
    assert me["name"] == "lena"
    assert me["roles"] == ["operator"]
    assert me["csrf"] == lena.csrf
    assert me["site"] == "Plant North"


@BOTH
@pytest.mark.parametrize("missing", ["password", "code"])
async def test_no_door_opens_with_one_factor_alone_46(site: Site, door: Door, missing: str) -> None:
    asked = {"name": "lena", "password": password("lena"), "code": site.code("lena")}
    wrong = {"password": "not this one at all", "code": "000000"}
    if asked["code"] == wrong["code"]:
        wrong["code"] = "000001"
    browser = site.browser(door)
    answer = await browser.post("/sign-in", json=asked | {missing: wrong[missing]})
    assert answer.status_code == 401
    assert answer.json()["code"] == "bad_credentials"
    absent = await browser.post("/sign-in", json={k: v for k, v in asked.items() if k != missing})
    assert absent.status_code == 422
    assert not browser.cookies
    assert (await browser.get("/me")).status_code == 401


async def test_an_unknown_person_and_a_wrong_password_read_the_same(site: Site) -> None:
    answers = [
        await site.browser().post("/sign-in", json={"name": name, "password": "wrong" * 4, "code": "123456"})
        for name in ("lena", "nobody")
    ]
    assert answers[0].content == answers[1].content


async def test_the_cookie_cannot_be_read_by_script_nor_sent_from_elsewhere_60(site: Site) -> None:
    browser = site.browser()
    asked = {"name": "lena", "password": password("lena"), "code": site.code("lena")}
    cookie = (await browser.post("/sign-in", json=asked)).headers["set-cookie"]
    name, *flags = [part.strip() for part in cookie.split(";")]
    assert name.startswith("__Host-sluicegate=")
    assert {flag.lower() for flag in flags} == {"path=/", "httponly", "secure", "samesite=strict"}


async def test_a_planted_cookie_is_not_taken_over_and_the_one_before_ends_60(site: Site) -> None:
    first = await site.signed_in("vera")
    old = first.cookies["__Host-sluicegate"]
    browser = site.browser()
    browser.cookies.set("__Host-sluicegate", old, domain=HOST, path="/")
    asked = {"name": "lena", "password": password("lena"), "code": site.code("lena")}
    answer = await browser.post("/sign-in", json=asked)
    assert answer.cookies["__Host-sluicegate"] != old
    assert (await first.get("/me")).status_code == 401
    planted = site.browser()
    planted.cookies.set("__Host-sluicegate", "chosen-by-the-attacker", domain=HOST, path="/")
    answer = await planted.post("/sign-in", json=asked | {"code": site.code("lena")})
    assert answer.cookies["__Host-sluicegate"] != "chosen-by-the-attacker"


async def test_signing_out_ends_the_token_itself_not_only_the_cookie_60(site: Site) -> None:
    lena = await site.signed_in("lena")
    token = lena.cookies["__Host-sluicegate"]
    answer = await lena.change("/sign-out")
    assert answer.status_code == 200
    assert "__Host-sluicegate" not in lena.cookies
    thief = site.browser()
    thief.cookies.set("__Host-sluicegate", token, domain=HOST, path="/")
    assert (await thief.get("/me")).status_code == 401


async def test_a_stolen_cookie_is_worth_nothing_from_another_address(site: Site) -> None:
    lena = await site.signed_in("lena")
    thief = site.browser(source=ELSEWHERE)
    thief.cookies.set("__Host-sluicegate", lena.cookies["__Host-sluicegate"], domain=HOST, path="/")
    assert (await thief.get("/me")).status_code == 401
    assert await site.events("identity.sign_in.misused")


async def test_the_address_is_the_sockets_whatever_a_header_claims(site: Site) -> None:
    lena = await site.signed_in("lena")
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"):
        assert (await lena.get("/me", headers={header: "203.0.113.1"})).status_code == 200
    thief = site.browser(source=ELSEWHERE)
    thief.cookies.set("__Host-sluicegate", lena.cookies["__Host-sluicegate"], domain=HOST, path="/")
    assert (await thief.get("/me", headers={"X-Forwarded-For": "192.0.2.7"})).status_code == 401


async def test_a_used_code_signs_nobody_in_again_42(site: Site) -> None:
    asked = {"name": "lena", "password": password("lena"), "code": site.code("lena")}
    assert (await site.browser().post("/sign-in", json=asked)).status_code == 200
    again = site.browser()
    answer = await again.post("/sign-in", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "used_code")
    assert not again.cookies


async def test_a_disabled_person_is_out_at_the_next_request(site: Site) -> None:
    vera = await site.signed_in("vera")
    await site.services.identity.disable(site.persons["sam"], "vera", "left the company")
    assert (await vera.get("/me")).status_code == 401


async def test_many_wrong_passwords_are_locked_with_words_59(site: Site) -> None:
    browser = site.browser()
    for _ in range(10):
        answer = await browser.post("/sign-in", json={"name": "lena", "password": "wrong" * 4, "code": "123456"})
    assert answer.status_code == 429
    assert answer.json()["code"] == "locked"


async def test_an_invitation_is_taken_up_and_used_up_44(site: Site) -> None:
    sam, nobody = site.persons["sam"], site.browser()
    _, token = await site.services.identity.add_person(sam, "vic", "Vic", "kranz", ["vendor"])
    made = await nobody.post("/enrol", json={"token": token, "password": password("vic")})
    assert made.status_code == 200, made.text
    site.seeds["vic"] = made.json()["secret"]
    confirmed = await nobody.post("/enrol/confirm", json={"token": token, "code": site.last_code("vic")})
    assert confirmed.json() == {"name": "vic"}
    again = await nobody.post("/enrol", json={"token": token, "password": password("mallory")})
    assert again.status_code == 403
    assert (await (await site.signed_in("vic")).get("/me")).json()["roles"] == ["vendor"]


async def test_nobody_sets_a_site_up_twice(site: Site) -> None:
    asked = {"token": "a" * 43, "name": "eve", "title": "Eve", "password": password("eve")}
    assert (await site.browser().post("/setup", json=asked)).status_code == 403
    assert "eve" not in {p.name for p in await site.services.identity.people()}
