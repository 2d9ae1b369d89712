"""What a picture shows, in numbers."""

from PIL import Image, ImageChops

Colour = tuple[int, int, int]
# Of the targets' terminal: xterm's 80x24 cells, their size as it comes, and where openbox puts them for +40+40.
INSIDE = (42, 61, 524, 376)
CELL = (6, 13)
INK = 64  # of 255: a pixel whose every channel is darker is of the letters' colour
NEAR = 8  # of 255: what a lossy depth may change in a channel


def colour_at(image: Image.Image, x: int, y: int) -> Colour:
    pixel = image.convert("RGB").getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel[0], pixel[1], pixel[2]


def share_of(image: Image.Image, colour: Colour, near: int = NEAR) -> float:
    """How much of the picture, 0 to 1, has that colour."""
    return 1.0 - _apart(image.convert("RGB"), Image.new("RGB", image.size, colour), near)


def looks_like(image: Image.Image, other: Image.Image, tolerance: float = 0.02, near: int = NEAR) -> bool:
    """Whether at most `tolerance` of the pixels, 0 to 1, differ: a clock ticks, a cursor blinks."""
    return image.size == other.size and _apart(image.convert("RGB"), other.convert("RGB"), near) <= tolerance


def has_the_keyboard(image: Image.Image) -> bool:
    """Whether the targets' terminal is drawn, and its cursor a full block: xterm draws an outline without the focus."""
    red, green, blue = image.convert("RGB").crop(INSIDE).split()
    lightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    full = lightest.point([255] * INK + [0] * (256 - INK))
    for steps, (across, down) in zip(CELL, ((1, 0), (0, 1)), strict=True):
        row = full
        for step in range(1, steps):
            full = ImageChops.darker(full, ImageChops.offset(row, step * across, step * down))
    return full.histogram()[255] == 1


def _apart(image: Image.Image, other: Image.Image, near: int) -> float:
    """The share of pixels in which some channel differs by more than `near`."""
    red, green, blue = ImageChops.difference(image, other).split()
    largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return sum(largest.histogram()[near + 1 :]) / (image.width * image.height)
