"""Forwards of one connection: direct-tcpip channels to the tcp services that were granted, dialled by the gateway.

Each chunk is on record before it passes; a pause holds both ways, and the end of the session cuts them at once.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Final

import asyncssh

from gateway.audit.events.ssh import ForwardClosed, TargetFailed
from gateway.audit.model import AuditEvent
from gateway.clock import Clock
from gateway.errors import GatewayError, Refused
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.pipe import Pipe
from gateway.fronts.ssh.ports import Connection, Stream
from gateway.limits import FRONT_DETAIL, SSH_FORWARDS
from gateway.policy.model import Channel
from gateway.words import printable

KIND: Final = "forward"  # of the stream, in the recording
KEEPALIVE: Final = (
    (socket.TCP_KEEPIDLE, 15),  # seconds of silence until the kernel asks whether the service is still there
    (socket.TCP_KEEPINTVL, 5),  # seconds between questions
    (socket.TCP_KEEPCNT, 3),  # unanswered ones
)

Note = Callable[[AuditEvent], None]


class Forward:
    """One of them, from the moment its socket is there.

    Attributes:
        pipe: the channel's session.
    """

    pipe: Pipe

    def __init__(self, connection: Connection, service: str, asked: str, clock: Clock) -> None:
        self._connection, self._service, self._asked = connection, service, asked
        self._opened = clock.now()
        self._stream: Stream = connection.open_stream(KIND, {"service": service, "asked": asked}, None)
        self._to_person = self._to_target = 0

    def carried(self, to_person: int, to_target: int) -> bool:
        """The tap: on record before it passes."""
        if not self._stream.carried(to_person, to_target):
            return False
        self._to_person += to_person
        self._to_target += to_target
        return True

    def pause(self, paused: bool) -> None:
        if not paused:
            self.pipe.retry()

    def transport_full(self, full: bool) -> None:
        self.pipe.transport_full(full)

    def cut(self, words: str) -> None:  # noqa: ARG002 - there is no place for words in somebody else's protocol
        self.pipe.cut()

    def target_lost(self, words: str) -> None:
        """The log-in at the target is gone, and with it the connection: so are its forwards."""
        self.cut(words)

    def over(self) -> AuditEvent:
        """Nothing passes any more: the end of its stream, and what is to be put on record."""
        self._stream.close(None)
        session = self._connection.session
        return ForwardClosed(
            actor=session.person_name, source=session.source, session=session.id, target=session.target_name,
            service=self._service, asked=printable(self._asked)[:FRONT_DETAIL], opened=self._opened,
            to_person=self._to_person, to_target=self._to_target,
        )  # fmt: skip


class Forwards:
    """INVARIANT: at most `SSH_FORWARDS` are open or being opened; none after `close`."""

    def __init__(self, clock: Clock, note: Note) -> None:
        self._clock, self._note = clock, note
        self._open: list[Forward] = []
        self._opening = 0
        self._closed = False

    def __iter__(self) -> Iterator[Forward]:
        return iter(list(self._open))

    async def open(self, connection: Connection, service: str, asked: str) -> Pipe:
        """The session of a channel to the tcp service of that name.

        Raises:
            asyncssh.ChannelOpenError: it is not granted, there are too many, or the service does not answer; in words.
        """
        if len(self._open) + self._opening >= SSH_FORWARDS:
            raise _no(asyncssh.OPEN_RESOURCE_SHORTAGE, texts.FORWARDS.format(most=SSH_FORWARDS))
        self._opening += 1
        try:
            sock = await self._dialled(connection, service)
            return await self._joined(connection, service, asked, sock)
        finally:
            self._opening -= 1

    async def _dialled(self, connection: Connection, service: str) -> socket.socket:
        try:
            await connection.permit(Channel.FORWARD, service)
        except GatewayError as error:
            raise _no(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, _words(error)) from None
        try:
            return await connection.dial(service)
        except GatewayError as error:
            session, why = connection.session, getattr(error, "code", "unavailable")
            detail = f"{service}: {printable(getattr(error, 'detail', ''))}"[:FRONT_DETAIL]
            self._note(
                TargetFailed(actor="target", session=session.id, target=session.target_name, why=why, detail=detail)
            )
            raise _no(asyncssh.OPEN_CONNECT_FAILED, _words(error)) from None

    async def _joined(self, connection: Connection, service: str, asked: str, sock: socket.socket) -> Pipe:
        try:
            _stay_awake(sock)
            if self._closed:
                raise Refused("not_running", texts.UNAVAILABLE)
            forward = Forward(connection, service, asked, self._clock)
        except GatewayError as error:
            sock.close()
            raise _no(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, _words(error)) from None
        except BaseException:
            sock.close()
            raise

        def over() -> None:
            if forward in self._open:
                self._open.remove(forward)
                self._note(forward.over())

        forward.pipe = Pipe(forward.carried, over)
        self._open.append(forward)
        try:
            await forward.pipe.join(sock)
        except BaseException:
            over()
            raise
        return forward.pipe

    def close(self) -> None:
        """The connection is gone, or its session over: nothing passes any more, and nothing opens."""
        self._closed = True
        for forward in self:
            forward.pipe.cut()


def _no(code: int, words: str) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(code, printable(words))


def _words(error: GatewayError) -> str:
    return error.words if isinstance(error, Refused) else texts.UNAVAILABLE


def _stay_awake(sock: socket.socket) -> None:
    """So that a service that is gone without a word does not keep its forward open."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
