"""Names that people choose, and how what they typed is shown."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from gateway.errors import Invalid
from gateway.limits import NAME_OCTETS, TEXT_CHARACTERS

NAME: Final = re.compile(r"[a-z][a-z0-9._-]*")


def name(field: str, text: str) -> str:
    """A name of a person, target, zone…: lower case, starts with a letter; `+` and `/` keep their meaning elsewhere.

    Raises:
        Invalid: anything else.
    """
    if len(text.encode(errors="replace")) > NAME_OCTETS or not NAME.fullmatch(text):
        raise Invalid(field, f"must be 1 to {NAME_OCTETS} of a-z 0-9 . _ - and start with a letter")
    return text


def sentence(field: str, text: str, *, empty: bool = False) -> str:
    """Free text of one person for another: trimmed, bounded, without control characters but newline.

    Raises:
        Invalid: empty unless `empty`, too long, or with control characters.
    """
    text = text.strip()
    if not text and not empty:
        raise Invalid(field, "must not be empty")
    if len(text) > TEXT_CHARACTERS:
        raise Invalid(field, f"must be at most {TEXT_CHARACTERS} characters, is {len(text)}")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c != "\n" for c in text):
        raise Invalid(field, "must not contain control characters")
    return text


def printable(text: str) -> str:
    """`text` made safe for one line of a terminal or a log: control and format characters become `\\u....`."""
    return "".join(
        c if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} else f"\\u{ord(c):04x}" for c in text
    )
