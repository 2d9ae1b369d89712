"""Which permission a request needs, and what its paths mean. Tables and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.sftp.files import WRITES
from gateway.sftp.gate import Look
from gateway.sftp.messages import Extension, Kind, Open, Query
from gateway.sftp.packets import OpenFlags, Type
from gateway.sftp.rules import Permission, Rules

NEEDS: Final[Mapping[Kind, Permission]] = MappingProxyType(
    {
        Type.SETSTAT: Permission.WRITE,
        Type.FSETSTAT: Permission.WRITE,
        Extension.LSETSTAT: Permission.WRITE,
        Type.SYMLINK: Permission.WRITE,
        Extension.HARDLINK: Permission.WRITE,
        Type.REMOVE: Permission.DELETE,
        Type.RMDIR: Permission.DELETE,
        Type.RENAME: Permission.RENAME,
        Extension.POSIX_RENAME: Permission.RENAME,
        Type.MKDIR: Permission.MKDIR,
    }
)  # OPEN and copy-data need what they do; everything else needs any permission at all
LOOKS: Final[Mapping[Kind, tuple[Look, ...]]] = MappingProxyType(
    {
        Type.OPEN: (Look.FOLLOW,),
        Type.LSTAT: (Look.ITSELF,),
        Type.STAT: (Look.FOLLOW,),
        Type.SETSTAT: (Look.FOLLOW,),
        Type.OPENDIR: (Look.FOLLOW,),
        Type.REMOVE: (Look.BELOW,),
        Type.MKDIR: (Look.ITSELF,),
        Type.RMDIR: (Look.BELOW,),
        Type.REALPATH: (Look.MAYBE,),
        Type.RENAME: (Look.BELOW, Look.BELOW),
        Type.READLINK: (Look.ITSELF,),
        Extension.POSIX_RENAME: (Look.BELOW, Look.BELOW),
        Extension.STATVFS: (Look.FOLLOW,),
        Extension.LSETSTAT: (Look.ITSELF,),
    }
)
LINKS: Final = frozenset({Type.SYMLINK, Extension.HARDLINK})
UNRESTRICTED: Final = frozenset({Extension.EXPAND_PATH, Extension.HOME_DIRECTORY})  # they tell of what lies outside
VERSIONS: Final[Mapping[Extension, bytes]] = MappingProxyType(
    {e: b"2" if e in (Extension.STATVFS, Extension.FSTATVFS) else b"1" for e in Extension}
)  # that are carried (OpenSSH PROTOCOL section 4)


def missing(rules: Rules, message: Query) -> Permission | None:
    """What `message` needs and `rules` do not give; None when nothing is missing."""
    kind = message.kind
    if isinstance(message, Open):
        reads = message.flags & OpenFlags.READ or not message.flags & WRITES
        if reads and not rules.read:
            return Permission.READ
        return Permission.WRITE if message.flags & WRITES and not rules.write else None
    if kind is Extension.COPY_DATA:
        return Permission.WRITE if not rules.write else Permission.READ if not rules.read else None
    need = NEEDS.get(kind)
    if need is not None:
        return None if rules.allows(need) else need
    return None if rules.any else Permission.READ


def carried(rules: Rules, message: Query) -> Permission | None:
    """Why a request is not carried at all at the moment; None when it is."""
    kind = message.kind
    if kind is Type.EXTENDED:
        return Permission.UNSUPPORTED
    if kind in LINKS:
        return Permission.PATHS if rules.paths is not None else Permission.HOLD if rules.hold else None
    if kind in UNRESTRICTED and rules.paths is not None:
        return Permission.UNSUPPORTED
    seen = rules.paths is not None or rules.copy or rules.hold
    return Permission.UNSUPPORTED if kind is Extension.COPY_DATA and seen else None


def offered(rules: Rules, pairs: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Of a target's extensions those that the client is told of: known ones, in the version known."""
    known = {e.encode(): (e, version) for e, version in VERSIONS.items()}
    told = []
    for name, version in pairs:
        extension, expected = known.get(name, (None, b""))
        if extension is None or version != expected:
            continue
        hidden = extension in UNRESTRICTED and rules.paths is not None
        if extension is Extension.COPY_DATA or hidden or (extension in LINKS and rules.paths is not None):
            continue  # copy-data moves content that the gateway does not see: whoever asks has to ask unasked
        told.append((name, version))
    return tuple(told)
