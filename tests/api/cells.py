"""What the matrix tries at every route besides persons: strangers' ways in, tokens, codes, spellings."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import httpx
from sqlalchemy import delete

from gateway.fronts.api.app import bare, schema
from gateway.fronts.api.services import Door
from gateway.identity import sql as identity_sql
from gateway.identity.model import Factor, FactorProof, Role, Scope
from tests.api.site import ELSEWHERE, HERE, HOST, Browser, Site, password

COOKIE = "__Host-sluicegate"
PREFIX = "/api/v1"
DOOR_CODES = {"not_signed_in", "bad_api_token", "scope", "not_with_token", "csrf"}
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


@cache
def whole(door: Door) -> dict:
    return schema(bare(door))


@cache
def operations(door: Door) -> dict[str, dict]:
    """`METHOD /path` -> the operation, as the schema of the door has it."""
    paths = whole(door)["paths"]
    return {f"{m.upper()} {p.removeprefix(PREFIX)}": o for p, item in paths.items() for m, o in item.items()}


def takes_code(door: Door, operation: dict) -> bool:
    """Whether its body may have a fresh code."""
    return "code" in _body(door, operation).get("properties", {})


def needs_code(door: Door, operation: dict) -> bool:
    """Whether its body must have one. A ticket is made without while the code of the sign-in is fresh."""
    return "code" in _body(door, operation).get("required", [])


def _body(door: Door, operation: dict) -> dict:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return whole(door)["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})


def scopes(operation: dict) -> set[str]:
    return {scope for way in operation["security"] for scope in way.get("token", [])}


async def strangers(site: Site, door: Door) -> dict[str, Browser]:
    """Everybody who is not in: none of them gets past any route (abuse cases 46, 57, 60)."""
    nobody, forged, half, begun = (site.browser(door) for _ in range(4))
    forged.cookies.set(COOKIE, "A" * 43, domain=HOST, path="/")
    factors = {"name": "lena", "password": password("lena")}
    assert (await half.post("/sign-in", json=factors)).status_code == 422
    assert (await half.post("/sign-in", json=factors | {"code": "000000"})).status_code == 401
    sam = site.persons["sam"]
    _, link = await site.services.identity.add_person(sam, "begun", "Begun", "plant", [Role.ADMIN])
    made = await begun.post("/enrol", json={"token": link, "password": password("begun")})
    assert made.status_code == 200
    left = await site.signed_in("omar", door)
    kept = dict(left.cookies)
    await left.change("/sign-out")
    left.cookies.update(kept)
    stolen = site.browser(door, ELSEWHERE)
    stolen.cookies.update(dict((await site.signed_in("sam", door)).cookies))
    guessing, both = site.browser(door), await site.signed_in("sam", door)
    for one in (guessing, both):
        one.headers["Authorization"] = "Bearer slg_" + "B" * 43
    return {
        "nobody": nobody,
        "forged": forged,
        "half": half,
        "begun": begun,
        "signed out": left,
        "stolen": stolen,
        "guessing": guessing,
        "bad token and good cookie": both,
    }


def kept_out(answer: httpx.Response) -> bool:
    """As one whom nobody knows; after twenty guesses without looking."""
    return answer.status_code == 401 or (answer.status_code == 429 and answer.json()["code"] == "locked")


async def program(site: Site, name: str, door: Door, *scopes: Scope) -> Browser:
    """A program of `name` with a token of these scopes."""
    person = site.persons[name]
    proof = FactorProof(person.id, Factor.TOTP, site.clock.now(), HERE)
    token, _ = await site.services.identity.api_tokens.make(person, proof, "program", scopes, timedelta(days=1))
    browser = site.browser(door)
    browser.headers["Authorization"] = f"Bearer {token}"
    return browser


async def bad_codes(site: Site, name: str) -> list[str | None]:
    """None, a wrong one, and one that was used for something else; as if no failure were counted yet."""
    async with site.services.store.write() as tx:
        await tx.execute(delete(identity_sql.failures))
    used = site.code(name)
    await site.services.identity.confirm(site.persons[name], used, HERE)
    return [None, "000000", used]


async def odd_spellings(browser: Browser, method: str, path: str) -> list[tuple[str, httpx.Response]]:
    """What a filter before the gateway may read otherwise than the gateway does (CVE-2023-42442)."""
    first, slash, rest = path[1:].partition("/")
    tries = [
        (method, path + "/"),
        (method, path + ".json"),
        (method, f"/{first.upper()}{slash}{rest}"),
        (method, "/" + path),
        ("HEAD", path),
        ("OPTIONS", path),
        ("TRACE", path),
    ]
    found = []
    for verb, where in tries:
        url = f"https://{HOST}{PREFIX}{where}"
        body = {} if verb in {"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"} else {"json": {}}
        headers = {"X-CSRF-Token": browser.csrf, "If-Match": '"1"'}
        answer = await browser.request(verb, url, headers=headers, **body)
        found.append((f"{verb} {where}", answer))
    return found


async def overridden(browser: Browser, method: str, path: str) -> httpx.Response:
    """A reading that claims in headers to be a change."""
    headers = dict.fromkeys(OVERRIDES, method) | {"X-CSRF-Token": browser.csrf}
    return await browser.get(path, headers=headers)
