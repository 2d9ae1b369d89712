"""The file of a recording while it grows: linked frames, each in one write, nothing half-written left behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from gateway.errors import RecorderFailed
from gateway.limits import FRAME_OCTETS
from gateway.recording.format import H_MAGIC, HEAD, LINK, MAGIC, digest

MODE: Final = 0o600


class Chain:
    """INVARIANT: the file holds exactly `frames` frames and `h` is after them; a short write is cut back.

    After a failure nothing is written any more except by `recovery`, which looks at the file afresh.
    """

    def __init__(self, fd: int, frames: int = 0, offset: int = 0, h: bytes = H_MAGIC) -> None:
        self.fd, self.frames, self.offset, self.h = fd, frames, offset, h

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new file, locked against a second writer.

        Raises:
            RecorderFailed: it exists already, or the folder cannot take it.
        """
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, MODE)
        except OSError as error:
            raise RecorderFailed(f"recording: {error.strerror}") from error
        lock(fd)
        return cls(fd)

    def put(self, kind: int, body: bytes) -> None:
        """Append one frame in one write.

        Raises:
            RecorderFailed: nothing of it is in the file.
        """
        if len(body) > FRAME_OCTETS:
            raise RecorderFailed(f"recording: frame of {len(body)} octets, at most {FRAME_OCTETS}")
        head = HEAD.pack(len(body), kind)
        h = digest(self.h, head, body)
        frame = (head if self.frames else MAGIC + head) + body + h[:LINK]
        try:
            written = os.write(self.fd, frame)
        except OSError as error:
            raise RecorderFailed(f"recording: {error.strerror}") from error
        if written != len(frame):
            self._cut_back(written, len(frame))
        self.h, self.frames, self.offset = h, self.frames + 1, self.offset + written

    def _cut_back(self, written: int, wanted: int) -> None:
        try:
            os.ftruncate(self.fd, self.offset)
        except OSError as error:
            # The half frame stays until recovery drops it: it was not delivered, and no complete one follows it.
            raise RecorderFailed(f"recording: {error.strerror} after a short write") from error
        raise RecorderFailed(f"recording: wrote {written} of {wanted} octets")

    def close(self) -> None:
        """May be called again."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def lock(fd: int) -> None:
    """Be the only writer.

    Raises:
        RecorderFailed: another one is; `fd` is closed.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise RecorderFailed("recording: another process writes it") from error
