"""scp of old: its command lines, and its protocol in step."""

import hashlib
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.sftp import scp
from gateway.sftp.effects import Effect, Ledger, Refusal, ToClient, ToTarget
from gateway.sftp.ledger import DOWNLOAD, UPLOAD
from gateway.sftp.scp import ScpCommand
from gateway.sftp.scp_stream import AHEAD_OCTETS, ScpStream
from tests.sftp.house import ALL

UP = ScpCommand(UPLOAD, ("/srv/in",), directory=True)
DOWN = ScpCommand(DOWNLOAD, ("/srv/in/a",))
TREE = replace(UP, recursive=True)


@pytest.mark.parametrize(
    ("line", "way", "paths", "rebuilt"),
    [
        ("scp -t /tmp/x", UPLOAD, ("/tmp/x",), "scp -t /tmp/x"),
        ("scp -v -r -p -d -t -- /a", UPLOAD, ("/a",), "scp -v -r -p -d -t /a"),
        ("/usr/bin/scp -qrpt .", UPLOAD, (".",), "scp -r -p -t ."),
        ("scp -f /var/log/*.log", DOWNLOAD, ("/var/log/*.log",), "scp -f /var/log/*.log"),
        ("scp -f '/var/*' ~/x", DOWNLOAD, ("/var/*", "~/x"), "scp -f '/var/*' ~/x"),
        ('scp -f "a\'b"', DOWNLOAD, ("a'b",), "scp -f 'a'\\''b'"),
        ("scp -f -- -oProxyCommand=id", DOWNLOAD, ("-oProxyCommand=id",), "scp -f ./-oProxyCommand=id"),
        ("scp -f *", DOWNLOAD, ("*",), "scp -f ./*"),
        ("scp -t a\\;id", UPLOAD, ("a;id",), "scp -t 'a;id'"),
    ],
)
def test_known_forms_are_read_and_made_anew(line, way, paths, rebuilt):
    command = scp.parse(line)
    assert (command.way, command.paths, command.rebuild()) == (way, paths, rebuilt)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "scp",
        "scp -t",
        "scp -t a b",
        "scp -t -f x",
        "scp -t ''",
        "scp -S id -f x",
        "scp -oProxyCommand=id -t x",
        "scp -t $(id)",
        "scp -t `id`",
        "scp -t a;id",
        "scp -t a|id",
        "scp -t a&",
        "scp -t a>b",
        "scp -t a\nid",
        "scp -t {a,b}",
        'scp -t "$HOME"',
        "scp -t ~root/x",
        "scp -t 'open",
        "scp -t x\\",
        "scp -t x #",
        "exec scp -t x",
        "env A=b scp -t x",
        "./scp -t x",
        "scp '-t' x$IFS",
        "scp -t " + "x" * 20000,
    ],
)
def test_security_37_anything_else_is_no_scp(line):
    assert scp.parse(line) is None


@given(st.lists(st.text(min_size=1, max_size=20).filter(lambda t: "\0" not in t), min_size=1, max_size=4))
def test_whatever_the_paths_are_a_shell_gets_them_as_they_are(names):
    command = scp.parse("scp -f -- " + " ".join(shlex.quote(name) for name in names))
    assert command.paths == tuple(names)
    words = shlex.split(command.rebuild())
    assert words[2:] == [f"./{name}" if name.startswith("-") else name for name in names]


@given(st.text(max_size=60))
def test_what_was_made_anew_reads_the_same(text):
    command = scp.parse("scp -f " + text)
    if command is not None:
        again = scp.parse(command.rebuild())
        assert again.rebuild() == command.rebuild()


def stream(command: ScpCommand = UP, rules=ALL) -> ScpStream:
    return ScpStream(command, rules, lambda permission, path: f"no {permission}")


def up(effects: list[Effect]) -> bytes:
    return b"".join(e.data for e in effects if isinstance(e, ToTarget))


def down(effects: list[Effect]) -> bytes:
    return b"".join(e.data for e in effects if isinstance(e, ToClient))


def entries(effects: list[Effect]):
    return [e.entry for e in effects if isinstance(e, Ledger)]


def test_an_upload_is_followed_and_digested():
    follower = stream()
    assert down(follower.from_target(b"\0")) == b"\0"
    line = b"T1 0 1 0\nC0644 7 new\n"
    assert up(follower.from_client(line)) == b"T1 0 1 0\n"
    assert up(follower.from_target(b"\0")) == b"C0644 7 new\n"
    follower.from_target(b"\0")
    assert up(follower.from_client(b"cont")) == b"cont"
    assert up(follower.from_client(b"ent\0")) == b"ent\0"
    effects = follower.from_target(b"\0")
    (entry,) = entries(effects)
    assert (entry.path, entry.way, entry.octets, entry.verdict) == ("/srv/in/new", UPLOAD, 7, "passed")
    assert entry.sha256 == hashlib.sha256(b"content").hexdigest()
    assert follower.closed() == []


def test_a_download_is_followed_and_digested():
    follower = stream(DOWN)
    assert up(follower.from_client(b"\0")) == b"\0"
    assert down(follower.from_target(b"C0644 0 a\n")) == b"C0644 0 a\n"
    follower.from_client(b"\0")
    assert down(follower.from_target(b"\0")) == b"\0"
    (entry,) = entries(follower.from_client(b"\0"))
    assert (entry.path, entry.verdict, entry.sha256) == ("/srv/in/a", "passed", hashlib.sha256(b"").hexdigest())


def test_a_tree_has_the_paths_of_its_folders_and_a_refused_one_is_not_entered():
    follower = stream(TREE)
    follower.from_target(b"\0")
    for line in (b"D0755 0 no\n", b"D0755 0 sub\n"):
        follower.from_client(line)
        follower.from_target(b"\0" if b"sub" in line else b"\x01scp: no: Permission denied\n")
    follower.from_client(b"C0644 0 f\n")
    follower.from_target(b"\0")
    follower.from_client(b"\0")
    assert [e.path for e in entries(follower.from_target(b"\0"))] == ["/srv/in/sub/f"]


def test_a_source_that_runs_ahead_waits_for_the_sink():
    follower = stream()
    everything = b"C0644 3 a\nabc\0C0644 3 b\ndef\0"
    passed = up(follower.from_client(everything))
    assert passed == b""
    assert follower.full
    for _ in range(5):
        passed += up(follower.from_target(b"\0"))
    assert passed == everything
    assert not follower.full


def test_content_of_a_file_that_the_target_refused_is_read_as_lines_as_the_target_reads_it():
    follower = stream()
    follower.from_target(b"\0")
    follower.from_client(b"C0644 22 no\nC0644 3 /etc/x\nabc\0")
    with pytest.raises(RemoteProtocolError):
        follower.from_target(b"\x01scp: no: Permission denied\n")
    assert [e.verdict for e in entries(follower.closed())] == ["partial"]


@pytest.mark.parametrize("rules", [replace(ALL, write=False), replace(ALL, hold=True), replace(ALL, paths=("/srv",))])
def test_an_upload_that_may_not_be_is_refused_with_words_for_the_client_and_nothing_passes(rules):
    follower = stream(UP, rules)
    follower.from_target(b"\0")
    effects = follower.from_client(b"C0644 3 a\nabc\0")
    assert up(effects) == b""
    assert down(effects)[:1] == b"\x02"
    assert down(effects)[-1:] == b"\n"
    assert len([e for e in effects if isinstance(e, Refusal)]) == 1
    assert [e.verdict for e in entries(effects)] == ["refused"]
    assert follower.from_client(b"more") == []


def test_downloads_and_folders_need_their_permissions():
    follower = stream(DOWN, replace(ALL, read=False))
    follower.from_client(b"\0")
    assert down(follower.from_target(b"C0644 3 a\n")) == b"\x02no sftp.read\n"
    follower = stream(TREE, replace(ALL, mkdir=False))
    follower.from_target(b"\0")
    assert down(follower.from_client(b"D0755 0 sub\n")) == b"\x02no sftp.mkdir\n"


@pytest.mark.parametrize(
    "line",
    [
        b"C0644 3 ../x\n",
        b"C0644 3 /etc/x\n",
        b"C0644 3 ..\n",
        b"C0644 3 .\n",
        b"C0644 3 a\0b\n",
        b"D0755 0 sub\n",
        b"E\n",
        b"C0644 -3 a\n",
        b"C0644 99999999999999999999 a\n",
        b"C9 3 a\n",
        b"C0644 3 \n",
        b"Tx\n",
        b"hello\n",
        b"x" * 5000,
    ],
)
@pytest.mark.parametrize("command", [UP, DOWN], ids=["upload", "download"])
def test_a_name_that_leads_elsewhere_or_a_line_that_is_none_ends_the_channel(line, command):
    follower = stream(command)
    sink, source = (follower.from_target, follower.from_client)
    if command is DOWN:
        sink, source = source, sink
    sink(b"\0")
    with pytest.raises(RemoteProtocolError):
        source(line)


def test_a_sink_that_answers_unasked_and_a_source_far_ahead_end_the_channel():
    follower = stream()
    with pytest.raises(RemoteProtocolError):
        follower.from_target(b"\0\0")
    with pytest.raises(RemoteProtocolError):
        stream().from_client(bytes(AHEAD_OCTETS + 1))


def test_a_transfer_that_is_cut_leaves_a_partial_entry():
    follower = stream()
    follower.from_target(b"\0")
    follower.from_client(b"C0644 9 a\n")
    follower.from_target(b"\0")
    follower.from_client(b"abc")
    (entry,) = entries(follower.closed())
    assert (entry.verdict, entry.ranges) == ("partial", ((0, 3),))


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), max_size=12))
def test_anything_at_all_is_followed_or_refused(said):
    follower = stream(TREE)
    try:
        for client, data in said:
            (follower.from_client if client else follower.from_target)(data)
    except RemoteProtocolError:
        pass
    follower.closed()


@given(st.data())
def test_it_does_not_matter_how_the_octets_arrive(data):
    octets = b"C0644 3 a\nabc\0C0644 0 b\n\0"
    follower, passed = stream(), b""
    answers = 5
    found = []
    while octets or answers:
        if octets and (not answers or data.draw(st.booleans())):
            size = data.draw(st.integers(1, len(octets)))
            effects = follower.from_client(octets[:size])
            octets = octets[size:]
        elif answers and follower._step.name == "ANSWER":
            effects = follower.from_target(b"\0")
            answers -= 1
        else:
            effects = follower.from_client(octets)
            octets = b""
        passed += up(effects)
        found += entries(effects)
    assert passed == b"C0644 3 a\nabc\0C0644 0 b\n\0"
    assert [(e.path, e.verdict) for e in found] == [("/srv/in/a", "passed"), ("/srv/in/b", "passed")]
