"""The one class that reaches into asyncssh's server connection, and what it relies on (docs/adr/0004).

asyncssh has no partial success, runs its key validation for unsigned offers too, offers every client the same ciphers,
and counts no attempts. `FrontConnection` overrides the methods where that is decided. It asks a `Doorkeeper`, which
knows nothing of packets. `selfcheck.py` proves at start that the overrides are still called.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncssh
from asyncssh.auth import Auth
from asyncssh.packet import String
from asyncssh.public_key import KeyImportError, SSHKey, decode_ssh_public_key

from gateway.fronts.ssh import kex
from gateway.fronts.ssh.channel import FrontChannel

USERAUTH: Final = b"ssh-userauth"
SHA1_SIGNATURES: Final = frozenset({b"ssh-rsa", b"ssh-dss"})
RSA_BITS: Final = 2048  # a shorter RSA key is no proof of anything any more
WINDOW: Final = 2 << 20  # octets a channel of the client may be ahead
PACKET: Final = 32 << 10  # octets of a channel's data in one packet (RFC 4253, 6.1)
PENDING_WRITES: Final = 1 << 20  # octets in the transport above which targets are no longer read


class Doorkeeper(Protocol):
    """Who decides on a connection."""

    @property
    def admitted(self) -> bool: ...
    @property
    def proved_something(self) -> bool: ...

    async def key_offered(self, public: str, /) -> bool: ...
    async def key_proved(self, public: str, touched: bool, /) -> None: ...
    def attempt_failed(self, method: str, /) -> None: ...
    def transport_full(self, full: bool, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Proved:
    """A key whose signature over the request that `auth` handles was verified."""

    auth: Auth
    public: str
    touched: bool


class FrontConnection(asyncssh.SSHServerConnection):
    """INVARIANT: SSH_MSG_USERAUTH_SUCCESS leaves only while `doorkeeper.admitted`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        doorkeeper: Doorkeeper,
        owner: asyncssh.SSHServer,
    ) -> None:
        super().__init__(loop, options)
        self._protocol_factory = lambda: owner
        self._doorkeeper = doorkeeper
        self._proved: Proved | None = None
        self._deaf = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.set_write_buffer_limits(high=PENDING_WRITES)
        super().connection_made(transport)

    # --- cryptography

    def _send_kexinit(self) -> None:
        """Offer GCM alone to whoever has it: the client's order decides among what is offered (decisions.md 6)."""
        self._enc_algs = kex.ciphers_for(self._client_version)
        super()._send_kexinit()

    @property
    def hassh(self) -> str:
        return kex.hassh(self._client_kexinit)

    @property
    def cipher(self) -> str:
        return self._enc_alg_sc.decode("ascii")

    @property
    def strict_kex(self) -> bool:
        return self._strict_kex

    # --- authentication

    async def reload_config(self) -> None:
        """There is no configuration that depends on the user: nothing is read again for each name that is tried."""

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:  # noqa: ARG002
        """Called for an unsigned offer (`msg` empty) and for a signed request alike; only the latter proves anything.

        Certificates are no keys of persons: they are not even decoded.
        """
        auth = self.auth
        try:
            key = decode_ssh_public_key(key_data)
        except KeyImportError:
            return False
        if auth is None or too_weak(key):
            return False
        public = key.export_public_key("openssh").decode("ascii").strip()
        if not await self._doorkeeper.key_offered(public):
            return False
        if not msg:
            return True
        key.set_touch_required(True)  # so that a verified `sk-` signature says that somebody touched it
        sha1 = signature_algorithm(signature) in SHA1_SIGNATURES
        if sha1 or not key.verify(String(self._session_id) + msg, signature):
            self._doorkeeper.attempt_failed("signature")
            return False
        self._proved = Proved(auth, public, touched=key.algorithm.startswith(b"sk-"))
        return True

    async def send_userauth_success(self) -> None:
        """A method of authentication succeeded: that is one factor, which the library takes for all."""
        auth, proved, self._proved = self.auth, self._proved, None
        if auth is not None and proved is not None and proved.auth is auth:
            await self._doorkeeper.key_proved(proved.public, proved.touched)
        if self._transport is None:
            return
        if self._doorkeeper.admitted and auth is not None and self.auth is auth:
            await super().send_userauth_success()
        else:
            self._refuse(partial=self._doorkeeper.proved_something)

    def send_userauth_failure(self, partial_success: bool) -> None:
        """Every failure of every method comes through here: count it before it is told."""
        method = getattr(self.auth, "_method", b"none")
        if not partial_success:
            self._doorkeeper.attempt_failed(method.decode("ascii", "replace"))
        self._refuse(partial=partial_success)

    def _refuse(self, *, partial: bool) -> None:
        if self._transport is None:
            return
        super().send_userauth_failure(partial)
        self._next_service = USERAUTH  # paramiko asks for the service again before each method

    # --- channels

    def create_server_channel(
        self, encoding: str | None = None, errors: str = "strict", window: int = WINDOW, max_pktsize: int = PACKET
    ) -> FrontChannel:
        self._update_recv_pktlen(max_pktsize)
        return FrontChannel(self, self._loop, True, False, False, 0, 0, encoding, errors, window, max_pktsize)

    # --- flow

    def pause_writing(self) -> None:
        """The client does not read: before it is in, we stop listening to it; after, its targets are not read."""
        if not self._auth_complete and isinstance(self._transport, asyncio.ReadTransport):
            self._transport.pause_reading()
            self._deaf = True
        self._doorkeeper.transport_full(True)

    def resume_writing(self) -> None:
        if self._deaf and isinstance(self._transport, asyncio.ReadTransport):
            self._transport.resume_reading()
            self._deaf = False
        self._doorkeeper.transport_full(False)

    def unsent(self) -> int:
        """Octets that the client has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0


class InnerConnection(FrontConnection):
    """One inside another: its doorkeeper may admit somebody at the first request, when no method has succeeded yet.

    INVARIANT: as of `FrontConnection`.
    """

    async def send_userauth_success(self) -> None:
        if self._transport is None:
            return
        if self._doorkeeper.admitted:
            await asyncssh.SSHServerConnection.send_userauth_success(self)
        else:
            self._refuse(partial=False)


def too_weak(key: SSHKey) -> bool:
    """DSA, and RSA below `RSA_BITS`."""
    if key.algorithm == b"ssh-dss":
        return True
    numbers: Any = getattr(key, "pyca_key", None)
    return key.algorithm == b"ssh-rsa" and getattr(numbers, "key_size", 0) < RSA_BITS


def signature_algorithm(signature: bytes) -> bytes:
    """The first string of a signature (RFC 4253, 6.6): which algorithm made it."""
    length = int.from_bytes(signature[:4], "big")
    return signature[4 : 4 + length]
