"""What the gateway draws by itself: whole screens while a person waits or is told why it is over, and bars over the
session. Pure, and slow enough (up to 100 ms) to be run off the event loop.

Calm and legible: dark letters on a light card, one heading, short paragraphs; colour says only how urgent it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from gateway.fronts.rdp.fonts import font, legible, wrapped
from gateway.words import printable

Colour = tuple[int, int, int]
CARD: Final[Colour] = (250, 250, 247)
INK: Final[Colour] = (28, 32, 38)
FAINT: Final[Colour] = (98, 105, 115)
PRODUCT: Final = "Sluicegate"
LARGEST: Final = 22  # pixels of a letter in a paragraph
SMALLEST: Final = 9
CHARACTERS: Final = 1200  # of one paragraph: more is nobody's to read on a screen like this
BAR_LINES: Final = 3  # a bar hides no more of the session than this
BAR_WIDTH: Final = 760  # pixels at most
BAR_LETTER: Final = 17


class Tone(Enum):
    """How urgent it is: the colour of the ground, and of a bar."""

    WAIT = (38, 62, 84)
    OPENING = (34, 84, 70)
    OVER = (70, 62, 66)
    WARN = (154, 84, 8)
    TELL = (38, 62, 86)


@dataclass(frozen=True, slots=True)
class Screen:
    """What a whole screen says.

    Attributes:
        about: small, above: where the person is.
        foot: small, below: what changes while he waits.
    """

    tone: Tone
    heading: str
    paragraphs: tuple[str, ...]
    about: str = ""
    foot: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """RGB pixels, three octets each, row by row from the top, and where their upper left corner lies."""

    pixels: bytes
    width: int
    height: int
    x: int = 0
    y: int = 0

    def covers(self, other: Picture) -> bool:
        """Whether nothing of `other` is seen when this is drawn over it."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and self.x + self.width >= other.x + other.width
            and self.y + self.height >= other.y + other.height
        )


def screen(content: Screen, width: int, height: int) -> Picture:
    """`content` on a desktop of this size; what does not fit at the smallest letters is cut off below."""
    ground = Image.new("RGB", (width, height), content.tone.value)
    draw = ImageDraw.Draw(ground)
    size = max(SMALLEST, min(LARGEST, width // 46, height // 22))
    column = _Column(content, min(width * 9 // 10, 42 * size), size)
    while column.height > height and size > SMALLEST:
        size -= 1
        column = _Column(content, min(width * 9 // 10, 42 * size), size)
    left, top = (width - column.width) // 2, max((height - column.height) // 2, 0)
    card = (left, top, left + column.width - 1, min(top + column.height, height) - 1)
    draw.rounded_rectangle(card, radius=size // 2, fill=CARD)
    column.draw(draw, left, top)
    return Picture(ground.tobytes(), width, height)


class _Column:
    """The card's lines, each with its place below the card's upper edge."""

    def __init__(self, content: Screen, width: int, size: int) -> None:
        self.width, self._margin = width, max(size, 6)
        self._lines: list[tuple[int, str, int, bool, Colour]] = []
        self.height = self._margin
        small, large = max(SMALLEST, size * 3 // 4), size * 3 // 2
        about = f"{PRODUCT}  ·  {content.about}" if content.about else PRODUCT
        self._add(about, small, FAINT)
        self._add(content.heading, large, INK, bold=True)
        for paragraph in content.paragraphs:
            self._add(paragraph, size, INK)
        if content.foot:
            self._add(content.foot, small, FAINT)

    def _add(self, text: str, size: int, colour: Colour, *, bold: bool = False) -> None:
        face = font(size, bold=bold)
        for line in wrapped(_clean(text), face, self.width - 2 * self._margin):
            self._lines.append((self.height, line, size, bold, colour))
            self.height += size * 4 // 3
        self.height += size * 2 // 3

    def draw(self, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
        for at, line, size, bold, colour in self._lines:
            draw.text((left + self._margin, top + at), line, fill=colour, font=font(size, bold=bold))


def bar(words: str, tone: Tone, width: int, height: int) -> Picture:
    """A notice at the upper edge of a desktop of this size, in the middle."""
    size = max(SMALLEST, min(BAR_LETTER, width // 40))
    face, margin = font(size), size // 2
    most = max(min(BAR_WIDTH, width - 2 * margin), min(width, 40))
    lines = wrapped(_clean(words), face, most - 2 * margin)
    if len(lines) > BAR_LINES:
        lines = [*lines[: BAR_LINES - 1], lines[BAR_LINES - 1].rstrip(" .") + "…"]
    wide = min(most, int(max(face.getlength(line) for line in lines)) + 1 + 2 * margin)
    high = min(len(lines) * size * 4 // 3 + 2 * margin, height)
    image = Image.new("RGB", (wide, high), tone.value)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((margin, margin + number * size * 4 // 3), line, fill=(255, 255, 255), font=face)
    return Picture(image.tobytes(), wide, high, (width - wide) // 2, 0)


def changed(before: Picture | None, after: Picture) -> Picture | None:
    """The part of `after` that differs from `before`, which was drawn at the same place; None when nothing does."""
    if before is None or (before.width, before.height) != (after.width, after.height):
        return after
    old = Image.frombytes("RGB", (before.width, before.height), before.pixels)
    new = Image.frombytes("RGB", (after.width, after.height), after.pixels)
    box = ImageChops.difference(old, new).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return Picture(new.crop(box).tobytes(), right - left, bottom - top, after.x + left, after.y + top)


def _clean(text: str) -> str:
    return legible(printable(text.replace("\n", " "))[:CHARACTERS])
