"""Random histories of a client, a target and changing rules: what can never be, whatever they do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_IN_FLIGHT
from gateway.sftp import messages
from gateway.sftp.attributes import Attributes
from gateway.sftp.effects import HeldWrite, Ledger, Refusal, ToClient, ToTarget
from gateway.sftp.line import UNANSWERED
from gateway.sftp.messages import (
    ByHandle,
    CopyData,
    Extension,
    Init,
    Open,
    Read,
    TwoPaths,
    Write,
    decode_request,
)
from gateway.sftp.needs import carried, missing
from gateway.sftp.packets import Framer, Status, Type
from gateway.sftp.paths import text, within
from gateway.sftp.proxy import Proxy
from gateway.sftp.responses import HandleReply, StatusReply, decode_response
from gateway.sftp.rules import Rules
from tests.sftp.house import ALL, Target

NONE = Attributes()
PATHS = st.sampled_from(
    [b"/srv/in/a", b"/srv/in/new", b"/etc/passwd", b"in/../../etc/x", b"/srv/in/leak", b"/srv/in/etc/x"]
)
HANDLES = st.integers(0, 6).map(lambda n: n.to_bytes(4, "big"))
IDS = st.integers(0, 12)
LOOKS = frozenset({Type.REALPATH, Type.LSTAT, Type.FSTAT})  # that the proxy asks for itself


def fields_of(layout):
    return {
        messages.ByPath: (PATHS,),
        messages.ByHandle: (HANDLES,),
        messages.TwoPaths: (PATHS, PATHS),
        messages.SetByPath: (PATHS, st.sampled_from([NONE, Attributes(size=3)])),
        messages.SetByHandle: (HANDLES, st.sampled_from([NONE, Attributes(size=3)])),
        Open: (PATHS, st.integers(0, 63), st.just(NONE)),
        Read: (HANDLES, st.integers(0, 9), st.integers(0, 9)),
        Write: (HANDLES, st.integers(0, 9), st.binary(max_size=4)),
        CopyData: (HANDLES, st.just(0), st.just(0), HANDLES, st.just(0)),
        messages.Plain: (),
    }[layout]


ANY = st.one_of(*(st.builds(c, st.just(k), IDS, *fields_of(c)) for k, c in messages.LAYOUTS.items()))
USUAL = st.one_of(
    st.builds(Open, st.just(Type.OPEN), IDS, PATHS, st.sampled_from([1, 3, 26, 27]), st.just(NONE)),
    st.builds(Read, st.just(Type.READ), IDS, *fields_of(Read)),
    st.builds(Write, st.just(Type.WRITE), IDS, *fields_of(Write)),
    st.builds(ByHandle, st.just(Type.CLOSE), IDS, HANDLES),
)
RULES = st.builds(
    Rules,
    *(st.booleans() for _ in range(5)),
    st.sampled_from([None, ("/srv/in",), ("/srv/in", "/srv/out"), ()]),
    st.booleans(),
    st.booleans(),
)
STEPS = st.lists(
    st.one_of(
        USUAL.map(lambda m: ("ask", m)),
        ANY.map(lambda m: ("ask", m)),
        st.integers(0, 9).map(lambda n: ("answer", n)),
        st.integers(0, 9).map(lambda n: ("fail", n)),
        st.integers(0, 9).map(lambda n: ("spool", n)),
        RULES.map(lambda rules: ("rules", rules)),
    ),
    max_size=40,
)


class History:
    """Carries out steps, and looks at each effect at the moment it comes."""

    def __init__(self, rules: Rules) -> None:
        self.proxy = Proxy(rules, lambda permission, path: "no")
        self.target = Target()
        self.waiting: list[messages.Query] = []  # with the target
        self.held: list[int] = []
        self.open: set[bytes] = set()  # the target's handles, from its answer to the CLOSE that goes
        self.asked, self.answered = Counter[int](), Counter[int]()
        self.opened, self.entries = 0, Counter[int]()
        self._up, self._down = Framer(), Framer()
        (greeting,) = self.proxy.from_client(Init(Type.INIT, 3).encode())
        self.look(self.proxy.from_target(self.target.feed(greeting.data)))
        while self.waiting:
            self.answer(0, honest=True)
        self.answered.clear()

    def look(self, effects) -> None:
        for effect in effects:
            if isinstance(effect, ToTarget):
                for packet in self._up.feed(effect.data):
                    self.passed(decode_request(packet))
            elif isinstance(effect, ToClient):
                for packet in self._down.feed(effect.data):
                    response = decode_response(packet)
                    if not isinstance(response, Init):
                        self.answered[response.id] += 1
            elif isinstance(effect, Ledger):
                self.entries[effect.entry.number] += 1
            elif not isinstance(effect, Refusal):
                assert not isinstance(effect, HeldWrite) or self.proxy.rules.write
                self.held.append(effect.key)

    def passed(self, message: messages.Query) -> None:
        rules = self.proxy.rules
        if message.kind not in LOOKS and message.kind is not Type.CLOSE:
            assert missing(rules, message) is None
            assert carried(rules, message) is None
            if rules.paths is not None and hasattr(message, "path") and message.kind is not Extension.USERS_GROUPS:
                assert within(text(message.path), rules.paths)
                assert not isinstance(message, TwoPaths) or within(text(message.to), rules.paths)
            if rules.hold:
                assert not isinstance(message, Write)
                assert not (isinstance(message, Open) and message.flags & ~1)
        for name in ("handle", "to") if isinstance(message, CopyData) else ("handle",):
            assert getattr(message, name, None) is None or getattr(message, name) in self.open
        if message.kind is Type.CLOSE:
            self.open.discard(message.handle)
        self.waiting.append(message)
        assert len({m.id for m in self.waiting}) == len(self.waiting) <= UNANSWERED

    def answer(self, which: int, *, honest: bool) -> None:
        if not self.waiting:
            return
        message = self.waiting.pop(which % len(self.waiting))
        response = StatusReply(message.id, Status.FAILURE)
        if honest:
            try:
                response = self.target.answer(memoryview(message.encode())[4:])
            except KeyError:  # answered behind the CLOSE of its handle
                response = StatusReply(message.id, Status.FAILURE)
        if isinstance(response, StatusReply) and response.code == Status.OK and message.kind in NO_OK:
            response = replace(response, code=Status.FAILURE)
        if isinstance(response, HandleReply):
            self.open.add(response.handle)
        self.look(self.proxy.from_target(response.encode()))

    def step(self, what: str, with_) -> None:
        if what == "ask":
            self.asked[with_.id] += 1
            self.look(self.proxy.from_client(with_.encode()))
        elif what in ("answer", "fail"):
            self.answer(with_, honest=what == "answer")
        elif what == "spool" and self.held:
            self.look(self.proxy.spooled(self.held.pop(with_ % len(self.held)), "full" if with_ > 7 else ""))
        elif what == "rules":
            self.proxy.rules = with_


# The simple target says OK to these, which no target may.
NO_OK = frozenset(
    {Extension.LIMITS, Extension.USERS_GROUPS, Extension.FSTATVFS, Extension.EXPAND_PATH, Extension.HOME_DIRECTORY}
)


@settings(max_examples=200, deadline=None)
@given(RULES, STEPS)
def test_nothing_unpermitted_and_no_strange_handle_passes_and_each_request_has_one_answer(rules, steps):
    history = History(rules)
    for what, with_ in steps:
        history.step(what, with_)
    while history.waiting or history.held:
        history.answer(0, honest=True)
        history.step("spool", 0)
    assert history.asked == history.answered
    assert not history.proxy.full
    history.look(history.proxy.closed())
    assert max(history.entries.values(), default=0) <= 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(USUAL, ANY), max_size=12), st.data())
def test_effects_do_not_depend_on_how_octets_arrive(requests, data):
    stream = b"".join(replace(m, id=n).encode() for n, m in enumerate(requests))
    whole, cut = History(ALL), History(ALL)
    expected = whole.proxy.from_client(stream)
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += cut.proxy.from_client(stream[:size])
        stream = stream[size:]
    assert found == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=30) | ANY.map(lambda m: m.encode())), max_size=10))
def test_security_37_whatever_octets_either_side_sends_are_read_or_end_the_channel(said):
    history = History(ALL)
    try:
        for client, octets in said:
            (history.proxy.from_client if client else history.proxy.from_target)(octets)
    except RemoteProtocolError:
        pass
    history.proxy.closed()
    assert len(history.proxy._line.clients) <= SFTP_IN_FLIGHT
