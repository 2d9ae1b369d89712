"""Others around one desktop: a second client with the same ticket (57), a viewer that reads nothing (34)."""

import asyncio
from pathlib import Path

import pytest

from gateway.recording import writer
from gateway.recording.model import Kind
from tests.rdp.peers import eventually, share_of
from tests.rdp.peers.targets import TERMINAL
from tests.rdp.stage import HERE, stage

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

ELSEWHERE = "127.0.0.9"
LAG = 1 << 20  # octets that a viewer may lag here: what a flood has soon


async def test_57_a_ticket_is_good_from_the_address_of_its_first_log_on_and_there_the_newer_client_takes_over(
    tmp_path: Path, monkeypatch
) -> None:
    async with (
        stage(tmp_path, monkeypatch) as s,
        s.relayed(source=ELSEWHERE) as elsewhere,
        s.vera() as first,
    ):
        await s.shows(first)
        async with s.vera(port=elsewhere.port) as mallory:
            assert await mallory.ends() != 0
        assert elsewhere.refused > 0
        assert elsewhere.downward == b""
        assert share_of(await first.screenshot(), s.target.colour) > 0.5

        async with s.vera() as second:
            await s.shows(second)
            await first.ends()
            await second.types("the newer one\n", at=TERMINAL)
            await s.target.received("the newer one\n")
        assert len(await s.home.gateway.services.sessions.live()) == 1
        used = await s.home.events("identity.ticket.used")
        assert {event["source"] for event in used} == {HERE}
        assert len(used) == 2


async def test_57_of_two_that_come_at_once_from_two_addresses_one_gets_in(tmp_path: Path, monkeypatch) -> None:
    async with (
        stage(tmp_path, monkeypatch) as s,
        s.relayed(source="127.0.0.8") as one,
        s.relayed(source=ELSEWHERE) as other,
        s.vera(port=one.port) as here,
        s.vera(port=other.port) as there,
    ):
        await eventually(lambda: not (here.alive and there.alive), "the end of one of them")
        winner = here if here.alive else there
        await s.shows(winner)
        assert s.door.connections == 1
        assert len(await s.home.events("identity.ticket.used")) == 1


async def test_34_a_viewer_that_reads_nothing_slows_nobody_and_has_the_picture_when_it_reads_again(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(writer, "WATCH_DESKTOP", LAG)
    async with stage(tmp_path, monkeypatch) as s, s.vera() as vera:
        await s.shows(vera)
        lena, live = await s.home.person("lena"), await s.home.session()
        async with s.home.gateway.services.sessions.watch(live.session.id, lena, HERE) as batches:
            assert (await anext(batches)).fresh
            before = len(s.home.sent[s.home.port])
            await s.scrolls()
            await eventually(lambda: len(s.home.sent[s.home.port]) > before + 2 * LAG, "more than it may lag")
            await vera.types("ramp\n", at=TERMINAL)
            await s.target.received("ramp\n")
            lagged = await anext(batches)
            assert sum(len(record.payload) for record in lagged.records) <= LAG
            again = lagged if lagged.fresh else await anext(batches)
            assert again.fresh
            async with asyncio.timeout(60):
                async for batch in batches:
                    if any(record.kind == Kind.PICTURE for record in batch.records):
                        break
