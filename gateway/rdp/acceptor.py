"""A complete RDP server towards the client ([MS-RDPBCGR] 1.3.1.1): it has its own ids and its own share, and draws.

The client talks to it from MCS Connect Initial on (X.224, TLS and CredSSP lie before). Once a target is there, a
`Bridge` takes the client over (HANDED) by reactivation; `take_back` takes it back the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import bitmap, capabilities, gcc, licence, mcs, share, x224
from gateway.rdp import input as rdp_input
from gateway.rdp.client_info import ClientInfo
from gateway.rdp.effects import Activated, Arrived, ClientLeft, Event, Redraw
from gateway.rdp.share import PduType, PduType2, ShareControl, ShareData
from gateway.rdp.tpkt import Frame, FrameKind

__all__ = ["Acceptor", "AcceptorState", "Activated", "Arrived", "ClientLeft", "Event", "Redraw"]

USER: Final = 1050  # MCS user id of the client: unlike any that a target gives, so that a missing translation shows
IO: Final = 1003  # the I/O channel
SERVER: Final = capabilities.OWN_SOURCE  # the server's own MCS id, pduSource of what it sends
FIRST_CHANNEL: Final = IO + 1  # static channels, in the client's order: rdesktop counts on it and reads no SC_NET
SHARE: Final = 0x00AA03EA  # share id of the gateway's first share; each further one differs in the high half
SHARE_STEP: Final = 0x00010000
SHARES_MOST: Final = 0xFF00  # shares of one connection before their ids come round
SIDE_LEAST: Final = 200  # pixels of a desktop, either way ([MS-RDPEDISP] 2.2.2.2.1)
SIDE_MOST: Final = 8192
PIXELS_MOST: Final = SIDE_MOST * SIDE_MOST
ATTACH_MOST: Final = 200  # MCS requests before Client Info: 33 channels, joined twice, and some
SYSTEM_POINTER: Final = bytes.fromhex("0100 0000 007f0000")  # TS_PTRMSGTYPE_SYSTEM, SYSPTR_DEFAULT (2.2.9.1.1.4.3)
DISCONNECT_REQUEST: Final = 0x80
RDESKTOP_ULTIMATUM: Final = bytes.fromhex("30 06 02 02")  # in BER; then u16 reason and an empty sequence
RNS_UD_32BPP: Final = 0x0008


class AcceptorState(Enum):
    CONNECT = "connect"  # MCS Connect Initial is to come
    ATTACH = "attach"  # domain, user, channels, Client Info
    CONFIRM = "confirm"  # own Demand Active sent
    FINISH = "finish"  # synchronise, control, font list
    ACTIVE = "active"  # the own share can be drawn on
    HANDED = "handed"  # the share is the target's
    ENDED = "ended"


class Pdu(Enum):
    """What a client may send, as far as the states care; and what is done to the acceptor."""

    CONNECT_INITIAL = "MCS Connect Initial"
    ERECT_DOMAIN = "MCS Erect Domain Request"
    ATTACH_USER = "MCS Attach User Request"
    CHANNEL_JOIN = "MCS Channel Join Request"
    CLIENT_INFO = "Client Info"
    CONFIRM_ACTIVE = "Confirm Active"
    FONT_LIST = "Font List"
    DATA = "share data"
    INPUT = "input"
    CHANNEL = "virtual channel data"
    DISCONNECT = "MCS Disconnect Provider Ultimatum"
    HAND_OVER = "hand-over"
    TAKE_BACK = "take-back"
    FINISHED = "good-bye"


_S = AcceptorState
_SHARED: Final = {Pdu.CHANNEL_JOIN, Pdu.DATA, Pdu.INPUT, Pdu.CHANNEL}
_ENDS: Final = {Pdu.DISCONNECT: _S.ENDED, Pdu.FINISHED: _S.ENDED}

TRANSITIONS: Final[Mapping[AcceptorState, Mapping[Pdu, AcceptorState]]] = MappingProxyType(
    {
        _S.CONNECT: {Pdu.CONNECT_INITIAL: _S.ATTACH, Pdu.FINISHED: _S.ENDED},
        _S.ATTACH: {
            Pdu.ERECT_DOMAIN: _S.ATTACH,
            Pdu.ATTACH_USER: _S.ATTACH,
            Pdu.CHANNEL_JOIN: _S.ATTACH,
            Pdu.CLIENT_INFO: _S.CONFIRM,
            **_ENDS,
        },
        _S.CONFIRM: {
            **dict.fromkeys(_SHARED, _S.CONFIRM),  # what was on its way for an earlier share
            Pdu.FONT_LIST: _S.CONFIRM,
            Pdu.CONFIRM_ACTIVE: _S.FINISH,
            Pdu.HAND_OVER: _S.HANDED,
            Pdu.TAKE_BACK: _S.CONFIRM,
            **_ENDS,
        },
        _S.FINISH: {
            **dict.fromkeys(_SHARED, _S.FINISH),
            Pdu.FONT_LIST: _S.ACTIVE,
            Pdu.HAND_OVER: _S.HANDED,
            Pdu.TAKE_BACK: _S.CONFIRM,
            **_ENDS,
        },
        _S.ACTIVE: {
            **dict.fromkeys(_SHARED, _S.ACTIVE),
            Pdu.FONT_LIST: _S.ACTIVE,
            Pdu.HAND_OVER: _S.HANDED,
            Pdu.TAKE_BACK: _S.CONFIRM,
            **_ENDS,
        },
        _S.HANDED: {Pdu.HAND_OVER: _S.HANDED, Pdu.TAKE_BACK: _S.CONFIRM, **_ENDS},
        _S.ENDED: {Pdu.FINISHED: _S.ENDED},
    }
)


class Acceptor:
    """The client's leg.

    `width`, `height` and `bpp` are of the share that the client has, the target's included; `channels` are
    (name, id) as the client listed them.
    INVARIANT: `share` is an id that the client was given and that was not deactivated, or None.
    """

    def __init__(self, requested: x224.Security, *, most_pixels: int = PIXELS_MOST, bpp: int | None = None) -> None:
        """`requested` is what the client asked for in X.224; `bpp` overrules what it says of its depths."""
        self.state = AcceptorState.CONNECT
        self.width = self.height = 0
        self.bpp = bpp or 0
        self.channels: tuple[tuple[str, int], ...] = ()
        self.share: int | None = None
        self.releasable = True  # False: an earlier target left a fragment open; see `Bridge.ended`
        self.locks: rdp_input.SyncEvent | None = None  # the lock keys as the client last told of them
        self._requested, self._most_pixels = requested, most_pixels
        self._own_size = (0, 0)
        self._shares = 0
        self._attached = 0
        self._blocks: gcc.ClientBlocks | None = None
        self._out = bytearray()

    def data_to_send(self) -> bytes:
        """Whole PDUs, in order."""
        data, self._out = bytes(self._out), bytearray()
        return data

    def receive(self, frame: Frame) -> list[Event]:
        """One PDU of the client, while the share is the acceptor's own.

        Raises:
            RemoteProtocolError: anything that a client may not send now.
            LocalProtocolError: the client is handed to a bridge.
        """
        if self.state is AcceptorState.HANDED:
            raise LocalProtocolError("acceptor: the client is with a bridge")
        if self.state is AcceptorState.ENDED:
            return []  # it may not have read our good-bye yet
        if frame.kind is FrameKind.FAST:
            self._step(Pdu.INPUT)
            self._note_locks(rdp_input.decode_fast(frame.data))
            return []
        if hangs_up(frame):
            self._step(Pdu.DISCONNECT)
            return [ClientLeft()]
        pdu = mcs.decode(x224.data_of(frame))
        match pdu:
            case mcs.ConnectInitial():
                self._step(Pdu.CONNECT_INITIAL)
                self._connect(pdu)
            case mcs.ErectDomainRequest():
                self._step(Pdu.ERECT_DOMAIN)
            case mcs.AttachUserRequest():
                self._step(Pdu.ATTACH_USER)
                self._answer(mcs.AttachUserConfirm(mcs.RT_SUCCESSFUL, USER))
            case mcs.ChannelJoinRequest():
                self._step(Pdu.CHANNEL_JOIN)
                self._join(pdu)
            case mcs.DisconnectProviderUltimatum():
                self._step(Pdu.DISCONNECT)
                return [ClientLeft()]
            case mcs.SendDataRequest():
                return self._data(pdu)
            case _:
                raise RemoteProtocolError(f"a client does not send {type(pdu).__name__}")
        return []

    def draw(self, pixels: bytes, width: int, height: int, x: int = 0, y: int = 0) -> None:
        """Draw RGB pixels on the own share; ACTIVE only. A screen costs up to 60 ms: `show` lets a thread pay it."""
        self.show(bitmap.picture(pixels, width, height, x, y, self.bpp))

    def show(self, updates: Sequence[bytes]) -> None:
        """Draw what `bitmap.picture` made for `bpp`; ACTIVE only."""
        if self.state is not AcceptorState.ACTIVE or self.share is None:
            raise LocalProtocolError(f"acceptor: nothing can be drawn in state {self.state.value}")
        self._out += b"".join(drawing(self.share, updates))

    def handed(self, share_id: int, width: int, height: int, bpp: int) -> bytes:
        """The target demands this share. What is to be sent to the client before its Demand Active (may be b"")."""
        self._step(Pdu.HAND_OVER)
        before = self.deactivated()
        self.share, self.width, self.height, self.bpp = share_id, width, height, bpp
        return before

    def deactivated(self) -> bytes:
        """Deactivate All for the share that the client has, b"" when it has none; it has none then."""
        if self.share is None:
            return b""
        body = share.DeactivateAll(self.share).encode()
        self.share = None
        return to_client(ShareControl(PduType.DEACTIVATE_ALL, SERVER, body).encode())

    def take_back(self, share_id: int | None = None) -> None:
        """Deactivate the client's share (`share_id`, when given, must be it) and demand one of its own anew."""
        if share_id is not None and self.share not in (share_id, None):
            raise LocalProtocolError("acceptor: the client has another share")
        self._step(Pdu.TAKE_BACK)
        self._out += self.deactivated()
        self._demand()

    def finish(self, error: int) -> None:
        """Say why, when the client reads it (`error`: a code of `error_info`, 0 for none), and good-bye."""
        if self.state in (AcceptorState.CONNECT, AcceptorState.ENDED):
            self.state = AcceptorState.ENDED
            return
        reads = self._blocks is not None and gcc.EarlyCapability.ERRINFO_PDU in self._blocks.core.early
        if error and reads and self.state is not AcceptorState.ATTACH:
            self._send(share.data(self.share or 0, SERVER, share.SetErrorInfo(error)))
        self._answer(mcs.DisconnectProviderUltimatum(mcs.RN_USER_REQUESTED))
        self._step(Pdu.FINISHED)

    # -- connection sequence

    def _step(self, pdu: Pdu) -> None:
        """Raises RemoteProtocolError when the table has no such entry, LocalProtocolError when it was our doing."""
        if (after := TRANSITIONS[self.state].get(pdu)) is None:
            ours = pdu in (Pdu.HAND_OVER, Pdu.TAKE_BACK, Pdu.FINISHED)
            error = LocalProtocolError if ours else RemoteProtocolError
            raise error(f"acceptor: {pdu.value} in state {self.state.value}")
        if self.state is AcceptorState.ATTACH:
            self._attached += 1
            if self._attached > ATTACH_MOST:
                raise RemoteProtocolError(f"more than {ATTACH_MOST} requests before client info")
        self.state = after

    def _connect(self, pdu: mcs.ConnectInitial) -> None:
        blocks = self._blocks = gcc.ClientBlocks.decode(pdu.user_data)
        core = blocks.core
        if not (SIDE_LEAST <= core.width <= SIDE_MOST and SIDE_LEAST <= core.height <= SIDE_MOST):
            raise RemoteProtocolError(f"desktop of {core.width} x {core.height}, must be {SIDE_LEAST} to {SIDE_MOST}")
        if core.width * core.height > self._most_pixels:
            raise RemoteProtocolError(f"desktop of {core.width} x {core.height}: more than {self._most_pixels} pixels")
        self._own_size = (core.width, core.height)
        deep = gcc.EarlyCapability.WANT_32BPP in core.early or (core.supported_color_depths or 0) & RNS_UD_32BPP
        self._own_bpp = self.bpp or (32 if deep else 16)
        self.channels = tuple((one.name, FIRST_CHANNEL + at) for at, one in enumerate(blocks.network.channels))
        server = gcc.ServerBlocks(
            gcc.CoreServer(requested=self._requested, early=0),
            gcc.NetworkServer(IO, tuple(number for _, number in self.channels)),
        )
        self._out += x224.data(mcs.ConnectResponse(server.encode()).encode())

    def _join(self, pdu: mcs.ChannelJoinRequest) -> None:
        known = pdu.channel in {USER, IO, *(number for _, number in self.channels)}
        if pdu.user != USER:
            raise RemoteProtocolError(f"channel join by user {pdu.user}, must be {USER}")
        result, given = (mcs.RT_SUCCESSFUL, pdu.channel) if known else (mcs.RT_NO_SUCH_CHANNEL, None)
        self._answer(mcs.ChannelJoinConfirm(result, USER, pdu.channel, given))

    def _demand(self) -> None:
        self.share = SHARE + SHARE_STEP * (self._shares % SHARES_MOST)
        self._shares += 1
        self.width, self.height = self._own_size
        self.bpp = self._own_bpp
        sets = capabilities.demanded(self.width, self.height, self.bpp)
        demand = share.DemandActive(self.share, b"RDP\x00", sets)
        self._send(ShareControl(PduType.DEMAND_ACTIVE, SERVER, demand.encode()).encode())

    # -- data of the client

    def _data(self, pdu: mcs.SendDataRequest) -> list[Event]:
        if pdu.initiator != USER:
            raise RemoteProtocolError(f"data of user {pdu.initiator}, must be {USER}")
        if self.state is AcceptorState.ATTACH:
            return self._client_info(pdu)
        if pdu.channel != IO:
            if pdu.channel not in {number for _, number in self.channels}:
                raise RemoteProtocolError(f"data on channel {pdu.channel}, which was never given")
            self._step(Pdu.CHANNEL)
            return []  # there is nobody behind it yet
        events: list[Event] = []
        for control in share.split_control(pdu.data):
            events += self._control(control)
        return events

    def _client_info(self, pdu: mcs.SendDataRequest) -> list[Event]:
        if pdu.channel != IO:
            raise RemoteProtocolError(f"client info on channel {pdu.channel}, must be {IO}")
        info = ClientInfo.decode(pdu.data)
        self._step(Pdu.CLIENT_INFO)
        if self._blocks is None:
            raise LocalProtocolError("acceptor: client info before connect initial")
        self._send(licence.VALID_CLIENT)
        self._demand()
        return [Arrived(self._blocks, info)]

    def _control(self, control: ShareControl) -> list[Event]:
        stale = share.share_of(control) != self.share
        if stale and self.state is AcceptorState.CONFIRM:
            return []  # it was on its way when the client's former share was deactivated
        if stale:
            raise RemoteProtocolError(f"share id {share.share_of(control):#010x} is not the active one")
        if control.kind == PduType.CONFIRM_ACTIVE:
            confirmed = share.ConfirmActive.decode(control.body)
            capabilities.restricted(confirmed.capabilities)  # refuses what cannot be passed to a target later
            self._step(Pdu.CONFIRM_ACTIVE)
            return []
        if control.kind != PduType.DATA:
            raise RemoteProtocolError(f"a client does not send share control type {control.kind}")
        return self._share_data(ShareData.decode(control.body))

    def _share_data(self, data: ShareData) -> list[Event]:
        kind = data.kind
        self._step({PduType2.FONT_LIST: Pdu.FONT_LIST, PduType2.INPUT: Pdu.INPUT}.get(kind, Pdu.DATA))  # type: ignore[call-overload]  # an IntEnum equals its number
        if self.state is AcceptorState.CONFIRM:
            return []
        if kind == PduType2.FONT_LIST:
            self._reply(share.FontMap())
            self._send(ShareData(self._own_share, PduType2.POINTER, SYSTEM_POINTER).encode(SERVER))
            return [Activated()]
        if kind == PduType2.SYNCHRONIZE:
            self._reply(share.Synchronize(1, USER))
        elif kind == PduType2.CONTROL:
            self._share_control(share.Control.decode(data.body))
        elif kind == PduType2.INPUT:
            self._note_locks(rdp_input.decode_slow(data.body))
        elif kind == PduType2.SHUTDOWN_REQUEST:
            return [ClientLeft()]  # nobody is logged on here (1.3.1.4.1)
        elif self.state is AcceptorState.ACTIVE and _wants_picture(data):
            return [Redraw()]
        return []

    def _share_control(self, control: share.Control) -> None:
        if control.action == share.ControlAction.COOPERATE:
            self._reply(share.Control(share.ControlAction.COOPERATE))
        elif control.action == share.ControlAction.REQUEST:
            self._reply(share.Control(share.ControlAction.GRANTED, USER, SERVER))

    def _note_locks(self, events: Sequence[rdp_input.InputEvent]) -> None:
        """Input on a notice goes nowhere, but for the lock keys: the target is told of them later."""
        for event in events:
            if isinstance(event, rdp_input.SyncEvent):
                self.locks = event

    # -- out

    @property
    def _own_share(self) -> int:
        if self.share is None:
            raise LocalProtocolError("acceptor: the client has no share")
        return self.share

    def _reply(self, pdu: share.DataBody) -> None:
        self._send(share.data(self._own_share, SERVER, pdu))

    def _send(self, data: bytes) -> None:
        self._out += to_client(data)

    def _answer(self, pdu: mcs.DomainPdu) -> None:
        self._out += x224.data(pdu.encode())


def hangs_up(frame: Frame) -> bool:
    """The good-bye of rdesktop: its own form of an ultimatum, then an X.224 Disconnect Request (X.224 13.5)."""
    if frame.kind is not FrameKind.SLOW:
        return False
    return frame.data[5] & 0xF0 == DISCONNECT_REQUEST or frame.data[7:11] == RDESKTOP_ULTIMATUM


def to_client(data: bytes, channel: int = IO) -> bytes:
    """`data` as one whole PDU for the client."""
    return x224.data(mcs.SendDataIndication(SERVER, channel, data).encode())


def drawing(share_id: int, updates: Sequence[bytes]) -> list[bytes]:
    """Own pictures as whole PDUs, always slow-path: a fast-path fragment of a target may be open at the client."""
    return [to_client(ShareData(share_id, PduType2.UPDATE, one).encode(SERVER)) for one in updates]


def _wants_picture(data: ShareData) -> bool:
    if data.kind == PduType2.REFRESH_RECT:
        return bool(share.RefreshRect.decode(data.body).areas)
    if data.kind == PduType2.SUPPRESS_OUTPUT:
        return share.SuppressOutput.decode(data.body).area is not None
    return False
