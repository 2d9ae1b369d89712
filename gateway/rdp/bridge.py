"""Translation between a client on an `Acceptor` and a target behind a `Connector`, while the share is the target's.

Every PDU is read and judged; what may pass is written anew with the ids of the other side. Ids: the MCS user, the
I/O channel, the static channels (by name), pduSource. The share id is the target's on both sides.
What a recording could not be read from never passes: that is an error of the target, which was told (see
`capabilities.restricted`) not to send it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import acceptor as client_leg
from gateway.rdp import bitmap, capabilities, fastpath, mcs, share, x224
from gateway.rdp import input as rdp_input
from gateway.rdp.acceptor import Acceptor, to_client
from gateway.rdp.capabilities import InputFlag
from gateway.rdp.connector import Demanded
from gateway.rdp.coverage import Coverage
from gateway.rdp.effects import Activated, ClientLeft, Effect, Resized, TargetLeft, ToClient, ToInput, ToTarget
from gateway.rdp.routes import Channels, Routes
from gateway.rdp.share import PduType, PduType2, ShareControl, ShareData
from gateway.rdp.tpkt import Frame, FrameKind
from gateway.rdp.updates import Updates

DEPTHS: Final = (15, 16, 24, 32)  # of a target's desktop; palettes alone are no desktop


class BridgeState(Enum):
    NEW = "new"
    DEMANDED = "demanded"  # the client has the target's Demand Active and owes its Confirm Active
    FINISHING = "finishing"  # Confirm Active passed; Font Map is to come
    ACTIVE = "active"
    DEACTIVATED = "deactivated"  # by the target, which will demand anew


class Turn(Enum):
    """What moves the state on."""

    DEMAND = "Demand Active of the target"
    CONFIRM = "Confirm Active of the client"
    FONT_MAP = "Font Map of the target"
    DEACTIVATE = "Deactivate All of the target"


_B = BridgeState
TRANSITIONS: Final[Mapping[BridgeState, Mapping[Turn, BridgeState]]] = MappingProxyType(
    {
        _B.NEW: {Turn.DEMAND: _B.DEMANDED},
        _B.DEMANDED: {Turn.CONFIRM: _B.FINISHING, Turn.DEACTIVATE: _B.DEACTIVATED, Turn.DEMAND: _B.DEMANDED},
        _B.FINISHING: {Turn.FONT_MAP: _B.ACTIVE, Turn.DEACTIVATE: _B.DEACTIVATED, Turn.DEMAND: _B.DEMANDED},
        _B.ACTIVE: {Turn.FONT_MAP: _B.ACTIVE, Turn.DEACTIVATE: _B.DEACTIVATED, Turn.DEMAND: _B.DEMANDED},
        _B.DEACTIVATED: {Turn.DEACTIVATE: _B.DEACTIVATED, Turn.DEMAND: _B.DEMANDED},
    }
)
_SHARED: Final = (_B.FINISHING, _B.ACTIVE)  # states in which both sides have the share

# Share data of a target that goes to the client as it is. Everything else is read, or goes nowhere: Save Session Info
# and Auto-Reconnect Status carry secrets, and Monitor Layout and Status Info were not asked for.
_PASSED_ON: Final = (
    PduType2.PLAY_SOUND,
    PduType2.SHUTDOWN_DENIED,
    PduType2.SET_KEYBOARD_INDICATORS,
    PduType2.SET_KEYBOARD_IME_STATUS,
)

_FROM_CLIENT: Final[Mapping[int, Callable[[bytes], share.DataBody]]] = MappingProxyType(
    {
        PduType2.SYNCHRONIZE: share.Synchronize.decode,
        PduType2.CONTROL: share.Control.decode,
        PduType2.FONT_LIST: share.FontList.decode,
        PduType2.REFRESH_RECT: share.RefreshRect.decode,
        PduType2.SUPPRESS_OUTPUT: share.SuppressOutput.decode,
    }
)


class Bridge:
    """`exact_tiles`: bitmaps that are wider than what is shown of them are made anew at their true size.

    INVARIANT: while `mid_fragment`, nothing of the gateway's own is drawn.
    """

    def __init__(
        self, acceptor: Acceptor, demanded: Demanded, channels: Channels, *, exact_tiles: bool = False
    ) -> None:
        """Raises LocalProtocolError when the acceptor is not `releasable`."""
        if not acceptor.releasable:
            raise LocalProtocolError("bridge: a fragment of an earlier target is open at the client")
        self._acceptor, self._demanded, self._exact = acceptor, demanded, exact_tiles
        self.state = BridgeState.NEW
        self.share = self.width = self.height = 0
        self._updates = Updates(0, 0, 0, exact=exact_tiles)
        self.error = 0  # the target's last Set Error Info code
        self._abilities = capabilities.Abilities.of(())
        self._source = 0  # pduSource of the target
        self._pressed = rdp_input.Pressed()
        if acceptor.locks is not None:
            self._pressed.lock(acceptor.locks)
        self._routes = Routes(acceptor.channels, demanded.channels, demanded.user, channels)

    # -- what the shell asks

    @property
    def active(self) -> bool:
        return self.state is BridgeState.ACTIVE

    @property
    def coverage(self) -> Coverage:
        """What of the share was painted since it became active, or since the last repaint of all."""
        return self._updates.coverage

    @property
    def mid_fragment(self) -> bool:
        """The client has the first part of an update, and not its last."""
        return self._updates.mid_fragment

    @property
    def can_draw(self) -> bool:
        """The share is active and no fragment is open."""
        return self.active and not self.mid_fragment

    def start(self) -> list[Effect]:
        """Deactivate All on the own share, Resized, the target's Demand Active."""
        if self.state is not BridgeState.NEW:
            raise LocalProtocolError("bridge: started twice")
        (control,) = share.split_control(self._demanded.demand)
        return self._demand(control)

    def ended(self) -> None:
        """The target is gone or cut off; called before `Acceptor.take_back`. An open fragment is noted there."""
        if self.mid_fragment:
            self._acceptor.releasable = False

    def delivered(self, effect: ToInput) -> None:
        """The shell sent this input to the target: its keys and buttons are held there now."""
        self._pressed.note(effect.events)

    def paused(self) -> bytes:
        """PDUs for the target that release every key and button held there; b"" when none is."""
        events = self._pressed.release()
        step = rdp_input.FAST_EVENTS
        return b"".join(self._input(events[at : at + step]) for at in range(0, len(events), step))

    def resumed(self) -> bytes:
        """A PDU for the target that brings its lock keys to the client's; b"" when the client never told."""
        event = self._pressed.synchronise()
        return b"" if event is None or not self.active else self._input((event,))

    def repaint(self, rect: share.Area | None = None) -> bytes:
        """PDUs that ask the target to paint anew (edges inclusive; None: all); b"" when not active, or when it cannot.

        A repaint of all begins `coverage` anew.
        """
        if not self.active:
            return b""
        area = rect or (0, 0, self.width - 1, self.height - 1)
        if self._abilities.refresh_rect:
            asked = self._tell(share.RefreshRect((area,)))
        elif self._abilities.suppress_output:
            asked = self._tell(share.SuppressOutput(None)) + self._tell(share.SuppressOutput(area))
        else:
            return b""
        if rect is None:
            self.coverage.begin()
        return asked

    def overlay(self, pixels: bytes, width: int, height: int, x: int, y: int) -> list[bytes]:
        """Own picture over the target's: whole PDUs for the client, recorded like any; only when `can_draw`."""
        return self.show(bitmap.picture(pixels, width, height, x, y, self._acceptor.bpp))

    def show(self, updates: Sequence[bytes]) -> list[bytes]:
        """The same for what `bitmap.picture` made already, for `acceptor.bpp`."""
        if not self.can_draw:
            raise LocalProtocolError("bridge: nothing can be drawn now")
        return client_leg.drawing(self.share, updates)

    # -- from the client

    def from_client(self, frame: Frame) -> list[Effect]:
        """Raises RemoteProtocolError: anything that a client may not send now."""
        if frame.kind is FrameKind.FAST:
            return self._typed(rdp_input.decode_fast(frame.data), fast=True)
        if client_leg.hangs_up(frame):
            return [ClientLeft()]
        pdu = mcs.decode(x224.data_of(frame))
        if isinstance(pdu, mcs.DisconnectProviderUltimatum):
            return [ClientLeft()]
        if not isinstance(pdu, mcs.SendDataRequest):
            raise RemoteProtocolError(f"a client does not send {type(pdu).__name__} now")
        if pdu.initiator != client_leg.USER:
            raise RemoteProtocolError(f"data of user {pdu.initiator}, must be {client_leg.USER}")
        if pdu.channel != client_leg.IO:
            return self._routes.from_client(pdu.channel, pdu.data)
        effects: list[Effect] = []
        for control in share.split_control(pdu.data):
            effects += self._client_control(control)
        return effects

    def _client_control(self, control: ShareControl) -> list[Effect]:
        if share.share_of(control) != self.share or self.state not in (*_SHARED, BridgeState.DEMANDED):
            if self.state in _SHARED:
                raise RemoteProtocolError(f"share id {share.share_of(control):#010x} is not the active one")
            return []  # on its way when its share was deactivated
        if control.kind == PduType.CONFIRM_ACTIVE:
            return self._confirm(share.ConfirmActive.decode(control.body))
        if control.kind != PduType.DATA:
            raise RemoteProtocolError(f"a client does not send share control type {control.kind}")
        if self.state not in _SHARED:
            return []
        data = ShareData.decode(control.body)
        if data.kind == PduType2.INPUT:
            return self._typed(rdp_input.decode_slow(data.body), fast=False)
        if data.kind == PduType2.SHUTDOWN_REQUEST:
            return [ToTarget(self._to_target(ShareData(self.share, data.kind, b"").encode(self._demanded.user)))]
        read = _FROM_CLIENT.get(data.kind)
        return [] if read is None else self._pass_on(read(data.body))

    def _pass_on(self, pdu: share.DataBody) -> list[Effect]:
        if isinstance(pdu, share.Synchronize):
            pdu = share.Synchronize(pdu.message, self._source)
        elif isinstance(pdu, share.SuppressOutput) and pdu.area is None:
            return []  # a client that stops its picture would stop the recording's too, and type unseen
        return [ToTarget(self._tell(pdu))]

    def _confirm(self, confirm: share.ConfirmActive) -> list[Effect]:
        sets = capabilities.restricted(confirm.capabilities, self._acceptor.bpp)
        self._turn(Turn.CONFIRM)
        body = share.ConfirmActive(self.share, confirm.source, sets).encode()
        return [ToTarget(self._to_target(ShareControl(PduType.CONFIRM_ACTIVE, self._demanded.user, body).encode()))]

    def _typed(self, events: Iterable[rdp_input.InputEvent], *, fast: bool) -> list[Effect]:
        kept = tuple(event for event in events if not isinstance(event, rdp_input.QoeEvent))
        for event in kept:
            if isinstance(event, rdp_input.SyncEvent):
                self._pressed.lock(event)
                self._acceptor.locks = event
        return [ToInput(self._input(kept, fast=fast), kept)] if kept and self.active else []

    # -- from the target

    def from_target(self, frame: Frame) -> list[Effect]:
        """Raises RemoteProtocolError: anything that a target may not send, or that a recording could not hold."""
        if frame.kind is FrameKind.FAST:
            if self.state in _SHARED:
                return [ToClient(one) for one in self._updates.fast(frame.data)]
            fastpath.decode(frame.data)
            return []  # without a share there is nothing to draw on
        pdu = mcs.decode(x224.data_of(frame))
        if isinstance(pdu, mcs.DisconnectProviderUltimatum):
            return [TargetLeft(self.error)]
        if not isinstance(pdu, mcs.SendDataIndication):
            raise RemoteProtocolError(f"a target does not send {type(pdu).__name__} now")
        if pdu.channel != self._demanded.io:
            return self._routes.from_target(pdu.channel, pdu.data)
        effects: list[Effect] = []
        for control in share.split_control(pdu.data):
            effects += self._target_control(control)
        return effects

    def _target_control(self, control: ShareControl) -> list[Effect]:
        if control.kind == PduType.DATA:
            return self._target_data(ShareData.decode(control.body))
        if control.kind == PduType.DEMAND_ACTIVE:
            return self._demand(control)
        if control.kind == PduType.DEACTIVATE_ALL:
            self._turn(Turn.DEACTIVATE)
            self._whole()
            before = self._acceptor.deactivated()
            return [ToClient(before)] if before else []
        if control.kind == PduType.SERVER_REDIRECTION:
            return []  # it names a way round the gateway, and carries a credential
        raise RemoteProtocolError(f"a target does not send share control type {control.kind}")

    def _demand(self, control: ShareControl) -> list[Effect]:
        demand = share.DemandActive.decode(control.body)
        sets = capabilities.restricted(demand.capabilities)
        abilities = capabilities.Abilities.of(sets)
        if (desktop := abilities.bitmap) is None:
            raise RemoteProtocolError("demand active: without a bitmap set")
        if not (1 <= desktop.width <= client_leg.SIDE_MOST and 1 <= desktop.height <= client_leg.SIDE_MOST):
            raise RemoteProtocolError(f"demand active: desktop of {desktop.width} x {desktop.height}")
        if desktop.bpp not in DEPTHS:
            raise RemoteProtocolError(f"demand active: {desktop.bpp} bits a pixel")
        self._turn(Turn.DEMAND)
        self._whole()
        self._abilities, self._source, self.share = abilities, control.source, demand.share
        self.width, self.height = desktop.width, desktop.height
        self._updates = Updates(self.share, self.width, self.height, exact=self._exact)
        before = self._acceptor.handed(self.share, self.width, self.height, desktop.bpp)
        body = share.DemandActive(self.share, demand.source, sets, demand.session).encode()
        pdu = to_client(ShareControl(PduType.DEMAND_ACTIVE, client_leg.SERVER, body).encode())
        effects: list[Effect] = [ToClient(before)] if before else []
        return [*effects, Resized(self.width, self.height), ToClient(pdu)]

    def _whole(self) -> None:
        if self._updates.open:
            raise RemoteProtocolError("share deactivated inside a fragmented update")

    def _target_data(self, data: ShareData) -> list[Effect]:
        if data.kind == PduType2.SET_ERROR_INFO:  # some targets send it without a share
            self.error = share.SetErrorInfo.decode(data.body).code
            return []  # the client hears of an end from the gateway, in its own words
        if self.state not in _SHARED:
            return []
        if data.share != self.share:
            raise RemoteProtocolError(f"share id {data.share:#010x} is not the active one")
        if data.kind == PduType2.UPDATE:
            return [ToClient(one) for one in self._updates.slow(data.body)]
        if data.kind == PduType2.POINTER:
            return [ToClient(one) for one in self._updates.pointer(data.body)]
        if data.kind == PduType2.FONT_MAP:
            return self._font_map(data)
        if data.kind == PduType2.SYNCHRONIZE:
            read = share.Synchronize.decode(data.body)
            data = ShareData(self.share, data.kind, share.Synchronize(read.message, client_leg.USER).encode())
        elif data.kind == PduType2.CONTROL:
            data = ShareData(self.share, data.kind, self._control(share.Control.decode(data.body)).encode())
        elif data.kind not in _PASSED_ON:
            return []
        return [self._onward(data)]

    def _control(self, control: share.Control) -> share.Control:
        if control.action == share.ControlAction.GRANTED:
            return share.Control(control.action, client_leg.USER, client_leg.SERVER)
        return share.Control(control.action)

    def _font_map(self, data: ShareData) -> list[Effect]:
        first = not self.active
        self._turn(Turn.FONT_MAP)
        effects: list[Effect] = [self._onward(data)]
        if not first:
            return effects
        self.coverage.begin()
        if held := self.paused():  # a release that came during the reactivation was dropped
            effects.append(ToTarget(held))
        if (locks := self._pressed.synchronise()) is not None:
            effects.append(ToInput(self._input((locks,)), (locks,)))
        return [*effects, Activated()]

    def _onward(self, data: ShareData) -> Effect:
        return ToClient(to_client(ShareData(self.share, data.kind, data.body).encode(client_leg.SERVER)))

    # -- out to the target

    def _input(self, events: Sequence[rdp_input.InputEvent], *, fast: bool | None = None) -> bytes:
        """Input as the target reads it; `fast` is how the client sent it, which was told what the target reads."""
        if fast is None:
            fast = bool(self._abilities.input_flags & (InputFlag.FASTPATH | InputFlag.FASTPATH2))
        if fast:
            return rdp_input.encode_fast(events)
        data = ShareData(self.share, PduType2.INPUT, rdp_input.encode_slow(events))
        return self._to_target(data.encode(self._demanded.user))

    def _tell(self, pdu: share.DataBody) -> bytes:
        return self._to_target(share.data(self.share, self._demanded.user, pdu))

    def _to_target(self, data: bytes, channel: int | None = None) -> bytes:
        number = self._demanded.io if channel is None else channel
        return x224.data(mcs.SendDataRequest(self._demanded.user, number, data).encode())

    def _turn(self, turn: Turn) -> None:
        if (after := TRANSITIONS[self.state].get(turn)) is None:
            raise RemoteProtocolError(f"bridge: {turn.value} in state {self.state.value}")
        self.state = after
