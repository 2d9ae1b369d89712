"""What the proxy passes, answers itself, and ends the channel for."""

import hashlib
from dataclasses import replace

import pytest

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_HANDLES, SFTP_IN_FLIGHT
from gateway.sftp.attributes import Attributes
from gateway.sftp.effects import Block, Ledger, ToClient, ToTarget
from gateway.sftp.messages import (
    ByHandle,
    ByPath,
    CopyData,
    Extension,
    Init,
    Open,
    Plain,
    Read,
    SetByHandle,
    SetByPath,
    TwoPaths,
    Unknown,
    Write,
)
from gateway.sftp.needs import VERSIONS
from gateway.sftp.packets import U32, Framer, OpenFlags, Status, Type
from gateway.sftp.proxy import Proxy
from gateway.sftp.responses import (
    AttrsReply,
    DataReply,
    ExtendedReply,
    HandleReply,
    Name,
    NameReply,
    StatusReply,
    decode_response,
)
from gateway.sftp.rules import Rules
from tests.sftp.house import ALL, NEW, Talk

NONE = Attributes()
NEEDED = {
    "read": [(Open, Type.OPEN, b"/srv/in/a", OpenFlags.READ, NONE), (Open, Type.OPEN, b"/srv/in/a", 0, NONE)],
    "write": [
        *((Open, Type.OPEN, b"/srv/in/a", flag, NONE) for flag in (2, 4, 8, 16)),
        (SetByPath, Type.SETSTAT, b"/srv/in/a", NONE),
        (SetByPath, Extension.LSETSTAT, b"/srv/in/a", NONE),
        (TwoPaths, Type.SYMLINK, b"a", b"/srv/in/l"),
        (TwoPaths, Extension.HARDLINK, b"/srv/in/a", b"/srv/in/l"),
    ],
    "delete": [(ByPath, Type.REMOVE, b"/srv/in/a"), (ByPath, Type.RMDIR, b"/srv/in/sub")],
    "rename": [(TwoPaths, kind, b"/srv/in/a", b"/srv/in/b") for kind in (Type.RENAME, Extension.POSIX_RENAME)],
    "mkdir": [(SetByPath, Type.MKDIR, b"/srv/in/new", NONE)],
}
CASES = [(permission, request) for permission, requests in NEEDED.items() for request in requests]


def own(effects) -> int:
    """The id under which the last request went to the target."""
    return U32.unpack_from([e for e in effects if isinstance(e, ToTarget)][-1].data, 5)[0]


@pytest.mark.parametrize(("permission", "request_"), CASES, ids=lambda v: str(v)[:60])
def test_each_request_passes_with_its_one_permission_and_no_other_will_do(permission, request_):
    talk = Talk(Rules(**{permission: True}))
    assert talk.code(*request_) == Status.OK
    assert talk.refusals == []
    talk = Talk(replace(ALL, **{permission: False}))
    asked = len(talk.target.asked)
    reply = talk.ask(*request_)
    assert (reply.code, reply.words) == (Status.PERMISSION_DENIED, f"no sftp.{permission}".encode())
    assert len(talk.target.asked) == asked
    assert [r.kind for r in talk.refusals] == [f"sftp.{permission}"]
    last = talk.effects[-1] if isinstance(talk.effects[-1], ToClient) else talk.effects[-2]
    assert last.note["status"] == "refused"


def test_reading_and_writing_at_once_needs_both():
    for rules in (Rules(read=True), Rules(write=True)):
        assert Talk(rules).code(Open, Type.OPEN, b"/srv/in/a", 3, NONE) == Status.PERMISSION_DENIED
    assert Talk(Rules(read=True, write=True)).code(Open, Type.OPEN, b"/srv/in/a", 3, NONE) == Status.OK


@pytest.mark.parametrize("permission", ["read", "write", "delete", "rename", "mkdir"])
def test_looking_around_needs_any_permission(permission):
    talk = Talk(Rules(**{permission: True}))
    for kind in (Type.STAT, Type.LSTAT, Type.REALPATH, Type.OPENDIR, Extension.STATVFS):
        assert talk.code(ByPath, kind, b"/srv/in/a" if kind is not Type.OPENDIR else b"/srv/in") == Status.OK
    assert Talk(Rules()).code(ByPath, Type.STAT, b"/") == Status.PERMISSION_DENIED


def test_an_unknown_extended_request_is_refused_on_record_and_goes_nowhere():
    talk = Talk()
    asked = len(talk.target.asked)
    assert talk.code(Unknown, Type.EXTENDED, b"copy-file", b"\0\0\0\4/etc") == Status.OP_UNSUPPORTED
    assert len(talk.target.asked) == asked
    assert [r.kind for r in talk.refusals] == ["unsupported"]


def test_the_client_is_told_of_known_extensions_in_known_versions_alone():
    talk = Talk()
    talk.target.extensions = ((b"posix-rename@openssh.com", b"1"), (b"statvfs@openssh.com", b"3"), (b"odd", b"1"))
    again = Talk(target=talk.target)
    assert again.greeting == Init(Type.VERSION, 3, ((b"posix-rename@openssh.com", b"1"),))
    assert set(VERSIONS) == set(Extension)


def test_an_upload_and_a_download_are_digested_and_said_to_have_passed():
    talk = Talk()
    handle = talk.open("new", NEW)
    assert [talk.write(handle, n, b"abc") for n in (0, 3)] == [0, 0]
    assert talk.close(handle) == Status.OK
    handle = talk.open("/home/new")
    talk.read(handle, 0, 100)
    assert talk.read(handle, 6, 100).code == Status.EOF
    talk.close(handle)
    digest = hashlib.sha256(b"abcabc").hexdigest()
    found = [(e.number, e.way, e.path, e.octets, e.sha256, e.verdict) for e in talk.entries]
    assert found == [
        (1, "upload", "/home/new", 6, digest, "passed"),
        (2, "download", "/home/new", 6, digest, "passed"),
    ]
    blocks = [e.note for e in talk.effects if isinstance(getattr(e, "note", None), Block)]
    assert [(b.file, b.way, b.offset, b.length, bytes(b.content)) for b in blocks] == [
        (1, 1, 0, 3, b""),
        (1, 1, 3, 3, b""),
        (2, 0, 0, 6, b""),
    ]


def test_content_is_kept_when_a_copy_is_asked_for():
    talk = Talk(replace(ALL, copy=True))
    talk.write(talk.open("new", NEW), 0, b"abc")
    assert [bytes(e.note.content) for e in talk.effects if isinstance(getattr(e, "note", None), Block)] == [b"abc"]


@pytest.mark.parametrize(
    ("flags", "blocks", "verdict"),
    [
        (2, [(4, b"xy")], "partial"),  # reput
        (2, [(0, b"CONTENT")], "passed"),  # the whole of what was there
        (2, [(0, b"CON")], "partial"),  # its tail stays
        (2 | 4, [(0, b"x")], "partial"),  # append
        (2 | 4 | 8 | 16, [(0, b"x"), (0, b"y")], "passed"),  # append to nothing
        (NEW, [(3, b"x"), (0, b"abc")], "passed"),
        (NEW, [], "passed"),
    ],
)
def test_how_a_file_was_opened_decides_what_its_entry_can_say(flags, blocks, verdict):
    talk = Talk()
    handle = talk.open("/srv/in/a", flags)
    for offset, data in blocks:
        talk.write(handle, offset, data)
    talk.close(handle)
    assert [e.verdict for e in talk.entries] == [verdict]


def test_what_was_read_and_written_through_one_handle_has_an_entry_each_way():
    talk = Talk()
    handle = talk.open("/srv/in/a", 3)
    talk.read(handle, 0, 100)
    talk.write(handle, 0, b"CONTENT")
    talk.close(handle)
    assert [(e.number, e.way, e.verdict) for e in talk.entries] == [(1, "upload", "passed"), (1, "download", "partial")]


def test_a_write_that_the_target_refuses_makes_the_upload_partial():
    talk = Talk()
    handle = talk.open("new", NEW)
    effects = talk.proxy.from_client(Write(Type.WRITE, 90, handle, 0, b"x").encode())
    talk.carry(talk.proxy.from_target(StatusReply(own(effects), 4, b"disk full").encode()))
    talk.close(handle)
    assert [e.verdict for e in talk.entries] == ["partial"]


def test_a_connection_that_is_gone_leaves_an_entry_of_each_open_file_once():
    talk = Talk()
    talk.write(talk.open("new", NEW), 0, b"abc")
    talk.open("/srv/in/a")
    found = talk.proxy.closed()
    assert [(e.entry.number, e.entry.verdict) for e in found if isinstance(e, Ledger)] == [
        (1, "partial"),
        (2, "partial"),
    ]
    assert talk.proxy.closed() == []


@pytest.mark.parametrize("handle", [b"", b"\0\0\0\2", b"target's 1", b"\0" * 256])
def test_handles_of_others_and_of_nobody_are_refused_and_never_forwarded(handle):
    talk = Talk()
    talk.open("/srv/in/a", 3)
    asked = len(talk.target.asked)
    assert talk.code(Read, Type.READ, handle, 0, 1) == Status.FAILURE
    assert talk.code(Write, Type.WRITE, handle, 0, b"x") == Status.FAILURE
    for kind in (Type.CLOSE, Type.FSTAT, Type.READDIR, Extension.FSYNC, Extension.FSTATVFS):
        assert talk.code(ByHandle, kind, handle) == Status.FAILURE
    assert talk.code(SetByHandle, Type.FSETSTAT, handle, NONE) == Status.FAILURE
    assert talk.code(CopyData, Extension.COPY_DATA, handle, 0, 1, handle, 0) == Status.FAILURE
    assert len(talk.target.asked) == asked


def test_a_closed_handle_is_nobodys():
    talk = Talk()
    handle = talk.open("/srv/in/a")
    talk.close(handle)
    assert talk.read(handle, 0, 1).code == Status.FAILURE
    assert talk.open("/srv/in/a") != handle


def test_a_permission_that_is_gone_holds_for_what_is_open():
    talk = Talk()
    handle = talk.open("new", NEW)
    talk.proxy.rules = replace(ALL, write=False)
    assert talk.write(handle, 0, b"x") == Status.PERMISSION_DENIED
    talk.proxy.rules = replace(ALL, paths=("/srv/in",))
    assert talk.write(handle, 0, b"x") == Status.PERMISSION_DENIED
    assert talk.target.files["/home/new"] == b""
    assert talk.close(handle) == Status.OK


def test_no_more_files_are_open_at_once_than_are_bounded():
    talk = Talk()
    for _ in range(SFTP_HANDLES):
        talk.open("/srv/in/a")
    assert talk.code(Open, Type.OPEN, b"/srv/in/a", 1, NONE) == Status.FAILURE
    assert talk.code(ByPath, Type.OPENDIR, b"/srv") == Status.FAILURE


def test_requests_without_end_wait_unread_and_nothing_is_lost():
    talk = Talk()
    count = 3 * SFTP_IN_FLIGHT
    effects = talk.proxy.from_client(b"".join(ByPath(Type.STAT, n, b"/srv").encode() for n in range(count)))
    assert len(effects) == SFTP_IN_FLIGHT
    assert talk.proxy.full
    talk.carry(effects)
    assert {reply.id for reply in talk.replies} == set(range(count))
    assert not talk.proxy.full


def test_an_id_in_flight_is_not_used_twice():
    talk = Talk()
    request = ByPath(Type.STAT, 5, b"/srv").encode()
    effects = talk.proxy.from_client(request * 2)
    assert [type(e) for e in effects] == [ToTarget, ToClient]
    talk.carry(effects)
    assert [getattr(reply, "code", 0) for reply in talk.replies] == [Status.BAD_MESSAGE, 0]
    handle = talk.open("/srv/in/a")
    effects = talk.proxy.from_client(Read(Type.READ, 90, handle, 0, 1).encode() * 2)
    assert [type(e) for e in effects] == [ToTarget, ToClient]


def test_the_clients_id_and_the_targets_handle_never_cross():
    talk = Talk()
    handle = talk.open("/srv/in/a")
    assert b"target" not in handle
    effects = talk.proxy.from_client(Read(Type.READ, 4_000_000_000, handle, 0, 1).encode())
    assert own(effects) < 100
    (reply,) = talk.proxy.from_target(DataReply(own(effects), b"c").encode())
    assert decode_response(Framer().feed(reply.data)[0]) == DataReply(4_000_000_000, b"c")


@pytest.mark.parametrize(
    "response",
    [
        lambda n: DataReply(n + 1, b""),
        lambda n: DataReply(n, b"more than was asked for"),
        lambda n: HandleReply(n, b"h"),
        lambda n: NameReply(n, ()),
        lambda n: AttrsReply(n, NONE),
        lambda n: ExtendedReply(n, b""),
        lambda n: StatusReply(n, Status.OK),
        lambda n: Init(Type.VERSION, 3),
        lambda n: ByPath(Type.STAT, n, b"/"),
    ],
)
def test_a_target_that_answers_nonsense_ends_the_channel_and_the_ledger_stays(response):
    talk = Talk()
    handle = talk.open("/srv/in/a")
    effects = talk.proxy.from_client(Read(Type.READ, 90, handle, 0, 4).encode())
    with pytest.raises(RemoteProtocolError):
        talk.proxy.from_target(response(own(effects)).encode())
    assert [e.entry.verdict for e in talk.proxy.closed() if isinstance(e, Ledger)] == ["partial"]


def test_what_gathered_before_nonsense_is_not_lost():
    talk = Talk()
    handle = talk.open("new", NEW)
    effects = talk.proxy.from_client(ByHandle(Type.CLOSE, 90, handle).encode())
    with pytest.raises(RemoteProtocolError):
        talk.proxy.from_target(StatusReply(own(effects), 0).encode() + U32.pack(0))
    assert [e.entry.verdict for e in talk.proxy.closed() if isinstance(e, Ledger)] == ["passed"]


@pytest.mark.parametrize("name", [b"../x", b"a/b", b"", b"a\0b"])
def test_a_listing_cannot_lead_a_client_out_of_its_folder(name):
    talk = Talk()
    handle = talk.ask(ByPath, Type.OPENDIR, b"/srv/in").handle
    effects = talk.proxy.from_client(ByHandle(Type.READDIR, 90, handle).encode())
    with pytest.raises(RemoteProtocolError):
        talk.proxy.from_target(NameReply(own(effects), (Name(name, b"", NONE),)).encode())


def test_names_with_newlines_and_escapes_pass_and_are_noted_on_one_line():
    talk = Talk()
    name = "/srv/in/a\n\x1b[2Jb"
    talk.close(talk.open(name, NEW))
    assert name in talk.target.files
    assert talk.entries[0].path == "/srv/in/a\\u000a\\u001b[2Jb"


@pytest.mark.parametrize("path", [b"/srv/in/a\0/x", b"/" + b"x" * 4096])
@pytest.mark.parametrize("rules", [ALL, Rules(), replace(ALL, paths=("/srv",)), replace(ALL, hold=True)])
def test_a_path_that_no_target_can_have_is_answered_here(path, rules):
    talk = Talk(rules)
    asked = len(talk.target.asked)
    assert talk.code(ByPath, Type.REMOVE, path) == Status.FAILURE
    assert talk.code(Open, Type.OPEN, path, int(NEW), NONE) == Status.FAILURE
    assert talk.code(TwoPaths, Type.RENAME, b"/srv/in/a", path) == Status.FAILURE
    assert talk.entries == []
    assert len(talk.target.asked) == asked


@pytest.mark.parametrize(
    "data",
    [
        ByPath(Type.STAT, 1, b"/").encode(),
        Init(Type.INIT, 2).encode(),
        StatusReply(1, 0).encode(),
        b"SSH-2.0-lost\r\n",
        U32.pack(2**31),
    ],
)
def test_a_client_that_does_not_begin_with_init_ends_the_channel(data):
    with pytest.raises(RemoteProtocolError):
        Proxy(ALL, lambda *_: "no").from_client(data)


@pytest.mark.parametrize("version", [0, 2, 4, 6])
def test_a_target_of_another_version_ends_the_channel(version):
    proxy = Proxy(ALL, lambda *_: "no")
    proxy.from_client(Init(Type.INIT, 6, ((b"x", b"y"),)).encode())
    with pytest.raises(RemoteProtocolError):
        proxy.from_target(Init(Type.VERSION, version).encode())


def test_limits_are_those_of_the_gateway_where_they_are_narrower():
    talk = Talk()
    effects = talk.proxy.from_client(Plain(Extension.LIMITS, 90).encode())
    body = b"".join(n.to_bytes(8, "big") for n in (1 << 40, 0, 32768, 10))
    (reply,) = talk.proxy.from_target(ExtendedReply(own(effects), body).encode())
    numbers = decode_response(Framer().feed(reply.data)[0]).body
    assert [int.from_bytes(numbers[n : n + 8], "big") for n in (0, 8, 16, 24)] == [262144, 262144, 32768, 10]


def test_a_write_whose_length_lies_ends_the_channel():
    talk = Talk()
    packet = bytearray(Write(Type.WRITE, 90, talk.open("new", NEW), 0, b"abcd").encode())
    packet[28] = 200
    with pytest.raises(RemoteProtocolError):
        talk.proxy.from_client(bytes(packet))


def test_copying_on_the_target_leaves_no_digest():
    talk = Talk()
    source, sink = talk.open("/srv/in/a"), talk.open("new", NEW)
    assert talk.code(CopyData, Extension.COPY_DATA, source, 0, 0, sink, 0) == Status.OK
    talk.close(sink)
    assert talk.entries[0].verdict == "partial"
    seen = Talk(replace(ALL, copy=True))
    assert seen.code(CopyData, Extension.COPY_DATA, source, 0, 0, sink, 0) == Status.OP_UNSUPPORTED
