"""Deadlines: no step of a clock lengthens them (access model, rule 7; abuse case 51)."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Deadline
from gateway.timekeeper import stepped
from tests.sim.clock import SimulatedClock

HOUR = timedelta(hours=1)


def test_setting_the_clock_back_an_hour_does_not_lengthen_a_deadline() -> None:
    clock = SimulatedClock()
    deadline = Deadline.after(clock.instant(), HOUR)
    clock.advance(minutes=50)
    clock.step_wall(hours=-1)
    assert deadline.remaining(clock.instant()) == timedelta(minutes=10)
    clock.advance(minutes=10)
    assert deadline.passed(clock.instant())


def test_setting_the_clock_forward_an_hour_ends_it() -> None:
    clock = SimulatedClock()
    deadline = Deadline.after(clock.instant(), HOUR)
    clock.step_wall(hours=1)
    assert deadline.passed(clock.instant())


def test_after_a_reboot_the_wall_clock_alone_tells() -> None:
    clock = SimulatedClock()
    deadline = Deadline.after(clock.instant(), HOUR)
    clock.advance(minutes=30)
    clock.reboot()
    assert deadline.remaining(clock.instant()) == timedelta(minutes=30)


def test_a_window_that_ends_earlier_is_the_deadline() -> None:
    clock = SimulatedClock()
    deadline = Deadline.after(clock.instant(), HOUR, clock.now() + timedelta(minutes=20))
    assert deadline.remaining(clock.instant()) == timedelta(minutes=20)


moves = st.lists(st.tuples(st.sampled_from(["advance", "step"]), st.integers(-7200, 7200)), max_size=20)


@given(moves)
def test_no_history_of_steps_gives_more_than_was_left_on_the_boot_clock(history: list[tuple[str, int]]) -> None:
    clock = SimulatedClock()
    deadline, lived = Deadline.after(clock.instant(), HOUR), 0
    for kind, seconds in history:
        if kind == "advance":
            clock.advance(seconds=abs(seconds))
            lived += abs(seconds)
        else:
            clock.step_wall(seconds=seconds)
        assert deadline.remaining(clock.instant()) <= max(HOUR - timedelta(seconds=lived), timedelta(0))


def test_a_step_is_seen_and_a_slew_is_not() -> None:
    clock = SimulatedClock()
    before = clock.instant()
    clock.advance(seconds=1)
    clock.step_wall(seconds=1)
    assert stepped(before, clock.instant()) == timedelta(0)
    clock.step_wall(seconds=-3600)
    assert stepped(before, clock.instant()) == timedelta(seconds=-3599)
