"""Persons and organisations: by admins only, and never without one (C18, C19, C76)."""

from datetime import timedelta

import pytest

from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.identity.model import UNCHANGED, Organisation, Role
from gateway.ids import OrganisationId, PersonId
from tests.identity.conftest import HOME, PASSWORD, Site


async def every_change(site: Site, actor) -> list:
    identity, vito = site.identity, site.persons["vito"]
    return [
        identity.add_organisation(actor, "pumps", "Pumps Ltd"),
        identity.change_organisation(actor, "drives", title="Drives"),
        identity.add_person(actor, "pia", "Pia", "drives", {Role.VENDOR}),
        identity.change_person(actor, "vito", vito.version, roles={Role.ADMIN}),
        identity.disable(actor, "vito", "because"),
        identity.invite(actor, "vito"),
    ]


async def test_only_an_admin_changes_anything(site: Site):
    before = await site.identity.people(), await site.identity.organisations()
    for change in await every_change(site, site.persons["vera"]):
        with pytest.raises(Refused) as refused:
            await change
        assert refused.value.code == "not_admin"
    assert (await site.identity.people(), await site.identity.organisations()) == before
    assert await site.identity.sign_in("vito", PASSWORD, site.code("vito"), HOME)


async def test_an_admin_of_yesterday_changes_nothing_today(site: Site):
    sam = site.persons["sam"]
    _, token = await site.identity.add_person(sam, "anna", "Anna", "plant", {Role.ADMIN})
    anna = await site.enrol("anna", token)
    await site.identity.change_person(sam, "anna", anna.version, roles={Role.OPERATOR})
    for change in await every_change(site, anna):
        with pytest.raises(Refused, match="not_admin"):
            await change


async def test_the_last_admin_cannot_be_taken_away(site: Site):
    sam, soon = site.persons["sam"], site.clock.now() + timedelta(days=1)
    await site.identity.add_person(sam, "anna", "Anna", "plant", {Role.ADMIN})  # invited, and cannot log in yet
    for change in (
        site.identity.disable(sam, "sam", "because"),
        site.identity.change_person(sam, "sam", sam.version, roles={Role.OPERATOR}),
        site.identity.change_person(sam, "sam", sam.version, roles=set()),
        site.identity.change_person(sam, "sam", sam.version, expires=soon),
        site.identity.change_organisation(sam, "plant", contract_end=soon),
        site.identity.invite(sam, "sam"),
    ):
        with pytest.raises(Refused) as refused:
            await change
        assert refused.value.code in {"last_admin", "own_roles"}
    assert await site.identity.person_named("sam") == sam
    assert await site.identity.sign_in("sam", PASSWORD, site.code("sam"), HOME)


async def test_an_admin_does_not_shut_himself_out_by_networks(site: Site):
    sam = site.persons["sam"]
    with pytest.raises(Refused, match="own_network"):
        await site.identity.change_organisation(sam, "plant", networks=["203.0.113.0/24"], source=HOME)
    await site.identity.change_organisation(sam, "plant", networks=["192.0.2.0/24"], source=HOME)
    assert await site.identity.sign_in("sam", PASSWORD, site.code("sam"), "::ffff:" + HOME)


async def test_nobody_gives_himself_a_role(site: Site):
    sam = site.persons["sam"]
    with pytest.raises(Refused, match="own_roles"):
        await site.identity.change_person(sam, "sam", sam.version, roles={Role.ADMIN, Role.AUDITOR})
    assert (await site.identity.person_named("sam")).roles == {Role.ADMIN}


async def test_a_change_on_an_old_version_is_a_conflict(site: Site):
    sam, vera = site.persons["sam"], site.persons["vera"]
    changed = await site.identity.change_person(sam, "vera", vera.version, title="Vera, drives")
    assert changed == await site.identity.person(vera.id)
    assert changed.version == vera.version + 1
    with pytest.raises(Conflict):
        await site.identity.change_person(sam, "vera", vera.version, roles={Role.ADMIN})
    assert (await site.identity.person_named("vera")).roles == {Role.VENDOR}


async def test_a_person_switched_off_and_on_again_has_his_factors(site: Site):
    sam = site.persons["sam"]
    off = await site.identity.disable(sam, "vera", "holiday")
    assert off.disabled
    on = await site.identity.change_person(sam, "vera", off.version, enabled=True)
    assert not on.disabled
    assert await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)


async def test_names_are_unique_and_stay_taken(site: Site):
    sam = site.persons["sam"]
    await site.identity.disable(sam, "vera", "left")
    with pytest.raises(Conflict):
        await site.identity.add_person(sam, "vera", "Another Vera", "drives", {Role.VENDOR})
    with pytest.raises(Conflict):
        await site.identity.add_organisation(sam, "drives", "Drives again")
    with pytest.raises(NotFound):
        await site.identity.add_person(sam, "pia", "Pia", "no-such-firm", {Role.VENDOR})


@pytest.mark.parametrize("networks", [["10.0.0.0/33"], ["10.0.0.1/8"], ["here"], [""]])
async def test_what_is_no_network_is_refused(site: Site, networks: list[str]):
    with pytest.raises(Invalid) as invalid:
        await site.identity.add_organisation(site.persons["sam"], "pumps", "Pumps", networks=networks)
    assert invalid.value.field == "networks"


def test_an_organisation_permits_its_networks_and_nothing_that_is_no_address():
    it = Organisation(OrganisationId("org_x"), "x", "X", plant=False, networks=("192.0.2.0/24", "2001:db8::/32"))
    assert all(it.permits_source(s) for s in ("192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1"))
    assert not any(it.permits_source(s) for s in ("192.0.3.9", "2001:db9::1", "", "console", "192.0.2.9, 192.0.2.8"))


async def test_who_is_not_there_is_not_found(site: Site):
    for call in (
        site.identity.person(PersonId("per_none")),
        site.identity.person_named("none"),
        site.identity.person_named("no\x00name"),
        site.identity.disable(site.persons["sam"], "none", "x"),
        site.identity.change_organisation(site.persons["sam"], "none"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_each_change_is_on_record_with_who_did_it_from_where(site: Site):
    sam, end = site.persons["sam"], site.clock.now() + timedelta(days=90)
    await site.identity.change_organisation(sam, "drives", contract_end=end, source=HOME)
    await site.identity.change_organisation(sam, "drives", contract_end=UNCHANGED, title="Drives", source=HOME)
    vera = await site.identity.change_person(sam, "vera", 1, expires=end, source=HOME)
    await site.identity.disable(sam, "vera", "left the company", source=HOME)
    changed, again, person, off, why = (await site.events())[-5:]
    assert {e["actor"] for e in (changed, again, person, off, why)} == {"sam"}
    assert {e["source"] for e in (changed, again, person, off, why)} == {HOME}
    assert changed["contract_end"] == again["contract_end"] == end.isoformat(timespec="microseconds")
    assert (person["expires"], off["disabled"], why["reason"]) == (again["contract_end"], True, "left the company")
    assert vera.expires == end
