"""Every route of both doors, from the schema, for everybody (abuse cases 46, 52, 53): only the listed pairs succeed.

Who may use what is in `table.py`.
"""

from __future__ import annotations

import pytest

from gateway.fronts.api.services import Door
from gateway.identity.model import Scope
from tests.api import cells
from tests.api.cells import operations
from tests.api.site import PEOPLE, Site
from tests.api.table import ADMIN, DOORS, LISTED, QUERIES

OPEN = frozenset({"/setup", "/enrol", "/enrol/confirm", "/sign-in", "/health"})  # before anybody is signed in
# Said to one who may in general, and cannot at this moment: somebody before him in this table was faster.
LATE = frozenset({"conflict", "ended", "stale", "already_signed"})
NOWHERE = "aaaaaaaaaaaaaaaaaaaa"


def test_every_route_of_each_door_is_in_the_table() -> None:
    for door in Door:
        open_ = {o for o, what in operations(door).items() if not what["security"]}
        assert {o.partition(" ")[2] for o in open_} == OPEN
        assert set(operations(door)) - open_ == set(LISTED[door])


def test_no_route_that_takes_a_fresh_code_takes_a_token() -> None:
    for door in Door:
        coded = {o for o, what in operations(door).items() if cells.takes_code(door, what) and what["security"]}
        assert len(coded) >= 6
        assert not {o for o in coded if cells.scopes(operations(door)[o])}


each_door = pytest.mark.parametrize("door", Door)
pytestmark = pytest.mark.timeout(600)  # thousands of requests, a few milliseconds each


@each_door
async def test_only_the_listed_pairs_succeed_52(site: Site, door: Door) -> None:
    async with DOORS[door](site) as table:
        strange = await cells.strangers(site, door)
        for operation, listed in LISTED[door].items():
            before = await table.facts()
            for who, browser in strange.items():
                answer = await table.call(operation, "nobody", browser=browser)
                assert cells.kept_out(answer), (operation, who, answer.text)
            for name in sorted(PEOPLE.keys() - listed):
                answer = await table.call(operation, name)
                assert answer.status_code in {403, 404}, (operation, name, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
                if answer.status_code == 404:  # what is there and what is not read the same (abuse case 53)
                    nowhere = await table.call(operation, name, ids=dict.fromkeys([*table.ids, "name"], NOWHERE))
                    assert (nowhere.status_code, nowhere.json()) == (404, answer.json()), (operation, name)
            for name in () if operation.startswith("GET") else listed:
                answer = await table.call(operation, name, {"X-CSRF-Token": "0" * 64}, body={})
                assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), (operation, name)
            assert await table.facts() == before, operation
            for name in sorted(listed):
                answer = await table.call(operation, name)
                late = answer.status_code in {403, 409, 412} and answer.json()["code"] in LATE
                assert answer.is_success or late, (operation, name, answer.text)


@each_door
async def test_a_token_of_each_scope_opens_what_the_schema_says_and_a_bad_code_opens_nothing_46(
    site: Site, door: Door
) -> None:
    async with DOORS[door](site) as table:
        programs = {(name, scope): await cells.program(site, name, door, scope) for name in PEOPLE for scope in Scope}
        for operation, listed in LISTED[door].items():
            name, what, before = min(listed), operations(door)[operation], await table.facts()
            for scope in set(Scope) - cells.scopes(what):
                answer = await table.call(operation, "nobody", browser=programs[name, scope])
                assert answer.status_code == 403, (operation, scope, answer.text)
                assert answer.json()["code"] in {"scope", "not_with_token"}
            for code in await cells.bad_codes(site, name) if cells.takes_code(door, what) else ():
                body = table.whole_body(operation, "nobody") | {"code": code}
                if code is None and not cells.needs_code(door, what):
                    continue
                if code is None:
                    del body["code"]
                answer = await table.call(operation, name, body=body)
                assert answer.status_code in {403, 422}, (operation, code, answer.text)
            assert await table.facts() == before, operation
            for scope in cells.scopes(what):
                answer = await table.call(operation, "nobody", browser=programs[name, Scope(scope)])
                assert answer.is_success or (not operation.startswith("GET") and answer.status_code != 500)
                assert answer.is_success or answer.json()["code"] not in cells.DOOR_CODES, (operation, answer.text)


@each_door
async def test_no_odd_spelling_and_no_other_door_opens_a_route_52(site: Site, door: Door) -> None:
    async with DOORS[door](site) as table:
        (other,) = set(Door) - {door}
        for operation, listed in LISTED[door].items():
            browser, path = table.browsers[min(listed)], table.path(operation)
            method = operation.partition(" ")[0]
            for tried, answer in await cells.odd_spellings(browser, method, path):
                known = {404, 405} if method in {"GET", "POST"} else {404, 405, 412, 422}
                assert answer.status_code in known, (tried, answer.status_code)
            if method != "GET":
                before = await table.facts()
                answer = await cells.overridden(browser, method, path)
                assert answer.status_code in {200, 404, 405}, operation
                assert await table.facts() == before, operation
            if operation not in operations(other):
                there = site.browser(other)
                there.cookies.update(dict(browser.cookies))
                answer = await table.call(operation, "nobody", {"X-CSRF-Token": browser.csrf}, browser=there)
                # There `who-can` is the id of a version that does not exist, and takes no parameter.
                none = {404, 405, 422} if operation in QUERIES else {404, 405}
                assert answer.status_code in none, (operation, answer.text)


def test_no_admin_route_exists_on_the_people_door() -> None:
    people = set(operations(Door.PEOPLE))
    assert not people & {o for o, who in LISTED[Door.ADMIN].items() if who == ADMIN} - {"GET /targets"}
