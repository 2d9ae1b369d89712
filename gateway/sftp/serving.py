"""The client's requests about paths and handles: permitted or refused, looked at, and passed on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.limits import SFTP_PATH_OCTETS
from gateway.sftp import paths
from gateway.sftp.attributes import Attributes
from gateway.sftp.content import NO_HANDLE
from gateway.sftp.effects import Ledger
from gateway.sftp.files import Files, OpenFile, refused_entry
from gateway.sftp.gate import Gate, Look, Visit
from gateway.sftp.hold import Spool, flags_of
from gateway.sftp.line import Asked, Line, name
from gateway.sftp.messages import (
    ByHandle,
    ByPath,
    CopyData,
    Extension,
    Open,
    Plain,
    Query,
    SetByHandle,
    SetByPath,
    TwoPaths,
)
from gateway.sftp.needs import LOOKS, carried, missing
from gateway.sftp.packets import OpenFlags, Status, Type
from gateway.sftp.responses import AttrsReply, Name, NameReply, Response, StatusReply
from gateway.sftp.rules import CHANGES, Permission

TOO_MANY: Final = "Too many files are open on this connection. Please close some."
NUL: Final = "A path cannot have an octet of zero in it."
LONG: Final = f"A path of more than {SFTP_PATH_OCTETS} octets is not carried."
REMOTE: Final = 4  # octets before a handle of the target's: its length

PathRequest = ByPath | SetByPath | TwoPaths | Open
HandleRequest = ByHandle | SetByHandle | CopyData


class Serving:
    """INVARIANT: a request goes to the target only after `missing` and `carried` said of it that it may, now."""

    def __init__(self, line: Line, gate: Gate, files: Files, spool: Spool) -> None:
        self._line, self._gate, self._files, self._spool = line, gate, files, spool

    def take(self, message: Query) -> None:
        """A request whose id is in flight from now on."""
        if self._strange(message) or self._denied(message):
            return
        if isinstance(message, ByHandle | SetByHandle | CopyData):
            self._by_handle(message)
        elif isinstance(message, Plain):
            self._line.forward(message, Asked(message.kind, message.id))
        elif isinstance(message, ByPath | SetByPath | TwoPaths | Open):
            self._by_path(message)

    def _strange(self, message: Query) -> bool:
        """Whether it has a path that no target can have. What the target is not asked needs no permission either."""
        if message.kind is Extension.USERS_GROUPS:
            return False
        for text in (getattr(message, "path", b""), message.to if isinstance(message, TwoPaths) else b""):
            if b"\0" in text or len(text) > SFTP_PATH_OCTETS:
                self._line.status(message.id, Status.FAILURE, NUL if b"\0" in text else LONG)
                return True
        return False

    def _denied(self, message: Query) -> bool:
        rules = self._line.rules
        permission = carried(rules, message) or missing(rules, message)
        if permission is None:
            return False
        self._refuse(message, permission)
        return True

    def _refuse(self, message: Query, permission: Permission, path: bytes | None = None) -> None:
        if path is None:
            path = getattr(message, "path", b"")
            file = self._files.get(getattr(message, "handle", b""))
            path = file.path.encode(errors="replace") if file is not None else path
        words = CHANGES if permission is Permission.HOLD else ""
        words = self._line.refuse(message.id, message.kind, permission, path, words)
        if isinstance(message, Open):
            entry = refused_entry(self._files.number(), message.flags, paths.shown(path), words)
            self._line.out.append(Ledger(entry))

    # --- paths

    def _by_path(self, message: PathRequest) -> None:
        line = self._line
        looks = LOOKS.get(message.kind)
        texts = (message.path, message.to) if isinstance(message, TwoPaths) else (message.path,)
        if looks is None or (line.rules.paths is None and not line.rules.hold):
            self._pass(message, None)
            return
        if isinstance(message, Open) and message.flags & OpenFlags.CREAT:
            looks = (Look.MAYBE,)

        def go(found: list[str]) -> None:
            if not self._denied(message) and not (line.rules.hold and self._spool.takes(message, found)):
                self._pass(message, found if line.rules.paths is not None else None)

        def no(path: bytes) -> None:
            self._refuse(message, Permission.PATHS, path)

        def fail(reply: StatusReply) -> None:
            note = {"op": name(message.kind), "path": paths.shown(message.path), "words": reply.text()}
            line.status(message.id, reply.code, reply.text(), note)

        self._gate.enter(Visit(tuple(zip(texts, looks, strict=True)), go, no, fail))

    def _pass(self, message: PathRequest, found: list[str] | None) -> None:
        """Pass it on, about the paths `found` when it was looked at where they lie."""
        line = self._line
        if found is not None:
            message = replace(message, path=paths.octets(found[0]))
            if isinstance(message, TwoPaths):
                message = replace(message, to=paths.octets(found[1]))
            if message.kind is Type.REALPATH:
                line.clients.discard(message.id)
                line.reply(NameReply(message.id, (Name(message.path, message.path, Attributes()),)))
                return
        note = _note(message)
        if isinstance(message, Open):
            self._open(message, found, note)
            return
        asked = Asked(message.kind, message.id, path=paths.shown(message.path))
        if message.kind is Type.OPENDIR:
            if self._files.full:
                line.status(message.id, Status.FAILURE, TOO_MANY)
                return
            asked.file = OpenFile(0, asked.path, 0, self._files.room, directory=True)
            self._place(asked.file, message.path, found)
        elif message.kind is Type.READLINK:
            asked.path = paths.text(message.path)
        line.forward(message, asked, note)

    def _open(self, message: Open, found: list[str] | None, note: dict[str, object]) -> None:
        line = self._line
        if self._files.full:
            line.status(message.id, Status.FAILURE, TOO_MANY, note)
            return
        file = OpenFile(self._files.number(), paths.shown(message.path), message.flags, self._files.room)
        note["file"] = file.number
        line.forward(message, Asked(Type.OPEN, message.id, file, path=file.path), note)
        self._place(file, message.path, found)

    def _place(self, file: OpenFile, path: bytes, found: list[str] | None) -> None:
        """Say where it lies; of a file that may lie anywhere the target is asked, behind its OPEN."""
        self._files.opening += 1
        if found is not None:
            file.canonical, file.path = found[0], paths.shown(found[0])
            return
        canonical = paths.absolute(self._gate.home, paths.text(path))
        file.path = paths.shown(canonical)
        if file.directory:
            file.canonical = canonical
            return

        def answered(response: Response) -> None:
            if isinstance(response, NameReply) and len(response.names) == 1:
                file.canonical = paths.text(response.names[0].name)
                file.path = paths.shown(file.canonical)

        self._line.ask(ByPath(Type.REALPATH, 0, path), answered)

    # --- handles

    def _by_handle(self, message: HandleRequest) -> None:
        line = self._line
        file = self._files.get(message.handle)
        if file is None or (file.directory and message.kind not in (Type.CLOSE, Type.READDIR, Type.FSTAT)):
            line.status(message.id, Status.FAILURE, NO_HANDLE)
        elif file.barred and message.kind is not Type.CLOSE:
            line.refuse(message.id, message.kind, Permission.PATHS, file.path)
        elif isinstance(message, CopyData):
            self._copy(message, file)
        elif file.held:
            self._spool.handle(message, file)
        elif isinstance(message, SetByHandle):
            self._set(message, file)
        elif message.kind is Type.CLOSE:
            self._close(message, file)
        else:
            line.forward(replace(message, handle=file.remote[REMOTE:]), Asked(message.kind, message.id, file))

    def _set(self, message: SetByHandle, file: OpenFile) -> None:
        line = self._line
        size = message.attributes.size
        if size is not None:
            if line.rules.hold:
                line.refuse(message.id, message.kind, Permission.HOLD, file.path, CHANGES)
                return
            file.resized(size)
        note = {"op": name(message.kind), "path": file.path, "file": file.number, **message.attributes.facts()}
        line.forward(replace(message, handle=file.remote[REMOTE:]), Asked(message.kind, message.id, file), note)

    def _copy(self, message: CopyData, file: OpenFile) -> None:
        line = self._line
        to = self._files.get(message.to)
        if to is None or to.directory or to.barred or to.held or not (file.reads and to.writes):
            line.status(message.id, Status.FAILURE, NO_HANDLE)
            return
        to.copied_into()
        note: dict[str, object] = {"op": name(message.kind), "path": file.path, "to": to.path, "file": to.number}
        sent = replace(message, handle=file.remote[REMOTE:], to=to.remote[REMOTE:])
        line.forward(sent, Asked(message.kind, message.id, to), note)

    def _close(self, message: ByHandle, file: OpenFile) -> None:
        """The handle is gone for the client at once; the entry comes with the target's answer."""
        self._files.remove(file.handle)
        remote = file.remote[REMOTE:]
        if not file.directory and file.size_missing:

            def answered(response: Response) -> None:
                if isinstance(response, AttrsReply) and response.attributes.size is not None:
                    file.sized(response.attributes.size)

            self._line.ask(ByHandle(Type.FSTAT, 0, remote), answered)
        self._files.closing.add(file)
        self._line.forward(replace(message, handle=remote), Asked(Type.CLOSE, message.id, file))


def _note(message: PathRequest) -> dict[str, object]:
    """What the recording gets to hold of a request about paths."""
    note: dict[str, object] = {"op": name(message.kind), "path": paths.shown(message.path)}
    if message.kind is Extension.USERS_GROUPS:
        del note["path"]
    elif isinstance(message, TwoPaths):
        note["to"] = paths.shown(message.to)
    elif isinstance(message, SetByPath):
        note |= message.attributes.facts()
    elif isinstance(message, Open):
        note["flags"] = flags_of(message.flags)
    return note
