"""A target that attacks the gateway, the client, the recording or whoever watches (security.md H; 74, rdp.md 7)."""

from __future__ import annotations

import struct

import pytest

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import bitmap, capabilities, fastpath, mcs, share, x224
from gateway.rdp.bridge import Bridge
from gateway.rdp.capabilities import Capability, Kind
from gateway.rdp.effects import ToClient
from gateway.rdp.fastpath import Fragmentation, Update, UpdateCode
from gateway.rdp.share import PduType, PduType2, ShareControl, ShareData
from tests.rdp.share.twins import Joined, joined

COOKIE = b"\x1c\0\0\0\x01\0\0\0\x07\0\0\0" + b"reconnect-secret"  # ARC_SC_PRIVATE_PACKET ([MS-RDPBCGR] 2.2.4.2)


def refused(joint: Joined, words: str | None = None) -> None:
    joint.effects.clear()
    with pytest.raises(RemoteProtocolError, match=words):
        joint.settle()
    assert joint.effects == []


def say(joint: Joined, kind: int, body: bytes, number: int | None = None) -> None:
    joint.target.say(ShareData(joint.target.share if number is None else number, kind, body).encode(1002))


def fast(joint: Joined, *updates: Update) -> None:
    joint.target.out.append(fastpath.encode(updates))


def test_bulk_compressed_data_is_refused_on_the_slow_path():
    """Recording: what nobody can read does not pass."""
    joint = joined()
    pdu = bytearray(ShareData(joint.target.share, PduType2.UPDATE, bytes(20)).encode(1002))
    pdu[15] = 0x21  # PACKET_COMPRESSED, 64 kB history
    joint.target.say(bytes(pdu))
    refused(joint, "compressed")


def test_bulk_compressed_data_is_refused_on_the_fast_path():
    joint = joined()
    joint.target.out.append(bytes((0, 0x80, 9, 0x81, 0x21, 2, 0, 0, 0)))
    refused(joint, "compressed")


@pytest.mark.parametrize("code", [UpdateCode.ORDERS, UpdateCode.SURFACE_COMMANDS, UpdateCode.POINTER_LARGE, 7, 13, 15])
def test_updates_that_a_recording_does_not_hold_are_refused(code: int):
    joint = joined()
    fast(joint, Update(code, Fragmentation.SINGLE, bytes(16)))
    refused(joint, f"code {int(code)}")


@pytest.mark.parametrize("kind", [0, 4, 0xFFFF])
def test_orders_and_unknown_updates_are_refused_on_the_slow_path(kind: int):
    joint = joined()
    say(joint, PduType2.UPDATE, struct.pack("<HH", kind, 0))
    refused(joint, "never negotiated")


def test_the_auto_reconnect_cookie_does_not_reach_the_client():
    """rdp.md 7: Save Session Info carries user, domain and a cookie that opens the session without the gateway."""
    joint = joined()
    joint.effects.clear()
    say(joint, PduType2.SAVE_SESSION_INFO, struct.pack("<IHI", 3, 40, 1) + COOKIE + bytes(570))
    say(joint, PduType2.AUTO_RECONNECT_STATUS, bytes(4))
    assert joint.settle().effects == []


def test_a_redirection_does_not_reach_the_client():
    """rdp.md 7: it names another server, with a credential for it."""
    joint = joined()
    joint.effects.clear()
    joint.target.say(ShareControl(PduType.SERVER_REDIRECTION, 1002, bytes(2) + b"password of the target").encode())
    assert joint.settle().effects == []


@pytest.mark.parametrize("kind", [PduType2.STATUS_INFO, PduType2.MONITOR_LAYOUT, 0x38, 0x30, 0xFF])
def test_share_data_that_was_not_asked_for_goes_nowhere(kind: int):
    joint = joined()
    joint.effects.clear()
    say(joint, kind, bytes(12))
    assert joint.settle().effects == []


@pytest.mark.parametrize("kind", [PduType2.UPDATE, PduType2.FONT_MAP, PduType2.POINTER, PduType2.PLAY_SOUND])
def test_data_for_another_share_is_refused(kind: PduType2):
    joint = joined()
    say(joint, kind, bytes(8), 0x00AA03EA)
    refused(joint, "share id")


@pytest.mark.parametrize(
    "pdu",
    [
        mcs.SendDataIndication(1002, 1007, bytes(8)),  # the user channel carries nothing here
        mcs.SendDataIndication(1002, 1004, bytes(8)),  # an id of the other leg
        mcs.SendDataIndication(1002, 1003, bytes(8)),
        mcs.SendDataRequest(1007, 1204, bytes(8)),
        mcs.AttachUserConfirm(0, 1008),
        mcs.ConnectInitial(bytes(20)),
    ],
)
def test_unlisted_channels_and_pdus_out_of_place_are_refused(pdu: mcs.DomainPdu):
    """Security 74."""
    joint = joined()
    joint.target.out.append(x224.data(pdu.encode()))
    refused(joint)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("<HH", 1, 1),  # no rectangle follows
        struct.pack("<HH", 1, 0xFFFF) + bytes(40),
        struct.pack("<HH9H", 1, 1, 0, 0, 63, 63, 64, 64, 32, 0, 200),  # 200 octets that are not there
        struct.pack("<HH9H", 1, 1, 0, 0, 63, 63, 32, 64, 32, 0, 0),  # a bitmap smaller than what is to be seen
        struct.pack("<HH9H", 1, 1, 9, 0, 8, 63, 64, 64, 32, 0, 0),  # right of which is left of left
        struct.pack("<HH9H", 1, 1, 0, 0, 63, 63, 64, 64, 7, 0, 0),  # seven bits a pixel
        struct.pack("<HH9H", 1, 1, 0, 0, 63, 63, 64, 64, 32, 0, 0) + b"!",
    ],
)
def test_bitmaps_that_cannot_be_are_refused_on_both_paths(body: bytes):
    joint = joined()
    if body:
        fast(joint, Update(UpdateCode.BITMAP, Fragmentation.SINGLE, body))
        refused(joint)
    joint = joined()
    say(joint, PduType2.UPDATE, body)
    refused(joint)


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<HH7H", 6, 0, 0, 0, 0, 32, 32, 128, 3072),  # masks that are not there
        struct.pack("<HHH7H", 8, 0, 32, 0, 0, 0, 385, 385, 0, 0),
        struct.pack("<HHH7H", 8, 0, 5, 0, 0, 0, 32, 32, 0, 0),
        struct.pack("<HH7H", 6, 0, 0, 0, 0, 32, 32, 0, 10) + bytes(10),
        struct.pack("<HH", 9, 0),  # a large pointer
        b"",
    ],
)
def test_pointers_that_cannot_be_are_refused(body: bytes):
    joint = joined()
    say(joint, PduType2.POINTER, body)
    refused(joint, "pointer")


@pytest.mark.parametrize(
    "kinds",
    [(Fragmentation.NEXT,), (Fragmentation.LAST,), (Fragmentation.FIRST, Fragmentation.SINGLE),
     (Fragmentation.FIRST, Fragmentation.FIRST)],
)  # fmt: skip
def test_fragments_out_of_order_are_refused(kinds: tuple[Fragmentation, ...]):
    joint = joined()
    for kind in kinds[:-1]:
        fast(joint, Update(UpdateCode.BITMAP, kind, bytes(8)))
    joint.settle()
    fast(joint, Update(UpdateCode.BITMAP, kinds[-1], bytes(8)))
    refused(joint, "fragment")


def test_a_fragment_of_another_update_is_refused():
    joint = joined()
    fast(joint, Update(UpdateCode.BITMAP, Fragmentation.FIRST, bytes(8)))
    joint.settle()
    fast(joint, Update(UpdateCode.POINTER_NEW, Fragmentation.LAST, bytes(8)))
    refused(joint, "while code 1 is open")


def test_an_update_without_end_is_refused():
    """Memory: a target may not make the gateway remember what it likes."""
    assembly = fastpath.Assembly(most=100)
    assembly.feed(Update(1, Fragmentation.FIRST, bytes(60)))
    with pytest.raises(RemoteProtocolError, match="more than 100"):
        assembly.feed(Update(1, Fragmentation.NEXT, bytes(60)))


def test_a_share_that_ends_inside_an_update_is_refused():
    joint = joined()
    fast(joint, Update(UpdateCode.BITMAP, Fragmentation.FIRST, bytes(8)))
    joint.settle()
    joint.target.resize(400, 300, 0x000203EA)
    refused(joint, "inside a fragmented update")


def test_after_a_kill_inside_an_update_the_end_is_drawn_and_no_target_follows():
    """rdp-hold.md 4.1: a client aborts when another fast-path update follows an open fragment."""
    joint = joined()
    whole = bitmap.picture(bytes(3 * 64 * 48), 64, 48)[0]
    fast(joint, Update(UpdateCode.BITMAP, Fragmentation.FIRST, whole[:10]))
    joint.settle()
    assert joint.bridge.mid_fragment
    assert not joint.bridge.can_draw
    with pytest.raises(LocalProtocolError):
        joint.bridge.overlay(bytes(3), 1, 1, 0, 0)
    joint.bridge.ended()
    joint.acceptor.take_back()
    joint.hold.settle()
    before = len(joint.client.seen)
    joint.acceptor.draw(bytes((9, 9, 9)) * (320 * 240), 320, 240)
    joint.hold.settle()
    assert set(joint.client.seen[before:]) == {PduType2.UPDATE}  # slow-path alone
    assert not joint.acceptor.releasable
    with pytest.raises(LocalProtocolError):
        Bridge(joint.acceptor, joint.target.demanded(), joint.rules)


def test_a_whole_update_leaves_the_way_free():
    joint = joined()
    whole = bitmap.picture(bytes(3 * 64 * 48), 64, 48)[0]
    fast(joint, Update(UpdateCode.BITMAP, Fragmentation.FIRST, whole[:10]))
    fast(joint, Update(UpdateCode.BITMAP, Fragmentation.LAST, whole[10:]))
    joint.settle()
    joint.bridge.ended()
    assert joint.acceptor.releasable
    assert joint.client.screen[0, 0] == bytes(3 * 64 * 48)


def test_what_is_drawn_between_two_shares_goes_nowhere():
    joint = joined()
    joint.client.hesitant = True
    joint.target.resize(400, 300, 0x000203EA)
    joint.settle()
    joint.effects.clear()
    joint.target.paint((1, 1, 1))
    fast(joint, Update(UpdateCode.POINTER_NULL, Fragmentation.SINGLE, b""))
    assert joint.settle().took(ToClient) == []


def demanding(**bodies: bytes) -> Joined:
    joint = joined()
    joint.target.sets = tuple(
        Capability(one.kind, bodies.get(Kind(one.kind).name, one.body)) for one in capabilities.demanded(320, 240, 32)
    )
    joint.target.out.append(x224.data(mcs.SendDataIndication(1002, joint.target.io, joint.target.demand()).encode()))
    return joint


@pytest.mark.parametrize(
    "bitmap_set",
    [
        b"",
        struct.pack("<9HBBHH", 32, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0),
        struct.pack("<9HBBHH", 32, 1, 1, 1, 8193, 600, 0, 1, 1, 0, 0, 1, 0),
        struct.pack("<9HBBHH", 8, 1, 1, 1, 640, 480, 0, 1, 1, 0, 0, 1, 0),
        struct.pack("<9HBBHH", 48, 1, 1, 1, 640, 480, 0, 1, 1, 0, 0, 1, 0),
    ],
)
def test_a_desktop_that_cannot_be_is_refused(bitmap_set: bytes):
    refused(demanding(BITMAP=bitmap_set))


@pytest.mark.parametrize("kind", ["GENERAL", "ORDER", "INPUT"])
def test_capability_sets_that_are_too_short_to_restrict_are_refused(kind: str):
    refused(demanding(**{kind: bytes(10)}), "capabilities")


def test_too_many_capability_sets_are_refused():
    joint = joined()
    joint.target.sets = (Capability(99, b""),) * 65
    joint.target.resize(400, 300, 0x000203EA)
    with pytest.raises(RemoteProtocolError, match="65 sets"):
        joint.settle()


@pytest.mark.parametrize("octets", ["0500 1700 ea03", "ff7f 1700 ea03", "0600 2700 ea03", "0080"])
def test_share_control_that_cannot_be_is_refused(octets: str):
    joint = joined()
    joint.target.say(bytes.fromhex(octets))
    refused(joint)


def test_a_flow_pdu_is_passed_over_and_several_pdus_may_share_one_packet():
    joint = joined()
    beep = ShareData(joint.target.share, PduType2.PLAY_SOUND, bytes(8)).encode(1002)
    joint.target.say(b"\0\x80" + bytes(6) + beep + beep)
    joint.settle()
    assert joint.client.seen[-2:] == [PduType2.PLAY_SOUND] * 2
    assert share.split_control(b"\0\x80" + bytes(6)) == []
