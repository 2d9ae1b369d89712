"""Person, organisation or target gets no session until a date (C38)."""

from datetime import timedelta

import pytest

from gateway.access.model import GrantState
from gateway.errors import Conflict, Invalid, NotFound, Refused
from tests.access.site import ADA, EWS, HOUR, LENA, NORA, OMAR, PAULA, SAM, SOURCE, VERA, VIKTOR, Site


async def stands(site: Site, person=VERA) -> str:
    async with site.store.read() as tx:
        block = await site.access.blocked(tx, person, EWS)
    return "" if block is None else f"{block.kind} {block.name}: {block.reason}"


@pytest.mark.parametrize(("kind", "name"), [("person", "vera"), ("organisation", "drives"), ("target", "ews-l4")])
async def test_no_session_starts_while_person_organisation_or_target_is_blocked(site: Site, kind, name) -> None:
    grant = await site.granted()
    release = await site.released(grant)
    until = site.clock.now() + timedelta(minutes=10)
    await site.access.block(LENA, kind, name, until, "Wrong drive.", SOURCE)
    assert await stands(site) == f"{kind} {name}: Wrong drive."
    with pytest.raises(Refused, match="gets no session until 2026-11-24 10:10 UTC: Wrong drive") as refused:
        await site.start(grant, release)
    assert refused.value.code == "blocked"
    site.clock.advance(minutes=10)
    assert await stands(site) == ""
    assert (await site.start(grant, release)).state is GrantState.LIVE


async def test_a_block_meets_only_what_it_names(site: Site) -> None:
    await site.access.block(LENA, "person", "vera", None, "Wrong drive.", SOURCE)
    assert await stands(site, VERA)
    assert not await stands(site, VIKTOR)
    await site.access.block(LENA, "organisation", "drives", None, "Contract in dispute.", SOURCE)
    assert await stands(site, VIKTOR)
    assert not await stands(site, PAULA)


async def test_a_shorter_block_never_shortens_a_longer_one(site: Site) -> None:
    now = site.clock.now()
    await site.access.block(LENA, "person", "vera", now + 8 * HOUR, "Until the shift ends.", SOURCE)
    await site.access.block(LENA, "person", "vera", now + HOUR, "One hour.", SOURCE)
    site.clock.advance(hours=7)
    assert await stands(site) == "person vera: Until the shift ends."
    await site.access.block(LENA, "organisation", "drives", None, "All of them.", SOURCE)
    assert await stands(site) == "organisation drives: All of them."
    assert [b.name for b in await site.access.blocks()] == ["drives", "vera"]


async def test_a_lifted_block_is_gone_and_the_log_says_who_lifted_it(site: Site) -> None:
    await site.access.block(LENA, "person", "vera", None, "Wrong drive.", SOURCE)
    for person in (VERA, OMAR):
        with pytest.raises(Refused, match="for the control room and for administrators"):
            await site.access.unblock(person, "person", "vera", "I am sorry.", SOURCE)
    await site.access.unblock(SAM, "person", "vera", "Settled by phone.", SOURCE)
    assert await stands(site) == ""
    with pytest.raises(Conflict, match="The person vera is not blocked"):
        await site.access.unblock(SAM, "person", "vera", "Again.", SOURCE)
    assert [e.actor for e in await site.log("access.block.set", "access.block.lifted")] == ["lena", "sam"]


@pytest.mark.parametrize(
    ("actor", "kind", "name", "may"),
    [
        (LENA, "person", "vera", True),
        (SAM, "organisation", "drives", True),
        (OMAR, "target", "ews-l4", True),
        (OMAR, "person", "vera", True),  # with a kill of her session on his target
        (OMAR, "organisation", "drives", False),
        (VERA, "organisation", "plant", False),
        (ADA, "organisation", "drives", False),
        (NORA, "target", "ews-l4", False),
        (ADA, "person", "vera", False),
        (VERA, "person", "paula", False),
    ],
)
async def test_the_control_room_and_admins_block_and_an_owner_his_target(site: Site, actor, kind, name, may) -> None:
    if may:
        await site.access.block(actor, kind, name, None, "Reason.", SOURCE)
    else:
        with pytest.raises(Refused, match=r"Blocks of a|Access is cut by"):
            await site.access.block(actor, kind, name, None, "Reason.", SOURCE)
    assert len(await site.access.blocks()) == may


async def test_what_does_not_exist_and_what_is_over_cannot_be_blocked(site: Site) -> None:
    for kind, name in (("person", "nobody"), ("organisation", "nobody"), ("target", "nobody")):
        with pytest.raises(NotFound):
            await site.access.block(LENA, kind, name, None, "Reason.", SOURCE)
    with pytest.raises(Invalid):
        await site.access.block(LENA, "zone", "cell4", None, "Reason.", SOURCE)
    with pytest.raises(Invalid):
        await site.access.block(LENA, "person", "vera", site.clock.now(), "Reason.", SOURCE)
    assert await site.access.blocks() == []
