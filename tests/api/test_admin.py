"""What admins change: on the version that they saw, and with a code where factors of others are at stake."""

import asyncssh
import pytest

from gateway.fronts.api.services import Door
from gateway.inventory.model import Protocol
from tests.api.site import Browser, Site


def line() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()


@pytest.fixture
async def sam(site: Site) -> Browser:
    return await site.signed_in("sam", Door.ADMIN)


async def _patched(browser: Browser, path: str, body: dict) -> dict:
    answer = await browser.change(path, body, "PATCH")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_no_factor_and_no_role_of_another_moves_without_a_fresh_code_of_the_admin_45(
    site: Site, sam: Browser
) -> None:
    used = site.last_code("sam")
    vera = site.persons["vera"]
    key = await site.services.identity.add_key(vera, line(), "laptop")
    before = await site.events()
    attempts = [
        ("POST", "/people/vera/invite", {}),
        ("POST", "/people/vera/disable", {"reason": "gone"}),
        ("POST", "/people/vera/keys", {"public": line(), "title": "mine"}),
        ("POST", "/people/vera/keys/remove", {"fingerprint": key.fingerprint}),
        ("PATCH", "/people/vera", {"version": 1, "roles": ["vendor", "owner"]}),
    ]
    for method, path, body in attempts:
        for code in ({}, {"code": "000000"}, {"code": used}):
            answer = await sam.change(path, body | code, method)
            assert answer.status_code in {403, 422, 429}, (path, answer.text)
    assert [k.fingerprint for k in await site.services.identity.keys(vera)] == [key.fingerprint]
    now = await site.services.identity.person_named("vera")
    assert (now.roles, now.disabled) == (vera.roles, False)
    since = [e["event"] for e in (await site.events())[len(before) :]]
    assert not [name for name in since if name.startswith(("identity.person", "identity.key"))]
    await site.signed_in("vera")  # her factors are as they were


async def test_with_a_code_a_key_comes_and_goes(site: Site, sam: Browser) -> None:
    made = await sam.change("/people/vera/keys", {"public": line(), "title": "laptop", "code": site.code("sam")})
    assert made.status_code == 201, made.text
    gone = {"fingerprint": made.json()["fingerprint"], "code": site.code("sam")}
    assert (await sam.change("/people/vera/keys/remove", gone)).status_code == 200
    assert (await sam.get("/people/vera/keys")).json() == []
    again = gone | {"code": site.code("sam")}
    assert (await sam.change("/people/vera/keys/remove", again)).status_code == 404


async def test_a_person_is_changed_on_the_version_that_was_seen_and_the_rest_stays(site: Site, sam: Browser) -> None:
    first = {"version": 1, "expires": "2030-01-01T00:00:00Z", "code": site.code("sam")}
    changed = await _patched(sam, "/people/vera", first)
    assert (changed["title"], changed["expires"], changed["version"]) == ("Vera", "2030-01-01T00:00:00Z", 2)
    late = await sam.change("/people/vera", {"version": 1, "title": "V.", "code": site.code("sam")}, "PATCH")
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    kept = await _patched(sam, "/people/vera", {"version": 2, "title": "Vera K.", "code": site.code("sam")})
    assert (kept["title"], kept["expires"]) == ("Vera K.", "2030-01-01T00:00:00Z")
    free = await _patched(sam, "/people/vera", {"version": 3, "expires": None, "code": site.code("sam")})
    assert free["expires"] is None


async def test_a_disabled_person_is_switched_on_again(site: Site, sam: Browser) -> None:
    off = await sam.change("/people/vera/disable", {"reason": "on leave", "code": site.code("sam")})
    assert off.json()["disabled"]
    on = {"version": off.json()["version"], "enabled": True, "code": site.code("sam")}
    assert not (await _patched(sam, "/people/vera", on))["disabled"]


async def test_an_organisations_contract_and_networks_change(sam: Browser) -> None:
    end = {"contract_end": "2030-01-01T00:00:00Z", "networks": ["198.51.100.0/24"]}
    await _patched(sam, "/organisations/kranz", end)
    kept = await _patched(sam, "/organisations/kranz", {"title": "Kranz Antriebe"})
    assert (kept["title"], kept["contract_end"], kept["networks"]) == ("Kranz Antriebe", *end.values())
    assert (await sam.change("/organisations/none", {"title": "x"}, "PATCH")).status_code == 404


async def test_zones_and_conduits_change_only_as_they_were_seen(site: Site, sam: Browser) -> None:
    zone = await _patched(sam, "/zones/cell-4", {"version": 1, "title": "Line four"})
    assert (zone["title"], zone["level"], zone["version"]) == ("Line four", "2", 2)
    assert (await sam.change("/zones/cell-4", {"version": 1, "level": "3"}, "PATCH")).status_code == 409
    assert (await sam.change("/zones/none", {"version": 1, "level": "3"}, "PATCH")).status_code == 404
    path = "/conduits/remote/cell-4"
    wrong = {"was": ["rdp"], "protocols": []}
    assert (await sam.change(path, wrong, "PATCH")).status_code == 409
    assert (await _patched(sam, path, {"was": ["ssh", "rdp"], "protocols": []}))["protocols"] == []
    assert not await site.services.inventory.conduit_permits("remote", "cell-4", Protocol.SSH)
    assert (await sam.get("/conduits")).json() == []


async def test_a_target_its_services_and_accounts_change_on_the_version_that_was_seen(sam: Browser) -> None:
    def version(answer: dict) -> dict:
        return {"version": answer["version"]}

    before = next(t for t in (await sam.get("/targets")).json() if t["name"] == "ews-l4")
    path, service = "/targets/ews-l4", before["services"][0]
    changed = await _patched(sam, path, version(before) | {"owners": ["olga"], "tier": "T2"})
    assert (changed["owners"], changed["tier"], changed["title"]) == (["olga"], "T2", before["title"])
    late = version(before)
    for method, where, body in (
        ("PATCH", path, {"title": "x"}),
        ("PATCH", f"{path}/services/{service['id']}", {"port": 23}),
        ("PATCH", f"{path}/accounts/engineer", {"kind": "password", "secret": "x"}),
    ):
        assert (await sam.change(where, late | body, method)).status_code == 409, where
    for where in (f"{path}/services/{service['id']}", f"{path}/accounts/engineer"):
        assert (await sam.change(where, method="DELETE", params=late)).status_code == 409, where
        assert (await sam.change(where, method="DELETE")).status_code == 422, where
    moved = await _patched(sam, f"{path}/services/{service['id']}", version(changed) | {"port": 2222})
    assert (moved["services"][0]["port"], moved["services"][0]["address"]) == (2222, service["address"])
    sealed = await _patched(
        sam, f"{path}/accounts/engineer", version(moved) | {"kind": "password", "secret": "not shown either"}
    )
    assert "not shown" not in str(sealed)
    gone = await sam.change(f"{path}/accounts/engineer", method="DELETE", params=version(sealed))
    assert gone.json()["accounts"] == []
    bare = await sam.change(f"{path}/services/{service['id']}", method="DELETE", params=version(gone.json()))
    assert service["id"] not in str(bare.json()["services"])
    unknown = version(bare.json()) | {"owners": ["nobody"]}
    assert (await sam.change(path, unknown, "PATCH")).status_code == 422
