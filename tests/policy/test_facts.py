"""From the domain to Cedar."""

import json
from dataclasses import replace
from datetime import timedelta, timezone

from gateway.identity.model import Role
from gateway.ids import ExceptionId, PersonId, TargetId
from gateway.inventory.model import SecurityException
from gateway.policy import facts
from tests.policy.asking import AT, TOUCHED, question


def test_only_the_slice_that_matters_is_handed_over() -> None:
    """Naive calls with the whole site take 20 ms (decisions.md 9)."""
    q = question()
    many = frozenset(PersonId(f"per_{n}") for n in range(1000))
    crowded = facts.entities(replace(q, target=replace(q.target, owners=many)))
    assert crowded == facts.entities(q)
    assert [e["uid"]["type"] for e in crowded] == ["Organisation", "Person", "Zone", "Target"]


def test_the_time_is_told_in_utc_whatever_zone_it_comes_in() -> None:
    local = AT.astimezone(timezone(timedelta(hours=2)))
    assert facts.request(question(), local) == facts.request(question(), AT)
    assert facts.request(question(), AT)["context"]["at"]["__extn"]["arg"] == "2026-11-24T10:00:00.000Z"


def test_the_same_question_is_the_same_text() -> None:
    q = question(roles=frozenset(Role), factors=TOUCHED)
    assert json.dumps(facts.request(q, AT)) == json.dumps(facts.request(q, AT))
    assert json.dumps(facts.entities(q)) == json.dumps(facts.entities(q))


def test_a_scope_id_does_not_get_in_the_way() -> None:
    q = replace(question(), source="fe80::1%eth0")
    assert facts.request(q, AT)["context"]["source"]["__extn"]["arg"] == "fe80::1"


def test_no_title_and_no_address_of_the_target_leaves_for_cedar() -> None:
    told = json.dumps([facts.request(question(), AT), facts.entities(question())])
    assert "EWS" not in told
    assert "Vera" not in told


def test_a_policy_hears_of_the_exceptions_that_hold_now_for_what_is_asked() -> None:
    """Attack: an exception that ended, was never accepted, or is another service's goes on opening something (C34)."""
    hour = timedelta(hours=1)
    live = SecurityException(
        id=ExceptionId("exc_1"), target=TargetId("tgt_1"), kind="no-touch", reason="r", compensation="c",
        proposed_by=PersonId("per_sam"), proposed=AT - hour, expires=AT + hour, accepted_by=PersonId("per_omar"),
        accepted=AT - hour,
    )  # fmt: skip
    cases = [
        (live, ["no-touch"]),
        (replace(live, expires=AT), []),
        (replace(live, accepted=None, accepted_by=None), []),
        (replace(live, ended=AT - hour), []),
        (replace(live, service="ssh"), ["no-touch"]),
        (replace(live, service="rdp"), []),
    ]
    for exception, kinds in cases:
        q = replace(question(), target=replace(question().target, exceptions=(exception,)))
        assert facts.request(q, AT)["context"]["exceptions"] == kinds


def test_the_services_of_a_forward_are_told_by_name_and_their_exceptions_with_them() -> None:
    q = replace(question(), services=frozenset({"plc-program", "web"}))
    assert facts.request(q, AT)["context"]["services"] == ["plc-program", "web"]
