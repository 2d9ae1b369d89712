"""Exceptions over the API (C34, C51): an admin proposes, an owner accepts, whom it concerns reads."""

from datetime import timedelta

import pytest

from gateway.errors import Refused
from gateway.fronts.api.services import Door
from gateway.inventory.model import CryptoProfile, Protocol
from tests.api.site import Browser, Site

ASKED = {
    "target": "ews-l4",
    "kind": "legacy-crypto",
    "service": "rdp",
    "reason": "Windows 2000, replaced in March",
    "clause": "IEC 62443-3-3 SR 4.3",
    "compensation": "A cable of its own",
}


@pytest.fixture
async def sam(site: Site) -> Browser:
    return await site.signed_in("sam", Door.ADMIN)


async def made_legacy(site: Site, sam: Browser) -> None:
    """Sam gives the desktop of `ews-l4` the profile `legacy`."""
    target = await site.services.inventory.target_named("ews-l4")
    service = target.service(Protocol.RDP)
    assert service is not None
    path = f"/targets/ews-l4/services/{service.id}"
    answer = await sam.change(path, {"profile": "legacy"}, "PATCH", f'"{target.version}"')
    assert answer.status_code == 200, answer.text
    (shown,) = [s for s in answer.json()["services"] if s["name"] == "rdp"]
    assert shown["profile"] == CryptoProfile.LEGACY


def asked(site: Site, **more: object) -> dict:
    return ASKED | {"expires": (site.clock.now() + timedelta(days=30)).isoformat()} | more


async def test_an_exception_is_proposed_accepted_and_ended_and_each_reads_what_is_his(site: Site, sam: Browser) -> None:
    answer = await sam.change("/exceptions", asked(site))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["state"], made["proposed_by"], made["accepted_by"], made["may"]) == ("proposed", "Sam", "", ["end"])
    omar, olga, vera = [await site.signed_in(name) for name in ("omar", "olga", "vera")]
    path = f"/exceptions/{made['id']}"
    for other in (olga, vera):
        assert (await other.get("/exceptions")).json() == {"exceptions": [], "cursor": None}
        assert (await other.get(path)).status_code == 404
    (seen,) = (await omar.get("/exceptions", params={"status": "proposed", "target": "ews-l4"})).json()["exceptions"]
    assert seen["may"] == ["accept", "end"]
    wrong = await omar.change(f"{path}/accept", {"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "bad_code")
    live = await omar.change(f"{path}/accept", {"code": site.code("omar")})
    assert live.status_code == 200, live.text
    assert (live.json()["state"], live.json()["accepted_by"], live.json()["may"]) == ("live", "Omar", ["end"])
    again = await omar.change(f"{path}/accept", {"code": site.code("omar")})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    ended = await omar.change(f"{path}/end", {"reason": "Replaced"})
    assert (ended.json()["state"], ended.json()["ended_reason"], ended.json()["may"]) == ("ended", "Replaced", [])
    assert (await sam.get(path)).json()["state"] == "ended"


@pytest.mark.parametrize(
    "bad",
    [
        {"expires": "2026-11-01T00:00:00Z"}, {"expires": "2027-12-01T00:00:00Z"}, {"reason": " "},
        {"compensation": ""}, {"kind": "Old Crypto"}, {"service": "plc-program"}, {"service": "ssh"},
        {"accepted_by": "sam"},
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused_by_name(site: Site, sam: Browser, bad: dict[str, str]) -> None:
    answer = await sam.change("/exceptions", asked(site, **bad))
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == list(bad)
    assert await site.services.inventory.exceptions() == []


async def test_an_owner_who_proposed_it_as_admin_does_not_accept_it_himself(site: Site) -> None:
    people, olga = site.services.identity, site.persons["olga"]
    made = await site.proposed_exception("ews-l5", kind="long-session")
    target = await site.services.inventory.target_named("ews-l5")
    sam = await people.person_named("sam")
    await site.services.inventory.change_target(
        "sam", "ews-l5", target.version, title=target.title, zone=target.zone.name, tier=target.tier,
        target_class=target.target_class, owners={olga.id, sam.id},
    )  # fmt: skip
    browser = await site.signed_in("sam")
    assert (await browser.get(f"/exceptions/{made}")).json()["may"] == ["end"]
    answer = await browser.change(f"/exceptions/{made}/accept", {"code": site.code("sam")})
    assert (answer.status_code, answer.json()["code"]) == (403, "own_exception")


async def test_old_cryptography_is_refused_without_an_exception_and_used_on_record_under_one(
    site: Site, sam: Browser
) -> None:
    await made_legacy(site, sam)
    with pytest.raises(Refused, match="its administrator proposes an exception") as refused:
        async with site.visit(protocol=Protocol.RDP):
            pytest.fail("old cryptography needs an exception")
    assert (refused.value.code, refused.value.rule) == ("legacy_crypto_not_excepted", "C51")
    (denied,) = await site.events("session.arrival.refused")
    assert (denied["reason"], denied["rule"]) == ("legacy_crypto_not_excepted", "C51")
    made = await site.proposed_exception()
    omar = await site.signed_in("omar")
    await omar.change(f"/exceptions/{made}/accept", {"code": site.code("omar")})
    async with site.visit(protocol=Protocol.RDP) as connection:
        assert connection.profile() is CryptoProfile.LEGACY
        (used,) = await site.events("inventory.exception.used")
        assert (used["exception"], used["session"], used["actor"]) == (made, connection.session.id, "vera")
        site.clock.advance(days=30)
        with pytest.raises(Refused, match="its time is over"):
            connection.profile()


async def test_who_decides_about_a_request_sees_what_holds_for_the_target_c51(site: Site) -> None:
    made = [await site.proposed_exception(service=service) for service in ("rdp", "")]
    await site.proposed_exception(reason="Nobody accepted this one")
    omar, vera = await site.signed_in("omar"), await site.signed_in("vera")
    for one in made:
        await omar.change(f"/exceptions/{one}/accept", {"code": site.code("omar")})
    desktop = {"protocol": "rdp", "channels": ["desktop"]}
    for wanted, risks in (({}, made[1:]), (desktop, made)):
        request = await site.asked(vera, **wanted)
        shown = (await omar.get(f"/requests/{request['id']}")).json()["exceptions"]
        assert sorted(risk["id"] for risk in shown) == sorted(risks)
        assert {risk["compensation"] for risk in shown} == {"A cable of its own"}
        assert request["exceptions"] == []


async def test_a_session_that_uses_no_exception_says_of_none(site: Site) -> None:
    made = await site.proposed_exception(service="rdp")
    omar = await site.signed_in("omar")
    await omar.change(f"/exceptions/{made}/accept", {"code": site.code("omar")})
    async with site.visit():
        assert await site.events("inventory.exception.used") == []
