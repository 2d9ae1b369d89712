"""The two WebSockets: who may open them, what comes over them, when they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.fronts.api.records import MESSAGE
from gateway.fronts.api.sockets import Connections
from gateway.inventory.model import Protocol
from gateway.limits import API_LIVE_PER_PERSON, WATCH_DESKTOP
from gateway.recording.format import unpack_records
from tests.api.site import ELSEWHERE, HOST, Browser, Site
from tests.api.socket import Refused, connected


def token(browser: Browser) -> str:
    return browser.cookies["__Host-sluicegate"]


@asynccontextmanager
async def refused() -> AsyncIterator[None]:
    """What is inside is refused at the handshake."""
    caught = False
    try:
        yield
    except* Refused:
        caught = True
    assert caught, "was let in"


async def test_no_websocket_without_the_cookie_46(site: Site) -> None:
    for path in ("/live", "/sessions/ses_any/watch"):
        for cookie in ("", "guessed"):
            async with refused(), connected(site, path, cookie):
                pass


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"http://{HOST}", "null", None, f"https://{HOST}.evil.example"]
)
async def test_no_websocket_for_a_page_of_another_origin_52(site: Site, origin: str | None) -> None:
    lena = await site.signed_in("lena")
    async with refused(), connected(site, "/live", token(lena), origin=origin):
        pass


async def test_no_websocket_under_another_host_name_60(site: Site) -> None:
    lena = await site.signed_in("lena")
    async with refused(), connected(site, "/live", token(lena), host="evil.example", origin="https://evil.example"):
        pass


async def test_no_websocket_with_a_stolen_cookie_from_elsewhere(site: Site) -> None:
    lena = await site.signed_in("lena")
    async with refused(), connected(site, "/live", token(lena), source=ELSEWHERE):
        pass


async def test_omar_hears_of_a_request_without_asking_again(site: Site) -> None:
    vera, omar = await site.signed_in("vera"), await site.signed_in("omar")
    async with connected(site, "/live", token(omar)) as socket:
        assert await socket.read() == {"event": "live.ready"}
        request = await site.asked(vera)
        async with asyncio.timeout(30):
            hint = await socket.until(event="access.request.made")
        assert hint == {"event": "access.request.made", "request": request["id"]}


async def test_nobody_hears_of_what_is_none_of_his_business(site: Site) -> None:
    vera, vito, olga = [await site.signed_in(name) for name in ("vera", "vito", "olga")]
    async with connected(site, "/live", token(vito)) as other, connected(site, "/live", token(olga)) as owner:
        secret = await site.asked(vera, "ews-l4")
        his = await site.asked(vito, "ews-l5")
        for socket in (other, owner):
            heard = [await socket.read(), await socket.read()]
            assert heard == [{"event": "live.ready"}, {"event": "access.request.made", "request": his["id"]}]
            assert secret["id"] not in str(heard)


@pytest.mark.parametrize("path", ["/live", "watch"])
async def test_signing_out_closes_the_live_views_60(site: Site, path: str) -> None:
    async with site.visit() as connection:
        lena = await site.signed_in("lena")
        path = path if path == "/live" else f"/sessions/{connection.session.id}/watch"
        async with connected(site, path, token(lena)) as socket:
            await socket.read()
            await lena.change("/sign-out")
            assert await socket.end() == 4401


async def test_disabling_a_person_closes_his_live_views(site: Site) -> None:
    lena = await site.signed_in("lena")
    async with connected(site, "/live", token(lena)) as socket:
        await socket.read()
        await site.services.identity.disable(site.persons["sam"], "lena", "left the plant")
        assert await socket.end() == 4401


async def test_who_loses_the_role_loses_the_watch(site: Site) -> None:
    async with site.visit() as connection:
        lena = await site.signed_in("lena")
        async with connected(site, f"/sessions/{connection.session.id}/watch", token(lena)) as socket:
            assert (await socket.read())["type"] == "snapshot"
            version = (await site.services.identity.person_named("lena")).version
            await site.services.identity.change_person(site.persons["sam"], "lena", version, roles=["vendor"])
            assert await socket.end() == 4401


async def test_a_watcher_gets_the_picture_then_each_record(site: Site) -> None:
    async with site.visit() as connection:
        stream = connection.open_stream("shell", {"kind": "shell"}, (80, 24))
        stream.output(b"hello from line 4\r\n")
        lena = await site.signed_in("lena")
        async with connected(site, f"/sessions/{connection.session.id}/watch", token(lena)) as socket:
            first = await socket.read()
            assert first["type"] == "snapshot"
            assert [r["kind"] for r in first["records"]] == ["m", "s", "k"]
            assert first["records"][0]["value"]["target"] == "ews-l4"
            stream.output(b"more")
            record = (await socket.until(type="record"))["record"]
            assert record["kind"] == "o"
            assert record["data"] == "bW9yZQ=="
            stream.typed(b"s3cret\r")
            typed = (await socket.until(type="record"))["record"]
            assert typed["kind"] == "i"
            assert "data" not in typed
        assert await site.events("session.watch.began")


async def test_a_watch_ends_with_its_session(site: Site) -> None:
    async with site.visit() as connection:
        lena = await site.signed_in("lena")
        async with connected(site, f"/sessions/{connection.session.id}/watch", token(lena)) as socket:
            await socket.read()
            await lena.change(f"/sessions/{connection.session.id}/kill", {"reason": "enough"})
            assert (await socket.until(type="end")) == {"type": "end"}
            assert await socket.end() == 1000


async def test_vendors_and_owners_of_other_targets_watch_nothing_53(site: Site) -> None:
    async with site.visit() as connection:
        for name in ("vera", "vito", "olga", "sam"):
            browser = await site.signed_in(name)
            async with refused(), connected(site, f"/sessions/{connection.session.id}/watch", token(browser)):
                pass
        assert not await site.events("session.watch.began")


async def test_who_talks_into_a_live_view_is_cut(site: Site) -> None:
    lena = await site.signed_in("lena")
    async with connected(site, "/live", token(lena)) as socket:
        await socket.say("hello?")
        assert await socket.end() == 1003


async def test_one_person_opens_a_bounded_number_of_views(site: Site) -> None:
    lena = await site.signed_in("lena")
    connections: Connections = site.apps["people"].state.live
    held = [connections.one(site.persons["lena"].id) for _ in range(API_LIVE_PER_PERSON)]
    for one in held:
        one.__enter__()
    async with refused(), connected(site, "/live", token(lena)):
        pass
    held[0].__exit__(None, None, None)
    async with connected(site, "/live", token(lena)) as socket:
        await socket.read()


async def test_a_viewer_that_goes_away_leaves_nothing_behind(site: Site) -> None:
    lena = await site.signed_in("lena")
    connections: Connections = site.apps["people"].state.live
    async with connected(site, "/live", token(lena)) as socket:
        await socket.read()
        assert connections._open.total() == 1
    assert connections._open.total() == 0
    assert not site.services.audit.hub._subscriptions


async def test_a_viewer_that_lagged_is_told_to_read_again(site: Site) -> None:
    lena = await site.signed_in("lena")
    async with connected(site, "/live", token(lena)) as socket:
        await socket.read()
        for subscription in site.services.audit.hub._subscriptions:
            subscription.lagged = True
        await site.asked(await site.signed_in("vera"))
        assert await socket.until(event="live.lagged")


@asynccontextmanager
async def desktop(site: Site):
    """A running session with a desktop, and Lena's cookie."""
    async with site.visit(protocol=Protocol.RDP) as connection:
        stream = connection.open_stream("desktop", {})
        stream.desktop(1024, 768)
        yield connection, stream, token(await site.signed_in("lena"))


async def test_a_watched_desktop_comes_as_octets_after_a_snapshot_that_names_its_size(site: Site) -> None:
    async with desktop(site) as (connection, stream, lena):
        asked: list[str] = []
        connection.on_viewer = lambda: asked.append("paint")
        async with connected(site, f"/sessions/{connection.session.id}/watch", lena) as socket:
            first = await socket.read()
            assert [(r["kind"], r.get("data")) for r in first["records"]][1:] == [("s", None), ("w", "BAADAA==")]
            assert first["records"][1]["value"]["kind"] == "desktop"
            assert asked == ["paint"]
            stream.repaint()
            stream.shown(b"<pdu>")
            stream.repainted()
            stream.pressed(b"S3CRET")
            stream.pointed(b"<mouse>")
            stream.clipboard("in", "S3CRET")
            octets = await socket.octets()
            assert b"S3CRET" not in octets
            came = [(chr(r.kind), r.payload) for r in unpack_records(octets)]
            assert [kind for kind, _ in came] == list("qpfiut")
            assert came[1][1] == b"<pdu>"
            assert came[3][1] == b""
            assert json.loads(came[5][1]) == {"direction": "in", "characters": 6}


async def test_the_records_of_a_desktop_come_in_few_messages_of_bounded_length(site: Site) -> None:
    async with desktop(site) as (connection, stream, lena):
        async with connected(site, f"/sessions/{connection.session.id}/watch", lena) as socket:
            await socket.read()
            for n in range(400):
                stream.shown(n.to_bytes(2, "big") * 5000)
            came, messages = list[bytes](), 0
            while len(came) < 400:
                octets = await socket.octets()
                assert len(octets) < MESSAGE + 10_100
                came += [r.payload[:2] for r in unpack_records(octets)]
                messages += 1
        assert came == [n.to_bytes(2, "big") for n in range(400)]
        assert messages < 30


async def test_a_viewer_that_reads_nothing_neither_slows_the_session_nor_grows_34(site: Site) -> None:
    async with (
        desktop(site) as (connection, stream, lena),
        connected(site, f"/sessions/{connection.session.id}/watch", lena) as slow,
    ):
        await slow.read()
        slow.received._maxsize = 1  # its line takes no more than that
        recorder = site.services.sessions.registry.get(connection.session.id).recorder
        for n in range(3 * WATCH_DESKTOP // 60_000):
            stream.shown(n.to_bytes(4, "big") * 15_000)
            if n % 20 == 0:
                await asyncio.sleep(0)
            assert all(watch._octets < WATCH_DESKTOP + 70_000 for watch in recorder._watches)
        while "text" not in (message := await slow._data()):
            pass
        assert json.loads(message["text"])["type"] == "snapshot"
