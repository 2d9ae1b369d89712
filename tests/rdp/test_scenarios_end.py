"""What a client got, kept by a relay that is not the gateway, beside what the recording has (abuse 40, 66, 80, 81)."""

from pathlib import Path

import pytest

from tests.rdp.peers import eventually, shadow, xrdp_vnc
from tests.rdp.peers.targets import TERMINAL
from tests.rdp.stage import delivered, forms, pdus, sealed, stage, unrecorded

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

SCROLLED = 400_000  # octets of pictures


@pytest.mark.parametrize("made", [xrdp_vnc, shadow])
async def test_40_a_kill_while_nothing_moves_leaves_a_client_with_what_was_recorded_and_without_a_secret(
    tmp_path: Path, monkeypatch, made
) -> None:
    async with stage(tmp_path, monkeypatch, made) as s, s.relayed() as between:
        async with s.vera(port=between.port) as vera:
            await s.shows(vera)
            await vera.types("ramp\n", at=TERMINAL)
            await s.target.received("ramp\n")
            await s.kill()
            await eventually(lambda: s.door.open == 0, "the end of the connection to the target")
            await vera.ends()
        await sealed(s)
        recorded = pdus(await s.records())
        got, after = delivered(between.frames, recorded)
        assert len(recorded) > 10
        assert got == recorded
        assert unrecorded(after) == []
        told = bytes(between.log_on + between.downward)
        assert len(told) > 20_000
        assert not any(form in told for form in forms(s.target.password))
        assert not any(form in told for form in forms(s.ticket.secret))


async def test_81_a_kill_in_a_flood_cuts_both_sides_and_nothing_unrecorded_was_delivered(
    tmp_path: Path, monkeypatch
) -> None:
    async with stage(tmp_path, monkeypatch) as s, s.relayed() as between:
        async with s.vera(port=between.port) as vera:
            await s.shows(vera)
            before = len(between.downward)
            await s.scrolls()
            await eventually(lambda: len(between.downward) > before + SCROLLED, "a flood")
            await s.kill()
            await eventually(lambda: s.door.open == 0, "the end of the connection to the target")
            await vera.ends()
        await sealed(s)
        recorded = pdus(await s.records())
        got, after = delivered(between.frames, recorded)
        assert got == recorded
        assert unrecorded(after) == []
