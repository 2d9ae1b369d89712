"""What somebody does on a connection once he is in: channels and forwards, one session, one way to its target."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import asyncssh

from gateway import limits
from gateway.audit.events.ssh import ChannelRefused, TargetFailed
from gateway.audit.model import AuditEvent
from gateway.errors import Refused
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.conversation import Conversation
from gateway.fronts.ssh.entrance import Entrance
from gateway.fronts.ssh.forward import Forward, Forwards
from gateway.fronts.ssh.holding import deliver_held
from gateway.fronts.ssh.ports import Connection, Visit
from gateway.fronts.ssh.session import ChannelSession
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.target import TargetLink
from gateway.inventory.model import Protocol
from gateway.limits import FRONT_DETAIL, SSH_CHANNELS, SSH_REFUSALS
from gateway.sessions.model import End, EndReason, Notice, NoticeKind
from gateway.words import printable


class Stay(Conversation):
    """INVARIANT: at most one session a connection. `finish` must be awaited once the connection is gone."""

    def __init__(self, setting: Setting, tasks: asyncio.TaskGroup, source: str) -> None:
        super().__init__(setting, tasks, source)
        self.entrance = Entrance(self, setting.sessions, setting.clock)
        self._channels: list[ChannelSession] = []
        self._forwards = Forwards(setting.clock, self._note)
        self._unsaid: list[AuditEvent] = []
        self._refusals = 0
        self._ended = False
        self.connection: Connection | None = None
        self.link: TargetLink | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def open_parts(self) -> list[ChannelSession | Forward]:
        """Whatever of the session passes on this connection."""
        return [*self._channels, *self._forwards]

    # --- entering

    def auth_completed(self) -> None:
        self._success = True
        self._stop_waiting()
        if self._sign_in is not None and self._sign_in.connection is not None:
            self._entered(self._sign_in.connection)

    async def arrive(self, target: str) -> Visit:
        """For the menu: somebody signed in wants this target now."""
        person = self.sign_in.person
        if person is None:
            raise Refused("bad_credentials", texts.FAILED)
        return await self._setting.sessions.arrive(self.sign_in.arrival(person, target, ""))

    async def enter_visit(self, visit: Visit) -> None:
        async def enter() -> None:
            self._entered(await visit.enter())

        self.held = True
        await self.errands.run(enter())

    def _entered(self, connection: Connection) -> None:
        self.connection = connection
        if self._gone:  # he hung up in this moment: nothing goes south for nobody
            return
        connection.on_notice, connection.on_pause = self._notice, self._pause
        connection.on_end = self._end
        if self._channels:
            self._open_link(connection)

    # --- the target

    def _open_link(self, connection: Connection) -> None:
        """With the first channel: who only forwards needs no log-in at the target."""
        if self.link is None and not self._ended:
            self.link = TargetLink(connection)
            self._keeping = self.spawn(self._keep(self.link, connection))
            deliver_held(connection, self.link, self.spawn)

    async def _keep(self, link: TargetLink, connection: Connection) -> None:
        """The target's connection lives as long as ours; when it fails, everybody on it reads why."""
        words = await link.run()
        if not words or self._ended or connection.session.protocol is Protocol.TCP:
            return
        self._ended = True
        for part in self.open_parts:
            part.target_lost(words)
        await self.errands.run(self._target_gone(link, connection, words))
        await self._farewell(words)

    async def _target_gone(self, link: TargetLink, connection: Connection, words: str) -> None:
        await connection.close(EndReason.TARGET, words)
        if link.why:
            session, detail = connection.session, link.detail[:FRONT_DETAIL]
            await self._setting.record(
                TargetFailed(
                    actor="target", session=session.id, target=session.target_name, why=link.why, detail=detail
                )
            )

    def _cut_link(self) -> None:
        if self.link is not None:
            self.link.cut()
        if self._keeping is not None:
            self._keeping.cancel()

    # --- the session core calls

    def _notice(self, notice: Notice) -> None:
        if notice.kind is not NoticeKind.ENDED:  # its words come with the end itself
            for channel in list(self._channels):
                channel.notice(notice)

    def _pause(self, paused: bool) -> None:
        for part in self.open_parts:
            part.pause(paused)
        if not paused and self.connection is not None:
            self.connection.on_cleared()  # a delivery that the pause stopped

    def _end(self, end: End) -> None:
        """The session is over: first nothing passes any more, then the person reads why, then he is gone."""
        if self._ended:
            return
        self._ended = True
        self._cut_link()
        self._cut(end.words)
        try:
            self.spawn(self._farewell(end.words))
        except RuntimeError:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, printable(end.words))

    def _cut(self, words: str) -> None:
        self._forwards.close()
        for channel in list(self._channels):
            channel.cut(words)

    async def _farewell(self, words: str) -> None:
        """The words stand behind what is on its way to him: a client that is behind gets the longer patience."""
        patience = limits.LAST_WORDS_BEHIND if self._conn.unsent() else limits.LAST_WORDS
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._conn.wait_closed()
        except TimeoutError:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, printable(words))

    # --- the connection's end

    def bye(self, words: str) -> None:
        """The gateway stops."""
        self._cut(words)
        self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, words)

    def hang_up(self) -> None:
        """Nothing is left of the connection: so nothing is of what belongs to it."""
        self._gone = True
        self._conn.abort()
        self._stop_waiting()
        self._cut_link()
        self._forwards.close()

    async def finish(self) -> None:
        """Give back what the connection held."""
        await self.errands.idle()
        sign_in = self._sign_in
        for left in self._left:
            await self._abandon(left)
        connection = self.connection or (sign_in.connection if sign_in is not None else None)
        if connection is not None:
            await connection.close(EndReason.CLIENT if self._clean else EndReason.LOST)
        elif sign_in is not None:
            await self._abandon(sign_in)
        for event in self._unsaid:
            await self._setting.record(event)

    # --- channels and forwards (asyncssh calls)

    def transport_full(self, full: bool) -> None:
        for part in self.open_parts:
            part.transport_full(full)

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[bytes], ChannelSession]:
        if len(self._channels) >= SSH_CHANNELS:
            self.refused("session", f"more than {SSH_CHANNELS}")
            words = texts.CHANNELS.format(most=SSH_CHANNELS)
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, words)
        session = ChannelSession(self)
        self._channels.append(session)
        if self.connection is not None:
            self._open_link(self.connection)
        return self._conn.create_server_channel(), session

    def channel_over(self, session: ChannelSession) -> None:
        if session in self._channels:
            self._channels.remove(session)

    def connection_requested(
        self,
        dest_host: str,
        dest_port: int,
        orig_host: str,  # noqa: ARG002 - whatever the client says
        orig_port: int,  # noqa: ARG002
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        return self._open(dest_host, dest_port)

    async def _open(self, host: str, port: int) -> asyncssh.SSHTCPSession[bytes]:
        """A direct-tcpip channel: a forward to a service that was granted, or nothing."""
        connection = self.connection
        if connection is None:
            self._prohibit("direct-tcpip", f"{host}:{port}", texts.NO_TARGET.format(person=self.login.person))
        service = connection.declared(host, port)
        if service is None:
            target = connection.session.target_name
            self._prohibit("direct-tcpip", f"{host}:{port}", texts.FORWARD.format(target=target))
        return await self._forwards.open(connection, service, f"{host}:{port}")

    def refused(self, kind: str, detail: str, *, counts: bool = True) -> None:
        """On record; whoever goes on asking is disconnected, for what `counts`."""
        self._refusals += counts
        if self._refusals > SSH_REFUSALS:
            self._refuse(texts.REFUSALS, "too many refusals")
            return
        session = self.connection.session.id if self.connection else ""
        detail = printable(detail)[:FRONT_DETAIL]
        self._note(ChannelRefused(actor=self._actor(), source=self._source, kind=kind, detail=detail, session=session))

    def _note(self, event: AuditEvent) -> None:
        """Put it on record, at the latest at the end of the connection."""
        try:
            self.spawn(self._setting.record(event))
        except RuntimeError:  # the front stops and takes no more tasks
            self._unsaid.append(event)
