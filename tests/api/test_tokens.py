"""API tokens at the doors: what makes one, what one opens, and how it dies (abuse cases 46, 52, 53, 57)."""

import httpx
import pytest

from gateway.fronts.api.services import Door
from tests.api.site import ELSEWHERE, HERE, Browser, Site


async def made(site: Site, name: str, *scopes: str, door: Door = Door.PEOPLE, **more) -> tuple[str, dict]:
    """A token of `name`, and what the list says of it."""
    browser = await site.signed_in(name, door)
    body = {"title": "synchroniser", "scopes": list(scopes), "days": 30, "code": site.code(name)} | more
    answer = await browser.change("/tokens", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["token"], answer.json()["about"]


def program(site: Site, token: str, door: Door = Door.PEOPLE, source: str = HERE) -> Browser:
    browser = site.browser(door, source)
    browser.headers["Authorization"] = f"Bearer {token}"
    return browser


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_program_reads_and_changes_what_its_scopes_say_and_nothing_else(site: Site) -> None:
    token, _ = await made(site, "sam", "inventory")
    asking = program(site, token, Door.ADMIN)
    zone = {"name": "cell-7", "title": "Cell of line 7", "level": "2"}
    assert (await asking.post("/zones", json=zone)).status_code == 201  # no CSRF header: no page sends a token
    assert (await asking.get("/zones")).status_code == 200
    assert code_of(await asking.get("/people")) == (403, "scope")
    assert code_of(await asking.post("/organisations", json={"name": "o", "title": "O"})) == (403, "scope")
    reading = program(site, (await made(site, "sam", "read"))[0], Door.ADMIN)
    assert (await reading.get("/people")).status_code == 200
    assert code_of(await reading.post("/zones", json=zone)) == (403, "scope")
    refused = await site.events("identity.token.refused")
    assert [e["reason"] for e in refused] == ["scope"] * 3


async def test_a_token_has_no_role_that_its_person_has_not(site: Site) -> None:
    token, _ = await made(site, "vera", "read", "policy", "inventory", "access", "people")
    assert code_of(await program(site, token, Door.ADMIN).get("/people")) == (403, "not_your_role")
    assert code_of(await program(site, token).get("/audit")) == (403, "not_your_role")


async def test_a_role_that_is_taken_away_leaves_the_token_too_and_one_that_is_given_does_not_reach_it(
    site: Site,
) -> None:
    token, _ = await made(site, "ada", "read")
    sam, asking = await site.signed_in("sam", Door.ADMIN), program(site, token)
    assert (await asking.get("/audit")).status_code == 200

    async def roles(*names: str) -> None:
        etag = (await sam.get("/people/ada")).headers["ETag"]
        body = {"roles": list(names), "code": site.code("sam")}
        assert (await sam.change("/people/ada", body, "PATCH", etag)).status_code == 200

    await roles("operator", "admin")
    assert code_of(await asking.get("/audit")) == (403, "not_your_role")
    assert code_of(await program(site, token, Door.ADMIN).get("/people")) == (403, "not_your_role")


async def test_a_person_who_is_switched_off_takes_his_tokens_with_him_and_does_not_bring_them_back(site: Site) -> None:
    token, about = await made(site, "ada", "read")
    sam, asking = await site.signed_in("sam", Door.ADMIN), program(site, token)
    assert (await asking.get("/audit")).status_code == 200
    body = {"reason": "left the company", "code": site.code("sam")}
    etag = (await sam.change("/people/ada/disable", body)).headers["ETag"]
    assert (await asking.get("/audit")).status_code == 401
    body = {"enabled": True, "code": site.code("sam")}
    assert (await sam.change("/people/ada", body, "PATCH", etag)).status_code == 200
    assert code_of(await asking.get("/audit")) == (401, "token_revoked")
    events = await site.events("identity.token.revoked")
    assert [(e["token"], e["reason"]) for e in events] == [(about["id"], "standing")]


async def test_a_token_ends_by_its_time_and_by_its_person(site: Site) -> None:
    token, about = await made(site, "ada", "read", days=1)
    asking, ada = program(site, token), await site.signed_in("ada")
    assert (await ada.change(f"/tokens/{about['id']}", method="DELETE")).status_code == 200
    assert code_of(await asking.get("/audit")) == (401, "token_revoked")
    token, _ = await made(site, "ada", "read", days=1)
    site.clock.advance(hours=24)
    answer = await program(site, token).get("/audit")
    assert code_of(answer) == (401, "token_expired")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sluicegate"'
    listed = (await (await site.signed_in("ada")).get("/tokens")).json()
    assert len(listed) == 2
    assert "token" not in listed[0]


async def test_a_step_of_the_clock_back_does_not_lengthen_a_token(site: Site) -> None:
    token, _ = await made(site, "ada", "read", days=1)
    site.clock.advance(hours=23)
    site.clock.step_wall(hours=-20)
    site.clock.advance(hours=2)
    assert code_of(await program(site, token).get("/audit")) == (401, "token_expired")


async def test_a_token_is_bound_to_the_networks_that_its_person_named_57(site: Site) -> None:
    token, _ = await made(site, "ada", "read", networks=["192.0.2.0/28"])
    assert (await program(site, token).get("/audit")).status_code == 200
    assert code_of(await program(site, token, source=ELSEWHERE).get("/audit")) == (403, "token_network")


@pytest.mark.parametrize(
    "wrong",
    [{"code": "000000"}, {"code": ""}, {"days": 91}, {"days": 0}, {"scopes": []}, {"scopes": ["root"]},
     {"networks": ["everywhere"]}, {"title": ""}, {"person": "sam"}, {"roles": ["admin"]}],
)  # fmt: skip
async def test_a_token_that_cannot_be_meant_is_not_made_46_55(site: Site, wrong: dict) -> None:
    ada = await site.signed_in("ada")
    body = {"title": "x", "scopes": ["read"], "days": 30, "networks": [], "code": site.code("ada")} | wrong
    expected = (403, "bad_code") if wrong == {"code": "000000"} else (422, "invalid")
    assert code_of(await ada.change("/tokens", body)) == expected
    assert (await ada.get("/tokens")).json() == []


async def test_a_used_code_and_another_person_s_code_make_no_token_46(site: Site) -> None:
    ada = await site.signed_in("ada")
    for code in (site.last_code("ada"), site.code("sam")):
        answer = await ada.change("/tokens", {"title": "x", "scopes": ["read"], "days": 1, "code": code})
        assert answer.status_code == 403
    assert (await ada.get("/tokens")).json() == []


async def test_neither_a_key_nor_a_token_makes_a_token_jumpserver_2023_43652(site: Site) -> None:
    token, _ = await made(site, "ada", "read", "policy", "inventory", "access", "people")
    asking = program(site, token)
    body = {"title": "x", "scopes": ["read"], "days": 1, "code": site.code("ada")}
    assert code_of(await asking.post("/tokens", json=body)) == (403, "not_with_token")
    assert code_of(await asking.get("/tokens")) == (403, "not_with_token")
    body = {"name": "ada", "public": "ssh-ed25519 AAAA", "title": "x", "scopes": ["read"], "days": 1}
    assert (await site.browser().post("/tokens", json=body)).status_code == 401


async def test_nobody_sees_or_revokes_another_s_token_jumpserver_2025_62712(site: Site) -> None:
    _, about = await made(site, "ada", "read")
    vera = await site.signed_in("vera")
    assert (await vera.get("/tokens")).json() == []
    there = await vera.change(f"/tokens/{about['id']}", method="DELETE")
    nowhere = await vera.change("/tokens/tok_aaaaaaaaaaaaaaaaaaaa", method="DELETE")
    assert (there.status_code, there.json()) == (404, nowhere.json())
    sam = await site.signed_in("sam", Door.ADMIN)
    assert [t["id"] for t in (await sam.get("/people/ada/tokens")).json()] == [about["id"]]
    assert (await sam.change(f"/people/vera/tokens/{about['id']}", method="DELETE")).status_code == 404
    assert (await sam.change(f"/people/ada/tokens/{about['id']}", method="DELETE")).status_code == 200


@pytest.mark.parametrize(
    "shown",
    ["Bearer slg_" + "A" * 43, "Bearer ", "bearer", "Bearer " + "A" * 9000, "Basic c2FtOnB3", "Bearer \x00\xff"],
)
async def test_a_token_that_is_none_opens_nothing_even_beside_a_good_cookie(site: Site, shown: str) -> None:
    ada = await site.signed_in("ada")
    answer = await ada.get("/audit", headers={"Authorization": shown.encode("latin-1")})
    assert code_of(answer) == (401, "bad_api_token")


async def test_two_tokens_at_once_and_a_token_in_the_query_open_nothing_54(site: Site) -> None:
    token, _ = await made(site, "ada", "read")
    both = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer slg_x")]
    assert (await site.browser().get("/audit", headers=both)).status_code == 401
    assert (await site.browser().get("/audit", params={"access_token": token})).status_code == 422


async def test_bad_tokens_are_counted_for_their_source_and_then_not_looked_at_any_more_58(site: Site) -> None:
    good, _ = await made(site, "ada", "read")
    guesser = program(site, "slg_" + "B" * 43)
    answers = [await guesser.get("/me") for _ in range(25)]
    assert [a.status_code for a in answers] == [401] * 20 + [429] * 5
    refused = [e for e in await site.events("identity.login.refused") if e["stage"] == "token"]
    assert len(refused) == 20
    assert [e["bucket"] for e in await site.events("identity.login.locked")] == ["api_token"]
    assert (await program(site, good).get("/me")).status_code == 200  # a forgotten script locks no other out
    assert (await (await site.signed_in("vera")).get("/me")).status_code == 200  # and no page


async def test_a_use_is_said_once_an_hour_for_each_network_and_shown_in_the_list(site: Site) -> None:
    token, about = await made(site, "ada", "read")
    for source in (HERE, HERE, ELSEWHERE):
        assert (await program(site, token, source=source).get("/me")).status_code == 200
    events = await site.events("identity.token.used")
    assert [(e["token"], e["source"]) for e in events] == [(about["id"], HERE), (about["id"], ELSEWHERE)]
    site.clock.advance(hours=1)
    assert (await program(site, token).get("/me")).status_code == 200
    assert len(await site.events("identity.token.used")) == 3
    listed = (await (await site.signed_in("ada")).get("/tokens")).json()
    assert listed[0]["used"].startswith(f"{site.clock.now():%Y-%m-%dT%H:}")


async def test_a_program_invites_vendors_alone(site: Site) -> None:
    asking = program(site, (await made(site, "sam", "people"))[0], Door.ADMIN)
    new = {"name": "mallory", "title": "M", "organisation": "plant", "roles": ["admin"]}
    assert code_of(await asking.post("/people", json=new)) == (403, "not_with_token")
    assert (await asking.post("/people", json=new | {"roles": ["vendor"]})).status_code == 201


async def test_the_store_holds_no_token_67(site: Site) -> None:
    token, _ = await made(site, "ada", "read")
    await program(site, token).get("/me")
    await site.services.store.close()
    held = b"".join(file.read_bytes() for file in site.folder.rglob("*.db*"))
    assert b"api_token" in held
    assert token.encode() not in held
    assert token.removeprefix("slg_").encode() not in held
