"""Policy versions at the doors: proposed and made active by admins, signed by a second person, asked by who answers."""

import httpx
import pytest

from gateway.fronts.api.services import Door
from gateway.identity.model import Role
from gateway.inventory.model import Protocol
from gateway.policy import files
from tests.api.site import POLICIES, Browser, Site
from tests.api.test_tokens import made, program
from tests.policy.asking import forbid


def shipped() -> dict[str, str]:
    """The policies that the site began with."""
    return files.read(POLICIES)


NO_SHELL = """@id("l5.no-shell") @title("Nobody needs a shell on line 5")
forbid (principal, action, resource == Target::"ews-l5") when { context.channels.contains(Channel::"shell") };"""


def without_shells() -> dict[str, str]:
    return shipped() | {"90-line5.cedar": NO_SHELL}


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def sam(site: Site) -> Browser:
    return await site.signed_in("sam", Door.ADMIN)


@pytest.fixture
async def omar(site: Site) -> Browser:
    return await site.signed_in("omar")


async def proposed(sam: Browser, texts: dict[str, str], note: str = "No shells on line 5") -> dict:
    answer = await sam.change("/policies", {"files": texts, "note": note})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def signed(site: Site, omar: Browser, version: dict) -> dict:
    body = {"code": site.code("omar"), "digest": version["digest"]}
    answer = await omar.change(f"/policies/{version['id']}/sign", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def activated(site: Site, sam: Browser, version: dict) -> httpx.Response:
    return await sam.change(f"/policies/{version['id']}/activate", {"code": site.code("sam")})


async def test_a_policy_goes_from_sams_folder_to_the_next_decision(site: Site, sam: Browser, omar: Browser) -> None:
    before = (await sam.get("/policies")).json()
    assert (len(before["versions"]), before["trouble"]) == (1, "")
    draft = await proposed(sam, without_shells())
    assert (draft["state"], draft["proposed"]["name"], draft["may"]) == ("draft", "sam", [])
    shown = (await omar.get(f"/policies/{draft['id']}")).json()
    assert (shown["files"], shown["may"]) == (without_shells(), ["sign"])
    assert (await signed(site, omar, shown))["state"] == "signed"
    vera = await site.signed_in("vera")
    assert (await vera.change("/requests", site.wanted("ews-l5"))).status_code == 201
    active = await activated(site, sam, draft)
    assert (active.status_code, active.json()["state"]) == (200, "active")
    assert (await sam.get("/policies")).json()["active"] == draft["id"]
    denied = await vera.change("/requests", site.wanted("ews-l5"))
    assert refused(denied) == (403, "forbidden")
    assert "Nobody needs a shell on line 5" in denied.json()["detail"]


async def test_an_unsigned_version_and_an_own_one_are_refused_in_words_c94(site: Site, sam: Browser) -> None:
    draft = await proposed(sam, without_shells())
    answer = await activated(site, sam, draft)
    assert refused(answer) == (403, "not_signed_off")
    own = await sam.change(f"/policies/{draft['id']}/sign", {"code": site.code("sam"), "digest": draft["digest"]})
    assert refused(own) == (403, "own_version")
    assert "Another owner or administrator has to sign it" in own.json()["detail"]
    assert [e["reason"] for e in await site.events("policy.version.refused")] == ["not_signed_off", "own_version"]


async def test_no_version_is_signed_or_made_active_without_a_fresh_code_45(
    site: Site, sam: Browser, omar: Browser
) -> None:
    draft = await proposed(sam, without_shells())
    by_omar, by_sam = site.last_code("omar"), site.code("sam")
    for code in ("000000", by_omar):
        body = {"code": code, "digest": draft["digest"]}
        assert (await omar.change(f"/policies/{draft['id']}/sign", body)).status_code == 403
    assert refused(await sam.change(f"/policies/{draft['id']}/activate", {"code": by_sam})) == (403, "not_signed_off")
    await signed(site, omar, draft)
    for code in ("000000", by_sam):
        assert (await sam.change(f"/policies/{draft['id']}/activate", {"code": code})).status_code == 403
    assert (await sam.get(f"/policies/{draft['id']}")).json()["state"] == "signed"


async def test_no_program_signs_or_activates_whatever_its_token_says_46(site: Site, sam: Browser) -> None:
    token, _ = await made(site, "sam", "policy", door=Door.ADMIN)
    asking = program(site, token, Door.ADMIN)
    draft = (await asking.post("/policies", json={"files": without_shells(), "note": "by a program"})).json()
    assert draft["state"] == "draft"
    for verb, body in (("sign", {"digest": draft["digest"]}), ("activate", {})):
        answer = await asking.post(f"/policies/{draft['id']}/{verb}", json=body | {"code": site.code("sam")})
        assert refused(answer) == (403, "not_with_token")
    explained = await asking.post("/policies/explain", json={"person": "vera", "target": "ews-l4"})
    assert explained.status_code == 200


async def test_a_file_that_does_not_parse_is_named_with_its_line_as_an_error_of_a_field(sam: Browser) -> None:
    broken = shipped() | {"90-new.cedar": "\npermit (principal", "91-new.cedar": forbid("x", "context.weather")}
    for path, body in (("/policies", {"note": "x"}), ("/policies/validate", {}), ("/policies/diff", {})):
        answer = await sam.change(path, {"files": broken, **body})
        assert refused(answer) == (422, "invalid")
        found = {e["field"]: e["words"] for e in answer.json()["errors"]}
        assert found["90-new.cedar"].startswith("line 2: does not parse")
        assert "weather" in found["91-new.cedar"]
    assert len((await sam.get("/policies")).json()["versions"]) == 1


async def test_a_case_that_expects_the_wrong_thing_is_shown_and_keeps_the_version_out(
    site: Site, sam: Browser, omar: Browser
) -> None:
    wrong = '[[case]]\nname = "vera may watch"\naction = "request"\nexpect = "forbidden"\n'
    texts = shipped() | {"tests/wrong.toml": wrong}
    validated = (await sam.change("/policies/validate", {"files": texts})).json()
    (failure,) = validated["failures"]
    assert failure.startswith("tests/wrong.toml: vera may watch: expected forbidden, got allow")
    draft = await proposed(sam, texts)
    assert (await sam.change(f"/policies/{draft['id']}/test")).json() == {
        "cases": validated["cases"], "failures": [failure],
    }  # fmt: skip
    await signed(site, omar, draft)
    assert refused(await activated(site, sam, draft)) == (403, "cases_fail")


async def test_the_signer_reads_in_sentences_whose_access_changes(site: Site, sam: Browser, omar: Browser) -> None:
    draft = await proposed(sam, without_shells())
    found = (await omar.get(f"/policies/{draft['id']}/diff")).json()
    assert {c["what"] for c in found["changes"]} == {"lost"}
    sentences = [c["sentence"] for c in found["changes"]]
    assert sentences == [
        "lena, olga, omar, vera and vito lose on ews-l5, by ssh with account engineer: a shell (shell);"
        " forbidden by l5.no-shell. It was by rule t1.standard-cell."
    ]
    back = (await sam.get(f"/policies/{found['old']}/diff", params={"against": draft["id"]})).json()
    assert {c["what"] for c in back["changes"]} == {"gained"}
    as_files = (await sam.change("/policies/diff", {"files": without_shells()})).json()
    assert as_files["changes"] == found["changes"]


async def test_the_words_of_an_explanation_are_those_of_the_denial_itself(site: Site, sam: Browser) -> None:
    wanted = ["shell", "exec", "sftp.delete"]
    told = await (await site.signed_in("ada")).change("/requests", site.wanted("ews-l5", channels=wanted))
    asked = {"person": "vera", "target": "ews-l5", "protocol": "ssh", "channels": wanted}
    explained = (await sam.change("/policies/explain", asked)).json()
    request, connect, *channels = explained["steps"]
    assert [(s["about"], s["allowed"]) for s in (request, connect)] == [("request", True), ("connect", True)]
    assert [c["about"] for c in channels] == [
        "single commands (exec)",
        "deleting files (sftp.delete)",
        "a shell (shell)",
    ]
    nobody = (await sam.change("/policies/explain", asked | {"person": "ada"})).json()
    assert not any(step["allowed"] for step in nobody["steps"])
    assert (told.status_code, told.json()["detail"]) == (403, nobody["steps"][0]["words"])
    assert "You do not have the role" in nobody["steps"][0]["missing"]


async def test_who_can_names_people_with_what_it_obliges_to_and_what_is_in_the_way(site: Site, sam: Browser) -> None:
    found = (await sam.get("/policies/who-can", params={"target": "ews-l4"})).json()
    by_ssh = [r for r in found["reaches"] if r["protocol"] == "ssh"]
    assert {name for r in by_ssh for name in r["persons"]} == {"vera", "vito", "omar", "olga", "lena"}
    assert all("1 approval" in r["obligations"] for r in by_ssh)
    await site.services.inventory.add_zone("sam", "cell-9", "Cell of line 9", "2")
    far = {"name": "ews-l9", "title": "Far", "zone": "cell-9", "tier": "T1", "target_class": "workstation"}
    assert (await sam.change("/targets", far | {"owners": ["omar"]})).status_code == 201
    await site.services.inventory.add_service("sam", "ews-l9", Protocol.SSH, "127.0.0.9", 22)
    shut = (await sam.get("/policies/who-can", params={"target": "ews-l9"})).json()
    assert shut["reaches"] == []
    assert "No conduit of the site leads to ews-l9 for ssh" in shut["notes"][0]


async def test_a_request_of_the_past_is_explained_by_the_version_that_spoke(
    site: Site, sam: Browser, omar: Browser
) -> None:
    old = (await sam.get("/policies")).json()["active"]
    draft = await proposed(sam, without_shells())
    await signed(site, omar, draft)
    assert (await activated(site, sam, draft)).status_code == 200
    asked = {"person": "vera", "target": "ews-l5", "channels": ["shell"]}
    now = (await sam.change("/policies/explain", asked)).json()
    then = (await sam.change("/policies/explain", asked | {"version": old})).json()
    assert (now["version"], now["steps"][0]["allowed"]) == (draft["id"], False)
    assert (then["version"], then["steps"][0]["allowed"]) == (old, True)


async def test_an_owner_who_is_of_a_vendor_reads_no_policy_52(site: Site) -> None:
    """It says who else may do what."""
    vito = await site.services.identity.person_named("vito")
    await site.services.identity.change_person(
        site.persons["sam"], "vito", vito.version, roles=[Role.VENDOR, Role.OWNER]
    )
    browser = await site.signed_in("vito")
    for path in ("/policies", f"/policies/{site.services.policy.version}"):
        assert refused(await browser.get(path)) == (403, "not_of_the_plant")


async def test_a_whole_policy_set_of_many_files_is_taken_and_a_larger_body_elsewhere_is_not(sam: Browser) -> None:
    filler = "// a comment that fills the file\n" * 4000
    texts = shipped() | {"95-long.cedar": filler}
    assert (await sam.change("/policies/validate", {"files": texts})).status_code == 200
    large = await sam.change("/zones", {"name": "z", "title": filler, "level": "2"})
    assert large.status_code == 413
