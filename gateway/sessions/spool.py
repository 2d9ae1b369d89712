"""Held uploads on disk (C62): each sealed under a key of its own, that the master key wraps.

file = sealed key (as `gateway.envelope` writes it) | chunk*
chunk = nonce 12 | AES-256-GCM of CHUNK octets, the last ones zero | tag 16; bound to the file's id and its place

What is in there reaches nobody before somebody has decided, and the target only inside a session. A chunk put back
from an older state would open: the digest of the ledger tells, before the first octet is delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.envelope import KEY, NONCE, WRAPPED, Envelope, SealBroken
from gateway.errors import Refused
from gateway.ids import FileId
from gateway.limits import HELD_FILE_OCTETS, HELD_OCTETS
from gateway.sessions import texts

CHUNK: Final = 64 << 10  # octets sealed at once: two writes of the usual client
TAG: Final = 16
SLOT: Final = NONCE + CHUNK + TAG
HEAD: Final = 1 + NONCE + WRAPPED + NONCE + KEY + TAG
SUFFIX: Final = ".held"


class Spools:
    """The folder of held files.

    INVARIANT: together they take at most `HELD_OCTETS`; who finds no room is refused before anything is kept.
    """

    def __init__(self, folder: Path, envelope: Envelope) -> None:
        self._folder, self._envelope = folder, envelope
        folder.mkdir(mode=0o700, exist_ok=True)
        self.octets = sum(path.stat().st_size for path in folder.glob(f"*{SUFFIX}"))

    def create(self, file_id: FileId) -> Spool:
        """Raises Refused: the disk does not take it."""
        key = secrets.token_bytes(KEY)
        try:
            spool = Spool(self, self._path(file_id), file_id, key, fresh=True)
            try:
                spool.begin(self._envelope.seal(_purpose(file_id), key))
            except BaseException:
                spool.remove()
                raise
        except OSError as error:
            raise Refused("no_room", texts.NO_ROOM, rule="C62", detail=str(error.strerror)) from None
        return spool

    def open(self, file_id: FileId, octets: int) -> Spool:
        """A kept one, to be read.

        Raises:
            SealBroken: it is gone, or was changed.
            Refused: the gateway cannot open files now.
        """
        try:
            with self._path(file_id).open("rb") as file:
                key = self._envelope.open(_purpose(file_id), file.read(HEAD))
            spool = Spool(self, self._path(file_id), file_id, key, fresh=False)
        except FileNotFoundError:
            raise SealBroken("held file is gone") from None
        except OSError as error:
            raise Refused("unavailable", texts.NOT_READ, rule="C62", detail=str(error.strerror)) from None
        spool.size = octets
        return spool

    def remove(self, file_id: FileId) -> None:
        """Harmless when it is gone. A key that is gone opens nothing, whatever the disk remembers of the rest."""
        path = self._path(file_id)
        with contextlib.suppress(FileNotFoundError):
            self.octets -= path.stat().st_size
            path.unlink()

    def kept(self) -> list[FileId]:
        return [FileId(path.name.removesuffix(SUFFIX)) for path in self._folder.glob(f"*{SUFFIX}")]

    def sync(self) -> None:
        """The names of new files survive a power cut, too. Blocks: call it in a thread."""
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _path(self, file_id: FileId) -> Path:
        return self._folder / f"{file_id}{SUFFIX}"


class Spool:
    """One held file. One chunk is in memory; the others are sealed on disk."""

    def __init__(self, home: Spools, path: Path, file_id: FileId, key: bytes, *, fresh: bool) -> None:
        self.id, self.size, self._home, self._aead = file_id, 0, home, AESGCM(key)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL if fresh else os.O_RDONLY
        self._fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._place, self._chunk, self._dirty = -1, bytearray(CHUNK), False
        self._on_disk = 0 if fresh else os.fstat(self._fd).st_size

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def begin(self, sealed_key: bytes) -> None:
        self._put(sealed_key, 0)

    def write(self, offset: int, data: bytes) -> None:
        """`data` at `offset`; a gap is zeros.

        Raises:
            Refused: it is too long, there is no room for it, or the disk did not take it.
        """
        if offset + len(data) > HELD_FILE_OCTETS:
            raise Refused("held_long", texts.HELD_LONG, rule="C62")
        try:
            done = 0
            while done < len(data):
                at = (offset + done) % CHUNK
                self._turn_to((offset + done) // CHUNK)
                part = data[done : done + CHUNK - at]
                self._chunk[at : at + len(part)] = part
                self._dirty, done = True, done + len(part)
            self.size = max(self.size, offset + len(data))
        except OSError as error:
            raise Refused("no_room", texts.NO_ROOM, rule="C62", detail=str(error.strerror)) from None

    def truncate(self, size: int) -> None:
        """It has `size` octets from now on; raises as `write`."""
        if size > HELD_FILE_OCTETS:
            raise Refused("held_long", texts.HELD_LONG, rule="C62")
        try:
            if size < self.size and size % CHUNK:  # what is beyond must not come back with a later gap
                self._turn_to(size // CHUNK)
                self._chunk[size % CHUNK :] = bytes(CHUNK - size % CHUNK)
                self._dirty = True
            self._cut(-(-size // CHUNK))
        except OSError as error:
            raise Refused("no_room", texts.NO_ROOM, rule="C62", detail=str(error.strerror)) from None
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` octets from `offset`; empty at the end.

        Raises:
            SealBroken: the disk gives back something else than it was given.
            Refused: it was let go, as what is withheld on its way.
        """
        if self.closed:
            raise Refused("not_cleared", texts.NOT_CLEARED, rule="C62")
        parts, end = list[bytes](), min(offset + length, self.size)
        while offset < end:
            self._turn_to(offset // CHUNK)
            at = offset % CHUNK
            parts.append(bytes(self._chunk[at : min(CHUNK, at + end - offset)]))
            offset += len(parts[-1])
        return b"".join(parts)

    async def keep(self) -> str:
        """Nothing is written any more: make it survive a power cut; SHA-256 of the whole, hex. Raises as `write`."""
        try:
            self._save()
            return await asyncio.to_thread(self._kept)
        except OSError as error:
            raise Refused("no_room", texts.NO_ROOM, rule="C62", detail=str(error.strerror)) from None

    def close(self) -> None:
        """Let the file go; harmless twice."""
        if not self.closed:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """It is not wanted any more."""
        self.close()
        self._home.remove(self.id)

    def _kept(self) -> str:
        os.fsync(self._fd)
        self._home.sync()
        return self.digest()

    def digest(self) -> str:
        """SHA-256 of the whole, hex. Blocks: call it in a thread."""
        sha, at = hashlib.sha256(), 0
        while part := self.read(at, 1 << 20):
            sha.update(part)
            at += len(part)
        return sha.hexdigest()

    def _cut(self, places: int) -> None:
        """No more chunks than `places`."""
        if self._place >= places:
            self._place, self._dirty = -1, False
        if (gone := self._on_disk - (HEAD + places * SLOT)) > 0:
            os.ftruncate(self._fd, self._on_disk - gone)
            self._home.octets -= gone
            self._on_disk -= gone

    def _turn_to(self, place: int) -> None:
        if place == self._place:
            return
        self._save()
        slot = os.pread(self._fd, SLOT, HEAD + place * SLOT)
        if slot.strip(b"\0"):  # a gap is a hole on the disk
            try:
                self._chunk[:] = self._aead.decrypt(slot[:NONCE], slot[NONCE:], self._bound(place))
            except (InvalidTag, ValueError):
                raise SealBroken("held file was changed on the disk") from None
        else:
            self._chunk[:] = bytes(CHUNK)
        self._place = place

    def _save(self) -> None:
        if not self._dirty:
            return
        nonce = secrets.token_bytes(NONCE)
        self._put(nonce + self._aead.encrypt(nonce, bytes(self._chunk), self._bound(self._place)),
                  HEAD + self._place * SLOT)  # fmt: skip
        self._dirty = False

    def _put(self, octets: bytes, at: int) -> None:
        """
        Raises:
            OSError: the disk did not take all of it.
            Refused: there is no room left for held files.
        """
        grown = max(0, at + len(octets) - self._on_disk)
        if self._home.octets + grown > HELD_OCTETS:
            raise Refused("no_room", texts.NO_ROOM, rule="C62")
        written = os.pwrite(self._fd, octets, at)
        grown = max(0, at + written - self._on_disk)
        self._home.octets += grown
        self._on_disk += grown
        if written != len(octets):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _bound(self, place: int) -> bytes:
        return f"{_purpose(self.id)}/{place}".encode()


def _purpose(file_id: FileId) -> str:
    return f"held/{file_id}"
