"""Paths as text."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sftp import paths
from gateway.words import printable

PARTS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "%2e%2e"]), max_size=6).map("/".join)


@given(PARTS)
def test_an_absolute_path_is_what_posix_makes_of_it(path):
    expected = posixpath.normpath("/" + posixpath.join("/c/d", path))
    assert paths.absolute("/c/d", path) == "/" + expected.lstrip("/")


@pytest.mark.parametrize(
    ("path", "inside"),
    [("/srv/in", True), ("/srv/in/x", True), ("/srv/inside", False), ("/srv", False), ("/", False), ("/srv/out", True)],
)
def test_whole_names_are_compared(path, inside):
    assert paths.within(path, ("/srv/in", "/srv/out")) is inside


def test_everything_lies_within_the_root():
    assert paths.within("/etc", ("/",))
    assert paths.steps("/etc/x", ("/",)) == ("/etc", "/etc/x")


def test_nothing_lies_within_no_paths():
    assert not paths.within("/", ())


def test_the_steps_lead_from_the_longest_permitted_path_down():
    assert paths.steps("/srv/in/a/b", ("/srv", "/srv/in")) == ("/srv/in/a", "/srv/in/a/b")
    assert paths.steps("/srv/in", ("/srv/in",)) == ()


@given(st.binary(max_size=40))
def test_octets_survive_and_what_is_shown_is_one_printable_line(octets):
    assert paths.octets(paths.text(octets)) == octets
    assert printable(paths.shown(octets)) == paths.shown(octets)
