"""Open files and directories: the handles that the client knows, and what is written down when they close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.limits import SFTP_HANDLES
from gateway.sftp.ledger import (
    APPENDED,
    CHANGED,
    COPIED,
    DOWNLOAD,
    FAILED,
    REFUSED,
    UPLOAD,
    FileEntry,
    FileLedger,
    Room,
)
from gateway.sftp.packets import U32, OpenFlags, string

HANDLE_OCTETS: Final = 4
WRITES: Final = OpenFlags.WRITE | OpenFlags.APPEND | OpenFlags.CREAT | OpenFlags.TRUNC


class OpenFile:
    """A file or directory that the client has a handle of.

    Attributes:
        number: of the file in the ledger, from 1; 0 of a directory.
        handle: the one that the client knows.
        remote: the target's, with its length in front; b"" of a held file.
        path: printable, for the ledger.
        canonical: as the target canonicalised it; None while that is not known.
        barred: it lies outside of what the rules permit now.
        reads, writes: whether it was opened so.
        fresh: nothing was in the file before, so that its size is what was written.
        eof: the least offset at which the target said that there is no more; None when it never did.
    """

    __slots__ = (
        "barred",
        "canonical",
        "down",
        "eof",
        "flags",
        "fresh",
        "handle",
        "held",
        "number",
        "path",
        "reads",
        "remote",
        "up",
        "writes",
    )

    def __init__(self, number: int, path: str, flags: int, room: Room, *, directory: bool = False) -> None:
        self.number, self.path, self.flags = number, path, flags
        self.handle = self.remote = b""
        self.canonical: str | None = None
        self.held = self.barred = False
        self.writes = bool(flags & (OpenFlags.WRITE | OpenFlags.APPEND))
        self.reads = not directory and (bool(flags & OpenFlags.READ) or not self.writes)
        self.fresh = bool(flags & OpenFlags.TRUNC or flags & OpenFlags.EXCL)
        self.eof: int | None = None
        self.down = FileLedger(room, rewrites=False) if self.reads else None
        self.up = FileLedger(room, rewrites=True) if self.writes else None
        if self.up is not None and flags & OpenFlags.APPEND and not self.fresh:
            self.up.give_up(APPENDED)

    @property
    def directory(self) -> bool:
        return self.number == 0

    def written(self, offset: int, data: bytes | memoryview) -> None:
        """Content on its way to the target or the spool. A file that appends takes it where it ends."""
        if self.down is not None:
            self.down.give_up(CHANGED)
        if self.up is not None:
            if self.flags & OpenFlags.APPEND and self.fresh:
                offset = self.up.reach
            self.up.passed(offset, data)

    def resized(self, size: int) -> None:
        """FSETSTAT gave it a size."""
        self.fresh = False
        for ledger in (self.down, self.up):
            if ledger is not None:
                ledger.truncated(size)

    def copied_into(self) -> None:
        if self.up is not None:
            self.up.give_up(COPIED)

    def failed(self) -> None:
        """The target did not take what was sent."""
        if self.up is not None:
            self.up.give_up(FAILED)

    @property
    def size_missing(self) -> bool:
        """Whether the target has to be asked how long the file is, for its entry."""
        down, up = self.down, self.up
        asks_down = down is not None and not down.why and self.eof != down.reach
        asks_up = up is not None and not up.why and not self.fresh
        return asks_down or asks_up

    def sized(self, size: int) -> None:
        """The target said how long it is."""
        for ledger in (self.down, self.up):
            if ledger is not None:
                ledger.size = size

    def entries(self, *, closed: bool) -> Iterator[FileEntry]:
        """One entry each way that carried content; at least one."""
        down, up = self.down, self.up
        if down is not None and down.size is None and (self.eof == down.reach):
            down.size = down.reach
        if up is not None and up.size is None and self.fresh:
            up.size = up.reach
        both = down is not None and up is not None
        if up is not None and (not both or up.octets or not (down is not None and down.octets)):
            yield up.entry(self.number, UPLOAD, self.path, closed=closed, held=self.held)
        if down is not None and (not both or down.octets):
            yield down.entry(self.number, DOWNLOAD, self.path, closed=closed)


def refused_entry(number: int, flags: int, path: str, words: str) -> FileEntry:
    """The entry of a file that was not opened because it may not be."""
    way = UPLOAD if flags & WRITES else DOWNLOAD
    return FileEntry(number, way, path, 0, (), "", partial=True, verdict=REFUSED, words=words)


class Files:
    """INVARIANT: at most `SFTP_HANDLES` are open or being opened. A handle is never used a second time."""

    def __init__(self) -> None:
        self._open: dict[bytes, OpenFile] = {}
        self.room = Room()
        self.opening = 0
        self.closing: set[OpenFile] = set()  # the target has not answered their CLOSE
        self._handles = self._numbers = 0

    def get(self, handle: bytes) -> OpenFile | None:
        return self._open.get(handle)

    @property
    def full(self) -> bool:
        return len(self._open) + self.opening + len(self.closing) >= SFTP_HANDLES

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def add(self, file: OpenFile, remote: bytes) -> bytes:
        """The handle for the client."""
        self._handles += 1
        file.handle = U32.pack(self._handles & 0xFFFFFFFF)
        file.remote = string(remote)
        self._open[file.handle] = file
        return file.handle

    def remove(self, handle: bytes) -> None:
        self._open.pop(handle, None)

    def __iter__(self) -> Iterator[OpenFile]:
        """Those that have no entry yet."""
        return iter((*self._open.values(), *self.closing))
