"""Input events: both paths, and what is held down."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.input import (
    ExtendedFlag,
    ExtendedPointerEvent,
    InputEvent,
    KeyEvent,
    KeyFlag,
    PointerEvent,
    PointerFlag,
    Pressed,
    QoeEvent,
    SyncEvent,
    UnicodeEvent,
    decode_events,
    decode_fast,
    decode_slow,
    encode_events,
    encode_fast,
    encode_slow,
    keys_of,
    pointer_of,
)

WORD = st.integers(0, 0xFFFF)
FAST_FLAGS = st.sampled_from([0, *KeyFlag]).filter(lambda flag: flag != KeyFlag.DOWN)
COMMON = st.one_of(
    st.builds(KeyEvent, st.integers(0, 255), FAST_FLAGS.map(int)),
    st.builds(UnicodeEvent, WORD, st.sampled_from([0, int(KeyFlag.RELEASE)])),
    st.builds(PointerEvent, WORD, WORD, WORD),
    st.builds(ExtendedPointerEvent, WORD, WORD, WORD),
    st.builds(SyncEvent, st.integers(0, 0x1F)),
)
FAST = st.one_of(COMMON, st.builds(QoeEvent, st.integers(0, 0xFFFFFFFF)))


@pytest.mark.parametrize(
    ("octets", "events"),
    [
        # [MS-RDPBCGR] 2.2.8.1.2.2.1: scancode 0x1e down, then up
        ("08 06 00 1e 01 1e", (KeyEvent(0x1E), KeyEvent(0x1E, KeyFlag.RELEASE))),
        ("04 04 02 1d", (KeyEvent(0x1D, KeyFlag.EXTENDED),)),  # right Ctrl
        ("04 09 20 00 08 64 00 32 00", (PointerEvent(PointerFlag.MOVE, 100, 50),)),
        ("04 03 64", (SyncEvent(4),)),  # caps lock
        ("04 05 80 e9 00", (UnicodeEvent(0xE9),)),
    ],
)
def test_a_sample_reads_and_is_written_the_same(octets: str, events: tuple[InputEvent, ...]):
    assert decode_fast(bytes.fromhex(octets)) == events
    assert encode_fast(events) == bytes.fromhex(octets)


def test_a_slow_path_sample_reads():
    # 2.2.8.1.1.3.1: one scancode event of flags 0xC000 (auto-repeat, release)
    body = bytes.fromhex("0100 0000  00000000 0400 00c0 1e00 0000")
    assert decode_slow(body) == (KeyEvent(0x1E, KeyFlag.DOWN | KeyFlag.RELEASE),)
    assert encode_slow(decode_slow(body)) == body


@given(st.lists(FAST, min_size=1, max_size=255))
def test_fast_path_events_come_back(events: list[InputEvent]):
    assert decode_fast(encode_fast(events)) == tuple(events)
    assert decode_events(encode_events(events)) == tuple(events)


@given(st.lists(COMMON, max_size=40))
def test_slow_path_events_come_back(events: list[InputEvent]):
    assert decode_slow(encode_slow(events)) == tuple(events)


@given(st.binary(max_size=80))
def test_any_octets_are_events_or_refused(data: bytes):
    for decode in (decode_fast, decode_slow, decode_events):
        with contextlib.suppress(RemoteProtocolError):
            assert isinstance(decode(data), tuple)


@pytest.mark.parametrize("octets", ["84 04 00 1e", "44 04 00 1e", "07 04 00 1e", "04 05 00 1e", "08 04 00 1e", "00 02"])
def test_encrypted_torn_and_miscounted_input_is_refused(octets: str):
    with pytest.raises(RemoteProtocolError):
        decode_fast(bytes.fromhex(octets))


def test_a_relative_mouse_was_never_offered():
    with pytest.raises(RemoteProtocolError, match="unknown event code 5"):
        decode_fast(bytes.fromhex("04 09 a0 0000 0100 0100"))


@pytest.mark.parametrize("count", [0, 256])
def test_a_pdu_has_one_to_255_events(count: int):
    with pytest.raises(LocalProtocolError):
        encode_fast([KeyEvent(1)] * count)


def test_typing_and_pointing_are_told_apart():
    events = (KeyEvent(1), PointerEvent(0, 2, 3), UnicodeEvent(4), SyncEvent(5), ExtendedPointerEvent(0, 6, 7))
    assert decode_events(keys_of(events)) == (events[0], events[2], events[3])
    assert decode_events(pointer_of(events)) == (events[1], events[4])


def test_a_key_is_not_in_the_repr():
    """Security 15: nothing typed in a log."""
    assert "30" not in repr(KeyEvent(30))
    assert "233" not in repr(UnicodeEvent(233))


@given(st.lists(FAST, max_size=60))
def test_whatever_was_pressed_nothing_is_held_after_the_release(events: list[InputEvent]):
    pressed = Pressed()
    pressed.note(events)
    released = pressed.release()
    assert pressed.release() == ()
    again = Pressed()
    again.note([*events, *released])
    assert again.release() == ()


def test_keys_are_released_with_their_extension_and_buttons_where_the_mouse_is():
    pressed = Pressed()
    pressed.note([KeyEvent(29), KeyEvent(29, KeyFlag.EXTENDED), KeyEvent(29, KeyFlag.RELEASE)])
    pressed.note([PointerEvent(PointerFlag.BUTTON2 | PointerFlag.DOWN, 1, 2), PointerEvent(PointerFlag.MOVE, 30, 40)])
    pressed.note([ExtendedPointerEvent(ExtendedFlag.BUTTON1 | ExtendedFlag.DOWN, 31, 41)])
    assert pressed.release() == (
        KeyEvent(29, KeyFlag.EXTENDED | KeyFlag.RELEASE),
        PointerEvent(PointerFlag.BUTTON2, 31, 41),
        ExtendedPointerEvent(ExtendedFlag.BUTTON1, 31, 41),
    )


def test_a_turn_of_the_wheel_presses_nothing():
    pressed = Pressed()
    pressed.note([PointerEvent(PointerFlag.WHEEL | PointerFlag.WHEEL_NEGATIVE | 0x88, 0, 0)])
    assert pressed.release() == ()


def test_what_is_remembered_is_bounded():
    pressed = Pressed()
    pressed.note(UnicodeEvent(unit) for unit in range(0x10000))
    assert len(pressed.release()) == 256


def test_the_lock_keys_are_the_last_told():
    pressed = Pressed()
    assert pressed.synchronise() is None
    pressed.note([SyncEvent(2)])
    pressed.lock(SyncEvent(6))
    assert pressed.synchronise() == SyncEvent(6)
