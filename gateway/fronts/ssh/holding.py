"""Uploads that wait for somebody else's delivery (C62): into the gateway's spool, and from there to the target.

INVARIANT: nothing of a held upload goes to the target before somebody delivered it, and then all of it or nothing:
it is written beside its place and takes it in one step.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import asyncssh
import structlog

from gateway import limits
from gateway.errors import GatewayError, Refused
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.ports import Connection, Spawn, Stream
from gateway.fronts.ssh.target import TargetLink
from gateway.limits import KILL_LIMIT
from gateway.policy.model import lies_in
from gateway.sessions import texts as session_texts
from gateway.sessions.files import Line
from gateway.sessions.spool import Spool
from gateway.sftp.effects import (
    UP,
    Held,
    HeldClose,
    HeldOpen,
    HeldRemove,
    HeldRename,
    HeldTruncate,
    HeldWrite,
)
from gateway.sftp.ledger import HELD, FileEntry

log = structlog.get_logger()

CHUNK: Final = 32 << 10  # octets written to the target at once
BESIDE: Final = ".sluicegate-{id}"  # the name of a delivery that is under way


class Holding:
    """What one channel uploads while `file_hold` is obliged.

    Attributes:
        on_done: told of each effect that was carried out, by its key; with words when it could not be.
    """

    def __init__(self, connection: Connection, spawn: Spawn) -> None:
        self._connection, self._spawn = connection, spawn
        self._spools: dict[int, Spool] = {}
        self._kept: dict[int, str] = {}  # digests
        self._turns = defaultdict[int, asyncio.Lock](asyncio.Lock)
        self._closed = False
        self.on_done: Callable[[int, str], None] = _nobody

    def carry(self, effect: Held) -> None:
        """Begin it; `on_done` is called when it is done, which may be before this returns."""
        try:
            match effect:
                case HeldOpen():
                    self._spools[effect.file] = self._connection.spool()
                case HeldWrite():
                    self._spools[effect.file].write(effect.offset, effect.data)
                case HeldTruncate():
                    self._spools[effect.file].truncate(effect.size)
                case HeldClose() | HeldRename() | HeldRemove():
                    self._spawn(self._later(effect))
                    return
        except Refused as refused:
            self.on_done(effect.key, refused.words)
        except (GatewayError, KeyError):
            self.on_done(effect.key, texts.UNAVAILABLE)
        else:
            self.on_done(effect.key, "")

    async def _later(self, effect: HeldClose | HeldRename | HeldRemove) -> None:
        """What is asked about one file is done in the order of asking."""
        async with self._turns[effect.file]:
            words = await self._done(effect)
            if not self._closed:
                self.on_done(effect.key, words)

    async def _done(self, effect: HeldClose | HeldRename | HeldRemove) -> str:
        """Why it could not be done; empty when it was."""
        try:
            spool = self._spools[effect.file]
            match effect:
                case HeldClose():
                    self._kept[effect.file] = await spool.keep()
                case HeldRename(path=path) if effect.file in self._kept:
                    await self._connection.rename_held(spool.id, path)
                case HeldRemove() if effect.file in self._kept:
                    await self._connection.remove_held(spool.id)
                case HeldRemove():
                    spool.remove()
                case _:
                    pass
        except Refused as refused:
            return refused.words
        except (GatewayError, KeyError):
            return texts.UNAVAILABLE
        return ""

    def told(self, entry: FileEntry) -> tuple[FileEntry, Spool | None]:
        """The entry of a held file, with what keeps it; of any other as it is."""
        spool, digest = self._spools.get(entry.number), self._kept.get(entry.number)
        if entry.verdict != HELD or spool is None or digest is None:
            return entry, None
        whole = ((0, spool.size),) if spool.size else ()
        words = entry.words or session_texts.HELD
        return replace(entry, octets=spool.size, ranges=whole, sha256=digest, partial=False, words=words), spool

    def close(self, filed: set[int]) -> None:
        """The channel is gone: what has no line in the ledger (`filed` have) is not kept."""
        self._closed = True
        for number in list(self._spools):
            if number not in filed:
                self._spools.pop(number).remove()
            else:
                self._spools[number].close()


class Deliveries:
    """Brings what was delivered to the target, one file after the other, as long as the session runs."""

    def __init__(self, connection: Connection, link: TargetLink, spawn: Spawn) -> None:
        self._connection, self._link, self._spawn = connection, link, spawn
        self._busy = self._again = False

    def look(self) -> None:
        """Something may have been delivered, or may go on."""
        self._again = True
        if not self._busy:
            self._busy = True
            self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                for line in await self._connection.cleared():
                    await self._try(line)
        except GatewayError as error:
            log.warning("Deliveries could not be looked at", error=str(error))
        finally:
            self._busy = False

    async def _try(self, line: Line) -> None:
        """What fails is tried again when something happens: another delivery, the end of a pause, a connection."""
        try:
            await self._bring(line)
        except (GatewayError, OSError, asyncssh.Error) as error:
            log.warning("A delivered file did not reach its target", file=line.passed.id, error=str(error))

    async def _bring(self, line: Line) -> None:
        target, path = await self._link.opened(), line.passed.path
        spool = await self._connection.take(line.passed.id)
        try:
            about = {"file": line.passed.id, "path": path, "sha256": line.passed.sha256}
            stream = self._connection.open_stream("delivery", about, None)
            try:
                async with asyncio.timeout(_patience()) as limit:
                    sftp = await target.start_sftp_client()
                    try:
                        await self._put(sftp, stream, spool, line, limit)
                    finally:
                        sftp.exit()
            finally:
                stream.close(None)
        finally:
            spool.close()
        await self._connection.delivered(line.passed.id)

    async def _put(
        self, sftp: asyncssh.SFTPClient, stream: Stream, spool: Spool, line: Line, limit: asyncio.Timeout
    ) -> None:
        """`limit` begins anew with each part.

        Raises:
            Refused: it lies outside of what the policy names, or the session is paused or over.
        """
        path = line.passed.path
        folder = posixpath.dirname(path) or "/"
        within = self._connection.obligations.file_paths
        real = str(await sftp.realpath(folder))
        if within is not None and not any(lies_in(real, one) for one in within):
            raise Refused("paths", texts.file_paths(within))
        beside = posixpath.join(folder, BESIDE.format(id=line.passed.id))
        file, at = None, 0
        try:
            file = await sftp.open(beside, "wb")
            while part := spool.read(at, CHUNK):
                if not stream.block(line.passed.number, UP, at, len(part)):
                    raise Refused("paused", session_texts.PAUSED_NOW)
                await file.write(part)
                at += len(part)
                limit.reschedule(asyncio.get_running_loop().time() + _patience())
            await file.close()
            if not stream.asked({"op": "deliver", "path": path, "sha256": line.passed.sha256}):
                raise Refused("paused", session_texts.PAUSED_NOW)
            await sftp.posix_rename(beside, path)
        except BaseException:
            await _without(sftp, file, beside)
            raise


def deliver_held(connection: Connection, link: TargetLink, spawn: Spawn) -> None:
    """From now on, where uploads wait for their delivery."""
    if connection.obligations.file_hold:
        deliveries = Deliveries(connection, link, spawn)
        connection.on_cleared = deliveries.look
        deliveries.look()


async def _without(sftp: asyncssh.SFTPClient, file: asyncssh.SFTPClientFile | None, path: str) -> None:
    """Not for long: a target that is silent does not answer this either."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(KILL_LIMIT.total_seconds()):
            with contextlib.suppress(OSError, asyncssh.Error):
                if file is not None:
                    await file.close()
            with contextlib.suppress(OSError, asyncssh.Error):
                await sftp.remove(path)


def _patience() -> float:
    return limits.FILE_ANSWER.total_seconds()


def _nobody(_: int, __: str) -> None:
    """A channel whose follower does not listen yet."""
