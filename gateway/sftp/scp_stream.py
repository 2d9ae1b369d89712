"""Follows the rcp protocol that `scp -t` and `scp -f` speak, in step, so that nothing passes unread.

The source sends lines (`C0644 size name`, `D0755 0 name`, `E`, `Tmtime 0 atime 0`, or \\1 and \\2 with words), after a
`C` the content and a status; the sink answers each but words with a NUL, or \\1 or \\2 with words. There is no
specification; this is what OpenSSH's scp.c (`source`, `sink`, `response`) does.
INVARIANT: what the source sends after something that has an answer waits here until the sink gave it. A source that
runs ahead cannot make the gateway take for content what the sink takes for a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_PATH_OCTETS, SFTP_PATH_PARTS
from gateway.sftp import paths
from gateway.sftp.effects import DOWN, UP, Block, Effect, Ledger, Note, Refusal, ToClient, ToTarget
from gateway.sftp.files import refused_entry
from gateway.sftp.ledger import DOWNLOAD, UPLOAD, FileLedger, Room
from gateway.sftp.packets import OpenFlags
from gateway.sftp.rules import Permission, Rules
from gateway.sftp.scp import ScpCommand

LINE_OCTETS: Final = SFTP_PATH_OCTETS + 64  # of a line: a name, a mode and a size
AHEAD_OCTETS: Final = 4 << 20  # that may wait for the sink: what was on its way when it was not read any more
ENTRY: Final = re.compile(rb"([CD])([0-7]{4,6}) (\d{1,19}) ([^\n]+)")
TIMES: Final = re.compile(rb"T\d{1,19} \d{1,9} \d{1,19} \d{1,9}")
HELD_BY_SFTP: Final = (
    "Uploads to this target are held until somebody delivers them. Please use sftp, or scp without -O."
)


class Step(Enum):
    """What the source sends next."""

    ANSWER = auto()  # nothing, the sink has to answer
    LINE = auto()
    CONTENT = auto()
    STATUS = auto()  # of the content, a NUL or words
    OVER = auto()  # it was refused; nothing passes any more


class ScpStream:
    """One scp command. Effects are carried out in order; errors as of `proxy.Proxy`.

    Attributes:
        rules: those of the moment.
    """

    def __init__(self, command: ScpCommand, rules: Rules, refusal: Callable[[str, str], str]) -> None:
        self._command, self.rules, self._refusal = command, rules, refusal
        self._upload = command.way == UPLOAD
        self._step, self._next = Step.ANSWER, Step.LINE  # the sink begins, with a NUL
        self._source, self._sink = bytearray(), bytearray()
        self._folders: list[str] = []
        self._ledger: FileLedger | None = None
        self._room = Room()
        self._path = ""
        self._number = self._left = self._size = 0
        self._done = False  # the content is through, and the sink has not answered
        self._entering = False  # the same of a directory
        self._out: list[Effect] = []

    @property
    def full(self) -> bool:
        """Read no more from the client until this is False again."""
        return self._upload and len(self._source) > 0 and self._step is Step.ANSWER

    def from_client(self, data: bytes) -> list[Effect]:
        return self._from_source(data) if self._upload else self._from_sink(data)

    def from_target(self, data: bytes) -> list[Effect]:
        return self._from_sink(data) if self._upload else self._from_source(data)

    def closed(self) -> list[Effect]:
        """The channel is gone: the entry of a file that is not through, partial."""
        self._finish(closed=False)
        return self._effects()

    # --- the source

    def _from_source(self, data: bytes) -> list[Effect]:
        self._source += data
        self._follow()
        if len(self._source) > AHEAD_OCTETS:
            raise RemoteProtocolError(f"scp source: {AHEAD_OCTETS} octets ahead of the sink")
        return self._effects()

    def _follow(self) -> None:
        while self._source and self._step not in (Step.ANSWER, Step.OVER):
            if self._step is Step.CONTENT:
                self._content()
            elif self._step is Step.STATUS and self._source[0] == 0:
                del self._source[:1]
                self._forward(b"\0")
                self._wait(Step.LINE)
            else:
                line = self._line(self._source, "source")
                if line is None:
                    return
                self._read(line)
        if self._step is Step.OVER:
            self._source.clear()

    def _line(self, waiting: bytearray, what: str) -> bytes | None:
        """The next whole line without its end."""
        end = waiting.find(b"\n", 0, LINE_OCTETS)
        if end < 0:
            if len(waiting) >= LINE_OCTETS:
                raise RemoteProtocolError(f"scp {what}: a line of more than {LINE_OCTETS} octets")
            return None
        line = bytes(waiting[:end])
        del waiting[: end + 1]
        return line

    def _read(self, line: bytes) -> None:
        """A line of the source, or the words with which its content ended badly."""
        if line[:1] in (b"\x01", b"\x02"):
            words = paths.shown(line[1:])
            if self._step is Step.STATUS and self._ledger is not None:
                self._ledger.give_up(words)
                self._forward(line + b"\n", {"op": "scp", "words": words})
                self._wait(Step.LINE)
            else:
                self._forward(line + b"\n", {"op": "scp", "words": words})
        elif self._step is Step.STATUS:
            raise RemoteProtocolError("scp source: no status after the content")
        elif line == b"E":
            if not self._folders:
                raise RemoteProtocolError("scp source: leaves a directory that it has not entered")
            self._folders.pop()
            self._forward(b"E\n")
            self._wait(Step.LINE)
        elif TIMES.fullmatch(line):
            self._forward(line + b"\n")
            self._wait(Step.LINE)
        else:
            self._entry(line)

    def _entry(self, line: bytes) -> None:
        match = ENTRY.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("scp source: a line that is none of C, D, E and T")
        kind, _, size, octets = match.groups()
        name = paths.text(octets)
        if "/" in name or "\0" in name or name in (".", ".."):
            raise RemoteProtocolError("scp source: a name that leads elsewhere")
        if kind == b"D" and (not self._command.recursive or len(self._folders) >= SFTP_PATH_PARTS):
            raise RemoteProtocolError("scp source: a directory that was not asked for, or too deep")
        path = self._where(name)
        permission = self._missing(directory=kind == b"D")
        if permission is not None:
            self._refuse(permission, path, directory=kind == b"D")
            return
        note: dict[str, object] = {"op": "scp", "way": self._command.way, "path": paths.shown(path)}
        if kind == b"D":
            self._folders.append(name)
            self._entering = True
            self._forward(line + b"\n", {**note, "directory": True})
            self._wait(Step.LINE)
            return
        self._number += 1
        self._path, self._size, self._left = paths.shown(path), int(size), int(size)
        self._ledger = FileLedger(self._room, rewrites=True)
        self._forward(line + b"\n", {**note, "file": self._number, "size": self._size})
        self._wait(Step.CONTENT if self._left else Step.STATUS)

    def _missing(self, *, directory: bool) -> Permission | None:
        rules = self.rules
        if rules.paths is not None:
            return Permission.PATHS
        if not self._upload:
            return None if rules.read else Permission.READ
        if rules.hold:
            return Permission.HOLD
        if not rules.write:
            return Permission.WRITE
        return Permission.MKDIR if directory and not rules.mkdir else None

    def _refuse(self, permission: Permission, path: str, *, directory: bool) -> None:
        """Both sides read that it is over: \\2 is the end for a source and for a sink."""
        place = paths.shown(path)
        words = HELD_BY_SFTP if permission is Permission.HOLD else self._refusal(permission, place)
        self._out.append(Refusal(permission, place, words))
        if not directory:
            self._number += 1
            flags = OpenFlags.WRITE if self._upload else OpenFlags.READ
            self._out.append(Ledger(refused_entry(self._number, flags, place, words)))
        note = {"op": "scp", "path": place, "status": "refused", "permission": str(permission), "words": words}
        self._out.append(ToClient(b"\x02" + " ".join(words.split()).encode(errors="replace") + b"\n", note))
        self._step = Step.OVER

    def _where(self, name: str) -> str:
        """The path, as far as the command tells: whether its path is a directory only the target knows."""
        if not self._upload:
            known = next((p for p in self._command.paths if p.rpartition("/")[2] == name), None)
            if known is not None and not self._folders:
                return known
            return "/".join((*self._folders, name))
        path = self._command.paths[0]
        if self._folders or self._command.directory or path.endswith("/") or path in (".", "~"):
            return "/".join((path.rstrip("/"), *self._folders, name))
        return path if path.rpartition("/")[2] == name else f"{path} ({name})"

    def _content(self) -> None:
        if self._ledger is None:
            return
        offset = self._size - self._left
        data = bytes(self._source[: self._left])
        del self._source[: len(data)]
        self._left -= len(data)
        self._ledger.passed(offset, data)
        way = UP if self._upload else DOWN
        copied = data if self.rules.copy else b""
        self._forward(data, Block(self._number, way, offset, len(data), copied))
        if not self._left:
            self._step = Step.STATUS

    def _forward(self, data: bytes, note: Note | None = None) -> None:
        self._out.append(ToTarget(data, note) if self._upload else ToClient(data, note))

    def _wait(self, after: Step) -> None:
        """For the sink's answer; `after` is what comes when it is good."""
        self._done = self._step is Step.STATUS
        self._step, self._next = Step.ANSWER, after

    # --- the sink

    def _from_sink(self, data: bytes) -> list[Effect]:
        self._sink += data
        while self._sink and self._step is not Step.OVER:
            if self._step is not Step.ANSWER:
                raise RemoteProtocolError("scp sink: an answer to nothing")
            if self._sink[0] == 0:
                del self._sink[:1]
                self._answer(b"\0", "")
            else:
                line = self._line(self._sink, "sink")
                if line is None:
                    break
                self._answer(line + b"\n", paths.shown(line.lstrip(b"\x01\x02")) or "refused")
            self._follow()
        return self._effects()

    def _answer(self, data: bytes, words: str) -> None:
        note: Note | None = {"op": "scp", "words": words} if words else None
        if self._entering and words:
            self._folders.pop()
        self._entering = False
        if self._done or (words and self._next in (Step.CONTENT, Step.STATUS)):
            if words and self._ledger is not None:
                self._ledger.give_up(words)
            self._finish(closed=True)
            self._step = Step.LINE
        else:
            self._step = self._next
        self._out.append(ToClient(data, note) if self._upload else ToTarget(data, note))

    def _finish(self, *, closed: bool) -> None:
        """The entry of the file that is under way."""
        ledger, self._ledger, self._done = self._ledger, None, False
        if ledger is not None:
            ledger.size = self._size
            way = UPLOAD if self._upload else DOWNLOAD
            self._out.append(Ledger(ledger.entry(self._number, way, self._path, closed=closed)))

    def _effects(self) -> list[Effect]:
        effects, self._out = self._out, []
        return effects
