"""The story of a request, and what others may know of it."""

import pytest

from tests.api.site import Site


async def test_from_request_to_release_as_the_page_does_it(site: Site) -> None:
    vera, omar, lena = [await site.signed_in(name) for name in ("vera", "omar", "lena")]
    offers = (await vera.get("/targets")).json()
    assert [offer["name"] for offer in offers] == ["ews-l4", "ews-l5"]
    assert offers[0]["owners"] == ["Omar"]
    assert offers[0]["services"][0]["accounts"] == ["engineer"]
    assert "127.0.0" not in str(offers)
    request = await site.asked(vera)
    assert (request["state"], request["may"]) == ("pending", ["cancel"])
    waiting = (await omar.get("/requests", params={"scope": "to_decide"})).json()
    assert [(r["id"], r["may"]) for r in waiting] == [(request["id"], ["approve", "deny"])]
    approval = {"code": site.code("omar"), "digest": waiting[0]["digest"], "note": "call me first"}
    approved = (await omar.change(f"/requests/{request['id']}/approve", approval)).json()
    assert approved["state"] == "approved"
    assert approved["approvals"][0]["approver"] == "omar"
    assert (approved["requester_title"], approved["approvals"][0]["approver_title"]) == ("Vera", "Omar")
    grant = (await lena.get("/grants", params={"scope": "site"})).json()[0]
    assert (grant["request"], grant["state"], grant["may"]) == (request["id"], "scheduled", ["release", "revoke"])
    released = await lena.change(f"/grants/{grant['id']}/release", {"code": site.code("lena")})
    assert released.json()["state"] == "armed"
    seen = (await vera.get("/grants")).json()[0]
    assert seen["releases"][0]["by"] == "lena"
    assert (seen["person_title"], seen["releases"][0]["by_title"]) == ("Vera", "Lena")
    assert seen["may"] == []
    withdrawn = await lena.change(f"/releases/{released.json()['id']}/withdraw")
    assert withdrawn.status_code == 200, withdrawn.text
    assert (await vera.get("/grants")).json()[0]["releases"][0]["state"] == "withdrawn"


async def test_vera_reads_why_she_was_denied(site: Site) -> None:
    vera, omar = await site.signed_in("vera"), await site.signed_in("omar")
    request = await site.asked(vera)
    await omar.change(f"/requests/{request['id']}/deny", {"reason": "not before the shutdown"})
    seen = (await vera.get(f"/requests/{request['id']}")).json()
    assert (seen["state"], seen["reason"], seen["decided_by"]) == ("denied", "not before the shutdown", "omar")
    assert seen["decided_by_title"] == "Omar"


async def test_nobody_approves_with_a_used_code_or_for_something_else_43_48(site: Site) -> None:
    vera, omar = await site.signed_in("vera"), await site.signed_in("omar")
    request = await site.asked(vera)
    path = f"/requests/{request['id']}/approve"
    used = await omar.change(path, {"code": site.last_code("omar"), "digest": request["digest"]})
    assert used.json()["code"] == "used_code"
    other = await omar.change(path, {"code": site.code("omar"), "digest": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert (await vera.get(f"/requests/{request['id']}")).json()["state"] == "pending"


async def test_the_requester_cannot_approve_himself_whatever_his_role_47(site: Site) -> None:
    omar = await site.signed_in("omar")
    answer = await omar.change("/requests", site.wanted())
    if answer.is_success:
        request = answer.json()
        approval = {"code": site.code("omar"), "digest": request["digest"]}
        answer = await omar.change(f"/requests/{request['id']}/approve", approval)
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["vito", "olga", "sam"])
async def test_others_requests_and_grants_are_like_none_at_all_53(site: Site, name: str) -> None:
    vera, omar, other = [await site.signed_in(n) for n in ("vera", "omar", name)]
    grant = await site.granted(vera, omar)
    request = await site.asked(vera)
    code = site.code(name)
    calls = [
        ("request", "GET", "/requests/{}", None),
        ("request", "POST", "/requests/{}/approve", {"code": code, "digest": request["digest"]}),
        ("request", "POST", "/requests/{}/deny", {"reason": "no"}),
        ("request", "POST", "/requests/{}/cancel", {}),
        ("grant", "POST", "/grants/{}/revoke", {"reason": "no"}),
    ]
    for what, method, path, body in calls:
        theirs = request["id"] if what == "request" else grant["id"]
        answers = [
            await (other.get(path.format(id_)) if method == "GET" else other.change(path.format(id_), body))
            for id_ in (theirs, theirs[:-1] + ("a" if theirs[-1] != "a" else "b"), "nonsense")
        ]
        assert {a.status_code for a in answers} == {404}, path
        assert len({a.content for a in answers}) == 1, path
    for scope in ("mine", "to_decide", "all"):
        assert (await other.get("/requests", params={"scope": scope})).json() == []
    for scope in ("mine", "site"):
        assert (await other.get("/grants", params={"scope": scope})).json() == []
    assert (await vera.get(f"/requests/{request['id']}")).json()["state"] == "pending"


async def test_vera_may_not_release_or_extend_her_own_access(site: Site) -> None:
    async with site.visit() as connection:
        vera = await site.signed_in("vera")
        grant = (await vera.get("/grants")).json()[0]
        answer = await vera.change(f"/grants/{grant['id']}/release", {"code": site.code("vera")})
        assert answer.status_code == 403
        asked = {"minutes": 10, "code": site.code("vera"), "reason": "more"}
        answer = await vera.change(f"/sessions/{connection.session.id}/extend", asked)
        assert answer.status_code == 403
        assert (await vera.get("/grants")).json()[0]["extended_minutes"] == 0


async def test_a_field_that_cannot_be_meant_is_named(site: Site) -> None:
    vera = await site.signed_in("vera")
    wrong = {
        "duration_minutes": 0, "not_after": "tomorrow", "not_before": "2026-11-24T10:00:00", "protocol": "telnet"
    }  # fmt: skip
    for field, value in wrong.items():
        more = {field: value}
        answer = await vera.change("/requests", site.wanted(**more))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
