"""What passed of each file: octets, ranges, and a digest in file order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOWNLOAD: Final = "download"
UPLOAD: Final = "upload"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file that passed, or was refused.

    Attributes:
        number: of the file in its stream, from 1. A file opened for both ways has an entry each way.
        way: `download` or `upload`.
        path: as the target canonicalised it, printable.
        octets: of content that passed, what passed twice counted twice.
        ranges: `[from, to)` of the file, merged, in order; at most `limits.SFTP_RANGES`.
        sha256: hexadecimal, of the whole file in file order; "" when partial.
        partial: not the whole file passed, or not in an order that could be followed.
        verdict: `passed`, `partial`, `refused` or `held`.
        words: why partial or refused; "" otherwise.
    """

    number: int
    way: str
    path: str
    octets: int
    ranges: tuple[tuple[int, int], ...]
    sha256: str
    partial: bool
    verdict: str
    words: str = ""
