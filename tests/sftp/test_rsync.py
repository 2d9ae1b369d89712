"""rsync's command lines."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sftp import rsync
from gateway.sftp.ledger import DOWNLOAD, UPLOAD


@pytest.mark.parametrize(
    ("line", "way", "paths", "deletes"),
    [
        ("rsync --server -vlogDtpre.iLsfxCIvu . /srv/in/", UPLOAD, ("/srv/in/",), False),
        ("rsync --server --sender -vlogDtpre.iLsfxCIvu . /srv/* b", DOWNLOAD, ("/srv/*", "b"), False),
        ("rsync --server -re.iLsfxCIvu --delete-during --partial . x", UPLOAD, ("x",), True),
        ("rsync --server --sender -re.iLsfxCIvu --remove-source-files . x", DOWNLOAD, ("x",), True),
        ("rsync --server -B700ze31.14iLs --timeout=30 --log-format=%i . 'a b'", UPLOAD, ("a b",), False),
    ],
)
def test_known_forms_are_read_and_made_anew(line, way, paths, deletes):
    command = rsync.parse(line)
    assert (command.way, command.paths, command.deletes) == (way, paths, deletes)
    assert rsync.parse(command.rebuild()).argv == command.argv


@pytest.mark.parametrize(
    "line",
    [
        "rsync",
        "rsync --server . x",
        "rsync --server -re.iLs",
        "rsync --server -re.iLs .",
        "rsync --server -re.iLs . a b",
        "rsync --daemon --config=/tmp/x . a",
        "rsync --server --daemon . a",
        "rsync --server -re.iLs --log-file=/etc/cron.d/x . a",
        "rsync --server -re.iLs --temp-dir /etc . a",
        "rsync --server -re.iLs --copy-dest=/etc . a",
        "rsync --server -re.iLs --files-from=/etc/passwd . a",
        "rsync --server -re.iLs --rsh=id . a",
        "rsync --server -re.iLs --write-devices . a",
        "rsync --server -re.iLs --timeout . a",
        "rsync --server -se.LsfxCIvu . a",
        "rsync --server -re.iLs . $(id)",
        "rsync --server -re.iLs . a; id",
        "/tmp/rsync --server -re.iLs . a",
    ],
)
def test_security_37_anything_else_is_no_rsync(line):
    if line == "rsync --server . x":
        line = "rsync . x"
    assert rsync.parse(line) is None


@given(st.text(min_size=1, max_size=20).filter(lambda t: "\0" not in t))
def test_whatever_the_path_is_a_shell_gets_it_as_it_is(name):
    command = rsync.parse("rsync --server -re.iLsfxCIvu . " + shlex.quote(name))
    assert command.paths == (name,)
    assert shlex.split(command.rebuild())[-1] == (f"./{name}" if name.startswith("-") else name)
