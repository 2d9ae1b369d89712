"""A client and a target made of our own encoders: small, honest, and with a memory of what they were told."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.rdp import bitmap, capabilities, fastpath, gcc, licence, mcs, share, x224
from gateway.rdp import input as rdp_input
from gateway.rdp.acceptor import Acceptor
from gateway.rdp.bridge import Bridge
from gateway.rdp.client_info import ClientInfo, InfoFlag
from gateway.rdp.connector import Demanded
from gateway.rdp.effects import Effect, Event, ToClient, ToInput, ToTarget
from gateway.rdp.share import PduType, PduType2, ShareControl, ShareData
from gateway.rdp.tpkt import Frame, FrameKind, Framer

CHANNELS = ("rdpdr", "cliprdr", "rdpsnd", "drdynvc")
CORE = gcc.CoreClient(
    version=0x0008000C, width=320, height=240, color_depth=0xCA01, sas_sequence=0xAA03, keyboard_layout=0x409,
    build=2600, name=b"twin".ljust(32, b"\0"), keyboard_type=4, keyboard_subtype=0, function_keys=12, ime=bytes(64),
    tail=bytes.fromhex("01ca 0100 00000000 1800 0f00 0300") + bytes(66) + bytes(4),
)  # fmt: skip
INFO = ClientInfo(0, InfoFlag.UNICODE | InfoFlag.MOUSE, "", "ticket", "secret", "", "", b"")


def frames(data: bytes) -> list[Frame]:
    framer = Framer()
    found = framer.feed(data)
    assert not framer.pending
    return found


def frame(data: bytes) -> Frame:
    (one,) = frames(data)
    return one


@dataclass
class Client:
    """A client as far as the gateway sees one. `out` is what it wants to send, PDU by PDU."""

    core: gcc.CoreClient = CORE
    channels: tuple[str, ...] = CHANNELS
    out: list[bytes] = field(default_factory=list)
    user: int = 0
    io: int = 0
    ids: dict[str, int] = field(default_factory=dict)
    share: int | None = None
    active: bool = False
    size: tuple[int, int] = (0, 0)
    sets: tuple[capabilities.Capability, ...] = ()
    seen: list[object] = field(default_factory=list)
    screen: dict[tuple[int, int], bytes] = field(default_factory=dict)
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    error: int = 0
    left: bool = False
    assembly: fastpath.Assembly = field(default_factory=fastpath.Assembly)
    hesitant: bool = False  # it does not answer a Demand Active by itself

    def begin(self) -> None:
        network = gcc.NetworkClient(tuple(gcc.StaticChannel(name, 0x80000000) for name in self.channels))
        blocks = gcc.ClientBlocks(self.core, network=network)
        self.out.append(x224.data(mcs.ConnectInitial(blocks.encode()).encode()))

    def hear(self, one: Frame) -> None:
        if one.kind is FrameKind.FAST:
            for update in fastpath.decode(one.data):
                whole = self.assembly.feed(update)
                self.seen.append((fastpath.UpdateCode(update.code), update.fragmentation))
                if whole is not None and update.code == fastpath.UpdateCode.BITMAP:
                    self._paint(whole)
            return
        match mcs.decode(x224.data_of(one)):
            case mcs.ConnectResponse(user_data=data):
                network = gcc.ServerBlocks.decode(data).network
                self.io, self.ids = network.io, dict(zip(self.channels, network.channels, strict=True))
                self._mcs(mcs.ErectDomainRequest())
                self._mcs(mcs.AttachUserRequest())
            case mcs.AttachUserConfirm(user=user):
                assert user is not None
                self.user = user
                for channel in (user, self.io, *self.ids.values()):
                    self._mcs(mcs.ChannelJoinRequest(user, channel))
            case mcs.ChannelJoinConfirm(requested=channel, result=0):
                if channel == [self.user, self.io, *self.ids.values()][-1]:
                    self.say(INFO.encode())
            case mcs.SendDataIndication(channel=channel, data=data) if channel == self.io:
                self._told(data)
            case mcs.SendDataIndication(channel=channel, data=data):
                names = {number: name for name, number in self.ids.items()}
                self.heard.append((names[channel], data))
            case mcs.DisconnectProviderUltimatum():
                self.left = True
            case other:
                raise AssertionError(other)

    def _told(self, data: bytes) -> None:
        if data == licence.VALID_CLIENT:
            self.seen.append("licence")
            return
        (control,) = share.split_control(data)
        if control.kind == PduType.DEMAND_ACTIVE:
            demand = share.DemandActive.decode(control.body)
            assert self.share is None, "demanded anew without Deactivate All"
            self.share, self.sets = demand.share, demand.capabilities
            desktop = capabilities.Abilities.of(demand.capabilities).bitmap
            assert desktop is not None
            self.size = desktop.width, desktop.height
            self.seen.append("demand")
            if not self.hesitant:
                self.confirm()
        elif control.kind == PduType.DEACTIVATE_ALL:
            assert share.share_of(control) == self.share
            self.share, self.active = None, False
            self.seen.append("deactivate")
        else:
            self._data(ShareData.decode(control.body))

    def _data(self, data: ShareData) -> None:
        assert data.share == self.share
        self.seen.append(PduType2(data.kind))
        if data.kind == PduType2.FONT_MAP:
            self.active = True
        elif data.kind == PduType2.SET_ERROR_INFO:
            self.error = share.SetErrorInfo.decode(data.body).code
        elif data.kind == PduType2.SYNCHRONIZE:
            assert share.Synchronize.decode(data.body).target == self.user
        elif data.kind == PduType2.UPDATE:
            assert self.active, "drawn before Font Map"
            self._paint(data.body)

    def _paint(self, update: bytes) -> None:
        for one in bitmap.decode(update):
            self.screen[one.left, one.top] = bitmap.pixels_of(one)

    def confirm(self) -> None:
        assert self.share is not None
        sets = capabilities.demanded(*self.size, 32)
        extra = (capabilities.Capability(28, bytes(8)), capabilities.Capability(29, bytes(20)))
        body = share.ConfirmActive(self.share, b"TWIN\0", sets + extra).encode()
        self.say(ShareControl(PduType.CONFIRM_ACTIVE, self.user, body).encode())
        self.tell(share.Synchronize(1, 1002))
        self.tell(share.Control(share.ControlAction.COOPERATE))
        self.tell(share.Control(share.ControlAction.REQUEST))
        self.tell(share.FontList())

    def tell(self, pdu: share.DataBody, *, on: int | None = None) -> None:
        number = on if on is not None else self.share
        assert number is not None
        self.say(share.data(number, self.user, pdu))

    def say(self, data: bytes, channel: int | None = None) -> None:
        self._mcs(mcs.SendDataRequest(self.user, channel or self.io, data))

    def type(self, *events: rdp_input.InputEvent) -> None:
        self.out.append(rdp_input.encode_fast(events))

    def _mcs(self, pdu: mcs.DomainPdu) -> None:
        self.out.append(x224.data(pdu.encode()))


@dataclass
class Target:
    """A target after its connection sequence. Its ids are unlike those of the gateway's own leg."""

    user: int = 1007
    io: int = 1204
    channels: dict[str, int] = field(default_factory=lambda: {"cliprdr": 1205, "drdynvc": 1206})
    source: int = 1018  # unlike the 1002 that servers have, so that a missing translation shows
    share: int = 0x000103EA
    size: tuple[int, int] = (320, 240)
    out: list[bytes] = field(default_factory=list)
    seen: list[object] = field(default_factory=list)
    confirmed: share.ConfirmActive | None = None
    events: list[rdp_input.InputEvent] = field(default_factory=list)
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    sets: tuple[capabilities.Capability, ...] = ()

    def demand(self) -> bytes:
        sets = self.sets or capabilities.demanded(*self.size, 32)
        body = share.DemandActive(self.share, b"XRDP\0", sets).encode()
        return ShareControl(PduType.DEMAND_ACTIVE, self.source, body).encode()

    def demanded(self) -> Demanded:
        return Demanded(self.user, self.io, self.channels, self.demand())

    def hear(self, one: Frame) -> None:
        if one.kind is FrameKind.FAST:
            self.events += rdp_input.decode_fast(one.data)
            return
        pdu = mcs.decode(x224.data_of(one))
        assert isinstance(pdu, mcs.SendDataRequest)
        assert pdu.initiator == self.user
        if pdu.channel != self.io:
            self.heard.append(({number: name for name, number in self.channels.items()}[pdu.channel], pdu.data))
            return
        (control,) = share.split_control(pdu.data)
        assert control.source == self.user
        assert share.share_of(control) == self.share
        if control.kind == PduType.CONFIRM_ACTIVE:
            self.confirmed = share.ConfirmActive.decode(control.body)
            self.seen.append("confirm")
            return
        data = ShareData.decode(control.body)
        self.seen.append(PduType2(data.kind))
        if data.kind == PduType2.INPUT:
            self.events += rdp_input.decode_slow(data.body)
        elif data.kind == PduType2.SYNCHRONIZE:
            assert share.Synchronize.decode(data.body).target == self.source
            self.tell(share.Synchronize(1, self.user))
        elif data.kind == PduType2.CONTROL:
            asked = share.Control.decode(data.body).action == share.ControlAction.REQUEST
            granted = share.Control(share.ControlAction.GRANTED, self.user, self.source)
            self.tell(granted if asked else share.Control(share.ControlAction.COOPERATE))
        elif data.kind == PduType2.FONT_LIST:
            self.tell(share.FontMap())

    def tell(self, pdu: share.DataBody) -> None:
        self.say(share.data(self.share, self.source, pdu))

    def say(self, data: bytes, channel: int | None = None) -> None:
        self.out.append(x224.data(mcs.SendDataIndication(self.source, channel or self.io, data).encode()))

    def resize(self, width: int, height: int, number: int) -> None:
        body = share.DeactivateAll(self.share).encode()
        self.say(ShareControl(PduType.DEACTIVATE_ALL, self.source, body).encode())
        self.size, self.share = (width, height), number
        self.say(self.demand())

    def paint(self, colour: tuple[int, int, int]) -> None:
        """The whole desktop in one colour."""
        for update in bitmap.picture(bytes(colour) * (self.size[0] * self.size[1]), *self.size):
            self.say(ShareData(self.share, PduType2.UPDATE, update).encode(self.source))


@dataclass
class Open:
    """Channel rules that let everything pass, and remember."""

    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    forward: tuple[bytes, ...] = ()
    reply: tuple[bytes, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()

    def from_client(self, name: str, data: bytes) -> Open:
        self.asked.append(("client", name, data))
        return Open(forward=(data,), reply=self.reply, texts=self.texts, refused=self.refused)

    def from_target(self, name: str, data: bytes) -> Open:
        self.asked.append(("target", name, data))
        return Open(forward=(data,), reply=self.reply, texts=self.texts, refused=self.refused)


@dataclass
class Hold:
    """A client on an acceptor."""

    client: Client = field(default_factory=Client)
    acceptor: Acceptor = field(default_factory=lambda: Acceptor(x224.Security.TLS))
    events: list[Event] = field(default_factory=list)

    def settle(self) -> Hold:
        """Until nobody has anything to say."""
        while True:
            spoken, self.client.out = self.client.out, []
            for pdu in spoken:
                self.events += self.acceptor.receive(frame(pdu))
            answers = frames(self.acceptor.data_to_send())
            for one in answers:
                self.client.hear(one)
            if not spoken and not answers:
                return self


def held(**of_client: object) -> Hold:
    """A client that looks at an empty hold screen."""
    hold = Hold(Client(**of_client))  # type: ignore[arg-type]
    hold.client.begin()
    return hold.settle()


class Joined:
    """A client, its acceptor, a bridge and a target, all settled: what a front does, without any waiting."""

    def __init__(self, hold: Hold, target: Target, rules: Open | None = None, *, exact_tiles: bool = False) -> None:
        self.hold, self.client, self.acceptor, self.target = hold, hold.client, hold.acceptor, target
        self.rules = rules or Open()
        self.bridge = Bridge(self.acceptor, target.demanded(), self.rules, exact_tiles=exact_tiles)
        self.effects: list[Effect] = []
        self.deliver = True
        self.carry(self.bridge.start())
        self.settle()

    def carry(self, effects: list[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            if isinstance(effect, ToClient):
                self.client.hear(frame(effect.pdu))
            elif isinstance(effect, ToTarget):
                self.target.hear(frame(effect.pdu))
            elif isinstance(effect, ToInput) and self.deliver:
                self.target.hear(frame(effect.pdu))
                self.bridge.delivered(effect)

    def settle(self) -> Joined:
        while self.client.out or self.target.out:
            spoken, self.client.out = self.client.out, []
            for pdu in spoken:
                self.carry(self.bridge.from_client(frame(pdu)))
            spoken, self.target.out = self.target.out, []
            for pdu in spoken:
                self.carry(self.bridge.from_target(frame(pdu)))
        return self

    def to_target(self, data: bytes) -> None:
        """What `paused`, `resumed` and `repaint` gave."""
        for one in frames(data):
            self.target.hear(one)

    def took(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


def joined(rules: Open | None = None, *, exact_tiles: bool = False, **of_target: object) -> Joined:
    return Joined(held(), Target(**of_target), rules, exact_tiles=exact_tiles)  # type: ignore[arg-type]
