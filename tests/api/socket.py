"""A WebSocket client that speaks ASGI to the application, in the test's own loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from gateway.fronts.api.services import Door
from tests.api.site import HERE, HOST, Site

LIMIT = 5.0  # seconds that anything may take


class Refused(Exception):
    """The handshake was answered with a refusal."""


class Socket:
    def __init__(self) -> None:
        self.sent = asyncio.Queue()
        self.received = asyncio.Queue()
        self.closed: int | None = None
        self.reason = ""

    async def start(self) -> None:
        await self.sent.put({"type": "websocket.connect"})
        message = await self._next()
        if message["type"] != "websocket.accept":
            raise Refused(message)

    async def _next(self) -> dict:
        async with asyncio.timeout(LIMIT):
            return await self.received.get()

    async def _data(self) -> dict:
        message = await self._next()
        if message["type"] == "websocket.close":
            self.closed, self.reason = message["code"], message.get("reason") or ""
            raise EOFError(message)
        return message

    async def read(self) -> dict:
        return json.loads((await self._data())["text"])

    async def octets(self) -> bytes:
        return (await self._data())["bytes"]

    async def until(self, **wanted: object) -> dict:
        while True:
            message = await self.read()
            if all(message.get(k) == v for k, v in wanted.items()):
                return message

    async def end(self) -> int:
        """The close code, once the other side closed."""
        while self.closed is None:
            try:
                await self.read()
            except EOFError:
                break
        return self.closed

    async def say(self, text: str) -> None:
        await self.sent.put({"type": "websocket.receive", "text": text})


@asynccontextmanager
async def connected(
    site: Site, path: str, token: str = "", *, origin: str | None = f"https://{HOST}", host: str = HOST,
    source: str = HERE, door: Door = Door.PEOPLE,
):  # fmt: skip
    """Raises Refused when the handshake is refused."""
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if token:
        headers.append((b"cookie", f"__Host-sluicegate={token}".encode()))
    path = "/api/v1" + path
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "wss", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers, "client": (source, 40001),
        "server": (HOST, 443), "subprotocols": [], "state": {},
    }  # fmt: skip
    socket = Socket()
    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(site.apps[door](scope, socket.sent.get, socket.received.put))
        try:
            await socket.start()
            yield socket
        finally:
            await socket.sent.put({"type": "websocket.disconnect", "code": 1005})
            async with asyncio.timeout(LIMIT):
                await served
