"""What is not granted does not exist for the target: drives, printers, sound, and one way of the clipboard (74, 75)."""

import json
import re
import sys
from pathlib import Path

import pytest

from gateway.policy.model import Channel
from gateway.recording.model import Kind
from tests.rdp.house import DESKTOP
from tests.rdp.peers import Sesman, eventually, pasted, sesman, xfreerdp
from tests.rdp.peers.sesman import XRDP
from tests.rdp.peers.targets import TERMINAL
from tests.rdp.stage import stage

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

WANTED = ("+clipboard", "/drive:home,/usr", "/printer", "/sound:sys:fake", "/dynamic-resolution")
TEXT = "AXIS 4: ramp 12 → 17 ms, Grüße"


def channels(target: Sesman) -> set[str]:
    """Of which the target was ever told by a client."""
    return set(re.findall(r"Adding channel: name (\w+)", target.log("xrdp-main")))


async def test_74_drives_printers_and_sound_never_reach_the_target_and_the_clipboard_goes_the_one_way_granted(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(sys.modules[sesman.__module__], "XRDP", XRDP.replace("LogLevel=INFO", "LogLevel=DEBUG"))
    async with stage(tmp_path, monkeypatch, sesman, channels=DESKTOP | {Channel.CLIPBOARD_IN}) as s:
        assert isinstance(s.target, Sesman)
        async with s.vera(*WANTED) as vera:
            await s.target.begun()
            await s.shows(vera)
            await s.screen.copies(TEXT)
            await pasted(s.target, TEXT)
            await s.target.copies("from the plant")
            await vera.types("shown\n", at=TERMINAL)
            await s.target.received("shown\n")
            assert await s.screen.pastes() != "from the plant"
            await s.kill()
        told = [json.loads(r.payload) for r in await s.records() if r.kind == Kind.CLIPBOARD]
        assert {(one["direction"], one["text"]) for one in told} == {("in", TEXT)}
        assert channels(s.target) == {"cliprdr"}

        # The same client without the gateway: it asks for all of them, and this target has them.
        there = s.target
        async with xfreerdp(s.screen, there.host, there.port, there.user, there.password, *WANTED):
            await eventually(lambda: channels(there) == {"cliprdr", "rdpdr", "rdpsnd", "drdynvc"}, "all channels")
