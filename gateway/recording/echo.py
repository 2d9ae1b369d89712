"""Which typed input may be read later: only what the target showed on the screen anyway. Pure.

Octets that were typed are recorded sealed, under a key of their burst. The key follows into the recording when the
target echoed the burst; when it did not (a password), the key is forgotten and nobody can ever read it.

A burst ends at CR or LF, or when nothing is typed for two seconds. It counts as echoed when the target showed its
characters in their order, before anything else and before a new line, within two seconds of the last of them.
Lost keys cost little, because the output shows what a command did; a key too many would cost a password.
So every doubt means hidden.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.recording.format import BURST, KEY, TYPED, burst_nonce, burst_purpose

QUIET_US: Final = 2_000_000  # microseconds without input that end a burst, and within which an echo must come
WAITING: Final = 64  # bursts that wait for their echo; more and the oldest counts as hidden
PENDING: Final = 4096  # octets that wait for their echo; a longer paste counts as hidden
ENDS: Final = re.compile(rb"[^\r\n]*[\r\n]?")
# Escape sequences (ECMA-48: CSI, SS3, strings) and control characters that move or colour but show nothing.
SILENT: Final = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[NO].|\x1b[PX\]^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b[ -/]*[0-~]|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]",
    re.DOTALL,
)
SHOWN: Final = re.compile(rb"[^\x00-\x1f\x7f]+")


class Burst:
    """Some typed octets with a key of their own."""

    def __init__(self, stream: int, number: int) -> None:
        self.number, self.last_us, self.hidden, self.ended = number, 0, False, False
        self.key = secrets.token_bytes(KEY)
        self._purpose, self._aead, self._places = burst_purpose(stream, number), AESGCM(self.key), 0
        self._pending, self._echoed = bytearray(), bytearray()

    @property
    def echoed(self) -> bool:
        """Everything typed so far has been shown."""
        return not self.hidden and not self._pending

    def seal(self, data: bytes, now_us: int) -> bytes:
        """The payload of an INPUT record; no place of a key is used twice, also when the record is never written."""
        sealed = TYPED.pack(self.number, self._places) + self._aead.encrypt(
            burst_nonce(self._places), data, self._purpose
        )
        self._places, self.last_us = self._places + 1, now_us
        self._pending += SILENT.sub(b"", data).rstrip(b"\r\n")
        self.ended = data.endswith((b"\r", b"\n"))
        self.hidden = self.hidden or len(self._pending) + len(self._echoed) > PENDING
        return sealed

    def shown(self, data: bytes) -> bytes:
        """The target showed `data`; returns what comes after the echo of this burst."""
        at = 0
        while self._pending and not self.hidden and at < len(data):
            if silent := SILENT.match(data, at):
                at = silent.end()
            elif run := SHOWN.match(data, at):
                at += self._advance(run.group())
            else:
                self.hidden = True  # a new line before the echo: that was not one
        return data[at:]

    def _advance(self, run: bytes) -> int:
        """How much of a run of printable octets belongs to the echo.

        A line editor may show again what it showed already before it goes on (PSReadLine, zsh).
        """
        for again in range(min(len(run), len(self._echoed)) + 1):
            rest, wanted = run[again:], bytes(self._pending)
            if run[:again] == self._echoed[len(self._echoed) - again :] and (
                wanted.startswith(rest) or rest.startswith(wanted)
            ):
                if not rest and again == 0:
                    break
                taken = min(len(rest), len(wanted))
                self._echoed += self._pending[:taken]
                del self._pending[:taken]
                return again + taken
        self.hidden = True
        return len(run)


class Echo:
    """The bursts of one stream. Each method returns payloads of BURST records: keys that may be recorded now."""

    def __init__(self, stream: int) -> None:
        self._stream, self._numbers, self._tainted = stream, 0, False
        self._open: Burst | None = None
        self._waiting: deque[Burst] = deque()

    @property
    def idle(self) -> bool:
        """Nothing typed waits for its echo: output needs no look."""
        return self._open is None and not self._waiting

    def typed(self, data: bytes, now_us: int) -> tuple[list[bytes], list[bytes]]:
        """(payloads of INPUT records, payloads of BURST records)."""
        keys = self.passed(now_us)
        sealed = []
        for part in ENDS.findall(data):
            if not part:
                continue
            if self._open is None:
                self._numbers += 1
                self._open = Burst(self._stream, self._numbers)
                self._open.hidden = self._tainted
            sealed.append(self._open.seal(part, now_us))
            if self._open.ended:
                keys += self._end()
        return sealed, keys

    def unseen(self, data: bytes, now_us: int) -> bytes:
        """The payload of an INPUT record that nobody can ever read: its key is gone when this returns."""
        self._numbers += 1
        return Burst(self._stream, self._numbers).seal(data, now_us)

    def shown(self, data: bytes, now_us: int) -> list[bytes]:
        """The target showed `data` to the person."""
        keys = self.passed(now_us)
        while self._waiting and data:
            burst = self._waiting[0]
            data = burst.shown(data)
            if not burst.echoed and not burst.hidden:
                return keys
            keys += self._settle(self._waiting.popleft())
        if self._open is not None and data:
            self._open.shown(data)
        return keys

    def passed(self, now_us: int) -> list[bytes]:
        """Time went by."""
        keys: list[bytes] = []
        while self._waiting and (
            now_us - self._waiting[0].last_us >= QUIET_US or len(self._waiting) > WAITING or self._waiting[0].hidden
        ):
            self._waiting[0].hidden = True
            keys += self._settle(self._waiting.popleft())
        if self._open is not None and now_us - self._open.last_us >= QUIET_US:
            keys += self._end()
        return keys

    def lost(self) -> None:
        """What was typed last is not in the recording: its burst stays closed."""
        if self._open is not None:
            self._open.hidden = True
        for burst in self._waiting:
            burst.hidden = True

    def close(self) -> list[bytes]:
        """The stream is over: what has not been echoed never will be."""
        keys = self._end() if self._open is not None else []
        self._waiting.clear()
        return keys

    def _end(self) -> list[bytes]:
        burst, self._open = self._open, None
        if burst is None:
            return []
        if burst.ended and not burst.echoed and not burst.hidden:
            self._waiting.append(burst)
            return []
        return self._settle(burst)

    def _settle(self, burst: Burst) -> list[bytes]:
        """Key or no key. After a hidden piece a line stays hidden to its end: somebody types a password slowly."""
        if burst.ended:
            self._tainted = False
        elif not burst.echoed:
            self._tainted = True
        return [BURST.pack(burst.number) + burst.key] if burst.echoed else []
