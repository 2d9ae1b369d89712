"""Writes one recording. INVARIANT: when `record` returns, the record is in the file; when it raises, it is not."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyrage
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.clock import Clock
from gateway.errors import RecorderFailed
from gateway.limits import SEGMENT_AGE, SEGMENT_DESKTOP, SEGMENT_OCTETS, WATCH_DESKTOP, WATCH_QUEUE
from gateway.recording.chain import Chain
from gateway.recording.format import (
    BLOCK,
    CHECKPOINT,
    DATA,
    END,
    HEAD,
    HEADER,
    INDEX,
    KEY,
    PAYLOAD_OCTETS,
    RECORD,
    STREAMS,
    TAG,
    Check,
    Header,
    canonical,
    commitment,
    frame_key,
    index_body,
    milliseconds,
    nonce,
)
from gateway.recording.model import DESKTOPS, SESSION_STREAM, About, Head, Kind, Record
from gateway.recording.summary import Summary
from gateway.recording.tape import Tape
from gateway.recording.ticks import MICROSECOND, ticks_of
from gateway.recording.watch import Watch

AGE_US: Final = SEGMENT_AGE // MICROSECOND
TICK_US: Final = timedelta(seconds=1) // MICROSECOND  # `tick` comes this often: it signs what would be late at the next
FLUSH: Final = zstandard.COMPRESSOBJ_FLUSH_BLOCK
# Level 1 and 512 KiB of window: 226 KiB a compressor, and only while a segment is open.
PARAMETERS: Final = zstandard.ZstdCompressionParameters.from_level(
    1, window_log=19, min_match=6, write_content_size=False
)


class Recorder:
    """One recording, in one process, under keys that exist nowhere else and are forgotten at its end.

    Attributes:
        on_failed: called when the recorder finds by itself, at a checkpoint, that it cannot write; perhaps again.
        on_viewer: called when a viewer got the present from nothing: of a desktop that is its size alone.
    """

    on_failed: Callable[[], None]
    on_viewer: Callable[[], None]
    _compressor: zstandard.ZstdCompressionObj | None

    def __init__(
        self,
        path: Path,
        about: About,
        meta: Mapping[str, object],
        *,
        recipients: Iterable[pyrage.x25519.Recipient],
        site_key: Ed25519PrivateKey,
        clock: Clock,
        data_key: bytes = b"",
        key: Ed25519PrivateKey | None = None,
    ) -> None:
        """Create the file with its header and META record. Keys are given in vectors only.

        Raises:
            RecorderFailed: the file exists or cannot be written; what was begun is gone.
        """
        self.about, self.path, self.on_failed, self.on_viewer = about, path, _nobody, _nobody
        self._clock, self._ticks = clock, ticks_of(clock)
        self._started_us, self._latest_us, self._latest_ms = self._ticks(), 0, milliseconds(about.started)
        data_key, self._key = data_key or secrets.token_bytes(KEY), key or Ed25519PrivateKey.generate()
        wrap = pyrage.encrypt(data_key, list(recipients))
        header = Header(about, self._key.public_key().public_bytes_raw(), commitment(data_key), wrap)
        self._chain = Chain.create(path)
        self._tapes: dict[int, Tape] = {}
        self._streams, self._index, self._watches = SESSION_STREAM, list[tuple[int, int]](), set[Watch]()
        self._plain, self._due_us, self._compressor = 0, 0, None
        self._most = SEGMENT_DESKTOP if about.protocol == DESKTOPS else SEGMENT_OCTETS
        self._broken = self._closed = self._failed = self.dirty = False
        self._summary = Summary()
        self._meta = Record(Kind.META, SESSION_STREAM, 0, canonical(dict(meta)))
        try:
            self._chain.put(HEADER, header.encode(site_key))
            self._aead = AESGCM(frame_key(data_key, self._chain.h))
            self.write(SESSION_STREAM, (Kind.META, self._meta.payload))
        except RecorderFailed:
            self.abandon()
            raise

    @property
    def seq(self) -> int:
        return self.about.seq

    @property
    def head(self) -> Head:
        return Head(self.about.seq, self._chain.frames, self._chain.h)

    @property
    def octets(self) -> int:
        return self._chain.offset

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def points(self) -> list[tuple[int, int]]:
        """(microseconds, offset) of each checkpoint so far."""
        return list(self._index)

    @property
    def summary(self) -> Summary:
        return self._summary

    def now_us(self) -> int:
        """Microseconds since the start; never falls."""
        self._latest_us = max(self._latest_us, self._ticks() - self._started_us)
        return self._latest_us

    def record(self, kind: Kind, stream: int, payload: bytes) -> None:
        """Write one record. What it records may be delivered when this has returned.

        Raises:
            RecorderFailed: nothing of it is in the file. It may be tried again: a full disk may get room.
        """
        self.write(stream, (kind, payload))

    def write(self, stream: int, *records: tuple[int, bytes]) -> None:
        """Several records in one frame: all of them are in the file, or none.

        Raises:
            RecorderFailed: none is.
        """
        self._writable()
        now = self.now_us()
        if self._due_us and (self._failed or now >= self._due_us or self._plain >= self._most):
            self._checkpoint(now)
            now = self._latest_us = self._latest_us + 1  # no record shares its time with the checkpoint before it
        if self._due_us == 0:
            self._begin(now)
        self._data(b"".join([RECORD.pack(kind, stream, now, len(payload)) + payload for kind, payload in records]))
        for kind, payload in records:
            self._summary.add(kind, stream, now, payload)
            shown = payload[: BLOCK.size] if kind == Kind.BLOCK else payload  # copies of files are not for who watches
            for watch in self._watches:
                watch.offer(Record(kind, stream, now, shown))

    def afresh(self, stream: int, *records: tuple[int, bytes]) -> int:
        """Begin a segment with `records`; returns their `at`.

        Raises:
            RecorderFailed: none of them is in the file.
        """
        self._writable()
        if self._due_us:
            self._checkpoint(self.now_us())
            self._latest_us += 1
        self.write(stream, *records)
        return self._latest_us

    def _writable(self) -> None:
        if self._closed or self._broken:
            raise RecorderFailed("recording: closed" if self._closed else "recording: the file is damaged")

    def _begin(self, now: int) -> None:
        """INVARIANT: the data frame after a checkpoint or the header starts a new zstd stream, with the keyframes."""
        self._plain, self._due_us = 0, now + AGE_US
        self._compressor = zstandard.ZstdCompressor(compression_params=PARAMETERS).compressobj()
        pictures = [(stream, tape.picture()) for stream, tape in self._tapes.items()]
        shown = [Record(p[0], stream, now, p[1]) for stream, p in pictures if p]
        if shown:
            self._data(b"".join(RECORD.pack(r.kind, r.stream, now, len(r.payload)) + r.payload for r in shown))
        for record in shown:
            if record.kind == Kind.KEYFRAME:  # a place that a viewer can go back to
                for watch in self._watches:
                    watch.offer(record)

    def _data(self, plain: bytes) -> None:
        if self._compressor is None or len(plain) > PAYLOAD_OCTETS:
            raise RecorderFailed(f"recording: record of {len(plain)} octets, at most {PAYLOAD_OCTETS}")
        self._failed = True  # until it is written: the compressor and the nonce have moved on
        packed = self._compressor.compress(plain) + self._compressor.flush(FLUSH)
        chain = self._chain
        head = HEAD.pack(len(packed) + TAG, DATA)
        self._put(DATA, self._aead.encrypt(nonce(chain.frames), packed, head))
        self._failed = False
        self._plain += len(plain)

    def _put(self, kind: int, body: bytes) -> None:
        offset = self._chain.offset
        try:
            self._chain.put(kind, body)
        except RecorderFailed:
            self._broken = self._broken or os.fstat(self._chain.fd).st_size != offset
            raise

    def _checkpoint(self, now: int, kind: int = CHECKPOINT, index: int = 0) -> None:
        """Sign what is written, and start afresh. After a failed write it also takes the number that was used."""
        self._latest_ms = max(self._latest_ms, milliseconds(self._clock.now()))
        if kind == CHECKPOINT:  # a seek point is named by its time: no two share one
            now = self._latest_us = max(now, (self._index[-1][0] if self._index else 0) + 1)
        at, offset = Check(self._chain.frames, self._latest_ms, now, index, self._chain.h), self._chain.offset
        self._put(kind, at.encode(kind, self._key))
        if kind == CHECKPOINT:
            self._index.append((now, offset))
        self._due_us, self._compressor, self._failed, self.dirty = 0, None, False, True
        for tape in self._tapes.values():
            tape.rest()

    def tick(self) -> None:
        """Once a second: end bursts in silence, and sign what would be older than `SEGMENT_AGE` at the next tick."""
        if self._closed or self._broken:
            return
        try:
            now = self.now_us()
            for tape in list(self._tapes.values()):
                tape.passed(now)
            if self._due_us and now + TICK_US >= self._due_us:
                self._checkpoint(now)
        except RecorderFailed:
            self.on_failed()

    def sync(self) -> None:
        """Make what was signed survive a power cut. Blocks: call it in a thread.

        Raises:
            RecorderFailed: the disk lost it; nothing more is written here.
        """
        self.dirty = False
        try:
            os.fdatasync(self._chain.fd)
        except OSError as error:
            self._broken = True
            raise RecorderFailed(f"recording: {error.strerror}") from error

    def open_tape(self, about: Mapping[str, object], terminal: tuple[int, int] | None) -> Tape:
        """A stream of its own, numbered from 1.

        Raises:
            RecorderFailed: it is not in the file, or the recording has no number left.
        """
        if self._streams >= STREAMS:
            raise RecorderFailed(f"recording: more than {STREAMS} streams")
        tape = Tape(self, self._streams + 1, about, terminal)
        self._streams += 1
        self._tapes[tape.stream] = tape
        return tape

    def forget(self, tape: Tape) -> None:
        self._tapes.pop(tape.stream, None)

    def watch(self) -> Watch:
        most = WATCH_DESKTOP if self.about.protocol == DESKTOPS else WATCH_QUEUE
        watch = Watch(self._snapshot, self._watches.discard, most)
        if self._closed:
            watch.finish()
        else:
            self._watches.add(watch)
        return watch

    def _snapshot(self) -> tuple[Record, ...]:
        records, now = [self._meta], self.now_us()
        for stream, tape in self._tapes.items():
            records.append(tape.opened())
            if picture := tape.picture():
                records.append(Record(picture[0], stream, now, picture[1]))
        self.on_viewer()
        return tuple(records)

    def seal(self) -> Head:
        """Write the end and forget the keys; the file is still open for `finish`.

        Raises:
            RecorderFailed: the end is not in the file; recovery can seal it later. The keys are gone all the same.
        """
        if self._closed:
            raise RecorderFailed("recording: closed")
        try:
            for tape in list(self._tapes.values()):
                tape.close(None)
            self.write(SESSION_STREAM, (Kind.SUMMARY, canonical(self._summary.values(self.now_us()))))
            self._checkpoint(self.now_us())
            index = self._chain.offset
            self._put(INDEX, index_body(self._index))
            self._checkpoint(self.now_us(), END, index)
        finally:
            self._forget()
        return self.head

    def finish(self) -> None:
        """Make the file durable and let it go. Blocks: call it in a thread, once, after `seal` or a failure.

        Raises:
            RecorderFailed: the disk did not take it.
        """
        try:
            os.fsync(self._chain.fd)
        except OSError as error:
            raise RecorderFailed(f"recording: {error.strerror}") from error
        finally:
            self._chain.close()

    def abandon(self) -> None:
        """The session never began: no keys, no file."""
        if not self._closed:
            self.drop()
            self.path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Let an unsealed file go, for recovery to seal."""
        if not self._closed:
            self._forget()
        self._chain.close()

    def _forget(self) -> None:
        """Python cannot wipe memory: dropping the last reference is the best it can do."""
        self._closed = True
        del self._key
        self.__dict__.pop("_aead", None)
        self._compressor = None
        self._tapes.clear()
        for watch in list(self._watches):
            watch.finish()


def _nobody() -> None:
    """Default of `on_failed` and `on_viewer`."""
