"""The target's responses: matched with what was asked, looked at, and passed on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_HANDLES, SFTP_PACKET_OCTETS
from gateway.sftp import paths
from gateway.sftp.content import Content
from gateway.sftp.effects import Ledger, Note, ToClient
from gateway.sftp.files import Files
from gateway.sftp.gate import Gate
from gateway.sftp.line import Asked, Line, name, status_name
from gateway.sftp.messages import Extension, Init, Kind
from gateway.sftp.packets import HEADER, U64, Status, Type
from gateway.sftp.responses import HandleReply, NameReply, StatusReply, decode_response
from gateway.sftp.rules import Permission

# What answers a request besides STATUS (draft section 6); nothing else does.
ANSWERS: Final[Mapping[Kind, Type]] = MappingProxyType(
    {
        Type.OPEN: Type.HANDLE,
        Type.OPENDIR: Type.HANDLE,
        Type.READ: Type.DATA,
        Type.READDIR: Type.NAME,
        Type.REALPATH: Type.NAME,
        Type.READLINK: Type.NAME,
        Extension.EXPAND_PATH: Type.NAME,
        Extension.HOME_DIRECTORY: Type.NAME,
        Type.STAT: Type.ATTRS,
        Type.LSTAT: Type.ATTRS,
        Type.FSTAT: Type.ATTRS,
        Extension.STATVFS: Type.EXTENDED_REPLY,
        Extension.FSTATVFS: Type.EXTENDED_REPLY,
        Extension.LIMITS: Type.EXTENDED_REPLY,
        Extension.USERS_GROUPS: Type.EXTENDED_REPLY,
    }
)


class Answering:
    """Every response fits a request in flight, or the target broke the protocol."""

    def __init__(self, line: Line, gate: Gate, files: Files, content: Content) -> None:
        self._line, self._gate, self._files, self._content = line, gate, files, content

    def take(self, packet: memoryview) -> None:
        """A response that is neither VERSION nor DATA.

        Raises:
            RemoteProtocolError: it answers nothing, or not what was asked.
        """
        response = decode_response(packet)
        if isinstance(response, Init):
            raise RemoteProtocolError("sftp VERSION: a second one")
        asked = self._line.answered(response.id)
        wanted = ANSWERS.get(asked.kind, Type.STATUS)
        if isinstance(response, StatusReply):
            if response.code == Status.OK and wanted is not Type.STATUS:
                raise RemoteProtocolError(f"sftp STATUS: OK to {name(asked.kind)}")
        elif packet[0] != wanted:
            raise RemoteProtocolError(f"sftp response: type {packet[0]} to {name(asked.kind)}")
        if asked.client is None:
            if asked.then is not None:
                asked.then(response)
        elif isinstance(response, StatusReply):
            self._status(asked, response)
        elif isinstance(response, HandleReply):
            self._opened(asked, response)
        elif isinstance(response, NameReply):
            self._named(asked, response, packet)
        elif asked.kind is Extension.LIMITS:
            self._limits(asked, packet)
        else:
            self._pass(asked, packet)

    def _pass(self, asked: Asked, packet: memoryview) -> None:
        if asked.client is not None:
            head = HEADER.pack(len(packet), packet[0], asked.client)
            self._line.out.append(ToClient(b"".join((head, packet[5:]))))

    def _status(self, asked: Asked, reply: StatusReply) -> None:
        if asked.client is None:
            return
        if asked.kind is Type.READ or asked.kind is Type.WRITE:
            self._content.status(asked, reply)
            return
        file = asked.file
        if asked.kind in (Type.OPEN, Type.OPENDIR):
            self._files.opening -= 1
        elif file is not None and reply.code != Status.OK and asked.kind in (Type.CLOSE, Type.FSETSTAT):
            file.failed()
        if asked.kind is Type.CLOSE and file is not None:
            self._files.closing.discard(file)
            if not file.directory:
                self._line.out += map(Ledger, file.entries(closed=True))
        self._line.reply(StatusReply(asked.client, reply.code, reply.text().encode(), b"en"), _result(asked, reply))

    def _opened(self, asked: Asked, reply: HandleReply) -> None:
        self._files.opening -= 1
        if asked.file is None or asked.client is None:
            return
        handle = self._files.add(asked.file, reply.handle)
        note: Note | None = None
        if not asked.file.directory:
            note = {"op": "open", "file": asked.file.number, "status": "ok", "path": asked.file.path}
        self._line.reply(HandleReply(asked.client, handle), note)

    def _named(self, asked: Asked, reply: NameReply, packet: memoryview) -> None:
        if asked.kind is Type.READDIR:
            for entry in reply.names:
                if not entry.name or b"/" in entry.name or b"\0" in entry.name:
                    raise RemoteProtocolError("sftp NAME: a name in a directory that is none")
        elif len(reply.names) != 1:
            raise RemoteProtocolError(f"sftp NAME: {len(reply.names)} names to {name(asked.kind)}")
        elif asked.kind is Type.READLINK and self._line.rules.paths is not None and asked.client is not None:
            parent, _ = paths.split(asked.path)
            if not paths.within(paths.absolute(parent, paths.text(reply.names[0].name)), self._gate.roots):
                self._line.refuse(asked.client, asked.kind, Permission.PATHS, asked.path)
                return
        self._pass(asked, packet)

    def _limits(self, asked: Asked, packet: memoryview) -> None:
        """The gateway's own bounds where they are narrower (OpenSSH PROTOCOL section 4.8; 0 is no limit)."""
        if len(packet) != 5 + 32:  # type u8 + id u32, four u64
            raise RemoteProtocolError(f"sftp limits: {len(packet) - 5} octets, must be 32")
        content = SFTP_PACKET_OCTETS - 1024
        ours = (content, content, content, SFTP_HANDLES)  # of a packet, a read, a write; handles
        theirs = (U64.unpack_from(packet, 5 + 8 * n)[0] for n in range(4))
        numbers = (min(a, b or a) for a, b in zip(ours, theirs, strict=True))
        self._pass(asked, memoryview(bytes(packet[:5]) + b"".join(map(U64.pack, numbers))))


def _result(asked: Asked, reply: StatusReply) -> dict[str, object] | None:
    """A result is noted when its request was: of what only looks (stat…), when it failed."""
    if not asked.noted:
        return None
    note: dict[str, object] = {
        "op": name(asked.kind),
        "path": paths.shown(asked.path),
        "status": status_name(reply.code),
    }
    if asked.file is not None and asked.file.number:
        note["file"], note["path"] = asked.file.number, asked.file.path
    if reply.code != Status.OK:
        note["words"] = reply.text()
    return note
