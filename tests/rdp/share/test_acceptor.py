"""The acceptor's table, every state against every PDU, and what a client may get wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from gateway.rdp import acceptor as client_leg
from gateway.rdp import mcs, share, x224
from gateway.rdp.acceptor import TRANSITIONS, Acceptor, AcceptorState, Pdu
from gateway.rdp.effects import Activated, ClientLeft, Redraw
from gateway.rdp.input import KeyEvent, encode_fast
from gateway.rdp.share import PduType, PduType2, ShareControl, ShareData
from tests.rdp.share.twins import CORE, INFO, Client, Hold, frame, held, joined

OURS = (Pdu.HAND_OVER, Pdu.TAKE_BACK, Pdu.FINISHED)


def in_state(state: AcceptorState) -> Hold:
    """A conversation that came as far as `state`."""
    if state in (AcceptorState.ACTIVE, AcceptorState.HANDED, AcceptorState.ENDED):
        hold = held()
        if state is AcceptorState.HANDED:
            hold.client.share = 7
            hold.acceptor.handed(7, 320, 240, 32)
        elif state is AcceptorState.ENDED:
            hold.acceptor.finish(0)
        return hold
    if state is AcceptorState.CONNECT:
        return Hold()
    hold = Hold(Client(hesitant=True))
    hold.client.begin()
    hold.settle()
    if state is AcceptorState.FINISH:
        hold.client.confirm()
        hold.acceptor.receive(frame(hold.client.out[0]))
    elif state is AcceptorState.ATTACH:
        hold = Hold()
        hold.client.begin()
        hold.acceptor.receive(frame(hold.client.out.pop()))
        hold.client.user, hold.client.io = 1050, 1003
    return hold


def do(hold: Hold, pdu: Pdu) -> None:
    """Send `pdu`, or do to the acceptor what it stands for."""
    acceptor, client = hold.acceptor, Client(user=1050, io=1003, share=hold.acceptor.share or 1, size=(320, 240))
    if pdu is Pdu.HAND_OVER:
        acceptor.handed(9, 640, 480, 32)
    elif pdu is Pdu.TAKE_BACK:
        acceptor.take_back()
    elif pdu is Pdu.FINISHED:
        acceptor.finish(1)
    else:
        if pdu is Pdu.CONFIRM_ACTIVE:
            client.confirm()
            del client.out[1:]
        elif pdu is Pdu.CONNECT_INITIAL:
            client.begin()
        elif pdu is Pdu.CLIENT_INFO:
            client.say(INFO.encode())
        elif pdu is Pdu.FONT_LIST:
            client.tell(share.FontList())
        elif pdu is Pdu.DATA:
            client.tell(share.Synchronize(1, 1002))
        elif pdu is Pdu.INPUT:
            client.type(KeyEvent(30))
        elif pdu is Pdu.CHANNEL:
            client.say(bytes(8), 1004)
        else:
            plain = {
                Pdu.ERECT_DOMAIN: mcs.ErectDomainRequest(),
                Pdu.ATTACH_USER: mcs.AttachUserRequest(),
                Pdu.CHANNEL_JOIN: mcs.ChannelJoinRequest(1050, 1003),
                Pdu.DISCONNECT: mcs.DisconnectProviderUltimatum(3),
            }
            client.out.append(x224.data(plain[pdu].encode()))
        acceptor.receive(frame(client.out[0]))


@pytest.mark.parametrize("state", AcceptorState)
@pytest.mark.parametrize("pdu", Pdu)
def test_every_pair_of_state_and_pdu_does_what_the_table_says(state: AcceptorState, pdu: Pdu):
    hold = in_state(state)
    assert hold.acceptor.state is state
    after = TRANSITIONS[state].get(pdu)
    if state is AcceptorState.ENDED and pdu not in OURS:
        do(hold, pdu)  # it may not have read our good-bye: dropped
        assert hold.acceptor.state is AcceptorState.ENDED
    elif state is AcceptorState.HANDED and pdu not in OURS:
        with pytest.raises(LocalProtocolError):  # the frame belongs to the bridge
            do(hold, pdu)
    elif after is None:
        with pytest.raises(LocalProtocolError if pdu in OURS else RemoteProtocolError):
            do(hold, pdu)
        assert hold.acceptor.state is state
    else:
        do(hold, pdu)
        assert hold.acceptor.state is after


def test_every_state_has_a_row():
    assert set(TRANSITIONS) == set(AcceptorState)


@pytest.mark.parametrize("size", [(0, 0), (199, 600), (600, 199), (8193, 600), (65535, 65535)])
def test_a_desktop_that_cannot_be_is_refused(size: tuple[int, int]):
    hold = Hold(Client(replace(CORE, width=size[0], height=size[1])))
    hold.client.begin()
    with pytest.raises(RemoteProtocolError, match="desktop"):
        hold.settle()


def test_more_pixels_than_the_gateway_will_draw_are_refused():
    hold = Hold(acceptor=Acceptor(x224.Security.TLS, most_pixels=320 * 240 - 1))
    hold.client.begin()
    with pytest.raises(RemoteProtocolError, match="more than"):
        hold.settle()


@pytest.mark.parametrize(
    ("tail", "bpp"), [(CORE.tail, 32), (b"", 16), (CORE.tail[:8] + bytes.fromhex("1000 0700"), 16)]
)
def test_a_client_that_does_not_take_32_bits_gets_16(tail: bytes, bpp: int):
    hold = held(core=replace(CORE, tail=tail))
    assert hold.acceptor.bpp == bpp


def test_the_shell_may_overrule_the_depth():
    hold = Hold(Client(replace(CORE, tail=b"")), Acceptor(x224.Security.TLS, bpp=32))
    hold.client.begin()
    assert hold.settle().acceptor.bpp == 32


def test_a_channel_that_was_never_given_cannot_be_joined():
    hold = in_state(AcceptorState.ATTACH)
    hold.acceptor.data_to_send()
    hold.acceptor.receive(frame(x224.data(mcs.ChannelJoinRequest(1050, 1099).encode())))
    (answer,) = [mcs.decode(x224.data_of(frame(hold.acceptor.data_to_send())))]
    assert answer == mcs.ChannelJoinConfirm(mcs.RT_NO_SUCH_CHANNEL, 1050, 1099, None)


def test_a_client_that_attaches_without_end_is_refused():
    hold = in_state(AcceptorState.ATTACH)
    with pytest.raises(RemoteProtocolError, match="more than 200"):
        for _ in range(client_leg.ATTACH_MOST + 1):
            hold.acceptor.receive(frame(x224.data(mcs.AttachUserRequest().encode())))


@pytest.mark.parametrize(("user", "channel"), [(1051, 1003), (1051, 1004), (1050, 1002), (1050, 1008)])
def test_data_of_another_user_or_on_an_unlisted_channel_is_refused(user: int, channel: int):
    """Security 74: channel ids that were never given."""
    hold = held()
    data = share.data(hold.client.share, 1050, share.RefreshRect(()))
    with pytest.raises(RemoteProtocolError, match="data o"):
        hold.acceptor.receive(frame(x224.data(mcs.SendDataRequest(user, channel, data).encode())))


def test_what_is_typed_and_pasted_on_the_hold_screen_goes_nowhere():
    hold = held()
    hold.client.type(KeyEvent(30))
    hold.client.say(bytes(20), hold.client.ids["cliprdr"])
    hold.events.clear()
    before = len(hold.client.seen)
    hold.settle()
    assert hold.events == []
    assert len(hold.client.seen) == before


def test_a_pdu_for_another_share_is_refused_once_the_own_is_confirmed():
    hold = held()
    hold.client.tell(share.RefreshRect(((0, 0, 9, 9),)), on=0x000103EA)
    with pytest.raises(RemoteProtocolError, match="share id"):
        hold.settle()


def test_what_was_on_its_way_for_the_former_share_is_dropped_until_the_client_confirms():
    hold = held()
    hold.client.tell(share.RefreshRect(((0, 0, 9, 9),)))
    stale, hold.client.out = hold.client.out, []
    hold.acceptor.take_back()
    assert hold.acceptor.receive(frame(stale[0])) == []
    hold.events.clear()
    assert hold.settle().events == [Activated()]


@pytest.mark.parametrize("asked", [share.RefreshRect(((0, 0, 319, 239),)), share.SuppressOutput((0, 0, 319, 239))])
def test_a_client_that_asks_for_the_picture_gets_it(asked: share.DataBody):
    hold = held()
    hold.events.clear()
    hold.client.tell(asked)
    assert hold.settle().events == [Redraw()]


def test_a_minimised_client_asks_for_nothing():
    hold = held()
    hold.events.clear()
    hold.client.tell(share.SuppressOutput(None))
    assert hold.settle().events == []


def test_a_client_that_disconnects_has_left():
    hold = held()
    hold.client.out.append(x224.data(mcs.DisconnectProviderUltimatum(3).encode()))
    assert hold.settle().events[-1] == ClientLeft()


@pytest.mark.parametrize("octets", ["0300 000f 02 f080 3006 0202 0003 3000", "0300 000b 06 80 0000 0000 00"])
def test_rdesktop_says_good_bye_in_its_own_way(octets: str):
    """Captured when its window was closed."""
    hold = held()
    good_bye = frame(bytes.fromhex(octets))
    assert hold.acceptor.receive(good_bye) == [ClientLeft()]
    assert joined().bridge.from_client(good_bye) == [ClientLeft()]


def test_persistent_keys_and_unknown_data_are_dropped():
    hold = held()
    hold.events.clear()
    for kind in (PduType2.BITMAP_CACHE_PERSISTENT_LIST, 0x38, 0xFF):
        hold.client.say(ShareData(hold.client.share, kind, bytes(30)).encode(1050))
    assert hold.settle().events == []


@pytest.mark.parametrize("kind", [PduType.DEMAND_ACTIVE, PduType.DEACTIVATE_ALL, PduType.SERVER_REDIRECTION, 0, 15])
def test_share_control_that_only_servers_send_is_refused(kind: int):
    hold = held()
    hold.client.say(ShareControl(kind, 1050, hold.client.share.to_bytes(4, "little")).encode())
    with pytest.raises(RemoteProtocolError):
        hold.settle()


def test_a_client_that_reads_no_error_codes_is_just_told_good_bye():
    hold = held(core=replace(CORE, tail=b""))
    hold.acceptor.finish(2)
    hold.settle()
    assert (hold.client.error, hold.client.left) == (0, True)


def test_good_bye_before_the_connection_says_nothing():
    acceptor = Acceptor(x224.Security.TLS)
    acceptor.finish(2)
    assert acceptor.data_to_send() == b""
    assert acceptor.state is AcceptorState.ENDED


def test_the_wrong_share_cannot_be_taken_back():
    hold = held()
    with pytest.raises(LocalProtocolError):
        hold.acceptor.take_back(0x000103EA)


def test_torn_input_is_refused():
    hold = held()
    whole = encode_fast([KeyEvent(30), KeyEvent(31)])
    torn = bytes((whole[0], len(whole) - 1)) + whole[2:-1]
    with pytest.raises(ProtocolError):
        hold.acceptor.receive(frame(torn))
