"""The clipboard: text, by direction, within its size, recorded as it passes (attacks 74 and 75)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.rdp.channel_filter import ChannelFilter, ChannelRules, Filtered
from gateway.rdp.clipboard import FAILED, LONG_NAMES, ClipboardType, format_list, pdu, read_text
from gateway.rdp.static_channels import Joiner, split

CAP = 1000  # octets of a text
OK, FAIL = 1, 2
FILE_LIST = 49_200  # FileGroupDescriptorW, as registered names are numbered
UNICODE = 13


class Line:
    """One connection's clipboard, whole messages in and out."""

    def __init__(self, *, inwards: bool = True, outwards: bool = True, long_names: bool = True, cap: int = CAP) -> None:
        rules = ChannelRules(clipboard_in=inwards, clipboard_out=outwards, clipboard_octets=cap)
        self.filter = ChannelFilter(rules, {1100: "CLIPRDR"})
        self.long_names = long_names
        flags = 0x3E if long_names else 0x3C
        general = struct.pack("<HHHHII", 1, 0, 1, 12, 2, flags)
        for take in (self.filter.from_target, self.filter.from_client):
            self.capabilities = self.tell(take, pdu(ClipboardType.CAPABILITIES, body=general))

    @staticmethod
    def tell(take, message: bytes) -> Filtered:
        *before, last = (take("cliprdr", piece) for piece in split(message))
        assert before == [Filtered()] * len(before)
        return last

    def client(self, kind: int, flags: int = 0, body: bytes = b"") -> Filtered:
        return self.tell(self.filter.from_client, struct.pack("<HHI", kind, flags, len(body)) + body)

    def target(self, kind: int, flags: int = 0, body: bytes = b"") -> Filtered:
        return self.tell(self.filter.from_target, struct.pack("<HHI", kind, flags, len(body)) + body)

    def names(self, *formats: tuple[int, str]) -> bytes:
        """Body of a Format List."""
        body = b""
        for number, name in formats:
            octets = name.encode("utf-16-le")
            body += struct.pack("<I", number) + (octets + b"\0\0" if self.long_names else octets[:32].ljust(32, b"\0"))
        return body


def joined(chunks: tuple[bytes, ...]) -> bytes:
    joiner = Joiner()
    *_, message = [joiner.feed(piece) for piece in chunks]
    assert message is not None
    return message.data


def text_of(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


def asked(line: Line) -> Line:
    """The target has asked for the client's Unicode text."""
    line.client(2, 0, line.names((UNICODE, "")))
    line.target(3, OK)
    assert line.target(4, 0, struct.pack("<I", UNICODE)).forward == split(pdu(ClipboardType(4), 0, b"\x0d\0\0\0"))
    return line


def test_capabilities_are_cut_to_the_long_names() -> None:
    assert joined(Line().capabilities.forward)[20:24] == struct.pack("<I", LONG_NAMES)
    assert joined(Line(long_names=False).capabilities.forward)[20:24] == bytes(4)


@pytest.mark.parametrize("long_names", [True, False])
def test_a_format_list_is_cut_to_text(long_names: bool) -> None:
    """Attack 75: files, pictures and HTML are not offered on."""
    line = Line(long_names=long_names)
    offered = line.names((FILE_LIST, "FileGroupDescriptorW"), (1, ""), (2, ""), (7, ""), (13, "any"), (8, ""))
    answer = line.client(2, 0, offered)
    assert joined(answer.forward)[8:] == format_list((1, 7, 13), long_names=long_names)


@pytest.mark.parametrize(("inwards", "outwards"), [(True, False), (False, True)])
def test_a_direction_that_is_denied_shows_an_empty_list(inwards: bool, outwards: bool) -> None:
    """Attack 74: half of a channel off by policy."""
    line = Line(inwards=inwards, outwards=outwards)
    seen = [joined(tell(2, 0, line.names((13, ""))).forward)[8:] for tell in (line.client, line.target)]
    text = format_list((13,), long_names=True)
    assert seen == [text if inwards else b"", text if outwards else b""]


@pytest.mark.parametrize(("inwards", "outwards"), [(True, False), (False, True)])
def test_a_request_against_the_allowed_direction_fails_and_is_not_passed_on(inwards: bool, outwards: bool) -> None:
    """Attack 74: ask for the text although the list was empty."""
    line = Line(inwards=inwards, outwards=outwards)
    owner, thief = (line.target, line.client) if inwards else (line.client, line.target)
    owner(2, 0, line.names((13, "")))
    assert thief(4, 0, struct.pack("<I", 13)) == Filtered(reply=split(FAILED))
    assert owner(5, OK, text_of("unasked")) == Filtered()


def test_text_is_handed_out_as_it_passes() -> None:
    answer = asked(Line()).client(5, OK, text_of("Ventil 7 öffnen"))
    assert answer.texts == (("in", "Ventil 7 öffnen"),)
    assert joined(answer.forward) == pdu(ClipboardType(5), OK, text_of("Ventil 7 öffnen"))


def test_text_of_the_target_goes_out() -> None:
    line = Line()
    line.target(2, 0, line.names((13, "")))
    line.client(4, 0, struct.pack("<I", 13))
    assert line.target(5, OK, text_of("log")).texts == (("out", "log"),)


@pytest.mark.parametrize("octets", [CAP + 2, 200_000, 3_000_000])
def test_text_over_the_cap_becomes_a_failure_and_passes_nowhere(octets: int) -> None:
    line = asked(Line())
    answer = line.client(5, OK, b"a\0" * (octets // 2))
    assert answer == Filtered(forward=split(FAILED), refused=("cliprdr: text over the cap",))
    line.target(4, 0, struct.pack("<I", 13))
    assert line.client(5, OK, b"a\0" * (CAP // 2)).texts == (("in", "a" * (CAP // 2)),)


@pytest.mark.parametrize(("cap", "octets", "passes"), [(100_000, 100_000, True), (1 << 21, 1_500_000, False)])
def test_a_text_as_large_as_the_cap_passes_unless_it_is_more_than_is_ever_held(
    cap: int, octets: int, passes: bool
) -> None:
    line = Line(cap=cap)
    line.client(2, 0, line.names((13, "")))
    line.target(4, 0, struct.pack("<I", 13))
    answer = line.client(5, OK, b"a\0" * (octets // 2))
    assert bool(answer.texts) is passes
    assert (answer.forward == split(FAILED)) is not passes


def test_a_failure_is_passed_on() -> None:
    assert asked(Line()).client(5, FAIL).forward == split(FAILED)


@pytest.mark.parametrize("wanted", [FILE_LIST, 2, 8, 0, 2**31, 1])
def test_a_request_for_what_was_not_offered_as_text_fails(wanted: int) -> None:
    """Attack 75: ask for the file list although it was cut."""
    line = Line()
    line.client(2, 0, line.names((FILE_LIST, "FileGroupDescriptorW"), (13, "")))
    answer = line.target(4, 0, struct.pack("<I", wanted))
    assert answer == Filtered(reply=split(FAILED))


@pytest.mark.parametrize(("kind", "flags"), [(8, 0), (9, OK), (9, FAIL)])
def test_files_never_pass_and_the_attempt_is_said(kind: int, flags: int) -> None:
    """Attack 75: clipboard file transfer, both PDUs, both directions, of any size."""
    line = Line()
    assert line.client(kind, flags, bytes(28)) == Filtered(refused=("cliprdr: file contents",))
    assert line.target(kind, flags, bytes(28)) == Filtered()
    assert line.target(kind, flags, bytes(900_000)) == Filtered()


@pytest.mark.parametrize("kind", [0, 6, 10, 11, 12, 0x7FFF])
def test_locks_the_temporary_directory_and_the_unknown_are_dropped(kind: int) -> None:
    """Attack 75."""
    line = Line()
    assert line.client(kind, 0, bytes(520)) == Filtered()
    assert line.target(kind, 0, bytes(520)) == Filtered()


def test_the_monitor_is_ready_in_one_direction() -> None:
    assert Line().target(1).forward == split(pdu(ClipboardType.MONITOR_READY))
    assert Line().client(1) == Filtered()


def test_data_that_nobody_asked_for_is_dropped() -> None:
    """Attack 75: push without a request; a second answer to one request."""
    line = asked(Line())
    assert line.target(5, OK, text_of("x")) == Filtered()
    assert line.client(5, OK, text_of("first")).texts
    assert line.client(5, OK, text_of("second")) == Filtered()


def test_an_answer_to_a_list_passes_once() -> None:
    line = Line()
    assert line.target(3, OK) == Filtered()
    line.client(2, 0, line.names((13, "")))
    assert line.target(3, OK | 0x100).forward == split(pdu(ClipboardType.FORMAT_LIST_RESPONSE, OK))
    assert line.target(3, OK) == Filtered()


def test_a_new_list_takes_the_place_of_the_older() -> None:
    line = Line()
    line.client(2, 0, line.names((13, "")))
    line.client(2, 0, line.names((FILE_LIST, "FileGroupDescriptorW")))
    assert line.target(4, 0, struct.pack("<I", 13)) == Filtered(reply=split(FAILED))


def test_requests_and_lists_without_an_answer_are_bounded() -> None:
    line = Line()
    line.client(2, 0, line.names((13, "")))
    answers = [line.target(4, 0, struct.pack("<I", 13)) for _ in range(20)]
    assert sum(bool(answer.forward) for answer in answers) == 16
    with pytest.raises(RemoteProtocolError, match="format lists"):
        for _ in range(20):
            line.client(2, 0, b"")


def test_what_follows_the_end_of_the_text_does_not_pass() -> None:
    """Attack 75: a file hidden behind the text that the record shows."""
    answer = asked(Line()).client(5, OK, text_of("harmless") + bytes(range(200)))
    assert joined(answer.forward)[8:] == text_of("harmless")
    assert answer.texts == (("in", "harmless"),)


@given(st.binary(max_size=400), st.sampled_from([1, 7, 13]))
def test_whatever_passes_says_exactly_what_is_recorded(data: bytes, wanted: int) -> None:
    text, kept = read_text(wanted, data)
    assert read_text(wanted, kept) == (text, kept)
    assert len(kept) <= len(data) + 2
    text.encode("utf-8")


def test_eight_bit_text_passes_octet_by_octet() -> None:
    assert read_text(1, b"20 \x80\0rest") == ("20 €", b"20 \x80\0")
    assert read_text(7, b"\x81\x8d") == ("\x81\x8d", b"\x81\x8d\0")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\2\0\0\0",
        struct.pack("<HHI", 5, OK, 2**31),
        struct.pack("<HHI", 2, 0, 5) + b"abc",
        struct.pack("<HHI", 4, 0, 2) + b"\x0d\0",
        struct.pack("<HHI", 7, 0, 8) + struct.pack("<HHHH", 1, 0, 1, 3),
        struct.pack("<HHI", 7, 0, 4) + struct.pack("<HH", 9, 0),
        struct.pack("<HHI", 2, 0, 100_000) + bytes(100_000),
    ],
)
def test_what_is_truncated_or_lies_about_its_length_is_refused(message: bytes) -> None:
    """Attack 76."""
    line = asked(Line())
    with pytest.raises(RemoteProtocolError):
        line.tell(line.filter.from_client, message)


def test_octets_after_the_body_are_a_senders_padding() -> None:
    """xrdp puts four zero octets there."""
    line = Line()
    answer = line.tell(line.filter.from_target, pdu(ClipboardType.MONITOR_READY) + bytes(4))
    assert joined(answer.forward) == pdu(ClipboardType.MONITOR_READY)
