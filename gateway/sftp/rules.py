"""What one person may do with the files of a target. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CHANGES: Final = (
    "Uploads to this target are held until somebody delivers them, so files there cannot be changed past that."
)


class Permission(StrEnum):
    """The channel permissions that an SFTP request may need; the words are those of `policy.model.Channel`."""

    READ = "sftp.read"
    WRITE = "sftp.write"
    DELETE = "sftp.delete"
    RENAME = "sftp.rename"
    MKDIR = "sftp.mkdir"
    PATHS = "paths"  # not a channel: the path lies outside of what `Rules.paths` names
    HOLD = "hold"  # not a channel: it would change the target past the spool
    UNSUPPORTED = "unsupported"  # not a channel: a request that the gateway does not carry


@dataclass(frozen=True, slots=True)
class Rules:
    """What is permitted at the moment.

    Attributes:
        paths: absolute paths under which everything must lie; None for whatever the account reaches.
        copy: the content of what passes is kept in the recording.
        hold: an upload does not reach the target; it goes to the gateway's spool (effects `Held…`).
    """

    read: bool = False
    write: bool = False
    delete: bool = False
    rename: bool = False
    mkdir: bool = False
    paths: tuple[str, ...] | None = None
    copy: bool = False
    hold: bool = False

    def allows(self, permission: Permission) -> bool:
        match permission:
            case Permission.READ:
                return self.read
            case Permission.WRITE:
                return self.write
            case Permission.DELETE:
                return self.delete
            case Permission.RENAME:
                return self.rename
            case Permission.MKDIR:
                return self.mkdir
            case _:
                return False

    @property
    def any(self) -> bool:
        """Whether there is one permission at all: listing, stat and the like need no more."""
        return self.read or self.write or self.delete or self.rename or self.mkdir
