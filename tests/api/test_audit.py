"""The audit log through the API: found by what it is about, taken out with proofs, checked by an outsider."""

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.audit.events.runtime import CheckpointFailed, CheckpointLeft
from gateway.cli.main import app
from gateway.fronts.api.services import Door
from tests.api.site import Browser, Site


@pytest.fixture
async def ada(site: Site) -> Browser:
    return await site.signed_in("ada")


async def names(ada: Browser, **query: object) -> list[str]:
    answer = await ada.get("/audit", params={"limit": 1000} | query)
    assert answer.status_code == 200, answer.text
    return [e["name"] for e in answer.json()["entries"]]


async def test_entries_are_found_by_event_actor_time_and_what_they_are_about(site: Site, ada: Browser) -> None:
    vera = await site.signed_in("vera")
    site.clock.advance(seconds=1)
    began = site.clock.now()
    request = await site.asked(vera)
    assert await names(ada, name="access.request.made") == ["access.request.made"]
    assert await names(ada, name="access.") == ["access.request.made"]
    assert await names(ada, name="access") == []
    assert await names(ada, request=request["id"]) == ["access.request.made"]
    assert await names(ada, actor="vera", after=began.isoformat()) == ["access.request.made"]
    assert "access.request.made" not in await names(ada, before=began.isoformat())
    assert await names(ada, text="PARAMETER set") == ["access.request.made"]
    assert await names(ada, target="ews-l4", name="access.") == ["access.request.made"]
    assert await names(ada, text='vera","target') == []


async def test_what_a_person_wrote_is_not_taken_for_a_field(site: Site, ada: Browser) -> None:
    vera = await site.signed_in("vera")
    await site.asked(vera, purpose='x","session":"ses_forged","y":"')
    assert await names(ada, session="ses_forged") == []


async def test_a_list_goes_on_where_its_link_says(site: Site, ada: Browser) -> None:
    first = await ada.get("/audit", params={"name": "identity.", "limit": 3})
    following = first.links["next"]["url"]
    assert following.startswith("/api/v1/audit?name=identity.&limit=3&since=")
    second = await ada.get(following.removeprefix("/api/v1"))
    places = [e["index"] for answer in (first, second) for e in answer.json()["entries"]]
    assert places == sorted(set(places))
    assert len(places) == 6


async def test_an_extract_is_verified_by_an_outsider_with_the_key_alone(
    site: Site, ada: Browser, tmp_path: Path
) -> None:
    await site.asked(await site.signed_in("vera"))
    answer = await ada.get("/audit/extract", params={"name": "access."})
    assert answer.headers["content-type"] == "application/x-ndjson"
    extract, key = tmp_path / "extract.jsonl", tmp_path / "site.pub"
    extract.write_text(answer.text)
    raw = site.services.site.signing.public_key().public_bytes_raw()
    key.write_text(base64.b64encode(raw).decode() + "\n")
    head = json.loads(answer.text.splitlines()[0])
    assert bytes.fromhex(head["site_key"]) == raw
    outside = tmp_path / "checkpoints.txt"
    outside.write_text(head["checkpoint"])
    run = ["audit", "verify-extract", str(extract), "--key", str(key), "--checkpoint", str(outside)]
    good = CliRunner().invoke(app, run)
    assert (good.exit_code, good.output) == (0, "1 entries, 0 findings\n")
    extract.write_text(answer.text.replace("parameter set", "parameter get"))
    bad = CliRunner().invoke(app, run)
    assert bad.exit_code == 1
    assert "is not in the log" in bad.output
    (said,) = await site.events("audit.extracted")
    assert (said["actor"], said["entries"]) == ("ada", 1)


async def test_checkpoints_that_left_and_those_that_did_not_are_listed(site: Site, ada: Browser) -> None:
    async with site.services.store.write() as tx:
        await site.services.audit.append(tx, CheckpointLeft(actor="gateway", way="file", size=7))
        await site.services.audit.append(tx, CheckpointFailed(actor="gateway", way="url", why="status 500"))
    found = (await ada.get("/audit/checkpoints")).json()
    assert [(c["way"], c["size"], c["failure"]) for c in found] == [("file", 7, ""), ("url", None, "status 500")]


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 1001}, {"since": -1}, {"after": "yesterday"}, {"after": "2026-01-01T00:00:00"},
     {"fields": "line"}, {"action": "x"}, {"text": "x" * 129}],
)  # fmt: skip
async def test_a_question_that_cannot_be_meant_is_refused_54(ada: Browser, query: dict) -> None:
    for path in ("/audit", "/audit/extract"):
        assert (await ada.get(path, params=query)).status_code == 422


async def test_nobody_but_an_auditor_reads_the_log_on_either_door(site: Site) -> None:
    for door in Door:
        sam = await site.signed_in("sam", door)
        for path in ("/audit", "/audit/extract", "/audit/checkpoints", "/audit/checkpoint"):
            assert (await sam.get(path)).status_code == 403
