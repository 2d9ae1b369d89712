"""Reading the frames of a file, also of one that grows or was damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.limits import FRAME_OCTETS
from gateway.recording.format import (
    H_MAGIC,
    HEAD,
    HEADER,
    LINK,
    MAGIC,
    SIGNATURE,
    Broken,
    Header,
    digest,
    to_be_signed,
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose link holds; `h` is after it, `end` the offset behind it."""

    n: int
    kind: int
    body: bytes
    h: bytes
    offset: int
    end: int


class Walk:
    """The complete frames from one place on, in order; `next` may be asked again when the file has grown.

    Attributes:
        offset, n, h: where it stands: behind the last good frame.
    """

    def __init__(self, file: BinaryIO, offset: int = len(MAGIC), n: int = 0, h: bytes = H_MAGIC) -> None:
        self._file, self.offset, self.n, self.h = file, offset, n, h

    def next(self) -> Frame | None:
        """The next frame; None while it is not complete.

        Raises:
            Broken: it is too long, or its link does not hold.
        """
        self._file.seek(self.offset)
        head = self._file.read(HEAD.size)
        if len(head) < HEAD.size:
            return None
        length, kind = HEAD.unpack(head)
        if length > FRAME_OCTETS:
            raise Broken(f"frame {self.n} at offset {self.offset}: {length} octets, at most {FRAME_OCTETS}")
        rest = self._file.read(length + LINK)
        if len(rest) < length + LINK:
            return None
        body = rest[:length]
        h = digest(self.h, head, body)
        if h[:LINK] != rest[length:]:
            raise Broken(f"frame {self.n} at offset {self.offset}: changed, moved, missing or foreign")
        frame = Frame(self.n, kind, body, h, self.offset, self.offset + HEAD.size + length + LINK)
        self.n, self.h, self.offset = self.n + 1, h, frame.end
        return frame

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.next()) is not None:
            yield frame


def first(file: BinaryIO) -> tuple[Frame, Header]:
    """The header; its signature is not checked.

    Raises:
        Broken: the file does not begin as a recording.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise Broken("not a sluicegate-recording/1")
    frame = Walk(file).next()
    if frame is None or frame.kind != HEADER:
        raise Broken("no header")
    return frame, Header.decode(frame.body)


def signed_by(frame: Frame, site: Ed25519PublicKey) -> bool:
    """Whether the site signed this header."""
    try:
        site.verify(frame.body[:SIGNATURE], to_be_signed(HEADER, frame.body[SIGNATURE:]))
    except InvalidSignature:
        return False
    return True


def size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
