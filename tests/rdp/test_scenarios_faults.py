"""The gateway dies, or its disk is full, while a desktop scrolls (security.md 5, faults 4 and 6; abuse 79 and 80)."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pyrage
import pytest

from gateway.recording.model import Record, RecordingState
from gateway.recording.reader import Player
from gateway.sessions.model import EndReason
from tests.e2e.evidence import ended, verified
from tests.e2e.test_disk import small_disk
from tests.rdp.decoded import painted
from tests.rdp.peers import Client, eventually, share_of, xfreerdp
from tests.rdp.relay import HERE, Relay
from tests.rdp.stage import delivered, pdus, scrolls, unrecorded
from tests.rdp.standing import Standing, standing

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

SCROLLED = 400_000  # octets of pictures


def records(s: Standing, recording: Path) -> list[Record]:
    key = (s.plant.folder / "keys" / "replay.age").read_text().strip()
    with Player.open(recording, pyrage.x25519.Identity.from_str(key)) as player:
        return list(player.records())


@asynccontextmanager
async def flooded(s: Standing) -> AsyncIterator[tuple[Relay, Client]]:
    """Vera at a desktop that scrolls without end, behind the gateway that runs; the relay has seen it scroll."""
    grant = await s.granted()
    ticket = await s.ticket(grant)
    await s.desk.released(grant)
    async with (
        s.relayed(ticket) as between,
        xfreerdp(s.screen, HERE, between.port, "nobody", "nothing", "/sec:tls") as vera,
    ):
        await vera.sees(lambda seen: share_of(seen, s.target.colour) > 0.5, "the desktop")
        before = len(between.downward)
        await scrolls(s.target)
        await eventually(lambda: len(between.downward) > before + SCROLLED, "a flood")
        yield between, vera


async def test_fault_6_kill_9_of_the_gateway_loses_nothing_that_a_client_got(tmp_path: Path) -> None:
    async with standing(tmp_path) as s:
        served = await s.plant.gateway()
        async with flooded(s) as (between, vera):
            served.send(signal.SIGKILL)
            await served.ends()
            await vera.ends()
        served = await s.plant.gateway()
        session, (recording,) = await ended(s.desk.sessions), await s.desk.recordings()
        assert session.end
        assert session.end.reason is EndReason.GATEWAY
        assert recording.state is RecordingState.RECOVERED
        path = s.plant.folder / "recordings" / recording.file
        kept = records(s, path)
        got, after = delivered(between.frames, pdus(kept))
        assert len(got) > 50
        assert after == []
        assert share_of(painted(kept), s.target.colour) > 0.3
        status, report = await verified(s.desk, tmp_path / "away", path)
        assert status == 0, report
        assert "UNCLEAN" in report
        served.send(signal.SIGTERM)
        assert await served.ends() == 0, served.said


async def test_fault_4_a_full_disk_ends_a_desktop_that_scrolls_and_shows_nothing_unrecorded(tmp_path: Path) -> None:
    async with standing(tmp_path) as s, small_disk(s.plant.folder / "recordings", "1m") as disk:
        served = await s.plant.gateway(*disk.enter)
        async with flooded(s) as (between, vera):
            disk.fill()
            await vera.ends()
        session, (recording,) = await ended(s.desk.sessions), await s.desk.recordings()
        assert session.end
        assert session.end.reason is EndReason.RECORDER
        disk.make_room()
        got, after = delivered(between.frames, pdus(records(s, disk.folder / recording.file)))
        assert len(got) > 50
        assert unrecorded(after) == []
        served.send(signal.SIGTERM)
        assert await served.ends() == 0, served.said
        assert "Traceback" not in served.said
