"""Static and dynamic channels: what is not allowed does not pass, in either direction (attacks 74 and 76)."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.channel_filter import UNRECORDED, ChannelFilter, ChannelRules, Filtered
from gateway.rdp.dynamic_channels import MOST_CHANNELS, CreateRequest, DynamicCommand
from gateway.rdp.static_channels import CHUNK, MOST_MESSAGE, ChannelFlag, Joiner, Message, split

DISPLAY = "Microsoft::Windows::RDS::DisplayControl"
GRAPHICS = "Microsoft::Windows::RDS::Graphics"
FIRST, LAST, BOTH = 1, 2, 3


def chunk(data: bytes, flags: int = BOTH, length: int | None = None) -> bytes:
    return struct.pack("<II", len(data) if length is None else length, flags) + data


def dynamic(allowed: frozenset[str] = frozenset({DISPLAY})) -> ChannelFilter:
    return ChannelFilter(ChannelRules(dynamic=allowed), {1100: "drdynvc"})


def created(channel: int, status: int = 0) -> bytes:
    return bytes((0x10, channel)) + struct.pack("<I", status)


def data(channel: int, text: bytes = b"layout") -> bytes:
    return bytes((DynamicCommand.DATA << 4, channel)) + text


def close(channel: int) -> bytes:
    return bytes((DynamicCommand.CLOSE << 4, channel))


def opened(channel: int = 5) -> ChannelFilter:
    """With one channel that both sides have opened."""
    channels = dynamic()
    ask = CreateRequest(channel, DISPLAY).encode()
    assert channels.from_target("drdynvc", chunk(ask)).forward == (chunk(ask),)
    assert channels.from_client("drdynvc", chunk(created(channel))).forward
    return channels


@given(st.binary(max_size=5000), st.booleans())
def test_a_message_comes_back_from_its_chunks(message: bytes, show: bool) -> None:
    flags = ChannelFlag.SHOW_PROTOCOL if show else ChannelFlag(0)
    chunks = split(message, flags)
    assert all(len(piece) <= CHUNK + 8 for piece in chunks)
    joiner = Joiner()
    *before, last = (joiner.feed(piece) for piece in chunks)
    assert before == [None] * len(before)
    assert last is not None
    assert (last.data, last.whole, last.flags & ChannelFlag.SHOW_PROTOCOL) == (message, True, flags)


def test_a_message_of_two_gigabytes_is_counted_and_not_held() -> None:
    """Attack 76: 2^31 octets are announced; one mebibyte is the most that is ever held."""
    joiner = Joiner(4 * MOST_MESSAGE)
    piece = bytes(MOST_MESSAGE)
    joiner.feed(chunk(piece, FIRST, 2**31))
    for _ in range(3):
        assert joiner.feed(chunk(piece, 0, 2**31)) is None
    assert len(joiner._held) == MOST_MESSAGE


def test_of_a_message_that_is_too_large_the_beginning_and_the_length_are_known() -> None:
    joiner = Joiner(10)
    joiner.feed(chunk(b"12345678", FIRST, 16))
    assert joiner.feed(chunk(b"abcdefgh", LAST, 16)) == Message(b"12345678ab", 16, ChannelFlag.FIRST)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"\0\0\0",),
        (chunk(b"123", BOTH, 2),),
        (chunk(b"123", BOTH, 4),),
        (chunk(b"123", FIRST, 4), chunk(b"12", LAST, 4)),
        (chunk(b"12", FIRST, 4), chunk(b"12", LAST, 5)),
        (chunk(b"12", BOTH | ChannelFlag.COMPRESSED),),
    ],
)
def test_a_chunk_that_lies_is_refused(pieces: tuple[bytes, ...]) -> None:
    joiner = Joiner()
    with pytest.raises(RemoteProtocolError):
        for piece in pieces:
            joiner.feed(piece)


def test_a_chunk_without_a_beginning_is_dropped_and_a_new_beginning_counts() -> None:
    joiner = Joiner()
    assert joiner.feed(chunk(b"tail", LAST)) is None
    assert joiner.feed(chunk(b"lost", FIRST, 9)) is None
    assert joiner.feed(chunk(b"whole")) == Message(b"whole", 5, ChannelFlag.FIRST | ChannelFlag.LAST)


def test_only_channels_that_the_rules_need_may_exist() -> None:
    assert ChannelRules().names() == frozenset()
    assert ChannelRules(clipboard_in=True).names() == {"cliprdr"}
    assert ChannelRules(clipboard_out=True, dynamic=frozenset({DISPLAY})).names() == {"cliprdr", "drdynvc"}


@pytest.mark.parametrize("name", sorted(UNRECORDED))
def test_no_rule_lets_pictures_past_the_recording(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        ChannelRules(dynamic=frozenset({name}))


@pytest.mark.parametrize("name", ["rdpdr", "rdpsnd", "rail", "cliprdr", "RDPDR", "", "x" * 8])
def test_a_channel_off_by_policy_is_dropped_in_both_directions_and_said_once(name: str) -> None:
    """Attack 74."""
    channels = ChannelFilter(ChannelRules(dynamic=frozenset({DISPLAY})), {1100: "drdynvc", 1101: name})
    assert channels.from_client(name, chunk(b"x")) == Filtered(refused=(name.lower(),) if name else ())
    assert channels.from_target(name, chunk(b"x")) == Filtered()


def test_an_allowed_channel_that_the_client_never_joined_is_dropped() -> None:
    """Attack 74: an unlisted channel."""
    channels = ChannelFilter(ChannelRules(dynamic=frozenset({DISPLAY})), {1100: "rdpsnd"})
    assert channels.from_target("drdynvc", chunk(CreateRequest(1, DISPLAY).encode())).forward == ()


def test_an_unlisted_dynamic_channel_is_refused_to_the_target_and_the_client_never_hears_of_it() -> None:
    """Attack 74."""
    answer = dynamic().from_target("drdynvc", chunk(CreateRequest(7, GRAPHICS).encode()))
    assert answer == Filtered(reply=(chunk(bytes.fromhex("1007010000c0")),), refused=(GRAPHICS,))


@pytest.mark.parametrize("width", [0, 1, 2])
def test_a_refusal_has_the_width_of_the_request(width: int) -> None:
    request = CreateRequest(7, GRAPHICS, width)
    answer = dynamic().from_target("drdynvc", chunk(request.encode()))
    head = bytes((0x10 | width,)) + (7).to_bytes(1 << width, "little")
    assert answer.reply == (chunk(head + bytes.fromhex("010000c0")),)


def test_capabilities_pass() -> None:
    capabilities = chunk(bytes.fromhex("500002000000000000000000"))
    assert dynamic().from_target("drdynvc", capabilities).forward == (capabilities,)
    assert dynamic().from_client("drdynvc", chunk(bytes.fromhex("50000200"))).forward


def test_data_passes_on_an_open_channel_in_both_directions() -> None:
    channels = opened(5)
    assert channels.from_client("drdynvc", chunk(data(5))).forward == (chunk(data(5)),)
    assert channels.from_target("drdynvc", chunk(data(5))).forward == (chunk(data(5)),)


@pytest.mark.parametrize("command", [2, 3, 4, 6, 7, 8, 9, 0, 15])
def test_nothing_passes_on_a_channel_that_was_never_opened(command: int) -> None:
    """Attack 74."""
    message = chunk(bytes((command << 4, 6)) + b"x")
    channels = opened(5)
    assert channels.from_client("drdynvc", message) == Filtered()
    assert channels.from_target("drdynvc", message) == Filtered()


def test_data_before_the_client_agreed_is_dropped() -> None:
    channels = dynamic()
    channels.from_target("drdynvc", chunk(CreateRequest(5, DISPLAY).encode()))
    assert channels.from_target("drdynvc", chunk(data(5))) == Filtered()


def test_data_after_the_client_declined_is_dropped() -> None:
    channels = dynamic()
    channels.from_target("drdynvc", chunk(CreateRequest(5, DISPLAY).encode()))
    assert channels.from_client("drdynvc", chunk(created(5, 0xC0000001))).forward
    assert channels.from_target("drdynvc", chunk(data(5))) == Filtered()


def test_a_client_cannot_open_what_nobody_asked_for() -> None:
    channels = dynamic()
    assert channels.from_client("drdynvc", chunk(created(5))) == Filtered()
    assert channels.from_client("drdynvc", chunk(data(5))) == Filtered()


@pytest.mark.parametrize("name", [DISPLAY, GRAPHICS])
def test_the_id_of_an_open_channel_is_not_used_again(name: str) -> None:
    """Attack 74: channel reuse, an unlisted name under the id of a listed one."""
    channels = opened(5)
    answer = channels.from_target("drdynvc", chunk(CreateRequest(5, name).encode()))
    assert (answer.forward, answer.refused) == ((), (name,))
    assert answer.reply


def test_a_closed_channel_is_closed_and_its_id_may_be_used_again() -> None:
    channels = opened(5)
    assert channels.from_target("drdynvc", chunk(close(5))).forward
    assert channels.from_client("drdynvc", chunk(data(5))) == Filtered()
    assert channels.from_client("drdynvc", chunk(close(5))).forward
    assert channels.from_client("drdynvc", chunk(close(5))) == Filtered()
    assert channels.from_target("drdynvc", chunk(CreateRequest(5, DISPLAY).encode())).forward
    assert channels.from_target("drdynvc", chunk(CreateRequest(5, GRAPHICS).encode())).forward == ()


def test_no_more_channels_than_the_most_are_opened() -> None:
    channels = dynamic()
    for number in range(MOST_CHANNELS):
        assert channels.from_target("drdynvc", chunk(CreateRequest(number, DISPLAY).encode())).forward
    assert channels.from_target("drdynvc", chunk(CreateRequest(99, DISPLAY).encode())).reply


def test_a_name_in_the_audit_has_no_control_characters_and_an_end() -> None:
    """Attack 61."""
    answer = dynamic().from_target("drdynvc", chunk(CreateRequest(1, "\x1b[2J<\n" + "x" * 500).encode()))
    assert answer.refused == ("?[2J<?" + "x" * 122,)


def test_a_flood_of_names_is_said_up_to_a_bound() -> None:
    channels = dynamic()
    said = [
        name
        for number in range(400)
        for name in channels.from_target("drdynvc", chunk(CreateRequest(1, f"name{number}").encode())).refused
    ]
    assert len(said) == 256


@pytest.mark.parametrize(
    "message", [b"", b"\x10", b"\x10\x05no end", b"\x13\x05\0\0\0\0\0\0\0\0", b"\x30", bytes(70_000)]
)
def test_a_truncated_or_overlong_message_is_refused(message: bytes) -> None:
    channels = dynamic()
    with pytest.raises(RemoteProtocolError):
        for piece in split(message):
            channels.from_target("drdynvc", piece)


PIECES = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["drdynvc", "cliprdr", "rdpdr"]), st.binary(max_size=60)), max_size=8
)


@given(PIECES, st.booleans(), st.booleans())
def test_anything_at_all_passes_as_chunks_or_is_refused(
    pieces: list[tuple[bool, str, bytes]], inwards: bool, outwards: bool
) -> None:
    rules = ChannelRules(clipboard_in=inwards, clipboard_out=outwards, clipboard_octets=50, dynamic=frozenset({"a"}))
    channels = ChannelFilter(rules, {1: "drdynvc", 2: "cliprdr"})
    for from_client, name, message in pieces:
        take = channels.from_client if from_client else channels.from_target
        with contextlib.suppress(RemoteProtocolError):
            answer = take(name, chunk(message))
            assert all(len(piece) <= CHUNK + 8 for piece in answer.forward + answer.reply)


def test_nothing_that_passes_is_in_a_repr() -> None:
    answer = Filtered((b"secret",), (b"secret",), (("in", "secret"),), ("name",))
    assert "secret" not in repr(answer)
