"""What a front holds of a session that runs: one connection. What of it goes on is a `Stream`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Protocol as Port

from gateway.clock import Deadline
from gateway.errors import RecorderFailed, Refused
from gateway.ids import FileId
from gateway.inventory.model import Credential, CryptoProfile, Service
from gateway.policy.model import Channel, Obligations
from gateway.sessions import rules, texts
from gateway.sessions.files import Line
from gateway.sessions.held import Held
from gateway.sessions.live import Live, call
from gateway.sessions.model import End, EndReason, Notice, Session, SessionState
from gateway.sessions.ports import Places
from gateway.sessions.south import South
from gateway.sessions.spool import Spool
from gateway.sessions.stream import Stream


class Keeper(Port):
    """What a connection asks of the session core."""

    async def permitted(self, live: Live, channel: Channel, service: str) -> None: ...

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
        on_cleared: somebody delivered a held file: look at `cleared`.
    """

    def __init__(self, live: Live, number: int, keeper: Keeper, inventory: Places, south: South, held: Held) -> None:
        self._live, self.number = live, number
        self._keeper, self._inventory, self._south, self._held = keeper, inventory, south, held
        self._sockets: list[socket.socket] = []
        self._closed = False
        self._on_end: Callable[[End], None] = _ignore
        self.on_notice: Callable[[Notice], None] = _ignore
        self.on_pause: Callable[[bool], None] = _ignore
        self.on_viewer: Callable[[], None] = _ignore
        self.on_cleared: Callable[[], None] = _ignore

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

    def profile(self) -> CryptoProfile:
        """Which cryptography is accepted from the session's own service now.

        Raises:
            Refused: none, for there is no exception (any more) that covers what it needs (C51).
        """
        return rules.profile(self._live.target, self.service, self._live.clock.now())

    async def dial(self, service: str = "") -> socket.socket:
        """A connected socket to the session's own service, or to the tcp service of that name; the only way to get one.

        Raises:
            Refused: the session does not run or is paused, the service is not granted, or the target cannot be
                reached (words say how).
        """
        return await self._south.connect(self._live.reach(service), self)

    def declared(self, host: str, port: int) -> str | None:
        """The name of the target's tcp service that is meant by a forward to `host:port`; None for none.

        `host` is the service's own name, or the target's, or this machine's as the target's sshd would see it.
        """
        return rules.declared(self._live.target, host, port)

    def permitted(self) -> None:
        """For the south side: whether this connection may have a socket now."""
        self._running()
        if self.paused:
            raise Refused("paused", texts.PAUSED_NOW, rule="access-model 2.11")

    def opened(self, south: socket.socket) -> None:
        self._sockets = [s for s in self._sockets if s.fileno() >= 0]
        self._sockets.append(south)

    async def credential(self) -> Credential:
        """What opens the account, for the connector alone; a certificate ends with the deadline.

        Raises:
            Refused: the session does not run, or is one of forwards alone.
        """
        self._running()
        live = self._live
        if live.account is None:
            raise Refused("forwards_only", texts.forwards_only(live.session.target_name), rule="access-model 2.1")
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

    # --- uploads that are held (C62): obligation `file_hold`

    def spool(self) -> Spool:
        """Where an upload goes instead of to the target; give it to `Stream.filed` when it is kept.

        Raises:
            Refused: it cannot be kept, or the session does not run or is paused.
        """
        self.permitted()
        return self._held.spool()

    async def rename_held(self, file_id: FileId, path: str) -> None:
        """The sender calls a held file otherwise. Raises Conflict: it is decided; NotFound: it is none of his."""
        await self._held.rename(self._live, file_id, path)

    async def remove_held(self, file_id: FileId) -> None:
        """The sender wants a held file no more; raises as `rename_held`."""
        await self._held.remove(self._live, file_id)

    async def cleared(self) -> list[Line]:
        """Files that somebody has delivered and that the target does not have yet, oldest first. See `on_cleared`."""
        return await self._held.cleared(self._live)

    async def take(self, file_id: FileId) -> Spool:
        """The content of one of `cleared`, for the target; close it. Then say `delivered`.

        Raises:
            Refused: it is not for this session, or not what was sent; or the session does not run or is paused.
        """
        self.permitted()
        spool = await self._held.take(self._live, file_id)
        try:
            self.permitted()
        except Refused:
            spool.close()
            raise
        return spool

    async def delivered(self, file_id: FileId) -> None:
        """The target has all of it. Raises Conflict: it was withheld meanwhile."""
        await self._held.delivered(self._live, file_id)

    # --- channels

    async def permit(self, channel: Channel, service: str = "") -> None:
        """Ask for each channel, forward or redirection, and for file operations at most once a second a kind.

        Args:
            service: of FORWARD the tcp service that it leads to.

        Raises:
            Refused: the grant or the policy does not allow it (any more), or the session is paused.
        """
        self.permitted()
        await self._keeper.permitted(self._live, channel, service)
        self.permitted()

    def allowed(self, channel: Channel) -> bool:
        """Whether the grant and the obligations know `channel`; the policy is asked by `permit`."""
        return channel in self._live.channels

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
