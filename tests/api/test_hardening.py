"""What a hostile page, program or person sends: hosts, origins, bodies, queries, paths, names."""

import json

import httpx
import pytest

from gateway.errors import StoreUnavailable
from gateway.fronts.api.services import Door
from gateway.limits import API_BODY_OCTETS
from tests.api.site import HERE, HOST, Site, password

ODD_QUERIES = (
    "action=all", "_rel=1", "fields=*", "limit=-1", "scope=all&scope=mine", "scope=ALL", "scope=", "requester=vera",
    "scope[]=all", "Scope=all", "organisation=kranz", "scope=all%00", "order=;drop",
)  # fmt: skip
TARGET_NAME = "<script>alert(1)</script>"


def raw(site: Site, door: Door = Door.PEOPLE) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(site.apps[door], raise_app_exceptions=False, client=(HERE, 1))
    return httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}")


@pytest.mark.parametrize(
    "host", ["evil.example", f"{HOST}.evil.example", f"evil.example:443@{HOST}", "", f"{HOST}@evil.example"]
)
@pytest.mark.parametrize("path", ["/api/v1/health", "/", "/api/v1/sign-in"])
async def test_another_host_name_gets_nothing_60(site: Site, host: str, path: str) -> None:
    async with raw(site) as client:
        answer = await client.get(path, headers={"Host": host, "X-Forwarded-Host": HOST})
    assert answer.status_code == 421
    assert answer.json()["code"] == "unknown_host"
    assert "evil" not in answer.text


async def test_the_port_of_the_host_does_not_matter(site: Site) -> None:
    async with raw(site) as client:
        assert (await client.get("/api/v1/health", headers={"Host": f"{HOST.upper()}:8443"})).json() == {"ok": True}


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/v1/me", "/api/v1/nothing", "/", "/api/v1/openapi.json"])
@pytest.mark.parametrize("door", list(Door))
async def test_every_answer_carries_the_headers(site: Site, path: str, door: Door) -> None:
    async with raw(site, door) as client:
        headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert not [name for name in headers if name.startswith("access-control-")]


async def test_no_other_origin_reads_or_asks_beforehand_60(site: Site) -> None:
    lena = await site.signed_in("lena")
    answer = await lena.get("/me", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await lena.options("/requests", headers=preflight)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


FOREIGN_PAGES: list[dict] = [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"http://{HOST}"},
    {"Origin": f"https://{HOST}:444"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
]  # fmt: skip


async def test_a_foreign_page_changes_nothing_and_signs_nobody_in_60(site: Site) -> None:
    lena, vera = await site.signed_in("lena"), await site.signed_in("vera")
    asked = {"name": "lena", "password": password("lena"), "code": site.code("lena")}
    for headers in FOREIGN_PAGES:
        answer = await vera.change("/requests", site.wanted(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin"), headers
        answer = await site.browser().post("/sign-in", json=asked, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False), headers
    assert (await lena.get("/requests", params={"scope": "all"})).json() == []


async def test_a_csrf_token_serves_its_own_sign_in_alone(site: Site) -> None:
    vera, vito = await site.signed_in("vera"), await site.signed_in("vito")
    for given in (vito.csrf, "", vera.csrf[:-1], vera.csrf.upper() + "x"):
        answer = await vera.post("/requests", json=site.wanted(), headers={"X-CSRF-Token": given})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert (await vera.get("/requests")).json() == []


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_a_form_of_another_page_is_no_json(site: Site, kind: str) -> None:
    body = json.dumps({"name": "lena", "password": password("lena"), "code": site.code("lena")})
    headers = {"Content-Type": kind} if kind else {}
    answer = await site.browser().post("/sign-in", content=body, headers=headers)
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers


MALFORMED = {
    400: [b"{", b"\xff\xfe", b'{"name": ', b"[" * 30000],
    422: [
        b"", b"[]", b"null", b'"x"', b'{"name": 1e999}', b"NaN",
        b'{"name": "\\ud800", "password": "x", "code": "123456"}',
    ],
}  # fmt: skip


async def test_malformed_json_is_a_problem_and_never_an_error_of_ours(site: Site) -> None:
    for status, body in ((status, body) for status, bodies in MALFORMED.items() for body in bodies):
        answer = await site.browser().post("/sign-in", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, (body[:20], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_problem_never_repeats_what_was_sent_66(site: Site) -> None:
    whole = {"name": "lena", "password": "canary-1", "code": "123456"}
    for wrong in ({"code": None}, {"code": "canary-2"}, {"password": ["canary-3"]}, {"also": "canary-4"}):
        asked = whole | wrong
        answer = await site.browser().post("/sign-in", json=asked)
        assert answer.status_code == 422
        assert "canary" not in answer.text
        assert answer.json()["errors"][0]["field"]


async def test_a_body_over_the_limit_is_refused_declared_or_not(site: Site) -> None:
    huge = b'{"name": "' + b"x" * API_BODY_OCTETS + b'"}'

    async def pieces():
        for at in range(0, len(huge), 4096):
            yield huge[at : at + 4096]

    for content in (huge, pieces()):
        answer = await site.browser().post("/sign-in", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    lie = {"Content-Type": "application/json", "Content-Length": "-5"}
    assert (await site.browser().post("/sign-in", content=b"{}", headers=lie)).status_code == 413


async def test_odd_query_parameters_never_widen_a_list_54(site: Site) -> None:
    vera, vito = await site.signed_in("vera"), await site.signed_in("vito")
    await site.asked(vera)
    for path in ("/requests", "/grants", "/sessions"):
        for query in ODD_QUERIES:
            answer = await vito.get(f"{path}?{query}")
            assert answer.status_code == 422 or answer.json() == [], (path, query)


async def test_the_audit_log_answers_no_odd_query(site: Site) -> None:
    ada = await site.signed_in("ada")
    for query in ("limit=-1", "limit=1000000", "since=-1", "since=1e9", "actor=a&actor=b", f"since={10**20}"):
        assert (await ada.get(f"/audit?{query}")).status_code == 422, query


FOREIGN_FIELDS: list[dict] = [
    {"requester": "vito"}, {"approved_by": "omar"}, {"state": "approved"}, {"obligations": {"approvals": 0}},
    {"organisation": "plant"}, {"id": "req_chosen"}, {"grant": "grt_chosen"}, {"__proto__": {"role": "admin"}},
]  # fmt: skip


async def test_nobody_sets_what_is_not_his_55(site: Site) -> None:
    vera = await site.signed_in("vera")
    for more in FOREIGN_FIELDS:
        assert (await vera.change("/requests", site.wanted(**more))).status_code == 422, more
    assert (await vera.get("/requests")).json() == []


async def test_an_existing_person_is_not_made_again_with_other_roles_56(site: Site) -> None:
    sam = await site.signed_in("sam", Door.ADMIN)
    again = {"name": "vera", "title": "Vera", "organisation": "plant", "roles": ["admin", "owner"]}
    assert (await sam.change("/people", again)).status_code == 409
    assert (await sam.change("/people/vera/invite", {"roles": ["admin"], "code": site.code("sam")})).status_code == 422
    assert (await sam.change("/people/vera/invite", {"code": site.code("sam")})).status_code == 200
    vera = (await sam.get("/people/vera")).json()
    assert (vera["roles"], vera["organisation"]) == (["vendor"], "kranz")


async def test_a_name_or_text_with_markup_stays_data_61(site: Site) -> None:
    vera = await site.signed_in("vera")
    request = await site.asked(vera, purpose=TARGET_NAME, work_order="\"'><img src=x onerror=alert(1)>")
    answer = await vera.get(f"/requests/{request['id']}")
    assert answer.json()["purpose"] == TARGET_NAME
    assert answer.headers["content-type"] == "application/json"
    missing = await vera.change("/requests", site.wanted(TARGET_NAME))
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.headers["x-content-type-options"] == "nosniff"


SPELLINGS = [
    "/me/", "//me", "/ME", "/me.json", "/%6De/", "/me%00", "/recordings/..%2f..%2fetc%2fpasswd",
    "/../api/v1/me/", "/audit.json", "/audit/",
]  # fmt: skip
NAMES = {"/recordings/x.json": (401, 403), "/requests/%2e%2e": (401, 404)}  # of nothing: for nobody, for vera


async def test_no_spelling_of_a_path_goes_round_the_door_52(site: Site) -> None:
    vera = await site.signed_in("vera")
    for path, statuses in (dict.fromkeys(SPELLINGS, (404, 404)) | NAMES).items():
        for browser, status in zip((site.browser(), vera), statuses, strict=True):
            answer = await browser.get(f"https://{HOST}/api/v1{path}")
            assert answer.status_code == status, (path, answer.text)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_header_does_not_make_a_read_a_change(site: Site, header: str) -> None:
    vera = await site.signed_in("vera")
    answer = await vera.get("/sign-out", headers={header: "POST"})
    assert answer.status_code == 405
    assert (await vera.get("/me")).is_success


async def test_nothing_redirects_anywhere_60(site: Site) -> None:
    for path in (
        "/?next=//evil.example",
        "/api/v1/sign-in?next=https://evil.example",
        "//evil.example/",
        "/api/v1/me/?next=//x",
    ):
        async with raw(site) as client:
            answer = await client.get(f"https://{HOST}{path}")
        assert "location" not in answer.headers
        assert not 300 <= answer.status_code < 400


async def test_there_is_no_page_of_documentation_with_a_foreign_origin(site: Site) -> None:
    async with raw(site) as client:
        for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/docs"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/api/v1/openapi.json")).json()["openapi"].startswith("3.")


async def test_a_store_that_cannot_answer_is_a_no_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    vera = await site.signed_in("vera")

    def gone(*_: object) -> None:
        raise StoreUnavailable("disk on fire at /var/lib/secret-place")

    monkeypatch.setattr(site.services.store, "read", gone)
    answer = await vera.get("/me")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert "secret-place" not in answer.text
    health = await site.browser().get("/health")
    assert (health.status_code, health.json()) == (503, {"ok": False})


async def test_an_error_of_ours_tells_nothing_of_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    vera = await site.signed_in("vera")

    def bug(*_: object) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr(site.services.inventory, "targets", bug)
    answer = await vera.get("/targets")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
