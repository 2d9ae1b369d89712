"""A target without I/O that has files, directories and links, and a client's talk with it through the proxy."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.sftp.attributes import DIRECTORY, LINK, REGULAR, Attributes
from gateway.sftp.effects import Effect, HeldOpen, Ledger, Refusal, ToClient, ToTarget
from gateway.sftp.ledger import FileEntry
from gateway.sftp.messages import (
    ByHandle,
    ByPath,
    Extension,
    Init,
    Open,
    Query,
    Read,
    SetByHandle,
    SetByPath,
    TwoPaths,
    Write,
    decode_request,
)
from gateway.sftp.packets import Framer, OpenFlags, Status, Type
from gateway.sftp.proxy import Proxy
from gateway.sftp.responses import (
    AttrsReply,
    DataReply,
    ExtendedReply,
    HandleReply,
    Name,
    NameReply,
    Response,
    StatusReply,
    decode_response,
)
from gateway.sftp.rules import Rules

ALL = Rules(read=True, write=True, delete=True, rename=True, mkdir=True)
NEW = OpenFlags.WRITE | OpenFlags.CREAT | OpenFlags.TRUNC


class Target:
    """An SFTP server. `resolves`: whether REALPATH follows links, or only tidies the text."""

    def __init__(self, *, resolves: bool = True) -> None:
        self.files: dict[str, bytearray] = {"/etc/passwd": bytearray(b"root:x:0:0"), "/srv/in/a": bytearray(b"content")}
        self.folders = {"/", "/etc", "/home", "/srv", "/srv/in", "/srv/out", "/srv/in/sub"}
        self.links = {"/srv/in/etc": "/etc", "/srv/in/here": "sub", "/srv/in/leak": "/etc/passwd"}
        self.home, self._resolves = "/home", resolves
        self.handles: dict[bytes, str] = {}
        self.listed: set[bytes] = set()
        self.asked: list[Query] = []  # what came, in order
        self._framer, self._numbers = Framer(), 0
        self.extensions: tuple[tuple[bytes, bytes], ...] = tuple((e.encode(), b"1") for e in Extension)

    def feed(self, data: bytes) -> bytes:
        return b"".join(self.answer(packet).encode() for packet in self._framer.feed(data))

    def answer(self, packet: memoryview) -> Response:
        message = decode_request(packet)
        if isinstance(message, Init):
            return Init(Type.VERSION, 3, self.extensions)
        self.asked.append(message)
        try:
            return self._do(message)
        except FileNotFoundError:
            return StatusReply(message.id, Status.NO_SUCH_FILE, b"No such file")

    def real(self, path: str, *, last: bool = True) -> str:
        """Canonical, with links followed; the last name need not exist."""
        parts = posixpath.join(self.home, path).split("/")
        done = "/"
        for n, part in enumerate(parts):
            if part in ("", "."):
                continue
            done = posixpath.dirname(done) if part == ".." else posixpath.join(done, part)
            final = not any(p for p in parts[n + 1 :])
            if done in self.links and (last or not final):
                done = self.real(posixpath.join(posixpath.dirname(done), self.links[done]))
            if not final and done not in self.folders:
                raise FileNotFoundError(done)
        return done

    def _do(self, m: Query) -> Response:
        ok = StatusReply(m.id, Status.OK)
        if isinstance(m, Open):
            return self._open(m)
        if isinstance(m, Read):
            data = bytes(self.files[self.handles[m.handle]][m.offset : m.offset + m.length])
            return DataReply(m.id, data) if data else StatusReply(m.id, Status.EOF)
        if isinstance(m, Write):
            content = self.files[self.handles[m.handle]]
            content.extend(bytes(max(0, m.offset + len(m.data) - len(content))))
            content[m.offset : m.offset + len(m.data)] = m.data
            return ok
        if isinstance(m, ByPath):
            return self._by_path(m, m.path.decode(errors="surrogateescape"))
        if isinstance(m, ByHandle):
            return self._by_handle(m)
        if isinstance(m, SetByPath) and m.kind is Type.MKDIR:
            self.folders.add(self.real(m.path.decode()))
        elif isinstance(m, SetByHandle) and m.attributes.size is not None:
            del self.files[self.handles[m.handle]][m.attributes.size :]
        elif isinstance(m, TwoPaths) and m.kind in (Type.RENAME, Extension.POSIX_RENAME):
            self.files[self.real(m.to.decode())] = self.files.pop(self.real(m.path.decode()))
        return ok

    def _open(self, m: Open) -> Response:
        path = self.real(m.path.decode())
        if path not in self.files and not m.flags & OpenFlags.CREAT:
            raise FileNotFoundError(path)
        if path not in self.files or m.flags & OpenFlags.TRUNC:
            self.files[path] = bytearray()
        return self._handle(m.id, path)

    def _handle(self, request: int, path: str) -> Response:
        self._numbers += 1
        handle = b"target's %d" % self._numbers
        self.handles[handle] = path
        return HandleReply(request, handle)

    def _by_path(self, m: ByPath, path: str) -> Response:
        match m.kind:
            case Type.REALPATH:
                tidy = posixpath.normpath(posixpath.join(self.home, path))
                name = (self.real(path) if self._resolves else tidy).encode()
                return NameReply(m.id, (Name(name, name, Attributes()),))
            case Type.READLINK:
                name = self.links[self.real(path, last=False)].encode()
                return NameReply(m.id, (Name(name, name, Attributes()),))
            case Type.STAT | Type.LSTAT:
                return AttrsReply(m.id, self.attributes(self.real(path, last=m.kind is Type.STAT)))
            case Type.OPENDIR:
                return self._handle(m.id, self.real(path))
            case Type.REMOVE:
                if self.files.pop(self.real(path, last=False), None) is None:
                    raise FileNotFoundError(path)
            case Extension.STATVFS:
                return ExtendedReply(m.id, bytes(88))
        return StatusReply(m.id, Status.OK)

    def _by_handle(self, m: ByHandle) -> Response:
        path = self.handles[m.handle]
        if m.kind is Type.FSTAT:
            return AttrsReply(m.id, self.attributes(path))
        if m.kind is Type.READDIR:
            if m.handle in self.listed:
                return StatusReply(m.id, Status.EOF)
            self.listed.add(m.handle)
            names = [p for p in (*self.files, *self.folders, *self.links) if p != "/" and posixpath.dirname(p) == path]
            return NameReply(m.id, tuple(Name(posixpath.basename(p).encode(), b"", self.attributes(p)) for p in names))
        if m.kind is Type.CLOSE:
            del self.handles[m.handle]
        return StatusReply(m.id, Status.OK)

    def attributes(self, path: str) -> Attributes:
        if path in self.links:
            return Attributes(permissions=LINK | 0o777)
        if path in self.folders:
            return Attributes(permissions=DIRECTORY | 0o755)
        if path in self.files:
            return Attributes(size=len(self.files[path]), permissions=REGULAR | 0o644)
        raise FileNotFoundError(path)


@dataclass
class Talk:
    """A client that waits for each answer; effects stay in `effects`."""

    rules: Rules = ALL
    target: Target = field(default_factory=Target)
    spool: Callable[[Effect], str] = lambda _: ""
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.rules, lambda permission, path: f"no {permission}")
        self._framer, self._number = Framer(), 0
        self.replies: list[Response] = []
        self.say(Init(Type.INIT, 3).encode())
        self.greeting = self.replies.pop()

    def say(self, data: bytes) -> None:
        self.carry(self.proxy.from_client(data))

    def carry(self, effects: list[Effect]) -> None:
        """In order, and what comes of it behind."""
        waiting = deque(effects)
        while waiting:
            effect = waiting.popleft()
            self.effects.append(effect)
            if isinstance(effect, ToTarget):
                waiting += self.proxy.from_target(self.target.feed(effect.data))
            elif isinstance(effect, ToClient):
                self.replies += map(decode_response, self._framer.feed(effect.data))
            elif not isinstance(effect, Ledger | Refusal):
                waiting += self.proxy.spooled(effect.key, self.spool(effect))

    def ask(self, layout: Callable[..., Query], kind: object, *fields: object) -> Response:
        """One request and its answer."""
        self._number += 1
        self.replies.clear()
        self.say(layout(kind, self._number, *fields).encode())
        assert len(self.replies) == 1
        return self.replies[0]

    def code(self, layout: Callable[..., Query], kind: object, *fields: object) -> int:
        reply = self.ask(layout, kind, *fields)
        return reply.code if isinstance(reply, StatusReply) else Status.OK

    def open(self, path: str, flags: int = OpenFlags.READ) -> bytes:
        reply = self.ask(Open, Type.OPEN, path.encode(), flags, Attributes())
        assert isinstance(reply, HandleReply), reply
        return reply.handle

    def write(self, handle: bytes, offset: int, data: bytes) -> int:
        return self.code(Write, Type.WRITE, handle, offset, data)

    def read(self, handle: bytes, offset: int, length: int) -> Response:
        return self.ask(Read, Type.READ, handle, offset, length)

    def close(self, handle: bytes) -> int:
        return self.code(ByHandle, Type.CLOSE, handle)

    @property
    def entries(self) -> list[FileEntry]:
        return [effect.entry for effect in self.effects if isinstance(effect, Ledger)]

    @property
    def refusals(self) -> list[Refusal]:
        return [effect for effect in self.effects if isinstance(effect, Refusal)]

    @property
    def held(self) -> list[HeldOpen]:
        return [effect for effect in self.effects if isinstance(effect, HeldOpen)]
