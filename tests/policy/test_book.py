"""Policy versions: proposed, signed off by a second person, made active, rolled back (C94, decision 10)."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.errors import Conflict, Invalid, NotFound, Refused, StoreUnavailable
from gateway.identity.model import Factor, Role
from gateway.policy import preview, tables
from gateway.policy.book import COMPARED
from gateway.policy.model import Allow, Deny
from gateway.policy.versions import VersionState
from tests.policy.asking import AT, forbid, permit, question
from tests.policy.house import House
from tests.policy.people import person, texts

CASE = '[[case]]\nname = "vera may ask"\naction = "request"\nexpect = "allow"\nrules = ["next"]\n'


async def refused(doing, code: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await doing
    assert caught.value.code == code
    return caught.value


async def states(house: House) -> dict[str, VersionState]:
    return {v.id: v.state for v in await house.book.versions()}


async def test_a_version_goes_from_draft_to_signed_to_active_and_each_step_is_on_record(house: House) -> None:
    first = house.book.version
    draft = await house.proposed()
    assert (draft.state, draft.number, draft.signed) == (VersionState.DRAFT, 2, None)
    assert house.book.version == first
    signed = await house.signed(draft)
    assert (signed.state, signed.signed.name) == (VersionState.SIGNED, "omar")
    assert house.book.version == first, "a signature alone changes nothing"
    active = await house.activated(signed)
    assert active.state is VersionState.ACTIVE
    assert house.book.version == draft.id
    assert await states(house) == {draft.id: VersionState.ACTIVE, first: VersionState.RETIRED}
    said = await house.events("policy.version.proposed", "policy.version.signed", "policy.version.activated")
    assert [(e["code"], e["actor"], e["version"]) for e in said[2:]] == [
        ("GW7003I", "sam", draft.id), ("GW7004I", "omar", draft.id), ("GW7005I", "sam", draft.id),
    ]  # fmt: skip
    assert said[3]["digest"] == draft.digest
    assert (said[4]["previous"], said[4]["signer"], said[4]["rolled_back"]) == (first, "omar", False)


async def test_the_next_decision_is_made_by_the_new_version(house: House) -> None:
    before = house.book.decide(question(), AT)
    assert isinstance(before, Allow)
    assert before.rules == ("first",)
    version = await house.in_force()
    after = house.book.decide(question(), AT)
    assert isinstance(after, Allow)
    assert (after.rules, after.version) == (("next",), version.id)


async def test_an_unsigned_version_cannot_become_active_c94(house: House) -> None:
    draft = await house.proposed()
    no = await refused(house.activated(draft, house.ines), "not_signed_off")
    assert "not signed" in no.words
    assert (await states(house))[draft.id] is VersionState.DRAFT
    (event,) = await house.events("policy.version.refused")
    assert (event["attempt"], event["reason"], event["actor"]) == ("activate", "not_signed_off", "ines")


async def test_the_author_cannot_sign_his_own_version_47(house: House) -> None:
    draft = await house.proposed()
    await refused(house.signed(draft, house.sam), "own_version")
    assert (await house.book.get(draft.id)).signed is None


@pytest.mark.parametrize("title", ["Sam", "SAM ", "Sám"])
async def test_the_author_cannot_sign_by_a_second_account_of_his_47(house: House, title: str) -> None:
    draft = await house.proposed()
    again = house.people.add(replace(person("sam2", Role.OWNER, of=0), title=title))
    await refused(house.signed(draft, again), "own_version")


async def test_two_people_with_names_that_are_anagrams_are_two(house: House) -> None:
    draft = await house.proposed()
    assert (await house.signed(draft, house.people.add(person("mas", Role.OWNER, of=0)))).signed.name == "mas"


@pytest.mark.parametrize(
    ("roles", "of"),
    [({Role.OWNER}, 1), ({Role.ADMIN}, 2), ({Role.OPERATOR}, 0), ({Role.AUDITOR}, 0), ({Role.VENDOR}, 0)],
)
async def test_only_an_owner_or_admin_of_the_plant_itself_signs(house: House, roles: set[Role], of: int) -> None:
    draft = await house.proposed()
    other = house.people.add(person("other", *roles, of=of))
    await refused(house.signed(draft, other), "not_signer")


@pytest.mark.parametrize("who", ["omar", "vera"])
async def test_only_an_admin_proposes_and_activates(house: House, who: str) -> None:
    someone = getattr(house, who)
    await refused(house.book.propose(texts(permit("x")), "note", someone), "not_admin")
    signed = await house.signed(await house.proposed(), house.ines)
    await refused(house.activated(signed, someone), "not_admin")


async def test_who_lost_his_role_meanwhile_signs_and_activates_nothing(house: House) -> None:
    """What a page remembers of him may be old: he is read again where it is decided."""
    draft = await house.proposed()
    house.change(house.omar, roles=frozenset({Role.OPERATOR}))
    await refused(house.signed(draft), "not_signer")
    signed = await house.signed(draft, house.ines)
    house.change(house.sam, disabled=True)
    await refused(house.activated(signed), "disabled")


async def test_a_code_is_fresh_and_of_the_one_who_decides_46(house: House) -> None:
    draft = await house.proposed()
    old = house.proof(house.omar)
    house.clock.advance(minutes=3)
    proofs = [
        old,
        house.proof(house.sam),
        house.proof(house.omar, Factor.PASSWORD),
        house.proof(house.omar, Factor.SSH_KEY),
    ]
    for proof in proofs:
        await refused(house.book.sign(draft.id, house.omar, proof, digest=draft.digest), "stale_factor")
    signed = await house.signed(draft)
    for proof in (old, house.proof(house.omar), house.proof(house.sam, Factor.PASSWORD)):
        await refused(house.book.activate(signed.id, house.sam, proof), "stale_factor")
    assert (await states(house))[draft.id] is VersionState.SIGNED


async def test_the_signer_signs_what_he_was_shown_and_nothing_else(house: House) -> None:
    shown, other = await house.proposed("shown"), await house.proposed("other")
    with pytest.raises(Conflict, match="not the one that you were shown"):
        await house.book.sign(other.id, house.omar, house.proof(house.omar), digest=shown.digest)
    assert (await house.book.get(other.id)).signed is None


async def test_files_that_were_changed_in_the_store_are_neither_signed_nor_made_active(house: House) -> None:
    draft = await house.proposed()
    signed = await house.signed(await house.proposed("signed"))
    async with house.store.write() as tx:
        await tx.execute(update(tables.files).where(tables.files.c.name == "00.cedar").values(text=permit("evil")))
    with pytest.raises(Conflict):
        await house.signed(draft)
    await refused(house.activated(signed), "not_as_signed")
    assert isinstance(house.book.decide(question(), AT), Allow)


async def test_a_change_after_the_signature_is_a_version_of_its_own_and_unsigned(house: House) -> None:
    signed = await house.signed(await house.proposed())
    changed = await house.proposed(idle="5m")
    assert changed.id != signed.id
    assert changed.signed is None
    await refused(house.activated(changed), "not_signed_off")


async def test_word_for_word_the_same_is_no_second_version(house: House) -> None:
    draft = await house.proposed()
    with pytest.raises(Conflict, match=f"word for word policy version {draft.id}, which is draft"):
        await house.proposed()


async def test_twenty_who_sign_at_once_make_one_signature(house: House) -> None:
    draft = await house.proposed()
    people = [house.people.add(person(f"owner-{n}", Role.OWNER, of=0)) for n in range(20)]
    done = await asyncio.gather(*(house.signed(draft, p) for p in people), return_exceptions=True)
    assert sum(not isinstance(d, Exception) for d in done) == 1
    assert {type(d) for d in done if isinstance(d, Exception)} <= {Refused, Conflict}
    assert len(await house.events("policy.version.signed")) == 1


async def test_two_who_activate_different_versions_at_once_leave_one_active(house: House) -> None:
    one, two = await house.signed(await house.proposed("one")), await house.signed(await house.proposed("two"))
    done = await asyncio.gather(
        house.activated(one, house.sam), house.activated(two, house.ines), house.activated(one, house.ines),
        return_exceptions=True,
    )  # fmt: skip
    assert not [d for d in done if isinstance(d, Exception) and not isinstance(d, (Refused, Conflict))]
    active = [id_ for id_, state in (await states(house)).items() if state is VersionState.ACTIVE]
    assert active == [house.book.version]


async def test_a_roll_back_makes_an_earlier_signed_version_active_again_and_says_so(house: House) -> None:
    good, bad = await house.in_force("good"), await house.in_force("bad")
    back = await house.activated(await house.book.get(good.id))
    assert back.state is VersionState.ACTIVE
    assert house.book.version == good.id
    assert (await states(house))[bad.id] is VersionState.RETIRED
    last = (await house.events("policy.version.activated"))[-1]
    assert (last["previous"], last["rolled_back"]) == (bad.id, True)


async def test_the_first_policy_is_rolled_back_to_only_once_it_was_signed(house: House) -> None:
    """Nobody signed it when the site began: it is signed while it is active, or later."""
    first = await house.book.get(house.book.version)
    await house.in_force()
    await refused(house.activated(first), "not_signed_off")
    signed = await house.signed(first)
    assert signed.state is VersionState.RETIRED
    assert (await house.activated(signed)).state is VersionState.ACTIVE


async def test_a_case_that_fails_keeps_a_version_from_becoming_active(house: House) -> None:
    wrong = texts(permit("other")) | {"tests/own.toml": CASE}
    draft = await house.book.propose(wrong, "a change", house.sam)
    run = await house.book.test(draft.id)
    assert run.cases == 1
    assert run.failures == ("tests/own.toml: vera may ask: expected the rules ['next'], got ['other']",)
    no = await refused(house.activated(await house.signed(draft)), "cases_fail")
    assert "1 of the 1 cases" in no.words
    assert "vera may ask" in no.words


async def test_a_file_that_does_not_parse_is_not_even_a_draft(house: House) -> None:
    with pytest.raises(Invalid) as caught:
        await house.book.propose(texts(permit("a"), "permit (principal"), "note", house.sam)
    assert caught.value.field == "01.cedar"
    assert len(await house.book.versions()) == 1


async def test_a_store_that_is_away_stops_no_decision(house: House) -> None:
    await house.in_force()
    await house.store.close()
    Path(str(house.store.engine.url.database)).unlink()
    assert isinstance(house.book.decide(question(), AT), Allow)
    with pytest.raises(StoreUnavailable):
        await house.proposed("later")


async def test_an_old_decision_is_explained_by_the_version_that_spoke(house: House) -> None:
    old = house.book.version
    await house.in_force("next")
    draft = await house.proposed("never", forbid("no", "true"))
    assert (await house.book.engine_of(old)).decide(question(), AT).rules == ("first",)
    assert (await house.book.engine_of("")).decide(question(), AT).rules == ("next",)
    denial = (await house.book.engine_of(draft.id)).decide(question(), AT)
    assert isinstance(denial, Deny)
    assert denial.version == draft.id
    with pytest.raises(NotFound):
        await house.book.engine_of("0" * 12)


async def test_before_it_is_opened_a_book_lets_nobody_in(house: House) -> None:
    assert isinstance(house.opened().decide(question(), AT), Deny)


async def test_whole_sites_are_compared_one_at_a_time_and_so_many_may_wait(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a thread for half a minute; log-ins need threads too."""
    begun, go, running = asyncio.Event(), threading.Event(), threading.Lock()
    loop, alone = asyncio.get_running_loop(), list[bool]()

    def diff(*_: object) -> list[preview.Difference]:
        alone.append(running.acquire(blocking=False))
        loop.call_soon_threadsafe(begun.set)
        go.wait(10)
        running.release()
        return []

    monkeypatch.setattr(preview, "diff", diff)
    engine = house.book.engine
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(house.book.compare(engine, engine, [], [], AT)) for _ in range(COMPARED)]
        await begun.wait()
        await refused(house.book.compare(engine, engine, [], [], AT), "busy")
        given_up = waiting.pop()
        given_up.cancel()
        await asyncio.wait([given_up])
        waiting.append(group.create_task(house.book.compare(engine, engine, [], [], AT)))
        go.set()
    assert [done.result() for done in waiting] == [[]] * COMPARED
    assert alone == [True] * COMPARED
