"""Between a client that moves files and the target: what a follower (`gateway.sftp`) makes of each side's octets is
carried out here, in its order.

INVARIANT: octets are delivered only after the recording has what they carry; until it has, neither side is read.
INVARIANT: in a pause nothing flows, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import asyncssh
import structlog

from gateway import limits
from gateway.errors import RecorderFailed, RemoteProtocolError
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.holding import Holding
from gateway.fronts.ssh.ports import Stream
from gateway.fronts.ssh.relay import STDERR, Exit, Relay, Side
from gateway.fronts.ssh.valve import Valve
from gateway.sftp.effects import Block, Effect, Held, Ledger, Note, Refusal, ToClient, ToTarget
from gateway.sftp.ledger import PARTIAL, PASSED, FileEntry
from gateway.sftp.proxy import Proxy

log = structlog.get_logger()


class Follower(Protocol):
    """Pure: what has to happen because of octets of either side, in order. Raises RemoteProtocolError."""

    @property
    def full(self) -> bool: ...
    def from_client(self, data: bytes, /) -> Sequence[Effect]: ...
    def from_target(self, data: bytes, /) -> Sequence[Effect]: ...
    def closed(self) -> Sequence[Effect]: ...


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom a relay tells.

    Attributes:
        used: octets came: what is permitted may have to be asked anew.
        refused: an operation was refused.
        held: an upload waits for its delivery; the words for the person.
        broken: a side breaks the protocol or is silent: the channel has to end with these words.
        over: the target's side is gone, and everything it sent was passed on.
    """

    used: Callable[[], None]
    refused: Callable[[Refusal], None]
    held: Callable[[str], None]
    broken: Callable[[str], None]
    over: Callable[[Exit, Exception | None], None]


@dataclass(frozen=True, slots=True)
class Complaint:
    """Standard error of the target's program."""

    data: bytes


class FileRelay(Relay):
    """The target's session, joined to the client's channel through a follower.

    Args:
        holding: of SFTP: where uploads go that wait for a delivery. Its requests all have answers, so that a target
            that stays silent is given up.
    """

    def __init__(
        self,
        client: asyncssh.SSHServerChannel[bytes],
        valve: Valve,
        stream: Stream,
        follower: Follower,
        reports: Reports,
        holding: Holding | None = None,
    ) -> None:
        super().__init__(client, valve, stream, terminal=False, on_output=_nobody, on_over=reports.over)
        self._follower, self._reports, self._holding = follower, reports, holding
        self._answers = holding is not None
        if holding is not None:
            holding.on_done = self._held
        self._effects: deque[Effect | Complaint] = deque()
        self._settled = self._eof_passed = self._carrying = False
        self._filed: set[int] = set()  # numbers of files that have their line in the ledger
        self._unanswered, self._looks = False, 0  # looks since the target was asked and has said nothing
        self._watch: asyncio.TimerHandle | None = None

    # --- a side has said something

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        super().connection_made(chan)
        if self._answers:
            self._look_later()

    def from_client(self, data: bytes) -> None:
        self._take(self._follower.from_client, data, texts.FILES_CLIENT)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._unanswered = False
        if datatype == STDERR:
            self._effects.append(Complaint(data))
            self._carry_out()
        else:
            self._take(self._follower.from_target, data, texts.FILES_TARGET)

    def _take(self, follow: Callable[[bytes], Sequence[Effect]], data: bytes, words: str) -> None:
        if self._cut:
            return
        self._reports.used()
        broken = False
        try:
            self._effects.extend(follow(data))
        except RemoteProtocolError as error:
            log.warning("One side of a file transfer broke the protocol", error=str(error))
            broken = True
        self._carry_out()
        if broken and not self._cut:
            self._reports.broken(words)

    def client_eof(self) -> None:
        self._client_eof = True
        self._pass_ends()

    def eof_received(self) -> bool:
        self._target_eof = True
        self._pass_ends()
        return True

    # --- in order

    def _carry_out(self) -> None:
        """As far as it goes; while something waits, for the recording or for the end of a pause, nobody is read."""
        client, target = list[bytes](), list[bytes]()
        self._carrying = True
        while self._effects and not self._paused and not self._cut:
            effect = self._effects[0]
            if isinstance(effect, Ledger):
                self._effects.popleft()  # whoever ends the session because of it finds what is left
                self._file(effect.entry)
            elif not self._carry(effect, client, target):
                break
            elif self._effects:
                self._effects.popleft()
        self._carrying = False
        if not self._cut:
            self._deliver(client, target)
            self._pass_ends()
            self._valves()

    def _carry(self, effect: Effect | Complaint, client: list[bytes], target: list[bytes]) -> bool:
        """Record it, and put its octets where they belong. False: not now."""
        try:
            match effect:
                case ToTarget(data, note):
                    if note is not None and not self._record_up(note):
                        return False
                    target.append(data)
                case ToClient(data, note):
                    if note is not None:
                        self._record_down(note)
                    client.append(data)
                case Complaint(data):
                    self._stream.error(data)
                    self._write_client(data, STDERR)
                case Refusal():
                    self._reports.refused(effect)
                case Ledger():
                    raise AssertionError("a line of the ledger is not carried")
                case Held(note=note):
                    if not self._record_up(note):
                        return False
                    if self._holding is not None:
                        self._holding.carry(effect)
        except RecorderFailed:
            return False
        return True

    def _held(self, key: int, words: str) -> None:
        """A held file took what it was given, or the client reads why not."""
        if isinstance(self._follower, Proxy) and not self._cut:
            self._effects.extend(self._follower.spooled(key, words))
            if not self._carrying:
                self._carry_out()

    def _file(self, entry: FileEntry) -> None:
        spool = None
        if self._holding is not None:
            entry, spool = self._holding.told(entry)
        if spool is not None:
            self._filed.add(entry.number)
            self._reports.held(entry.words)
        self._stream.filed(entry, spool)

    def _record_up(self, note: Note) -> bool:
        if isinstance(note, Block):
            return self._stream.block(note.file, note.way, note.offset, note.length, bytes(note.content))
        return self._stream.asked(note)

    def _record_down(self, note: Note) -> None:
        if isinstance(note, Block):
            self._stream.block(note.file, note.way, note.offset, note.length, bytes(note.content))
        else:
            self._stream.answered(note)

    def _deliver(self, client: list[bytes], target: list[bytes]) -> None:
        if target and self._target is not None:
            self._unanswered = True
            with contextlib.suppress(OSError):  # the target closed its channel in this moment
                self._target.write(b"".join(target))
        if client:
            self._write_client(b"".join(client), None)

    def _write_client(self, data: bytes, datatype: int | None) -> None:
        with contextlib.suppress(OSError):  # the client closed its channel in this moment
            self._client.write(data, datatype)

    def _pass_ends(self) -> None:
        """Each side's end goes after everything that it said."""
        if self._effects or self._paused or self._cut:
            return
        if self._client_eof and self._target is not None and not self._eof_passed:
            self._eof_passed = True
            self._target.write_eof()
        if self._target_eof and (self._client_eof or not self._answers):  # else words may follow
            self._client.write_eof()
        if self._target is None and self._gone:
            self._finish(None)

    # --- flow

    def _valves(self) -> None:
        for why, shut in ((Side.UNRECORDED, bool(self._effects)), (Side.BUSY, self._follower.full)):
            if shut:
                self._from_client.shut(why)
            else:
                self._from_client.open(why)
        self._target_valve(Side.UNRECORDED, shut=bool(self._effects))

    def client_full(self, full: bool) -> None:
        """A client that takes no answers is not asked for more questions: some are answered here."""
        super().client_full(full)
        if full:
            self._from_client.shut(Side.ANSWERS)
        else:
            self._from_client.open(Side.ANSWERS)

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if paused:
            self._from_client.shut(Side.PAUSED)
            self._target_valve(Side.PAUSED, shut=True)
            return
        self._carry_out()
        self._target_valve(Side.PAUSED, shut=False)
        self._from_client.open(Side.PAUSED)

    # --- a target that is silent

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(limits.FILE_ANSWER.total_seconds() / 2, self._look)

    def _look(self) -> None:
        unread = self._from_target is None or self._from_target.shut_now
        self._looks = self._looks + 1 if self._unanswered and not unread else 0
        if self._looks > 1:
            self._reports.broken(texts.FILES_SILENT)
        else:
            self._look_later()

    # --- its end

    def cut(self) -> None:
        self._cut = True
        self._settle()
        super().cut()

    def client_gone(self) -> None:
        self._cut = True
        self._settle()
        super().client_gone()

    def _finish(self, exc: Exception | None) -> None:
        if self._over or (self._effects and not self._cut):
            return
        self._settle()
        self._exit.unasked = self._answers and not self._client_eof and not self._cut
        super()._finish(exc)

    def _settle(self) -> None:
        """The last entries of the ledger; what waited was not delivered, and is not said to have been."""
        if self._settled:
            return
        self._settled = True
        if self._watch is not None:
            self._watch.cancel()
        waited, undelivered = list(self._effects), False
        self._effects.clear()
        with contextlib.suppress(RecorderFailed):
            for effect in (*waited, *self._follower.closed()):
                undelivered = undelivered or isinstance(effect, ToTarget | ToClient)
                if isinstance(effect, Ledger):
                    self._file(cut_short(effect.entry) if undelivered else effect.entry)
        if self._holding is not None:
            self._holding.close(self._filed)


def cut_short(entry: FileEntry) -> FileEntry:
    """The entry of a file whose last octets were taken and never delivered."""
    if entry.verdict != PASSED:
        return entry
    return replace(entry, sha256="", partial=True, verdict=PARTIAL, words=texts.FILES_CUT)


def _nobody(_: bytes) -> None:
    """Output of files is nobody's screen."""
