"""Commands that move files: `scp -t`, `scp -f` and `rsync --server`, followed for the ledger.

Whoever may run commands runs them as he typed them. Whoever may only move files gets what the parse says, rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.errors import Refused
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.files import Permits
from gateway.fronts.ssh.ports import Connection, Spawn
from gateway.fronts.ssh.sftp import Follower
from gateway.policy.model import Channel, Obligations
from gateway.sftp import rsync, scp
from gateway.sftp.effects import DOWN, UP, Block, Effect, Ledger, ToClient, ToTarget
from gateway.sftp.ledger import DOWNLOAD, PARTIAL, FileEntry
from gateway.sftp.rsync import RsyncCommand
from gateway.sftp.rules import Rules
from gateway.sftp.scp import ScpCommand
from gateway.sftp.scp_stream import ScpStream

Moving = ScpCommand | RsyncCommand
PATHS_CHARACTERS: Final = 1000  # of the paths of one command, in the ledger


def nothing() -> None:
    """For who asks for nothing anew."""


def moving(command: str) -> Moving | None:
    """`command` when it is known to move files and to do nothing else."""
    return scp.parse(command) or rsync.parse(command)


def _needed(moved: Moving) -> tuple[Channel, ...]:
    """What must be permitted for it, to somebody who may not run commands."""
    channel = Channel.SFTP_READ if moved.way == DOWNLOAD else Channel.SFTP_WRITE
    deletes = isinstance(moved, RsyncCommand) and moved.deletes
    return (channel, Channel.SFTP_DELETE) if deletes else (channel,)


def _check(moved: Moving, obligations: Obligations) -> None:
    """Whether it may run where files are bound to paths or held: their paths would not be checked by anybody.

    Raises:
        Refused: SFTP has to be used.
    """
    held = obligations.file_hold and moved.way != DOWNLOAD
    if obligations.file_paths is not None or held:
        raise Refused("by_sftp", texts.FILES_BY_SFTP)


@dataclass(frozen=True, slots=True)
class Arranged:
    """A command that may run.

    Attributes:
        command: for the target.
        follower: of the files that it moves; None when it is not known to move any.
        used: to be told that octets passed.
    """

    command: str
    follower: Follower | None = None
    used: Callable[[], None] = nothing


async def arranged(connection: Connection, command: str, spawn: Spawn) -> Arranged:
    """What of `command` may run, and how it is followed.

    Raises:
        Refused: nothing.
    """
    moved = moving(command)
    if moved is None or connection.allowed(Channel.EXEC):
        await connection.permit(Channel.EXEC)
        if moved is None:
            return Arranged(command)
        everything = Rules(True, True, True, True, True, copy=connection.obligations.file_copy)
        return Arranged(command, _follower(moved, everything, _unasked))
    _check(moved, connection.obligations)
    for channel in _needed(moved):
        await connection.permit(channel)
    permits = Permits(connection, spawn)
    follower = _follower(moved, await permits.ask(), permits.words)
    if isinstance(follower, ScpStream):
        permits.on_rules = partial(setattr, follower, "rules")
    return Arranged(moved.rebuild(), follower, permits.used)


def _follower(moved: Moving, rules: Rules, words: Callable[[str, str], str]) -> ScpStream | Counted:
    return ScpStream(moved, rules, words) if isinstance(moved, ScpCommand) else Counted(moved, copy=rules.copy)


def _unasked(permission: str, path: str) -> str:  # noqa: ARG001 - nothing is refused to who may run commands
    return texts.UNAVAILABLE


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
        return (Ledger(FileEntry(1, way, paths, octets, (), "", True, PARTIAL, texts.FILES_STREAM)),)

    def _block(self, way: int, data: bytes) -> Block:
        offset = self._octets[way]
        self._octets[way] += len(data)
        return Block(1, way, offset, len(data), data if self._copy else b"")
