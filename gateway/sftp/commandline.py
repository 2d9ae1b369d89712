"""A command line as a POSIX shell reads it, as far as it means words and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LINE_CHARACTERS: Final = 16384  # of a command line that is looked at
WORDS: Final = 256  # of one
ACTIVE: Final = frozenset("$`;&|<>(){}!#\n\r\0")  # a shell does something with these when they are not quoted
GLOBS: Final = frozenset("*?[]")
PLAIN: Final = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    Attributes:
        text: without quotes.
        shell: made anew for a shell; patterns (`*`) and a home (`~/`) that were not quoted still are.
    """

    text: str
    shell: str


def quote(text: str) -> str:
    """`text` for a shell, which gets it as it is."""
    return text if PLAIN.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


def words(line: str) -> tuple[Word, ...] | None:
    """The words of `line`; None when a shell would do more with it than to cut it."""
    if len(line) > LINE_CHARACTERS or "\0" in line:
        return None
    found: list[Word] = []
    at = 0
    while True:
        while at < len(line) and line[at] in " \t":
            at += 1
        if at == len(line):
            return tuple(found)
        read = _word(line, at)
        if read is None or len(found) == WORDS:
            return None
        word, at = read
        found.append(word)


def _word(line: str, at: int) -> tuple[Word, int] | None:
    """The word that starts at `at`, and where it ends."""
    pieces: list[tuple[str, bool]] = []  # text, and whether a shell shall see it bare
    if line[at] == "~":
        end = at + 1
        if end < len(line) and line[end] not in "/ \t":
            return None  # the home of somebody else
        pieces.append(("~", True))
        at = end
    while at < len(line) and line[at] not in " \t":
        piece = _piece(line, at)
        if piece is None:
            return None
        text, bare, at = piece
        pieces.append((text, bare))
    return Word("".join(text for text, _ in pieces), _rebuilt(pieces)), at


def _piece(line: str, at: int) -> tuple[str, bool, int] | None:
    character = line[at]
    if character == "'":
        end = line.find("'", at + 1)
        return None if end < 0 else (line[at + 1 : end], False, end + 1)
    if character == '"':
        return _double(line, at + 1)
    if character == "\\":
        if at + 1 == len(line) or line[at + 1] == "\n":
            return None
        return line[at + 1], False, at + 2
    if character in ACTIVE:
        return None
    return character, character in GLOBS, at + 1


def _double(line: str, at: int) -> tuple[str, bool, int] | None:
    """What is between double quotes, from `at` on."""
    text = ""
    while at < len(line) and line[at] != '"':
        if line[at] in "$`":
            return None
        if line[at] == "\\" and at + 1 < len(line) and line[at + 1] in '$`"\\':
            at += 1
        text += line[at]
        at += 1
    return None if at == len(line) else (text, False, at + 1)


def _rebuilt(pieces: list[tuple[str, bool]]) -> str:
    shell = plain = ""
    for text, bare in (*pieces, ("", True)):
        if bare:
            shell += (quote(plain) if plain else "") + text
            plain = ""
        else:
            plain += text
    return shell or "''"
