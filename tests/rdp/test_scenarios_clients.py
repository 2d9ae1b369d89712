"""Whatever a client can do, and whatever size it takes: the recording decodes without one error to what it showed."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from gateway.policy.model import Channel
from gateway.rdp import fastpath, mcs, pointer, x224
from gateway.rdp.share import PduType, PduType2, ShareData, UpdateType, split_control
from gateway.rdp.tpkt import FrameKind, Framer
from gateway.rdp.updates import POINTERS
from gateway.recording.model import Kind, Record
from tests.rdp.decoded import IO_CHANNEL, painted
from tests.rdp.house import DESKTOP
from tests.rdp.peers import Client, looks_like, rdesktop, share_of
from tests.rdp.peers.screens import output
from tests.rdp.peers.targets import TERMINAL
from tests.rdp.stage import HERE, Stage, pdus, stage

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

QUIET = {PduType2.CONTROL, PduType2.SYNCHRONIZE, PduType2.FONT_MAP, PduType2.SET_KEYBOARD_INDICATORS}
EXACT = 0.0005  # of the pixels may differ: a window manager's shadow, a cursor
LARGE = 0.8  # of the larger window: with the terminal that covers a part, only the larger desktop has so much
CLIENTS = (("/bpp:24",), ("/gfx", "/rfx", "+compression", "+bitmap-cache", "+glyph-cache"))


def read(recorded: Iterable[bytes], *, channels: bool = False) -> int:
    """Every PDU is of a kind that a player knows, and every pointer is one; how many there are."""
    assembly, count = fastpath.Assembly(), 0
    for data in recorded:
        count += 1
        (frame,) = Framer().feed(data)
        if frame.kind is FrameKind.FAST:
            for update in fastpath.decode(frame.data):
                whole = assembly.feed(update)
                if whole is not None and update.code in POINTERS:
                    pointer.decode_fast(update.code, whole)
            continue
        told = mcs.decode(x224.data_of(frame))
        assert isinstance(told, mcs.SendDataIndication)
        if told.channel != IO_CHANNEL:
            assert channels
            continue
        for control in split_control(told.data):
            _known(control.kind, control.body)
    assert not assembly.open
    return count


def _known(kind: int, body: bytes) -> None:
    if kind != PduType.DATA:
        assert kind in {PduType.DEMAND_ACTIVE, PduType.DEACTIVATE_ALL}
        return
    data = ShareData.decode(body)
    if data.kind == PduType2.POINTER:
        pointer.decode_slow(data.body)
    elif data.kind == PduType2.UPDATE:
        assert int.from_bytes(data.body[:2], "little") in {UpdateType.BITMAP, UpdateType.SYNCHRONIZE}
    else:
        assert data.kind in QUIET


async def last_picture(s: Stage, client: Client, word: str) -> Image.Image:
    """What it shows once a word was typed and has come back, and nothing moves any more."""
    await s.shows(client)
    await client.types(f"{word}\n", at=TERMINAL)
    await s.target.received(f"{word}\n")
    before = await client.screenshot()
    while not looks_like(before, after := await client.screenshot(), 0, near=0):
        before = after
    return before


def of_streams(records: list[Record]) -> list[list[Record]]:
    numbers = sorted({r.stream for r in records if r.kind == Kind.PDU})
    return [[r for r in records if r.stream == number] for number in numbers]


async def test_each_client_of_a_session_is_recorded_as_it_was_shown_rdesktop_too(tmp_path: Path, monkeypatch) -> None:
    shown: list[Image.Image] = []
    async with stage(tmp_path, monkeypatch) as s, s.relayed() as between:
        for number, options in enumerate(CLIENTS):
            async with s.vera(*options) as vera:
                shown.append(await last_picture(s, vera, f"word {number}"))
        for depth in ("32", "16"):
            async with rdesktop(s.screen, HERE, between.port, "nobody", "nothing", "-a", depth, "-D") as old:
                shown.append(await last_picture(s, old, f"depth {depth}"))
        await s.kill()
        streams = of_streams(await s.records())
        assert len(streams) == len(shown)
        for records, picture in zip(streams, shown, strict=True):
            assert read(pdus(records)) > 10
            assert looks_like(painted(records), picture, EXACT)


async def test_a_size_that_is_changed_on_the_way_is_in_the_recording_and_so_is_the_picture_of_that_size(
    tmp_path: Path, monkeypatch
) -> None:
    async with stage(tmp_path, monkeypatch, channels=DESKTOP | {Channel.DISPLAY}) as s:
        async with s.vera("/dynamic-resolution") as vera:
            first = await last_picture(s, vera, "large")
            await output("xdotool", "windowsize", await vera.window(), "1200", "900", env=s.screen.env)
            await vera.sees(lambda seen: share_of(seen, s.target.colour, near=0) > LARGE, "the larger desktop")
            last = await last_picture(s, vera, "other")
            await s.kill()
        records = await s.records()
        sized = [r.payload for r in records if r.kind == Kind.DESKTOP]
        sizes = [(int.from_bytes(told[:2], "big"), int.from_bytes(told[2:4], "big")) for told in sized]
        assert (sizes[0], sizes[-1]) == (first.size, last.size) == ((1024, 768), (1200, 900))
        read(pdus(records), channels=True)
        assert looks_like(painted(records), last, EXACT)
