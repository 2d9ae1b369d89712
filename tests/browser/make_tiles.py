"""Writes tiles.json: pictures that the gateway's own reference decoders read, for the decoder of the page.

Run from the repository's root: `.venv/bin/python -m tests.browser.make_tiles`. The same numbers come out every time.
"""

import base64
import hashlib
import json
import random  # noqa: TID251 - the same numbers every time; nothing here is a secret
from pathlib import Path

from gateway.rdp import planar, rle

OUT = Path(__file__).parents[2] / "web" / "tests" / "vectors" / "tiles.json"
PIXEL = {15: 2, 16: 2, 24: 3}
REGULAR = {0x00: 0, 0x20: 0, 0x60: 1, 0x80: -1}  # order: pixels that follow it; -1: as many as it paints


def planes(dice: random.Random, width: int, height: int) -> tuple[bytes, bytes, bytes]:
    """Flat parts, gradients and noise, as desktops have them."""
    kind = dice.choice(["flat", "steps", "noise"])
    size = range(width * height)
    if kind == "flat":
        red, green, blue = (bytes([dice.randrange(256)]) * len(size) for _ in range(3))
    elif kind == "steps":
        red, green, blue = (bytes((i % width // 3 * by + i // width) & 0xFF for i in size) for by in (7, 11, 13))
    else:
        red, green, blue = (dice.randbytes(len(size)) for _ in range(3))
    return red, green, blue


def orders(dice: random.Random, width: int, height: int, bpp: int) -> bytes:
    """A stream of any orders that paints exactly the bitmap."""
    octets, left = b"", width * height
    while left:
        added, painted = order(dice, left, PIXEL[bpp])
        octets += added
        left -= painted
    return octets


def order(dice: random.Random, left: int, wide: int) -> tuple[bytes, int]:
    """One order and how many pixels it paints, at most `left`."""
    kind = dice.choice(["regular", "mega", "masks", "lite", "special", "single"])
    count = min(left, dice.randrange(1, 60))
    if kind == "regular":
        code = dice.choice(list(REGULAR))
        follows = REGULAR[code] if REGULAR[code] >= 0 else count
        head = bytes([code | count]) if count < 32 else bytes([code, count - 32])
        return head + dice.randbytes(follows * wide), count
    if kind == "mega":
        code = dice.choice([0xF0, 0xF1, 0xF3, 0xF6])
        return bytes([code]) + count.to_bytes(2, "little") + dice.randbytes(wide * (code in (0xF3, 0xF6))), count
    if kind == "masks":
        sets = dice.random() < 0.5
        head = bytes([0xD0 if sets else 0x40, count - 1])
        return head + dice.randbytes(wide * sets) + dice.randbytes((count + 7) // 8), count
    if kind == "lite" and left >= 2:
        pairs = min(left // 2, 15)
        return bytes([0xE0 | pairs]) + dice.randbytes(2 * wide), 2 * pairs
    if kind == "special" and left >= 8:
        return bytes([dice.choice([0xF9, 0xFA])]), 8
    return bytes([dice.choice([0xFD, 0xFE])]), 1


def rgb(value: int, bpp: int) -> bytes:
    if bpp == 24:
        return value.to_bytes(3, "big")
    green = 6 if bpp == 16 else 5
    parts = value >> (5 + green) & 31, value >> 5 & ((1 << green) - 1), value & 31
    return bytes((part << (8 - bits) | part >> (2 * bits - 8)) for part, bits in zip(parts, (5, green, 5), strict=True))


def tile(width: int, height: int, bpp: int, data: bytes, pixels: bytes) -> dict[str, object]:
    digest = hashlib.sha256(pixels).hexdigest()
    return {"width": width, "height": height, "bpp": bpp, "data": base64.b64encode(data).decode(), "sha256": digest}


def main() -> None:
    dice, tiles = random.Random(20_26), []
    for _ in range(16):
        width, height = dice.randrange(1, 66), dice.randrange(1, 20)
        data = planar.encode(*planes(dice, width, height), width)
        tiles.append(tile(width, height, 32, data, planar.decode(data, width, height)))
    for bpp in (15, 16, 24) * 12:
        width, height = dice.randrange(1, 40), dice.randrange(1, 14)
        data = orders(dice, width, height, bpp)
        pixels = b"".join(rgb(value, bpp) for value in rle.decode(data, width, height, bpp))
        tiles.append(tile(width, height, bpp, data, pixels))
    OUT.write_text(json.dumps(tiles, indent=1) + "\n")


if __name__ == "__main__":
    main()
