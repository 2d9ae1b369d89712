"""What a start takes from the store and what from the folder: whatever is wrong is said loudly, and decisions go on."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from gateway.errors import Invalid
from gateway.policy import tables
from gateway.policy.book import PolicyBook
from gateway.policy.model import Allow, Deny
from gateway.policy.versions import VersionState
from tests.policy.asking import AT, DEFAULTS, forbid, permit, question
from tests.policy.house import House, written
from tests.policy.people import texts
from tests.policy.test_book import refused


async def restarted(house: House, folder: Path) -> PolicyBook:
    house.book = house.opened()
    await house.book.open(folder)
    return house.book


def decided(book: PolicyBook) -> tuple[str, ...]:
    decision = book.decide(question(), AT)
    assert isinstance(decision, Allow)
    return decision.rules


async def test_a_new_site_begins_with_its_folder_active_and_by_the_gateway(house: House) -> None:
    (first,) = await house.book.versions()
    assert (first.state, first.proposed.name, first.activated.name) == (VersionState.ACTIVE, "gateway", "gateway")
    assert first.signed is None
    assert decided(house.book) == ("first",)
    assert house.book.trouble == ""
    assert [e["event"] for e in await house.events("policy.version.proposed", "policy.version.activated")] == [
        "policy.version.proposed", "policy.version.activated",
    ]  # fmt: skip


async def test_the_policies_that_are_shipped_begin_a_site_and_pass_their_own_cases(house: House) -> None:
    async with house.store.write() as tx:
        await tx.execute(delete(tables.files))
        await tx.execute(delete(tables.versions))
    book = await restarted(house, DEFAULTS)
    run = await book.test(book.version)
    assert run.cases >= 15
    assert run.failures == ()


async def test_a_restart_keeps_the_active_version_whatever_the_folder_says(house: House, folder: Path) -> None:
    version = await house.in_force()
    book = await restarted(house, folder)
    assert book.version == version.id
    assert decided(book) == ("next",)
    assert book.trouble == "", "the folder is what the site began with: nobody need do anything about it"


async def test_a_folder_that_changed_becomes_a_draft_and_is_said_loudly_once_each_start(
    house: House, folder: Path
) -> None:
    before = house.book.version
    written(folder, texts(permit("from-the-folder")))
    for _ in range(2):
        book = await restarted(house, folder)
        assert (book.version, decided(book)) == (before, ("first",))
        assert "which is draft and decides nothing yet" in book.trouble
    newest, _ = await book.versions()
    assert (newest.state, newest.proposed.name) == (VersionState.DRAFT, "gateway")
    assert len(await house.events("policy.version.proposed")) == 2


async def test_nobody_brings_a_folder_into_force_alone_47(house: House, folder: Path) -> None:
    """Who can write the folder is nobody's colleague: another signs than the one who makes it active."""
    written(folder, texts(permit("from-the-folder")))
    await restarted(house, folder)
    newest, _ = await house.book.versions()
    signed = await house.signed(newest, house.sam)
    await refused(house.activated(signed, house.sam), "own_signature")
    await house.activated(signed, house.ines)
    assert decided(house.book) == ("from-the-folder",)
    assert house.book.trouble == ""


@pytest.mark.parametrize("broken", ["permit (principal", permit("a", idle="soon"), '@id("x") forbid (principal'])
async def test_a_folder_that_does_not_parse_is_left_alone_and_the_old_version_goes_on(
    house: House, folder: Path, broken: str
) -> None:
    version = await house.in_force()
    (folder / "90.cedar").write_text(broken)
    book = await restarted(house, folder)
    assert (book.version, decided(book)) == (version.id, ("next",))
    assert "was left alone: 90.cedar: line 1" in book.trouble
    (event,) = await house.events("policy.set.refused")
    assert (event["file"], event["version"], event["code"]) == ("90.cedar", version.id, "GW7002E")
    assert len(await book.versions()) == 2


async def test_a_folder_that_is_gone_leaves_the_old_version(house: House, tmp_path: Path) -> None:
    book = await restarted(house, tmp_path / "nowhere")
    assert decided(book) == ("first",)
    assert "is not a folder" in book.trouble


async def test_a_broken_folder_refuses_the_start_of_a_new_site(house: House, folder: Path) -> None:
    async with house.store.write() as tx:
        await tx.execute(delete(tables.files))
        await tx.execute(delete(tables.versions))
    (folder / "90.cedar").write_text("permit (principal")
    with pytest.raises(Invalid) as caught:
        await restarted(house, folder)
    assert caught.value.field == "90.cedar"


async def test_files_that_were_changed_in_the_store_let_nobody_in_and_an_admin_can_still_repair_it(
    house: House, folder: Path
) -> None:
    good = await house.in_force("good")
    bad = await house.in_force("bad")
    async with house.store.write() as tx:
        where = (tables.files.c.version == bad.id, tables.files.c.name == "00.cedar")
        await tx.execute(update(tables.files).where(*where).values(text=permit("evil")))
    book = await restarted(house, folder)
    assert isinstance(book.decide(question(), AT), Deny)
    assert "so nobody gets in" in book.trouble
    await house.activated(await book.get(good.id))
    assert decided(book) == ("good",)
    assert book.trouble == ""


async def test_a_version_of_an_earlier_release_decides_on_with_the_facts_of_this_one(
    house: House, folder: Path
) -> None:
    """It was signed when the gateway told less; its rules stay as they are."""
    old = texts(permit("old"), forbid("never", "context.owner"))
    old["schema.cedarschema"] = old["schema.cedarschema"].replace("emergency: Bool,", "")
    await _becomes(house, old)
    book = await restarted(house, folder)
    assert decided(book) == ("old",)


async def test_a_version_that_fits_this_release_in_no_way_lets_nobody_in(house: House, folder: Path) -> None:
    """It reads a fact that this gateway tells no more."""
    old = texts(permit("old", "context.weather == 1"))
    old["schema.cedarschema"] = old["schema.cedarschema"].replace("emergency: Bool,", "emergency: Bool, weather: Long,")
    await _becomes(house, old)
    book = await restarted(house, folder)
    assert isinstance(book.decide(question(), AT), Deny)
    assert "nobody gets in" in book.trouble


async def _becomes(house: House, files: dict[str, str]) -> None:
    """As an earlier release left it: this one would not have taken it."""
    from gateway.policy.files import digest

    async with house.store.write() as tx:
        active = house.book.version
        await tx.execute(delete(tables.files))
        values = {"id": digest(files)[:12], "digest": digest(files)}
        await tx.execute(update(tables.versions).where(tables.versions.c.id == active).values(**values))
        rows = [{"version": values["id"], "name": n, "text": t} for n, t in files.items()]
        await tx.execute(tables.files.insert(), rows)
