"""Whole conversations: a client on the hold screen, a target behind it, and back."""

from __future__ import annotations

import pytest

from gateway.errors import LocalProtocolError
from gateway.rdp import acceptor as client_leg
from gateway.rdp import bitmap, share
from gateway.rdp.acceptor import AcceptorState
from gateway.rdp.bridge import BridgeState
from gateway.rdp.effects import Activated, Arrived, ClientLeft, Resized, ToInput
from gateway.rdp.input import KeyEvent, KeyFlag, PointerEvent, PointerFlag, SyncEvent
from gateway.rdp.share import PduType2
from tests.rdp.share.twins import CHANNELS, INFO, Joined, Target, frame, held, joined


def test_a_client_comes_as_far_as_the_hold_screen_and_sees_what_is_drawn():
    hold = held()
    client, acceptor = hold.client, hold.acceptor
    assert acceptor.state is AcceptorState.ACTIVE
    assert isinstance(hold.events[0], Arrived)
    assert hold.events[0].info == INFO
    assert hold.events[1:] == [Activated()]
    assert (client.user, client.io) == (1050, 1003)
    assert client.ids == {name: 1004 + at for at, name in enumerate(CHANNELS)}
    assert client.share == 0x00AA03EA
    assert client.seen[:2] == ["licence", "demand"]
    acceptor.draw(bytes((10, 20, 30)) * (320 * 240), 320, 240)
    hold.settle()
    assert len(client.screen) == 5 * 5
    assert set(client.screen.values()) == {bytes((10, 20, 30)) * (64 * 48)}


def test_a_release_reactivates_the_client_on_the_targets_share():
    joint = joined()
    assert joint.bridge.active
    assert joint.client.active
    assert joint.client.share == joint.target.share == joint.bridge.share
    assert joint.client.seen[-6:] == [
        "deactivate", "demand", PduType2.SYNCHRONIZE, PduType2.CONTROL, PduType2.CONTROL, PduType2.FONT_MAP,
    ]  # fmt: skip
    assert [type(one).__name__ for one in joint.effects][:3] == ["ToClient", "Resized", "ToClient"]
    assert joint.took(Resized) == [Resized(320, 240)]
    assert joint.took(Activated) == [Activated()]
    assert joint.acceptor.state is AcceptorState.HANDED


def test_the_picture_of_the_target_reaches_the_client_and_is_counted():
    joint = joined()
    assert not joint.bridge.coverage.complete
    joint.target.paint((200, 100, 50))
    joint.settle()
    assert joint.bridge.coverage.complete
    assert set(joint.client.screen.values()) == {bytes((200, 100, 50)) * (64 * 48)}
    joint.to_target(joint.bridge.repaint())
    assert joint.target.seen[-1] is PduType2.REFRESH_RECT
    assert not joint.bridge.coverage.complete


def test_hold_release_resize_pause_take_back_release_again_and_end():
    joint = joined()
    client, target, bridge, acceptor = joint.client, joint.target, joint.bridge, joint.acceptor
    target.resize(400, 300, 0x000203EA)
    joint.settle()
    assert bridge.active
    assert client.size == (400, 300)
    assert (acceptor.width, acceptor.height) == (400, 300)
    assert joint.took(Resized) == [Resized(320, 240), Resized(400, 300)]
    client.type(
        KeyEvent(29), KeyEvent(56, KeyFlag.EXTENDED), PointerEvent(PointerFlag.BUTTON1 | PointerFlag.DOWN, 7, 9)
    )
    joint.settle()
    joint.to_target(bridge.paused())
    assert target.events[-3:] == [
        KeyEvent(29, KeyFlag.RELEASE),
        KeyEvent(56, KeyFlag.EXTENDED | KeyFlag.RELEASE),
        PointerEvent(PointerFlag.BUTTON1, 7, 9),
    ]
    assert bridge.paused() == b""
    bridge.ended()
    acceptor.take_back(bridge.share)
    joint.hold.settle()
    assert acceptor.state is AcceptorState.ACTIVE
    assert client.size == (320, 240)
    assert client.share == 0x00AB03EA
    again = Joined(joint.hold, Target(share=0x000503EA, user=1009))
    assert again.bridge.active
    again.bridge.ended()
    acceptor.take_back()
    joint.hold.settle()
    acceptor.draw(bytes(3 * 64 * 48), 64, 48)
    acceptor.finish(0x2)
    joint.hold.settle()
    assert client.error == 2
    assert client.left
    assert acceptor.state is AcceptorState.ENDED


def test_an_end_on_the_targets_share_says_why_too():
    joint = joined()
    joint.acceptor.finish(0x1)
    joint.hold.settle()
    assert (joint.client.error, joint.client.left) == (1, True)


def test_lock_keys_told_during_the_hold_reach_the_target_after_the_release():
    hold = held()
    hold.client.type(SyncEvent(4))
    hold.settle()
    joint = Joined(hold, Target())
    assert joint.target.events == [SyncEvent(4)]
    joint.target.events.clear()
    joint.to_target(joint.bridge.resumed())
    assert joint.target.events == [SyncEvent(4)]


def test_keys_held_over_a_resize_are_released_when_the_share_is_active_again():
    joint = joined()
    joint.client.type(KeyEvent(42))
    joint.settle()
    joint.client.hesitant = True
    joint.target.resize(400, 300, 0x000203EA)
    joint.settle()
    joint.client.type(KeyEvent(42, KeyFlag.RELEASE))
    joint.settle()
    assert joint.target.events == [KeyEvent(42)]
    joint.client.confirm()
    joint.settle()
    assert joint.target.events == [KeyEvent(42), KeyEvent(42, KeyFlag.RELEASE)]


def test_input_that_was_not_delivered_is_not_held():
    joint = joined()
    joint.deliver = False
    joint.client.type(KeyEvent(30))
    joint.settle()
    assert len(joint.took(ToInput)) == 1
    assert joint.bridge.paused() == b""


def test_an_overlay_is_drawn_on_the_targets_share():
    joint = joined()
    for pdu in joint.bridge.overlay(bytes((255, 0, 0)) * (64 * 48), 64, 48, 100, 20):
        joint.client.hear(frame(pdu))
    assert joint.client.screen[100, 20] == bytes((255, 0, 0)) * (64 * 48)


def test_a_client_that_closes_its_window_on_the_hold_screen_has_left():
    hold = held()
    hold.client.say(share.ShareData(hold.client.share, PduType2.SHUTDOWN_REQUEST, b"").encode(hold.client.user))
    assert hold.settle().events[-1] == ClientLeft()


def test_nothing_is_drawn_on_a_share_that_is_not_active():
    hold = held(hesitant=True)
    with pytest.raises(LocalProtocolError):
        hold.acceptor.draw(bytes(3), 1, 1)
    joint = joined()
    joint.client.hesitant = True
    joint.target.resize(400, 300, 0x000203EA)
    joint.settle()
    assert joint.bridge.state is BridgeState.DEMANDED
    assert not joint.bridge.can_draw
    with pytest.raises(LocalProtocolError):
        joint.bridge.show(bitmap.picture(bytes(3), 1, 1))


def test_every_update_of_ours_fits_into_one_mcs_pdu():
    noise = bytes((at * 7919 ^ at >> 3) & 0xFF for at in range(3 * 300 * 200))
    for bpp in (32, 24, 16, 15):
        for update in bitmap.picture(noise, 300, 200, bpp=bpp):
            assert len(update) <= bitmap.UPDATE_MOST
            (pdu,) = client_leg.drawing(1, (update,))
            assert len(pdu) < 0x4000
