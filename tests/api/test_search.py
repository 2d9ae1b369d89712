"""A search through all recordings: newest first, bounded, on record, and honest about what could not be read (82)."""

from __future__ import annotations

import pytest

from gateway.fronts.api import search
from gateway.ids import SessionId
from tests.api.site import Browser, Site


async def left(site: Site, *words: str) -> list[str]:
    """A session for each of `words`, which stood on its terminal; the ids, oldest first."""
    sessions = []
    for one in words:
        async with site.visit() as connection:
            connection.open_stream("shell", {"kind": "shell"}, (80, 24)).output(f"{one}\r\nready\r\n".encode())
            sessions.append(connection.session.id)
            lena = await site.signed_in("lena")
            await lena.change(f"/sessions/{connection.session.id}/kill", {"reason": "enough"})
    return sessions


async def found(ada: Browser, **query: object) -> dict:
    answer = await ada.get("/recordings/search", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_stood_on_any_terminal_is_found_newest_first_and_the_log_says_who_looked(site: Site) -> None:
    first, second = await left(site, "firmware 4.2", "Firmware 4.3")
    ada = await site.signed_in("ada")
    page = await found(ada, q="firmware")
    assert [(h["session"], h["text"]) for h in page["hits"]] == [(second, "Firmware 4.3"), (first, "firmware 4.2")]
    assert (page["cursor"], page["unreadable"]) == (None, [])
    assert (await found(ada, q="firmware", person="vito"))["hits"] == []
    read = {(e["actor"], e["session"]) for e in await site.events("recording.read")}
    assert read == {("ada", first), ("ada", second)}


async def test_a_search_goes_on_where_it_came_to_its_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = await left(site, "pump 1", "pump 2", "pump 3")
    ada = await site.signed_in("ada")
    for limit in ("SEARCH_RECORDINGS", "SEARCH_PARTS", "SEARCH_HITS"):
        with monkeypatch.context() as small:
            small.setattr(search, limit, 1)
            seen, cursor = [], ""
            while cursor is not None:
                page = await found(ada, q="pump", cursor=cursor)
                seen += [h["session"] for h in page["hits"]]
                cursor = page["cursor"]
        assert seen == sessions[::-1], limit


async def test_a_recording_that_was_changed_is_named_and_the_others_are_searched(site: Site) -> None:
    broken, good = await left(site, "pump 1", "pump 2")
    recording = await site.services.recordings.get(SessionId(broken))
    (file,) = site.folder.rglob(recording.file)
    octets = bytearray(file.read_bytes())
    octets[len(octets) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(octets)
    page = await found(await site.signed_in("ada"), q="pump")
    assert [h["session"] for h in page["hits"]] == [good]
    assert page["unreadable"] == [broken]


@pytest.mark.parametrize(
    "query", [{}, {"q": "x"}, {"q": "x" * 300}, {"q": "pump", "cursor": "0.1"}, {"q": "pump", "cursor": "x"}]
)
async def test_a_search_that_cannot_be_meant_is_refused(site: Site, query: dict) -> None:
    ada = await site.signed_in("ada")
    assert (await ada.get("/recordings/search", params=query)).status_code == 422


async def test_recordings_are_found_by_protocol_and_by_the_name_of_a_file(site: Site) -> None:
    (session,) = await left(site, "pump 1")
    ada = await site.signed_in("ada")
    for query, expected in (
        ({"protocol": "ssh"}, [session]),
        ({"protocol": "rdp"}, []),
        ({"file": "firmware.bin"}, []),
    ):
        answer = await ada.get("/recordings", params=query)
        assert [r["session"] for r in answer.json()["recordings"]] == expected
