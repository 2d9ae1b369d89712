"""Forwards and files as the page asks for them: what is on offer, what an approver is shown (C56)."""

import pytest

from gateway.inventory.model import Protocol, TargetClass, Tier
from tests.api.site import Browser, Site


@pytest.fixture
async def desk(site: Site) -> Site:
    """ews-l4 with two services beside its shell, and a controller that has nothing else."""
    inventory = site.services.inventory
    await inventory.add_service("sam", "ews-l4", Protocol.TCP, "127.0.0.9", 102, name="plc-program")
    await inventory.add_service("sam", "ews-l4", Protocol.TCP, "127.0.0.9", 443, name="web")
    owner = [site.persons["omar"].id]
    await inventory.add_target("sam", "plc-1", "Controller", "cell-4", Tier.T1, TargetClass.SERVER, owner)
    await inventory.add_service("sam", "plc-1", Protocol.TCP, "127.0.0.9", 102, name="plc-program")
    (led,) = [c for c in await inventory.conduits() if c.destination == "cell-4"]
    await inventory.change_conduit("sam", led, Protocol)
    return site


async def offered(vera: Browser, name: str) -> list[dict]:
    return next(t["services"] for t in (await vera.get("/targets")).json() if t["name"] == name)


async def test_what_may_be_forwarded_to_is_on_offer_by_name_and_without_addresses(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    ssh = next(s for s in await offered(vera, "ews-l4") if s["protocol"] == "ssh")
    assert ssh["services"] == ["plc-program", "web"]
    assert {"forward", "sftp.read", "sftp.write"} <= set(ssh["channels"])
    assert set(ssh["usual_channels"]) == {"shell", "exec"}
    assert "tcp" not in {s["protocol"] for s in await offered(vera, "ews-l4")}
    assert (ssh["file_paths"], ssh["file_copy"], ssh["file_hold"]) == (None, False, False)
    assert "127.0.0.9" not in (await vera.get("/targets")).text


async def test_a_controller_is_on_offer_for_its_forwards_alone(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    (only,) = await offered(vera, "plc-1")
    assert (only["protocol"], only["accounts"], only["services"]) == ("tcp", [], ["plc-program"])
    assert only["channels"] == only["usual_channels"] == ["forward"]


async def test_a_target_without_services_offers_no_forward(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    ssh = next(s for s in await offered(vera, "ews-l5") if s["protocol"] == "ssh")
    assert ssh["services"] == []
    assert "forward" not in ssh["channels"]


async def test_an_approver_is_shown_where_a_forward_leads(desk: Site) -> None:
    vera, omar = await desk.signed_in("vera"), await desk.signed_in("omar")
    wish = desk.wanted() | {"channels": ["shell", "forward"], "services": ["web"]}
    made = await vera.change("/requests", wish)
    assert made.status_code == 201
    (waiting,) = (await omar.get("/requests", params={"scope": "to_decide"})).json()
    assert waiting["services"] == ["web"]
    await omar.change(
        f"/requests/{waiting['id']}/approve", {"code": desk.code("omar"), "digest": waiting["digest"], "note": ""}
    )
    (grant,) = (await vera.get("/grants")).json()
    assert (grant["channels"], grant["services"]) == (["forward", "shell"], ["web"])


@pytest.mark.parametrize(
    ("services", "words"), [([], "ews-l4 has plc-program, web"), (["ssh"], "No tcp service of ews-l4 is called")]
)
async def test_a_forward_to_nothing_declared_is_refused_in_words(desk: Site, services: list[str], words: str) -> None:
    vera = await desk.signed_in("vera")
    made = await vera.change("/requests", desk.wanted() | {"channels": ["shell", "forward"], "services": services})
    assert made.status_code == 403
    assert words in made.json()["detail"]


async def test_what_no_conduit_leads_to_is_not_on_offer(desk: Site) -> None:
    """C4: a form that offers what is refused afterwards is none."""
    inventory = desk.services.inventory
    (led,) = [c for c in await inventory.conduits() if c.destination == "cell-4"]
    await inventory.change_conduit("sam", led, [Protocol.SSH])
    vera = await desk.signed_in("vera")
    offers = {t["name"]: t["services"] for t in (await vera.get("/targets")).json()}
    assert "plc-1" not in offers
    assert [(s["protocol"], s["services"]) for s in offers["ews-l4"]] == [("ssh", [])]
