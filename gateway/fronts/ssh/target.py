"""The client side: the one SSH connection to the target that serves all channels of one front connection.

The credential leaves the vault's hands only after the host key was checked; nothing of this machine's own SSH set-up
(agent, configuration, known hosts, default keys) is ever read. What goes wrong is told in words without an address.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

import asyncssh

from gateway.errors import GatewayError, Refused
from gateway.fronts.ssh import kex, texts
from gateway.fronts.ssh.ports import Connection
from gateway.inventory.model import Credential, CredentialKind
from gateway.limits import SOUTH_CONNECT
from gateway.words import printable

KEEPALIVE: Final = 3  # seconds between questions whether the target is still there
KEEPALIVE_COUNT: Final = 3  # unanswered ones: a silent target is told to the person within ten seconds

KeyPairs = list[asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]]


class TargetClient(asyncssh.SSHClient):
    """Checks the host key before the credential is shown, and shows it once."""

    def __init__(self, connection: Connection, credential: Credential) -> None:
        self._connection, self._credential = connection, credential
        self._public = ""
        self._known = False
        self._used = False
        self.refused: GatewayError | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Remember it: the pin lives in the store, which has to be awaited. Its signature is verified by asyncssh."""
        self._public = key.export_public_key("openssh").decode("ascii").strip()
        return True

    async def known(self) -> bool:
        """Whether the key is the pinned one; asked before anything secret is sent and before a channel opens."""
        if self.refused is None and not self._known:
            try:
                await self._connection.check_host_key(self._public)
                self._known = True
            except GatewayError as error:
                self.refused = error
        return self._known

    async def public_key_auth_requested(self) -> KeyPairs | None:
        if self._credential.kind is CredentialKind.PASSWORD or not await self._take():
            return None
        key = asyncssh.import_private_key(self._credential.secret)
        if not self._credential.certificate:
            return [key]
        return [(key, asyncssh.import_certificate(self._credential.certificate))]

    async def password_auth_requested(self) -> str | None:
        return await self._password()

    async def kbdint_auth_requested(self) -> str | None:
        return "" if self._credential.kind is CredentialKind.PASSWORD and not self._used else None

    async def kbdint_challenge_received(
        self,
        name: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],
    ) -> list[str] | None:
        """Old targets ask for the password this way: one prompt without echo."""
        if not prompts:
            return []
        if len(prompts) != 1 or prompts[0][1]:
            return None
        password = await self._password()
        return None if password is None else [password]

    async def _password(self) -> str | None:
        if self._credential.kind is not CredentialKind.PASSWORD or not await self._take():
            return None
        return self._credential.secret.decode("utf-8", "surrogateescape")

    async def _take(self) -> bool:
        if self._used or not await self.known():
            return False
        self._used = True
        return True


class TargetLink:
    """Opened as soon as the session is entered; channels wait for it.

    Attributes:
        why: one word for the auditor when it failed.
        detail: the library's account of it, for the auditor alone.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ready = asyncio.Event()
        self._conn: asyncssh.SSHClientConnection | None = None
        self._refused: Refused | None = None
        self._cut = False
        self.why = self.detail = ""

    async def run(self) -> str:
        """Open it, and return when it is gone: the words for the person; empty when we closed it."""
        try:
            async with asyncio.timeout(SOUTH_CONNECT.total_seconds()):
                conn = await self._open()
        except (OSError, asyncssh.Error, GatewayError, asyncssh.KeyImportError) as error:
            self._refused = self._explained(error)
            self.detail = f"{type(error).__name__}: {printable(getattr(error, 'detail', '') or str(error))}"
            return "" if self._cut else self._refused.words
        finally:
            self._ready.set()
        await conn.wait_closed()
        return "" if self._cut else self._say(texts.TARGET_LOST)

    async def opened(self) -> asyncssh.SSHClientConnection:
        """The connection, once it is there.

        Raises:
            Refused: it could not be opened; words name whom to call.
        """
        await self._ready.wait()
        if self._conn is None:
            raise self._refused or Refused("target_lost", self._say(texts.TARGET_LOST))
        return self._conn

    def cut(self) -> None:
        """Gone at once; what was not sent is never sent."""
        self._cut = True
        if self._conn is not None:
            self._conn.abort()

    async def _open(self) -> asyncssh.SSHClientConnection:
        credential = await self._connection.credential()
        sock = await self._connection.dial()
        client = TargetClient(self._connection, credential)
        try:
            options = asyncssh.SSHClientConnectionOptions(**self._options(credential))
            conn = await self._over(sock, client, options)
        except asyncssh.Error:
            if client.refused is not None:
                raise client.refused from None
            raise
        if not await client.known():  # a target may let us in without having asked for anything
            conn.abort()
            raise client.refused or Refused("host_key_changed", self._say(texts.HOST_KEY))
        if self._cut:
            conn.abort()
            raise ConnectionAbortedError("cut")
        self._conn = conn
        return conn

    async def _over(
        self, sock: socket.socket, client: TargetClient, options: asyncssh.SSHClientConnectionOptions
    ) -> asyncssh.SSHClientConnection:
        try:
            conn, _ = await asyncssh.create_connection(lambda: client, sock=sock, options=options)
        except BaseException:
            sock.close()
            raise
        return conn

    def _options(self, credential: Credential) -> dict[str, object]:
        suite = kex.SUITES[self._connection.service.profile]
        return {
            "username": credential.account,
            "config": None,
            "known_hosts": b"",
            "x509_trusted_certs": None,
            "client_keys": None,
            "agent_path": None,
            "agent_forwarding": False,
            "x11_forwarding": False,
            "gss_host": None,
            "host_based_auth": False,
            "compression_algs": None,
            "client_version": "Sluicegate",
            "kex_algs": list(suite.kex),
            "encryption_algs": list(suite.ciphers),
            "mac_algs": list(suite.macs),
            "signature_algs": list(suite.signatures),
            "server_host_key_algs": list(suite.host_keys),
            "keepalive_interval": KEEPALIVE,
            "keepalive_count_max": KEEPALIVE_COUNT,
            "login_timeout": SOUTH_CONNECT.total_seconds(),
            "encoding": None,
        }

    def _explained(self, error: Exception) -> Refused:
        match error:
            case Refused():
                self.why = error.code
                return error
            case asyncssh.PermissionDenied():
                self.why, words = "credential", texts.CREDENTIAL
            case asyncssh.KeyImportError():
                self.why, words = "credential", texts.CREDENTIAL
            case ConnectionRefusedError():
                self.why, words = "refused", texts.TARGET_REFUSED
            case OSError() | asyncssh.ConnectionLost():
                self.why, words = "unreachable", texts.UNREACHABLE
            case _:
                self.why, words = "protocol", texts.TARGET_PROTOCOL
        return Refused(self.why, self._say(words))

    def _say(self, text: str) -> str:
        session = self._connection.session
        return text.format(target=session.target_name, account=session.account, whom=texts.WHOM)
