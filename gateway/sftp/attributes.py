"""ATTRS (draft-ietf-secsh-filexfer-02 section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.sftp.packets import U32, U64, Reader, string

EXTENDED_PAIRS: Final = 64  # of one ATTRS; nobody is known to send any


class Has(IntEnum):
    """Which fields follow, as bits of an int."""

    SIZE = 0x00000001
    UIDGID = 0x00000002
    PERMISSIONS = 0x00000004
    ACMODTIME = 0x00000008
    EXTENDED = 0x80000000


KNOWN: Final = Has.SIZE | Has.UIDGID | Has.PERMISSIONS | Has.ACMODTIME | Has.EXTENDED
FILE_TYPE: Final = 0o170000
LINK: Final = 0o120000
DIRECTORY: Final = 0o040000
REGULAR: Final = 0o100000


@dataclass(frozen=True, slots=True)
class Attributes:
    """Fields that are None are not in it. Times are seconds since 1970; `owner` is (uid, gid), `times` (atime, mtime).

    INVARIANT: `extended` is None when the flag is not set, which is not the same as no pairs.
    """

    size: int | None = None
    owner: tuple[int, int] | None = None
    permissions: int | None = None
    times: tuple[int, int] | None = None
    extended: tuple[tuple[bytes, bytes], ...] | None = None

    @property
    def link(self) -> bool:
        return self.permissions is not None and self.permissions & FILE_TYPE == LINK

    def encode(self) -> bytes:
        flags = 0
        parts = []
        if self.size is not None:
            flags |= Has.SIZE
            parts.append(U64.pack(self.size))
        if self.owner is not None:
            flags |= Has.UIDGID
            parts += map(U32.pack, self.owner)
        if self.permissions is not None:
            flags |= Has.PERMISSIONS
            parts.append(U32.pack(self.permissions))
        if self.times is not None:
            flags |= Has.ACMODTIME
            parts += map(U32.pack, self.times)
        if self.extended is not None:
            flags |= Has.EXTENDED
            parts.append(U32.pack(len(self.extended)))
            parts += (string(text) for pair in self.extended for text in pair)
        return U32.pack(flags) + b"".join(parts)

    @classmethod
    def decode(cls, src: Reader) -> Attributes:
        """Read them from `src`, which may go on after them.

        Raises:
            RemoteProtocolError: truncated, or fields of another version of the protocol.
        """
        flags = src.u32()
        if flags & ~KNOWN:
            raise src.fail(f"attribute flags {flags:#x}, of which version 3 knows {KNOWN:#x}")
        size = src.u64() if flags & Has.SIZE else None
        owner = (src.u32(), src.u32()) if flags & Has.UIDGID else None
        permissions = src.u32() if flags & Has.PERMISSIONS else None
        times = (src.u32(), src.u32()) if flags & Has.ACMODTIME else None
        extended = None
        if flags & Has.EXTENDED:
            count = src.u32()
            if count > EXTENDED_PAIRS:
                raise src.fail(f"{count} extended attributes, {EXTENDED_PAIRS} at most")
            extended = tuple((src.string(), src.string()) for _ in range(count))
        return cls(size, owner, permissions, times, extended)

    def facts(self) -> dict[str, object]:
        """For a note: what is set, by name."""
        named: dict[str, object] = {
            "size": self.size,
            "permissions": None if self.permissions is None else oct(self.permissions & 0o7777),
        }
        if self.owner is not None:
            named["uid"], named["gid"] = self.owner
        if self.times is not None:
            named["atime"], named["mtime"] = self.times
        return {name: value for name, value in named.items() if value is not None}
