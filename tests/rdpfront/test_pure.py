"""When a picture is asked for, which notice is seen, and what is drawn: without any connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.fronts.rdp import fonts, texts
from gateway.fronts.rdp.notices import SPOKEN, STANDS, WAITING, Notices
from gateway.fronts.rdp.pictures import BAR_LINES, CARD, Screen, Tone, bar, changed, screen
from gateway.fronts.rdp.repaints import EVERY, GIVEN_UP, LEAST, Repaints
from gateway.sessions import texts as sessions
from gateway.sessions.model import EndReason, Hold, Notice, NoticeKind, Waiting

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
S = timedelta(seconds=1)
LEFT = timedelta(hours=1)  # of the session
LONG = "Waiting for the control room to switch this session on. " * 10


def told(kind: NoticeKind, words: str = "words") -> Notice:
    return Notice(kind, AT, words)


# --- repaints


def test_the_first_picture_is_asked_for_at_once_and_once() -> None:
    repaints = Repaints()
    assert repaints.due(S)
    repaints.begun(S)
    assert not repaints.due(S + LEAST)


def test_a_still_desktop_is_not_painted_again() -> None:
    repaints = Repaints()
    repaints.begun(S)
    repaints.whole()
    assert not repaints.due(S + EVERY * 100)


def test_an_active_desktop_is_painted_every_half_minute() -> None:
    repaints = Repaints()
    repaints.begun(S)
    repaints.whole()
    repaints.painted()
    assert not repaints.due(S + EVERY - S)
    assert repaints.due(S + EVERY)


def test_viewers_get_a_picture_but_not_more_than_one_in_two_seconds() -> None:
    repaints = Repaints()
    repaints.begun(S)
    repaints.whole()
    repaints.wanted()
    assert not repaints.due(S + LEAST / 2)
    assert repaints.due(S + LEAST)


def test_what_a_viewer_waits_for_is_known_in_advance() -> None:
    repaints = Repaints()
    assert not repaints.soonest(S)
    repaints.begun(S)
    repaints.wanted()
    assert not repaints.soonest(S)
    repaints.whole()
    assert repaints.soonest(S + LEAST / 4) == LEAST * 3 / 4
    assert not repaints.soonest(S + LEAST)


def test_a_picture_that_never_became_whole_is_asked_for_anew() -> None:
    repaints = Repaints()
    repaints.begun(S)
    repaints.painted()
    assert not repaints.due(S + GIVEN_UP - S)
    assert repaints.due(S + GIVEN_UP)


# --- notices


def test_a_pause_stays_until_it_is_over() -> None:
    notices = Notices()
    notices.tell(told(NoticeKind.PAUSED, "paused"))
    seen = notices.now(S * 10_000, LEFT)
    assert seen is not None
    assert (seen.words, seen.tone) == ("paused", Tone.WARN)
    notices.tell(told(NoticeKind.RESUMED, "go on"))
    seen = notices.now(S * 10_001, LEFT)
    assert seen is not None
    assert seen.words == "go on"
    assert notices.now(S * 10_001 + STANDS, LEFT) is None


def test_a_message_in_a_pause_is_read_and_then_the_pause_again() -> None:
    notices = Notices()
    notices.tell(told(NoticeKind.PAUSED, "paused"))
    notices.tell(told(NoticeKind.MESSAGE, "look at drive 7"))
    assert [b.words for at in (S, S + SPOKEN - S, S + SPOKEN) if (b := notices.now(at, LEFT))] == [
        "look at drive 7",
        "look at drive 7",
        "paused",
    ]


def test_messages_are_read_one_after_the_other() -> None:
    notices = Notices()
    for words in ("one", "two"):
        notices.tell(told(NoticeKind.EXTENDED, words))
    assert [b.words for at in (S, S + STANDS, S + 2 * STANDS) if (b := notices.now(at, LEFT))] == ["one", "two"]


def test_a_flood_of_messages_keeps_the_newest() -> None:
    notices = Notices()
    for number in range(100):
        notices.tell(told(NoticeKind.MESSAGE, str(number)))
    seen = notices.now(S, LEFT)
    assert seen is not None
    assert seen.words == str(100 - WAITING)


def test_the_words_of_an_end_come_with_the_end_alone() -> None:
    notices = Notices()
    notices.tell(told(NoticeKind.ENDED))
    assert notices.now(S, LEFT) is None


def test_the_last_minute_is_counted_down_in_bars_of_one_size() -> None:
    notices = Notices()
    assert notices.now(S, 61 * S) is None
    bars = [notices.now(S, left * S) for left in (59, 9, 0.5)]
    words = [b.words for b in bars if b]
    assert words[0] == "This session ends in 59 s. Please save your work."
    assert words[2].endswith("01 s. Please save your work.")
    drawn = [bar(w, Tone.WARN, 1024, 768) for w in words]
    assert drawn[1].covers(drawn[0])
    assert notices.now(S, timedelta(0)) is None


# --- pictures


@pytest.mark.parametrize(("width", "height"), [(200, 200), (640, 200), (201, 8000), (1024, 768), (3840, 2160)])
def test_a_screen_of_any_size_has_its_card(width: int, height: int) -> None:
    drawn = screen(
        Screen(Tone.WAIT, "Waiting for the release", (LONG, sessions.LEAVE_WINDOW), "ews-l4", "foot"), width, height
    )
    assert (drawn.width, drawn.height, len(drawn.pixels)) == (width, height, 3 * width * height)
    assert bytes(CARD) in drawn.pixels
    assert drawn.pixels[:3] == bytes(Tone.WAIT.value)


def test_only_what_changed_is_drawn() -> None:
    contents = [Screen(Tone.WAIT, "Waiting", ("words",), "ews-l4", f"Waiting for {n} s") for n in (1, 2)]
    before, after = (screen(content, 1024, 768) for content in contents)
    part = changed(before, after)
    assert part is not None
    assert part.width * part.height < 1024 * 768 / 50
    assert changed(before, before) is None
    assert changed(None, after) is after


@pytest.mark.parametrize("width", [40, 200, 640, 1920])
def test_a_bar_stays_within_its_desktop_and_a_few_lines(width: int) -> None:
    drawn = bar(LONG, Tone.WARN, width, 200)
    assert drawn.x >= 0
    assert drawn.x + drawn.width <= width
    assert drawn.height <= 200
    assert drawn.height < (BAR_LINES + 1) * 24 + 20


@pytest.mark.parametrize("words", ["", " ", "x" * 5000, "\x1b[31m\u202e", "Jürgen Wiśniewski sagt: Ø 7 prüfen — 中文"])
def test_whatever_people_write_can_be_drawn(words: str) -> None:
    assert bar(words, Tone.TELL, 1024, 768).pixels
    assert screen(Screen(Tone.OVER, words, (words,), words, words), 320, 240).pixels


def test_long_words_are_broken_and_none_is_lost() -> None:
    face = fonts.font(14)
    lines = fonts.wrapped("short " + "w" * 300 + " end", face, 200)
    assert all(face.getlength(line) <= 200 for line in lines)
    assert "".join(lines).replace(" ", "") == "short" + "w" * 300 + "end"


def test_a_machine_without_fonts_writes_plain_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_machine", lambda: False)
    assert fonts.legible("Jürgen Łukasz — „Ø“ “x” 中") == "Jurgen Lukasz - “O“ “x” ?"


# --- texts


@pytest.mark.parametrize("waiting", list(Waiting))
def test_a_hold_says_what_since_when_and_how_to_leave_a_window(waiting: Waiting) -> None:
    words = sessions.hold(waiting, ("the control room",), AT, AT, desktop=True)
    content = texts.hold("ews-l4", Hold(waiting, AT, ("the control room",), words), timedelta(seconds=75))
    said = " ".join((content.heading, *content.paragraphs, content.foot))
    assert "Waiting since 01:00 UTC" in said
    assert "1 min 15 s" in said
    assert said.count("close this window") == 1
    assert "Ctrl-C" not in said


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_end_has_a_heading(reason: EndReason) -> None:
    assert texts.ended(reason)
