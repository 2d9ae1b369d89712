"""Anything at all, from either side and at any point of a conversation, is handled or refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp import fastpath, mcs, share, x224
from gateway.rdp.acceptor import AcceptorState
from gateway.rdp.bridge import BridgeState
from gateway.rdp.fastpath import Fragmentation, Update
from gateway.rdp.share import ShareControl, ShareData
from gateway.rdp.tpkt import Frame, FrameKind, Framer
from tests.rdp.share import test_acceptor, test_bridge
from tests.rdp.share.twins import joined

KINDS = st.one_of(st.sampled_from(share.PduType2).map(int), st.integers(0, 255))
NOISE = st.one_of(st.binary(max_size=60), st.sampled_from([b"\x01\0\x01\0", b"\x01\0\0\0", b"\x02\0\0\0"]))


@st.composite
def conversations(draw, user: int, io: int, numbers: list[int], *, client: bool) -> bytes:
    """One PDU that is right to some depth, and anything below it."""
    depth = draw(st.integers(0, 5))
    if depth == 0:
        return draw(st.binary(min_size=1, max_size=60))
    if depth == 1:
        return x224.data(draw(st.binary(min_size=1, max_size=60)))
    if depth == 2:
        update = st.builds(Update, st.integers(0, 15), st.sampled_from(Fragmentation), NOISE)
        return fastpath.encode(draw(st.lists(update, min_size=1, max_size=3)))
    data = draw(st.binary(max_size=60))
    number = draw(st.one_of(st.sampled_from(numbers), st.integers(0, 0xFFFFFFFF)))
    if depth == 4:
        data = ShareControl(draw(st.integers(0, 15)), user, number.to_bytes(4, "little") + data).encode()
    elif depth == 5:
        data = ShareData(number, draw(KINDS), draw(NOISE)).encode(user)
    channel = draw(st.sampled_from([io, io, io, 1004, 1005, 1008, 1205, 1206, user]))
    kind = mcs.SendDataRequest if client else mcs.SendDataIndication
    return x224.data(kind(user, channel, data).encode())


CLIENT = conversations(1050, 1003, [0x00AA03EA, 0x000103EA, 7], client=True)
TARGET = conversations(1002, 1204, [0x000103EA], client=False)


def feed(receive: Callable[[Frame], object], data: bytes) -> None:
    """As a front does; a refusal ends the connection, and anything else than a refusal fails the test."""
    framer = Framer()
    try:
        for one in framer.feed(data):
            receive(one)
    except RemoteProtocolError as error:
        text = str(error)
        assert text[0].islower() or text[:3].isupper() or text[:2].isupper(), text
        assert not text.endswith(".")


OWN = [state for state in AcceptorState if state is not AcceptorState.HANDED]
SPOKEN = st.lists(st.tuples(st.booleans(), CLIENT, TARGET), max_size=4)


@given(st.sampled_from(OWN), st.lists(CLIENT, max_size=4))
@settings(max_examples=80, deadline=None)
def test_anything_from_a_client_on_the_hold_screen(state: AcceptorState, spoken: list[bytes]):
    hold = test_acceptor.in_state(state)
    for data in spoken:
        feed(hold.acceptor.receive, data)
    Framer().feed(hold.acceptor.data_to_send())


@given(st.sampled_from(BridgeState), SPOKEN, st.booleans())
@settings(max_examples=80, deadline=None)
def test_anything_from_either_side_of_a_bridge(
    state: BridgeState, spoken: list[tuple[bool, bytes, bytes]], exact: bool
):
    joint = joined(exact_tiles=True) if exact and state is BridgeState.ACTIVE else test_bridge.in_state(state)
    for from_client, client, target in spoken:
        feed(joint.bridge.from_client if from_client else joint.bridge.from_target, client if from_client else target)
    assert isinstance(joint.bridge.paused(), bytes)
    assert isinstance(joint.bridge.resumed(), bytes)
    assert isinstance(joint.bridge.repaint(), bytes)
    joint.bridge.ended()


@given(st.integers(0, 40), st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_one_octet_changed_anywhere_in_a_real_conversation(place: int, octet: int):
    """The target's Demand Active, its answers and its picture, with one octet that is another."""
    joint = joined()
    joint.target.resize(400, 300, 0x000203EA)
    joint.target.paint((1, 2, 3))
    for pdu in joint.target.out:
        broken = bytearray(pdu)
        broken[4 + place % (len(broken) - 4)] = octet
        feed(joint.bridge.from_target, bytes(broken))


def test_the_other_sides_pdus_are_refused():
    joint = joined()
    joint.client.tell(share.Synchronize(1, 1002))
    joint.target.tell(share.Synchronize(1, 1002))
    wrong = ((joint.bridge.from_target, joint.client.out[0]), (joint.bridge.from_client, joint.target.out[0]))
    for receive, data in wrong:
        (one,) = Framer().feed(data)
        assert one.kind is FrameKind.SLOW
        with pytest.raises(RemoteProtocolError):
            receive(one)
