"""Uploads that are held: they go to the gateway's spool, and the client is answered as if they had reached the target.

The client still knows a held file by its name: it can ask for its attributes, set them, rename it (WinSCP uploads to
`x.filepart`), remove it and upload it anew. It cannot read it, nor go on with it in the middle. All of it is
forgotten with the channel; what counts then is what the shell has in its spool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.limits import SFTP_HELD
from gateway.sftp import paths
from gateway.sftp.attributes import REGULAR, Attributes
from gateway.sftp.effects import (
    Block,
    HeldClose,
    HeldOpen,
    HeldRemove,
    HeldRename,
    HeldTruncate,
    HeldWrite,
    Ledger,
)
from gateway.sftp.files import WRITES, Files, OpenFile
from gateway.sftp.line import Line, name
from gateway.sftp.messages import ByHandle, ByPath, Extension, Open, Query, SetByHandle, SetByPath, TwoPaths
from gateway.sftp.packets import OpenFlags, Status, Type
from gateway.sftp.responses import AttrsReply, HandleReply
from gateway.sftp.rules import CHANGES, Permission

RESUMED: Final = (
    "Uploads to this target are held until somebody delivers them, so a file there cannot be changed or continued. "
    "Please upload the whole file anew."
)
HELD_ALREADY: Final = "This file is held by the gateway until somebody delivers it. It cannot be read before."
NAMED: Final = "A file that is held needs a name of plain text. Please rename it and upload it again."
MANY: Final = "Too many files are held for this connection. Please connect again."
EXISTS: Final = "A file of this name is held already."
STATS: Final = frozenset({Type.STAT, Type.LSTAT})
RENAMES: Final = frozenset({Type.RENAME, Extension.POSIX_RENAME})


class Spool:
    """INVARIANT: each `Held…` effect has a key that `done` takes once, and a client's id in flight until then."""

    def __init__(self, line: Line, files: Files) -> None:
        self._line, self._files = line, files
        self._named: dict[str, OpenFile] = {}
        self._size: dict[int, int] = {}  # number of a held file: octets
        self._pending: dict[int, Callable[[str], None]] = {}
        self._keys = 0

    def done(self, key: int, words: str) -> None:
        """The shell did it ("") or could not."""
        then = self._pending.pop(key, None)
        if then is not None:
            then(words)

    def _key(self, then: Callable[[str], None]) -> int:
        self._keys += 1
        self._pending[self._keys] = then
        return self._keys

    def _answer(self, client: int) -> Callable[[str], None]:
        def done(words: str) -> None:
            self._line.status(client, Status.FAILURE if words else Status.OK, words)

        return done

    # --- by name

    def takes(self, message: Query, found: list[str]) -> bool:
        """Whether `message`, which is about the paths `found`, is the spool's; then it was answered, or will be."""
        held = self._named.get(found[0])
        if isinstance(message, Open) and message.flags & WRITES:
            self._open(message, found[0], held)
        elif isinstance(message, TwoPaths) and message.kind in RENAMES:
            return self._rename(message, found, held)
        elif held is None:
            return self._changes(message, found[0])
        elif isinstance(message, Open):
            self._line.refuse(message.id, message.kind, Permission.HOLD, found[0], HELD_ALREADY)
        elif isinstance(message, SetByPath):
            self._set(message.id, held, message.attributes, message.kind is Type.MKDIR)
        elif isinstance(message, ByPath) and message.kind in STATS:
            self._line.clients.discard(message.id)
            self._line.reply(AttrsReply(message.id, self._attributes(held)))
        elif isinstance(message, ByPath) and message.kind is Type.REMOVE:
            self._forget(found[0], held, self._answer(message.id))
        else:
            return False
        return True

    def _changes(self, message: Query, path: str) -> bool:
        """Refuse what would change the content of a file on the target past the spool."""
        if not isinstance(message, SetByPath) or message.kind is Type.MKDIR or message.attributes.size is None:
            return False
        self._line.refuse(message.id, message.kind, Permission.HOLD, path, CHANGES)
        return True

    def _open(self, message: Open, path: str, held: OpenFile | None) -> None:
        line = self._line
        flags = message.flags
        whole = OpenFlags.TRUNC | OpenFlags.EXCL
        words = ""
        if not flags & OpenFlags.CREAT or flags & OpenFlags.APPEND or (flags & OpenFlags.READ and not flags & whole):
            words = RESUMED
        elif paths.shown(path) != path:
            words = NAMED
        if words:
            line.refuse(message.id, message.kind, Permission.HOLD, path, words)
            return
        if (held is not None and flags & OpenFlags.EXCL) or len(self._named) >= SFTP_HELD or self._files.full:
            line.status(message.id, Status.FAILURE, EXISTS if held is not None else MANY)
            return
        if held is not None:
            self._forget(path, held, lambda _: None)
        kept = OpenFlags.WRITE | OpenFlags.CREAT | OpenFlags.TRUNC  # the spool begins empty
        file = OpenFile(self._files.number(), path, kept, self._files.room)
        file.held, file.canonical = True, path
        self._named[path], self._size[file.number] = file, 0
        self._files.opening += 1

        def opened(words: str) -> None:
            self._files.opening -= 1
            if words:
                self._named.pop(path, None)
                line.status(message.id, Status.FAILURE, words)
            else:
                line.clients.discard(message.id)
                line.reply(HandleReply(message.id, self._files.add(file, b"")))

        note = {"op": "open", "path": path, "flags": flags_of(flags), "file": file.number, "held": True}
        line.out.append(HeldOpen(self._key(opened), file.number, note, path))

    def _rename(self, message: TwoPaths, found: list[str], held: OpenFile | None) -> bool:
        path, to = found
        there = self._named.get(to)
        if held is None:
            if there is not None:
                self._line.status(message.id, Status.FAILURE, EXISTS)
            return there is not None
        if path == to or (there is not None and message.kind is Type.RENAME) or paths.shown(to) != to:
            self._line.status(message.id, Status.FAILURE, EXISTS if paths.shown(to) == to else NAMED)
            return True
        if there is not None:
            self._forget(to, there, lambda _: None)
        self._named[to] = self._named.pop(path)
        held.path = held.canonical = to
        note = {"op": name(message.kind), "path": path, "to": to, "file": held.number, "held": True}
        self._line.out.append(HeldRename(self._key(self._answer(message.id)), held.number, note, to))
        return True

    def _forget(self, path: str, file: OpenFile, then: Callable[[str], None]) -> None:
        self._named.pop(path, None)
        note = {"op": "remove", "path": path, "file": file.number, "held": True}
        self._line.out.append(HeldRemove(self._key(then), file.number, note))

    # --- by handle

    def handle(self, message: ByHandle | SetByHandle, file: OpenFile) -> None:
        """FSTAT, FSETSTAT, CLOSE, FSYNC… of a held file."""
        line = self._line
        if isinstance(message, SetByHandle):
            self._set(message.id, file, message.attributes, False)
        elif message.kind is Type.CLOSE:
            self._close(message, file)
        elif message.kind is Type.FSTAT:
            line.clients.discard(message.id)
            line.reply(AttrsReply(message.id, self._attributes(file)))
        elif message.kind is Extension.FSYNC:
            line.status(message.id, Status.OK, "")
        else:
            line.status(message.id, Status.OP_UNSUPPORTED, HELD_ALREADY)

    def write(self, client: int, file: OpenFile, offset: int, content: memoryview, note: Block) -> None:
        self._size[file.number] = max(self._size.get(file.number, 0), offset + len(content))

        def written(words: str) -> None:
            if words:
                file.failed()
            self._answer(client)(words)

        self._line.out.append(HeldWrite(self._key(written), file.number, note, offset, bytes(content)))

    def _close(self, message: ByHandle, file: OpenFile) -> None:
        self._files.remove(file.handle)
        file.sized(self._size.get(file.number, 0))

        def closed(words: str) -> None:
            if words:
                file.failed()
            self._line.out += map(Ledger, file.entries(closed=not words))
            self._answer(message.id)(words)

        note = {"op": "close", "file": file.number, "held": True}
        self._line.out.append(HeldClose(self._key(closed), file.number, note))

    def _set(self, client: int, file: OpenFile, attributes: Attributes, directory: bool) -> None:
        """Sizes count; times and permissions are those of the delivery."""
        if directory:
            self._line.status(client, Status.FAILURE, EXISTS)
        elif attributes.size is None or attributes.size == self._size.get(file.number):
            self._line.status(client, Status.OK, "")
        elif file.handle and self._files.get(file.handle) is file:
            self._size[file.number] = attributes.size
            file.resized(attributes.size)
            note = {"op": "fsetstat", "file": file.number, "size": attributes.size, "held": True}
            key = self._key(self._answer(client))
            self._line.out.append(HeldTruncate(key, file.number, note, attributes.size))
        else:
            self._line.refuse(client, Type.SETSTAT, Permission.HOLD, file.path, CHANGES)

    def _attributes(self, file: OpenFile) -> Attributes:
        return Attributes(size=self._size.get(file.number, 0), permissions=REGULAR | 0o600)


def flags_of(flags: int) -> list[str]:
    """OPEN's flags as notes call them."""
    return [flag.name.lower() for flag in OpenFlags if flags & flag]
