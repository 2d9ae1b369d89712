"""Between a client and its target: two pumps, the tap, the pause gate and the notices, in one replaceable piece.

INVARIANT: a PDU goes to the client only after the stream (the tap) took it; one that it did not take waits.
INVARIANT: PDUs of one read are taken and sent together; nobody else runs, and nothing else is done, in between.
INVARIANT: input goes to the target only when the stream said so in that instant; else it is gone for good.
INVARIANT: after `cut` nothing passes any more, either way.
Back pressure reaches through: who does not take what is sent stops the other's reading.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from gateway.clock import Clock, Deadline
from gateway.errors import RecorderFailed, RemoteProtocolError
from gateway.fronts.rdp import pictures
from gateway.fronts.rdp.leg import Leg
from gateway.fronts.rdp.notices import Bar, Notices
from gateway.fronts.rdp.pictures import Picture
from gateway.fronts.rdp.ports import Stream
from gateway.fronts.rdp.repaints import Repaints
from gateway.fronts.rdp.wire import Line
from gateway.rdp import bitmap
from gateway.rdp.acceptor import Acceptor
from gateway.rdp.bridge import Bridge
from gateway.rdp.effects import (
    Activated,
    ChannelRefused,
    ClientLeft,
    Clipboard,
    Effect,
    Resized,
    TargetLeft,
    ToClient,
    ToInput,
    ToTarget,
)
from gateway.rdp.tpkt import Frame
from gateway.sessions.model import Notice, RecorderStalled

TICK: Final = 0.2  # seconds between two looks at the notices and the repaints while there are any
REST: Final = 1.0  # the same while there are none: hundreds of desktops stand still
TOGETHER: Final = 256 << 10  # octets of PDUs that are recorded and sent at once; one PDU more at most
BAR_EVERY: Final = timedelta(seconds=1)  # a bar is drawn anew so often while the target paints


class Relay:
    """Args:
        deadline: when the session ends; it may be extended.
        may_type: whether keys and mouse reach the target; else the person only watches (C46).
        on_refused: told the name of a channel that is not carried.

    Attributes:
        error: the target's last Set Error Info code when it said good-bye.
        fault: what the target did against the protocol; empty when nothing.
    """

    def __init__(
        self,
        line: Line,
        leg: Leg,
        acceptor: Acceptor,
        bridge: Bridge,
        stream: Stream,
        clock: Clock,
        *,
        deadline: Callable[[], Deadline],
        may_type: bool,
        on_refused: Callable[[str], Awaitable[None]],
    ) -> None:
        self._line, self._leg, self._acceptor, self._bridge = line, leg, acceptor, bridge
        self._stream, self._clock, self._deadline = stream, clock, deadline
        self._may_type, self._on_refused = may_type, on_refused
        self._notices, self._repaints = Notices(), Repaints()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._stir = asyncio.Event()  # something is to be looked at now
        self._cut = self._painted = False
        self._held: list[bytes] = []  # PDUs for the client that are to be recorded and sent together
        self._held_octets = 0
        self._bar: tuple[Bar, Picture, timedelta] | None = None  # what lies on the client's screen, since when
        self.error, self.fault = 0, ""

    # --- the two pumps

    async def run(self) -> None:
        """Until the target is gone or the relay is cut."""
        async with asyncio.TaskGroup() as tasks:
            ticking = tasks.create_task(self._tick())
            try:
                await self._carry(self._bridge.start())
                await self._flush()
                await self._from_target()
            except RemoteProtocolError as error:
                self.fault = str(error)
                await self._flush()
            except ConnectionError:
                return  # gone in the midst of a PDU: gone all the same
            finally:
                ticking.cancel()

    async def _from_target(self) -> None:
        frames = self._leg.frames
        while not self._cut and (frame := await frames.next()) is not None:
            effects = self._bridge.from_target(frame)
            self._painted = True
            self._repaints.painted()
            if not await self._carry(effects):
                return
            whole = self._repaints.asked and self._bridge.coverage.complete
            if whole or not frames.ready:
                await self._flush()
            if whole:
                self._repaints.whole()
                self._stir.set()  # the next may be wanted already
                await self._recorded(self._stream.repainted)

    async def from_client(self, frame: Frame) -> bool:
        """A PDU of the client. False: it said good-bye.

        Raises:
            RemoteProtocolError: it broke the protocol.
        """
        if self._cut:
            return True
        stays = await self._carry(self._bridge.from_client(frame))
        await self._flush()
        return stays

    async def _carry(self, effects: Sequence[Effect]) -> bool:
        """Carry out in order, but PDUs for the client may wait for `_flush`; False when one side has left."""
        for effect in effects:
            if self._cut:
                return True
            if isinstance(effect, ToClient):
                await self._to_client(effect.pdu)
                continue
            await self._flush()
            if self._cut:
                return True
            match effect:
                case ToTarget():
                    await self._leg.send(effect.pdu)
                case ToInput():
                    await self._typed(effect)
                case Clipboard():
                    if not self._stream.clipboard(effect.direction, effect.text):
                        return True  # and what would have carried it is dropped with it
                case TargetLeft():
                    self.error = effect.error
                    return False
                case ClientLeft():
                    return False
                case _:
                    await self._note(effect)
        return True

    async def _note(self, effect: Resized | Activated | ChannelRefused) -> None:
        match effect:
            case Resized(width, height):
                self._bar = None
                await self._recorded(lambda: self._stream.desktop(width, height))
            case Activated():
                self.viewer()
            case ChannelRefused(name):
                await self._on_refused(name)

    async def _to_client(self, pdu: bytes) -> None:
        self._held.append(pdu)
        self._held_octets += len(pdu)
        if self._held_octets >= TOGETHER:
            await self._flush()

    async def _flush(self) -> None:
        """Record what is held for the client, then send it."""
        pdus, self._held, self._held_octets = self._held, [], 0
        if pdus and await self._recorded(lambda: self._stream.shown(*pdus)):
            await self._line.send(b"".join(pdus))

    async def _recorded(self, write: Callable[[], None]) -> bool:
        """Once it is in the recording; False when it never will be."""
        while not self._cut:
            try:
                write()
            except RecorderStalled:
                self._flowing.clear()
                await self._flowing.wait()
            except RecorderFailed:
                return False
            else:
                return True
        return False

    async def _typed(self, effect: ToInput) -> None:
        if not self._may_type:
            self._stream.stirred()
            return
        keys, pointer = effect.keys, effect.pointer
        if (keys and not self._stream.pressed(keys)) or (pointer and not self._stream.pointed(pointer)):
            return
        if not self._cut:
            self._leg.write(effect.pdu)
            self._bridge.delivered(effect)
            await self._leg.send(b"")

    # --- the control room

    def pause(self, paused: bool) -> None:
        if self._cut:
            return
        if paused:
            self._leg.write(self._bridge.paused())
        else:
            self._leg.write(self._bridge.resumed())
            self._flowing.set()

    def notice(self, notice: Notice) -> None:
        self._notices.tell(notice)
        self._stir.set()

    def viewer(self) -> None:
        """Somebody watches who sees nothing yet."""
        self._repaints.wanted()
        self._stir.set()

    def cut(self) -> None:
        """Nothing passes any more, either way, from this moment on."""
        self._cut = True
        self._leg.cut()
        self._flowing.set()
        self._stir.set()

    # --- what time does

    async def _tick(self) -> None:
        while not self._cut:
            self._stir.clear()
            at = self._clock.instant().boot
            if self._repaints.due(at):
                await self._repaint(at)
            await self._show_bar(at)
            busy = self._bar is not None or self._repaints.pending or self._notices.any
            rest = TICK if busy else REST
            if soonest := self._repaints.soonest(at).total_seconds():
                rest = min(rest, soonest)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._stir.wait()

    async def _repaint(self, at: timedelta) -> None:
        """Ask for everything: the recording can be entered here, once it has come."""
        if not self._bridge.active or not await self._recorded(self._stream.repaint):
            return
        asking = self._bridge.repaint()
        if asking:
            self._repaints.begun(at)
            await self._leg.send(asking)

    async def _show_bar(self, at: timedelta) -> None:
        wanted, there, bridge = self._notices.now(at, self._left()), self._bar, self._bridge
        if wanted is None:
            await self._take_bar_away()
            return
        same = there is not None and there[0] == wanted
        if not bridge.can_draw or (there is not None and same and not (self._painted and at >= there[2] + BAR_EVERY)):
            return
        share, size = bridge.share, (bridge.width, bridge.height)
        picture = there[1] if there is not None and same else None
        drawn, updates = await asyncio.to_thread(_prepared, wanted, picture, *size, self._acceptor.bpp)
        if bridge.share != share or not bridge.can_draw or (bridge.width, bridge.height) != size:
            return  # the next tick tries again
        if there is not None and not drawn.covers(there[1]):
            await self._take_bar_away()  # and the next tick draws, after the target
            return
        self._bar, self._painted = (wanted, drawn, at), False
        for pdu in bridge.show(updates):
            await self._to_client(pdu)
        await self._flush()

    def _left(self) -> timedelta:
        return self._deadline().remaining(self._clock.instant())

    async def _take_bar_away(self) -> None:
        """The target paints what lay under it, and a pixel around: some leave out the last row and column."""
        if self._bar is not None and self._bridge.active:
            picture, self._bar = self._bar[1], None
            left, top = max(picture.x - 1, 0), max(picture.y - 1, 0)
            right = min(picture.x + picture.width, self._bridge.width - 1)
            bottom = min(picture.y + picture.height, self._bridge.height - 1)
            await self._leg.send(self._bridge.repaint((left, top, right, bottom)))


def _prepared(bar: Bar, picture: Picture | None, width: int, height: int, bpp: int) -> tuple[Picture, list[bytes]]:
    drawn = picture or pictures.bar(bar.words, bar.tone, width, height)
    return drawn, bitmap.picture(drawn.pixels, drawn.width, drawn.height, drawn.x, drawn.y, bpp)
