"""What a permit says about files: paths, copies, holding (decisions 10, C62)."""

from pathlib import Path

import pytest

from gateway.errors import Invalid
from gateway.policy.engine import PolicyEngine
from gateway.policy.model import Allow, Obligations
from tests.policy.asking import AT, engine, permit, question


def obliges(at: Path, **annotations: str) -> Obligations:
    decision = engine(at, permit("one", **annotations)).decide(question(), AT)
    assert isinstance(decision, Allow)
    return decision.obligations


def test_a_permit_that_says_nothing_about_files_bounds_keeps_and_holds_nothing(tmp_path: Path) -> None:
    found = obliges(tmp_path)
    assert (found.file_paths, found.file_copy, found.file_hold) == (None, False, False)


def test_paths_are_kept_without_those_that_lie_within_another(tmp_path: Path) -> None:
    found = obliges(tmp_path, file_paths="/srv/out/new, /srv/out,/srv/incoming", file_copy="true", file_hold="true")
    assert found.file_paths == ("/srv/incoming", "/srv/out")
    assert found.file_copy
    assert found.file_hold


@pytest.mark.parametrize(
    "paths", ["", "srv", "/srv/", "/srv/../etc", "//srv", "/srv,", "/srv/./in", "~/in", "/srv/in, out"]
)
def test_paths_that_do_not_begin_as_a_target_would_say_them_refuse_the_file(tmp_path: Path, paths: str) -> None:
    """Attack: a bound that no path ever matches, or that every path does."""
    with pytest.raises(Invalid, match="file_paths"):
        engine(tmp_path, permit("one", file_paths=paths))


@pytest.mark.parametrize("name", ["file_copy", "file_hold"])
def test_a_hold_that_is_neither_true_nor_false_refuses_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match=name):
        engine(tmp_path, permit("one", **{name: "yes"}))


def test_of_several_permits_the_strictest_counts(tmp_path: Path) -> None:
    rules: PolicyEngine = engine(
        tmp_path,
        permit("wide", file_paths="/srv"),
        permit("narrow", file_paths="/srv/in, /home", file_hold="true"),
        permit("open", file_copy="true"),
    )
    decision = rules.decide(question(), AT)
    assert isinstance(decision, Allow)
    found = decision.obligations
    assert (found.file_paths, found.file_copy, found.file_hold) == (("/srv/in",), True, True)
