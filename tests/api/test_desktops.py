"""Desktops through the page: offers and warnings, tickets, the WebSocket; what becomes of stolen ones."""

from datetime import timedelta

import pytest

from gateway.fronts.api.services import Door
from gateway.identity.model import Factor, FactorProof
from gateway.identity.sql_factors import put_proof
from gateway.inventory.model import CredentialKind
from gateway.limits import API_LIVE_PER_PERSON
from gateway.policy.model import Channel
from tests.api.site import ELSEWHERE, HERE, Browser, RdpTwin, Site
from tests.api.socket import Refused, connected
from tests.api.test_live import refused, token


@pytest.fixture
def desk(site: Site) -> Site:
    site.services.desktops.front = RdpTwin()
    return site


async def granted(site: Site, vera: Browser, **more: object) -> dict:
    return await site.granted(vera, await site.signed_in("omar"), protocol="rdp", **more)


async def ticket(vera: Browser, grant: dict, use: str = "client", **more: object) -> dict:
    answer = await vera.change(f"/grants/{grant['id']}/tickets", {"for": use, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_desktop_is_offered_with_its_channels_and_the_warning_44(desk: Site) -> None:
    robot = CredentialKind.CERTIFICATE
    await desk.services.inventory.add_account("sam", "ews-l4", "robot", robot)
    vera = await desk.signed_in("vera")
    offers = {s["protocol"]: s for s in (await vera.get("/targets")).json()[0]["services"]}
    assert offers["ssh"]["warning"] == ""
    assert (offers["ssh"]["accounts"], offers["rdp"]["accounts"]) == (["engineer", "robot"], ["engineer"])
    assert offers["ssh"]["usual_channels"] == ["exec", "shell"]
    assert offers["rdp"]["usual_channels"] == ["desktop", "desktop.input", "display"]
    assert set(offers["rdp"]["channels"]) - set(offers["rdp"]["usual_channels"]) == {"clipboard.in", "clipboard.out"}
    assert "take the screen of ews-l4 away" in offers["rdp"]["warning"]


async def test_the_approver_and_the_control_room_read_the_warning_and_what_may_be_opened(desk: Site) -> None:
    vera, omar, lena = [await desk.signed_in(name) for name in ("vera", "omar", "lena")]
    request = await desk.asked(vera, protocol="rdp", channels=["desktop"])
    seen = (await omar.get(f"/requests/{request['id']}")).json()
    assert (seen["protocol"], seen["channels"]) == ("rdp", ["desktop"])
    assert "take the screen of ews-l4 away" in seen["warning"]
    await omar.change(f"/requests/{request['id']}/approve", {"code": desk.code("omar"), "digest": seen["digest"]})
    grant = (await lena.get("/grants", params={"scope": "site"})).json()[0]
    assert "take the screen" in grant["warning"]
    assert grant["may"] == ["release", "revoke"]
    assert (await vera.get("/grants")).json()[0]["may"] == ["ticket"]
    me = (await vera.get("/me")).json()
    assert (me["rdp_host"], me["rdp_port"]) == ("", 3389)


async def test_a_ticket_for_a_client_comes_with_a_file_that_holds_no_secret(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    made = await ticket(vera, await granted(desk, vera))
    lines = made["file"].split("\r\n")
    assert f"full address:s:{made['host']}:{made['port']}" in lines
    assert (made["host"], made["port"]) == ("gate.example", 3389)
    assert f"username:s:{made['id']}" in lines
    assert {"enablecredsspsupport:i:1", "redirectclipboard:i:0", "drivestoredirect:s:", "audiomode:i:2"} <= set(lines)
    assert not any(line.startswith("password") for line in lines)
    assert made["secret"] not in made["file"]
    assert await desk.services.identity.tickets.hash_of(made["id"], HERE)
    assert made["secret"] not in str(await desk.events())


async def test_the_clipboard_is_in_the_file_only_where_it_was_granted(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    channels = ["desktop", "desktop.input", Channel.CLIPBOARD_OUT]
    made = await ticket(vera, await granted(desk, vera, channels=channels))
    assert "redirectclipboard:i:1\r\ndynamic resolution:i:0\r\n" in made["file"]


async def test_a_ticket_for_the_page_has_no_file_and_lives_a_minute(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    made = await ticket(vera, await granted(desk, vera), "browser")
    assert made["file"] == ""
    assert made["expires"].startswith((desk.clock.now() + timedelta(seconds=60)).isoformat()[:19])


async def test_a_sign_in_of_an_hour_ago_needs_a_code_with_the_ticket(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    grant = await granted(desk, vera)
    for _ in range(3):
        desk.clock.advance(seconds=20 * 60)
        assert (await vera.get("/me")).status_code == 200
    path = f"/grants/{grant['id']}/tickets"
    assert await code_of(await vera.change(path, {"for": "client"})) == (403, "factor_stale")
    wrong = await vera.change(path, {"for": "client", "code": desk.last_code("omar")})
    assert (await code_of(wrong))[1] == "bad_code"
    made = await ticket(vera, grant, code=desk.code("vera"))
    bearer = await desk.services.identity.tickets.redeem(made["id"], ELSEWHERE, "")
    young = [p for p in bearer.proofs if p.fresh(desk.clock.now(), timedelta(minutes=1))]
    assert [(p.factor, p.source) for p in young] == [("totp", ELSEWHERE)]


async def test_what_a_ticket_could_not_bring_along_is_said_before_there_is_one(desk: Site) -> None:
    """T2 needs a factor that CredSSP does not know: it must be there already, from this address."""
    vera, sam = await desk.signed_in("vera"), await desk.signed_in("sam", Door.ADMIN)
    grant = await granted(desk, vera)
    target = await desk.services.inventory.target_named("ews-l4")
    assert (await sam.change("/targets/ews-l4", {"tier": "T2"}, "PATCH", f'"{target.version}"')).is_success
    path = f"/grants/{grant['id']}/tickets"
    answer = await vera.change(path, {"for": "client", "code": desk.code("vera")})
    assert await code_of(answer) == (403, "no_permit")
    assert "Sign in by SSH with a security key" in answer.json()["detail"]
    touched = FactorProof(desk.persons["vera"].id, Factor.SSH_KEY_TOUCHED, desk.clock.now(), HERE)
    async with desk.services.store.write() as tx:
        await put_proof(tx, touched, desk.clock.now() - timedelta(days=1))
    made = await ticket(vera, grant)
    assert touched in (await desk.services.identity.tickets.redeem(made["id"], HERE, "")).proofs


async def test_nobody_gets_a_ticket_for_another_persons_grant_52(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    path = f"/grants/{(await granted(desk, vera))['id']}/tickets"
    for name, status in (("vito", 404), ("olga", 404), ("sam", 404), ("omar", 403), ("lena", 403), ("ada", 403)):
        other = await desk.signed_in(name)
        answer = await other.change(path, {"for": "client"})
        assert answer.status_code == status, name
        assert "secret" not in answer.json()
    assert await desk.events("identity.ticket.issued") == []


async def test_there_is_no_ticket_for_a_shell_nor_without_rdp_nor_after_the_end(desk: Site) -> None:
    vera, omar = await desk.signed_in("vera"), await desk.signed_in("omar")
    shell, desktop = await desk.granted(vera, omar), await granted(desk, vera)
    assert await code_of(await vera.change(f"/grants/{shell['id']}/tickets", {"for": "client"})) == (403, "no_desktop")
    made = await ticket(vera, desktop)
    path = f"/grants/{desktop['id']}"
    assert (await omar.change(f"{path}/revoke", {"reason": "not today"})).is_success
    assert await code_of(await vera.change(f"{path}/tickets", {"for": "client"})) == (403, "grant_ended")
    assert (await vera.get("/grants")).json()[0]["may"] == []
    with pytest.raises(Exception, match="grant_ended"):
        await desk.services.identity.tickets.redeem(made["id"], HERE, "")
    desk.services.desktops.front = None
    again = await granted(desk, vera)
    assert await code_of(await vera.change(f"/grants/{again['id']}/tickets", {"for": "client"})) == (403, "no_desktop")
    assert (await vera.get("/me")).json()["rdp_port"] is None


@pytest.mark.parametrize("body", [{}, {"for": "both"}, {"use": "client"}, {"for": "client", "person": "omar"}])
async def test_55_a_ticket_is_asked_for_in_one_way(desk: Site, body: dict) -> None:
    vera = await desk.signed_in("vera")
    answer = await vera.change(f"/grants/{(await granted(desk, vera))['id']}/tickets", body)
    assert answer.status_code == 422


async def test_the_page_talks_to_the_rdp_front_in_octets_until_it_says_goodbye(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    async with connected(desk, "/desktop", token(vera)) as socket:
        for data in (b"\x30\x82", b"\x00" * 65536, b"bye"):
            await socket.sent.put({"type": "websocket.receive", "bytes": data})
            answer = await socket.octets()
            assert answer == f"vera at {HERE}: ".encode() + data
        assert await socket.end() == 1000
        assert socket.reason == "You said goodbye."


async def test_46_the_desktop_has_no_door_without_cookie_from_elsewhere_or_of_another_origin(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    async with refused(), connected(desk, "/desktop"):
        pass
    async with refused(), connected(desk, "/desktop", token(vera), source=ELSEWHERE):
        pass
    async with refused(), connected(desk, "/desktop", token(vera), origin="https://evil.example"):
        pass
    desk.services.desktops.front = None
    async with refused(), connected(desk, "/desktop", token(vera)):
        pass


async def test_a_page_that_talks_text_is_cut(desk: Site) -> None:
    async with connected(desk, "/desktop", token(await desk.signed_in("vera"))) as socket:
        await socket.say("hello")
        assert await socket.end() == 1003


async def test_60_signing_out_ends_the_desktop(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    async with connected(desk, "/desktop", token(vera)) as socket:
        await socket.sent.put({"type": "websocket.receive", "bytes": b"x"})
        await socket.octets()
        await vera.change("/sign-out")
        assert await socket.end() == 4401


async def test_one_person_has_a_bounded_number_of_desktops(desk: Site) -> None:
    vera = await desk.signed_in("vera")
    live = desk.apps[Door.PEOPLE].state.live
    with live.one(desk.persons["vera"].id):
        for _ in range(API_LIVE_PER_PERSON - 1):
            live._open[desk.persons["vera"].id] += 1
        async with refused(), connected(desk, "/desktop", token(vera)):
            pass


async def test_there_is_no_desktop_on_the_admin_door(desk: Site) -> None:
    sam = await desk.signed_in("sam", Door.ADMIN)
    with pytest.raises(BaseExceptionGroup) as caught:
        async with connected(desk, "/desktop", token(sam), door=Door.ADMIN):
            pass
    assert caught.group_contains(Refused)
