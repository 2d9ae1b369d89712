"""Everything that is wrong with a policy set is told at once, each with its file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Invalid
from gateway.policy import files, problems
from gateway.policy.engine import PolicyEngine
from gateway.policy.problems import policies_of
from tests.policy.asking import DEFAULTS, forbid, permit
from tests.policy.people import texts


def test_each_problem_has_its_file_and_line() -> None:
    made = texts(
        f"{permit('a')}\n// c ; \n\n"
        + '@id("b") @title("x; y") forbid (principal, action, resource) when { context.w };',
        permit("a"),
        f"{forbid('c')}\n\npermit (principal\n",
        '@id("q") @title("x) forbid (principal',
    )
    made["tests/x.toml"] = "[[case]]\n\nname = \n"
    made["tests/y.toml"] = '[[case]]\nname = "asks"\naction = "request"\n'
    found = [(p.file, p.line) for p in problems.find(made)]
    assert found == [
        ("00.cedar", 21), ("01.cedar", 1), ("02.cedar", 4), ("03.cedar", 1), ("tests/x.toml", None),
        ("tests/y.toml", None),
    ]  # fmt: skip
    words = [str(p) for p in problems.find(made)]
    assert "attribute `w`" in words[0]
    assert words[1] == "01.cedar: line 1: @id('a') is also in 00.cedar"
    assert "line 3" in words[4]
    assert words[5] == "tests/y.toml: a case has no expect"


def test_a_schema_that_knows_less_than_this_gateway_tells_is_a_problem() -> None:
    made = texts(permit("a"))
    made["schema.cedarschema"] = made["schema.cedarschema"].replace("emergency: Bool,", "")
    (problem,) = problems.find(made)
    assert problem.file == "schema.cedarschema"
    assert "`emergency`" in problem.words


def test_what_is_shipped_has_no_problem() -> None:
    assert problems.find(files.read(DEFAULTS)) == []


pieces = st.lists(
    st.sampled_from(['"', "\\", ";", "//", "\n", " ", "permit", "(", "a", '@id("x")', "'", "{", "}", "é", "\0"]),
    max_size=30,
).map("".join)


@given(pieces)
def test_any_text_at_all_is_cut_into_policies_that_are_found_at_their_lines(text: str) -> None:
    place = 0
    for line, policy in policies_of(text):
        begins = sum(len(one) + 1 for one in text.split("\n")[: line - 1])
        place = text.index(policy, max(place, begins))  # a comment before it may hold the same octets
        assert "\n" not in text[begins:place]
        place += len(policy)


@given(pieces)
def test_any_text_at_all_is_loaded_or_told_what_is_wrong(text: str) -> None:
    made = texts(permit("a"), text)
    found = problems.find(made)
    try:
        PolicyEngine.of(made)
    except Invalid:
        assert found
    else:
        assert not found


@pytest.mark.parametrize(
    "name",
    ["../x.cedar", "a/b.cedar", "x.txt", "tests/a/b.toml", "schema.cedarschema ", "", ".cedar", "x.cedar\n", "a" * 200],
)
def test_a_name_that_no_policy_set_has_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        files.accepted({name: ""})


def test_line_ends_of_another_system_make_the_same_version(tmp_path: Path) -> None:
    made = texts(permit("a"))
    assert files.version(files.accepted({n: t.replace("\n", "\r\n") for n, t in made.items()})) == files.version(made)


def test_a_set_that_is_too_large_is_refused() -> None:
    with pytest.raises(Invalid, match="octets"):
        files.accepted({"a.cedar": "/" * (1 << 20), "b.cedar": "//"})
    with pytest.raises(Invalid, match="at most"):
        files.accepted({f"{n}.cedar": "" for n in range(501)})
