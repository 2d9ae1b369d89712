"""Security 37: nothing leads out of the permitted paths."""

from dataclasses import replace

import pytest

from gateway.sftp.attributes import Attributes
from gateway.sftp.effects import ToClient, ToTarget
from gateway.sftp.messages import ByPath, CopyData, Extension, Open, SetByPath, TwoPaths
from gateway.sftp.packets import OpenFlags, Status, Type
from gateway.sftp.responses import NameReply
from tests.sftp.house import ALL, NEW, Talk, Target

NONE = Attributes()
RULES = replace(ALL, paths=("/srv/in", "/srv/out"))
OUT = {
    "absolute": b"/etc/passwd",
    "dots": b"/srv/in/../../etc/passwd",
    "dots of the start": b"../../etc/passwd",
    "dots to what is not there": b"/srv/in/../../nothing/at/all",
    "through a link": b"/srv/in/etc/passwd",
    "through a link of the start": b"etc/passwd",
    "the link itself": b"/srv/in/leak",
    "%2e": b"/srv/in/%2e%2e/%2E%2E/etc/passwd",
    "%2f": b"/srv/in/..%2f..%2fetc%2fpasswd",
    "backslash": b"/srv/in/..\\..\\etc\\passwd",
    "the parent": b"/srv",
    "the root": b"/",
    "a longer name": b"/srv/inside/x",
    "link and dots": b"/srv/in/etc/../etc/passwd",
}


@pytest.fixture(params=[True, False], ids=["a target that resolves links", "one that tidies the text"])
def talk(request):
    return Talk(RULES, Target(resolves=request.param))


def acted(talk: Talk) -> list[str]:
    """What the target was asked to do, the looks of the proxy itself apart."""
    looks = {Type.REALPATH, Type.LSTAT}
    return [m.kind for m in talk.target.asked if m.kind not in looks]


@pytest.mark.parametrize("path", OUT.values(), ids=OUT)
@pytest.mark.parametrize(
    "request_",
    [
        lambda path: (Open, Type.OPEN, path, OpenFlags.READ, NONE),
        lambda path: (Open, Type.OPEN, path, NEW, NONE),
        lambda path: (ByPath, Type.STAT, path),
        lambda path: (ByPath, Type.OPENDIR, path),
        lambda path: (ByPath, Type.REALPATH, path),
        lambda path: (ByPath, Extension.STATVFS, path),
        lambda path: (SetByPath, Type.SETSTAT, path, NONE),
    ],
    ids=["open", "create", "stat", "opendir", "realpath", "statvfs", "setstat"],
)
def test_no_path_leads_out(talk, path, request_):
    before = {name: bytes(content) for name, content in talk.target.files.items()}
    assert talk.code(*request_(path)) == Status.PERMISSION_DENIED
    assert acted(talk) == []
    assert [r.kind for r in talk.refusals] == ["paths"]
    assert before == talk.target.files
    assert talk.target.handles == {}


@pytest.mark.parametrize("path", [p for name, p in OUT.items() if name != "the link itself"])
def test_nothing_outside_is_removed_renamed_or_made(talk, path):
    inside = b"/srv/in/a"
    for asked in (
        (ByPath, Type.REMOVE, path),
        (ByPath, Type.RMDIR, path),
        (ByPath, Type.LSTAT, path),
        (ByPath, Type.READLINK, path),
        (SetByPath, Type.MKDIR, path, NONE),
        (SetByPath, Extension.LSETSTAT, path, NONE),
        *(
            (TwoPaths, kind, a, b)
            for kind in (Type.RENAME, Extension.POSIX_RENAME)
            for a, b in ((path, inside), (inside, path))
        ),
    ):
        assert talk.code(*asked) == Status.PERMISSION_DENIED
    assert acted(talk) == []


@pytest.mark.parametrize("path", [b"/srv/in", b"/srv/in/", b"/srv/in/.", b"/srv/in/sub/..", b"."])
def test_a_permitted_folder_itself_stays_where_it_is(talk, path):
    for asked in (
        (ByPath, Type.RMDIR, path),
        (TwoPaths, Type.RENAME, path, b"/srv/out/x"),
        (TwoPaths, Extension.POSIX_RENAME, path, b"/srv/out/x"),
    ):
        assert talk.code(*asked) == Status.PERMISSION_DENIED


def test_links_are_not_made(talk):
    for kind in (Type.SYMLINK, Extension.HARDLINK):
        assert talk.code(TwoPaths, kind, b"/srv/in/a", b"/srv/in/b") == Status.PERMISSION_DENIED
    assert acted(talk) == []
    assert len(talk.refusals) == 2


def test_what_tells_of_the_outside_is_not_carried(talk):
    for asked in (
        (ByPath, Extension.EXPAND_PATH, b"~/x"),
        (ByPath, Extension.HOME_DIRECTORY, b"root"),
        (CopyData, Extension.COPY_DATA, b"\0\0\0\1", 0, 0, b"\0\0\0\1", 0),
    ):
        assert talk.code(*asked) == Status.OP_UNSUPPORTED
    names = {name for name, _ in talk.greeting.extensions}
    assert not names & {b"expand-path@openssh.com", b"home-directory", b"copy-data", b"hardlink@openssh.com"}


def test_where_a_link_points_is_told_only_when_it_stays_inside(talk):
    assert talk.code(ByPath, Type.READLINK, b"/srv/in/etc") == Status.PERMISSION_DENIED
    assert isinstance(talk.ask(ByPath, Type.READLINK, b"/srv/in/here"), NameReply)


def test_inside_everything_works_and_the_start_is_the_first_permitted_folder(talk):
    assert talk.ask(ByPath, Type.REALPATH, b".").names[0].name == b"/srv/in"
    assert talk.code(SetByPath, Type.MKDIR, b"new/", NONE) == Status.OK
    handle = talk.open("new/file", NEW)
    assert talk.write(handle, 0, b"x") == Status.OK
    assert talk.close(handle) == Status.OK
    assert talk.target.files["/srv/in/new/file"] == b"x"
    assert talk.code(TwoPaths, Type.RENAME, b"new/file", b"/srv/out/file") == Status.OK
    assert talk.code(ByPath, Type.REMOVE, b"/srv/out/file") == Status.OK
    assert talk.code(ByPath, Type.LSTAT, b"etc") == Status.OK
    assert [e.path for e in talk.entries] == ["/srv/in/new/file"]
    assert talk.refusals == []


def test_a_link_that_stays_inside_is_followed_where_the_target_follows_it():
    talk = Talk(RULES)
    talk.target.files["/srv/in/sub/x"] = bytearray(b"x")
    talk.close(talk.open("/srv/in/here/x"))
    assert talk.entries[0].path == "/srv/in/sub/x"


def test_what_goes_to_the_target_is_the_canonical_path(talk):
    talk.open("/srv/in/sub/../a")
    (opened,) = [m for m in talk.target.asked if isinstance(m, Open)]
    assert opened.path == b"/srv/in/a"


def test_requests_that_wait_for_a_look_keep_their_order():
    talk = Talk(RULES)
    requests = (
        SetByPath(Type.MKDIR, 11, b"/srv/in/d", NONE),
        Open(Type.OPEN, 12, b"/srv/in/d/f", int(NEW), NONE),
        TwoPaths(Type.RENAME, 13, b"/srv/in/d/f", b"/srv/in/d/g"),
        ByPath(Type.REMOVE, 14, b"/srv/in/d/g"),
    )
    talk.say(b"".join(r.encode() for r in requests))
    assert acted(talk) == [Type.MKDIR, Type.OPEN, Type.RENAME, Type.REMOVE]
    assert [(r.id, getattr(r, "code", 0)) for r in talk.replies] == [(11, 0), (12, 0), (13, 0), (14, 0)]


def test_no_paths_at_all_are_none():
    talk = Talk(replace(ALL, paths=()))
    assert talk.code(ByPath, Type.STAT, b"/") == Status.PERMISSION_DENIED


def test_a_target_that_does_not_say_what_a_thing_is_has_it_refused(talk):
    talk.target.attributes = lambda path: Attributes(size=1)
    assert talk.code(Open, Type.OPEN, b"/srv/in/a", 1, NONE) == Status.PERMISSION_DENIED


def test_rules_that_narrow_while_a_request_waits_hold_for_it():
    talk = Talk(RULES)
    effects = talk.proxy.from_client(Open(Type.OPEN, 9, b"/srv/in/a", 1, NONE).encode())
    talk.proxy.rules = replace(RULES, read=False)
    talk.carry(effects)
    assert [r.kind for r in talk.refusals] == ["sftp.read"]
    assert not any(isinstance(m, Open) for m in talk.target.asked)
    assert isinstance(effects[0], ToTarget)


def test_what_is_noted_of_a_link_that_cannot_be_read_is_printable():
    talk = Talk()
    assert talk.code(ByPath, Type.READLINK, b"/no\x1b[2J\xff/x") == Status.NO_SUCH_FILE
    notes = [effect.note for effect in talk.effects if isinstance(effect, ToTarget | ToClient) and effect.note]
    assert [note["path"].isprintable() for note in notes if note["op"] == "readlink"] == [True, True]
