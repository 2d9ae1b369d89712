"""Does the installed asyncssh still call what `FrontConnection` overrides? Asked at start, over a socket pair.

The check signs in with a key alone, with an unsigned offer, and with key and answer: only the last may get in. On a
connection inside another nothing is proved, and only who was admitted before may get in. If the library changed so
that one of the overrides is passed by, the front does not start.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Sequence
from typing import Final

import asyncssh

from gateway.errors import LocalProtocolError
from gateway.fronts.ssh.connection import FrontConnection, InnerConnection

TESTED: Final = "2.24."  # releases whose private parts were read
LIMIT: Final = 10  # seconds for the whole check
ANSWER: Final = "42"
PRIVATE: Final = (
    "_client_version",
    "_client_kexinit",
    "_enc_algs",
    "_enc_alg_sc",
    "_strict_kex",
    "_session_id",
    "_next_service",
    "_auth_complete",
    "_transport",
    "_protocol_factory",
    "_loop",
)
COROUTINES: Final = ("validate_public_key", "send_userauth_success", "reload_config")


class _Probe(asyncssh.SSHServer):
    """Takes any key, and the answer."""

    def __init__(self) -> None:
        self.key = self.signed = self.answered = False

    @property
    def admitted(self) -> bool:
        return self.signed and self.answered

    @property
    def proved_something(self) -> bool:
        return self.signed

    async def key_offered(self, public: str) -> bool:  # noqa: ARG002
        self.key = True
        return True

    async def key_proved(self, public: str, touched: bool) -> None:  # noqa: ARG002
        self.signed = True

    def attempt_failed(self, method: str) -> None:
        """Not counted here."""

    def transport_full(self, full: bool) -> None:
        """Never here."""

    def public_key_auth_supported(self) -> bool:
        return not self.signed

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(
        self,
        username: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        submethods: str,  # noqa: ARG002
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        return "", "", "", [("", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:  # noqa: ARG002
        self.answered = list(responses) == [ANSWER]
        return True  # the override decides on `admitted`, not on this


class _Inside(_Probe):
    """Asks for nothing; who may come in was decided before."""

    def __init__(self, admitted: bool) -> None:
        super().__init__()
        self.signed = self.answered = admitted

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return False


class _Client(asyncssh.SSHClient):
    def __init__(self, key: asyncssh.SSHKey | None, answer: str | None) -> None:
        self._key, self._answer = key, answer

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        key, self._key = self._key, None
        return key

    def kbdint_auth_requested(self) -> str | None:
        return None if self._answer is None else ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: object) -> list[str] | None:  # noqa: ARG002
        answer, self._answer = self._answer, None
        return None if answer is None else [answer]


async def self_check() -> None:
    """Raises LocalProtocolError when the library is not the one that was read."""
    if not asyncssh.__version__.startswith(TESTED):
        raise LocalProtocolError(f"asyncssh {asyncssh.__version__}, the sign-in was written for {TESTED}x")
    for name in COROUTINES:
        if not inspect.iscoroutinefunction(getattr(asyncssh.SSHServerConnection, name, None)):
            raise LocalProtocolError(f"asyncssh: {name} is no coroutine any more")
    key = asyncssh.generate_private_key("ssh-ed25519")
    options = asyncssh.SSHServerConnectionOptions(
        config=None, server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")]
    )
    async with asyncio.timeout(LIMIT):
        for given, answer, allowed in (
            (key, None, False),
            (None, ANSWER, False),
            (key, "0", False),
            (key, ANSWER, True),
        ):
            if await _gets_in(FrontConnection, _Probe(), options, given, answer) is not allowed:
                raise LocalProtocolError("asyncssh: the sign-in's steps are not kept any more")
        for allowed in (False, True):
            if await _gets_in(InnerConnection, _Inside(allowed), options, None, None) is not allowed:
                raise LocalProtocolError("asyncssh: who is inside is not asked for any more")


async def _gets_in(
    kind: type[FrontConnection],
    probe: _Probe,
    options: asyncssh.SSHServerConnectionOptions,
    key: asyncssh.SSHKey | None,
    answer: str | None,
) -> bool:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    server = kind(loop, options, probe, probe)
    missing = [name for name in PRIVATE if not hasattr(server, name)]
    if missing:
        raise LocalProtocolError(f"asyncssh: {', '.join(missing)} are gone")
    await loop.connect_accepted_socket(lambda: server, ours)
    try:
        client, _ = await asyncssh.create_connection(
            lambda: _Client(key, answer),
            host="probe",
            sock=theirs,
            config=None,
            known_hosts=None,
            username="probe",
            client_keys=None,
            agent_path=None,
            gss_host=None,
        )
    except asyncssh.PermissionDenied:
        return False
    else:
        client.abort()
        return True
    finally:
        server.abort()
        theirs.close()
