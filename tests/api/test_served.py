"""The application as it is served: TLS, real sockets, a real WebSocket client."""

import json
import ssl

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.clock import SystemClock
from gateway.fronts.api.app import create_app
from gateway.fronts.api.services import Door
from gateway.keys import open_keys
from gateway.web import MESSAGE, WebServer
from tests.api.site import RdpTwin, Site, password


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def test_the_page_signs_in_and_hears_of_a_request_over_tls(site: Site, trusting: ssl.SSLContext) -> None:
    keys = open_keys(site.folder / "keys", SystemClock(), names=("gate.example",), replay=True)
    app = create_app(site.services, Door.PEOPLE)
    async with (
        WebServer(app, "127.0.0.1", 0, keys.tls_certificate, keys.tls_key) as server,
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{server.port}", verify=trusting) as browser,
    ):
        origin = f"https://gate.example:{server.port}"
        headers = {"Host": f"gate.example:{server.port}", "Origin": origin}
        asked = {"name": "omar", "password": password("omar"), "code": site.code("omar")}
        answer = await browser.post("/api/v1/sign-in", json=asked, headers=headers)
        assert answer.status_code == 200
        assert "server" not in answer.headers
        cookie = f"__Host-sluicegate={answer.cookies['__Host-sluicegate']}"
        address = f"wss://gate.example:{server.port}/api/v1/live"

        def live(**more: object) -> websockets.connect:
            given = {"additional_headers": {"Cookie": cookie}, "origin": origin} | more
            return websockets.connect(address, host="127.0.0.1", port=server.port, ssl=trusting, **given)

        for wrong in ({"additional_headers": {}}, {"origin": "https://evil.example"}, {"origin": None}):
            with pytest.raises(InvalidStatus) as refusal:
                async with live(**wrong):
                    pass
            assert refusal.value.response.status_code == 403
        async with live() as socket:
            assert json.loads(await socket.recv()) == {"event": "live.ready"}
            async with live() as flood:
                await flood.recv()
                await flood.send("x" * (MESSAGE + 1))
                with pytest.raises(ConnectionClosed) as cut:
                    await flood.recv()
                assert cut.value.rcvd.code == 1009
            site.services.desktops.front = RdpTwin()
            async with websockets.connect(
                address.replace("/live", "/desktop"), host="127.0.0.1", port=server.port, ssl=trusting, origin=origin,
                additional_headers={"Cookie": cookie}, max_size=None,
            ) as desktop:  # fmt: skip
                for data in (b"x", b"\x03" * MESSAGE):  # the longest TPKT is an octet shorter
                    await desktop.send(data)
                    answered = await desktop.recv()
                    assert answered == b"omar at 127.0.0.1: " + data
                await desktop.send(b"x" * (MESSAGE + 1))
                with pytest.raises(ConnectionClosed) as cut:
                    await desktop.recv()
                assert cut.value.rcvd.code == 1009
            await site.asked(await site.signed_in("vera", source="127.0.0.1"))
            assert json.loads(await socket.recv())["event"] == "access.request.made"
            csrf = {"X-CSRF-Token": answer.json()["csrf"], "Cookie": cookie}
            assert (await browser.post("/api/v1/sign-out", headers=headers | csrf)).status_code == 200
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 4401
