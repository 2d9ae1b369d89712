"""What the proxy asks of its shell, as values, to be carried out in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.sftp.ledger import FileEntry

DOWN: Final = 0  # from the target to the person
UP: Final = 1  # from the person to the target, or to the spool


@dataclass(frozen=True, slots=True)
class Block:
    """Octets of a file that are about to pass.

    Attributes:
        file: number of the file in this proxy, from 1.
        way: DOWN or UP.
        offset: in the file, octets, as the client asked.
        length: octets.
        content: the octets themselves when a copy is kept, else empty.
    """

    file: int
    way: int
    offset: int
    length: int
    content: bytes | memoryview = field(default=b"", repr=False)


Note = Mapping[str, object] | Block  # a request's or result's JSON facts, or a block


@dataclass(frozen=True, slots=True)
class ToTarget:
    """Whole packets for the target. When there is a note, the recording must hold it before `data` is delivered."""

    data: bytes = field(repr=False)
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class ToClient:
    """Whole packets for the client; `note` as in `ToTarget`."""

    data: bytes = field(repr=False)
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A file is done with: its entry."""

    entry: FileEntry


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was answered with a no. The answer to the client follows by itself.

    Attributes:
        kind: the permission that is missing (`sftp.write`…), `paths` or `unsupported`.
        path: as the client asked, printable; "" when the request has none.
        words: what the client was told.
    """

    kind: str
    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Held:
    """Something about a file in the spool. The recording must hold `note` before it is done; when it is, or cannot be,
    the shell calls `Proxy.spooled(key, words)`, with "" or with why."""

    key: int
    file: int
    note: Note


@dataclass(frozen=True, slots=True)
class HeldOpen(Held):
    """A file begins."""

    path: str


@dataclass(frozen=True, slots=True)
class HeldWrite(Held):
    """`data` at `offset`."""

    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeldTruncate(Held):
    """It has `size` octets from now on."""

    size: int


@dataclass(frozen=True, slots=True)
class HeldClose(Held):
    """The upload is done; `Ledger` with verdict `held` comes once the shell has called `Proxy.spooled`."""


@dataclass(frozen=True, slots=True)
class HeldRename(Held):
    """It shall be delivered as `path`."""

    path: str


@dataclass(frozen=True, slots=True)
class HeldRemove(Held):
    """It is not wanted any more."""


Effect = ToTarget | ToClient | Ledger | Refusal | Held
