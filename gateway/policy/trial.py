"""Whether a policy set is right: it loads, its schema knows what this gateway tells, and its own cases come out."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import Invalid, Refused
from gateway.policy import check, files, problems, versions
from gateway.policy.engine import PolicyEngine
from gateway.policy.versions import PolicyVersion


@dataclass(frozen=True, slots=True)
class CaseRun:
    """The outcome of a policy set's own cases.

    Attributes:
        failures: a sentence each, with file and name of the case.
    """

    cases: int
    failures: tuple[str, ...]


def tried(texts: files.Files) -> tuple[PolicyEngine, CaseRun]:
    """The engine of a policy set, and what its own cases say of it.

    Raises:
        Invalid: it does not load, or a case cannot be read.
    """
    demand_right(texts)
    engine = PolicyEngine.of(texts)
    cases = check.cases(files.cases(texts))
    failures = tuple(f"{c.file}: {c.name}: {words}" for c in cases for words in check.failures(engine, c))
    return engine, CaseRun(len(cases), failures)


def demand_right(texts: files.Files) -> None:
    """Raises NotRight, an Invalid: it does not load, or a case cannot be read. No case is run."""
    if found := problems.find(texts):
        raise problems.NotRight(found)


def in_force(active: PolicyVersion, schema: str) -> PolicyEngine:
    """The engine of the active version at a start.

    A version that was written for an earlier release knows less than this gateway tells. Its rules are what was
    signed and stay as they are; where they fit the `schema` of this release, that one says what facts there are.

    Raises:
        Invalid: it is not what was activated, or loads no more.
    """
    if files.digest(active.files) != active.digest:
        raise Invalid("policy", f"version {active.id} in the store is not what was activated; it was changed there")
    texts = {name: text for name, text in active.files.items() if name not in files.cases(active.files)}
    try:
        demand_right(texts)
    except Invalid:
        texts[files.SCHEMA] = schema
        demand_right(texts)
    return PolicyEngine.of(texts, version=active.id)


def fit(version: PolicyVersion) -> PolicyEngine:
    """The engine of a version that may become active.

    Raises:
        Refused: it is not what was signed, does not load now, or a case of its own fails now.
    """
    if files.digest(version.files) != version.digest:
        raise Refused("not_as_signed", f"Policy version {version.id} is not what was signed.", rule=versions.RULE)
    try:
        engine, run = tried(version.files)
    except Invalid as error:
        words = f"Policy version {version.id} does not load: {error.field}: {error.words}."
        raise Refused("does_not_load", words, rule=versions.RULE) from None
    if run.failures:
        words = (
            f"{len(run.failures)} of the {run.cases} cases of policy version {version.id} fail. The first: "
            f"{run.failures[0]}."
        )
        raise Refused("cases_fail", words, rule=versions.RULE)
    return engine
