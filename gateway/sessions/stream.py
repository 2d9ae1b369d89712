"""One channel of a connection: what is about to pass is recorded first. Tap, pause gate and end sit here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from gateway.errors import RecorderFailed
from gateway.recording.tape import Tape
from gateway.sessions import files
from gateway.sessions.live import Live
from gateway.sessions.model import RecorderStalled
from gateway.sessions.spool import Spool
from gateway.sftp.effects import UP
from gateway.sftp.ledger import UPLOAD, FileEntry

OUT: Final = "out"  # clipboard: from the target to the person


class Stream:
    """One channel: each call records first and says whether to deliver.

    `output` and `error` raise when nothing may be delivered: SessionEnded (drop it), or RecorderStalled (keep it,
    read no more, offer it again after `on_pause(False)`).
    """

    def __init__(self, live: Live, tape: Tape) -> None:
        self._live, self._tape = live, tape
        self._opened: dict[tuple[int, bool], datetime] = {}  # when the first of each file passed that is still open
        self._closed = False

    @property
    def number(self) -> int:
        return self._tape.stream

    def output(self, data: bytes) -> None:
        """Octets that the person is about to see."""
        self._record(lambda: self._tape.output(data))

    def error(self, data: bytes) -> None:
        """Octets of stderr that the person is about to see."""
        self._record(lambda: self._tape.error(data))

    def typed(self, data: bytes) -> bool:
        """Keys: True, deliver at once; False, they are gone for good (paused, ended or not recordable)."""
        return self._input(data, self._tape.typed, discard=True)

    def stdin(self, data: bytes) -> bool:
        """Standard input of a command: True, deliver at once; False, not now: keep it, read no more, and offer it
        again after `on_pause(False)`."""
        return self._input(data, self._tape.stdin, discard=False)

    def _input(self, data: bytes, record: Callable[[bytes], None], *, discard: bool) -> bool:
        if self._live.pauses and discard and self._runs():
            self._live.discard(self._tape, len(data))
        return self._passes(lambda: record(data))

    def _passes(self, record: Callable[[], None], *, his: bool = True) -> bool:
        """Towards the target, or what waits in a pause like it: recorded now and True, or not at all.

        Args:
            his: the person did it, so that he is not idle.
        """
        if not self._runs(his=his) or self._live.pauses:
            return False
        try:
            record()
        except RecorderFailed:
            self._live.recorder_failed()
            return False
        return True

    def _runs(self, *, his: bool = True) -> bool:
        """Whether the session runs; `his`: the person did something."""
        try:
            self._live.gate()
        except RecorderFailed:
            return False
        if his:
            self._live.typed()
        return True

    # --- files and forwards: they wait in a pause, and nothing of them is dropped

    def asked(self, note: Mapping[str, object]) -> bool:
        """A request about files, for the target: True, deliver; False, not now: keep it, read no more, and offer it
        again after `on_pause(False)`."""
        return self._passes(lambda: self._tape.file({**note, "of": "request"}))

    def answered(self, note: Mapping[str, object]) -> None:
        """A result about files, for the person; raises as `output` does, and RecorderStalled in a pause, too."""
        self._record(lambda: self._tape.file({**note, "of": "result"}), waits=True)

    def block(self, file: int, way: int, offset: int, length: int, content: bytes = b"") -> bool:
        """A part of file `file` that is about to pass: up (1) as `asked`; down (0) True, or raises as `answered`."""
        up = way == UP
        if (file, up) not in self._opened:
            self._opened[file, up] = self._live.clock.now()
        if up:
            return self._passes(lambda: self._tape.block(file, way, offset, length, content))
        self._record(lambda: self._tape.block(file, way, offset, length, content), waits=True, his=True)
        return True

    def filed(self, entry: FileEntry, spool: Spool | None = None) -> None:
        """A file is closed, or its session is: its entry goes into the recording and the ledger, in a pause, too.

        A held file is told of with the spool that keeps it, once it is kept.
        Call it from `on_end` for each file that is open then: the recording is sealed right after.
        """
        live, closed = self._live, self._live.clock.now()
        opened = self._opened.pop((entry.number, entry.way == UPLOAD), closed)
        passed = files.passed(entry, live.session, self.number, opened, closed, spool.id if spool else None)
        try:
            self._tape.file(files.told(passed))
        except RecorderFailed:
            live.recorder_failed()
        live.filed(passed)

    def carried(self, to_person: int, to_target: int) -> bool:
        """A chunk of a forward, so many octets long in its direction; as `asked`. What comes from the target is output:
        a service that chatters keeps nobody from being idle."""
        return self._passes(lambda: self._tape.carried(to_person, to_target), his=to_target > 0)

    # --- a desktop

    def shown(self, *pdus: bytes) -> None:
        """Whole PDUs that the person's client is about to get: all are recorded, or none; raises as `output` does."""
        self._record(lambda: self._tape.shown(*pdus))

    def pressed(self, events: bytes) -> bool:
        """Key events, as `typed`; nobody can ever read them."""
        return self._input(events, self._tape.pressed, discard=True)

    def pointed(self, events: bytes) -> bool:
        """Pointer events, as `typed`, but recorded in the clear."""
        return self._input(events, self._tape.pointed, discard=True)

    def stirred(self) -> None:
        """The person who may only watch is there (C46): nothing of it goes to the target, and he is not idle."""
        with contextlib.suppress(RecorderFailed):
            self._live.gate()
            self._live.typed()

    def clipboard(self, direction: str, text: str) -> bool:
        """Clipboard text in `direction`, `in` or `out`: True, let it pass; False, drop it.

        Text for the target is the person's input, and like it gone in a pause.
        """
        live = self._live
        try:
            live.gate()
        except RecorderFailed:
            return False
        if direction != OUT:
            live.typed()
            if live.pauses:
                return False
        try:
            self._tape.clipboard(direction, text)
        except RecorderFailed:
            live.recorder_failed()
            return False
        return True

    def desktop(self, width: int, height: int) -> None:
        """The desktop has this size from now on, in pixels; raises as `output` does."""
        self._record(lambda: self._tape.desktop(width, height))

    def repaint(self) -> None:
        """Call it before the target is asked to paint everything anew; raises as `output` does."""
        self._record(self._tape.repaint)

    def repainted(self) -> None:
        """Every pixel has been painted since `repaint`; raises as `output` does."""
        self._record(self._tape.repainted)

    def _record(self, write: Callable[[], None], *, waits: bool = False, his: bool = False) -> None:
        """
        Args:
            waits: not in a pause.
            his: the person asked for it, so that he is not idle.
        """
        self._live.gate()
        if waits and self._live.pauses:
            raise RecorderStalled("session is paused")
        if his:
            self._live.typed()
        try:
            write()
        except RecorderFailed:
            raise self._live.recorder_failed() from None

    # --- its end and the rest

    def signal(self, name: str) -> bool:
        """A signal for the target's program, e.g. `INT`: input like keys, and like them gone in a pause."""
        live = self._live
        try:
            live.gate()
        except RecorderFailed:
            return False
        live.typed()
        return not live.pauses and live.decision("signal", stream=self.number, signal=name)

    def resize(self, columns: int, rows: int) -> None:
        """The person's terminal has another size now."""
        self._record(lambda: self._tape.resize(columns, rows))

    def close(self, status: int | None = None, signal: str = "") -> None:
        """The channel is closed; harmless when the session is."""
        if self._closed or not self._live.running:
            return
        self._closed = True
        try:
            self._tape.close(status, signal)
        except RecorderFailed:
            self._live.recorder_failed()
