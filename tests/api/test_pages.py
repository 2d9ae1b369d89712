"""Long lists: page after page gives every thing once, in order, by the links alone."""

import httpx
import pytest

from gateway.fronts.api import files, pages
from gateway.fronts.api.services import Door
from tests.api import ledger
from tests.api.site import Browser, Site


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SIZE", 2)


async def every(browser: Browser, path: str) -> list[list[dict]]:
    """The pages of a list, until there is no link."""
    found, following = list[list[dict]](), path
    while following:
        answer = await browser.get(following)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        following = answer.links.get("next", {}).get("url", "").removeprefix("/api/v1")
    return found


async def test_requests_and_grants_come_in_pages(site: Site) -> None:
    vera, omar = await site.signed_in("vera"), await site.signed_in("omar")
    for _ in range(3):
        await site.granted(vera, omar)
    for path in ("/requests?scope=mine", "/grants?scope=mine"):
        first, second = await every(vera, path)
        assert [len(first), len(second)] == [2, 1]
        assert len({one["id"] for one in first + second}) == 3


async def test_all_requests_are_those_of_his_targets_and_his_own_on_pages_without_gaps(site: Site) -> None:
    """Those of one moment too: a page is read from the store, and ends within them."""
    vera, omar = await site.signed_in("vera"), await site.signed_in("omar")
    seen = [(await site.asked(vera))["id"] for _ in range(3)]
    seen.append((await site.asked(omar, "ews-l5"))["id"])
    hidden = [(await site.asked(vera, "ews-l5"))["id"] for _ in range(3)]
    for browser, ids in ((omar, seen), (await site.signed_in("lena"), seen + hidden)):
        found = await every(browser, "/requests?scope=all")
        assert sorted(one["id"] for page in found for one in page) == sorted(ids)
        assert [len(page) for page in found[:-1]] == [2] * (len(found) - 1)


async def test_people_and_targets_come_in_pages(site: Site) -> None:
    sam = await site.signed_in("sam", Door.ADMIN)
    people = [p["name"] for page in await every(sam, "/people") for p in page]
    assert people == sorted(site.persons)
    targets = [t["name"] for page in await every(sam, "/targets") for t in page]
    assert targets == ["ews-l4", "ews-l5"]


async def test_sessions_come_in_pages_until_one_is_empty(site: Site) -> None:
    async with site.visit():
        vera = await site.signed_in("vera")
        assert [len(page) for page in await every(vera, "/sessions?scope=mine")] == [1, 0]


async def test_files_and_exceptions_come_in_pages_that_say_the_same_in_their_body(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE", 2)
    async with site.visit() as connection:
        made = {"/files": list[str](), "/exceptions": list[str]()}
        for number in range(3):
            site.clock.advance(seconds=1)
            made["/files"].insert(0, await ledger.passed(site, connection.session, number=number))
            made["/exceptions"].insert(0, await site.proposed_exception())
        omar = await site.signed_in("omar")
        for path, ids in made.items():
            first = await omar.get(path)
            second = await omar.get(first.links["next"]["url"].removeprefix("/api/v1"))
            found = [one["id"] for answer in (first, second) for one in answer.json()[path.removeprefix("/")]]
            assert found == ids, path
            assert f"cursor={first.json()['cursor']}" in first.links["next"]["url"]
            assert (second.json()["cursor"], second.links) == (None, {})


@pytest.mark.parametrize("cursor", ["nobody", "x" * 65, "../vera"])
async def test_a_cursor_of_nothing_is_said_so_and_shows_nothing(site: Site, cursor: str) -> None:
    sam = await site.signed_in("sam", Door.ADMIN)
    answer: httpx.Response = await sam.get("/people", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_cursor_of_somebody_else_s_request_tells_nothing_53(site: Site) -> None:
    vera, vito = await site.signed_in("vera"), await site.signed_in("vito")
    request = await site.asked(vera)
    there = await vito.get("/requests", params={"cursor": request["id"]})
    nowhere = await vito.get("/requests", params={"cursor": "req_aaaaaaaaaaaaaaaaaaaa"})
    assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json())
