"""The WebSocket of a desktop in the page: octets of RDP both ways, between the page and the RDP front.

The cookie says who it is, and the ticket in the first message (RDCleanPath) where he may go: it is of no use with
another person's cookie (security 57). What the octets mean is the RDP front's business alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from gateway.errors import Refused
from gateway.fronts.api.sockets import NORMAL, TALKED, View, opened
from gateway.limits import API_LIVE_SEND

router = APIRouter()
REASON_OCTETS: Final = 123  # of a close frame: 125 without the code (RFC 6455 5.5)


class Channel:
    """One page's end. The server bounds its messages (`gateway.web.MESSAGE`) and does not read on while one waits."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._gone = False

    async def receive(self) -> bytes:
        """What the page sent next; empty at its end. Text is no RDP: the page is cut."""
        while not self._gone:
            message = await self._websocket.receive()
            data = message.get("bytes")
            if message["type"] != "websocket.receive":
                self._gone = True
            elif data is None:
                await self._end(TALKED, "")
            elif data:
                return bytes(data)
        return b""

    async def send(self, data: bytes) -> None:
        """Waits until there is room for more. A page that is gone, or takes nothing for long, is no error: `receive`
        tells of its end."""
        if self._gone:
            return
        try:
            async with asyncio.timeout(API_LIVE_SEND.total_seconds()):
                await self._websocket.send_bytes(data)
        except (RuntimeError, WebSocketDisconnect):
            self._gone = True
        except TimeoutError:
            await self._end(NORMAL, "")

    async def close(self, words: str) -> None:
        """The end, and why."""
        await self._end(NORMAL, words)

    async def _end(self, code: int, words: str) -> None:
        if self._gone:
            return
        self._gone = True
        reason = words.encode()[:REASON_OCTETS].decode(errors="ignore")
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):  # the page may be gone
            async with asyncio.timeout(API_LIVE_SEND.total_seconds()):
                await self._websocket.close(code, reason)


@router.websocket("/desktop")
async def desktop(websocket: WebSocket) -> None:
    async def serve(view: View) -> None:
        front = view.state.desktops.front
        if front is None:
            raise Refused("no_desktops", "This gateway has no RDP.")
        await websocket.accept()
        channel = Channel(websocket)
        await view.run(front.web(channel, view.who.person, view.who.source), lambda _: True, talks=True)

    await opened(websocket, serve)
