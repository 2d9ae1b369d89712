"""Settings that cannot be meant refuse the start with a named error (C2)."""

from pathlib import Path

import pytest

from gateway.config import FILE, read
from gateway.errors import Invalid
from gateway.floors import assert_floors

GOOD = """
site = "mill"
south = "10.0.2.1"
ssh = { host = "10.0.0.1", port = 22 }
page = { host = "10.0.0.1", port = 443 }
admin = { host = "10.0.1.1", port = 443 }
"""


def settings(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text)
    return folder


def test_three_sides_apart_are_accepted(tmp_path: Path) -> None:
    assert read(settings(tmp_path, GOOD)).south == "10.0.2.1"


RDP = 'south = "10.0.2.1"\nrdp = { host = "%s", port = 3389 }'


def test_a_gateway_has_rdp_only_where_its_settings_name_it(tmp_path: Path) -> None:
    assert read(settings(tmp_path, GOOD)).rdp is None
    found = read(settings(tmp_path, GOOD.replace('south = "10.0.2.1"', RDP % "10.0.0.1")))
    assert str(found.rdp) == "10.0.0.1:3389"
    assert found.for_people == (found.page, found.rdp)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('south = "10.0.2.1"', RDP % "10.0.2.1"), "faces both people and the plant"),
        (('south = "10.0.2.1"', RDP % "10.0.1.1"), "admin and people share"),
        (('south = "10.0.2.1"', RDP % "0.0.0.0"), "every address"),
        (("10.0.1.1", "10.0.0.1"), "admin and people share"),
        (("10.0.2.1", "10.0.0.1"), "faces both people and the plant"),
        (("10.0.2.1", "10.0.1.1"), "faces both people and the plant"),
        (('ssh = { host = "10.0.0.1"', 'ssh = { host = "0.0.0.0"'), "every address"),
        (('ssh = { host = "10.0.0.1"', 'ssh = { host = "::"'), "every address"),
        (('site = "mill"', 'site = "Mill/../x"'), "site"),
        (('site = "mill"', 'site = "mill"\nreplay_key = false'), "nobody could open"),
        (('site = "mill"', 'site = "mill"\nunknown = 1'), "unknown"),
        (('site = "mill"', "site = "), FILE),
    ],
)
def test_an_overlap_or_nonsense_refuses_the_start(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(settings(tmp_path, GOOD.replace(*change)))
    assert words in str(refused.value)


def test_no_settings_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="sluicegate init"):
        read(tmp_path)


def test_a_dependency_below_its_floor_refuses_the_start() -> None:
    good = {"asyncssh": "2.24.1", "cryptography": "50.0.2", "starlette": "1.10.0"}
    assert_floors(good)
    with pytest.raises(Invalid, match="CVE-2026-62949"):
        assert_floors(good | {"asyncssh": "2.23.1"})
    with pytest.raises(Invalid, match="not installed"):
        assert_floors({"asyncssh": "2.24.1"})
