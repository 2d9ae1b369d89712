"""Commands that move files: `scp -t`, `scp -f` and `rsync --server`, followed for the ledger.

Whoever may run commands runs them as he typed them. Whoever may only move files gets what the parse says, rebuilt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.errors import Refused
from gateway.fronts.ssh import texts
from gateway.policy.model import Channel, Obligations
from gateway.sftp import rsync, scp
from gateway.sftp.effects import DOWN, UP, Block, Effect, Ledger, ToClient, ToTarget
from gateway.sftp.ledger import DOWNLOAD, FileEntry
from gateway.sftp.rsync import RsyncCommand
from gateway.sftp.scp import ScpCommand

Moving = ScpCommand | RsyncCommand
PATHS_CHARACTERS: Final = 1000  # of the paths of one command, in the ledger


def moving(command: str) -> Moving | None:
    """`command` when it is known to move files and to do nothing else."""
    return None if command else scp.parse(command) or rsync.parse(command)


def needed(moved: Moving) -> tuple[Channel, ...]:
    """What must be permitted for it, to somebody who may not run commands."""
    channel = Channel.SFTP_READ if moved.way == DOWNLOAD else Channel.SFTP_WRITE
    deletes = isinstance(moved, RsyncCommand) and moved.deletes
    return (channel, Channel.SFTP_DELETE) if deletes else (channel,)


def check(moved: Moving, obligations: Obligations) -> None:
    """Whether it may run where files are bound to paths or held: their paths would not be checked by anybody.

    Raises:
        Refused: SFTP has to be used.
    """
    held = obligations.file_hold and moved.way != DOWNLOAD
    if obligations.file_paths is not None or held:
        raise Refused("by_sftp", texts.FILES_BY_SFTP)


def follower(moved: Moving, obligations: Obligations) -> Counted:
    return Counted(moved, copy=obligations.file_copy)


class Counted:
    """Follows a stream that nobody looks into: octets each way, and one entry in the end."""

    full = False

    def __init__(self, moved: Moving, *, copy: bool) -> None:
        self._moved, self._copy = moved, copy
        self._octets = [0, 0]
        self._closed = False

    def from_client(self, data: bytes) -> Sequence[Effect]:
        return (ToTarget(data, self._block(UP, data)),)

    def from_target(self, data: bytes) -> Sequence[Effect]:
        return (ToClient(data, self._block(DOWN, data)),)

    def closed(self) -> Sequence[Effect]:
        if self._closed:
            return ()
        self._closed = True
        way, paths = self._moved.way, " ".join(self._moved.paths)[:PATHS_CHARACTERS]
        octets = self._octets[DOWN if way == DOWNLOAD else UP]
        return (Ledger(FileEntry(1, way, paths, octets, (), "", True, "partial", texts.FILES_STREAM)),)

    def _block(self, way: int, data: bytes) -> Block:
        offset = self._octets[way]
        self._octets[way] += len(data)
        return Block(1, way, offset, len(data), data if self._copy else b"")
