"""Files and services in the page: asked for in plain words, decided with what they mean, ready to copy."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from gateway.demo import drive, site
from tests.browser.pages import desks
from tests.browser.test_desktop_pages import both
from tests.e2e.site import Site, running_site

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
