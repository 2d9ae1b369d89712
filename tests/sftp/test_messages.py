"""Packets, messages and attributes: samples, what is refused, round trips, and anything at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_PACKET_OCTETS
from gateway.sftp import messages, responses
from gateway.sftp.attributes import Attributes
from gateway.sftp.messages import CopyData, Extension, Init, Open, Plain, Read, Unknown, Write, decode_request
from gateway.sftp.packets import U32, Framer, Type
from gateway.sftp.responses import Name, NameReply, StatusReply, decode_response

U32S, U64S = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
TEXT, HANDLES = st.binary(max_size=64), st.binary(max_size=256)
PAIRS = st.tuples(TEXT, TEXT)
ATTRIBUTES = st.builds(
    Attributes,
    st.none() | U64S,
    st.none() | st.tuples(U32S, U32S),
    st.none() | U32S,
    st.none() | st.tuples(U32S, U32S),
    st.none() | st.lists(PAIRS, max_size=3).map(tuple),
)
FIELDS = {
    messages.ByPath: (TEXT,),
    messages.ByHandle: (HANDLES,),
    messages.TwoPaths: (TEXT, TEXT),
    messages.SetByPath: (TEXT, ATTRIBUTES),
    messages.SetByHandle: (HANDLES, ATTRIBUTES),
    Open: (TEXT, U32S, ATTRIBUTES),
    Read: (HANDLES, U64S, U32S),
    Write: (HANDLES, U64S, st.binary(max_size=200)),
    CopyData: (HANDLES, U64S, U64S, HANDLES, U64S),
    Plain: (),
}
REQUESTS = st.one_of(
    *(st.builds(layout, st.just(kind), U32S, *FIELDS[layout]) for kind, layout in messages.LAYOUTS.items()),
    st.builds(Init, st.just(Type.INIT), U32S, st.lists(PAIRS, max_size=3).map(tuple)),
    st.builds(Unknown, st.just(Type.EXTENDED), U32S, st.just(b"none@example.org"), TEXT),
)
NAMES = st.lists(st.builds(Name, TEXT, TEXT, ATTRIBUTES), max_size=4).map(tuple)
RESPONSES = st.one_of(
    st.builds(StatusReply, U32S, U32S, TEXT, TEXT),
    st.builds(responses.HandleReply, U32S, HANDLES),
    st.builds(responses.DataReply, U32S, st.binary(max_size=200)),
    st.builds(NameReply, U32S, NAMES),
    st.builds(responses.AttrsReply, U32S, ATTRIBUTES),
    st.builds(responses.ExtendedReply, U32S, TEXT),
    st.builds(Init, st.just(Type.VERSION), U32S, st.lists(PAIRS, max_size=3).map(tuple)),
)


def test_an_open_of_the_draft_reads_as_it_is_written():
    packet = bytes.fromhex(
        "03"  # SSH_FXP_OPEN
        "00000007"  # request id
        "00000002 2f61"  # "/a"
        "0000001a"  # WRITE, CREAT, TRUNC
        "00000004 000001a4"  # permissions 0644
    )
    message = Open(Type.OPEN, 7, b"/a", 0x1A, Attributes(permissions=0o644))
    assert decode_request(packet) == message
    assert message.encode() == U32.pack(len(packet)) + packet


@given(REQUESTS)
def test_every_request_reads_back_exactly(message):
    assert decode_request(message.encode()[4:]) == message


@given(RESPONSES)
def test_every_response_reads_back_exactly(message):
    assert decode_response(message.encode()[4:]) == message


@given(st.binary(max_size=300), st.booleans(), st.sampled_from([*Type]))
def test_anything_at_all_reads_or_is_refused(data, typed, kind):
    packet = bytes([kind]) + data if typed else data
    for decode in (decode_request, decode_response):
        try:
            message = decode(packet)
        except RemoteProtocolError:
            continue
        again = message.encode()[4:]
        assert decode(again) == message


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x03",
        b"\x63\0\0\0\1",
        Read(Type.READ, 1, b"h", 0, 1).encode()[4:-1],
        Read(Type.READ, 1, b"h", 0, 1).encode()[4:] + b"\0",
        messages.ByHandle(Type.CLOSE, 1, b"x" * 257).encode()[4:],
        messages.ByPath(Extension.STATVFS, 1, b"/").encode()[4:] + b"\0",
        b"\x07\0\0\0\1" + b"\xff\xff\xff\xff/",
        Init(Type.INIT, 3, ((b"a", b"b"),) * 65).encode()[4:],
        b"\x09\0\0\0\1\0\0\0\1/\0\0\1\0",
    ],
)
def test_what_no_client_may_send_is_refused(packet):
    with pytest.raises(RemoteProtocolError):
        decode_request(packet)


def test_a_name_count_that_lies_ends_with_the_packet():
    packet = b"\x68\0\0\0\1\xff\xff\xff\xff"
    with pytest.raises(RemoteProtocolError):
        decode_response(packet)


def test_a_status_of_an_old_server_has_neither_words_nor_language():
    assert decode_response(b"\x65\0\0\0\1\0\0\0\4") == StatusReply(1, 4)


def test_a_targets_words_show_no_escapes():
    assert "\x1b" not in StatusReply(1, 4, b"\x1b]0;x\x07\r\nlie").text()


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.data())
def test_packets_do_not_depend_on_how_octets_arrive(packets, data):
    stream = b"".join(U32.pack(len(packet)) + packet for packet in packets)
    framer, found = Framer(), []
    while stream:
        size = data.draw(st.integers(0, len(stream)))
        found += map(bytes, framer.feed(stream[:size]))
        stream = stream[size:]
        if not size:
            found += map(bytes, framer.feed(stream[:1]))
            stream = stream[1:]
    assert found == packets


@pytest.mark.parametrize("size", [0, SFTP_PACKET_OCTETS + 1, 2**31, 2**32 - 1])
def test_security_18_a_length_that_lies_is_refused_before_anything_is_kept(size):
    with pytest.raises(RemoteProtocolError):
        Framer().feed(U32.pack(size))
