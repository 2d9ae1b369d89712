"""The menu of a person who named no target: what he may reach, ask for, or wait for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from gateway.fronts.ssh.ports import MenuLine
from gateway.words import printable

ANSWER_CHARACTERS: Final = 8  # digits of a choice
PROMPT: Final = "Number, or q to leave: "


def listing(person: str, lines: Sequence[MenuLine], newline: str = "\n") -> str:
    """A numbered list, the same numbers as in the menu."""
    if not lines:
        return f"{person}: there is no target that you may reach or ask for.{newline}"
    width = max(len(line.target) for line in lines)
    rows = [
        f"{number:>3}  {printable(line.target):<{width}}  {printable(line.state):<8}  {printable(line.words)}"
        for number, line in enumerate(lines, 1)
    ]
    return newline.join([f"{person}, your targets:", *rows, ""])


class Key(Enum):
    """What a person did that is not a choice."""

    LEAVE = auto()


@dataclass(slots=True)
class Chooser:
    """Reads keys until a number was chosen. It has no line editing but backspace."""

    count: int
    _typed: str = field(default="", init=False)

    def keys(self, data: bytes) -> tuple[str, int | Key | None]:
        """What to echo, and the choice (an index), that he leaves, or None for neither yet."""
        echo = ""
        for character in data.decode("utf-8", "replace"):
            match character:
                case "\x03" | "\x04":
                    return echo + "\r\n", Key.LEAVE
                case "\r" | "\n":
                    answer, self._typed = self._typed.strip(), ""
                    if answer in {"q", "Q"}:
                        return echo + "\r\n", Key.LEAVE
                    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= self.count:
                        return echo + "\r\n", int(answer) - 1
                    echo += f"\r\n{PROMPT}"
                case "\x7f" | "\x08":
                    if self._typed:
                        self._typed, echo = self._typed[:-1], echo + "\b \b"
                case _ if character.isprintable() and len(self._typed) < ANSWER_CHARACTERS:
                    self._typed, echo = self._typed + character, echo + character
                case _:
                    pass
        return echo, None
