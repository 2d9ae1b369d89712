"""What keeps a gateway from starting is one line for who started it, and exit status 2."""

import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.config import FILE
from tests.e2e.site import SETTINGS
from tests.ports import free_port


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gateway's folder before its first start."""
    (tmp_path / FILE).write_text(SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=tmp_path))
    return tmp_path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Start the gateway as the command does; what it says before it gives up, in one line, has all `parts`."""

    def refused(folder: Path, *parts: str) -> None:
        monkeypatch.setattr("gateway.cli.serve.log_to_stderr", lambda: None)
        monkeypatch.setattr(sys, "argv", ["sluicegate", "serve", str(folder)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr().err.splitlines()
        assert left.value.code == 2
        assert len(said) == 1, said
        assert said[0].startswith("sluicegate: ")
        for part in parts:
            assert part in said[0]

    return refused


@pytest.mark.parametrize("door", ["ssh", "page", "admin"])
def test_a_port_that_is_taken_is_named(folder: Path, door: str, refused: Callable[..., None]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2" if door == "admin" else "127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = (folder / FILE).read_text()
        lines = [
            line.partition("port =")[0] + f"port = {port} }}" if line.startswith(door) else line
            for line in text.splitlines()
        ]
        (folder / FILE).write_text("\n".join(lines))
        refused(folder, f"port {port}", "in use")


def _spoil(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / "keys").mkdir(mode=0o700)
        (folder / "keys" / name).write_bytes(b"no key")
        (folder / "keys" / name).chmod(0o600)

    return spoil


def _settings(line: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / FILE).write_text(line + "\n" + (folder / FILE).read_text())

    return change


def _newer(folder: Path) -> None:
    with sqlite3.connect(folder / "sluicegate.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
    database.close()


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (_spoil("site.key"), "site.key"),
        (_spoil("replay.age"), "replay.age"),
        (_settings('recipients = ["age1nonsense"]'), "age public key"),
        (_settings('policies = "/nowhere"'), "/nowhere"),
        (_settings("unheard = 1"), "unheard"),
        (lambda folder: (folder / FILE).unlink(), "sluicegate init"),
        (lambda folder: (folder / "sluicegate.db").write_bytes(b"not a database" * 999), "not a database"),
        (lambda folder: (folder / "recordings").write_text("a file"), "recordings"),
        (_newer, "newer release"),
    ],
)
def test_what_cannot_be_meant_is_named(
    folder: Path, spoil: Callable[[Path], None], part: str, refused: Callable[..., None]
) -> None:
    spoil(folder)
    refused(folder, part)


def test_a_store_that_somebody_else_holds_is_named(folder: Path, refused: Callable[..., None]) -> None:
    database = sqlite3.connect(folder / "sluicegate.db", isolation_level=None)
    try:
        database.execute("BEGIN EXCLUSIVE")
        refused(folder, "locked")
    finally:
        database.close()
