"""One connection of a person's client, from the first octet to the last: what asyncssh calls, joined to the sign-in."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

import asyncssh

from gateway.audit.events.ssh import ConnectionFailed, ConsentAccepted
from gateway.errors import GatewayError, Invalid
from gateway.fronts.listener import Place
from gateway.fronts.ssh import names, texts
from gateway.fronts.ssh.jump import Jumps
from gateway.fronts.ssh.setting import Setting
from gateway.fronts.ssh.stay import Stay
from gateway.limits import FRONT_DETAIL
from gateway.words import printable

HIDES_BANNER: Final = ("SSH-2.0-PuTTY",)  # shows no banner when it runs a command: gets the text with the first prompt
BLAMELESS: Final = frozenset({"ConnectionLost", "unavailable"})  # a store that is away is nobody's guess at a password


class Visitor(Stay):
    """Everything of one connection. `finish` must be awaited once it is gone."""

    def __init__(self, setting: Setting, tasks: asyncio.TaskGroup, source: str, place: Place) -> None:
        super().__init__(setting, tasks, source)
        self._place = place
        self._login_tried = ""
        self._banner_sent = False
        self._jumps = Jumps(self, setting, source)

    # --- authentication (asyncssh and `FrontConnection` call)

    def begin_auth(self, username: str) -> bool:
        """A login name, the first or another: what was proved for the one before does not count for this one."""
        self._forget()
        self._login_tried = printable(username)[:FRONT_DETAIL]
        try:
            login = names.parse(username)
        except Invalid:
            self._failures += 1
            self._refuse(texts.LOGIN_NAME, "login name")
            return True
        banner, hides = self._setting.banner, self.client_version.startswith(HIDES_BANNER)
        self._new_sign_in(login, intro=banner if hides else "")
        if banner and not self._banner_sent:
            self._conn.send_auth_banner(banner.rstrip().replace("\n", "\r\n") + "\r\n")
            self._banner_sent = True
        return True

    def public_key_auth_supported(self) -> bool:
        return self._sign_in is None or self._sign_in.first is None

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

    # --- other targets behind this connection

    async def _open(self, host: str, port: int) -> asyncssh.SSHTCPSession[bytes]:
        """A direct-tcpip channel: to a service that was granted, or to the SSH of a target that he may know of."""
        if self.connection is None or self.connection.declared(host, port) is None:
            pipe = await self._jumps.open(host, port)
            if pipe is not None:
                return pipe
        return await super()._open(host, port)

    def transport_full(self, full: bool) -> None:
        super().transport_full(full)
        self._jumps.transport_full(full)

    # --- the end

    def bye(self, words: str) -> None:
        self._jumps.bye(words)
        super().bye(words)

    def hang_up(self) -> None:
        super().hang_up()
        self._jumps.hang_up()

    async def finish(self) -> None:
        await super().finish()
        sign_in = self._sign_in
        if not self._success and not (sign_in is not None and sign_in.person is not None):
            await self._failed()

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
