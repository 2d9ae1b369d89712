"""Plays a recording from any moment, also while it grows. Blocks: call it in a thread.

What it hands out was checked by signature, chain and AEAD. The index is a hint: a false one makes a seek land
elsewhere, it never shows anything that was not recorded.
"""

from __future__ import annotations

import hmac
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

import pyrage
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.limits import FRAME_OCTETS
from gateway.recording.format import (
    BY_THE_RECORDING_KEY,
    CHECK,
    CHECKPOINT,
    DATA,
    END,
    HEAD,
    INDEX,
    LINK,
    MAGIC,
    PLAIN_OCTETS,
    RECOVERED,
    SEEK,
    SIGNATURE,
    Broken,
    Check,
    commitment,
    frame_key,
    nonce,
    unpack_records,
)
from gateway.recording.frames import Frame, Walk, first, signed_by, size
from gateway.recording.model import Kind, Record

PIECE: Final = 512  # octets decoded at once: a zstd block of 4 octets gives at most 128 KiB, so 16 MiB a piece
WINDOW: Final = 8 << 20  # octets: the largest zstd window accepted; the writer uses 512 KiB
LAST: Final = HEAD.size + CHECK.size + SIGNATURE + LINK  # octets of the last frame of a sealed recording


class Cursor:
    """Reads on from one place; ask again when the file has grown."""

    def __init__(self, walk: Walk, aead: AESGCM, key: Ed25519PublicKey) -> None:
        self._walk, self._aead, self._key = walk, aead, key
        self._stream = _decompressor()
        self.ended, self.point_us = False, -1  # the last checkpoint passed
        self._before = walk.h  # the chain before the frame that is looked at

    def _next(self) -> Frame | None:
        self._before = self._walk.h
        return self._walk.next()

    def more(self) -> list[Record] | None:
        """The records of the next data frame; None when there is none yet, or, with `ended`, ever.

        Raises:
            Broken: the file was changed here.
        """
        while (frame := self._next()) is not None:
            if frame.kind == DATA:
                return unpack_records(self._decode(frame.n, frame.body))
            if frame.kind in BY_THE_RECORDING_KEY:
                check = Check.decode(frame.kind, frame.body, self._key)
                if check.frames != frame.n or check.h != self._before:
                    raise Broken(f"frame {frame.n}: what stands before it is not what its checkpoint signed")
                self.point_us = check.at_us
            self._stream = _decompressor()
            self.ended = self.ended or frame.kind in (END, RECOVERED)
        return None

    def _decode(self, n: int, body: bytes) -> bytes:
        try:
            packed = self._aead.decrypt(nonce(n), body, HEAD.pack(len(body), DATA))
            parts, octets = [], 0
            for at in range(0, len(packed), PIECE):
                parts.append(self._stream.decompress(packed[at : at + PIECE]))
                octets += len(parts[-1])
                if octets > PLAIN_OCTETS:
                    raise Broken(f"frame {n}: decodes to more than {PLAIN_OCTETS} octets")
        except InvalidTag:
            raise Broken(f"frame {n}: does not open with the key of this recording") from None
        except zstandard.ZstdError as error:
            raise Broken(f"frame {n}: {error}") from None
        return b"".join(parts)


class Player:
    """One recording, opened with an age identity that its header is wrapped to."""

    def __init__(self, file: BinaryIO, identity: pyrage.x25519.Identity, site: Ed25519PublicKey | None = None) -> None:
        """
        Raises:
            Broken: not a recording, not of this site, or not for this identity.
        """
        self._file = file
        frame, self.header = first(file)
        if site is not None and not signed_by(frame, site):
            raise Broken("header is not signed by this site")
        try:
            data_key = pyrage.decrypt(self.header.wrap, [identity])
        except pyrage.DecryptError:
            raise Broken("this identity cannot open it") from None
        if not hmac.compare_digest(commitment(data_key), self.header.commit):
            raise Broken("the key is not the one that the header commits to")
        self._key = Ed25519PublicKey.from_public_bytes(self.header.key)
        self._aead = AESGCM(frame_key(data_key, frame.h))
        self._points: list[tuple[int, int]] | None = None

    @classmethod
    def open(cls, path: Path, identity: pyrage.x25519.Identity, site: Ed25519PublicKey | None = None) -> Self:
        file = path.open("rb")
        try:
            return cls(file, identity, site)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def points(self) -> list[tuple[int, int]]:
        """(microseconds since the start, offset) of each checkpoint: hints."""
        if self._points is None:
            indexed = _index(self._file)
            if indexed is None:
                return sorted(_walked(self._file))
            self._points = sorted(indexed)
        return self._points

    def start(self) -> Cursor:
        """From the first record on."""
        return Cursor(Walk(self._file), self._aead, self._key)

    def seek(self, at_us: int) -> Cursor:
        """From the last seek point at or before `at_us` on; terminals begin with their keyframes there."""
        return next(self.seeks(at_us))

    def seeks(self, at_us: int) -> Iterator[Cursor]:
        """From each seek point at or before `at_us` on, the latest first and the start last."""
        points = self.points() if at_us > 0 else []
        for place in range(bisect_right(points, at_us, key=lambda p: p[0]) - 1, -1, -1):
            offset = points[place][1]
            if (check := self._check(offset)) is None:
                continue
            walk = Walk(self._file, offset, check.frames, check.h)
            peek = Cursor(Walk(self._file, offset, check.frames, check.h), self._aead, self._key).more()
            if peek and peek[0].kind != Kind.SUMMARY:
                yield Cursor(walk, self._aead, self._key)
        yield self.start()

    def records(self, from_us: int = 0) -> Iterator[Record]:
        """What is there now, from the seek point before `from_us` on."""
        cursor = self.seek(from_us)
        while (found := cursor.more()) is not None:
            yield from found

    def summary(self) -> Record | None:
        """The SUMMARY of a sealed recording; None when it has none."""
        points = self.points()
        for _, offset in reversed(points[-2:]):
            if (check := self._check(offset)) is None:
                continue
            cursor = Cursor(Walk(self._file, offset, check.frames, check.h), self._aead, self._key)
            while (found := cursor.more()) is not None:
                for record in found:
                    if record.kind == Kind.SUMMARY:
                        while cursor.more() is not None:  # the checkpoint behind it confirms it
                            pass
                        return record
        return None

    def _check(self, offset: int) -> Check | None:
        """The signed checkpoint at `offset`, if there is one."""
        self._file.seek(min(offset, size(self._file)))  # the index may say anything
        head = self._file.read(HEAD.size)
        if len(head) < HEAD.size or HEAD.unpack(head) != (CHECK.size + SIGNATURE, CHECKPOINT):
            return None
        try:
            return Check.decode(CHECKPOINT, self._file.read(CHECK.size + SIGNATURE), self._key)
        except Broken:
            return None


def _decompressor() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()


def _index(file: BinaryIO) -> list[tuple[int, int]] | None:
    """What the index of a sealed recording says; None when there is none to read."""
    end = size(file) - LAST
    if end < len(MAGIC):
        return None
    file.seek(end)
    head = file.read(HEAD.size)
    if HEAD.unpack(head)[1] not in (END, RECOVERED):
        return None
    offset = CHECK.unpack(file.read(CHECK.size))[3]
    if not len(MAGIC) <= offset <= end:
        return None
    file.seek(offset)
    length, kind = HEAD.unpack(file.read(HEAD.size))
    if kind != INDEX or length % SEEK.size or length > min(FRAME_OCTETS, end - offset):
        return None
    return list(SEEK.iter_unpack(file.read(length)))


def _walked(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Checkpoints by the heads of frames alone."""
    offset, end = len(MAGIC), size(file)
    file.seek(offset)
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, kind = HEAD.unpack(head)
        step = length + LINK
        if offset + HEAD.size + step > end:
            return
        if kind == CHECKPOINT and length == CHECK.size + SIGNATURE:
            yield CHECK.unpack(file.read(CHECK.size))[2], offset
            step -= CHECK.size
        file.seek(step, 1)
        offset += HEAD.size + length + LINK
