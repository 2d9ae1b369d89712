"""The rules as pure functions: words for each answer, and properties over all combinations."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import rules, sql
from gateway.access.model import Approval, Wanted
from gateway.access.rows import OBLIGATIONS, WANTED
from gateway.identity.model import Role
from gateway.inventory.model import Protocol
from gateway.policy.model import Channel
from tests.access.site import EVERYBODY, EWS, HOUR, LENA, MINUTE, OLGA, OMAR, STANDARD
from tests.sim.clock import START

ROLES = st.frozensets(st.sampled_from(["owner", "operator", "auditor"]))


def approval(n: int, roles: frozenset[str], digest: str = "d") -> Approval:
    return Approval(f"per_{n}", f"p{n}", min(roles, default=""), digest, START, roles=roles)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (90 * MINUTE, "1 h 30 min"),
        (timedelta(days=30), "30 d"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4, microseconds=5), "1 d 2 h 3 min 4 s"),
    ],
)
def test_a_length_of_time_is_said_as_people_say_it(length: timedelta, said: str) -> None:
    assert rules.spoken(length) == said


@pytest.mark.parametrize(
    ("approvals", "roles", "given_", "words"),
    [
        (1, {"owner"}, [], "0 of 1 approvals given; still needed: an owner"),
        (2, set(), [{"owner"}], "1 of 2 approvals given; still needed: an owner"),
        (2, {"owner", "operator"}, [{"owner"}], "1 of 2 approvals given; still needed: an operator"),
        (2, {"owner", "operator"}, [{"owner"}, {"owner"}], "2 of 2 approvals given; still needed: an operator"),
        (1, {"owner", "operator"}, [{"owner", "operator"}], "1 of 2 approvals given; still needed: an operator"),
        (2, {"owner", "operator"}, [{"owner", "operator"}, {"owner"}], ""),
        (0, set(), [], ""),
    ],
)
def test_what_is_missing_is_said_in_words(approvals: int, roles: set, given_: list, words: str) -> None:
    obligations = replace(STANDARD, approvals=approvals, approver_roles=frozenset(roles))
    there = [approval(n, frozenset(r)) for n, r in enumerate(given_)]
    assert rules.missing(obligations, there) == words
    assert rules.approvals_complete(obligations, there) == (not words)


@given(st.integers(0, 4), ROLES, st.lists(ROLES.filter(bool), max_size=5))
def test_approvals_are_complete_only_with_enough_persons_and_one_for_each_role(n, roles, given_) -> None:
    obligations = replace(STANDARD, approvals=n, approver_roles=roles)
    there = [approval(i, r) for i, r in enumerate(given_)]
    if rules.approvals_complete(obligations, there):
        assert len(there) >= max(n, len(roles))
        assert all(any(role in a.roles for a in there) for role in roles)
        more = [*there, approval(9, frozenset({"owner"}))]
        assert rules.approvals_complete(obligations, more)
    elif len(there) >= n and len(there) >= len(roles):
        assert roles  # enough persons, so it must be a role that nobody of them is free to fill


def test_an_approval_counts_once_a_person_never_void_and_never_for_another_wording() -> None:
    yes = approval(1, frozenset({"owner"}))
    again, void, other = (
        replace(yes, note="again"),
        replace(yes, approver="per_2", void=True),
        approval(3, yes.roles, "e"),
    )
    assert rules.counting([yes, again, void, other], "d") == (again,)


@given(st.sampled_from(EVERYBODY), ROLES)
def test_nobody_approves_as_owner_but_the_owners_of_the_target(person, named) -> None:
    person = replace(person, roles=person.roles | {Role.OWNER})
    capacities = rules.capacities(person, EWS, replace(STANDARD, approver_roles=named))
    assert ("owner" in capacities) == (person.id in EWS.owners)
    assert capacities <= named | {"owner"}


def test_every_role_of_one_person_is_kept_so_that_the_others_may_fill_the_rest() -> None:
    both = replace(OMAR, roles=frozenset({Role.OWNER, Role.OPERATOR}))
    named = replace(STANDARD, approver_roles=frozenset({"owner", "operator"}))
    assert rules.capacities(both, EWS, named) == {"owner", "operator"}
    assert rules.capacities(OLGA, EWS, named) == {"owner"}
    assert rules.capacities(LENA, EWS, STANDARD) == frozenset()


TEXT = st.text(max_size=20)
WISHES = st.builds(
    Wanted,
    target=TEXT,
    target_name=TEXT,
    protocol=st.sampled_from(Protocol),
    account=TEXT,
    channels=st.frozensets(st.sampled_from(Channel)),
    not_before=st.just(START),
    not_after=st.timedeltas(timedelta(microseconds=1), timedelta(days=30)).map(lambda d: START + d),
    duration=st.timedeltas(timedelta(microseconds=1), timedelta(days=2)),
    purpose=TEXT,
    work_order=TEXT,
    actions=TEXT,
    emergency=st.booleans(),
)


@given(WISHES, WISHES)
def test_two_wishes_share_a_digest_only_when_an_approver_would_read_the_same(one: Wanted, other: Wanted) -> None:
    assert (one.digest() == other.digest()) == (replace(one, target_name="") == replace(other, target_name=""))


@given(WISHES)
def test_a_wish_comes_back_from_the_store_as_it_was(wanted: Wanted) -> None:
    back = WANTED.validate_json(WANTED.dump_json(wanted))
    assert back == wanted
    assert back.digest() == wanted.digest()


@given(st.timedeltas(timedelta(0), timedelta(days=3)), ROLES, st.frozensets(st.sampled_from(Channel)))
def test_obligations_come_back_from_the_store_as_they_were(length, roles, channels) -> None:
    obligations = replace(STANDARD, max_session=length, approver_roles=roles, channels=channels)
    assert OBLIGATIONS.validate_json(OBLIGATIONS.dump_json(obligations)) == obligations


@pytest.mark.parametrize("change", [{"not_after": START}, {"duration": timedelta(0)}, {"duration": -HOUR}])
def test_a_wish_without_a_window_or_a_duration_does_not_exist(change: dict) -> None:
    wanted = Wanted(
        EWS.id, EWS.name, Protocol.SSH, "engineer", frozenset({Channel.SHELL}), START, START + HOUR, HOUR, "p", "w"
    )
    with pytest.raises(ValueError, match="empty"):
        replace(wanted, **change)


def test_no_statement_of_this_package_is_only_for_sqlite() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    from gateway.access import tables

    for table in (tables.requests, tables.approvals, tables.grants, tables.releases, tables.blocks, tables.seen):
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
        for index in table.indexes:
            text = str(CreateIndex(index).compile(dialect=postgresql.dialect()))
            assert ("WHERE" in text) == (index.name in {"uq_access_approval_given", "uq_access_release_armed"})
    assert sql.requests is tables.requests
