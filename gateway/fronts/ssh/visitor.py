"""One connection of a person's client, from the first octet to the last: what asyncssh calls, joined to the sign-in."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import asyncssh
import structlog

from gateway import limits
from gateway.audit.events.ssh import ChannelRefused, ConnectionFailed, ConsentAccepted, TargetFailed
from gateway.errors import GatewayError, Invalid, Refused
from gateway.fronts.errands import Errands
from gateway.fronts.listener import Place
from gateway.fronts.ssh import names, texts
from gateway.fronts.ssh.auth import Round, SignIn
from gateway.fronts.ssh.connection import FrontConnection
from gateway.fronts.ssh.entrance import Entrance
from gateway.fronts.ssh.names import Login
from gateway.fronts.ssh.ports import Connection, Visit
from gateway.fronts.ssh.session import ChannelSession
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.target import TargetLink
from gateway.fronts.ssh.uncarried import Uncarried
from gateway.limits import FRONT_DETAIL, SSH_ATTEMPTS, SSH_CHANNELS, SSH_GRACE, SSH_OFFERS, SSH_REFUSALS
from gateway.sessions.model import End, EndReason, Notice, NoticeKind
from gateway.words import printable

log = structlog.get_logger()

HIDES_BANNER: Final = ("SSH-2.0-PuTTY",)  # shows no banner when it runs a command: gets the text with the first prompt
BLAMELESS: Final = frozenset({"ConnectionLost", "unavailable"})  # a store that is away is nobody's guess at a password


class Visitor(Uncarried):
    """Everything of one connection. `finish` must be awaited once it is gone."""

    def __init__(self, setting: Setting, tasks: asyncio.TaskGroup, source: str, place: Place) -> None:
        self._setting, self._tasks, self._source, self._place = setting, tasks, source, place
        self.errands = Errands(tasks)
        self.entrance = Entrance(self, setting.sessions, setting.clock)
        self._sign_in: SignIn | None = None
        self._left: list[SignIn] = []
        self._channels: list[ChannelSession] = []
        self._grace: asyncio.TimerHandle | None = None
        self._failures = self._offers = self._refusals = 0
        self._login_tried = ""
        self._banner_sent = self._success = self._ended = self._gone = False
        self._why, self._clean, self.held = "", False, False
        self.connection: Connection | None = None
        self.link: TargetLink | None = None
        self._keeping: asyncio.Task[None] | None = None

    # --- the connection (asyncssh calls)

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if not isinstance(conn, FrontConnection):
            raise TypeError("a connection that the self-check does not cover")
        self._conn = conn
        self._wait_for_proof()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._clean = exc is None
        if exc is not None and not self._why:
            self._why = type(exc).__name__

    @property
    def client_version(self) -> str:
        return printable(str(self._conn.get_extra_info("client_version") or ""))[:FRONT_DETAIL]

    def spawn(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        try:
            return self._tasks.create_task(call)
        except RuntimeError:  # the front stops and takes no more tasks
            call.close()
            raise

    def hang_up(self) -> None:
        """Nothing is left of the connection: so nothing is of what belongs to it."""
        self._gone = True
        self._conn.abort()
        self._stop_waiting()
        self._cut_link()

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
        if not self._success and not (sign_in is not None and sign_in.person is not None):
            await self._failed()

    async def _abandon(self, sign_in: SignIn) -> None:
        if sign_in.connection is not None:
            await sign_in.connection.close(EndReason.LOST)
        elif sign_in.visit is not None:
            await sign_in.visit.leave()

    async def _failed(self) -> None:
        """Nobody proved who he is. Having tried nothing and broken nothing is not held against the source."""
        if not self._failures and not self._offers and self._why in {"", "ConnectionLost"}:
            return
        if self._failures or self._why not in BLAMELESS:
            self._setting.penalties.failed(self._source, self._setting.clock.instant().boot)
        await self._setting.record(
            ConnectionFailed(
                actor=self._actor(),
                source=self._source,
                login=self._login_tried,
                client=self.client_version,
                failures=self._failures,
                why=self._why or "left",
            )
        )

    # --- authentication (asyncssh and `FrontConnection` call)

    @property
    def admitted(self) -> bool:
        return self._sign_in is not None and self._sign_in.admitted

    @property
    def proved_something(self) -> bool:
        return self._sign_in is not None and self._sign_in.first is not None

    @property
    def sign_in(self) -> SignIn:
        if self._sign_in is None:
            raise Refused("bad_credentials", texts.FAILED)
        return self._sign_in

    @property
    def login(self) -> Login:
        return self.sign_in.login

    def begin_auth(self, username: str) -> bool:
        """A login name, the first or another: what was proved for the one before does not count for this one."""
        if self._sign_in is not None:
            self._left.append(self._sign_in)
            self.attempt_failed("name")
        self._sign_in = None
        self._login_tried = printable(username)[:FRONT_DETAIL]
        try:
            login = names.parse(username)
        except Invalid:
            self._failures += 1
            self._refuse(texts.LOGIN_NAME, "login name")
            return True
        banner, hides = self._setting.banner, self.client_version.startswith(HIDES_BANNER)
        self._sign_in = SignIn(
            login,
            source=self._source,
            client=self.client_version,
            intro=banner if hides else "",
            identity=self._setting.identity,
            sessions=self._setting.sessions,
            clock=self._setting.clock,
            errands=self.errands,
        )
        if banner and not self._banner_sent:
            self._conn.send_auth_banner(banner.rstrip().replace("\n", "\r\n") + "\r\n")
            self._banner_sent = True
        return True

    def public_key_auth_supported(self) -> bool:
        return self._sign_in is None or self._sign_in.first is None

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    async def key_offered(self, public: str) -> bool:
        try:
            return self._sign_in is not None and await self._sign_in.offered(public)
        except GatewayError as error:
            return self._deny(error)

    async def key_proved(self, public: str, touched: bool) -> None:
        try:
            await self.sign_in.key_proved(public, touched=touched)
            await self._proved()
        except GatewayError as error:
            self._deny(error)

    async def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Round | bool:  # noqa: ARG002
        try:
            return await self._round(await self.sign_in.challenge())
        except GatewayError as error:
            return self._deny(error)

    async def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Round | bool:  # noqa: ARG002
        try:
            answer = await self.sign_in.answer(list(responses))
            await self._proved()
            return await self._round(answer)
        except GatewayError as error:
            return self._deny(error)

    async def _round(self, answer: Round | bool) -> Round | bool:
        """Each question has its time; a hold has many rounds, each of which the client answers by itself."""
        if not isinstance(answer, bool):
            self._wait_for_proof()
            self.held = self.held or not answer[3]
        return answer

    async def _proved(self) -> None:
        """Both factors: no longer a stranger, and his consent is on record before anything opens."""
        sign_in = self.sign_in
        if sign_in.person is None or not self._place.pending:
            return
        self._place.proven()
        self._setting.penalties.proved(self._source)
        await self._setting.write(
            ConsentAccepted(
                actor=sign_in.person.name,
                source=self._source,
                banner_sha256=hashlib.sha256(self._setting.banner.encode()).hexdigest(),
                client=self.client_version,
                hassh=self._conn.hassh,
                cipher=self._conn.cipher,
                strict_kex=self._conn.strict_kex,
            )
        )

    def attempt_failed(self, method: str) -> None:
        """Count it: a wrong answer or signature weighs more than a key or a method that is not taken."""
        if method in {"signature", "keyboard-interactive"}:
            self._failures += 1
        else:
            self._offers += 1
        if self._failures >= SSH_ATTEMPTS or self._offers >= SSH_OFFERS:
            self._refuse(texts.TOO_MANY_FAILURES, "too many attempts")

    def _deny(self, error: GatewayError) -> bool:
        words = error.words if isinstance(error, Refused) else texts.UNAVAILABLE
        if not isinstance(error, Refused):
            log.error("Sign-in could not be decided", error=str(error), source=self._source)
        self._refuse(words, error.code if isinstance(error, Refused) else "unavailable")
        return False

    def _refuse(self, words: str, why: str) -> None:
        """Say no: the banner and the disconnect carry the same words, for no client shows both (ssh-hold.md, 3)."""
        self._why = self._why or why
        if not self._success:
            self._conn.send_auth_banner(words + "\r\n")
        self._conn.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, words)

    def _wait_for_proof(self) -> None:
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(SSH_GRACE.total_seconds(), self._refuse, texts.TOO_SLOW, "grace")

    def _stop_waiting(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def auth_completed(self) -> None:
        self._success = True
        self._stop_waiting()
        if self._sign_in is not None and self._sign_in.connection is not None:
            self._entered(self._sign_in.connection)

    # --- the session

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
        self.link = TargetLink(connection)
        self._keeping = self.spawn(self._keep(self.link, connection))
        connection.on_notice, connection.on_pause = self._notice, self._pause
        connection.on_end = self._end

    async def _keep(self, link: TargetLink, connection: Connection) -> None:
        """The target's connection lives as long as ours; when it fails, everybody on it reads why."""
        words = await link.run()
        if not words or self._ended:
            return
        self._ended = True
        for channel in list(self._channels):
            channel.target_lost(words)
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

    def _notice(self, notice: Notice) -> None:
        if notice.kind is not NoticeKind.ENDED:  # its words come with the end itself
            for channel in list(self._channels):
                channel.notice(notice)

    def _pause(self, paused: bool) -> None:
        for channel in list(self._channels):
            channel.pause(paused)

    def _end(self, end: End) -> None:
        """The session is over: first nothing passes any more, then the person reads why, then he is gone."""
        if self._ended:
            return
        self._ended = True
        self._cut_link()
        for channel in list(self._channels):
            channel.cut(end.words)
        try:
            self.spawn(self._farewell(end.words))
        except RuntimeError:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, printable(end.words))

    def _cut_link(self) -> None:
        if self.link is not None:
            self.link.cut()
        if self._keeping is not None:
            self._keeping.cancel()

    async def _farewell(self, words: str) -> None:
        """The words stand behind what is on its way to him: a client that is behind gets the longer patience."""
        patience = limits.LAST_WORDS_BEHIND if self._conn.unsent() else limits.LAST_WORDS
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._conn.wait_closed()
        except TimeoutError:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, printable(words))

    def bye(self, words: str) -> None:
        """The gateway stops."""
        for channel in list(self._channels):
            channel.cut(words)
        self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, words)

    def transport_full(self, full: bool) -> None:
        for channel in list(self._channels):
            channel.transport_full(full)

    # --- channels, and what is not carried

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[bytes], ChannelSession]:
        if len(self._channels) >= SSH_CHANNELS:
            self.refused("session", f"more than {SSH_CHANNELS}")
            words = texts.CHANNELS.format(most=SSH_CHANNELS)
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, words)
        session = ChannelSession(self)
        self._channels.append(session)
        return self._conn.create_server_channel(), session

    def channel_over(self, session: ChannelSession) -> None:
        if session in self._channels:
            self._channels.remove(session)

    def refused(self, kind: str, detail: str, *, counts: bool = True) -> None:
        """On record; whoever goes on asking is disconnected, for what `counts`."""
        self._refusals += counts
        if self._refusals > SSH_REFUSALS:
            self._refuse(texts.REFUSALS, "too many refusals")
            return
        session = self.connection.session.id if self.connection else ""
        detail = printable(detail)[:FRONT_DETAIL]
        event = ChannelRefused(actor=self._actor(), source=self._source, kind=kind, detail=detail, session=session)
        self.spawn(self._setting.record(event))

    def _actor(self) -> str:
        """Who it is, once that is proved; else nobody."""
        person = self._sign_in.person if self._sign_in else None
        return person.name if person else ""
