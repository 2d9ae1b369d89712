"""A desktop behind a whole gateway, released for Vera, with the relay between her client and the gateway."""

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access.model import Grant
from gateway.fronts.rdp import visitor
from gateway.identity.model import Ticket
from gateway.rdp import mcs, x224
from gateway.rdp.share import PduType, split_control
from gateway.rdp.tpkt import FrameKind, Framer
from gateway.recording.model import Kind, Record, RecordingState
from tests.rdp.decoded import IO_CHANNEL
from tests.rdp.house import DESKTOP, House, house
from tests.rdp.peers import Client, Display, Probe, Target, display, eventually, probe, share_of, xfreerdp, xrdp_vnc
from tests.rdp.relay import HERE, Relay, relay

LAST_SCREEN = timedelta(seconds=1)  # these tests look at what was sent, and nobody has to read it
FLOOD = "i=0; while :; do seq -f 'line %.0f of a flood' $i $((i+60)); i=$((i+60)); sleep 0.02; done"


@dataclass
class Stage:
    """Everything between Vera's eyes and the target."""

    folder: Path
    home: House
    target: Target
    door: Probe
    screen: Display
    grant: Grant
    ticket: Ticket
    _number: Iterable[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def relayed(self, *, source: str = HERE) -> AsyncIterator[Relay]:
        number = next(iter(self._number))
        async with relay(self.folder / f"relay-{number}", self.home.port, self.ticket, source=source) as made:
            yield made

    @asynccontextmanager
    async def vera(self, *options: str, port: int = 0, size: str = "1024x768") -> AsyncIterator[Client]:
        """With her ticket at the gateway, or without one at the relay that listens at `port`."""
        security = ("/sec:tls",) if port else ()
        name, secret = ("nobody", "nothing") if port else (self.ticket.id, self.ticket.secret)
        async with xfreerdp(
            self.screen, HERE, port or self.home.port, name, secret, *security, *options, size=size
        ) as client:
            yield client

    async def shows(self, client: Client, share: float = 0.5) -> None:
        await client.sees(lambda seen: share_of(seen, self.target.colour) > share, "the desktop")

    async def scrolls(self) -> None:
        """From now on the target scrolls without end."""
        await scrolls(self.target)

    async def kill(self) -> None:
        """Lena ends the session."""
        live = await self.home.session()
        lena = await self.home.person("lena")
        await self.home.gateway.services.sessions.kill(live.session.id, lena, HERE, "wrong drive")

    async def records(self) -> list[Record]:
        """Of the sealed recording."""
        return self.home.records(await self.home.recording())


async def scrolls(target: Target) -> None:
    await target.running.start(
        "flood", "xterm", "-geometry", "100x30+300+250", "-e", "sh", "-c", FLOOD, env=target.screen.env
    )


@asynccontextmanager
async def stage(
    folder: Path, patch: pytest.MonkeyPatch, made=xrdp_vnc, *, channels=DESKTOP, size: str = "", minutes: int = 30,
    released: bool = True, last: timedelta = LAST_SCREEN,
) -> AsyncIterator[Stage]:  # fmt: skip
    """`size` of the target's own screen; `minutes` of the grant; `last`: how long a last screen stays."""
    patch.setattr(visitor, "END_SHOWN", last)
    sized = {"size": size} if size else {}
    async with (
        made(folder / "t", **sized) as target,
        probe(target.host, (target.host, target.port)) as door,
        house(folder / "g", target, patch, door=door, user=target.user) as home,
        display(folder / "d") as screen,
    ):
        grant = await home.granted(channels, minutes)
        ticket = await home.ticket(grant)
        if released:
            await home.released(grant)
        yield Stage(folder, home, target, door, screen, grant, ticket)


def pdus(records: Iterable[Record], stream: int | None = None) -> list[bytes]:
    return [r.payload for r in records if r.kind == Kind.PDU and stream in (None, r.stream)]


def delivered(frames: list[bytes], recorded: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """What a client got of what was recorded, from the first recorded PDU on; and all that it got after that."""
    start = frames.index(recorded[0])
    run = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(frames[start:], recorded, strict=False)))
    return [frame for frame, _ in run], frames[start + len(run) :]


def unrecorded(after: list[bytes]) -> list[str]:
    """What among the last PDUs is not of the gateway's own making: it takes its client back before it draws."""
    faults, own = [], False
    for data in after:
        (frame,) = Framer().feed(data)
        if frame.kind is FrameKind.FAST:
            faults.append(f"fast-path update of {len(data)} octets")
            continue
        pdu = mcs.decode(x224.data_of(frame))
        if isinstance(pdu, mcs.DisconnectProviderUltimatum):
            continue
        if not isinstance(pdu, mcs.SendDataIndication) or pdu.channel != IO_CHANNEL:
            faults.append(f"channel data of {len(data)} octets")
            continue
        kinds = [control.kind for control in split_control(pdu.data)]
        own = own or PduType.DEMAND_ACTIVE in kinds
        if not own and PduType.DEACTIVATE_ALL not in kinds:
            faults.append(f"share control {kinds} of {len(data)} octets")
    return faults


def forms(secret: str) -> list[bytes]:
    """How a secret may be written on the wire."""
    return [secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")]


async def sealed(stage: Stage) -> None:
    """The recording is closed, and nothing is open to the target."""
    await eventually(lambda: stage.door.open == 0, "the end of the connection to the target")
    path = await stage.home.recording()
    (found,) = await stage.home.gateway.services.recordings.find()
    assert found.state is RecordingState.SEALED
    status, report = await stage.home.verified(stage.folder / "away", path)
    assert status == 0, report
