"""Files and services in the page: asked for in plain words, decided with what they mean, ready to copy."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from gateway.demo import drive, site
from tests.browser.pages import desks
from tests.browser.test_desktop_pages import both
from tests.e2e.site import Site, running_site
from tests.files.house import house, sha256

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


async def with_a_drive(running: Site) -> None:
    await site.add_drive(running.gateway, site.TARGET_ADDRESS, 8084)


async def test_files_and_a_service_are_asked_for_decided_and_ready_to_copy(tmp_path: Path) -> None:
    async with (
        running_site(tmp_path / "gateway") as running,
        desks(running, "vera", "omar", width=1000) as (vera, omar),
    ):
        await with_a_drive(running)
        await vera.sign_in()
        form = vera.page.get_by_role("form", name="Ask for access")
        await form.get_by_label("Purpose").fill("Exchange the parameters of drive 4")
        await form.get_by_label("Work order").fill("WO-8812")
        await form.get_by_label("interactive shell").uncheck()
        await form.get_by_label("single commands").uncheck()
        await expect(form.get_by_role("button", name="Ask for access")).to_be_disabled()
        await form.get_by_label("take files from the target").check()
        await form.get_by_label("bring files to the target").check()
        await form.get_by_label(drive.NAME).check()
        await both(vera, "vera-asks-for-files-and-a-service")
        await form.get_by_role("button", name="Ask for access").click()

        await omar.sign_in()
        card = omar.page.get_by_role("article", name="Request of Vera Lind for ews-l4")
        await expect(card.get_by_text("take files from the target, bring files to the target")).to_be_visible()
        await expect(card.get_by_text("Files on the target can be replaced.")).to_be_visible()
        await expect(card.get_by_text("What a program says to a service is not looked into")).to_be_visible()
        await expect(card.get_by_text(drive.NAME)).to_be_visible()
        await expect(card.get_by_text("Who has a shell")).to_have_count(0)
        await both(omar, "omar-decides-about-files-and-a-service")
        await card.get_by_role("button", name="Approve").click()
        await omar.code()
        await card.get_by_role("button", name="Approve now").click()

        granted = vera.page.get_by_role("article", name="Grant for ews-l4")
        port = running.ssh_port
        for what, text in (
            ("Files, one by one", f"sftp -P {port} vera+ews-l4@localhost"),
            ("Take a file", f"scp -P {port} vera+ews-l4@localhost:FILE ."),
            ("Bring a file", f"scp -P {port} FILE vera+ews-l4@localhost:"),
            (f"{drive.NAME}, at", f"ssh -N -p {port} -L 9001:{drive.NAME}:9001 vera+ews-l4@localhost"),
        ):
            await expect(granted.get_by_role("status", name=what)).to_have_text(text)
        await expect(granted.get_by_role("status", name="Command to connect")).to_have_count(0)
        await granted.get_by_text("By way of the gateway: ssh -J").click()
        jump = granted.get_by_role("status", name="Command by way of the gateway")
        await expect(jump).to_have_text(f"ssh -J vera@localhost:{port} engineer@ews-l4")
        known = granted.get_by_role("status", name="Line of known_hosts")
        await expect(known).to_contain_text("@cert-authority")
        await vera.page.set_viewport_size({"width": 390, "height": 844})
        await both(vera, "vera-has-commands-to-copy-narrow")
        assert await vera.page.evaluate("document.documentElement.scrollWidth") == 390
        assert vera.problems + omar.problems == []


async def test_a_held_upload_is_delivered_and_the_auditor_finds_the_file_by_its_digest(tmp_path: Path) -> None:
    async with house(tmp_path) as before, desks(before, "omar", "ada", width=1280) as (omar, ada):
        await omar.sign_in()
        here, there = before.source("firmware.bin", 200_000), before.home / "firmware.bin"
        rival = before.source("other.bin", 1000)
        async with before.visit(target="holds"):
            ran = await before.sftp(f"put {here} {there}", f"put {rival} {before.home}/other.bin", target="holds")
            assert ran.status == 0, ran.words

            # Omar is told while he looks elsewhere; what waits names what was sent.
            await expect(omar.page.get_by_role("link", name="Files 2")).to_be_visible()
            await omar.page.get_by_role("link", name="Files").click()
            card = omar.page.get_by_role("article", name=f"Held file {there}")
            await expect(card.get_by_text(sha256(here))).to_be_visible()
            await card.get_by_role("button", name="Deliver").click()
            await omar.code()
            await both(omar, "omar-delivers-a-held-file")
            await card.get_by_role("button", name="Deliver now").click()
            await expect(card).to_have_count(0)
            other = omar.page.get_by_role("article", name=f"Held file {before.home}/other.bin")
            await other.get_by_role("button", name="Withhold").click()
            await other.get_by_label("Reason").fill("Not what was agreed")
            await other.get_by_role("button", name="Withhold for good").click()
            await expect(other).to_have_count(0)
            assert (await before.sftp("pwd", target="holds")).status == 0
        assert not (before.home / "other.bin").exists()

        await ada.sign_in()
        await ada.page.get_by_role("link", name="Files").click()
        form = ada.page.get_by_role("form", name="Find files")
        await form.get_by_label("Name or SHA-256").fill(sha256(here).upper())
        await form.get_by_role("button", name="Find").click()
        rows = ada.page.get_by_role("table", name="Files").get_by_role("row")
        await expect(rows).to_have_count(2)
        await expect(rows.last).to_contain_text(str(there))
        await expect(rows.last).to_contain_text("by Omar Haddad")
        await both(ada, "ada-finds-a-file")
        await ada.page.set_viewport_size({"width": 390, "height": 844})
        await ada.picture("ada-finds-a-file-narrow")
        assert await ada.page.evaluate("document.documentElement.scrollWidth") == 390
        assert omar.problems + ada.problems == []
