"""Recordings over the API: found, replayed, verified, taken away; and every reading is in the log (82)."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import asynccontextmanager

import pytest

from gateway.inventory.model import Protocol
from gateway.recording.format import HEAD, LINK, unpack_records
from gateway.recording.model import Record
from tests.api.site import Browser, Site


@asynccontextmanager
async def recorded(site: Site):
    """Ada, and the id of a session that has ended."""
    async with site.visit() as connection:
        stream = connection.open_stream("shell", {"kind": "shell"}, (80, 24))
        stream.output(b"engineer@ews-l4:~$ ")
        stream.typed(b"s3cret\r")
        site.clock.advance(seconds=3)
        stream.output(b"<script>alert(1)</script>\r\n")
        lena = await site.signed_in("lena")
        await lena.change(f"/sessions/{connection.session.id}/pause", {"reason": "look at the press"})
        await lena.change(f"/sessions/{connection.session.id}/kill", {"reason": "enough"})
    yield await site.signed_in("ada"), connection.session.id


async def read(ada: Browser, path: str):
    answer = await ada.get(path)
    assert answer.is_success, answer.text
    return answer.json()


async def test_ada_finds_the_session_and_sees_what_it_was(site: Site) -> None:
    async with recorded(site) as (ada, session):
        page = await read(ada, "/recordings?person=vera&target=ews-l4")
        assert [(r["session"], r["seq"], r["state"]) for r in page["recordings"]] == [(session, 1, "sealed")]
        assert page["cursor"] is None
        assert (await read(ada, "/recordings?person=vito"))["recordings"] == []
        detail = await read(ada, f"/recordings/{session}")
        assert detail["replay"] is True
        assert detail["about"]["purpose"] == "exchange the parameter set"
        assert [s["about"]["kind"] for s in detail["streams"]] == ["shell"]
        assert detail["verification"]["verdict"] == "verified", detail["verification"]


async def test_the_records_play_from_a_keyframe_and_hide_what_was_not_echoed_83(site: Site) -> None:
    async with recorded(site) as (ada, session):
        found = await read(ada, f"/recordings/{session}/records?from_us=0")
        kinds = [r["kind"] for r in found["records"]]
        assert kinds[0] == "m"
        assert {"s", "o", "d", "n"} <= set(kinds)
        assert found["next_us"] is None
        assert "i" not in kinds
        assert "b" not in kinds
        assert "s3cret" not in json.dumps(found)
        far = await ada.get(f"/recordings/{session}/records?from_us={10**15}")
        assert (far.status_code, far.json()["next_us"]) == (200, None)


async def test_the_timeline_has_the_decisions_and_what_came_before(site: Site) -> None:
    async with recorded(site) as (ada, session):
        timeline = await read(ada, f"/recordings/{session}/timeline")
        said = {(e["kind"], e["actor"]) for e in timeline["entries"]}
        assert ("access.request.made", "vera") in said
        assert ("access.release.armed", "lena") in said
        assert any(kind == "decision" and actor == "lena" for kind, actor in said)
        assert [e["at_us"] for e in timeline["entries"]] == sorted(e["at_us"] for e in timeline["entries"])
        shown = b"engineer@ews-l4:~$ " + b"<script>alert(1)</script>\r\n"
        assert sum(bucket["output_octets"] for bucket in timeline["activity"]) == len(shown)


async def test_the_evidence_pack_is_whole_and_its_name_is_nobodys(site: Site) -> None:
    async with recorded(site) as (ada, session):
        answer = await ada.get(f"/recordings/{session}/download")
        assert answer.headers["content-disposition"] == 'attachment; filename="recording-00000001.zip"'
        assert answer.headers["cache-control"] == "no-store"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
            names = {name.rpartition("/")[2] for name in pack.namelist()}
        wanted = {"recording.slg", "audit.jsonl", "checkpoint.txt", "site-key.txt", "verify.py", "README.txt"}
        assert wanted <= names


@pytest.mark.parametrize(
    ("way", "kind"), [("asciicast", "application/x-asciicast"), ("text", "text/plain; charset=utf-8")]
)
async def test_what_a_target_printed_is_saved_and_never_shown_61(site: Site, way: str, kind: str) -> None:
    async with recorded(site) as (ada, session):
        answer = await ada.get(f"/recordings/{session}/{way}")
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert b"alert(1)" in answer.content
        assert b"s3cret" not in answer.content


async def test_every_reading_is_in_the_log_with_who_and_how_82(site: Site) -> None:
    async with recorded(site) as (ada, session):
        for way in ("", "/download", "/asciicast", "/text"):
            assert (await ada.get(f"/recordings/{session}{way}")).is_success
        read = await site.events("recording.read")
        assert [(e["actor"], e["session"], e["way"], e["source"]) for e in read] == [
            ("ada", session, way, "192.0.2.7") for way in ("replay", "download", "asciicast", "text")
        ]


async def test_nobody_but_an_auditor_reads_a_recording_not_even_his_own_53(site: Site) -> None:
    async with recorded(site) as (_, session):
        for name in ("vera", "vito", "omar", "olga", "lena", "sam"):
            browser = await site.signed_in(name)
            for way in ("", "/records", "/timeline", "/verification", "/download", "/asciicast", "/text"):
                theirs = await browser.get(f"/recordings/{session}{way}")
                nobodys = await browser.get(f"/recordings/ses_23456789abcdefghjkmn{way}")
                assert theirs.status_code == 403
                assert theirs.content == nobodys.content
        assert not await site.events("recording.read")


async def test_a_changed_recording_is_called_broken_and_not_shown_78(site: Site) -> None:
    async with recorded(site) as (ada, session):
        (file,) = [p for p in site.folder.rglob("*") if p.is_file() and session in p.name]
        octets = bytearray(file.read_bytes())
        octets[_first_data(octets)] ^= 1
        file.chmod(0o600)
        file.write_bytes(octets)
        verification = await read(ada, f"/recordings/{session}/verification")
        assert verification["verdict"] == "broken"
        answer = await ada.get(f"/recordings/{session}/records")
        assert (answer.status_code, answer.json()["code"]) == (409, "recording_broken")


def _first_data(octets: bytearray) -> int:
    """Within the first frame of data: what a checkpoint confirmed before it is nothing."""
    at = octets.index(b"\n") + 1
    while True:
        length, kind = HEAD.unpack_from(octets, at)
        if chr(kind) == "D":
            return at + HEAD.size + length // 2
        at += HEAD.size + length + LINK


async def test_a_recording_that_is_none_is_not_found(site: Site) -> None:
    ada = await site.signed_in("ada")
    for path in ("", "/records", "/timeline", "/verification", "/download", "/asciicast", "/text"):
        answer = await ada.get(f"/recordings/ses_23456789abcdefghjkmn{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_desktops_records_come_as_octets_piece_by_piece(site: Site) -> None:
    async with site.visit(protocol=Protocol.RDP) as connection:
        stream = connection.open_stream("desktop", {})
        stream.desktop(1024, 768)
        for n in range(30):
            site.clock.advance(seconds=1)
            stream.repaint()
            stream.shown(n.to_bytes(4, "big") * 75_000)
            site.clock.advance(milliseconds=20)
            stream.repainted()
        stream.pressed(b"S3CRET")
        lena = await site.signed_in("lena")
        await lena.change(f"/sessions/{connection.session.id}/kill", {"reason": "enough"})
    ada, path = await site.signed_in("ada"), f"/recordings/{connection.session.id}"
    points = [k["at_us"] for k in (await read(ada, path))["keyframes"]]
    assert len(points) == 31
    came, at, answers = list[Record](), points[2], 0
    while True:
        answer = await ada.get(f"{path}/records?from_us={at}", headers={"Accept": "application/octet-stream"})
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "no-store"
        came += unpack_records(answer.content)
        answers += 1
        if "next-us" not in answer.headers:
            break
        at = int(answer.headers["next-us"])
    assert (chr(came[0].kind), chr(came[1].kind)) == ("w", "q")
    assert came[1].at_us < points[2]
    pictures = [int.from_bytes(r.payload[:4], "big") for r in came if chr(r.kind) == "p"]
    assert pictures == list(range(1, 30))
    assert answers == 3
    assert not any(b"S3CRET" in r.payload for r in came)
    as_json = await read(ada, f"{path}/records?from_us={points[2]}")
    assert [r["kind"] for r in as_json["records"][:4]] == ["w", "q", "p", "f"]
    cast = await ada.get(f"{path}/asciicast")
    assert (cast.status_code, cast.json()["code"]) == (403, "no_terminal")
    assert "desktop" in cast.json()["detail"]
