"""The bridge: its table, what passes in whose ids, and what does not."""

from __future__ import annotations

import pytest

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import capabilities, mcs, share, x224
from gateway.rdp.bridge import TRANSITIONS, Bridge, BridgeState, Turn
from gateway.rdp.capabilities import Abilities, Capability, Kind
from gateway.rdp.effects import ChannelRefused, ClientLeft, Clipboard, TargetLeft, ToClient, ToInput, ToTarget
from gateway.rdp.input import KeyEvent, KeyFlag, PointerEvent, QoeEvent, decode_events, encode_slow
from gateway.rdp.share import ControlAction, PduType, PduType2, ShareControl, ShareData
from tests.rdp.share.twins import Joined, Open, Target, frame, held, joined


def in_state(state: BridgeState) -> Joined:
    if state is BridgeState.NEW:
        joint = joined()
        joint.acceptor.take_back()
        joint.hold.settle()
        joint.bridge = Bridge(joint.acceptor, joint.target.demanded(), joint.rules)
        return joint
    if state is BridgeState.ACTIVE:
        return joined()
    hold = held()
    hold.client.hesitant = True
    joint = Joined(hold, Target())
    if state is BridgeState.FINISHING:
        joint.client.confirm()
        joint.carry(joint.bridge.from_client(frame(joint.client.out.pop(0))))
        joint.client.out.clear()
    elif state is BridgeState.DEACTIVATED:
        body = share.DeactivateAll(joint.target.share).encode()
        joint.target.say(ShareControl(PduType.DEACTIVATE_ALL, 1002, body).encode())
        joint.settle()
    return joint


@pytest.mark.parametrize("state", BridgeState)
@pytest.mark.parametrize("turn", Turn)
def test_every_pair_of_state_and_turn_does_what_the_table_says(state: BridgeState, turn: Turn):
    joint = in_state(state)
    bridge, target, client = joint.bridge, joint.target, joint.client
    assert bridge.state is state
    if turn is Turn.CONFIRM:
        client.share, client.user, client.io = bridge.share or target.share, 1050, 1003
        client.confirm()
        spoken, act = client.out[0], bridge.from_client
    else:
        target.out.clear()
        body = share.DeactivateAll(target.share).encode()
        if turn is Turn.DEMAND:
            target.say(target.demand())
        elif turn is Turn.FONT_MAP:
            target.tell(share.FontMap())
        else:
            target.say(ShareControl(PduType.DEACTIVATE_ALL, 1002, body).encode())
        spoken, act = target.out[0], bridge.from_target
    after = TRANSITIONS[state].get(turn)
    shared = state in (BridgeState.FINISHING, BridgeState.ACTIVE)
    if after is None and (shared or turn is Turn.DEACTIVATE):
        with pytest.raises(RemoteProtocolError):
            act(frame(spoken))
    else:
        act(frame(spoken))  # what belongs to a share that is not there is dropped
        assert bridge.state is (after or state)


def test_every_state_has_a_row():
    assert set(TRANSITIONS) == set(BridgeState)


def test_ids_are_those_of_the_other_side_on_both_legs():
    joint = joined()
    granted = [
        ShareData.decode(share.split_control(mcs.decode(x224.data_of(frame(one.pdu))).data)[0].body)
        for one in joint.took(ToClient)[2:]
    ]
    controls = [share.Control.decode(one.body) for one in granted if one.kind == PduType2.CONTROL]
    assert controls == [share.Control(ControlAction.COOPERATE), share.Control(ControlAction.GRANTED, 1050, 1002)]
    for one in joint.took(ToClient):
        pdu = mcs.decode(x224.data_of(frame(one.pdu)))
        assert isinstance(pdu, mcs.SendDataIndication)
        assert (pdu.initiator, pdu.channel) == (1002, 1003)
        assert all(control.source == 1002 for control in share.split_control(pdu.data))
    # the twin target asserts user 1007 and channel 1004 in everything it hears


def test_the_confirm_active_is_restricted_at_every_activation():
    """Recording: what was not negotiated cannot be sent in a form that nobody reads."""
    joint = joined()
    for _ in range(2):
        confirmed = joint.target.confirmed
        assert confirmed is not None
        kinds = {one.kind for one in confirmed.capabilities}
        assert not kinds & {4, 18, 19, 21, 22, 23, 24, 25, 27, 28, 29, 30}
        bodies = {one.kind: one.body for one in confirmed.capabilities}
        assert bodies[Kind.ORDER][32:64] == bytes(32)
        assert bodies[Kind.BITMAP][19] == 0
        joint.target.resize(400, 300, 0x000203EA)
        joint.settle()
        assert joint.target.confirmed is not confirmed


def test_the_demand_active_is_restricted_too():
    sets = (*capabilities.demanded(320, 240, 32), Capability(28, bytes(8)), Capability(30, bytes(4)))
    joint = joined(sets=sets)
    assert {one.kind for one in joint.client.sets} == {one.kind for one in capabilities.demanded(1, 1, 32)}


def test_input_keeps_its_path_and_says_what_it_holds():
    joint = joined()
    joint.client.type(KeyEvent(30), QoeEvent(1), PointerEvent(0x800, 5, 6))
    joint.client.say(ShareData(joint.client.share, PduType2.INPUT, encode_slow([KeyEvent(31)])).encode(1050))
    joint.settle()
    fast, slow = joint.took(ToInput)
    assert isinstance(fast, ToInput)
    assert isinstance(slow, ToInput)
    assert fast.events == (KeyEvent(30), PointerEvent(0x800, 5, 6))
    assert decode_events(fast.keys) == (KeyEvent(30),)
    assert decode_events(fast.pointer) == (PointerEvent(0x800, 5, 6),)
    assert (fast.pdu[0], slow.pdu[0]) == (8, 3)
    assert joint.target.events == [KeyEvent(30), PointerEvent(0x800, 5, 6), KeyEvent(31)]
    assert "30" not in repr(fast)


def test_a_target_without_fast_path_is_released_by_the_slow_path():
    sets = tuple(
        Capability(one.kind, b"\x01\x00" + one.body[2:]) if one.kind == Kind.INPUT else one
        for one in capabilities.demanded(320, 240, 32)
    )
    joint = joined(sets=sets)
    joint.client.say(ShareData(joint.client.share, PduType2.INPUT, encode_slow([KeyEvent(31)])).encode(1050))
    joint.settle()
    assert joint.bridge.paused()[0] == 3


def test_input_before_the_share_is_active_goes_nowhere():
    for state in (BridgeState.DEMANDED, BridgeState.FINISHING, BridgeState.DEACTIVATED):
        joint = in_state(state)
        joint.client.type(KeyEvent(30))
        joint.settle()
        assert joint.took(ToInput) == []


def test_a_client_cannot_stop_the_picture_and_type_unseen():
    """Security: Suppress Output would stop what the recorder and the watchers see as well."""
    joint = joined()
    joint.effects.clear()
    joint.client.tell(share.SuppressOutput(None))
    joint.settle()
    assert joint.effects == []
    joint.client.tell(share.SuppressOutput((0, 0, 319, 239)))
    joint.settle()
    assert joint.target.seen[-1] is PduType2.SUPPRESS_OUTPUT


def test_a_shutdown_request_passes_and_so_does_its_denial():
    joint = joined()
    joint.client.say(ShareData(joint.client.share, PduType2.SHUTDOWN_REQUEST, b"").encode(1050))
    joint.settle()
    assert joint.target.seen[-1] is PduType2.SHUTDOWN_REQUEST
    joint.target.say(ShareData(joint.target.share, PduType2.SHUTDOWN_DENIED, b"").encode(1002))
    joint.settle()
    assert joint.client.seen[-1] is PduType2.SHUTDOWN_DENIED


@pytest.mark.parametrize("kind", [PduType2.BITMAP_CACHE_PERSISTENT_LIST, 0x38, 0x30, 0xFF, PduType2.UPDATE])
def test_data_that_clients_need_not_send_is_dropped(kind: int):
    joint = joined()
    joint.effects.clear()
    joint.client.say(ShareData(joint.client.share, kind, bytes(24)).encode(1050))
    assert joint.settle().effects == []


@pytest.mark.parametrize("pdu", [share.RefreshRect(()), share.FontList()])
def test_a_client_that_names_another_share_is_refused(pdu: share.DataBody):
    joint = joined()
    joint.client.tell(pdu, on=0x00AA03EA)
    with pytest.raises(RemoteProtocolError, match="share id"):
        joint.settle()


def test_stale_pdus_are_dropped_until_the_client_confirms_the_targets_share():
    joint = in_state(BridgeState.DEMANDED)
    joint.effects.clear()
    joint.client.tell(share.RefreshRect(((0, 0, 9, 9),)), on=0x00AA03EA)
    joint.client.tell(share.RefreshRect(((0, 0, 9, 9),)))
    assert joint.settle().effects == []


@pytest.mark.parametrize(
    "spoken",
    [
        mcs.SendDataRequest(1050, 1008, bytes(8)),
        mcs.SendDataRequest(1050, 1050, bytes(8)),
        mcs.AttachUserRequest(),
        mcs.ChannelJoinRequest(1050, 1004),
        mcs.SendDataIndication(1050, 1003, bytes(8)),
    ],
)
def test_mcs_that_a_client_may_not_send_now_is_refused(spoken: mcs.DomainPdu):
    """Security 74: unlisted channels, and another user's."""
    joint = joined()
    with pytest.raises(RemoteProtocolError):
        joint.bridge.from_client(frame(x224.data(spoken.encode())))


def test_a_client_that_speaks_as_another_user_is_refused():
    """Security 74."""
    joint = joined()
    for channel in (1003, joint.client.ids["cliprdr"]):
        beep = share.data(joint.target.share, 1050, share.RefreshRect(()))
        with pytest.raises(RemoteProtocolError, match="data of user 1051"):
            joint.bridge.from_client(frame(x224.data(mcs.SendDataRequest(1051, channel, beep).encode())))


def test_a_channel_that_the_client_does_not_have_is_dropped():
    joint = Joined(held(channels=("cliprdr",)), Target())
    joint.effects.clear()
    joint.target.say(bytes(16), joint.target.channels["drdynvc"])
    assert joint.settle().effects == [ChannelRefused("drdynvc")]


def test_channels_are_mapped_by_name_and_pass_the_rules():
    joint = joined()
    joint.client.say(b"from client!", joint.client.ids["cliprdr"])
    joint.target.say(b"from target!", joint.target.channels["drdynvc"])
    joint.settle()
    assert joint.rules.asked == [("client", "cliprdr", b"from client!"), ("target", "drdynvc", b"from target!")]
    assert joint.target.heard == [("cliprdr", b"from client!")]
    assert joint.client.heard == [("drdynvc", b"from target!")]


def test_text_is_told_before_it_passes_and_replies_go_back():
    joint = joined(Open(reply=(b"no",), texts=(("in", "hello"),), refused=("AUDIO_INPUT",)))
    joint.effects.clear()
    joint.client.say(b"data", joint.client.ids["cliprdr"])
    joint.client.say(b"data", joint.client.ids["cliprdr"])
    joint.settle()
    kinds = [type(one) for one in joint.effects]
    assert kinds == [Clipboard, ChannelRefused, ToTarget, ToClient, Clipboard, ToTarget, ToClient]
    assert joint.client.heard == [("cliprdr", b"no")] * 2
    assert "hello" not in repr(joint.effects[0])


def test_a_blocked_channel_is_dropped_both_ways_and_said_once():
    """Security 74: channels that policy does not allow."""
    joint = joined()
    joint.effects.clear()
    for _ in range(3):
        joint.client.say(bytes(16), joint.client.ids["rdpdr"])
    joint.settle()
    assert joint.effects == [ChannelRefused("rdpdr")]
    assert joint.rules.asked == []


def test_a_second_channel_of_one_name_is_nobodys():
    """Security 74: channel names used twice."""
    joint = Joined(held(channels=("cliprdr", "CLIPRDR")), Target(channels={"cliprdr": 1205}))
    joint.effects.clear()
    joint.client.say(b"smuggled", 1005)
    assert joint.settle().effects == [ChannelRefused("cliprdr")]
    joint.target.say(b"to the first", 1205)
    joint.settle()
    assert joint.client.heard == [("cliprdr", b"to the first")]


def test_repainting_without_refresh_rect_stops_and_starts_the_output():
    sets = tuple(
        Capability(one.kind, one.body[:18] + b"\x00\x01") if one.kind == Kind.GENERAL else one
        for one in capabilities.demanded(320, 240, 32)
    )
    joint = joined(sets=sets)
    assert not Abilities.of(sets).refresh_rect
    joint.to_target(joint.bridge.repaint())
    assert joint.target.seen[-2:] == [PduType2.SUPPRESS_OUTPUT] * 2
    neither = tuple(Capability(one.kind, one.body[:18] + bytes(2)) if one.kind == 1 else one for one in sets)
    assert joined(sets=neither).bridge.repaint() == b""


def test_a_part_is_repainted_without_counting_anew():
    joint = joined()
    joint.target.paint((1, 2, 3))
    joint.settle()
    joint.to_target(joint.bridge.repaint((10, 10, 20, 20)))
    assert joint.bridge.coverage.complete


def test_both_sides_may_leave():
    joint = joined()
    bye = x224.data(mcs.DisconnectProviderUltimatum(3).encode())
    joint.target.tell(share.SetErrorInfo(0xC))
    joint.settle()
    assert joint.client.error == 0
    assert joint.bridge.from_client(frame(bye)) == [ClientLeft()]
    assert joint.bridge.from_target(frame(bye)) == [TargetLeft(0xC)]


def test_keys_held_by_many_are_released_in_several_pdus():
    joint = joined()
    for start in range(0, 256, 64):
        joint.client.type(*(KeyEvent(code) for code in range(start, start + 64)))
    joint.client.type(*(KeyEvent(code, KeyFlag.EXTENDED) for code in range(100)))
    joint.settle()
    joint.target.events.clear()
    joint.to_target(joint.bridge.paused())
    assert len(joint.target.events) == 356


def test_a_bridge_starts_once():
    with pytest.raises(LocalProtocolError):
        joined().bridge.start()
