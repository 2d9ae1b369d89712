"""What an administrator does in the page of his own door, and what an owner answers for."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.browser.pages import Desk, desks
from tests.browser.test_desktop_pages import both
from tests.e2e.site import Site, running_site

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


async def administers(desk: Desk, site: Site) -> None:
    """Signs in at the administrators' address."""
    admin, login = site.gateway.settings.admin, site.logins[desk.name]
    await desk.page.goto(f"https://{admin.host}:{admin.port}/")
    await desk.page.get_by_label("Name").fill(login.name)
    await desk.page.get_by_label("Password").fill(login.password)
    await desk.code()
    await desk.page.get_by_role("button", name="Sign in").click()
    await desk.page.get_by_role("navigation", name="Main").wait_for()


async def narrow(desk: Desk, what: str) -> None:
    """The same on a telephone, without scrolling to the side."""
    before = desk.page.viewport_size
    await desk.page.set_viewport_size({"width": 390, "height": 844})
    await desk.picture(f"{what}-narrow")
    assert await desk.page.evaluate("document.documentElement.scrollWidth") == 390
    assert before is not None
    await desk.page.set_viewport_size(before)


async def test_an_exception_is_proposed_at_one_door_and_accepted_at_the_other(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site, desks(site, "sam", "omar", width=1000) as (sam, omar):
        await omar.sign_in()
        await administers(sam, site)
        await sam.page.get_by_role("link", name="Exceptions").click()
        form = sam.page.get_by_role("form", name="Propose an exception")
        await form.get_by_label("Kind").fill("long-session")
        await form.get_by_label("Reason").fill("The annual service takes two shifts")
        await form.get_by_label("What is done instead").fill("The shift lead watches")
        await form.get_by_label("Requirement set aside").fill("IEC 62443-3-3 SR 2.5")
        await both(sam, "sam-proposes-an-exception")
        await form.get_by_role("button", name="Propose").click()
        await expect(form.get_by_role("status")).to_contain_text("an owner can accept it now")
        card = sam.page.get_by_role("article", name="Exception of ews-l4: long-session")
        await expect(card.get_by_role("button", name="Accept")).to_have_count(0)

        # Omar is told without asking, reads, and answers for it.
        await expect(omar.page.get_by_role("link", name="Exceptions 1")).to_be_visible()
        await omar.page.get_by_role("link", name="Exceptions").click()
        card = omar.page.get_by_role("article", name="Exception of ews-l4: long-session")
        await card.get_by_role("button", name="Accept").click()
        await omar.code()
        await both(omar, "omar-accepts-an-exception")
        await card.get_by_role("button", name="Accept now").click()
        await expect(card.get_by_text("live", exact=True)).to_be_visible()

        # Whoever asks now, Omar sees it beside the request.
        s = site.gateway.services
        (held,) = (await s.inventory.target_named("ews-l4")).exceptions
        assert (held.kind, held.clause, held.accepted_by) == ("long-session", "IEC 62443-3-3 SR 2.5",
                                                              (await site.person("omar")).id)  # fmt: skip
        await card.get_by_role("button", name="End it").click()
        await card.get_by_label("Reason").fill("Done early")
        await card.get_by_role("button", name="End it now").click()
        await expect(omar.page.get_by_role("row", name="long-session")).to_contain_text("Done early")
        await narrow(omar, "omar-reads-exceptions")
        assert sam.problems + omar.problems == []


async def test_a_token_is_made_with_a_code_shown_once_and_revoked(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site, desks(site, "sam", width=1000) as (sam,):
        await administers(sam, site)
        await sam.page.get_by_role("link", name="Tokens").click()
        form = sam.page.get_by_role("form", name="Make a token")
        await form.get_by_label("What for").fill("inventory synchroniser on srv-7")
        await form.get_by_label("inventory zones").check()
        await form.get_by_role("button", name="7 days").click()
        await sam.code()
        await form.get_by_role("button", name="Make it").click()
        token = await sam.page.get_by_role("status", name="New token").inner_text()
        assert token.startswith("slg_")
        await both(sam, "sam-makes-a-token")
        await narrow(sam, "sam-makes-a-token")
        card = sam.page.get_by_role("article", name="Token inventory synchroniser on srv-7")
        await expect(card.get_by_text("inventory, read")).to_be_visible()
        await sam.page.reload()
        await expect(card).to_be_visible()
        assert token not in await sam.page.content()
        await card.get_by_role("button", name="Revoke").click()
        await card.get_by_role("button", name="Revoke now").click()
        await expect(card.get_by_text("revoked")).to_be_visible()
        assert sam.problems == []


async def test_a_policy_version_is_proposed_signed_by_another_made_active_and_rolled_back(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site, desks(site, "sam", "omar", width=1280) as (sam, omar):
        before = site.gateway.services.policy.version
        await omar.sign_in()
        await administers(sam, site)
        await expect(sam.page.get_by_role("heading", name="Policy", exact=True)).to_be_visible()

        # Sam edits the one in force, breaks it, reads where, and sees whom his edit concerns.
        await sam.page.get_by_role("button", name="Propose a version").click()
        await sam.page.get_by_role("button", name="20-t1-standard-cell.cedar").click()
        text = sam.page.get_by_label("Text of 20-t1-standard-cell.cedar")
        good = await text.input_value()
        await text.fill(good.replace("permit (", "permitt (", 1))
        await sam.page.get_by_role("button", name="Try it").click()
        await expect(sam.page.get_by_role("alert")).to_be_visible()
        await both(sam, "sam-reads-what-is-wrong-with-a-policy")
        await text.fill(good.replace('@max_session("4h")', '@max_session("2h")', 1))
        await sam.page.get_by_label("What it changes and why").fill("Ten minutes without input suffice")
        await sam.page.get_by_role("button", name="Try it").click()
        await expect(sam.page.get_by_text("expected max_session 4:00:00, got 2:00:00")).to_be_visible()
        await expect(sam.page.get_by_role("button", name="Propose", exact=True)).to_be_disabled()
        await text.fill(good.replace('@idle("20m")', '@idle("10m")', 1))
        await sam.page.get_by_role("button", name="tests/tiers.toml").click()
        cases = sam.page.get_by_label("Text of tests/tiers.toml")
        expected = (await cases.input_value()).replace('idle = "20m"', 'idle = "10m"', 1)
        await cases.fill(expected)

        # What he edits while it is being tried was not tried.
        edited = asyncio.Event()

        async def waits(route: Route) -> None:
            await edited.wait()
            await route.continue_()

        await sam.page.route("**/policies/validate", waits)
        await sam.page.get_by_role("button", name="Try it").click()
        await cases.fill(f"{expected}# to be tried\n")
        edited.set()
        await expect(sam.page.get_by_role("status").filter(has_text="all as expected")).to_be_visible()
        await expect(sam.page.get_by_text("obliged otherwise").first).to_be_visible()
        await expect(sam.page.get_by_role("button", name="Propose", exact=True)).to_be_disabled()
        await sam.page.get_by_role("button", name="Try it").click()
        await expect(sam.page.get_by_role("status").filter(has_text="all as expected")).to_be_visible()
        await expect(sam.page.get_by_text("obliged otherwise").first).to_be_visible()
        await both(sam, "sam-proposes-a-policy")
        await sam.page.get_by_role("button", name="Propose", exact=True).click()
        await expect(sam.page.get_by_role("heading", name="Version 2")).to_be_visible()
        await expect(sam.page.get_by_role("button", name="Sign", exact=True)).to_have_count(0)

        # Omar reads what it changes, and signs exactly that.
        await omar.page.get_by_role("link", name="Policy").click()
        await omar.page.get_by_role("link", name="Ten minutes without input suffice").click()
        await expect(omar.page.get_by_text("obliged otherwise").first).to_be_visible()
        await omar.page.get_by_role("button", name="Sign", exact=True).click()
        await omar.code()
        await both(omar, "omar-signs-a-policy")
        await narrow(omar, "omar-signs-a-policy")
        await omar.page.get_by_role("button", name="Sign now").click()
        await expect(omar.page.get_by_text("Omar Haddad, ")).to_be_visible()
        await expect(omar.page.get_by_role("button", name="Activate")).to_have_count(0)

        # Sam makes it active; later the first one again.
        await sam.page.get_by_role("button", name="Run its own cases").click()
        await expect(sam.page.get_by_role("status").filter(has_text="all as expected")).to_be_visible()
        await sam.page.get_by_role("button", name="Activate").click()
        await sam.code()
        await sam.page.get_by_role("button", name="Activate now").click()
        await expect(sam.page.get_by_text("It is in force")).to_be_visible()
        assert site.gateway.services.policy.version != before

        # Nobody ever signed what the gateway began with, so that is Omar's before Sam can go back to it.
        for desk in (sam, omar):
            await desk.page.get_by_role("link", name="All versions").click()
            await desk.page.get_by_role("row", name="1 retired").get_by_role("link").first.click()
        await expect(sam.page.get_by_role("button", name="Roll back to it")).to_have_count(0)
        await omar.page.get_by_role("button", name="Sign", exact=True).click()
        await omar.code()
        await omar.page.get_by_role("button", name="Sign now").click()
        await sam.page.get_by_role("button", name="Roll back to it").click()
        await sam.code()
        await both(sam, "sam-rolls-a-policy-back")
        await sam.page.get_by_role("button", name="Roll back now").click()
        await expect(sam.page.get_by_text("It is in force")).to_be_visible()
        assert site.gateway.services.policy.version == before
        assert omar.problems == []
        assert [p for p in sam.problems if "422" not in p] == []


async def test_the_page_says_why_somebody_may_not_and_who_can(tmp_path: Path) -> None:
    async with running_site(tmp_path / "gateway") as site, desks(site, "sam", width=1280) as (sam,):
        await administers(sam, site)
        form = sam.page.get_by_role("form", name="Explain")
        for person, answer in (("ada", "no"), ("vera", "yes")):
            await form.get_by_label("Person").fill(person)
            await form.get_by_label("Target").fill("ews-l4")
            await form.get_by_role("button", name="Explain").click()
            said = sam.page.get_by_role("status", name="Answer")
            await expect(said.get_by_text(answer, exact=True).first).to_be_visible()
        await sam.page.get_by_role("form", name="Who can").get_by_label("Target").fill("ews-l4")
        await sam.page.get_by_role("button", name="Show").click()
        await expect(sam.page.get_by_role("status", name="Who can").get_by_text("vera").first).to_be_visible()
        await both(sam, "sam-asks-the-policy")
        await narrow(sam, "sam-asks-the-policy")
        assert sam.problems == []
