"""Somebody who watches a desktop as the page does: over the WebSocket, until every pixel was painted."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import websockets

from gateway.rdp import bitmap, fastpath, mcs, share, x224
from gateway.rdp.coverage import Coverage
from gateway.rdp.fastpath import UpdateCode
from gateway.rdp.share import PduType, PduType2, ShareData, UpdateType
from gateway.rdp.tpkt import FrameKind, Framer
from gateway.recording.format import unpack_records
from gateway.recording.model import Kind
from tests.bench.rdp_client import HEIGHT, LIMIT, WIDTH
from tests.bench.rdp_process import Process

HOST = "localhost"
COOKIE = "__Host-sluicegate"


@dataclass
class Viewer:
    port: int
    cookie: str
    context: ssl.SSLContext

    async def whole(self, session: str) -> float:
        """Seconds from the connect to the whole picture."""
        began = time.perf_counter()
        async with (
            asyncio.timeout(LIMIT),
            websockets.connect(
                f"wss://{HOST}:{self.port}/api/v1/sessions/{session}/watch", host="127.0.0.1", ssl=self.context,
                origin=websockets.Origin(f"https://{HOST}:{self.port}"), max_size=None,
                additional_headers={"Cookie": f"{COOKIE}={self.cookie}"},
            ) as socket,
        ):  # fmt: skip
            seen = _Seen()
            async for message in socket:
                if isinstance(message, bytes) and seen.all(message):
                    return time.perf_counter() - began
        raise ConnectionError("the watch ended before its picture")


class _Seen:
    """What of the desktop was painted since the target was asked for all of it."""

    def __init__(self) -> None:
        self._coverage, self._assembly, self._asked = Coverage(WIDTH, HEIGHT), fastpath.Assembly(), False

    def all(self, message: bytes) -> bool:
        for record in unpack_records(message):
            if record.kind == Kind.REPAINT:
                self._asked, self._assembly = True, fastpath.Assembly()
                self._coverage.begin()
            elif record.kind == Kind.PDU and self._asked:
                self._paint(record.payload)
        return self._asked and self._coverage.complete

    def _paint(self, pdu: bytes) -> None:
        for update in _updates(pdu, self._assembly):
            for left, top, right, bottom, *_ in bitmap.heads(update):
                self._coverage.painted(left, top, right, bottom)


def _updates(pdu: bytes, assembly: fastpath.Assembly) -> list[bytes]:
    """Whole bitmap updates of one PDU."""
    (frame,) = Framer().feed(pdu)
    if frame.kind is FrameKind.FAST:
        fed = [(one.code, assembly.feed(one)) for one in fastpath.decode(pdu)]
        return [whole for code, whole in fed if whole is not None and code == UpdateCode.BITMAP]
    said = mcs.decode(x224.data_of(frame))
    if not isinstance(said, mcs.SendDataIndication):
        return []
    found = []
    for control in share.split_control(said.data):
        data = ShareData.decode(control.body) if control.kind == PduType.DATA else None
        if data and data.kind == PduType2.UPDATE and data.body[0] == UpdateType.BITMAP:
            found.append(data.body)
    return found


@asynccontextmanager
async def viewer(gateway: Process) -> AsyncIterator[Viewer]:
    """Lena, signed in to the page."""
    port = int(gateway.hello["page"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    asked = {"name": "lena", "password": gateway.hello["lena"], "code": (await gateway.ask("code"))["code"]}
    async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=context) as browser:
        headers = {"Host": f"{HOST}:{port}", "Origin": f"https://{HOST}:{port}"}
        answer = await browser.post("/api/v1/sign-in", json=asked, headers=headers, timeout=LIMIT)
        answer.raise_for_status()
        yield Viewer(port, answer.cookies[COOKIE], context)
