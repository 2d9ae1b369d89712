"""What people read: every hold and every end has words, short ones, and none tells an address."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.sessions import texts
from gateway.sessions.model import EndReason, MenuState, PauseCause, Waiting

AT = datetime(2026, 11, 24, 2, 5, tzinfo=UTC)


@pytest.mark.parametrize("waiting", Waiting)
def test_a_hold_says_what_it_waits_for_since_when_and_how_to_leave(waiting: Waiting) -> None:
    words = texts.hold(waiting, ("the control room",), AT, AT)
    assert "02:05 UTC" in words
    assert "Ctrl-C" in words
    assert len(words) < 400
    assert words.isprintable()


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_has_words(reason: EndReason) -> None:
    words = texts.ended(reason, "Lena", "alarm on line 4")
    assert words.endswith(".")
    assert "{" not in words
    assert len(words) < 300


def test_what_an_operator_wrote_is_not_taken_for_a_template() -> None:
    assert "{actor}" in texts.ended(EndReason.KILLED, "Lena", "{actor} {0}")


@pytest.mark.parametrize("cause", PauseCause)
def test_a_pause_says_that_keys_are_thrown_away(cause: PauseCause) -> None:
    assert "thrown away" in texts.paused(cause, "Lena", "")


@pytest.mark.parametrize("state", MenuState)
def test_every_line_of_the_menu_has_words(state: MenuState) -> None:
    assert texts.menu(state, AT, ("the control room",))


@pytest.mark.parametrize(
    ("length", "words"),
    [(timedelta(minutes=15), "15 minutes"), (timedelta(minutes=1), "1 minute"), (timedelta(seconds=10), "10 seconds")],
)
def test_lengths_are_said_as_one_says_them(length: timedelta, words: str) -> None:
    assert texts.spoken(length) == words


def test_a_name_from_outside_paints_nothing_on_the_terminal() -> None:
    assert "\x1b" not in texts.no_grant("ews\x1b[2J")
    assert "\x07" not in texts.account("ro\x07ot", "engineer")
