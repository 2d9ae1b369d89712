"""`sluicegate policy`: a client of the API as Sam uses it, and offline where nothing but a folder is needed."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.cli import policy
from gateway.cli.client import Client, Unanswered
from gateway.cli.signed_in import SignedIn
from gateway.fronts.api.services import Door
from tests.api.site import HERE, HOST, POLICIES, Site, password
from tests.api.test_policies import NO_SHELL, shipped, without_shells
from tests.api.test_tokens import made
from tests.policy.asking import permit
from tests.policy.house import written

URL = f"https://{HOST}"
Command = Callable[..., object]


class Wire(httpx.BaseTransport):
    """From a command in its thread to the application in the test's loop."""

    def __init__(self, site: Site, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._app = httpx.ASGITransport(site.apps[door], raise_app_exceptions=False, client=(HERE, 40000))
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._asked(request), self._loop).result(timeout=60)

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self._app.handle_async_request(asked)
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


@pytest.fixture
async def command(site: Site, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `sluicegate policy …` with a token of sam's; `typed` answers what it asks."""
    token, _ = await made(site, "sam", "policy", door=Door.ADMIN)
    wire = Wire(site, Door.ADMIN, asyncio.get_running_loop())
    monkeypatch.setattr(policy, "connect", lambda url, *_: Client(url, token, transport=wire))
    monkeypatch.setattr(policy, "SignedIn", lambda *given: SignedIn(*given, transport=wire))

    async def run(*words: str, typed: tuple[str, ...] = ()) -> Result:
        said = "".join(f"{line}\n" for line in typed)
        online = [] if words[0] == "check" else ["--url", URL]
        return await asyncio.to_thread(CliRunner().invoke, policy.app, [*words, *online], said)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "new", without_shells())


def check(folder: Path) -> Result:
    return CliRunner().invoke(policy.app, ["check", str(folder)])


def test_check_says_that_a_folder_is_right(folder: Path) -> None:
    done = check(folder)
    assert done.exit_code == 0
    assert "as expected: version " in done.output


def test_check_names_each_problem_with_file_and_line_and_fails(folder: Path) -> None:
    written(folder, {"91.cedar": f"\n\n{permit('x', idle='soon')}", "92.cedar": "permit (principal"})
    done = check(folder)
    assert done.exit_code == 1
    assert "91.cedar: line 3: x: @idle is 'soon'" in done.output
    assert "92.cedar: line 1: does not parse: unexpected end of input" in done.output
    assert "2 problems; this would not be loaded." in done.output


def test_check_says_which_case_failed_and_how(folder: Path) -> None:
    wrong = '[[case]]\nname = "vera may watch"\naction = "request"\nexpect = "forbidden"\n'
    written(folder, {"tests/wrong.toml": wrong})
    done = check(folder)
    assert done.exit_code == 1
    assert "tests/wrong.toml: vera may watch: expected forbidden, got allow: by t1.standard-cell" in done.output


def test_check_moves_no_cursor_with_what_a_file_says(folder: Path) -> None:
    written(folder, {"91.cedar": permit("x", idle="\x1b[2J")})
    assert "\x1b" not in check(folder).output


async def test_sam_proposes_omar_signs_sam_activates_and_rolls_back(
    site: Site, command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = site.services.policy.version
    proposed = await command("propose", str(folder), "--note", "No shells on line 5")
    assert proposed.exit_code == 0, proposed.output
    new = proposed.output.split()[2]
    listed = (await command("list")).output
    assert f"{new}  draft    sam on" in listed
    assert "No shells on line 5" in listed

    async def decide(name: str, *words: str) -> Result:
        """The clock goes on between two codes, as it does for people."""
        codes = iter((site.code(name), ""))
        monkeypatch.setattr(policy, "_code", lambda _: next(codes) or site.code(name))
        return await command(*words, typed=(name, password(name), "y"))

    signed = await decide("omar", "sign", new)
    assert signed.exit_code == 0, (signed.output, signed.exception)
    assert "lose on ews-l5, by ssh with account engineer: a shell (shell); forbidden by l5.no-shell" in signed.output
    assert f"Policy version {new} is signed, signed by omar" in signed.output
    active = await decide("sam", "activate", new)
    assert f"Policy version {new} decides from now on." in active.output
    assert site.services.policy.version == new
    early = await decide("sam", "roll-back")
    assert "no earlier version was ever signed off" in str(early.exception)
    assert (await decide("omar", "sign", first)).exit_code == 0
    back = await decide("sam", "roll-back")
    assert f"Policy version {first} decides from now on." in back.output
    assert site.services.policy.version == first


async def test_who_does_not_say_yes_signs_nothing(
    site: Site, command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = (await command("propose", str(folder), "--note", "n")).output.split()[2]
    monkeypatch.setattr(policy, "_code", lambda _: site.code("omar"))
    assert (await command("sign", new, typed=("omar", password("omar"), "n"))).exit_code == 1
    assert (await site.services.policy.get(new)).signed is None


async def test_a_folder_that_is_not_right_is_not_even_sent(command: Command, folder: Path) -> None:
    written(folder, {"92.cedar": "permit (principal"})
    done = await command("propose", str(folder), "--note", "n")
    assert done.exit_code == 1
    assert "nothing was proposed" in done.output


async def test_explain_says_yes_or_no_in_the_words_of_the_denial(command: Command) -> None:
    yes = await command("explain", "vera", "ews-l4")
    assert yes.exit_code == 0, yes.output
    assert "yes  request: by rule t1.standard-cell" in yes.output
    assert "Obliged to: 1 approval; approved by owner; the control room switches each session on" in yes.output
    no = await command("explain", "ada", "ews-l4", "--channel", "shell", "--at", "2026-11-24T22:00Z")
    assert no.exit_code == 1
    assert "NO   request: No rule of this plant permits asking for ssh access to ews-l4. You do not have" in no.output


async def test_who_can_lists_people_by_what_they_reach(command: Command) -> None:
    done = await command("who-can", "ews-l4")
    assert done.exit_code == 0, done.output
    assert "- lena, olga, omar, vera and vito by ssh with account engineer: " in done.output
    assert "rule t1.standard-cell; 1 approval" in done.output


async def test_diff_tells_what_a_folder_or_a_version_would_change(site: Site, command: Command, folder: Path) -> None:
    by_folder = await command("diff", str(folder))
    assert "a shell (shell); forbidden by l5.no-shell" in by_folder.output
    assert "1 difference from" in by_folder.output
    new = (await command("propose", str(folder), "--note", "n")).output.split()[2]
    both = await command("diff", new, site.services.policy.version)
    assert "gain on ews-l5" in both.output


async def test_what_is_not_there_is_said_in_the_words_of_the_gateway(command: Command) -> None:
    done = await command("explain", "nobody", "ews-l4")
    assert isinstance(done.exception, Unanswered)
    assert done.exception.exit_status == 5


def test_the_shipped_policies_pass_their_own_check(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    assert check(tmp_path / "policies").exit_code == 0
    assert NO_SHELL not in shipped().values()
