"""Everything that is wrong with a policy set, each with its file and line, so that it is put right in one go. Pure.

Cedar says what is wrong and not where, so a file that is not right is read again policy by policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cedarpy

from gateway.errors import Invalid
from gateway.policy import check, files
from gateway.policy.engine import PolicyEngine
from gateway.policy.rules import parse

# Strings and comments are stepped over; a quote that is never closed takes the rest of the text.
TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"?|//[^\n]*|;', re.DOTALL)
BLANK: Final = re.compile(r"(?:\s|//[^\n]*(?:\n|$))*")


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Attributes:
        line: from 1, where the policy begins that is not right; None for the whole file.
    """

    file: str
    line: int | None
    words: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}{self.words}"

    @property
    def where(self) -> str:
        return "" if self.line is None else f"line {self.line}: "


class NotRight(Invalid):
    """A policy set that is not loaded: field and words are those of its first problem."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(first.file, f"{first.where}{first.words}")
        self.problems = tuple(problems)

    @property
    def several(self) -> tuple[tuple[str, str], ...]:
        return tuple((p.file, f"{p.where}{p.words}") for p in self.problems)


def find(texts: files.Files) -> list[Problem]:
    """In the order of the files; empty when the set can be loaded and its cases read."""
    schema = texts.get(files.SCHEMA, "")
    try:
        cedarpy.Schema.from_str(schema)
    except ValueError as error:
        return [Problem(files.SCHEMA, None, f"does not parse: {error}")]
    found: list[Problem] = []
    seen: dict[str, str] = {}
    for name, text in files.policies(texts).items():
        found += _of_file(name, text, schema, seen)
    for name, text in files.cases(texts).items():
        found += _of_cases(name, text)
    return found or _of_schema(texts)


def _of_file(name: str, text: str, schema: str, seen: dict[str, str]) -> Iterator[Problem]:
    """`seen`: the file of each id so far; those of this file are added."""
    right = True
    for line, policy in policies_of(text):
        try:
            rules = parse(name, policy, schema)
        except Invalid as error:
            yield Problem(name, line, error.words)
            right = False
            continue
        for rule in rules:
            if rule.id in seen:
                yield Problem(name, line, f"@id({rule.id!r}) is also in {seen[rule.id]}")
            seen.setdefault(rule.id, name)
    if not right:
        return
    try:  # read as a whole it may still be another thing than its parts
        parse(name, text, schema)
    except Invalid as error:
        yield Problem(name, None, error.words)


def _of_cases(name: str, text: str) -> Iterator[Problem]:
    try:
        check.cases({name: text})
    except Invalid as error:
        yield Problem(name, None, error.words)


def _of_schema(texts: files.Files) -> list[Problem]:
    """Whether the schema knows every fact that this gateway tells; else each answer would be no."""
    engine = PolicyEngine.of(texts)
    for question in check.probes() if engine.rules else ():
        if why := engine.cannot_answer(question, check.NOON):
            return [Problem(files.SCHEMA, None, f"does not fit what this gateway tells: {why}")]
    return []


def policies_of(text: str) -> Iterator[tuple[int, str]]:
    """Each policy with the line where it begins; what is left after the last `;` too, unless it is blank."""
    start = 0
    for token in TOKEN.finditer(text):
        if token.group() == ";":
            yield _from(text, start, token.end())
            start = token.end()
    if BLANK.fullmatch(text, start) is None:
        yield _from(text, start, len(text))


def _from(text: str, start: int, end: int) -> tuple[int, str]:
    blank = BLANK.match(text, start, end)
    begin = blank.end() if blank else start
    return text.count("\n", 0, begin) + 1, text[begin:end]
