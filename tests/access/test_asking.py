"""A person asks for access."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.access.model import GrantState, RequestState
from gateway.errors import Conflict, Invalid, NotFound, Refused
from gateway.inventory.model import Protocol
from gateway.policy.model import Action, Channel, Deny
from tests.access.site import ADA, EWS, HOUR, LENA, MINUTE, OMAR, PAULA, SOURCE, VERA, Site


async def test_a_request_waits_with_everything_an_approver_must_see(site: Site) -> None:
    made = await site.asked(actions="Download of parameters to the drive", emergency=True)
    request = await site.access.request(made.id)
    assert request == made
    assert (request.state, request.requester, request.organisation) == (RequestState.PENDING, VERA.id, "drives")
    assert request.wanted.account == "engineer"
    assert request.wanted.emergency
    assert request.rules == ("t1.standard-cell",)
    (entry,) = await site.log("access.request.made")
    seen = entry.values()
    assert (entry.actor, seen["source"], seen["request"]) == ("vera", SOURCE, made.id)
    assert (seen["emergency"], seen["work_order"], seen["digest"]) == (True, "WO-4711", made.wanted.digest())


async def test_the_policy_is_asked_first_with_everything_it_decides_on(site: Site) -> None:
    await site.asked(emergency=True)
    (question,) = site.policy.asked
    assert question.action is Action.REQUEST
    assert (question.person, question.target, question.account) == (VERA, EWS, "engineer")
    assert (question.source, question.emergency) == (SOURCE, True)


async def test_a_policy_that_says_no_is_quoted_with_code_words_and_rule(site: Site) -> None:
    site.policy.answer = Deny("forbidden", "Safety controllers are reached on site only.", ("base.safety",), "", "0")
    site.places.conduits.clear()  # the policy spoke before the conduit was looked at
    with pytest.raises(Refused) as refused:
        await site.asked()
    assert (refused.value.code, refused.value.rule) == ("forbidden", "base.safety")
    assert refused.value.words == "Safety controllers are reached on site only."
    (entry,) = await site.log()
    assert (entry.name, entry.values()["reason"]) == ("access.attempt.refused", "forbidden")
    assert await site.access.requests() == []


async def test_without_a_conduit_nothing_can_be_asked_for(site: Site) -> None:
    site.places.conduits.clear()
    with pytest.raises(Refused, match="No conduit of the site leads to ews-l4 for ssh") as refused:
        await site.asked()
    assert refused.value.code == "no_conduit"


@pytest.mark.parametrize(
    ("other", "code"), [({"protocol": Protocol.TCP}, "no_service"), ({"account": "root"}, "no_account")]
)
async def test_what_the_target_does_not_offer_cannot_be_asked_for(site: Site, other: dict, code: str) -> None:
    site.places.conduits.add(("remote", "cell4", Protocol.TCP))
    with pytest.raises(Refused) as refused:
        await site.asked(**other)
    assert refused.value.code == code


async def test_an_unknown_target_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        await site.asked(target_name="ews-l5")


@pytest.mark.parametrize(
    ("begins", "ends", "code"),
    [
        (HOUR, HOUR, "window_order"),
        (2 * HOUR, HOUR, "window_order"),
        (-2 * HOUR, timedelta(0), "window_past"),
        (timedelta(0), timedelta(days=30, microseconds=1), "window_long"),
    ],
)
async def test_a_window_that_cannot_be_meant_is_refused(site: Site, begins, ends, code: str) -> None:
    now = site.clock.now()
    with pytest.raises(Refused) as refused:
        await site.asked(not_before=now + begins, not_after=now + ends)
    assert refused.value.code == code
    assert refused.value.words.endswith(".")


async def test_a_window_of_exactly_thirty_days_that_has_begun_is_fine(site: Site) -> None:
    begun = site.clock.now() - HOUR
    request = await site.asked(not_before=begun, not_after=begun + timedelta(days=30))
    assert request.state is RequestState.PENDING


async def test_a_duration_over_the_policys_maximum_is_refused_and_the_maximum_is_said(site: Site) -> None:
    with pytest.raises(Refused, match="the policy permits 4 h at most") as refused:
        await site.asked(duration=4 * HOUR + timedelta(microseconds=1))
    assert refused.value.code == "duration_long"
    assert (await site.asked(duration=4 * HOUR)).wanted.duration == 4 * HOUR
    with pytest.raises(Refused):
        await site.asked(duration=timedelta(0))


async def test_a_channel_that_the_policy_does_not_permit_is_refused_by_name(site: Site) -> None:
    with pytest.raises(Refused, match=r"does not permit sftp\.write on this target; it permits exec, shell"):
        await site.asked(channels=frozenset({Channel.SHELL, Channel.SFTP_WRITE}))
    with pytest.raises(Refused, match="Nothing was asked for"):
        await site.asked(channels=frozenset())


@pytest.mark.parametrize("field", ["purpose", "work_order"])
@pytest.mark.parametrize("text", ["", "   ", "x" * 2001, "bell \a", "left-to-right \u202e"])
async def test_purpose_and_work_order_are_asked_for(site: Site, field: str, text: str) -> None:
    with pytest.raises(Invalid) as invalid:
        await site.asked(**{field: text})
    assert invalid.value.field == field


@pytest.mark.parametrize("field", ["not_before", "not_after"])
@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 11, 24, 11), datetime.max.replace(tzinfo=timezone(-5 * HOUR))],  # noqa: DTZ001
)
async def test_a_moment_without_a_zone_or_beyond_all_time_is_invalid(site: Site, field: str, moment) -> None:
    with pytest.raises(Invalid) as invalid:
        await site.asked(**{field: moment})
    assert invalid.value.field == field


async def test_moments_of_any_zone_are_one_digest(site: Site) -> None:
    berlin = timezone(HOUR)
    now = site.clock.now().astimezone(berlin)
    made = await site.asked(not_before=now, not_after=now + HOUR)
    assert made.wanted.not_before.tzinfo is UTC
    assert (await site.access.request(made.id)).wanted.digest() == made.wanted.digest()


async def test_the_eleventh_request_of_a_person_waits_until_one_is_decided(site: Site) -> None:
    made = [await site.asked() for _ in range(10)]
    with pytest.raises(Refused, match="10 of your requests wait") as refused:
        await site.asked()
    assert refused.value.code == "too_many_requests"
    await site.asked(PAULA)  # hers are counted apart
    await site.access.cancel(made[0].id, VERA, SOURCE)
    assert (await site.asked()).state is RequestState.PENDING


@pytest.mark.parametrize("code", ["disabled", "expired", "contract_expired"])
async def test_a_person_not_in_good_standing_cannot_ask(site: Site, code: str) -> None:
    now = site.clock.now()
    ended = replace(VERA.organisation, contract_end=now)
    to = {"disabled": {"disabled": True}, "expired": {"expires": now}, "contract_expired": {"organisation": ended}}
    site.people.change(VERA, **to[code])
    with pytest.raises(Refused, match=r"Vera \(vera\)") as refused:
        await site.asked(VERA)  # the front still holds her as she was
    assert refused.value.code == code


async def test_a_request_that_needs_no_approval_is_granted_in_the_same_transaction(site: Site) -> None:
    site.policy.oblige(approvals=0, approver_roles=frozenset())
    request = await site.asked()
    assert request.state is RequestState.APPROVED
    assert (await site.access.grant(request.grant)).state is GrantState.SCHEDULED
    assert [e.name for e in await site.log()] == [
        "access.request.made",
        "access.request.approved",
        "access.grant.made",
    ]


async def test_a_refused_name_of_any_length_is_a_short_line_in_the_audit_log(site: Site) -> None:
    site.people.change(VERA, disabled=True)
    with pytest.raises(Refused):
        await site.asked(target_name="\x1b]0;" + "x" * 10_000)
    (entry,) = await site.log("access.attempt.refused")
    assert entry.values()["subject"].startswith("\\u001b]0;xxx")
    assert len(entry.line) < 600


async def test_only_the_requester_cancels(site: Site) -> None:
    request = await site.asked()
    for other in (OMAR, LENA):
        with pytest.raises(Refused) as refused:
            await site.access.cancel(request.id, other, SOURCE)
        assert refused.value.code == "not_yours"
    with pytest.raises(NotFound):
        await site.access.cancel(request.id, PAULA, SOURCE)
    cancelled = await site.access.cancel(request.id, VERA, SOURCE)
    assert (cancelled.state, cancelled.decided_by) == (RequestState.CANCELLED, "vera")
    with pytest.raises(Conflict, match="it was cancelled by vera"):
        await site.access.cancel(request.id, VERA, SOURCE)


async def test_requests_are_read_by_requester_by_approver_and_by_state(site: Site) -> None:
    mine = await site.asked()
    hers = await site.asked(PAULA)
    denied = await site.asked()
    await site.access.deny(denied.id, OMAR, "Not this week.", SOURCE)
    assert {r.id for r in await site.access.requests()} == {mine.id, hers.id, denied.id}
    assert {r.id for r in await site.access.requests(requester=VERA.id)} == {mine.id, denied.id}
    assert [r.id for r in await site.access.requests(states={RequestState.DENIED})] == [denied.id]
    assert {r.id for r in await site.access.requests(approver=OMAR)} == {mine.id, hers.id}
    for nobody in (LENA, ADA, VERA):
        assert await site.access.requests(approver=nobody) == []
    site.clock.advance(hours=2)
    assert await site.access.requests(approver=OMAR) == []


async def test_who_may_see_a_request_and_who_may_not_know_of_it(site: Site) -> None:
    request = await site.asked()
    assert [await site.access.may_see(p, request) for p in (VERA, OMAR, LENA, ADA, PAULA)] == [True] * 4 + [False]


async def test_a_request_without_a_decision_expires_with_its_window(site: Site) -> None:
    request = await site.asked()
    site.clock.advance(hours=2, microseconds=-1)
    await site.access.sweep()
    assert (await site.access.request(request.id)).state is RequestState.PENDING
    site.clock.advance(microseconds=1)
    await site.access.sweep()
    expired = await site.access.request(request.id)
    assert (expired.state, expired.decided_by) == (RequestState.EXPIRED, "clock")
    assert [e.actor for e in await site.log("access.request.expired")] == ["clock"]


async def test_the_pending_request_is_what_a_holding_session_waits_for(site: Site) -> None:
    first = await site.asked()
    site.clock.advance(minutes=1)
    second = await site.asked()
    async with site.store.read() as tx:
        found = await site.access.request_open(tx, VERA.id, EWS.id, Protocol.SSH)
        assert found is not None
        assert found.id == second.id
        assert await site.access.request_open(tx, PAULA.id, EWS.id, Protocol.SSH) is None
        assert await site.access.request_open(tx, VERA.id, EWS.id, Protocol.RDP) is None
    await site.access.cancel(second.id, VERA, SOURCE)
    site.clock.advance(seconds=(2 * HOUR - MINUTE).total_seconds())
    async with site.store.read() as tx:
        assert await site.access.request_open(tx, VERA.id, EWS.id, Protocol.SSH) is None, first
