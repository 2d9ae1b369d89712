"""What is said on a connection until somebody is in, whoever asks for proof of what: attempts, patience, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import asyncssh
import structlog

from gateway.errors import GatewayError, Refused
from gateway.fronts.errands import Errands
from gateway.fronts.ssh import texts
from gateway.fronts.ssh.auth import Round, SignIn
from gateway.fronts.ssh.connection import FrontConnection
from gateway.fronts.ssh.names import Login
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.uncarried import Uncarried
from gateway.limits import FRONT_DETAIL, SSH_ATTEMPTS, SSH_GRACE, SSH_OFFERS
from gateway.sessions.model import EndReason
from gateway.words import printable

log = structlog.get_logger()


class Conversation(Uncarried):
    """A connection up to SSH_MSG_USERAUTH_SUCCESS, and its end."""

    def __init__(self, setting: Setting, tasks: asyncio.TaskGroup, source: str) -> None:
        self._setting, self._tasks, self._source = setting, tasks, source
        self.errands = Errands(tasks)
        self._sign_in: SignIn | None = None
        self._left: list[SignIn] = []
        self._grace: asyncio.TimerHandle | None = None
        self._failures = self._offers = 0
        self._success = self._gone = False
        self._why, self._clean, self.held = "", False, False

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
    def lost(self) -> bool:
        """Whether something broke it."""
        return bool(self._why)

    @property
    def client_version(self) -> str:
        return printable(str(self._conn.get_extra_info("client_version") or ""))[:FRONT_DETAIL]

    def spawn(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        try:
            return self._tasks.create_task(call)
        except RuntimeError:  # the front stops and takes no more tasks
            call.close()
            raise

    # --- who it is

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

    def _forget(self) -> None:
        """Another login name: what was proved for the one before does not count for it."""
        if self._sign_in is not None:
            self._left.append(self._sign_in)
            self.attempt_failed("name")
        self._sign_in = None

    def _new_sign_in(self, login: Login, intro: str = "") -> SignIn:
        setting = self._setting
        self._sign_in = SignIn(
            login, source=self._source, client=self.client_version, intro=intro, identity=setting.identity,
            sessions=setting.sessions, clock=setting.clock, errands=self.errands,
        )  # fmt: skip
        return self._sign_in

    # --- authentication (asyncssh and `FrontConnection` call)

    def public_key_auth_supported(self) -> bool:
        return False

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    async def key_offered(self, public: str) -> bool:  # noqa: ARG002
        return False

    async def key_proved(self, public: str, touched: bool) -> None:
        """Keys prove nothing unless a subclass says what."""

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

    async def _proved(self) -> None:
        """Called whenever something was proved."""

    async def _round(self, answer: Round | bool) -> Round | bool:
        """Each question has its time; a hold has many rounds, each of which the client answers by itself."""
        if not isinstance(answer, bool):
            self._wait_for_proof()
            self.held = self.held or not answer[3]
        return answer

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

    # --- the end

    async def _abandon(self, sign_in: SignIn) -> None:
        if sign_in.connection is not None:
            await sign_in.connection.close(EndReason.LOST)
        elif sign_in.visit is not None:
            await sign_in.visit.leave()

    def _actor(self) -> str:
        """Who it is, once that is proved; else nobody."""
        person = self._sign_in.person if self._sign_in else None
        return person.name if person else ""
