"""Letters for what the gateway draws. The machine's own font when it has one; else the one inside Pillow, which knows
English alone: what it lacks is written with its nearest plain letters."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

FOLDERS: Final = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-fonts", "/usr/share/fonts/TTF")
REGULAR: Final = "DejaVuSans.ttf"
BOLD: Final = "DejaVuSans-Bold.ttf"
PLAIN: Final = {
    "—": "-",
    "–": "-",
    "•": "·",
    "„": "“",
    "‚": "'",
    "\u2007": " ",
    "ß": "ss",
    "ł": "l",
    "Ł": "L",
    "ø": "o",
    "Ø": "O",
}


@cache
def font(size: int, *, bold: bool = False) -> FreeTypeFont:
    """A font of `size` pixels."""
    for folder in FOLDERS:
        try:
            return ImageFont.truetype(f"{folder}/{BOLD if bold else REGULAR}", size)
        except OSError:
            continue
    inside = ImageFont.load_default(size)
    if not isinstance(inside, FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return inside


@cache
def _machine() -> bool:
    """Whether the machine has a font of its own."""
    return font(12).getname()[0] == "DejaVu Sans"


def legible(text: str) -> str:
    """`text` in letters that the font has."""
    if _machine():
        return text
    plain = "".join(PLAIN.get(c, c) for c in text)
    folded = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" or c in "“”’…·\n" else "?" for c in folded)


def wrapped(text: str, face: FreeTypeFont, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels; a word that is longer is broken within."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            candidate = f"{line} {word}" if line else word
            if face.getlength(candidate) <= width:
                line = candidate
                continue
            if line:
                lines.append(line)
            line = word
            while face.getlength(line) > width and len(line) > 1:
                cut = _fitting(line, face, width)
                lines.append(line[:cut])
                line = line[cut:]
        lines.append(line)
    return lines


def _fitting(word: str, face: FreeTypeFont, width: int) -> int:
    """How many letters of `word` fit, one at least."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(word[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
