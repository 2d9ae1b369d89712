"""One session channel of the client: what it asks for, what is refused, and its relay to the target."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, Protocol

import asyncssh

from gateway.errors import GatewayError, Refused
from gateway.fronts.ssh import scp, texts
from gateway.fronts.ssh.entrance import Entrance
from gateway.fronts.ssh.files import Complaints, Permits
from gateway.fronts.ssh.holding import Holding
from gateway.fronts.ssh.names import Login
from gateway.fronts.ssh.ports import Connection, Stream
from gateway.fronts.ssh.relay import Exit, Relay, Side
from gateway.fronts.ssh.screen import Screen
from gateway.fronts.ssh.sftp import FileRelay, Follower, Reports
from gateway.fronts.ssh.target import TargetLink
from gateway.fronts.ssh.valve import Valve
from gateway.limits import SOUTH_CONNECT
from gateway.policy.model import FILE_CHANNELS, Channel
from gateway.sessions.model import Notice
from gateway.sftp.proxy import Proxy
from gateway.words import printable

TERM_CHARACTERS: Final = 64  # of the terminal's type; longer is nobody's
TYPED_AHEAD: Final = timedelta(seconds=1)  # after a hold, keys count from the first output, or from this long after
SFTP: Final = "sftp"
NO_VERSION: Final = bytes((0, 0, 0, 5, 101, 0, 0, 0, 0))  # an SFTP packet that is no answer to SSH_FXP_INIT
LIBSSH2: Final = "SSH-2.0-libssh2"  # hangs on a subsystem that is accepted and closed (ssh-hold.md, 3)
HANG_UP: Final = frozenset({"HUP", "KILL", "TERM", "INT", "QUIT", "ABRT", "USR1", "USR2", "ALRM", "PIPE"})


@dataclass(frozen=True, slots=True)
class Start:
    """What shall run on the target; with neither command nor subsystem a shell.

    Attributes:
        kind: of the stream, in the recording.
    """

    kind: str
    command: str | None = None
    subsystem: str | None = None


class Visitor(Protocol):
    """The connection that the channel belongs to."""

    @property
    def login(self) -> Login: ...
    @property
    def connection(self) -> Connection | None: ...
    @property
    def link(self) -> TargetLink | None: ...
    @property
    def client_version(self) -> str: ...
    @property
    def held(self) -> bool: ...
    @property
    def entrance(self) -> Entrance: ...

    def spawn(self, call: Coroutine[Any, Any, None], /) -> asyncio.Task[None]: ...
    def refused(self, kind: str, detail: str, /, *, counts: bool = True) -> None: ...
    def channel_over(self, session: ChannelSession, /) -> None: ...


class ChannelSession(asyncssh.SSHServerSession[bytes]):
    """INVARIANT: at most one relay, and none before `Connection.permit` and `open_stream` said yes."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._term = ""
        self._modes: dict[int, int] = {}
        self._begun = self._gone = False
        self._task: asyncio.Task[None] | None = None
        self._relay: Relay | None = None
        self._early: list[bytes] = []
        self._early_eof = False
        self._dropped = 0
        self._awake = True  # what is typed counts
        self._owed = b""  # what a client must get on standard output before it believes a no
        self._keys: Callable[[bytes], None] | None = None
        self._complaints: list[str] = []

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan, self._valve = chan, Valve(chan)
        self.screen = Screen(chan, self._nudge)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the connection knows why
        self._gone = True
        self.screen.stop()
        if self._relay is not None:
            self._relay.client_gone()
        elif self._task is not None:
            self._task.cancel()
        self._visitor.channel_over(self)

    # --- what the client asks for

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        if self._begun or len(term_type) > TERM_CHARACTERS:
            return False
        self._term, self._modes = printable(term_type) or "dumb", dict(term_modes)
        self.screen.terminal, self.screen.columns, self.screen.rows = True, term_size[0], term_size[1]
        return True

    def shell_requested(self) -> bool:
        return self._begin(self._carry(Channel.SHELL))

    def exec_requested(self, command: str) -> bool:
        if not command or "\0" in command:  # asyncssh would open a shell for an empty one
            return self._begin(self._refuse("exec", "", "There is no command to run."))
        return self._begin(self._carry_command(command))

    def subsystem_requested(self, subsystem: str) -> bool:
        name = printable(subsystem)[:TERM_CHARACTERS]
        hangs = self._visitor.client_version.startswith(LIBSSH2)
        if name == SFTP and not (hangs and self._hopeless()):
            self._owed = NO_VERSION if hangs else b""
            return self._begin(self._carry_sftp())
        if hangs:
            self._visitor.refused("subsystem", name)
            asyncio.get_running_loop().call_soon(self._chan.close)
            return False
        return self._begin(self._refuse("subsystem", name, texts.SUBSYSTEM.format(name=name)))

    def _hopeless(self) -> bool:
        """Whether files will be refused, as far as that is known without asking."""
        connection = self._visitor.connection
        return connection is None or not any(connection.allowed(channel) for channel in FILE_CHANNELS)

    def refused(self, kind: str) -> None:
        """A request that the channel itself refused; told once the session runs, for clients do not wait for it."""
        self._visitor.refused(kind, "")
        self._complaints.append(texts.AGENT if kind == "agent" else texts.X11)

    def _begin(self, call: Coroutine[Any, Any, None]) -> bool:
        self._begun = True
        self._task = self._visitor.spawn(self._guarded(call))
        return True

    async def _guarded(self, call: Coroutine[Any, Any, None]) -> None:
        """Every way not to get a channel ends in words and status 254."""
        try:
            await asyncio.sleep(0)  # the client is told first that its request was taken
            for complaint in dict.fromkeys(self._complaints):
                self.screen.say(complaint)
            await call
        except Refused as refused:
            self._no(refused.words)
        except GatewayError:
            self._no(texts.UNAVAILABLE)
        except (OSError, asyncssh.Error):
            self._no(self._about_target(texts.CHANNEL_REFUSED))
        finally:
            call.close()

    def _no(self, words: str) -> None:
        """Say why, and close: to who waits for an answer of another kind only, with one that he cannot take."""
        if self._owed:
            self.screen.write(self._owed)
        self.screen.last_words(words)

    async def _refuse(self, kind: str, detail: str, words: str) -> None:
        self._visitor.refused(kind, detail)
        raise Refused("not_carried", words)

    def _about_target(self, text: str) -> str:
        connection = self._visitor.connection
        return text.format(target=connection.session.target_name if connection else "", whom=texts.WHOM)

    # --- the way to the target

    async def _carry(self, channel: Channel) -> None:
        if self._visitor.connection is None:
            status = await self._visitor.entrance.enter(self._chan, self.screen, self._take_keys)
            self._keys = None
            if status is not None:
                self._chan.exit(status)
                return
        connection, target = await self._entered()
        await connection.permit(channel)
        await self._join(connection, target, Start(channel.value))

    async def _carry_command(self, command: str) -> None:
        connection, target = await self._entered()
        arranged = await scp.arranged(connection, command, self._visitor.spawn)
        start = Start(Channel.EXEC.value, arranged.command)
        await self._join(connection, target, start, arranged.follower, arranged.used)

    async def _carry_sftp(self) -> None:
        connection, target = await self._entered()
        permits = Permits(connection, self._visitor.spawn)
        proxy = Proxy(await permits.ask(), permits.words)
        permits.on_rules = partial(setattr, proxy, "rules")
        await self._join(connection, target, Start(SFTP, subsystem=SFTP), proxy, permits.used)
        self._owed = b""

    async def _entered(self) -> tuple[Connection, asyncssh.SSHClientConnection]:
        """The session and its target. Raises Refused."""
        connection, link = self._visitor.connection, self._visitor.link
        if connection is None and not self.screen.terminal:
            raise Refused("no_target", texts.NO_TARGET.format(person=self._visitor.login.person))
        if connection is None or link is None:
            raise Refused("not_running", texts.UNAVAILABLE)
        return connection, await link.opened()  # who reads why it is not there is not told that nothing runs

    async def _join(
        self,
        connection: Connection,
        target: asyncssh.SSHClientConnection,
        start: Start,
        follower: Follower | None = None,
        used: Callable[[], None] = scp.nothing,
    ) -> None:
        environment: dict[str, str] = dict(self._chan.get_environment())
        columns, rows, width, height = self._chan.get_terminal_size()
        terminal = (columns, rows) if self.screen.terminal else None
        about = {"command": start.command or "", "term": self._term, "environment": environment}
        stream = connection.open_stream(start.kind, about, terminal)
        relay = self._relayed(connection, stream, follower, used)
        self._awake = not (self._visitor.held and self.screen.terminal)
        try:
            async with asyncio.timeout(SOUTH_CONNECT.total_seconds()):
                await target.create_session(
                    lambda: relay, start.command, subsystem=start.subsystem,
                    env=list(self._chan.get_environment_bytes().items()), send_env=None,
                    request_pty="force" if terminal else False, term_type=self._term or None,
                    term_size=(columns, rows, width, height), term_modes=self._modes, encoding=None,
                )  # fmt: skip
        except BaseException:  # the client may be gone in this moment, and with it who waits here
            relay.client_gone()
            raise
        self._relay = relay
        if self._gone:
            relay.client_gone()
            return
        if not self._awake:
            asyncio.get_running_loop().call_later(TYPED_AHEAD.total_seconds(), self._wake)
        self._flow(relay)

    def _relayed(
        self, connection: Connection, stream: Stream, follower: Follower | None, used: Callable[[], None]
    ) -> Relay:
        if follower is None:
            terminal = self.screen.terminal
            return Relay(
                self._chan, self._valve, stream, terminal=terminal, on_output=self._passed, on_over=self._over
            )  # fmt: skip
        complaints = Complaints(self.screen.say, partial(self._visitor.refused, counts=False))
        reports = Reports(used, complaints.refused, complaints.say_once, self._broken, self._over)
        holding = Holding(connection, self._visitor.spawn) if isinstance(follower, Proxy) else None
        return FileRelay(self._chan, self._valve, stream, follower, reports, holding)

    def _broken(self, words: str) -> None:
        """The transfer cannot go on: nothing of it passes any more, and the person reads why."""
        if self._relay is not None:
            self._relay.cut()
        self.screen.last_words(words)

    def _flow(self, relay: Relay) -> None:
        early, self._early = self._early, []
        for data in early:
            self.data_received(data, None)
        if self._early_eof:
            relay.client_eof()
        self._valve.open(Side.OPENING)

    # --- flow

    def data_received(self, data: bytes, datatype: int | None) -> None:  # noqa: ARG002 - clients have no second kind
        if self._keys is not None:
            self._keys(data)
        elif not self._awake and self._relay is not None:
            self._dropped += len(data)
        elif self._relay is not None:
            self._relay.from_client(data)
        else:
            self._early.append(data)
            self._valve.shut(Side.OPENING)

    def eof_received(self) -> bool:
        if self._keys is not None:
            self._keys(b"\x04")
        elif self._relay is not None:
            self._relay.client_eof()
        else:
            self._early_eof = True
        return True

    def _take_keys(self, keys: Callable[[bytes], None] | None) -> None:
        """While the person chooses or waits, his keys go there; what came before he was asked is gone."""
        self._keys = keys
        self._early.clear()
        self._valve.open(Side.OPENING)

    def _passed(self, data: bytes) -> None:
        if not self._awake:
            self._wake()
        self.screen.passed(data)

    def _wake(self) -> None:
        if self._awake:
            return
        self._awake = True
        if self._dropped:
            self.screen.say(texts.DROPPED_AHEAD.format(octets=self._dropped))

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self.screen.columns, self.screen.rows = width, height
        if self._relay is not None:
            self._relay.resized(width, height, pixwidth, pixheight)

    def signal_received(self, signal: str) -> None:
        if self._relay is not None and signal in HANG_UP:
            self._relay.signalled(signal)

    def break_received(self, msec: int) -> bool:
        if self._relay is not None:
            self._relay.broken(msec)
        return True

    def pause_writing(self) -> None:
        if self._relay is not None:
            self._relay.client_full(True)

    def resume_writing(self) -> None:
        if self._relay is not None:
            self._relay.client_full(False)

    def transport_full(self, full: bool) -> None:
        if self._relay is not None:
            self._relay.transport_full(full)

    # --- the session core

    def notice(self, notice: Notice) -> None:
        if self._begun:
            self.screen.show(notice)

    def pause(self, paused: bool) -> None:
        if self._relay is not None:
            self._relay.pause(paused)

    def cut(self, words: str) -> None:
        """The session is over: nothing passes from now on, and the person reads why."""
        if self._relay is not None:
            self._relay.cut()
        elif self._task is not None:
            self._task.cancel()
        self.screen.last_words(words)

    def target_lost(self, words: str) -> None:
        """The target's connection is gone; whoever still waits for it reads why from its failure."""
        if self._relay is not None:
            self.screen.last_words(words)

    def _nudge(self, columns: int, rows: int) -> None:
        if self._relay is not None:
            self._relay.nudge(columns, rows)

    def _over(self, end: Exit, exc: Exception | None) -> None:
        """The target's side is gone, and everything it sent was passed on."""
        self.screen.stop()
        if end.unasked:
            self.screen.say(texts.FILES_GONE)
        if end.status is not None:
            self._chan.exit(end.status)
        elif end.signal:
            self._chan.exit_with_signal(end.signal, end.core_dumped, end.message, end.language)
        elif exc is not None:
            self.screen.last_words(self._about_target(texts.TARGET_LOST))
        else:
            self._chan.close()
