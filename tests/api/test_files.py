"""The ledger of files over HTTP: who sees what, and who lets a held upload through (C62)."""

import pytest

from gateway.sessions.model import Session
from tests.api import ledger
from tests.api.site import Site


@pytest.fixture
async def session(site: Site):
    async with site.visit() as connection:
        yield connection.session


async def listed(site: Site, name: str, query: str = "") -> list[str]:
    answer = await (await site.signed_in(name)).get(f"/files{query}")
    assert answer.status_code == 200
    return [f["path"] for f in answer.json()["files"]]


async def test_a_file_is_seen_by_its_person_the_target_s_owner_the_control_room_and_auditors(
    site: Site, session: Session
) -> None:
    await ledger.passed(site, session)
    for name in ("vera", "omar", "lena", "ada"):
        assert await listed(site, name) == ["/srv/in/plc.zip"]
    for name in ("olga", "sam"):
        assert await listed(site, name) == []


async def test_who_may_not_know_of_a_file_gets_the_answer_for_one_that_does_not_exist(
    site: Site, session: Session
) -> None:
    """Abuse case 53: ids of others' files."""
    held = await ledger.held(site, session)
    olga = await site.signed_in("olga")
    for path, body in [("", None), ("/deliver", {"code": "123456"}), ("/withhold", {"reason": "no"})]:
        answers = []
        for name in (held, "fil_aaaaaaaaaaaaaaaaaaaa"):
            url = f"/files/{name}{path}"
            answer = await (olga.get(url) if body is None else olga.change(url, body))
            answers.append((answer.status_code, answer.json()["title"], answer.json().get("detail")))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404


async def test_the_ledger_is_searched_and_read_page_by_page(site: Site, session: Session) -> None:
    for number in range(120):
        await ledger.passed(site, session, path=f"/srv/{number:03d}", number=number)
    ada = await site.signed_in("ada")
    first = (await ada.get("/files")).json()
    assert len(first["files"]) == 100
    second = (await ada.get(f"/files?cursor={first['cursor']}")).json()
    assert [f["path"] for f in second["files"]] == [f"/srv/{number:03d}" for number in range(19, -1, -1)]
    assert second["cursor"] is None
    assert await listed(site, "ada", "?path=/srv/007&target=ews-l4&verdict=passed&sha256=" + "ab" * 32) == ["/srv/007"]
    assert await listed(site, "ada", "?verdict=held") == []
    assert (await ada.get("/files?sha256=ab")).status_code == 422


async def test_an_owner_delivers_with_a_fresh_code_and_once(site: Site, session: Session) -> None:
    held, omar = await ledger.held(site, session), await site.signed_in("omar")
    shown = (await omar.get(f"/files/{held}")).json()
    assert shown["may"] == ["deliver", "withhold"]
    wrong = await omar.change(f"/files/{held}/deliver", {"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "bad_code")
    done = await omar.change(f"/files/{held}/deliver", {"code": site.code("omar")})
    assert done.status_code == 200
    assert (done.json()["verdict"], done.json()["decided_by"]) == ("cleared", "omar")
    assert done.json()["may"] == ["withhold"]
    again = await omar.change(f"/files/{held}/deliver", {"code": site.code("omar")})
    assert again.status_code == 409


async def test_the_person_who_sent_it_sees_that_it_waits_and_cannot_deliver_it(site: Site, session: Session) -> None:
    held, vera = await ledger.held(site, session), await site.signed_in("vera")
    assert (await vera.get(f"/files/{held}")).json()["may"] == []
    refused = await vera.change(f"/files/{held}/deliver", {"code": site.code("vera")})
    assert refused.status_code == 403
    assert "You sent this file yourself" in refused.json()["detail"]


async def test_what_is_withheld_says_why_to_whoever_sent_it(site: Site, session: Session) -> None:
    held, lena = await ledger.held(site, session), await site.signed_in("lena")
    done = await lena.change(f"/files/{held}/withhold", {"reason": "This is version 11"})
    assert done.status_code == 200
    vera = await site.signed_in("vera")
    shown = (await vera.get(f"/files/{held}")).json()
    assert (shown["verdict"], shown["words"]) == ("withheld", "This is version 11")
