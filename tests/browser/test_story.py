"""A vendor's visit from request to verified replay, in stock `ssh` and real browsers: the story of the product."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.pages import desks
from tests.e2e.site import Site, running_site
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


async def test_a_visit_from_request_to_verified_replay(tmp_path: Path) -> None:
    async with (
        running_site(tmp_path / "gateway") as site,
        desks(site, "vera", "omar", "lena", "ada") as (vera, omar, lena, ada),
    ):
        # Everybody watches from the start, so that what appears later appears by itself.
        for desk in (vera, omar, lena):
            await desk.sign_in()

        # 1. Vera asks.
        form = vera.page.get_by_role("form", name="Ask for access")
        await form.get_by_label("Purpose").fill("Replace the drive of axis 4")
        await form.get_by_label("Work order").fill("WO-8812")
        await form.get_by_label("Duration (minutes)").fill("60")
        await vera.picture("vera-asks")
        await form.get_by_role("button", name="Ask for access").click()

        # 2. Omar sees it without asking again, and approves with a fresh code.
        await omar.page.goto(f"https://localhost:{site.gateway.settings.page.port}/#/approvals")
        card = omar.page.get_by_role("article", name="Request of Vera Lind for ews-l4")
        await expect(card).to_be_visible()
        await card.get_by_role("button", name="Approve").click()
        await omar.code()
        await omar.picture("omar-approves")
        await card.get_by_role("button", name="Approve now").click()
        await expect(vera.page.get_by_role("article", name="Grant for ews-l4")).to_be_visible()
        await vera.picture("vera-granted")

        # 3. Vera connects and is told what she waits for.
        async with Terminal(site.ssh()) as terminal:
            await terminal.sees("[Pp]assword: ")
            terminal.type(site.logins["vera"].password + "\n")
            if "ode: " in (await terminal.sees("ode: |control room")).group():
                terminal.type(await site.codes["vera"].next() + "\n")
                await terminal.sees("control room")

            # 4. Lena releases it, and the shell opens as the target's account.
            waiting = lena.page.get_by_role("region", name="Waiting")
            await waiting.get_by_role("button", name="Release").click()
            await lena.code()
            await lena.picture("lena-releases")
            await lena.page.get_by_role("button", name="Release now").click()
            await terminal.sees("engineer@ews-l4")
            await live_control(site, terminal, lena)
            # 7. Lena kills it; both sides say why.
            running = lena.page.get_by_role("article", name="Session of Vera Lind on ews-l4")
            await running.get_by_role("button", name="Kill").click()
            await running.get_by_label("Reason").fill("The line starts again")
            await running.get_by_role("button", name="Kill now").click()
            await terminal.sees("The line starts again")
            await terminal.ends()
        await expect(running).to_be_hidden()

        # 8. Ada finds it, replays it and takes it to another machine.
        await ada.sign_in()
        pack = await audits(ada, tmp_path)
        verifies(site, pack, tmp_path)
        assert [d.problems for d in (vera, omar, lena, ada)] == [[], [], [], []]


async def live_control(site: Site, terminal: Terminal, lena) -> None:
    """5. Lena watches, pauses, resumes, extends."""
    running = lena.page.get_by_role("article", name="Session of Vera Lind on ews-l4")
    await running.get_by_role("button", name="Watch").click()
    terminal.type("echo see-$((40+2))\n")
    await terminal.sees("see-42")
    await expect(running.get_by_label("Live terminal")).to_contain_text("see-42")
    await lena.picture("lena-watches")

    await running.get_by_role("button", name="Pause").click()
    await terminal.sees("thrown away|discarded")
    terminal.type("echo never-$((1+1))\n")
    await expect(running.get_by_role("button", name="Resume")).to_be_visible()
    await running.get_by_role("button", name="Resume").click()
    await terminal.sees("can type again")
    terminal.type("echo later-$((1+1))\n")
    await terminal.sees("later-2")
    assert "never-2" not in terminal.shown

    await running.get_by_role("button", name="Extend").click()
    await running.get_by_role("button", name="10 min").click()
    await running.get_by_label("Reason").fill("The drive needs another run")
    await lena.code()
    await running.get_by_role("button", name="Extend now").click()
    await terminal.sees("You have more time")


async def audits(ada, folder: Path) -> Path:
    """Ada replays with seek and speed, and downloads the pack."""
    await ada.page.get_by_role("button", name="Find").click()
    await ada.page.get_by_role("link", name="Open recording 1").click()
    player = ada.page.get_by_label("Replay")
    await ada.page.get_by_label("Position").fill("1000000")
    await ada.page.get_by_role("button", name="16×").click()
    await ada.page.get_by_role("button", name="Play", exact=True).click()
    await expect(player).to_contain_text("see-42")
    await expect(ada.page.get_by_role("heading", name="Events")).to_be_visible()
    await ada.picture("ada-replays")
    async with ada.page.expect_download() as download:
        await ada.page.get_by_role("link", name="Evidence pack").click()
    path = folder / "pack.zip"
    await (await download.value).save_as(path)
    return path


def verifies(site: Site, pack: Path, folder: Path) -> None:
    """The stand-alone verifier, on what was downloaded, the key and a checkpoint that left the box."""
    away = folder / "another-machine"
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(away)
    site_key = away / "site-key.txt"
    site_key.write_text(site.gateway.keys.site_key() + "\n")
    command = [
        sys.executable,
        "-I",
        str(away / "verify.py"),
        "--site-key",
        str(site_key),
        "--log",
        str(away / "audit.jsonl"),
    ]
    good = subprocess.run(
        [*command, "--checkpoint", str(away / "checkpoint.txt"), str(away / "recording.slg")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert good.returncode == 0, good.stdout + good.stderr
    recording = bytearray((away / "recording.slg").read_bytes())
    recording[len(recording) // 2] ^= 1
    (away / "recording.slg").write_bytes(recording)
    bad = subprocess.run(
        [*command, "--checkpoint", str(away / "checkpoint.txt"), str(away / "recording.slg")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert bad.returncode == 1
    assert "frame" in bad.stdout
