"""Every state and every event: what is not in the table cannot happen."""

import pytest

from gateway.errors import LocalProtocolError
from gateway.sessions.model import TRANSITIONS, SessionEvent, SessionState, moved

S, E = SessionState, SessionEvent
EXPECTED = {
    (S.AUTHORISING, E.HELD): S.HOLDING,
    (S.AUTHORISING, E.CLEARED): S.CONNECTING,
    (S.AUTHORISING, E.END): S.ENDED,
    (S.HOLDING, E.CLEARED): S.CONNECTING,
    (S.HOLDING, E.END): S.ENDED,
    (S.CONNECTING, E.HELD): S.HOLDING,
    (S.CONNECTING, E.RECORDING): S.ACTIVE,
    (S.CONNECTING, E.END): S.ENDING,
    (S.ACTIVE, E.PAUSE): S.PAUSED,
    (S.ACTIVE, E.END): S.ENDING,
    (S.PAUSED, E.RESUME): S.ACTIVE,
    (S.PAUSED, E.END): S.ENDING,
    (S.ENDING, E.SEALED): S.ENDED,
}


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("event", SessionEvent)
def test_each_event_in_each_state_leads_where_the_table_says_or_is_refused(
    state: SessionState, event: SessionEvent
) -> None:
    if (state, event) in EXPECTED:
        assert moved(state, event) is EXPECTED[state, event]
    else:
        with pytest.raises(LocalProtocolError):
            moved(state, event)


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(SessionState)


def test_only_the_recorder_opens_the_way_to_packets() -> None:
    into_active = {(s, e) for (s, e), to in EXPECTED.items() if to is S.ACTIVE}
    assert into_active == {(S.CONNECTING, E.RECORDING), (S.PAUSED, E.RESUME)}


def test_nothing_leads_out_of_ended() -> None:
    assert not TRANSITIONS[S.ENDED]
