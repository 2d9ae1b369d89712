"""Requests (draft-ietf-secsh-filexfer-02 section 6, and OpenSSH's PROTOCOL section 4), one class a layout.

`encode` gives a packet with its length. `decode_request(encode(m)[4:]) == m` for every request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_HANDLE_OCTETS
from gateway.sftp.attributes import Attributes
from gateway.sftp.packets import U32, U64, Octets, Reader, Type, packet, string

EXTENSION_PAIRS: Final = 64  # of one INIT or VERSION
NAME_OCTETS: Final = 256  # of an extension's name


class Extension(StrEnum):
    """Extended requests that are carried (OpenSSH PROTOCOL section 4)."""

    POSIX_RENAME = "posix-rename@openssh.com"
    STATVFS = "statvfs@openssh.com"
    FSTATVFS = "fstatvfs@openssh.com"
    HARDLINK = "hardlink@openssh.com"
    FSYNC = "fsync@openssh.com"
    LSETSTAT = "lsetstat@openssh.com"
    LIMITS = "limits@openssh.com"
    EXPAND_PATH = "expand-path@openssh.com"
    COPY_DATA = "copy-data"
    HOME_DIRECTORY = "home-directory"
    USERS_GROUPS = "users-groups-by-id@openssh.com"


Kind = Type | Extension


def _wrap(kind: Kind, request: int, *parts: Octets) -> bytes:
    if isinstance(kind, Extension):
        return packet(Type.EXTENDED, request, string(kind.encode()), *parts)
    return packet(kind, request, *parts)


@dataclass(frozen=True, slots=True)
class Init:
    """SSH_FXP_INIT or SSH_FXP_VERSION: the only packets without a request id."""

    kind: Type
    version: int
    extensions: tuple[tuple[bytes, bytes], ...] = ()

    def encode(self) -> bytes:
        pairs = b"".join(string(text) for pair in self.extensions for text in pair)
        return packet(self.kind, self.version, pairs)

    @classmethod
    def decode(cls, kind: Type, src: Reader) -> Init:
        version = src.u32()
        pairs: list[tuple[bytes, bytes]] = []
        while src.left:
            if len(pairs) == EXTENSION_PAIRS:
                raise src.fail(f"more than {EXTENSION_PAIRS} extensions")
            pairs.append((src.string(NAME_OCTETS), src.string()))
        return cls(kind, version, tuple(pairs))


@dataclass(frozen=True, slots=True)
class Plain:
    """A request without a field: limits."""

    kind: Kind
    id: int

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id)

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> Plain:
        src.end()
        return cls(kind, request)


@dataclass(frozen=True, slots=True)
class ByPath:
    """A request about one path: stat, opendir, remove, realpath…"""

    kind: Kind
    id: int
    path: bytes

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.path))

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> ByPath:
        path = src.string()
        src.end()
        return cls(kind, request, path)


@dataclass(frozen=True, slots=True)
class ByHandle:
    """A request about one open file or directory: close, fstat, readdir, fsync…"""

    kind: Kind
    id: int
    handle: bytes

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.handle))

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> ByHandle:
        handle = src.string(SFTP_HANDLE_OCTETS)
        src.end()
        return cls(kind, request, handle)


@dataclass(frozen=True, slots=True)
class TwoPaths:
    """A request about two paths, in the order of the wire.

    Of a rename and a hard link the old and the new one; of SYMLINK what the link says and where it lies, which is the
    order that OpenSSH speaks and not the one of the draft (OpenSSH PROTOCOL section 4.1).
    """

    kind: Kind
    id: int
    path: bytes
    to: bytes

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.path), string(self.to))

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> TwoPaths:
        path, to = src.string(), src.string()
        src.end()
        return cls(kind, request, path, to)


@dataclass(frozen=True, slots=True)
class SetByPath:
    """A path and attributes: setstat, lsetstat, mkdir."""

    kind: Kind
    id: int
    path: bytes
    attributes: Attributes

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.path), self.attributes.encode())

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> SetByPath:
        path, attributes = src.string(), Attributes.decode(src)
        src.end()
        return cls(kind, request, path, attributes)


@dataclass(frozen=True, slots=True)
class SetByHandle:
    """A handle and attributes: fsetstat."""

    kind: Kind
    id: int
    handle: bytes
    attributes: Attributes

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.handle), self.attributes.encode())

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> SetByHandle:
        handle, attributes = src.string(SFTP_HANDLE_OCTETS), Attributes.decode(src)
        src.end()
        return cls(kind, request, handle, attributes)


@dataclass(frozen=True, slots=True)
class Open:
    """SSH_FXP_OPEN; `flags` are `OpenFlags`, unknown bits kept."""

    kind: Kind
    id: int
    path: bytes
    flags: int
    attributes: Attributes

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.path), U32.pack(self.flags), self.attributes.encode())

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> Open:
        path, flags, attributes = src.string(), src.u32(), Attributes.decode(src)
        src.end()
        return cls(kind, request, path, flags, attributes)


@dataclass(frozen=True, slots=True)
class Read:
    """SSH_FXP_READ."""

    kind: Kind
    id: int
    handle: bytes
    offset: int
    length: int

    def encode(self) -> bytes:
        return _wrap(self.kind, self.id, string(self.handle), U64.pack(self.offset), U32.pack(self.length))

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> Read:
        handle, offset, length = src.string(SFTP_HANDLE_OCTETS), src.u64(), src.u32()
        src.end()
        return cls(kind, request, handle, offset, length)


@dataclass(frozen=True, slots=True)
class Write:
    """SSH_FXP_WRITE."""

    kind: Kind
    id: int
    handle: bytes
    offset: int
    data: Octets = field(repr=False)

    def encode(self) -> bytes:
        head = string(self.handle) + U64.pack(self.offset) + U32.pack(len(self.data))
        return _wrap(self.kind, self.id, head, self.data)

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> Write:
        """`data` stays a view of the packet."""
        handle, offset, data = src.string(SFTP_HANDLE_OCTETS), src.u64(), src.view()
        src.end()
        return cls(kind, request, handle, offset, data)


@dataclass(frozen=True, slots=True)
class CopyData:
    """copy-data: from one handle to another on the target itself; `length` 0 is up to the end."""

    kind: Kind
    id: int
    handle: bytes
    offset: int
    length: int
    to: bytes
    to_offset: int

    def encode(self) -> bytes:
        numbers = U64.pack(self.offset) + U64.pack(self.length)
        return _wrap(self.kind, self.id, string(self.handle), numbers, string(self.to), U64.pack(self.to_offset))

    @classmethod
    def decode(cls, kind: Kind, request: int, src: Reader) -> CopyData:
        handle, offset, length = src.string(SFTP_HANDLE_OCTETS), src.u64(), src.u64()
        to, to_offset = src.string(SFTP_HANDLE_OCTETS), src.u64()
        src.end()
        return cls(kind, request, handle, offset, length, to, to_offset)


@dataclass(frozen=True, slots=True)
class Unknown:
    """An extended request that is not carried."""

    kind: Type
    id: int
    name: bytes
    body: bytes = field(repr=False)

    def encode(self) -> bytes:
        return packet(self.kind, self.id, string(self.name), self.body)


Query = Plain | ByPath | ByHandle | TwoPaths | SetByPath | SetByHandle | Open | Read | Write | CopyData | Unknown
Request = Init | Query  # a query has an id, and is answered
Layout = type[
    Plain | ByPath | ByHandle | TwoPaths | SetByPath | SetByHandle | Open | Read | Write | CopyData
]  # what decodes after the request id

LAYOUTS: Final[dict[Kind, Layout]] = {
    Type.OPEN: Open,
    Type.CLOSE: ByHandle,
    Type.READ: Read,
    Type.WRITE: Write,
    Type.LSTAT: ByPath,
    Type.FSTAT: ByHandle,
    Type.SETSTAT: SetByPath,
    Type.FSETSTAT: SetByHandle,
    Type.OPENDIR: ByPath,
    Type.READDIR: ByHandle,
    Type.REMOVE: ByPath,
    Type.MKDIR: SetByPath,
    Type.RMDIR: ByPath,
    Type.REALPATH: ByPath,
    Type.STAT: ByPath,
    Type.RENAME: TwoPaths,
    Type.READLINK: ByPath,
    Type.SYMLINK: TwoPaths,
    Extension.POSIX_RENAME: TwoPaths,
    Extension.STATVFS: ByPath,
    Extension.FSTATVFS: ByHandle,
    Extension.HARDLINK: TwoPaths,
    Extension.FSYNC: ByHandle,
    Extension.LSETSTAT: SetByPath,
    Extension.LIMITS: Plain,
    Extension.EXPAND_PATH: ByPath,
    Extension.COPY_DATA: CopyData,
    Extension.HOME_DIRECTORY: ByPath,  # the string is a user name
    Extension.USERS_GROUPS: TwoPaths,  # the strings are lists of u32: user ids, group ids
}
TYPES: Final = {int(kind): kind for kind in Type}
EXTENSIONS: Final = {extension.encode(): extension for extension in Extension}


def decode_request(data: Octets) -> Request:
    """The request in a packet without its length.

    Raises:
        RemoteProtocolError: no request, truncated, a string too long, or octets after the last field.
    """
    src = Reader(data, "request", 1)
    kind = TYPES.get(data[0]) if data else None
    if kind is None:
        raise RemoteProtocolError(f"sftp request: unknown type {data[0] if data else 'none'}")
    if kind is Type.INIT:
        return Init.decode(kind, src)
    request = src.u32()
    if kind is Type.EXTENDED:
        name = src.string(NAME_OCTETS)
        known = EXTENSIONS.get(name)
        if known is None:
            return Unknown(kind, request, name, src.rest())
        return LAYOUTS[known].decode(known, request, src)
    layout = LAYOUTS.get(kind)
    if layout is None:
        raise RemoteProtocolError(f"sftp request: type {kind.name} is a response")
    return layout.decode(kind, request, src)
