"""One relay between twins: each step is on one journal, where real lines would hide the order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from gateway.clock import Deadline, SystemClock
from gateway.fronts.rdp import leg
from gateway.fronts.rdp.relay import Relay
from gateway.rdp.bridge import Bridge
from gateway.rdp.tpkt import Frame
from tests.rdp.share.twins import Client, Open, Target, frame, frames, held

LIMIT = 30.0  # seconds to wait for anything
Journal = list[tuple[str, object]]


@dataclass
class Tap:
    """The session's stream: takes everything, or raises `fault`, or says no."""

    journal: Journal
    fault: Exception | None = None
    takes: bool = True
    tried: asyncio.Event = field(default_factory=asyncio.Event)  # it raised

    def _record(self, kind: str, value: object = None) -> None:
        if self.fault is not None:
            self.tried.set()
            raise self.fault
        self.journal.append((kind, value))

    def _asked(self, kind: str, value: object) -> bool:
        if self.takes:
            self.journal.append((kind, value))
        return self.takes

    def shown(self, *pdus: bytes) -> None:
        for pdu in pdus:
            self._record("recorded", pdu)

    def pressed(self, octets: bytes) -> bool:
        return self._asked("keys", octets)

    def pointed(self, octets: bytes) -> bool:
        return self._asked("mouse", octets)

    def stirred(self) -> None:
        self.journal.append(("stirred", None))

    def clipboard(self, direction: str, text: str) -> bool:
        return self._asked("text", (direction, text))

    def desktop(self, width: int, height: int) -> None:
        self._record("desktop", (width, height))

    def repaint(self) -> None:
        self._record("repaint")

    def repainted(self) -> None:
        self._record("picture")

    def close(self, status: int | None = None, signal: str = "") -> None: ...


@dataclass
class TwinLine:
    """The way to the client."""

    client: Client
    journal: Journal

    async def receive(self) -> bytes:
        return b""

    async def send(self, data: bytes) -> None:
        for one in frames(data):
            self.journal.append(("client", one.data))
            self.client.hear(one)

    async def close(self) -> None: ...
    def abort(self) -> None: ...


@dataclass
class TwinLeg:
    """The way to the target, and its PDUs. `idle`: all of them were taken, and what they led to is done."""

    target: Target
    journal: Journal
    arrived: asyncio.Queue[Frame | None] = field(default_factory=asyncio.Queue)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def frames(self) -> TwinLeg:
        return self

    @property
    def ready(self) -> bool:
        return not self.arrived.empty()

    async def next(self) -> Frame | None:
        if self.arrived.empty():
            self.idle.set()
        return await self.arrived.get()

    def offer(self, one: Frame | None) -> None:
        self.idle.clear()
        self.arrived.put_nowait(one)

    def write(self, data: bytes) -> None:
        for one in frames(data):
            self.journal.append(("target", one.data))
            self.target.hear(one)

    async def send(self, data: bytes) -> None:
        self.write(data)

    def cut(self) -> None: ...


class Rig:
    """One relay; `journal` has what was taken and what went where, in order."""

    def __init__(self, rules: Open, *, may_type: bool) -> None:
        self.journal: Journal = []
        self.over = asyncio.Event()  # the relay has come to its end
        hold, self.target = held(), Target()
        self.client, self.tap = hold.client, Tap(self.journal)
        self.leg, clock = TwinLeg(self.target, self.journal), SystemClock()
        deadline = Deadline.after(clock.instant(), timedelta(hours=1))

        async def refused(name: str) -> None:
            self.journal.append(("refused", name))

        self.relay = Relay(
            TwinLine(self.client, self.journal), cast("leg.Leg", self.leg), hold.acceptor,
            Bridge(hold.acceptor, self.target.demanded(), rules), self.tap, clock,
            deadline=lambda: deadline, may_type=may_type, on_refused=refused,
        )  # fmt: skip

    def of(self, kind: str) -> list[object]:
        return [value for k, value in self.journal if k == kind]

    def speak(self) -> None:
        """What the target has to say arrives."""
        spoken, self.target.out = self.target.out, []
        for pdu in spoken:
            self.leg.offer(frame(pdu))

    async def settle(self) -> None:
        """Until nobody has anything to say."""
        async with asyncio.timeout(LIMIT):
            await self.leg.idle.wait()
            while self.client.out or self.target.out:
                spoken, self.client.out = self.client.out, []
                for pdu in spoken:
                    assert await self.relay.from_client(frame(pdu))
                self.speak()
                await self.leg.idle.wait()


@asynccontextmanager
async def relaying(rules: Open | None = None, *, may_type: bool = True) -> AsyncIterator[Rig]:
    """A client and a target that have a share together."""
    rig = Rig(rules or Open(), may_type=may_type)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rig.relay.run()).add_done_callback(lambda _: rig.over.set())
        await rig.settle()
        assert rig.client.active
        yield rig
        rig.relay.cut()
        rig.leg.offer(None)
