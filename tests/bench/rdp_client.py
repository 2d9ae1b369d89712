"""A bare RDP client: it logs on, answers, types, and notes when what was painted. No picture is decoded."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.fronts.rdp.wire import Frames, Wire
from gateway.rdp import bitmap, capabilities, fastpath, gcc, mcs, share, x224
from gateway.rdp import input as rdp_input
from gateway.rdp.client_info import ClientInfo, InfoFlag
from gateway.rdp.connector import Connector, Demanded, TargetLogon
from gateway.rdp.coverage import Coverage
from gateway.rdp.credssp import CredsspInitiator, CredsspState, subject_public_key
from gateway.rdp.fastpath import UpdateCode
from gateway.rdp.share import PduType, PduType2, ShareControl, ShareData, UpdateType
from gateway.rdp.tpkt import Frame, FrameKind
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRequest, Security

WIDTH, HEIGHT = 1024, 768
LIMIT = 60.0  # seconds to wait for anything
CORE = gcc.CoreClient(
    version=0x0008000C, width=WIDTH, height=HEIGHT, color_depth=0xCA01, sas_sequence=0xAA03, keyboard_layout=0x409,
    build=2600, name=b"bench".ljust(32, b"\0"), keyboard_type=4, keyboard_subtype=0, function_keys=12, ime=bytes(64),
    tail=bytes.fromhex("01ca 0100 00000000 1800 0f00 0300") + bytes(66) + bytes(4),
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """Where to log on, and as whom. `nla`: with CredSSP; else the password goes into Client Info, as xrdp wants it."""

    host: str
    port: int
    user: str
    password: str
    nla: bool


class Desk:
    """One connection. Times are those of `time.perf_counter`.

    Attributes:
        shares: how many times a share became active; the gateway's hold is the first, its target's desktop the second.
        octets: of whole PDUs, as they were inside TLS.
        whole_at: when every pixel of the newest share had been painted; 0.0 before.
        painted_at: when the newest bitmap came.
    """

    def __init__(self, way: Way, wire: Wire, frames: Frames, connector: Connector) -> None:
        self._wire, self._frames, self._connector = wire, frames, connector
        self._user = self._io = self._share = 0
        self._assembly, self._coverage = fastpath.Assembly(), Coverage(WIDTH, HEIGHT)
        self.news = asyncio.Event()
        self.shares = self.octets = self.pdus = 0
        self.whole_at = self.painted_at = 0.0
        self.over, self.error = False, 0

    async def run(self) -> None:
        """Read until the connection ends."""
        self._connector.start()
        await self._wire.send(self._connector.data_to_send())
        while not self.over and (frame := await self._frames.next()) is not None:
            self.octets += len(frame.data)
            self.pdus += 1
            if self._io:
                self._hear(frame)
                continue
            for event in self._connector.receive(frame):
                if not isinstance(event, Demanded):
                    raise ConnectionError(f"refused: {event}")
                self._user, self._io = event.user, event.io
                self._told(event.demand)
            await self._wire.send(self._connector.data_to_send())
        self.over = True
        self.news.set()

    async def until(self, true: Callable[[Desk], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not true(self):
                if self.over:
                    raise ConnectionError(f"hung up, error info {self.error:#x}, at share {self.shares}")
                self.news.clear()
                await self.news.wait()

    async def painted(self, after: float) -> None:
        """A bitmap came after that moment."""
        await self.until(lambda it: it.painted_at > after)

    def send(self, *events: rdp_input.InputEvent) -> None:
        self._wire.write(rdp_input.encode_fast(events))

    def press(self, code: int) -> None:
        self.send(rdp_input.KeyEvent(code), rdp_input.KeyEvent(code, rdp_input.KeyFlag.RELEASE))

    # --- what comes

    def _hear(self, frame: Frame) -> None:
        if frame.kind is FrameKind.FAST:
            for update in fastpath.decode(frame.data):
                whole = self._assembly.feed(update)
                if whole is not None and update.code == UpdateCode.BITMAP:
                    self._paint(whole)
            return
        match mcs.decode(x224.data_of(frame)):
            case mcs.SendDataIndication(channel=channel, data=data) if channel == self._io:
                self._told(data)
            case mcs.DisconnectProviderUltimatum():
                self.over = True

    def _told(self, data: bytes) -> None:
        for control in share.split_control(data):
            if control.kind == PduType.DEMAND_ACTIVE:
                self._confirm(share.DemandActive.decode(control.body).share)
            elif control.kind == PduType.DATA:
                data_pdu = ShareData.decode(control.body)
                if data_pdu.kind == PduType2.FONT_MAP:
                    self.shares += 1
                    self._coverage.begin()
                    self.whole_at = 0.0
                    self.news.set()
                elif data_pdu.kind == PduType2.SET_ERROR_INFO:
                    self.error = share.SetErrorInfo.decode(data_pdu.body).code
                elif data_pdu.kind == PduType2.UPDATE and data_pdu.body[0] == UpdateType.BITMAP:
                    self._paint(data_pdu.body)

    def _paint(self, update: bytes) -> None:
        self.painted_at = time.perf_counter()
        if not self.whole_at:
            for left, top, right, bottom, *_ in bitmap.heads(update):
                self._coverage.painted(left, top, right, bottom)
            if self._coverage.complete:
                self.whole_at = self.painted_at
        self.news.set()

    def _confirm(self, number: int) -> None:
        self._share = number
        sets = capabilities.demanded(WIDTH, HEIGHT, 32)
        body = share.ConfirmActive(number, b"BENCH\0", sets).encode()
        self._say(ShareControl(PduType.CONFIRM_ACTIVE, self._user, body).encode())
        for pdu in (
            share.Synchronize(1, 1002), share.Control(share.ControlAction.COOPERATE),
            share.Control(share.ControlAction.REQUEST), share.FontList(),
        ):  # fmt: skip
            self._say(share.data(number, self._user, pdu))

    def _say(self, data: bytes) -> None:
        self._wire.write(x224.data(mcs.SendDataRequest(self._user, self._io, data).encode()))


@asynccontextmanager
async def desk(way: Way) -> AsyncIterator[Desk]:
    """Log on, and read in the background while the block runs."""
    _, wire = await asyncio.get_running_loop().create_connection(Wire, way.host, way.port)
    try:
        async with asyncio.timeout(LIMIT):
            made = Desk(way, wire, *await _begun(way, wire))
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(made.run())
            yield made
            reading.cancel()
    finally:
        wire.abort()


async def _begun(way: Way, wire: Wire) -> tuple[Frames, Connector]:
    requested = Security.TLS | (Security.HYBRID if way.nla else Security.RDP)
    await wire.send(ConnectionRequest(requested).encode())
    answer = await Frames(wire).next()
    assert answer is not None
    confirm = x224.decode_confirm(answer)
    assert isinstance(confirm, ConnectionConfirm), confirm
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate = await wire.start_tls(context, timedelta(seconds=LIMIT), accepted=False)
    ahead = await _proved(way, wire, certificate) if way.nla else b""
    network = gcc.NetworkClient(())
    info = ClientInfo(0, InfoFlag.UNICODE | InfoFlag.MOUSE, "", "", "", "", "")
    logon = TargetLogon(way.user, "", way.password)
    connector = Connector(gcc.ClientBlocks(CORE, network=network), info, logon, confirm.selected, frozenset())
    return Frames(wire, ahead=ahead), connector


async def _proved(way: Way, wire: Wire, certificate: bytes) -> bytes:
    initiator = CredsspInitiator(
        subject_public_key(certificate), way.user, "", way.password, random=secrets.token_bytes, time=bytes(8)
    )
    await wire.send(initiator.data_to_send())
    while initiator.state not in (CredsspState.DONE, CredsspState.FAILED):
        initiator.receive(await wire.receive())
        await wire.send(initiator.data_to_send())
    if initiator.state is CredsspState.FAILED:
        raise ConnectionError(f"log-on failed: {initiator.failure}")
    return initiator.rest
