"""What a recording says in words, over the API: a search, and what was typed; every reading is in the log (82)."""

import json

from tests.api.site import Site
from tests.api.test_recordings import read, recorded


async def test_ada_finds_a_line_whatever_the_case_and_learns_when_it_stood_there(site: Site) -> None:
    async with recorded(site) as (ada, session):
        found = await read(ada, f"/recordings/{session}/lines?q=SCRIPT")
        assert [line["text"] for line in found["lines"]] == ["engineer@ews-l4:~$ <script>alert(1)</script>"]
        assert found["lines"][0]["at_us"] == 3_000_000
        assert found["next_us"] is None
        assert (await read(ada, f"/recordings/{session}/lines?q=nowhere"))["lines"] == []
        assert (await ada.get(f"/recordings/{session}/lines?q={'x' * 201}")).status_code == 422
        (event,) = await site.events("recording.read")
        assert (event["actor"], event["way"]) == ("ada", "search")


async def test_what_was_typed_without_echo_is_counted_and_read_by_nobody_83(site: Site) -> None:
    async with recorded(site) as (ada, session):
        found = await read(ada, f"/recordings/{session}/typed")
        assert [(line["text"], line["hidden_octets"]) for line in found["lines"]] == [("", 7)]
        assert "s3cret" not in json.dumps(found)


async def test_a_player_need_not_wait_for_the_verification(site: Site) -> None:
    async with recorded(site) as (ada, session):
        assert (await read(ada, f"/recordings/{session}?verify=false"))["verification"] is None
        assert (await read(ada, f"/recordings/{session}/verification"))["verdict"] == "verified"


async def test_nobody_but_an_auditor_searches_a_recording_not_even_his_own_53(site: Site) -> None:
    async with recorded(site) as (_, session):
        for name in ("vera", "omar", "lena", "sam"):
            browser = await site.signed_in(name)
            for way in ("lines", "typed"):
                theirs = await browser.get(f"/recordings/{session}/{way}")
                nobodys = await browser.get(f"/recordings/ses_23456789abcdefghjkmn/{way}")
                assert theirs.status_code == 403
                assert theirs.content == nobodys.content
