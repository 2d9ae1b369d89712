"""Uploads that are held reach the spool and not the target."""

import hashlib
from dataclasses import replace

import pytest

from gateway.sftp.attributes import Attributes
from gateway.sftp.effects import Block, Held, HeldRemove, HeldRename, HeldTruncate, HeldWrite
from gateway.sftp.hold import NAMED
from gateway.sftp.messages import (
    ByHandle,
    ByPath,
    CopyData,
    Extension,
    Open,
    SetByHandle,
    SetByPath,
    TwoPaths,
    Write,
)
from gateway.sftp.packets import OpenFlags, Status, Type
from gateway.sftp.proxy import Proxy
from tests.sftp.house import ALL, NEW, Talk

NONE = Attributes()
HOLD = replace(ALL, hold=True)


def spooled(talk: Talk) -> list[object]:
    return [effect for effect in talk.effects if isinstance(effect, Held)]


def upload(talk: Talk, path: str, content: bytes = b"content") -> None:
    handle = talk.open(path, NEW)
    assert talk.write(handle, 0, content) == Status.OK
    assert talk.close(handle) == Status.OK


@pytest.mark.parametrize("paths", [None, ("/srv/in",)])
def test_an_upload_goes_to_the_spool_and_the_target_never_hears_of_it(paths):
    talk = Talk(replace(HOLD, paths=paths))
    before = dict(talk.target.files)
    upload(talk, "/srv/in/sub/../new")
    assert talk.target.files == before
    opened, written, closed = spooled(talk)
    assert (opened.path, written.data, written.offset, closed.file) == ("/srv/in/new", b"content", 0, 1)
    assert isinstance(written.note, Block)
    (entry,) = talk.entries
    assert (entry.verdict, entry.path, entry.partial) == ("held", "/srv/in/new", False)
    assert entry.sha256 == hashlib.sha256(b"content").hexdigest()


def test_a_held_file_outside_of_the_permitted_paths_is_refused_like_any_other():
    talk = Talk(replace(HOLD, paths=("/srv/in",)))
    assert talk.code(Open, Type.OPEN, b"/srv/in/etc/x", int(NEW), NONE) == Status.PERMISSION_DENIED
    assert spooled(talk) == []


def test_winscp_uploads_to_another_name_looks_sets_the_time_and_renames():
    talk = Talk(HOLD)
    handle = talk.open("/srv/in/x.filepart", NEW)
    talk.write(handle, 0, b"content")
    assert talk.code(SetByHandle, Type.FSETSTAT, handle, Attributes(permissions=0o644)) == Status.OK
    assert talk.ask(ByHandle, Type.FSTAT, handle).attributes.size == 7
    talk.close(handle)
    assert talk.code(SetByPath, Type.SETSTAT, b"/srv/in/x.filepart", Attributes(times=(1, 2))) == Status.OK
    assert talk.code(TwoPaths, Type.RENAME, b"/srv/in/x.filepart", b"/srv/in/x") == Status.OK
    assert talk.ask(ByPath, Type.STAT, b"/srv/in/x").attributes.size == 7
    assert talk.code(ByPath, Type.STAT, b"/srv/in/x.filepart") == Status.NO_SUCH_FILE
    assert [e.path for e in talk.effects if isinstance(e, HeldRename)] == ["/srv/in/x"]
    assert set(talk.target.files) == {"/etc/passwd", "/srv/in/a"}


def test_a_held_file_is_removed_uploaded_anew_and_replaced_in_the_spool_alone():
    talk = Talk(HOLD)
    upload(talk, "/srv/in/x")
    upload(talk, "/srv/in/x", b"again")
    upload(talk, "/srv/in/y")
    assert talk.code(TwoPaths, Type.RENAME, b"/srv/in/y", b"/srv/in/x") == Status.FAILURE
    assert talk.code(TwoPaths, Extension.POSIX_RENAME, b"/srv/in/y", b"/srv/in/x") == Status.OK
    assert talk.code(ByPath, Type.REMOVE, b"/srv/in/x") == Status.OK
    assert [e.file for e in talk.effects if isinstance(e, HeldRemove)] == [1, 2, 3]
    assert talk.code(Open, Type.OPEN, b"/srv/in/x", int(NEW | OpenFlags.EXCL), NONE) == Status.OK


@pytest.mark.parametrize(
    "request_",
    [
        (Open, Type.OPEN, b"/srv/in/a", OpenFlags.WRITE, NONE),
        (Open, Type.OPEN, b"/srv/in/a", OpenFlags.WRITE | OpenFlags.CREAT | OpenFlags.APPEND, NONE),
        (Open, Type.OPEN, b"/srv/in/a", OpenFlags.READ | OpenFlags.WRITE | OpenFlags.CREAT, NONE),
        (Open, Type.OPEN, b"/srv/in/a", OpenFlags.TRUNC, NONE),
        (Open, Type.OPEN, b"/srv/in/line\nbreak", int(NEW), NONE),
        (SetByPath, Type.SETSTAT, b"/srv/in/a", Attributes(size=0)),
        (SetByPath, Extension.LSETSTAT, b"/srv/in/a", Attributes(size=0)),
        (TwoPaths, Type.SYMLINK, b"/tmp/x", b"/srv/in/l"),
        (TwoPaths, Extension.HARDLINK, b"/srv/in/a", b"/srv/in/l"),
    ],
)
def test_what_would_change_the_target_past_the_spool_is_refused_with_words(request_):
    talk = Talk(HOLD)
    reply = talk.ask(*request_)
    assert reply.code == Status.PERMISSION_DENIED
    assert len(reply.words) > len("no hold")
    assert spooled(talk) == []
    assert talk.target.files["/srv/in/a"] == b"content"


def test_a_handle_that_was_opened_before_the_rule_does_not_shorten_the_file():
    talk = Talk(ALL)
    handle = talk.open("/srv/in/a", OpenFlags.WRITE)
    talk.proxy.rules = HOLD
    assert talk.code(SetByHandle, Type.FSETSTAT, handle, Attributes(size=0)) == Status.PERMISSION_DENIED
    assert talk.write(handle, 0, b"past") == Status.PERMISSION_DENIED
    assert talk.target.files["/srv/in/a"] == b"content"


def test_a_held_file_is_not_read():
    talk = Talk(HOLD)
    handle = talk.open("/srv/in/x", NEW | OpenFlags.READ)
    asked = len(talk.target.asked)
    assert talk.read(handle, 0, 1).code == Status.FAILURE
    assert talk.code(ByHandle, Extension.FSTATVFS, handle) == Status.OP_UNSUPPORTED
    talk.close(handle)
    assert talk.code(Open, Type.OPEN, b"/srv/in/x", OpenFlags.READ, NONE) == Status.PERMISSION_DENIED
    assert len(talk.target.asked) == asked


def test_downloads_are_not_held():
    talk = Talk(HOLD)
    handle = talk.open("/srv/in/a")
    assert talk.read(handle, 0, 7).data == b"content"


def test_a_spool_that_is_full_says_so_and_the_upload_is_not_held():
    talk = Talk(HOLD, spool=lambda effect: "The spool is full." if isinstance(effect, HeldWrite) else "")
    handle = talk.open("/srv/in/x", NEW)
    reply = talk.ask(Write, Type.WRITE, handle, 0, b"x")
    assert (reply.code, reply.words) == (Status.FAILURE, b"The spool is full.")
    talk.close(handle)
    assert talk.entries[0].partial


def test_an_upload_that_was_cut_is_partial_and_not_held():
    talk = Talk(HOLD)
    talk.write(talk.open("/srv/in/x", NEW), 0, b"x")
    assert [effect.entry.verdict for effect in talk.proxy.closed()] == ["partial"]


def test_a_file_made_longer_by_setting_its_size_is_followed():
    talk = Talk(HOLD)
    handle = talk.open("/srv/in/x", NEW)
    assert talk.code(SetByHandle, Type.FSETSTAT, handle, Attributes(size=3)) == Status.OK
    talk.write(handle, 0, b"abc")
    talk.close(handle)
    assert [e.size for e in talk.effects if isinstance(e, HeldTruncate)] == [3]
    assert not talk.entries[0].partial


def test_a_key_is_done_once_and_a_strange_one_is_nothing():
    assert Proxy(HOLD, lambda *_: "no").spooled(7) == []
    assert NAMED.endswith(".")


def test_a_held_file_has_no_handle_at_the_target_even_when_files_are_not_held_any_more():
    talk = Talk(HOLD)
    held = talk.open("/srv/in/x", NEW)
    talk.proxy.rules = ALL
    source = talk.open("/srv/in/a")
    before = len(talk.target.asked)
    assert talk.code(CopyData, Extension.COPY_DATA, source, 0, 0, held, 0) == Status.FAILURE
    assert talk.write(held, 0, b"content") == Status.OK
    assert talk.close(held) == Status.OK
    assert talk.target.asked[before:] == []
