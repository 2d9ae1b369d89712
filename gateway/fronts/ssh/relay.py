"""Between one channel of the client and one of the target: tap, pause gate and flow control, in one replaceable piece.

INVARIANT: an octet is delivered only after the stream (the tap) took it; one that it did not take waits, or was typed
and is discarded. Back pressure reaches through: whoever does not read stops the other's reading.
The exit status is kept until the target's channel is gone: asyncssh reports it before data that still waits there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Flag, auto
from typing import Final

import asyncssh

from gateway.errors import RecorderFailed
from gateway.fronts.ssh.ports import Stream
from gateway.fronts.ssh.valve import Valve

STDERR: Final = asyncssh.EXTENDED_DATA_STDERR
Data = tuple[bytes, int | None]


class Side(Flag):
    """Why one side is not read at the moment."""

    OPENING = auto()  # the other side is not there yet
    FULL = auto()  # the other side does not take more
    TRANSPORT = auto()  # nor does its connection as a whole
    PAUSED = auto()  # the control room froze the input
    UNRECORDED = auto()  # the recorder did not take a chunk, which waits
    BUSY = auto()  # as many requests are under way as may be
    ANSWERS = auto()  # it does not take the answers


class Relay(asyncssh.SSHClientSession[bytes]):
    """The target's session, joined to the client's channel.

    Args:
        valve: the client's channel is read through it.
        on_output: called with each chunk delivered to the client.
        on_over: called once when the target's side is gone, with the exit to report.
    """

    def __init__(
        self,
        client: asyncssh.SSHServerChannel[bytes],
        valve: Valve,
        stream: Stream,
        *,
        terminal: bool,
        on_output: Callable[[bytes], None],
        on_over: Callable[[Exit, Exception | None], None],
    ) -> None:
        self._client, self._stream, self._terminal = client, stream, terminal
        self._on_output, self._on_over = on_output, on_over
        self._target: asyncssh.SSHClientChannel[bytes] | None = None
        self._from_client = valve
        self._from_target: Valve | None = None
        self._unrecorded: list[Data] = []  # from the target: at most the chunk that failed
        self._undelivered: list[bytes] = []  # from the client, without a terminal: at most what came in one read
        self._client_eof = self._target_eof = False
        self._paused = self._cut = self._over = self._gone = False
        self._exit = Exit()

    # --- the target's side (asyncssh calls)

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._target, self._from_target = chan, Valve(chan)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._cut:
            return
        if self._unrecorded:
            self._unrecorded.append((data, datatype))
        elif not self._to_client(data, datatype):
            self._unrecorded.append((data, datatype))
            self._target_valve(Side.UNRECORDED, shut=True)

    def eof_received(self) -> bool:
        self._target_eof = True
        if not self._unrecorded and not self._cut:
            self._client.write_eof()
        return True

    def exit_status_received(self, status: int) -> None:
        self._exit.status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._exit.signal, self._exit.core_dumped, self._exit.message, self._exit.language = (
            signal,
            core_dumped,
            msg,
            lang,
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._target, self._from_target, self._gone = None, None, True
        self._finish(exc)

    def pause_writing(self) -> None:
        self._from_client.shut(Side.FULL)

    def resume_writing(self) -> None:
        self._from_client.open(Side.FULL)

    # --- the client's side (the channel's session calls)

    def from_client(self, data: bytes) -> None:
        if self._cut:
            return
        if self._terminal:
            self._typed(data)
        elif self._undelivered or not self._stdin(data):
            self._undelivered.append(data)
            self._from_client.shut(Side.PAUSED if self._paused else Side.UNRECORDED)

    def client_eof(self) -> None:
        self._client_eof = True
        if not self._undelivered and not self._paused and self._target is not None and not self._cut:
            self._target.write_eof()

    def client_full(self, full: bool) -> None:
        self._target_valve(Side.FULL, shut=full)

    def transport_full(self, full: bool) -> None:
        self._target_valve(Side.TRANSPORT, shut=full)

    def resized(self, columns: int, rows: int, width: int, height: int) -> None:
        if self._target is not None and not self._cut:
            try:
                self._stream.resize(columns, rows)
            except RecorderFailed:
                return
            self._target.change_terminal_size(columns, rows, width, height)

    def nudge(self, columns: int, rows: int) -> None:
        """Tell the target a size that is nobody's wish, so that a full-screen program paints afresh. Not recorded."""
        if self._target is not None and not self._cut:
            self._target.change_terminal_size(columns, rows)

    def signalled(self, signal: str) -> None:
        if self._target is not None and not self._cut and self._stream.signal(signal):
            self._target.send_signal(signal)

    def broken(self, milliseconds: int) -> None:
        if self._target is not None and not self._cut and self._stream.signal("BREAK"):
            self._target.send_break(milliseconds)

    def client_gone(self) -> None:
        """The client closed its channel: so does the target's."""
        self._cut = True
        if self._target is not None:
            self._target.close()
            self._open_all()
        else:
            self._finish(None)

    # --- the control room

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if paused:
            if not self._terminal:
                self._from_client.shut(Side.PAUSED)
            return
        self._retry()

    def cut(self) -> None:
        """Nothing passes any more, either way, from this moment on."""
        self._cut = True
        self._unrecorded.clear()
        self._undelivered.clear()
        if self._target is not None:
            self._target.abort()

    # --- within

    def _to_client(self, data: bytes, datatype: int | None) -> bool:
        try:
            if datatype == STDERR:
                self._stream.error(data)
            else:
                self._stream.output(data)
        except RecorderFailed:
            return False
        try:
            self._client.write(data, datatype)
        except OSError:  # the client closed its channel in this moment; `client_gone` follows
            return True
        self._on_output(data)
        return True

    def _typed(self, data: bytes) -> None:
        try:
            deliver = self._stream.typed(data)
        except RecorderFailed:
            return
        if deliver and self._target is not None:
            self._to_target(data)

    def _stdin(self, data: bytes) -> bool:
        try:
            deliver = not self._paused and self._target is not None and self._stream.stdin(data)
        except RecorderFailed:
            return False
        if deliver:
            self._to_target(data)
        return deliver

    def _to_target(self, data: bytes) -> None:
        if self._target is not None and not self._client_eof:
            try:
                self._target.write(data)
            except OSError:  # the target closed its channel in this moment; `connection_lost` follows
                return

    def _retry(self) -> None:
        """Deliver what waited, in order; what still fails goes on waiting."""
        while self._unrecorded and self._to_client(*self._unrecorded[0]):
            del self._unrecorded[0]
        if not self._unrecorded:
            self._target_valve(Side.UNRECORDED, shut=False)
            if self._target_eof and not self._cut:
                self._client.write_eof()
        waiting, eof, self._client_eof = self._undelivered, self._client_eof, False
        while waiting and self._stdin(waiting[0]):
            del waiting[0]
        self._client_eof = eof
        if not waiting:
            if eof and self._target is not None:
                self._target.write_eof()
            self._from_client.open(Side.PAUSED | Side.UNRECORDED)
        if self._target is None:
            self._finish(None)

    def _target_valve(self, why: Side, *, shut: bool) -> None:
        if self._from_target is not None:
            if shut:
                self._from_target.shut(why)
            else:
                self._from_target.open(why)

    def _open_all(self) -> None:
        """So that the channel can drain and close."""
        for why in Side:
            self._target_valve(why, shut=False)

    def _finish(self, exc: Exception | None) -> None:
        if self._over or (self._unrecorded and not self._cut):
            return
        self._over = True
        try:
            self._stream.close(self._exit.status, self._exit.signal)
        except RecorderFailed:
            self._exit = Exit()
        self._on_over(self._exit, exc)


class Exit:
    """How the program on the target ended; neither status nor signal when it did not say."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.signal = self.message = self.language = ""
        self.core_dumped = False
        self.unasked = False  # it served requests, and nobody had said that there are no more
