"""What admins change: on the version that they saw, and with a code where factors of others are at stake."""

import asyncssh
import httpx
import pytest

from gateway.fronts.api.services import Door
from gateway.inventory.model import Protocol
from tests.api.site import Browser, Site


def line() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()


@pytest.fixture
async def sam(site: Site) -> Browser:
    return await site.signed_in("sam", Door.ADMIN)


async def _patched(browser: Browser, path: str, body: dict, etag: str) -> dict:
    answer = await browser.change(path, body, "PATCH", etag)
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == answer.json()["etag"]
    return answer.json()


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


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
        ("PATCH", "/people/vera", {"roles": ["vendor", "owner"]}),
    ]
    for method, path, body in attempts:
        for code, refusal in (({}, "invalid"), ({"code": "000000"}, "bad_code"), ({"code": used}, "used_code")):
            answer = await sam.change(path, body | code, method, '"1"')
            locked = {"locked"} if code else set()  # after some of them
            assert answer.json()["code"] in {refusal} | locked, (path, answer.text)
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
    etag = (await sam.get("/people/vera")).headers["ETag"]
    first = {"expires": "2030-01-01T00:00:00Z", "code": site.code("sam")}
    changed = await _patched(sam, "/people/vera", first, etag)
    assert (changed["title"], changed["expires"]) == ("Vera", "2030-01-01T00:00:00Z")
    code = site.code("sam")
    late = await sam.change("/people/vera", {"title": "V.", "code": code}, "PATCH", etag)
    assert refused(late) == (412, "stale")
    # A stale change used up no code.
    kept = await _patched(sam, "/people/vera", {"title": "Vera K.", "code": code}, changed["etag"])
    assert (kept["title"], kept["expires"]) == ("Vera K.", "2030-01-01T00:00:00Z")
    free = await _patched(sam, "/people/vera", {"expires": None, "code": site.code("sam")}, kept["etag"])
    assert free["expires"] is None


async def test_a_disabled_person_is_switched_on_again(site: Site, sam: Browser) -> None:
    off = await sam.change("/people/vera/disable", {"reason": "on leave", "code": site.code("sam")})
    assert off.json()["disabled"]
    on = {"enabled": True, "code": site.code("sam")}
    assert not (await _patched(sam, "/people/vera", on, off.headers["ETag"]))["disabled"]


async def test_an_organisations_contract_and_networks_change(sam: Browser) -> None:
    end = {"contract_end": "2030-01-01T00:00:00Z", "networks": ["198.51.100.0/24"]}
    etag = (await sam.get("/organisations/kranz")).headers["ETag"]
    ended = await _patched(sam, "/organisations/kranz", end, etag)
    assert refused(await sam.change("/organisations/kranz", {"title": "x"}, "PATCH", etag)) == (412, "stale")
    kept = await _patched(sam, "/organisations/kranz", {"title": "Kranz Antriebe"}, ended["etag"])
    assert (kept["title"], kept["contract_end"], kept["networks"]) == ("Kranz Antriebe", *end.values())
    assert (await sam.change("/organisations/none", {"title": "x"}, "PATCH", etag)).status_code == 404


async def test_zones_and_conduits_change_only_as_they_were_seen(site: Site, sam: Browser) -> None:
    etag = (await sam.get("/zones/cell-4")).headers["ETag"]
    zone = await _patched(sam, "/zones/cell-4", {"title": "Line four"}, etag)
    assert (zone["title"], zone["level"]) == ("Line four", "2")
    assert refused(await sam.change("/zones/cell-4", {"level": "3"}, "PATCH", etag)) == (412, "stale")
    assert (await sam.change("/zones/none", {"level": "3"}, "PATCH", etag)).status_code == 404
    path = "/conduits/remote/cell-4"
    etag = (await sam.get(path)).headers["ETag"]
    assert refused(await sam.change(path, {"protocols": []}, "PATCH", '"rdp"')) == (412, "stale")
    assert (await _patched(sam, path, {"protocols": []}, etag))["protocols"] == []
    assert (await sam.get(path)).status_code == 404
    assert not await site.services.inventory.conduit_permits("remote", "cell-4", Protocol.SSH)
    assert (await sam.get("/conduits")).json() == []


async def test_a_target_its_services_and_accounts_change_on_the_version_that_was_seen(sam: Browser) -> None:
    before = (await sam.get("/targets/ews-l4")).json()
    assert before in (await sam.get("/targets")).json()
    path, service = "/targets/ews-l4", before["services"][0]
    changed = await _patched(sam, path, {"owners": ["olga"], "tier": "T2"}, before["etag"])
    assert (changed["owners"], changed["tier"], changed["title"]) == (["olga"], "T2", before["title"])
    for method, where, body in (
        ("PATCH", path, {"title": "x"}),
        ("PATCH", f"{path}/services/{service['id']}", {"port": 23}),
        ("PATCH", f"{path}/accounts/engineer", {"kind": "password", "secret": "x"}),
    ):
        assert refused(await sam.change(where, body, method, before["etag"])) == (412, "stale"), where
    for where in (f"{path}/services/{service['id']}", f"{path}/accounts/engineer"):
        assert refused(await sam.change(where, method="DELETE", etag=before["etag"])) == (412, "stale"), where
    moved = await _patched(sam, f"{path}/services/{service['id']}", {"port": 2222}, changed["etag"])
    assert (moved["services"][0]["port"], moved["services"][0]["address"]) == (2222, service["address"])
    sealed = await _patched(
        sam, f"{path}/accounts/engineer", {"kind": "password", "secret": "not shown either"}, moved["etag"]
    )
    assert "not shown" not in str(sealed)
    gone = await sam.change(f"{path}/accounts/engineer", method="DELETE", etag=sealed["etag"])
    assert gone.json()["accounts"] == []
    bare = await sam.change(f"{path}/services/{service['id']}", method="DELETE", etag=gone.headers["ETag"])
    assert service["id"] not in str(bare.json()["services"])
    unknown = await sam.change(path, {"owners": ["nobody"]}, "PATCH", bare.headers["ETag"])
    assert unknown.status_code == 422


async def test_a_change_that_names_no_state_or_not_one_is_not_made(site: Site, sam: Browser) -> None:
    """RFC 6585, 3 and RFC 9110, 13.1.1: two admins who work at once do not undo each other unseen."""
    changes = {
        "PATCH /zones/cell-4": {"title": "x"},
        "PATCH /conduits/remote/cell-4": {"protocols": ["ssh"]},
        "PATCH /organisations/kranz": {"title": "x"},
        "PATCH /targets/ews-l4": {"title": "x"},
        "PATCH /targets/ews-l4/accounts/engineer": {"kind": "password", "secret": "x"},
        "DELETE /targets/ews-l4/accounts/engineer": {},
        "PATCH /people/vera": {"title": "x", "code": "000000"},
    }
    before = await site.events()
    for operation, body in changes.items():
        method, _, path = operation.partition(" ")
        for etag in ("", "*", " * "):
            assert refused(await sam.change(path, body, method, etag)) == (428, "etag_missing"), (operation, etag)
        for etag in ('W/"1"', '"0"', '"-1"', '"999999999"', '"x"', '"' + "9" * 64 + '"'):
            assert refused(await sam.change(path, body, method, etag)) == (412, "stale"), (operation, etag)
        for etag in ("1", '"1", "2"', '"', '"' + "9" * 65 + '"', '"1'):
            assert refused(await sam.change(path, body, method, etag)) == (422, "invalid"), (operation, etag)
    assert await site.events() == before
