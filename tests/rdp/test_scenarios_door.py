"""Who does not get in, and who gets in to a target that does not take its credential (68, 72, 73)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access.model import ReleaseState
from gateway.fronts.rdp.pictures import Tone
from tests.rdp.peers import Target, eventually, shadow, share_of, xfreerdp
from tests.rdp.stage import HERE, forms, stage

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

FORGIVEN = timedelta(minutes=5)  # after a failure nobody from that address gets in for a while
OTHER = "An0ther-Pass!"
ODD = "../../../etc/passwd%s" + "ä" * 40


async def test_68_72_no_client_without_network_level_authentication_or_with_an_odd_name_or_an_old_ticket_gets_in(
    tmp_path: Path, monkeypatch
) -> None:
    async with stage(tmp_path, monkeypatch) as s:
        strangers = (
            (s.ticket.id, ("/sec:tls",), "HYBRID_REQUIRED_BY_SERVER"),
            (s.ticket.id, ("/sec:rdp",), ""),
            (ODD, (), "LOGON_FAILURE"),
        )
        for user, options, words in strangers:
            async with xfreerdp(s.screen, HERE, s.home.port, user, s.ticket.secret, *options) as mallory:
                assert await mallory.ends() != 0
                assert words in mallory.said
            s.home.clock.pass_time(FORGIVEN)
        s.home.clock.pass_time(timedelta(hours=8))
        async with s.vera() as late:
            assert await late.ends() != 0
            assert "LOGON_FAILURE" in late.said
        assert s.door.connections == 0
        assert await s.home.gateway.services.sessions.live() == []
        (kept,) = await s.home.gateway.services.access.releases(s.grant.id)
        assert kept.state is not ReleaseState.USED


@asynccontextmanager
async def misremembered(folder: Path) -> AsyncIterator[Target]:
    """The vault gets another password than the target has."""
    async with shadow(folder) as target:
        yield replace(target, password=OTHER)


async def test_73_a_target_that_refuses_the_vaulted_password_lets_nobody_in_and_the_person_reads_it(
    tmp_path: Path, monkeypatch
) -> None:
    async with stage(tmp_path, monkeypatch, misremembered) as s:
        async with s.vera() as vera:
            await vera.sees(lambda seen: share_of(seen, Tone.OVER.value) > 0.3, "the last screen")
            await eventually(lambda: s.door.open == 0, "the end of the connection to the target")
            await vera.ends()
        (failed,) = await s.home.events("rdp.target.failed")
        assert failed["why"] == "credential"
        assert OTHER not in str(failed)
        assert not any(form in data for form in forms(OTHER) for data in s.home.sent.values())
