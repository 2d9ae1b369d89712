"""One client, from the proof of who it is until it is gone: arrive, hold on its own screen, enter, relay, last screen.

    await Visitor(setting, client, house, tasks).run()

INVARIANT: south of the gateway nothing happens before `visit.enter()` has returned.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from gateway.clock import ZERO
from gateway.errors import Conflict, GatewayError, Refused, RemoteProtocolError
from gateway.fronts.errands import Errands
from gateway.fronts.rdp import texts
from gateway.fronts.rdp.desktop import Desktop
from gateway.fronts.rdp.easel import Easel
from gateway.fronts.rdp.ports import Bearer, Connection, Visit
from gateway.fronts.rdp.setting import END_SHOWN, Setting
from gateway.fronts.rdp.wire import Frames, Line
from gateway.inventory.model import Protocol as Service
from gateway.limits import HOLD_STEP, KILL_LIMIT, RDP_ARRIVING, RDP_PIXELS
from gateway.rdp.acceptor import Acceptor, AcceptorState
from gateway.rdp.effects import Activated, Arrived, ClientLeft, Redraw
from gateway.rdp.error_info import ErrorInfo
from gateway.rdp.tpkt import Frame
from gateway.rdp.x224 import Security
from gateway.sessions.model import Arrival, End, EndReason
from gateway.words import printable

log = structlog.get_logger()
DOOR: Final = "rdp"
CLIENT_CHARACTERS: Final = 60  # of what a client calls itself


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever is connected, and how.

    Attributes:
        requested: what its X.224 Connection Request asked for.
        redeem: who it is, given what its software calls itself. Raises `Refused`.
        browser: it decodes in a page, which is particular about sizes.
    """

    line: Line
    frames: Frames
    source: str
    requested: Security
    redeem: Callable[[str], Awaitable[Bearer]]
    browser: bool


@dataclass(frozen=True, slots=True)
class Last:
    """The last screen, and the Set Error Info code that goes with it ([MS-RDPBCGR] 2.2.5.1.1)."""

    heading: str
    words: str
    error: int = 0


class House(Protocol):
    """Who else is here."""

    async def enters(self, who: str, visitor: Visitor, /) -> None:
        """`visitor` is the one client of `who` from now on; an older one has gone when this returns."""
        ...


class Visitor:
    """`run` ends when the client is gone, and everything that it held is given back.

    Attributes:
        left: it holds nothing of its session any more; its last screen may still stand.
        gone: it is no more.
    """

    def __init__(self, setting: Setting, client: Client, house: House, tasks: asyncio.TaskGroup) -> None:
        self._errands = Errands(tasks)
        self._setting, self._client, self._house = setting, client, house
        self._acceptor = Acceptor(client.requested, most_pixels=RDP_PIXELS)
        self._easel = Easel(self._acceptor, self._flush)
        self._arrived: asyncio.Future[Arrived] = asyncio.get_running_loop().create_future()
        self._active, self._stopped = asyncio.Event(), asyncio.Event()
        self.left, self.gone = asyncio.Event(), asyncio.Event()
        self._last: Last | None = None
        self._visit: Visit | None = None
        self._connection: Connection | None = None
        self._desktop: Desktop | None = None
        self._why, self._words, self._target, self._said = EndReason.CLIENT, "", "", ""

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                painting = tasks.create_task(self._easel.run())
                ways = {tasks.create_task(self._life()), tasks.create_task(self._read())}
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for task in (*ways, painting):
                    task.cancel()
        finally:
            try:
                await self._give_back()
                await self._client.line.close()
            finally:
                self.gone.set()

    @property
    def words(self) -> str:
        """Why it is over; empty when the client just left."""
        return self._said

    def stop(self, last: Last) -> None:
        """It is over: nothing passes any more, then the person reads why, then he is gone. The first reason stays."""
        if self._last is None:
            self._last = last
            self._stopped.set()
        if self._desktop is not None:
            self._desktop.cut()

    # --- what the client sends

    async def _read(self) -> None:
        """Until it is gone."""
        try:
            while (frame := await self._client.frames.next()) is not None:
                if not await self._take(frame):
                    return
        except RemoteProtocolError as error:
            self._why = EndReason.LOST
            log.info("A client broke the protocol", source=self._client.source, why=str(error))
        except OSError:
            self._why = EndReason.LOST

    async def _take(self, frame: Frame) -> bool:
        """One PDU; False when it says good-bye."""
        if self._desktop is not None and self._acceptor.state is AcceptorState.HANDED:
            return await self._desktop.from_client(frame)
        here = True
        for event in self._acceptor.receive(frame):
            match event:
                case Arrived():
                    self._arrived.set_result(event)
                case Activated():
                    self._active.set()
                    self._easel.anew()
                case Redraw():
                    self._easel.anew()
                case ClientLeft():
                    here = False
        await self._flush()
        return here

    async def _flush(self) -> None:
        await self._client.line.send(self._acceptor.data_to_send())

    # --- its life

    async def _life(self) -> None:
        try:
            async with asyncio.timeout(RDP_ARRIVING.total_seconds()):
                arrived = await self._arrived
                await self._active.wait()
        except TimeoutError:
            return
        last = await self._until_stopped(self._work(arrived))
        self._said = last.words
        await self._give_back()
        await self._say(last)

    async def _until_stopped(self, work: Coroutine[Any, Any, Last]) -> Last:
        """What `work` comes to, or why it was stopped before."""
        async with asyncio.TaskGroup() as tasks:
            working, stopping = tasks.create_task(work), tasks.create_task(self._stopped.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            stopping.cancel()
        return self._last or working.result()

    async def _work(self, arrived: Arrived) -> Last:
        try:
            bearer = await self._errands.run(self._proven(arrived))
            await self._errands.run(self._arrive(bearer, arrived))
            connection = await self._held()
            connection.on_end = self._ended
            self._easel.show(texts.opening(self._target))
            self._desktop = Desktop(self._setting, self._client, self._acceptor, connection, arrived)
            words = await self._desktop.run()
            self._why, self._words = EndReason.TARGET, words
            return Last(texts.ended(EndReason.TARGET), words, self._desktop.error)
        except Refused as refused:
            if self._desktop is not None and self._desktop.failed:
                self._why, self._words = EndReason.TARGET, refused.words
            return Last(texts.NOT_NOW, refused.words, ErrorInfo.SERVER_DENIED_CONNECTION)
        except GatewayError as error:
            log.error("A visit could not be decided", error=str(error), source=self._client.source)
            return Last(texts.NOT_NOW, texts.UNAVAILABLE)

    async def _proven(self, arrived: Arrived) -> Bearer:
        bearer = await self._client.redeem(named(arrived))
        await self._setting.identity.logged_in(bearer.person, DOOR, named(arrived), self._client.source)
        self._target = bearer.target
        self._easel.show(texts.welcome(bearer.target))
        await self._house.enters(f"{bearer.person.id}/{bearer.target}/{self._client.source}", self)
        return bearer

    async def _arrive(self, bearer: Bearer, arrived: Arrived) -> None:
        self._visit = await self._setting.sessions.arrive(
            Arrival(
                bearer.person, bearer.target, bearer.account, Service.RDP, self._client.source, named(arrived),
                bearer.proofs,
            )
        )  # fmt: skip

    async def _held(self) -> Connection:
        """Wait on his own screen until he may enter."""
        if self._visit is None:
            raise Refused("not_running", texts.UNAVAILABLE)
        step = ZERO
        while True:
            while not await self._visit.settled(step):
                step = HOLD_STEP
                if hold := self._visit.hold:
                    lasting = self._setting.clock.now() - hold.since
                    self._easel.show(texts.hold(self._target, hold, lasting))
            try:
                return await self._errands.run(self._enter(self._visit))
            except Conflict:
                continue

    async def _enter(self, visit: Visit) -> Connection:
        self._connection = await visit.enter()
        return self._connection

    def _ended(self, end: End) -> None:
        self.stop(Last(texts.ended(end.reason), end.words, texts.ERRORS.get(end.reason, ErrorInfo.NONE)))

    async def _say(self, last: Last) -> None:
        """The last screen, for as long as it takes to read; a client that cannot be drawn to is told by its code."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_LIMIT.total_seconds()):
                await self._last_screen(last)
            await asyncio.sleep(END_SHOWN.total_seconds())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_LIMIT.total_seconds()):
                self._acceptor.finish(last.error)
                await self._flush()

    async def _last_screen(self, last: Last) -> None:
        if self._acceptor.state is AcceptorState.HANDED:
            self._active.clear()
            self._acceptor.take_back()
            await self._flush()
            await self._active.wait()
        self._easel.show(texts.last(last.heading, last.words, self._target))
        await self._easel.drawn()

    async def _give_back(self) -> None:
        """What it held of a session. Harmless a second time."""
        if self._desktop is not None:
            self._desktop.cut()
        await self._errands.idle()
        if self._connection is not None:
            await self._connection.close(self._why, self._words)
        elif self._visit is not None:
            await self._visit.leave()
        self.left.set()


def named(arrived: Arrived) -> str:
    """What the software calls itself; untrusted."""
    core = arrived.client.core
    name = core.name.decode("utf-16-le", "replace").partition("\0")[0]
    return printable(f"RDP client, build {core.build}, on {name}")[:CLIENT_CHARACTERS]
