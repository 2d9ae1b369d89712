"""A target shows another key: its owner learns which, and he alone accepts it, with a code (C52)."""

import asyncssh
import pytest

from gateway.errors import Refused
from gateway.ids import SessionId
from gateway.inventory.model import Protocol, Service
from tests.api.site import Site

PATH = "/targets/ews-l4/host-key"
SESSION = SessionId("ses_first")


def key() -> tuple[str, str]:
    """The line of a new key, and its fingerprint."""
    made = asyncssh.generate_private_key("ssh-ed25519")
    return made.export_public_key("openssh").decode(), made.get_fingerprint()


async def service(site: Site) -> Service:
    found = (await site.services.inventory.target_named("ews-l4")).service(Protocol.SSH)
    assert found is not None
    return found


async def shows(site: Site, line: str) -> None:
    await site.services.inventory.check_host_key(await service(site), line, SESSION, "vera")


async def refused(site: Site, line: str) -> None:
    with pytest.raises(Refused) as caught:
        await shows(site, line)
    assert caught.value.code == "host_key_changed"


async def test_the_owner_sees_both_keys_accepts_the_new_one_and_only_that_is_pinned(site: Site) -> None:
    (old, was), (new, now), (other, strange) = key(), key(), key()
    omar = await site.signed_in("omar")
    before = (await omar.get(PATH)).json()
    assert (before["fingerprint"], before["shown"], before["accepted"]) == (None, None, None)
    await shows(site, old)
    await refused(site, new)
    seen = (await omar.get(PATH)).json()
    assert (seen["fingerprint"], seen["shown"]["fingerprint"]) == (was, now)
    asked = {"protocol": "ssh", "fingerprint": now, "reason": "new system disk", "code": site.code("omar")}
    accepted = await omar.change(f"{PATH}/accept", asked)
    assert accepted.is_success, accepted.text
    assert (accepted.json()["fingerprint"], accepted.json()["accepted"]) == (None, now)
    await refused(site, other)
    assert (await omar.get(PATH)).json()["shown"]["fingerprint"] == strange
    await shows(site, new)
    after = (await omar.get(PATH)).json()
    assert (after["fingerprint"], after["shown"], after["accepted"]) == (now, None, None)
    released = (await site.events("inventory.host_key.released"))[0]
    assert (released["actor"], released["reason"], released["fingerprint"]) == ("omar", "new system disk", now)


async def test_an_owner_has_a_list_of_the_keys_of_his_targets_and_of_no_others(site: Site) -> None:
    (old, was), (new, now) = key(), key()
    await shows(site, old)
    await refused(site, new)
    listed = (await (await site.signed_in("omar")).get("/host-keys")).json()
    first = next(k for k in listed if (k["target"], k["protocol"]) == ("ews-l4", "ssh"))
    assert (first["title"], first["fingerprint"], first["shown"]["fingerprint"]) == ("Workstation ews-l4", was, now)
    assert {k["target"] for k in listed} == {"ews-l4"}
    assert [k["shown"] for k in listed if k is not first] == [None] * (len(listed) - 1)
    theirs = {k["target"] for k in (await (await site.signed_in("olga")).get("/host-keys")).json()}
    assert "ews-l4" not in theirs
    for name in ("vera", "lena", "ada", "sam"):
        assert (await (await site.signed_in(name)).get("/host-keys")).json() == []


async def test_what_is_said_of_one_key_is_said_of_no_other(site: Site) -> None:
    other = (await site.services.inventory.target_named("ews-l4")).service(Protocol.RDP)
    assert other is not None
    (old, was), (_, now), omar = key(), key(), await site.signed_in("omar")
    await shows(site, old)
    reason = f'moved","service":"{other.id}'
    asked = {"fingerprint": now, "reason": reason, "code": site.code("omar")}
    assert (await omar.change(f"{PATH}/accept", asked)).is_success
    listed = {k["protocol"]: k for k in (await omar.get("/host-keys")).json() if k["target"] == "ews-l4"}
    assert (listed["ssh"]["fingerprint"], listed["ssh"]["shown"], listed["ssh"]["accepted"]) == (None, None, now)
    assert (listed["rdp"]["fingerprint"], listed["rdp"]["shown"], listed["rdp"]["accepted"]) == (None, None, None)
    await refused(site, old)
    await refused(site, old)
    after = (await omar.get(PATH)).json()
    assert (after["shown"]["fingerprint"], after["accepted"]) == (was, now)


async def test_nobody_but_the_owner_learns_or_accepts_a_key_53(site: Site) -> None:
    (old, was), (_, now) = key(), key()
    await shows(site, old)
    for name in ("vera", "olga", "lena", "ada", "sam"):
        browser = await site.signed_in(name)
        asked = {"fingerprint": now, "reason": "mine now", "code": site.code(name)}
        hidden, unknown = await browser.get(PATH), await browser.get("/targets/no-such/host-key")
        assert (hidden.status_code, hidden.content) == (404, unknown.content), name
        assert (await browser.change(f"{PATH}/accept", asked)).status_code == 404, name
    assert not await site.events("inventory.host_key.released")
    pinned = await site.services.inventory.pinned((await service(site)).id)
    assert pinned is not None
    assert pinned.fingerprint == was


async def test_a_stolen_page_of_the_owner_accepts_no_key_without_his_code_45(site: Site) -> None:
    (old, _), (new, now) = key(), key()
    await shows(site, old)
    omar = await site.signed_in("omar")
    asked = {"fingerprint": now, "reason": "new system disk"}
    used = site.last_code("omar")
    for code, refusal in (({}, "invalid"), ({"code": "000000"}, "bad_code"), ({"code": used}, "used_code")):
        answer = await omar.change(f"{PATH}/accept", asked | code)
        assert answer.json()["code"] == refusal, answer.text
    nothing = asked | {"fingerprint": "", "code": site.code("omar")}
    assert (await omar.change(f"{PATH}/accept", nothing)).status_code == 422
    await refused(site, new)
    assert not await site.events("inventory.host_key.released")


async def test_a_service_that_the_target_has_not_is_not_there(site: Site) -> None:
    omar = await site.signed_in("omar")
    assert (await omar.get(PATH, params={"protocol": "tcp"})).status_code == 404
