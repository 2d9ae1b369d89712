"""What a front holds of a session that runs: one connection and its streams. Tap, pause gate and end sit here."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Final
from typing import Protocol as Port

from gateway.clock import Deadline
from gateway.errors import RecorderFailed, Refused
from gateway.inventory.model import Credential, Service
from gateway.policy.model import Channel, Obligations
from gateway.recording.tape import Tape
from gateway.sessions import texts
from gateway.sessions.live import Live, call
from gateway.sessions.model import End, EndReason, Notice, Session, SessionState
from gateway.sessions.ports import Places
from gateway.sessions.south import South

OUT: Final = "out"  # clipboard: from the target to the person


class Keeper(Port):
    """What a connection asks of the session core."""

    async def permitted(self, live: Live, channel: Channel) -> None: ...

    async def closed(self, live: Live, number: int, reason: EndReason, words: str) -> None: ...


def _ignore(*_: object) -> None:
    """A front that has not said yet what to do."""


class Connection:
    """One connection of a session.

    Attributes:
        number: from 1 within its session.
        on_notice: told what the person must read now.
        on_pause: True: input is frozen from now on; False: it flows again.
        on_viewer: somebody began to watch, or lost his place: of a desktop a full picture is wanted. It may come often.
    """

    def __init__(self, live: Live, number: int, keeper: Keeper, inventory: Places, south: South) -> None:
        self._live, self.number = live, number
        self._keeper, self._inventory, self._south = keeper, inventory, south
        self._sockets: list[socket.socket] = []
        self._closed = False
        self._on_end: Callable[[End], None] = _ignore
        self.on_notice: Callable[[Notice], None] = _ignore
        self.on_pause: Callable[[bool], None] = _ignore
        self.on_viewer: Callable[[], None] = _ignore

    @property
    def session(self) -> Session:
        return self._live.session

    @property
    def obligations(self) -> Obligations:
        return self._live.obligations

    @property
    def deadline(self) -> Deadline:
        return self._live.deadline

    @property
    def service(self) -> Service:
        return self._live.service

    @property
    def paused(self) -> bool:
        return self.session.state is SessionState.PAUSED

    @property
    def on_end(self) -> Callable[[End], None]:
        """Told once that and why the session ended: close the target's side, then the person's."""
        return self._on_end

    @on_end.setter
    def on_end(self, callback: Callable[[End], None]) -> None:
        self._on_end = callback
        if self.session.end is not None:
            call(callback, self.session.end)

    # --- south

    async def dial(self) -> socket.socket:
        """A connected socket to the service; the only way to get one.

        Raises:
            Refused: the session does not run or is paused, or the target cannot be reached (words say how).
        """
        return await self._south.connect(self.service, self)

    def permitted(self) -> None:
        """For the south side: whether this connection may have a socket now."""
        self._running()
        if self.paused:
            raise Refused("paused", texts.PAUSED_NOW, rule="access-model 2.11")

    def opened(self, south: socket.socket) -> None:
        self._sockets = [s for s in self._sockets if s.fileno() >= 0]
        self._sockets.append(south)

    async def credential(self) -> Credential:
        """What opens the account, for the connector alone; a certificate ends with the deadline."""
        self._running()
        live = self._live
        valid = self.deadline.remaining(live.clock.instant())
        return await self._inventory.credential(
            None, live.target, live.account, self.session.id, self.session.person_name, valid
        )

    async def check_host_key(self, public_line: str) -> None:
        """Raises Refused when the target's key is not the pinned one; the first approved use pins."""
        self._running()
        await self._inventory.check_host_key(self.service, public_line, self.session.id, self.session.person_name)

    async def check_certificate(self, der: bytes) -> None:
        """The same of the certificate that the target showed in its TLS handshake (C52): its public key is pinned."""
        self._running()
        await self._inventory.check_certificate(self.service, der, self.session.id, self.session.person_name)

    async def check_public_key(self, info: bytes) -> None:
        """The same of a key that the target showed without TLS: SubjectPublicKeyInfo, DER (C50, C52)."""
        self._running()
        await self._inventory.check_public_key(self.service, info, self.session.id, self.session.person_name)

    # --- channels

    async def permit(self, channel: Channel) -> None:
        """Ask for each channel, forward, file operation or redirection.

        Raises:
            Refused: the grant or the policy does not allow it (any more), or the session is paused.
        """
        self.permitted()
        await self._keeper.permitted(self._live, channel)
        self.permitted()

    def open_stream(self, kind: str, about: Mapping[str, object], terminal: tuple[int, int] | None = None) -> Stream:
        """The recording and gate of one channel. Nothing of it may be relayed but through this.

        Raises:
            Refused: the session does not run, is paused, or cannot be recorded.
        """
        self.permitted()
        recorder = self._live.recorder
        if recorder is None:
            raise Refused("not_running", texts.NOT_RUNNING)
        try:
            tape = recorder.open_tape({**about, "kind": kind, "connection": self.number}, terminal)
        except RecorderFailed:
            self._live.recorder_failed()
            raise Refused("recorder", texts.NO_RECORDING, rule="access-model 2.15") from None
        return Stream(self._live, tape)

    # --- end

    async def close(self, reason: EndReason, words: str = "") -> None:
        """This connection is gone: CLIENT (he left), LOST (network) or TARGET. The session lives on for the grace."""
        if self._closed:
            return
        self._closed = True
        self._cut()
        await self._keeper.closed(self._live, self.number, reason, words)

    def ended(self, end: End) -> None:
        """The session is over: the front first, then whatever socket is still open."""
        call(self._on_end, end)
        self._cut()

    def _cut(self) -> None:
        for south in self._sockets:
            with contextlib.suppress(OSError):
                south.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def _running(self) -> None:
        if self._closed:
            raise Refused("not_running", texts.NOT_RUNNING)
        try:
            self._live.gate()
        except RecorderFailed:
            end = self.session.end
            raise Refused("ended", end.words if end else texts.NOT_RUNNING) from None


class Stream:
    """One channel: each call records first and says whether to deliver.

    `output` and `error` raise when nothing may be delivered: SessionEnded (drop it), or RecorderStalled (keep it,
    read no more, offer it again after `on_pause(False)`).
    """

    def __init__(self, live: Live, tape: Tape) -> None:
        self._live, self._tape = live, tape
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
        live = self._live
        try:
            live.gate()
        except RecorderFailed:
            return False
        live.typed()
        if live.pauses:
            if discard:
                live.discard(self._tape, len(data))
            return False
        try:
            record(data)
        except RecorderFailed:
            live.recorder_failed()
            return False
        return True

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

    def _record(self, write: Callable[[], None]) -> None:
        self._live.gate()
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
