"""Obligations joined: an algebra whose result is at least as strict as each part (access model, rule 2)."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.model import Channel, Obligations, OnRecorderFailure, outermost

times = st.integers(1, 100_000).map(lambda s: timedelta(seconds=s))
names = st.lists(st.sampled_from(["srv", "srv2", "in", "out"]), max_size=3)
paths = st.lists(names.map(lambda parts: "/" + "/".join(parts)), max_size=4).map(outermost)
obligations = st.builds(
    Obligations,
    approvals=st.integers(0, 5),
    approver_roles=st.frozensets(st.sampled_from(["owner", "operator", "auditor"])),
    release=st.booleans(),
    observer=st.booleans(),
    phishing_resistant=st.booleans(),
    freshness=times,
    max_session=times,
    max_total=times,
    release_expires=times,
    idle=times,
    concurrency=st.integers(1, 9),
    connections=st.integers(1, 9),
    on_recorder_failure=st.sampled_from(OnRecorderFailure),
    channels=st.frozensets(st.sampled_from(Channel)),
    file_paths=st.none() | paths,
    file_copy=st.booleans(),
    file_hold=st.booleans(),
).map(lambda o: replace(o, approvals=max(o.approvals, len(o.approver_roles))))  # as every permit must, at load


SECOND = timedelta(seconds=1)
WIDE = Obligations(
    0, frozenset(), False, False, False, SECOND, SECOND, SECOND, SECOND, SECOND, 1, 1, OnRecorderFailure.END,
    frozenset(),
)  # fmt: skip


def at_least_as_strict(a: Obligations, b: Obligations) -> bool:
    """Field by field, written apart from `join` on purpose."""
    return (
        a.approvals >= b.approvals
        and a.approver_roles >= b.approver_roles
        and a.release >= b.release
        and a.observer >= b.observer
        and a.phishing_resistant >= b.phishing_resistant
        and a.freshness <= b.freshness
        and a.max_session <= b.max_session
        and a.max_total <= b.max_total
        and a.release_expires <= b.release_expires
        and a.idle <= b.idle
        and a.concurrency <= b.concurrency
        and a.connections <= b.connections
        and (a.on_recorder_failure is OnRecorderFailure.END or b.on_recorder_failure is OnRecorderFailure.PAUSE)
        and a.channels <= b.channels
        and all(reached(path, b) for path in a.file_paths or ())
        and (b.file_paths is None or a.file_paths is not None)
        and a.file_copy >= b.file_copy
        and a.file_hold >= b.file_hold
    )


def reached(path: str, by: Obligations) -> bool:
    """Whether a file at `path` is reached, told by its names one by one."""
    parts = [name for name in path.split("/") if name]
    above = [[name for name in p.split("/") if name] for p in by.file_paths or ()]
    return by.file_paths is None or any(parts[: len(a)] == a for a in above)


@given(obligations)
def test_joined_with_itself_an_obligation_stays(a: Obligations) -> None:
    assert a.join(a) == a


@given(obligations, obligations)
def test_the_order_of_two_permits_does_not_matter(a: Obligations, b: Obligations) -> None:
    assert a.join(b) == b.join(a)


@given(obligations, obligations, obligations)
def test_the_grouping_of_permits_does_not_matter(a: Obligations, b: Obligations, c: Obligations) -> None:
    assert a.join(b).join(c) == a.join(b.join(c))


@given(obligations, obligations)
def test_no_further_permit_ever_loosens_an_obligation(a: Obligations, b: Obligations) -> None:
    joined = a.join(b)
    assert at_least_as_strict(joined, a)
    assert at_least_as_strict(joined, b)


@given(obligations, obligations)
def test_nothing_is_stricter_than_one_of_the_permits_asked_for(a: Obligations, b: Obligations) -> None:
    joined = a.join(b)
    assert joined.approvals in {a.approvals, b.approvals, len(a.approver_roles | b.approver_roles)}
    for field in ("freshness", "max_session", "max_total", "idle", "concurrency", "connections"):
        assert getattr(joined, field) in {getattr(a, field), getattr(b, field)}


@given(obligations, obligations)
def test_each_role_that_must_approve_gets_a_person_of_its_own(a: Obligations, b: Obligations) -> None:
    """Attack: two permits of one approval each, by two roles that one person holds, joined to one approval."""
    joined = a.join(b)
    assert joined.approvals >= len(joined.approver_roles)


@given(obligations, obligations, names)
def test_a_file_is_reached_when_both_permits_reach_it_and_not_otherwise(
    a: Obligations, b: Obligations, parts: list[str]
) -> None:
    path = "/" + "/".join(parts)
    assert reached(path, a.join(b)) is (reached(path, a) and reached(path, b))


def test_two_directories_apart_leave_nothing_rather_than_everything() -> None:
    """Attack: two permits that have no directory in common, read as one without a bound."""
    one, other = (replace(WIDE, file_paths=(path,)) for path in ("/srv/in", "/srv/in2"))
    assert one.join(other).file_paths == ()
