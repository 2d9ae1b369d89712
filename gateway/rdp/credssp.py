"""CredSSP, both sides (thin version: signatures)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol


class SecurityContext(Protocol):
    """A GSS mechanism: NTLM here; Kerberos fits."""

    @property
    def complete(self) -> bool: ...
    def step(self, token: bytes) -> bytes: ...
    def wrap(self, data: bytes) -> bytes: ...
    def unwrap(self, data: bytes) -> bytes: ...


class CredsspState(Enum):
    """Where either side stands. SECRET: the acceptor waits for `secret()`."""

    NEGOTIATE = "negotiate"
    AUTHENTICATE = "authenticate"
    SECRET = "secret"
    BINDING = "binding"
    CREDENTIALS = "credentials"
    DONE = "done"
    FAILED = "failed"


class CredsspAcceptor:
    """Loop of the shell:

    while acceptor.state not in (DONE, FAILED):
        if acceptor.state is CredsspState.SECRET:      # only without `lookup`
            acceptor.secret(await tickets.hash_of(acceptor.user, source))
        else:
            acceptor.receive(await reader.read(4096))
        writer.write(acceptor.data_to_send())
    """

    def __init__(
        self,
        public_key: bytes,
        lookup: Callable[[str], bytes | None] | None = None,
        *,
        random: Callable[[int], bytes],
        time: bytes,
    ) -> None:
        self.state = CredsspState.NEGOTIATE
        self.user = ""
        self.rest = b""

    def receive(self, data: bytes) -> None: ...
    def secret(self, nt: bytes | None) -> None: ...
    def data_to_send(self) -> bytes:
        return b""


class CredsspInitiator:
    """`failure`: NTSTATUS that the target sent, when it sent one."""

    def __init__(
        self,
        public_key: bytes,
        user: str,
        domain: str,
        password: str,
        *,
        random: Callable[[int], bytes],
        time: bytes,
        mechanism: SecurityContext | None = None,
    ) -> None:
        self.state = CredsspState.NEGOTIATE
        self.failure: int | None = None
        self.rest = b""

    def receive(self, data: bytes) -> None: ...
    def data_to_send(self) -> bytes:
        return b""


def subject_public_key(certificate: bytes) -> bytes:
    """Bits of SubjectPublicKey of a DER certificate."""
    return b""


def filetime(unix_seconds: float) -> bytes:
    """FILETIME, eight octets, of a moment."""
    return (116444736000000000 + int(unix_seconds * 10_000_000)).to_bytes(8, "little")
