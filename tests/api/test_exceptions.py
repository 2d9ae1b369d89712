"""Exceptions for old cryptography on the admin door (C50)."""

from datetime import timedelta

import pytest

from gateway.fronts.api.services import Door
from gateway.inventory.model import Protocol
from tests.api.site import Browser, Site

REASON = "Windows 2000, replaced in March"


@pytest.fixture
async def sam(site: Site) -> Browser:
    return await site.signed_in("sam", Door.ADMIN)


async def test_an_admin_makes_an_exception_that_ends_and_takes_it_back(site: Site, sam: Browser) -> None:
    s = site.services
    target = await s.inventory.target_named("ews-l4")
    service = target.service(Protocol.RDP)
    service = service or await s.inventory.add_service("sam", "ews-l4", Protocol.RDP, "192.0.2.10", 3389)
    path = f"/targets/ews-l4/services/{service.id}"

    async def patched(status: int, **body: object) -> dict:
        version = (await s.inventory.target_named("ews-l4")).version
        answer = await sam.change(path, {"version": version} | body, "PATCH")
        assert answer.status_code == status, answer.text
        found = answer.json()
        return next((one for one in found["services"] if one["id"] == service.id), {}) if status == 200 else found

    now = s.clock.now()
    good = (now + timedelta(days=30)).isoformat()
    for late in (now - timedelta(minutes=1), now + timedelta(days=91)):
        await patched(422, profile="legacy", legacy_until=late.isoformat(), legacy_reason=REASON)
    await patched(422, profile="legacy", legacy_until=good)
    await patched(422, profile="legacy", legacy_reason=REASON)
    made = await patched(200, profile="legacy", legacy_until=good, legacy_reason=REASON)
    assert (made["profile"], made["legacy_reason"]) == ("legacy", REASON)
    assert made["legacy_until"]
    moved = await patched(200, port=3390)
    assert (moved["profile"], moved["legacy_until"], moved["port"]) == ("legacy", made["legacy_until"], 3390)
    back = await patched(200, profile="modern")
    assert (back["profile"], back["legacy_until"], back["legacy_reason"]) == ("modern", None, "")
