"""The parts without I/O: names, penalties, places at the door, notices, cryptography, the menu, valves."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Invalid
from gateway.fronts.listener import Admission
from gateway.fronts.penalties import Penalties, source_of
from gateway.fronts.ssh import hold, kex, menu, names, notices
from gateway.fronts.ssh.names import Login
from gateway.fronts.ssh.relay import Side
from gateway.fronts.ssh.valve import Valve
from gateway.inventory.model import CryptoProfile
from gateway.sessions.model import Hold, Notice, NoticeKind, Waiting
from tests.sim.clock import START, SimulatedClock
from tests.ssh.twins import Line

S = timedelta(seconds=1)


# --- names


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("vera", Login("vera")),
        ("vera+ews-l4", Login("vera", "ews-l4")),
        ("vera+ews-l4+engineer", Login("vera", "ews-l4", "engineer")),
        ("vera+ews-l4+ACME\\eng", Login("vera", "ews-l4", "ACME\\eng")),
    ],
)
def test_a_login_name_says_person_target_and_account(text, login):
    assert names.parse(text) == login
    assert str(login) == text


@pytest.mark.parametrize(
    "text",
    ["", "+", "vera+", "+ews", "vera++root", "vera+ews+", "vera+ews+root+x", "Vera", "vera ews", "../x", "a" * 65,
     "vera+ews+a b", "vera+ews+\x1b", "vera+1.2.3.4", "vera\n", "vera+ews+é"],
)  # fmt: skip
def test_any_other_login_name_is_invalid(text):
    with pytest.raises(Invalid):
        names.parse(text)


@given(st.text(max_size=300))
def test_anything_at_all_is_a_login_or_invalid(text):
    with contextlib.suppress(Invalid):
        assert str(names.parse(text)) == text


# --- penalties and places


def test_a_penalty_doubles_with_each_failure_up_to_the_most():
    penalties, at = Penalties(5 * S, 60 * S), 100 * S
    waits = []
    for _ in range(6):
        waits.append(penalties.failed("192.0.2.1", at) // S)
        at += waits[-1] * S
    assert waits == [5, 10, 20, 40, 60, 60]
    assert penalties.waits("192.0.2.2", at) == timedelta(0)


def test_a_source_that_stayed_away_is_as_good_as_new():
    penalties = Penalties(5 * S, 60 * S)
    penalties.failed("192.0.2.1", 0 * S)
    penalties.failed("192.0.2.1", 5 * S)
    assert penalties.failed("192.0.2.1", 75 * S) == 5 * S


def test_who_proved_himself_has_no_penalty():
    penalties = Penalties()
    penalties.failed("192.0.2.1", 0 * S)
    penalties.proved("192.0.2.1")
    assert penalties.waits("192.0.2.1", 0 * S) == timedelta(0)


def test_the_addresses_of_one_line_are_one_source():
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:1")
    assert source_of("2001:db8::1") != source_of("2001:db8:0:1::1")
    assert source_of("::ffff:192.0.2.1") == source_of("192.0.2.1")
    assert source_of("fe80::1%eth0") == source_of("fe80::2")


def test_a_flood_of_sources_is_forgotten_oldest_first_and_bounded():
    penalties = Penalties(capacity=10)
    for n in range(100):
        penalties.failed(f"192.0.2.{n}", n * timedelta(milliseconds=1))
    assert len(penalties) == 10
    assert penalties.waits("192.0.2.99", S) > timedelta(0)
    assert penalties.waits("192.0.2.1", S) == timedelta(0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 700)), max_size=60))
def test_a_penalty_is_never_longer_than_the_most_nor_shorter_than_the_first(history):
    penalties, at = Penalties(5 * S, 600 * S), timedelta(0)
    for source, gap in history:
        at += gap * S
        assert timedelta(0) <= penalties.waits(str(source), at) <= 600 * S
        assert 5 * S <= penalties.failed(str(source), at) <= 600 * S


@given(st.lists(st.integers(0, 2), max_size=80), st.randoms(use_true_random=False))
def test_places_are_counted_right_in_any_order(sources, order):
    admission = Admission(Penalties(), pending=1000, per_source=1000, total=1000)
    places = [admission.take(str(s)) for s in sources]
    for place in places:
        if order.random() < 0.5:
            place.proven()
            place.proven()
    assert admission.total == len(places)
    assert admission.pending == sum(p.pending for p in places)
    order.shuffle(places)
    for place in places:
        place.leave()
        place.leave()
    assert (admission.total, admission.pending, dict(admission._of)) == (0, 0, {})


def test_the_door_is_closed_when_full_and_to_a_source_with_too_many_strangers():
    admission = Admission(Penalties(), pending=3, per_source=2, total=5)
    first = admission.take("192.0.2.1")
    admission.take("192.0.2.1")
    assert "your address" in admission.refusal("192.0.2.1", S)
    assert admission.refusal("192.0.2.2", S) == ""
    admission.take("192.0.2.2")
    assert "no place free" in admission.refusal("192.0.2.3", S)
    first.proven()
    assert admission.refusal("192.0.2.3", S) == ""


# --- notices


def notice(words: str, kind=NoticeKind.COUNTDOWN) -> Notice:
    return Notice(kind, START, words)


def test_a_notice_on_a_terminal_is_the_title_and_the_last_row_between_save_and_restore():
    drawn = notices.on_terminal(notice("5 minutes left"), 80, 24)
    assert drawn.startswith(b"\x1b]2;5 minutes left\x07\x1b7\x1b[24;1H")
    assert drawn.endswith(b"\x1b[K\x1b[0m\x1b8")


def test_a_notice_never_wraps_the_last_row():
    drawn = notices.on_terminal(notice("x" * 500), 40, 12)
    assert drawn.count(b"x") == notices.TITLE_CHARACTERS + 39


@given(st.text(max_size=200), st.integers(0, 300), st.integers(0, 100))
def test_words_cannot_smuggle_control_sequences(words, columns, rows):
    """Abuse case 61: a name or reason with escape codes stays text."""
    drawn = notices.on_terminal(notice(words), columns, rows)
    frame = notices.on_terminal(notice(""), columns, rows)
    assert drawn.count(b"\x1b") == frame.count(b"\x1b")
    assert drawn.count(b"\x07") == 1
    assert b"\x1b" not in notices.on_stderr(words)
    assert notices.on_stderr(words).count(b"\n") == 1


@pytest.mark.parametrize(
    ("tail", "whole"),
    [
        (b"", True), (b"plain", True), (b"\x1b", False), (b"\x1b[", False), (b"\x1b[31", False), (b"\x1b[31m", True),
        (b"\x1b[31mred", True), (b"\x1b]0;title", False), (b"\x1b]0;title\x07", True), (b"\x1b]0;title\x1b\\", True),
        (b"\x1bPq...", False), (b"\x1b(", False), (b"\x1b(B", True), (b"\x1b7", True), ("ü".encode()[:1], False),
        ("ü".encode(), True), ("€".encode()[:2], False), ("😀".encode()[:3], False), ("😀".encode(), True),
    ],
)  # fmt: skip
def test_a_notice_waits_for_the_end_of_a_control_sequence_or_character(tail, whole):
    assert notices.whole(tail) is whole


@given(st.binary(max_size=400))
def test_any_tail_can_be_judged(tail):
    assert notices.whole(tail) in {True, False}


# --- holds


def test_a_hold_is_told_whole_once_then_how_long_it_lasts_and_whole_again_when_it_changes():
    clock = SimulatedClock(START)
    patience = hold.Patience(clock)
    first = Hold(Waiting.APPROVAL, START, ("Omar",), "It waits for Omar.")
    then = Hold(Waiting.RELEASE, START, ("the control room",), "It waits for the\x1b release.")
    assert patience.text(first) == "It waits for Omar."
    clock.advance(minutes=2, seconds=5)
    assert patience.text(first) == "Still waiting (2 min 05 s). Ctrl-C leaves."
    assert patience.text(then) == "It waits for the\\u001b release."
    assert patience.text(then) == "Still waiting (2 min 05 s). Ctrl-C leaves."


# --- cryptography


@pytest.mark.parametrize(
    ("version", "gcm"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2", True), (b"SSH-2.0-OpenSSH_10.0", True), (b"SSH-2.0-OpenSSH_6.2", True),
        (b"SSH-2.0-OpenSSH_6.1", False), (b"SSH-2.0-OpenSSH_for_Windows_8.1", True),
        (b"SSH-2.0-PuTTY_Release_0.78", False),
        (b"SSH-2.0-dropbear_2022.83", False), (b"SSH-2.0-paramiko_4.0", False), (b"", False), (b"\xff\xfe", False),
    ],
)  # fmt: skip
def test_only_clients_known_to_have_gcm_are_offered_nothing_else(version, gcm):
    offered = kex.ciphers_for(version)
    assert all(b"gcm" in c for c in offered) is gcm


def test_towards_people_there_is_no_sha1_no_cbc_no_chacha_and_curve25519_comes_first():
    everything = " ".join((*kex.FRONT_KEX, *kex.FRONT_CIPHERS, *kex.FRONT_MACS))
    assert not any(bad in everything for bad in ("sha1", "cbc", "chacha", "md5", "nistp", "group14", "3des"))
    assert "ssh-rsa" not in kex.FRONT_SIGNATURES
    assert kex.FRONT_KEX[0] == "curve25519-sha256"
    assert "mlkem768x25519-sha256" in kex.FRONT_KEX


def test_old_cryptography_is_for_targets_under_the_compat_profile_alone():
    modern, compat = kex.SUITES[CryptoProfile.MODERN], kex.SUITES[CryptoProfile.COMPAT]
    assert not any("sha1" in k for k in (*modern.kex, *modern.macs))
    assert "ssh-rsa" not in modern.host_keys
    assert "diffie-hellman-group1-sha1" in compat.kex
    assert "aes128-cbc" in compat.ciphers
    assert compat.kex[: len(modern.kex)] == modern.kex, "the strong ones are still preferred"


@given(st.binary(max_size=200))
def test_any_kexinit_has_a_fingerprint_or_none(data):
    assert len(kex.hassh(data)) in {0, 32}


# --- the menu


LINES = [Line("ews-l4", "x", "ready", "until 16:00"), Line("hist", "y", "may ask", "ask \x1b[31m")]


def test_the_menu_lists_targets_by_number_and_shows_no_control_characters():
    text = menu.listing("Vera", LINES)
    assert "  1  ews-l4" in text
    assert "  2  hist" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (b"1\r", 0), (b"2\n", 1), (b"3\r2\r", 1), (b"9\x7f1\r", 0), (b"q\r", menu.Key.LEAVE), (b"\x03", menu.Key.LEAVE),
        (b"\x04", menu.Key.LEAVE), (b"0\r", None), (b"-1\r", None), (b"x" * 100 + b"\r", None), ("²\r".encode(), None),
        (b"1", None),
    ],
)  # fmt: skip
def test_a_choice_is_a_number_of_the_list(keys, chosen):
    assert menu.Chooser(2).keys(keys)[1] == chosen


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_any_keys_choose_a_line_or_leave_or_neither(pieces):
    chooser = menu.Chooser(3)
    for piece in pieces:
        echo, chosen = chooser.keys(piece)
        assert "\x1b" not in echo
        assert chosen in {None, 0, 1, 2, menu.Key.LEAVE}


# --- valves


class Channel:
    reading = True

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


@given(st.lists(st.tuples(st.sampled_from(list(Side)), st.booleans()), max_size=40))
def test_a_channel_is_read_if_and_only_if_nobody_has_a_reason_against_it(moves):
    channel, why = Channel(), set()
    valve = Valve(channel)
    for side, shut in moves:
        (why.add if shut else why.discard)(side)
        (valve.shut if shut else valve.open)(side)
        assert channel.reading is not bool(why)
