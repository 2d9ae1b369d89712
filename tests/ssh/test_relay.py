"""The relay alone, between two channels that only remember: random histories, and the order of ends."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RecorderFailed
from gateway.fronts.ssh.relay import STDERR, Relay
from gateway.fronts.ssh.valve import Valve


class Channel:
    """One side. What is not read is kept as asyncssh keeps it, and delivered when reading goes on."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, int | None]] = []
        self.waiting: list = []
        self.reading, self.eof, self.closed = True, False, False
        self.deliver = lambda data: None
        self.signals: list[str] = []

    def arrives(self, data) -> None:
        self.waiting.append(data)
        self.flush()

    def flush(self) -> None:
        while self.waiting and self.reading:
            self.deliver(self.waiting.pop(0))

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True
        self.flush()

    def write(self, data, datatype=None):
        self.got.append((data, datatype))

    def write_eof(self):
        self.eof = True

    def close(self):
        self.closed = True

    abort = close

    def send_signal(self, signal):
        self.signals.append(signal)

    def change_terminal_size(self, *size):
        pass


class Tape:
    def __init__(self) -> None:
        self.failing = self.paused = False
        self.out, self.keys, self.input = b"", b"", b""
        self.closed, self.signals = None, []

    def output(self, data):
        if self.failing:
            raise RecorderFailed("full")
        self.out += data

    error = output

    def typed(self, data):
        if self.failing:
            raise RecorderFailed("full")
        if self.paused:
            return False
        self.keys += data
        return True

    def stdin(self, data):
        if self.failing:
            raise RecorderFailed("full")
        if self.paused:
            return False
        self.input += data
        return True

    def signal(self, name):
        self.signals.append(name)
        return not self.paused

    def close(self, status, signal=""):
        self.closed = (status, signal)


class Pair:
    def __init__(self, *, terminal: bool) -> None:
        self.client, self.target, self.tape, self.over = Channel(), Channel(), Tape(), []
        self.relay = Relay(
            self.client, Valve(self.client), self.tape, terminal=terminal, on_output=lambda data: None,
            on_over=lambda end, error: self.over.append((end.status, end.signal)),
        )  # fmt: skip
        self.relay.connection_made(self.target)
        self.client.deliver = self.relay.from_client
        self.target.deliver = lambda data: self.relay.data_received(*data)

    def pause(self, on: bool) -> None:
        self.tape.paused = on
        self.relay.pause(on)

    @property
    def shown(self) -> bytes:
        return b"".join(data for data, _ in self.client.got)

    @property
    def sent(self) -> bytes:
        return b"".join(data for data, _ in self.target.got)


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("out"), st.binary(min_size=1, max_size=5)),
        st.tuples(st.just("in"), st.binary(min_size=1, max_size=5)),
        st.tuples(st.sampled_from(["pause", "fail", "full"]), st.booleans()),
    ),
    max_size=60,
)


@given(MOVES, st.booleans())
def test_whatever_happens_what_is_delivered_was_recorded_and_nothing_typed_in_a_pause_arrives(moves, terminal):
    pair = Pair(terminal=terminal)
    allowed, everything_in, everything_out = b"", b"", b""
    for what, value in moves:
        match what:
            case "out":
                everything_out += value
                pair.target.arrives((value, None))
            case "in":
                everything_in += value
                if not pair.tape.paused and not pair.tape.failing:
                    allowed += value
                pair.client.arrives(value)
            case "pause":
                pair.pause(value)
            case "fail":
                pair.tape.failing = value
                if not value and not pair.tape.paused:
                    pair.relay.pause(False)
            case _:
                pair.relay.client_full(value)
        assert pair.shown == pair.tape.out
        assert everything_out.startswith(pair.shown)
        if terminal:
            assert pair.sent == pair.tape.keys == allowed
        else:
            assert pair.sent == pair.tape.input
            assert everything_in.startswith(pair.sent)
    pair.tape.failing = False
    pair.relay.client_full(False)
    pair.pause(False)
    assert pair.shown == everything_out
    assert pair.sent == (allowed if terminal else everything_in)


def test_the_exit_status_waits_until_the_last_data_was_delivered():
    """ssh-hold.md 4.11: forwarded at once it overtook up to 60 MB."""
    pair = Pair(terminal=False)
    pair.relay.client_full(True)
    pair.target.arrives((b"last", None))
    pair.relay.exit_status_received(3)
    assert pair.over == []
    pair.relay.client_full(False)
    pair.relay.connection_lost(None)
    assert pair.shown == b"last"
    assert pair.over == [(3, "")]
    assert pair.tape.closed == (3, "")


def test_a_channel_ends_only_after_its_unrecorded_rest_was_recorded():
    pair = Pair(terminal=False)
    pair.tape.failing = True
    pair.target.arrives((b"rest", STDERR))
    pair.relay.eof_received()
    pair.relay.exit_status_received(0)
    pair.relay.connection_lost(None)
    assert (pair.shown, pair.over, pair.client.eof) == (b"", [], False)
    pair.tape.failing = False
    pair.relay.pause(False)
    assert (pair.client.got, pair.over, pair.client.eof) == ([(b"rest", STDERR)], [(0, "")], True)


def test_after_the_cut_nothing_passes_either_way():
    pair = Pair(terminal=True)
    pair.relay.cut()
    pair.client.arrives(b"rm -rf /\r")
    pair.target.arrives((b"secret", None))
    assert (pair.shown, pair.sent, pair.target.closed) == (b"", b"", True)


def test_keys_typed_in_a_pause_are_gone_and_do_not_come_back_with_the_resume():
    """Deterministic: the random histories above reach pause, key and resume on a terminal only now and then."""
    pair = Pair(terminal=True)
    pair.client.arrives(b"before")
    pair.pause(True)
    pair.client.arrives(b"rm -rf /\r")
    pair.pause(False)
    pair.client.arrives(b"after")
    assert pair.sent == pair.tape.keys == b"beforeafter"
    assert pair.tape.input == b""


def test_a_signal_in_a_pause_is_input_too_and_does_not_arrive():
    pair = Pair(terminal=False)
    pair.pause(True)
    pair.relay.signalled("INT")
    pair.pause(False)
    pair.relay.signalled("TERM")
    assert pair.target.signals == ["TERM"]
    assert pair.tape.signals == ["INT", "TERM"]  # both are on record


def test_the_end_of_input_is_input_and_waits_through_a_pause():
    pair = Pair(terminal=False)
    pair.pause(True)
    pair.relay.client_eof()
    assert pair.target.eof is False
    pair.pause(False)
    assert pair.target.eof is True


def test_the_end_of_input_follows_the_input_that_could_not_be_recorded():
    pair = Pair(terminal=False)
    pair.tape.failing = True
    pair.client.arrives(b"late")
    pair.relay.client_eof()
    assert (pair.sent, pair.target.eof) == (b"", False)
    pair.tape.failing = False
    pair.relay.pause(False)
    assert (pair.sent, pair.target.eof) == (b"late", True)
