"""Sealing what a dead writer left, with the site's key and without any key that reads it.

Recovery is a signing oracle: whoever could cut a file and have it sealed again would have forged it. So it seals only
what the audit log has as opened and not closed, and only if the file agrees with every head in the log.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import RecorderFailed
from gateway.recording.chain import Chain, lock
from gateway.recording.format import (
    BY_THE_RECORDING_KEY,
    CHECKPOINT,
    DATA,
    END,
    HEADER,
    INDEX,
    RECOVERED,
    Broken,
    Check,
    index_body,
    milliseconds,
)
from gateway.recording.frames import Frame, Walk, first, signed_by, size
from gateway.recording.model import Head


@dataclass(slots=True)
class Evidence:
    """What the audit log has of one recording: h after so many frames, and whether it was closed."""

    session: str = ""
    heads: dict[int, bytes] = field(default_factory=dict)
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Recovered:
    """`clean`: the writer had sealed it itself. `dropped`: octets of an incomplete frame, never delivered."""

    head: Head
    octets: int
    duration_us: int
    clean: bool
    dropped: int


class _Scan:
    """One pass over a file: what it is, and whether it agrees with the log."""

    def __init__(self, file: BinaryIO, seq: int, evidence: Evidence, site: Ed25519PublicKey) -> None:
        self.walk, self._wanted, self._site = Walk(file), dict(evidence.heads), site
        self.index: list[tuple[int, int]] = []
        self.last: Check | None = None
        self.end = 0  # kind of the last frame when it is an end
        frame, header = first(file)
        about = header.about
        if not signed_by(frame, site):
            raise Broken("header is not signed by this site")
        if (about.seq, about.session) != (seq, evidence.session):
            raise Broken(f"header is that of recording {about.seq}")
        self._key, self.started_ms = Ed25519PublicKey.from_public_bytes(header.key), milliseconds(about.started)
        for each in self.walk:
            self._take(each)
        if self._wanted:
            raise Broken(f"the audit log has {max(self._wanted)} frames, the file {self.walk.n}")

    def _take(self, frame: Frame) -> None:
        if self.end:
            raise Broken(f"frame {frame.n}: behind the end")
        if self._wanted.pop(frame.n + 1, frame.h) != frame.h:
            raise Broken(f"frame {frame.n}: differs from the head in the audit log")
        if frame.kind in (CHECKPOINT, END, RECOVERED):
            key = self._key if frame.kind in BY_THE_RECORDING_KEY else self._site
            self.last = Check.decode(frame.kind, frame.body, key)
            if self.last.frames != frame.n:
                raise Broken(f"frame {frame.n}: checkpoint of another place")
            if frame.kind == CHECKPOINT:
                self.index.append((self.last.at_us, frame.offset))
            else:
                self.end = frame.kind
        elif frame.kind not in (HEADER, DATA, INDEX):
            raise Broken(f"frame {frame.n}: unknown type {frame.kind}")


def recover(path: Path, seq: int, evidence: Evidence, site_key: Ed25519PrivateKey, now: datetime) -> Recovered:
    """Seal the file if the log permits it. Blocks.

    Raises:
        Broken: it does not agree with the log, or the log has it closed; the file is left as it is.
        RecorderFailed: another process writes it, or the disk cannot take the end; try again later.
    """
    if evidence.closed or not evidence.heads:
        raise Broken("the audit log does not have it as opened and not closed")
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Broken("the file is gone") from None
    except OSError as error:
        raise RecorderFailed(f"recording: {error.strerror}") from error
    lock(fd)
    with os.fdopen(fd, "rb") as file:
        scan = _Scan(file, seq, evidence, site_key.public_key())
        dropped = _drop_torn(file, scan)
        duration = scan.last.at_us if scan.last is not None else 0
        if scan.end:
            head = Head(seq, scan.walk.n, scan.walk.h)
            return Recovered(head, scan.walk.offset, duration, scan.end == END, dropped)
        chain = Chain(file.fileno(), scan.walk.n, scan.walk.offset, scan.walk.h)
        _seal(chain, scan, duration, site_key, now)
        return Recovered(Head(seq, chain.frames, chain.h), chain.offset, duration, clean=False, dropped=dropped)


def _drop_torn(file: BinaryIO, scan: _Scan) -> int:
    """Cut off the incomplete frame at the end, and say how long it was."""
    dropped = size(file) - scan.walk.offset
    if not dropped:
        return 0
    if scan.end:
        raise Broken(f"{dropped} octets behind the end")
    try:
        os.ftruncate(file.fileno(), scan.walk.offset)
    except OSError as error:
        raise RecorderFailed(f"recording: {error.strerror}") from error
    return dropped


def _seal(chain: Chain, scan: _Scan, duration_us: int, site_key: Ed25519PrivateKey, now: datetime) -> None:
    """Index and end in this order; a second recovery after a failure here finds the index and adds another."""
    latest = max(milliseconds(now), scan.last.time_ms if scan.last is not None else scan.started_ms)
    index = chain.offset
    chain.put(INDEX, index_body(scan.index))
    end = Check(chain.frames, latest, duration_us, index, chain.h)
    chain.put(RECOVERED, end.encode(RECOVERED, site_key))
    try:
        os.fsync(chain.fd)
    except OSError as error:
        raise RecorderFailed(f"recording: {error.strerror}") from error
