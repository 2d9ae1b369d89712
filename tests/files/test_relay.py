"""The relay of files alone, between two channels that only remember and a follower that says what it is told."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RecorderFailed, RemoteProtocolError
from gateway.fronts.ssh.holding import Holding
from gateway.fronts.ssh.relay import STDERR
from gateway.fronts.ssh.sftp import FileRelay, Reports
from gateway.fronts.ssh.valve import Valve
from gateway.sftp.effects import DOWN, UP, Block, Ledger, Refusal, ToClient, ToTarget
from gateway.sftp.ledger import FileEntry
from tests.ssh.test_relay import Channel, Tape

ENTRY = FileEntry(1, "upload", "/a", 5, ((0, 5),), "ab", False, "passed")


class Follower:
    """Each octet is one effect."""

    def __init__(self) -> None:
        self.full = False
        self.at_the_end: list = []

    def from_client(self, data: bytes) -> list:
        return [self.effect(octet, data) for octet in data]

    from_target = from_client

    def effect(self, octet: int, data: bytes):
        match chr(octet):
            case "!":
                raise RemoteProtocolError("nonsense")
            case "L":
                return Ledger(ENTRY)
            case "R":
                return Refusal("sftp.write", "/a", "No.")
            case "a":
                return ToClient(b"a", {"answer": 1})
            case "A":
                return ToClient(b"A", Block(1, DOWN, 0, 1))
            case "u":
                return ToTarget(b"u", {"request": 1})
            case "U":
                return ToTarget(b"U", Block(1, UP, 0, 1))
            case other:
                return ToTarget(other.encode(), None)

    def closed(self) -> list:
        ended, self.at_the_end = self.at_the_end, []
        return ended


class FileTape(Tape):
    def __init__(self) -> None:
        super().__init__()
        self.noted, self.filed_entries = "", []

    def asked(self, note):
        return self._up("u")

    def answered(self, note):
        self._down("a")

    def block(self, file, way, offset, length, content=b""):
        return self._up("U") if way else self._down("A")

    def _up(self, what):
        if self.failing or self.paused:
            return False
        self.noted += what
        return True

    def _down(self, what):
        if self.failing or self.paused:
            raise RecorderFailed("full")
        self.noted += what
        return True

    def filed(self, entry, spool=None):
        self.filed_entries.append(entry)


class Pair:
    def __init__(self) -> None:
        self.client, self.target, self.tape, self.follower = Channel(), Channel(), FileTape(), Follower()
        self.over, self.refused, self.broken = [], [], []
        reports = Reports(
            lambda: None,
            self.refused.append,
            print,
            self.broken.append,
            lambda end, error: self.over.append(end.status),
        )
        self.relay = FileRelay(self.client, Valve(self.client), self.tape, self.follower, reports)
        self.relay.connection_made(self.target)
        self.client.deliver = self.relay.from_client
        self.target.deliver = lambda data: self.relay.data_received(*data)

    def pause(self, on: bool) -> None:
        self.tape.paused = on
        self.relay.pause(on)

    def fail(self, on: bool) -> None:
        """The recorder stalls: the core pauses, and resumes when it can write again."""
        self.tape.failing = on
        if not on:
            self.relay.pause(False)

    @staticmethod
    def said(channel: Channel) -> str:
        return b"".join(data for data, kind in channel.got if kind is None).decode()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("client"), st.text("uUaR.", min_size=1, max_size=4)),
        st.tuples(st.just("target"), st.text("aAuU.", min_size=1, max_size=4)),
        st.tuples(st.sampled_from(["pause", "fail", "full"]), st.booleans()),
    ),
    max_size=25,
)


@given(STEPS)
def test_nothing_is_delivered_unrecorded_nothing_is_lost_and_order_is_kept(steps):
    pair, sent = Pair(), {"client": "", "target": ""}
    for what, value in steps:
        match what:
            case "client" | "target":
                getattr(pair, what).arrives(value.encode() if what == "client" else (value.encode(), None))
                sent[what] += value
            case "pause":
                pair.pause(value)
            case "fail":
                pair.fail(value)
            case "full":
                pair.follower.full = value
        delivered = pair.said(pair.target) + pair.said(pair.client)
        for kind in "uUaA":
            assert pair.tape.noted.count(kind) >= delivered.count(kind)
    pair.follower.full = False
    pair.fail(False)
    pair.pause(False)
    for side in (pair.client, pair.target):
        assert not side.waiting
    everything = sent["client"] + sent["target"]
    delivered = pair.said(pair.target) + pair.said(pair.client)
    assert sorted(delivered) == sorted(everything.replace("R", ""))
    assert len(pair.refused) == everything.count("R")


def test_in_a_pause_neither_side_is_read():
    pair = Pair()
    pair.pause(True)
    pair.client.arrives(b"u")
    pair.target.arrives((b"a", None))
    assert (pair.client.got, pair.target.got, pair.tape.noted) == ([], [], "")
    assert not pair.client.reading
    assert not pair.target.reading
    pair.pause(False)
    assert (pair.said(pair.target), pair.said(pair.client)) == ("u", "a")


def test_the_ends_of_both_sides_follow_what_waited():
    pair = Pair()
    pair.fail(True)
    pair.client.arrives(b"u")
    pair.relay.client_eof()
    assert not pair.target.eof
    pair.fail(False)
    assert pair.said(pair.target) == "u"
    assert pair.target.eof
    pair.relay.exit_status_received(0)
    pair.relay.eof_received()
    pair.relay.connection_lost(None)
    assert pair.client.eof
    assert pair.over == [0]


def test_a_file_whose_last_octets_waited_when_the_session_ended_did_not_pass():
    pair = Pair()
    pair.client.arrives(b"L")
    pair.fail(True)
    pair.client.arrives(b"UL")
    pair.relay.cut()
    whole, cut = pair.tape.filed_entries
    assert whole == ENTRY
    assert (cut.verdict, cut.partial, cut.sha256) == ("partial", True, "")
    assert pair.said(pair.target) == ""


def test_files_that_are_open_at_the_end_get_their_line_once():
    pair = Pair()
    pair.follower.at_the_end = [Ledger(ENTRY)]
    pair.relay.client_gone()
    pair.relay.cut()
    pair.relay.connection_lost(None)
    assert pair.tape.filed_entries == [ENTRY]
    assert pair.over == [None]


def test_a_line_of_the_ledger_that_ends_the_session_is_written_once():
    pair = Pair()

    def filed(entry, spool) -> None:
        pair.tape.filed_entries.append(entry)
        pair.relay.cut()

    pair.tape.filed = filed
    pair.client.arrives(b"Lu")
    assert len(pair.tape.filed_entries) == 1
    assert pair.said(pair.target) == ""


def test_what_came_before_nonsense_still_passes_and_nothing_after_it():
    pair = Pair()
    pair.relay.from_client(b"u")
    pair.relay.from_client(b"!")
    pair.relay.data_received(b"!", None)
    assert pair.said(pair.target) == "u"
    assert len(pair.broken) == 2
    assert pair.broken[0] != pair.broken[1]


def test_too_much_under_way_stops_the_client_alone():
    pair = Pair()
    pair.follower.full = True
    pair.client.arrives(b"u")
    assert not pair.client.reading
    assert pair.target.reading
    pair.follower.full = False
    pair.target.arrives((b"a", None))
    assert pair.client.reading


def test_a_client_that_does_not_read_is_not_read():
    pair = Pair()
    pair.relay.client_full(True)
    assert not pair.client.reading
    assert not pair.target.reading
    pair.relay.client_full(False)
    assert pair.client.reading
    assert pair.target.reading


def test_standard_error_of_the_target_passes_beside_the_packets():
    pair = Pair()
    pair.target.arrives((b"oops", STDERR))
    assert pair.client.got == [(b"oops", STDERR)]
    assert pair.tape.out == b"oops"


async def test_a_target_is_given_up_only_while_it_owes_an_answer(monkeypatch):
    from datetime import timedelta

    from gateway import limits

    monkeypatch.setattr(limits, "FILE_ANSWER", timedelta(milliseconds=20))
    pair, given_up = Pair(), asyncio.Event()
    reports = Reports(lambda: None, print, print, lambda words: given_up.set(), lambda end, error: None)
    relay = FileRelay(pair.client, Valve(pair.client), pair.tape, pair.follower, reports, Holding(None, print))
    relay.connection_made(pair.target)
    looks = 0
    look = relay._look

    def looked() -> None:
        nonlocal looks
        looks += 1
        look()

    monkeypatch.setattr(relay, "_look", looked)
    relay._watch.cancel()
    relay._look_later()
    relay.from_client(b"u")
    relay.data_received(b"a", None)
    async with asyncio.timeout(20):
        while looks < 4:
            await asyncio.sleep(0)
        assert not given_up.is_set()
        relay.from_client(b"u")
        await given_up.wait()
    relay.cut()
