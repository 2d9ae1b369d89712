"""The command line: exit statuses, one line for what is wrong, and evidence that can be checked without a gateway."""

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.app import opened
from gateway.cli.main import main
from gateway.config import FILE, read
from gateway.demo import site as demo
from tests.e2e.people import now
from tests.e2e.process import plant
from tests.e2e.site import SETTINGS
from tests.ports import free_port

VECTORS = Path(__file__).parent.parent / "vectors" / "recording"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `sluicegate` with arguments: exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sluicegate", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else int(code is not None)), said.out, said.err

    return run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demonstration's people live; nothing runs."""
    folder = tmp_path_factory.mktemp("site")
    (folder / FILE).write_text(SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=folder))

    async def make() -> None:
        async with opened(folder, read(folder)) as gateway:
            await demo.make(gateway, "127.0.0.4", 2022)
            await gateway.anchors.send()

    asyncio.run(make())
    return folder


NEW = ("--site", "mill.example", "--people", "192.0.2.1", "--admin", "192.0.2.2", "--south", "192.0.2.3")


def test_init_writes_settings_that_are_good_and_refuses_to_write_them_twice(command: Command, tmp_path: Path) -> None:
    assert command("init", tmp_path / "new", *NEW)[0] == 0
    assert read(tmp_path / "new").site == "mill.example"
    assert read(tmp_path / "new").names == ("192.0.2.1",), "without a name, people use the address"
    before = (tmp_path / "new" / FILE).read_text()
    status, _, err = command("init", tmp_path / "new", *NEW)
    assert (status, err.count("\n")) == (2, 1)
    assert "exists already" in err
    assert (tmp_path / "new" / FILE).read_text() == before


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--south", "192.0.2.1", "faces both people and the plant"),
        ("--admin", "192.0.2.1", "share the address"),
        ("--people", "0.0.0.0", "name one"),
        ("--south", "not an address", "address"),
        ("--site", "Mill Example", "site"),
        ("--site", 'x"\nreplay_key = false#', "site"),
    ],
)
def test_init_refuses_addresses_that_overlap_and_leaves_nothing(
    command: Command, tmp_path: Path, option: str, value: str, words: str
) -> None:
    arguments = list(NEW)
    arguments[arguments.index(option) + 1] = value
    status, _, err = command("init", tmp_path / "new", *arguments)
    assert (status, err.count("\n")) == (2, 1), err
    assert words in err
    assert not (tmp_path / "new" / FILE).exists()


def test_the_audit_log_verifies_and_its_export_is_the_octets_that_are_hashed(command: Command, site: Path) -> None:
    status, out, _ = command("audit", "verify", site, "--checkpoint", site / "anchors.txt")
    assert status == 0, out
    assert "0 findings; complete up to entry" in out
    status, out, _ = command("audit", "export", site)
    assert status == 0
    assert [json.loads(line)["index"] for line in out.splitlines()] == list(range(len(out.splitlines())))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE audit_entry SET line = replace(line, 'GW', 'GX') WHERE number = 9", "not those that"),
        ("UPDATE audit_entry SET line = 'torn' WHERE number = 9", "is no event"),
        ("UPDATE audit_entry SET actor = 'mallory' WHERE number = 9", "columns"),
        ("DELETE FROM audit_entry WHERE number = 5", "own index"),
        ("DELETE FROM audit_entry WHERE number = (SELECT max(number) FROM audit_entry)", "not those that"),
        (
            "INSERT INTO audit_entry SELECT number + 1, at, name, code, actor, line FROM audit_entry "
            "ORDER BY number DESC LIMIT 1",
            "own index",
        ),
    ],
)
def test_a_change_in_the_database_is_found(
    command: Command, site: Path, tmp_path: Path, change: str, finding: str
) -> None:
    for name in (FILE, "sluicegate.db"):
        (tmp_path / name).write_bytes((site / name).read_bytes())
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "site.pub").write_bytes((site / "keys" / "site.pub").read_bytes())
    assert command("audit", "verify", tmp_path)[0] == 0
    with sqlite3.connect(tmp_path / "sluicegate.db") as database:
        assert database.execute(change).rowcount == 1
    database.close()
    status, out, _ = command("audit", "verify", tmp_path)
    assert status == 1
    assert finding in out


def test_what_is_not_there_is_one_line_and_nothing_is_made(command: Command, tmp_path: Path) -> None:
    for words in (("audit", "verify"), ("audit", "export")):
        status, _, err = command(*words, tmp_path)
        assert (status, err.count("\n")) == (2, 1), err
    (tmp_path / FILE).write_text(SETTINGS.format(south="127.0.0.3", ssh=1, page=2, folder=tmp_path))
    status, _, err = command("audit", "verify", tmp_path)
    assert (status, err.count("\n")) == (2, 1), err
    assert "has this gateway ever run?" in err
    assert not (tmp_path / "sluicegate.db").exists()


def test_a_checkpoint_file_without_a_checkpoint_is_refused(command: Command, site: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("nothing\n")
    status, _, err = command("audit", "verify", site, "--checkpoint", tmp_path / "empty.txt")
    assert (status, err.count("\n")) == (2, 1)
    assert "holds no checkpoint" in err


def test_a_recording_is_verified_and_read_with_an_identity_alone(command: Command, tmp_path: Path) -> None:
    vectors = json.loads((VECTORS / "vectors.json").read_text())
    (tmp_path / "identity").write_text(vectors["age_identity"] + "\n")
    key = ("--site-key", vectors["site_key"])
    assert command("recording", "verify", *key, VECTORS / "good.slg")[0] == 0
    assert command("recording", "verify", *key, VECTORS / "flip.slg")[0] == 1
    status, out, _ = command("recording", "text", VECTORS / "good.slg", "--identity", tmp_path / "identity")
    assert status == 0
    assert "a.txt" in out
    status, out, _ = command("recording", "asciicast", VECTORS / "good.slg", "--identity", tmp_path / "identity")
    assert status == 0
    assert json.loads(out.splitlines()[0])["version"] == 2


@pytest.mark.parametrize("export", ["text", "asciicast"])
@pytest.mark.parametrize(
    ("file", "expected"),
    [("magic-only.slg", 2), ("flip.slg", 2), ("cut-mid-frame.slg", 0), ("nowhere.slg", 2)],
)
def test_a_recording_that_cannot_be_read_is_one_line(
    command: Command, tmp_path: Path, export: str, file: str, expected: int
) -> None:
    vectors = json.loads((VECTORS / "vectors.json").read_text())
    (tmp_path / "identity").write_text(vectors["age_identity"] + "\n")
    status, _, err = command("recording", export, VECTORS / file, "--identity", tmp_path / "identity")
    assert status == expected, err
    assert err.count("\n") == (1 if status else 0), err


def test_another_identity_opens_nothing(command: Command, tmp_path: Path) -> None:
    for words in ("AGE-SECRET-KEY-NONSENSE", "no key at all"):
        (tmp_path / "identity").write_text(words + "\n")
        status, _, err = command("recording", "text", VECTORS / "good.slg", "--identity", tmp_path / "identity")
        assert (status, err.count("\n")) == (2, 1), err


def test_demo_code_prints_a_code_that_is_good_now_and_knows_nobody_else(command: Command, site: Path) -> None:
    before = now()
    status, out, err = command("demo", "code", "vera", "--folder", site)
    login = next(login for login in demo.logins(site) if login.name == "vera")
    assert status == 0
    assert out.strip() in {code_at(login.secret, step) for step in (before, now())}
    assert "more" in err
    status, _, err = command("demo", "code", "mallory", "--folder", site)
    assert (status, err.count("\n")) == (2, 1)


def code_at(secret: str, step: int) -> str:
    import pyotp

    return pyotp.TOTP(secret).at(step * 30)


@pytest.mark.peer
async def test_whoever_cannot_listen_hands_out_no_token(tmp_path: Path) -> None:
    async with plant(tmp_path / "with-people") as made:
        settings = SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=tmp_path)
        (tmp_path / FILE).write_text(settings.replace('host = "127.0.0.1"', 'host = "192.0.2.1"'))
        refused = await made.started(arguments=("serve", str(tmp_path)))
        assert await refused.ends() == 2
        assert "cannot listen on 192.0.2.1" in refused.said
        assert "token" not in refused.said


@pytest.mark.peer
async def test_serve_prints_the_setup_token_once_while_there_is_no_administrator(tmp_path: Path) -> None:
    async with plant(tmp_path / "with-people") as made:
        (tmp_path / FILE).write_text(
            SETTINGS.format(south="127.0.0.3", ssh=free_port(), page=free_port(), folder=tmp_path)
        )
        first = await made.started(arguments=("serve", str(tmp_path)))
        token = (await first.says(r"setup token: (\S+)")).group(1)
        assert first.said.count("one-time setup token: ") == 1
        assert first.said.index("Serving") < first.said.index(token)
        first.send(signal.SIGTERM)
        assert await first.ends() == 0
        assert token.encode() not in (tmp_path / "sluicegate.db").read_bytes()
        second = await made.gateway()
        assert "token" not in second.said
