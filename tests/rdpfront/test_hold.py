"""The hold, as a real client shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.fronts.rdp.pictures import CARD, Tone
from tests.rdp.peers import display, share_of
from tests.rdpfront.conftest import Bench

pytestmark = pytest.mark.peer


async def test_a_held_person_reads_why_on_his_own_screen(bench: Bench, tmp_path: Path) -> None:
    async with display(tmp_path / "d") as screen, bench.client(screen) as client:
        image = await client.sees(lambda seen: share_of(seen, CARD) > 0.1, "the card")
        assert share_of(image, Tone.WAIT.value) > 0.4
        assert bench.sessions.dials == 0
