"""The relay between twins, step by step: what reaches a client or a target was taken by the stream first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.clock import SystemClock
from gateway.errors import RecorderFailed
from gateway.fronts.rdp import relay
from gateway.fronts.rdp.relay import Relay
from gateway.fronts.rdp.repaints import LEAST
from gateway.rdp import bitmap, fastpath
from gateway.rdp import input as rdp_input
from gateway.rdp.fastpath import Fragmentation, Update, UpdateCode
from gateway.rdp.share import PduType2, ShareData
from gateway.sessions.model import Notice, NoticeKind, RecorderStalled, SessionEnded
from tests.rdp.peers import eventually
from tests.rdp.share.twins import Open, frame
from tests.rdpfront.rig import LIMIT, Rig, relaying

A_DOWN = rdp_input.KeyEvent(0x1E)
CLICK = rdp_input.PointerEvent(rdp_input.PointerFlag.BUTTON1 | rdp_input.PointerFlag.DOWN, 7, 8)
RED = (200, 10, 10)
TICKING = Relay._tick


@pytest.fixture(autouse=True)
def nothing_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No repaint and no bar comes between the steps of a test."""

    async def never(_: Relay) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Relay, "_tick", never)


async def test_pdus_that_came_together_go_to_the_client_together_right_after_their_records() -> None:
    async with relaying() as rig:
        rig.journal.clear()
        for _ in range(3):
            rig.target.paint(RED)
        count = len(rig.target.out)
        await rig.settle()
        assert rig.client.screen
        assert count >= 3
        assert [kind for kind, _ in rig.journal] == ["recorded"] * count + ["client"] * count
        assert rig.of("recorded") == rig.of("client")


async def test_what_comes_between_two_pictures_stays_between_them() -> None:
    async with relaying(Open(texts=(("out", "valve 3"),))) as rig:
        rig.journal.clear()
        rig.target.paint(RED)
        count = len(rig.target.out)
        rig.target.say(b"valve 3", rig.target.channels["cliprdr"])
        rig.target.paint(RED)
        await rig.settle()
        first = ["recorded"] * count + ["client"] * count
        after = ["recorded"] * (count + 1) + ["client"] * (count + 1)
        assert [kind for kind, _ in rig.journal] == [*first, "text", *after]


async def test_pictures_of_one_read_are_recorded_before_all_of_it_is_translated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "TOGETHER", 1)
    async with relaying() as rig:
        rig.journal.clear()
        for _ in range(3):
            rig.target.paint(RED)
        count = len(rig.target.out)
        await rig.settle()
        assert [kind for kind, _ in rig.journal] == ["recorded", "client"] * count


async def test_what_came_before_a_fault_of_the_target_is_recorded_and_seen() -> None:
    async with relaying() as rig:
        rig.target.paint(RED)
        rig.speak()
        rig.leg.offer(frame(b"\x03\x00\x00\x07\x02\xf0\x80"))
        await asyncio.wait_for(rig.over.wait(), LIMIT)
        assert rig.relay.fault
        assert rig.client.screen
        assert rig.of("recorded") == rig.of("client")


async def test_a_cut_while_the_recorder_stalls_sends_nothing_of_what_waits_40() -> None:
    async with relaying() as rig:
        before = len(rig.of("client"))
        rig.tap.fault = RecorderStalled("disk full")
        for _ in range(3):
            rig.target.paint(RED)
        rig.speak()
        await asyncio.wait_for(rig.tap.tried.wait(), LIMIT)
        rig.tap.fault = None
        rig.relay.cut()
        await asyncio.wait_for(rig.over.wait(), LIMIT)
        assert len(rig.of("client")) == before


async def test_a_picture_that_the_recorder_cannot_take_now_waits_and_is_not_lost_80() -> None:
    async with relaying() as rig:
        before = len(rig.of("client"))
        rig.tap.fault = RecorderStalled("disk full")
        rig.target.paint(RED)
        rig.speak()
        await asyncio.wait_for(rig.tap.tried.wait(), LIMIT)
        assert len(rig.of("client")) == before
        assert not rig.client.screen
        rig.tap.fault = None
        rig.relay.pause(False)
        await rig.settle()
        assert rig.client.screen
        assert rig.of("recorded") == rig.of("client")


@pytest.mark.parametrize("fault", [RecorderFailed("gone"), SessionEnded("over")])
async def test_a_picture_that_the_recorder_will_never_take_reaches_nobody_80(fault: Exception) -> None:
    async with relaying() as rig:
        before = len(rig.of("client"))
        rig.tap.fault = fault
        rig.target.paint(RED)
        await rig.settle()
        assert rig.tap.tried.is_set()
        assert len(rig.of("client")) == before


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_clipboard_text_is_recorded_before_it_passes_75(direction: str) -> None:
    async with relaying(Open(texts=((direction, "valve 3"),))) as rig:
        rig.journal.clear()
        _copies(rig, direction)
        await rig.settle()
        passed = [kind for kind, _ in rig.journal if kind != "recorded"]
        assert passed == ["text", "target" if direction == "in" else "client"]


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_clipboard_text_that_was_not_recorded_passes_nowhere_80(direction: str) -> None:
    async with relaying(Open(texts=((direction, "valve 3"),))) as rig:
        rig.tap.takes = False
        _copies(rig, direction)
        await rig.settle()
        assert (rig.client.heard, rig.target.heard) == ([], [])


def _copies(rig: Rig, direction: str) -> None:
    if direction == "in":
        rig.client.say(b"valve 3", rig.client.ids["cliprdr"])
    else:
        rig.target.say(b"valve 3", rig.target.channels["cliprdr"])


@pytest.mark.parametrize("events", [(A_DOWN,), (CLICK,), (A_DOWN, CLICK)])
async def test_input_that_the_stream_refuses_moves_nothing_and_is_not_held_33(
    events: tuple[rdp_input.InputEvent, ...],
) -> None:
    async with relaying() as rig:
        before = len(rig.target.events)
        rig.tap.takes = False
        rig.client.type(*events)
        await rig.settle()
        rig.relay.pause(True)
        assert len(rig.target.events) == before


async def test_keys_and_buttons_are_recorded_before_they_arrive_and_released_at_a_pause() -> None:
    async with relaying() as rig:
        before = len(rig.target.events)
        rig.journal.clear()
        rig.client.type(A_DOWN, CLICK)
        await rig.settle()
        assert [kind for kind, _ in rig.journal if kind in {"keys", "mouse", "target"}][:3] == [
            "keys",
            "mouse",
            "target",
        ]
        rig.relay.pause(True)
        assert rig.target.events[before:] == [
            A_DOWN,
            CLICK,
            rdp_input.KeyEvent(0x1E, rdp_input.KeyFlag.RELEASE),
            rdp_input.PointerEvent(rdp_input.PointerFlag.BUTTON1, 7, 8),
        ]


async def test_who_may_only_watch_moves_neither_keys_nor_mouse_46() -> None:
    async with relaying(may_type=False) as rig:
        before = len(rig.target.events)
        rig.client.type(A_DOWN, CLICK)
        await rig.settle()
        assert len(rig.target.events) == before
        assert (rig.of("keys"), rig.of("mouse")) == ([], [])


async def test_after_the_end_nothing_passes_either_way_40() -> None:
    async with relaying() as rig:
        rig.relay.cut()
        rig.journal.clear()
        rig.client.type(A_DOWN, CLICK)
        rig.client.say(b"valve 3", rig.client.ids["cliprdr"])
        rig.target.paint(RED)
        rig.target.say(b"valve 3", rig.target.channels["cliprdr"])
        for pdu in rig.client.out:
            assert await rig.relay.from_client(frame(pdu))
        rig.speak()
    assert rig.journal == []


async def test_what_the_gateway_draws_over_a_desktop_is_recorded_before_it_is_seen() -> None:
    async with relaying() as rig:
        rig.journal.clear()
        rig.relay.notice(Notice(NoticeKind.PAUSED, SystemClock().now(), "Lena paused your input: valve 3."))
        await rig.relay._show_bar(timedelta(0))
        assert rig.client.screen
        assert [kind for kind, _ in rig.journal] == ["recorded", "client"] * (len(rig.journal) // 2)
        assert rig.of("recorded") == rig.of("client")


async def test_nothing_is_drawn_while_the_target_has_a_fragment_open() -> None:
    async with relaying() as rig:
        first = fastpath.encode([Update(UpdateCode.PALETTE, Fragmentation.FIRST, bytes(10))])
        rig.target.out.append(first)
        await rig.settle()
        rig.journal.clear()
        rig.relay.notice(Notice(NoticeKind.PAUSED, SystemClock().now(), "Lena paused your input: valve 3."))
        await rig.relay._show_bar(timedelta(0))
        assert rig.journal == []


@pytest.mark.parametrize("ago", [LEAST, LEAST / 2], ids=["at once", "as soon as may be"])
async def test_a_viewer_waits_for_no_tick(monkeypatch: pytest.MonkeyPatch, ago: timedelta) -> None:
    monkeypatch.setattr(relay, "TICK", 10_000.0)
    monkeypatch.setattr(relay, "REST", 10_000.0)
    async with relaying() as rig, asyncio.TaskGroup() as tasks:
        rig.relay._repaints.begun(SystemClock().instant().boot - ago)
        rig.relay._repaints.whole()
        ticking = tasks.create_task(TICKING(rig.relay))
        await asyncio.sleep(0)
        assert rig.of("repaint") == []
        rig.relay.viewer()
        await eventually(lambda: bool(rig.of("repaint")), "the question for a picture")
        ticking.cancel()


async def test_a_viewer_who_came_during_a_picture_gets_the_next_one() -> None:
    async with relaying() as rig:
        await rig.relay._repaint(timedelta(0))
        rig.relay.viewer()
        rig.relay._stir.clear()
        rig.target.paint(RED)
        await rig.settle()
        assert rig.of("picture")
        assert rig.relay._stir.is_set()


async def test_the_recording_can_be_entered_before_the_target_is_asked_for_everything() -> None:
    async with relaying() as rig:
        rig.journal.clear()
        await rig.relay._repaint(timedelta(0))
        assert [kind for kind, _ in rig.journal] == ["repaint", "target"]


async def test_a_target_is_not_asked_for_a_picture_that_could_not_be_entered() -> None:
    async with relaying() as rig:
        rig.journal.clear()
        rig.tap.fault = RecorderFailed("gone")
        await rig.relay._repaint(timedelta(0))
        assert rig.journal == []


async def test_a_picture_is_whole_when_its_last_part_was_recorded_and_not_before() -> None:
    async with relaying() as rig:
        await rig.relay._repaint(timedelta(0))
        width, height = rig.target.size
        for top in (0, height // 2):
            assert rig.of("picture") == []
            for part in bitmap.picture(bytes(RED) * (width * height // 2), width, height // 2, 0, top):
                rig.target.say(ShareData(rig.target.share, PduType2.UPDATE, part).encode(rig.target.source))
            await rig.settle()
        assert len(rig.client.screen) > 2
        assert [kind for kind, _ in rig.journal[-3:]] == ["recorded", "client", "picture"]
