"""Approvers decide, and the grant is born of their last yes."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from gateway.access import tables
from gateway.access.model import GrantState, RequestState
from gateway.access.rows import WANTED
from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.identity.model import Factor, Role
from tests.access.site import (
    ADA,
    EWS,
    HOUR,
    LENA,
    MINUTE,
    NORA,
    OLGA,
    OMAR,
    PAULA,
    PLANT,
    SAM,
    SOURCE,
    VERA,
    VIKTOR,
    Site,
)


async def test_an_owners_yes_makes_the_grant_and_freezes_what_was_approved(site: Site) -> None:
    asked = await site.asked()
    request = await site.approve(asked)
    assert (request.state, request.decided_by) == (RequestState.APPROVED, "omar")
    grant = await site.access.grant(request.grant)
    assert (grant.state, grant.person, grant.request) == (GrantState.SCHEDULED, VERA.id, asked.id)
    assert (grant.wanted, grant.obligations) == (asked.wanted, asked.obligations)
    assert (grant.digest, grant.policy_version) == (asked.wanted.digest(), "0123456789ab")
    assert (grant.deadline, grant.not_after) == (None, asked.wanted.not_after)
    (approval,) = (await site.access.request(asked.id)).approvals
    assert (approval.approver, approval.role, approval.digest) == (OMAR.id, "owner", grant.digest)
    assert [e.name for e in await site.log()][1:] == [
        "access.approval.given",
        "access.request.approved",
        "access.grant.made",
    ]
    (given,) = await site.log("access.approval.given")
    assert (given.actor, given.values()["factor"], given.values()["source"]) == ("omar", "totp", SOURCE)


@pytest.mark.parametrize(
    ("person", "code", "words"),
    [
        (LENA, "not_approver", "decided by the owners of the target; you are none of them"),
        (ADA, "not_approver", "you are none of them"),
        (SAM, "not_approver", "you are none of them"),
        (VIKTOR, "own_organisation", "You belong to Drives AG, as the requester does"),
    ],
)
async def test_whoever_is_no_approver_is_told_why(site: Site, person, code: str, words: str) -> None:
    request = await site.asked()
    for attempt in (
        site.approve(request, person),
        site.access.deny(request.id, person, "No.", SOURCE),
    ):
        with pytest.raises(Refused, match=words) as refused:
            await attempt
        assert refused.value.code == code
    after = await site.access.request(request.id)
    assert (after.state, after.approvals) == (RequestState.PENDING, ())
    assert [e.values()["attempt"] for e in await site.log("access.attempt.refused")] == ["approve", "deny"]


async def test_an_owner_of_other_targets_does_not_know_of_the_request(site: Site) -> None:
    request = await site.asked()
    with pytest.raises(NotFound, match="request"):
        await site.approve(request, NORA)


async def test_persons_of_the_plant_decide_for_one_another_but_never_for_themselves(site: Site) -> None:
    request = await site.asked(OMAR)
    with pytest.raises(Refused, match="your own request") as refused:
        await site.approve(request, OMAR)
    assert refused.value.code == "own_request"
    assert (await site.approve(request, OLGA)).state is RequestState.APPROVED


@pytest.mark.parametrize("factor", [Factor.TOTP, Factor.SSH_KEY_TOUCHED])
async def test_a_code_or_a_touched_key_decides(site: Site, factor: Factor) -> None:
    request = await site.asked()
    proof = site.proof(OMAR, factor)
    approved = await site.access.approve(request.id, OMAR, proof, digest=request.wanted.digest())
    assert approved.state is RequestState.APPROVED


@pytest.mark.parametrize("wrong", ["password", "key", "stale", "future", "another's"])
async def test_a_decision_needs_a_fresh_factor_of_the_approver_himself(site: Site, wrong: str) -> None:
    request, now = await site.asked(), site.clock.now()
    proof = {
        "password": site.proof(OMAR, Factor.PASSWORD),
        "key": site.proof(OMAR, Factor.SSH_KEY),
        "stale": replace(site.proof(OMAR), at=now - 2 * MINUTE),
        "future": replace(site.proof(OMAR), at=now + MINUTE),
        "another's": site.proof(OLGA),
    }[wrong]
    with pytest.raises(Refused, match="a code or a touched key of your own") as refused:
        await site.access.approve(request.id, OMAR, proof, digest=request.wanted.digest())
    assert refused.value.code == "stale_factor"
    assert await site.access.grants() == []


async def test_one_denial_ends_the_request_and_the_requester_reads_why(site: Site) -> None:
    site.policy.oblige(approvals=2)
    request = await site.asked()
    await site.approve(request, OMAR)
    denied = await site.access.deny(request.id, OLGA, "The line runs until Friday.", SOURCE)
    assert (denied.state, denied.decided_by) == (RequestState.DENIED, "olga")
    assert (await site.access.request(request.id)).reason == "The line runs until Friday."
    with pytest.raises(Conflict, match=r"it was denied by olga: The line runs until Friday\."):
        await site.approve(request, OMAR)
    assert await site.access.grants() == []


async def test_a_denial_without_a_reason_is_not_one(site: Site) -> None:
    request = await site.asked()
    with pytest.raises(Invalid):
        await site.access.deny(request.id, OMAR, "  ", SOURCE)
    assert (await site.access.request(request.id)).state is RequestState.PENDING


async def test_an_approver_may_still_say_no_after_his_yes(site: Site) -> None:
    site.policy.oblige(approvals=2)
    request = await site.asked()
    await site.approve(request, OMAR)
    assert (await site.access.deny(request.id, OMAR, "I overlooked the shift.", SOURCE)).state is RequestState.DENIED


async def test_two_approvals_are_two_persons(site: Site) -> None:
    site.policy.oblige(approvals=2)
    request = await site.asked()
    assert (await site.approve(request, OMAR)).state is RequestState.PENDING
    assert await site.access.requests(approver=OMAR) == []
    with pytest.raises(Refused, match="approved this request already") as refused:
        await site.approve(request, OMAR)
    assert refused.value.code == "already_approved"
    assert (await site.approve(request, OLGA)).state is RequestState.APPROVED


async def test_each_role_that_is_obliged_is_filled_by_a_person_of_its_own(site: Site) -> None:
    site.policy.oblige(approvals=2, approver_roles=frozenset({"owner", "operator"}))
    request = await site.asked()
    await site.approve(request, OMAR)
    assert (await site.approve(request, OLGA)).state is RequestState.PENDING  # two owners are no shift lead
    waiting = await site.access.request(request.id)
    assert site.access.missing(waiting) == "2 of 2 approvals given; still needed: an operator"
    assert (await site.approve(request, LENA)).state is RequestState.APPROVED


async def test_who_is_owner_and_operator_fills_the_role_that_nobody_else_does(site: Site) -> None:
    site.policy.oblige(approvals=2, approver_roles=frozenset({"owner", "operator"}))
    site.people.change(OMAR, roles=frozenset({Role.OWNER, Role.OPERATOR}))
    alone = await site.asked()
    assert (await site.approve(alone, OMAR)).state is RequestState.PENDING  # both roles, but one person
    assert (await site.approve(alone, OLGA)).state is RequestState.APPROVED


async def test_the_role_owner_elsewhere_is_no_ownership_of_this_target(site: Site) -> None:
    site.policy.oblige(approver_roles=frozenset({"owner", "auditor"}), approvals=2)
    site.people.change(ADA, roles=frozenset({Role.OWNER, Role.AUDITOR}))
    request = await site.asked()
    await site.approve(request, ADA)
    site.people.change(SAM, roles=frozenset({Role.OWNER, Role.AUDITOR}))
    assert (await site.approve(request, SAM)).state is RequestState.PENDING
    assert (await site.approve(request, OMAR)).state is RequestState.APPROVED


async def test_a_request_of_somebody_disabled_meanwhile_is_not_approved(site: Site) -> None:
    request = await site.asked()
    site.people.change(VERA, disabled=True)
    with pytest.raises(Refused, match=r"Vera \(vera\) is disabled"):
        await site.approve(request)
    assert await site.access.grants() == []


async def test_an_approver_who_does_not_own_the_target_any_more_counts_no_more(site: Site) -> None:
    site.policy.oblige(approvals=2)
    request = await site.asked()
    await site.approve(request, OMAR)
    site.places.targets[EWS.name] = replace(EWS, owners=frozenset({OLGA.id, NORA.id}))
    assert (await site.approve(request, OLGA)).state is RequestState.PENDING
    (voided,) = await site.log("access.approval.voided")
    assert (voided.values()["approver"], voided.values()["reason"]) == ("omar", "not_approver")
    assert [a.void for a in (await site.access.request(request.id)).approvals] == [True, False]
    assert (await site.approve(request, NORA)).state is RequestState.APPROVED


async def test_whose_approval_became_void_may_give_it_again(site: Site) -> None:
    site.policy.oblige(approvals=3)
    site.places.targets[EWS.name] = replace(EWS, owners=frozenset({OMAR.id, OLGA.id, NORA.id}))
    request = await site.asked()
    await site.approve(request, OMAR)
    site.people.change(OMAR, disabled=True)
    await site.approve(request, OLGA)
    site.people.change(OMAR, disabled=False)
    await site.approve(request, OMAR)
    assert (await site.approve(request, NORA)).state is RequestState.APPROVED
    (grant,) = await site.access.grants()
    approvals = (await site.access.request(grant.request)).approvals
    assert [(a.approver_name, a.void) for a in approvals] == [
        ("omar", True),
        ("olga", False),
        ("omar", False),
        ("nora", False),
    ]


async def test_a_target_that_was_made_anew_under_the_same_name_is_another(site: Site) -> None:
    request = await site.asked()
    site.places.targets[EWS.name] = replace(EWS, id="tgt_other")
    with pytest.raises(NotFound):
        await site.approve(request)


async def test_a_vendor_who_is_made_approver_by_role_still_decides_only_for_others(site: Site) -> None:
    site.policy.oblige(approver_roles=frozenset({"vendor"}))
    request = await site.asked()
    with pytest.raises(Refused, match="your own request"):
        await site.approve(request, VERA)
    with pytest.raises(NotFound):  # Paula is a vendor of another organisation: it does not exist for her
        await site.approve(request, PAULA)
    site.people.change(VIKTOR, organisation=PLANT)
    assert (await site.approve(request, VIKTOR)).state is RequestState.APPROVED


async def test_what_was_changed_in_the_database_after_an_approval_is_not_what_was_approved(site: Site) -> None:
    site.policy.oblige(approvals=2)
    request = await site.asked()
    await site.approve(request, OMAR)
    longer = replace(request.wanted, duration=3 * HOUR)
    async with site.store.write() as tx:
        await tx.execute(update(tables.requests).values(wanted=WANTED.dump_json(longer).decode()))
    shown = await site.access.request(request.id)
    assert (await site.approve(shown, OLGA)).state is RequestState.PENDING
    (voided,) = await site.log("access.approval.voided")
    assert voided.values()["reason"] == "request_changed"
