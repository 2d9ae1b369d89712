"""CredSSP ([MS-CSSP] 3), both sides, without I/O.

Towards the client the gateway accepts NTLM whose user is a ticket's id and whose password is its secret; only the
secret's NT hash is ever needed. Versions 5 and 6 bind the TLS key by a hash over a nonce; older ones are refused.
Towards a target it logs on with the account's password; versions 2 to 6.

The key of the certificate that the gateway showed (or saw) is bound on both sides, in constant time: whoever relays
the conversation to another certificate fails before any credential is sent (CVE-2018-0886).
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.certificate import subject_public_key
from gateway.rdp.credssp_messages import (
    FIRST_WITH_NONCE,
    NONCE,
    WITHOUT_ERROR_CODE,
    Framer,
    TsRequest,
    client_binding,
    password_credentials,
    server_binding,
)
from gateway.rdp.ntlm import NtlmAcceptor, NtlmInitiator, Sealing, SecurityContext, nt_hash
from gateway.rdp.spnego import Envelope

__all__ = [
    "CredsspAcceptor",
    "CredsspFailure",
    "CredsspInitiator",
    "CredsspState",
    "SecurityContext",
    "filetime",
    "nt_hash",
    "subject_public_key",
]

VERSION = 6
OLDEST_TARGET = 2
MOST_ROUNDS = 8  # tokens that a mechanism towards a target may exchange
STATUS_LOGON_FAILURE = 0xC000006D
SEC_E_UNSUPPORTED_FUNCTION = 0x80090302


class CredsspState(Enum):
    """Where either side stands: what it waits for."""

    NEGOTIATE = "negotiate"
    AUTHENTICATE = "authenticate"
    SECRET = "secret"  # of the shell: `CredsspAcceptor.secret()`
    BINDING = "binding"
    CREDENTIALS = "credentials"
    DONE = "done"
    FAILED = "failed"


class CredsspFailure(Enum):
    """Why a client was not let in; for the audit, never for the client."""

    SECRET = "user or secret"
    BINDING = "binding"
    VERSION = "version"
    PEER = "peer"


def filetime(unix_seconds: float) -> bytes:
    """FILETIME, eight octets, of a moment after 1970."""
    return (116444736000000000 + int(unix_seconds * 10_000_000)).to_bytes(8, "little")


class _Side(ABC):
    """What both sides share: octets in and out, the state, and what follows the last TSRequest."""

    def __init__(self) -> None:
        self._framer, self._out = Framer(), bytearray()
        self._version = 0
        self.state = CredsspState.NEGOTIATE
        self.rest = b""

    def data_to_send(self) -> bytes:
        """What is to go to the peer now; also after FAILED."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def receive(self, data: bytes) -> None:
        """Take octets of the peer.

        Raises:
            RemoteProtocolError: they cannot be CredSSP with what this side speaks, or (of a target) the key that is
                bound is not its certificate's; the state is FAILED.
        """
        if self.state is CredsspState.FAILED:
            return
        if self.state is CredsspState.DONE:
            self.rest += data
            return
        with self._failed_on_error():
            self._framer.feed(data)
            self._go_on()

    def _go_on(self) -> None:
        while (step := self._expected()) is not None and (whole := self._framer.next()) is not None:
            request = TsRequest.decode(whole)
            if self._admitted(request):
                step(request)
        if self.state is CredsspState.DONE:
            self.rest += self._framer.rest()

    @contextmanager
    def _failed_on_error(self) -> Iterator[None]:
        """Whatever of the peer's breaks a rule leaves the state FAILED behind; the error goes on its way."""
        try:
            yield
        except RemoteProtocolError:
            self.state = CredsspState.FAILED
            raise

    def _send(self, request: TsRequest) -> None:
        self._out += request.encode()

    @abstractmethod
    def _expected(self) -> Callable[[TsRequest], None] | None:
        """What takes the next TSRequest; None when none may come now."""

    @abstractmethod
    def _admitted(self, request: TsRequest) -> bool:
        """Whether it is of a version that serves, and no error of the peer's."""


class CredsspAcceptor(_Side):
    """The server's side. The shell's loop, with a look-up that has to wait:

        while acceptor.state not in (CredsspState.DONE, CredsspState.FAILED):
            if acceptor.state is CredsspState.SECRET:
                acceptor.secret(await tickets.hash_of(acceptor.user, source))
            else:
                acceptor.receive(await reader.read(4096))
            writer.write(acceptor.data_to_send())

    With a `lookup` that answers at once, the state SECRET is never seen from outside.

    Attributes:
        user: as the client sent it, without domain; nobody has proven to be that before DONE.
        failure: why FAILED. The client gets the same answer for all of them but VERSION.
        rest: octets after the last TSRequest, of the protocol that follows.
    """

    def __init__(
        self,
        public_key: bytes,
        lookup: Callable[[str], bytes | None] | None = None,
        *,
        random: Callable[[int], bytes],
        time: bytes,
    ) -> None:
        """`public_key` by `subject_public_key`; `lookup` gives the NT hash of a user; `time` by `filetime`."""
        super().__init__()
        self._public_key, self._lookup = public_key, lookup
        self._ntlm, self._envelope = NtlmAcceptor(random=random, time=time), Envelope()
        self._redirected = False
        self._waiting: TsRequest | None = None
        self._sealing: Sealing | None = None
        self.failure: CredsspFailure | None = None
        self.user = ""

    def secret(self, nt: bytes | None) -> None:
        """Answer for `user`: the NT hash of its secret, or None if there is none. Only in the state SECRET."""
        if self.state is not CredsspState.SECRET or self._waiting is None:
            raise LocalProtocolError(f"credssp: a secret in state {self.state.value}")
        request, self._waiting = self._waiting, None
        with self._failed_on_error():
            self._sealing = self._ntlm.verify(nt)
            if self._sealing is None:
                self._fail(CredsspFailure.SECRET)
                return
            token = self._envelope.finish(self._sealing)
            self.state = CredsspState.BINDING
            if request.pub_key_auth:
                self._bind(request, token)
            elif token:
                self._send(TsRequest(VERSION, token=token))
            self._go_on()

    def _expected(self) -> Callable[[TsRequest], None] | None:
        return {
            CredsspState.NEGOTIATE: self._negotiate,
            CredsspState.AUTHENTICATE: self._authenticate,
            CredsspState.BINDING: self._bind_alone,
            CredsspState.CREDENTIALS: self._credentials,
        }.get(self.state)

    def _admitted(self, request: TsRequest) -> bool:
        """Version the same throughout and at least 5; no error code."""
        if self._version and request.version != self._version:
            raise RemoteProtocolError(f"TSRequest: version {request.version} after {self._version}")
        self._version = request.version
        if request.version < FIRST_WITH_NONCE:
            self._fail(CredsspFailure.VERSION, SEC_E_UNSUPPORTED_FUNCTION)
            return False
        if request.error:
            self.state, self.failure = CredsspState.FAILED, CredsspFailure.PEER
            return False
        return True

    def _negotiate(self, request: TsRequest) -> None:
        token = self._envelope.open(_token(request))
        if not token:
            if self._redirected:
                raise RemoteProtocolError("SPNEGO: empty token again")
            self._redirected = True
            self._send(TsRequest(VERSION, token=self._envelope.redirect()))
            return
        challenge = self._envelope.challenge(self._ntlm.challenge(token))
        self._send(TsRequest(VERSION, token=challenge))
        self.state = CredsspState.AUTHENTICATE

    def _authenticate(self, request: TsRequest) -> None:
        sent = self._ntlm.read(self._envelope.open(_token(request)))
        self.user = sent.rpartition("\\")[2].partition("@")[0]
        self._waiting, self.state = request, CredsspState.SECRET
        if self._lookup is not None:
            self.secret(self._lookup(self.user))

    def _bind_alone(self, request: TsRequest) -> None:
        if request.token:
            raise RemoteProtocolError("TSRequest: a token after the last one")
        self._bind(request)

    def _bind(self, request: TsRequest, token: bytes = b"") -> None:
        """[MS-CSSP] 3.1.5, step 3: the client saw our certificate; then we say that we have its key."""
        if not request.pub_key_auth or len(request.nonce) != NONCE:
            raise RemoteProtocolError("TSRequest: pubKeyAuth with a nonce must come now")
        sealing = self._established()
        bound = sealing.unwrap(request.pub_key_auth)
        if not hmac.compare_digest(bound, client_binding(self._version, request.nonce, self._public_key)):
            self._fail(CredsspFailure.BINDING)
            return
        answer = sealing.wrap(server_binding(self._version, request.nonce, self._public_key))
        self._send(TsRequest(VERSION, token=token, pub_key_auth=answer))
        self.state = CredsspState.CREDENTIALS

    def _credentials(self, request: TsRequest) -> None:
        """The client's TSCredentials: their seal is checked, they are not looked at and not kept."""
        if not request.auth_info:
            raise RemoteProtocolError("TSRequest: authInfo must come now")
        self._established().unwrap(request.auth_info)
        self.state = CredsspState.DONE

    def _established(self) -> Sealing:
        if self._sealing is None:
            raise LocalProtocolError("credssp: no security context yet")
        return self._sealing

    def _fail(self, failure: CredsspFailure, status: int = STATUS_LOGON_FAILURE) -> None:
        self.state, self.failure = CredsspState.FAILED, failure
        if self._version not in WITHOUT_ERROR_CODE:
            self._send(TsRequest(VERSION, error=status))


class CredsspInitiator(_Side):
    """The client's side, towards a target. `data_to_send()` has the first octets at once.

    NTLM goes bare: freerdp-shadow 2 does not take it inside SPNEGO. A `mechanism` is used instead of it.

    Attributes:
        failure: NTSTATUS of the target's errorCode; None when FAILED without one.
        rest: octets after the last TSRequest.
    """

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
        super().__init__()
        self._public_key, self._random = public_key, random
        self._credentials = (user, domain, password)
        self._mechanism = mechanism or NtlmInitiator(user, domain, password, random=random, time=time)
        self._nonce, self._rounds = b"", 0
        self.failure: int | None = None
        self._send(TsRequest(VERSION, token=self._mechanism.step(b"")))

    def _expected(self) -> Callable[[TsRequest], None] | None:
        return {CredsspState.NEGOTIATE: self._negotiate, CredsspState.BINDING: self._bound}.get(self.state)

    def _admitted(self, request: TsRequest) -> bool:
        """Version 2 or more, the same throughout as far as we speak it; no error code."""
        if request.version < OLDEST_TARGET or self._version not in (0, min(VERSION, request.version)):
            raise RemoteProtocolError(f"TSRequest: version {request.version} of the target")
        self._version = min(VERSION, request.version)
        if request.error:
            self.state, self.failure = CredsspState.FAILED, request.error
            return False
        return True

    def _negotiate(self, request: TsRequest) -> None:
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            raise RemoteProtocolError(f"TSRequest: more than {MOST_ROUNDS} tokens")
        token = self._mechanism.step(_token(request))
        if not self._mechanism.complete:
            self._send(TsRequest(VERSION, token=token))
            return
        if self._version >= FIRST_WITH_NONCE:
            self._nonce = self._random(NONCE)
        binding = self._mechanism.wrap(client_binding(self._version, self._nonce, self._public_key))
        self._send(TsRequest(VERSION, token=token, pub_key_auth=binding, nonce=self._nonce))
        self.state = CredsspState.BINDING

    def _bound(self, request: TsRequest) -> None:
        if not request.pub_key_auth:
            raise RemoteProtocolError("TSRequest: pubKeyAuth must come now")
        bound = self._mechanism.unwrap(request.pub_key_auth)
        if not hmac.compare_digest(bound, server_binding(self._version, self._nonce, self._public_key)):
            raise RemoteProtocolError("credssp: the target binds another key than its certificate's")
        sealed = self._mechanism.wrap(password_credentials(*self._credentials))
        self._credentials = ("", "", "")
        self._send(TsRequest(VERSION, auth_info=sealed))
        self.state = CredsspState.DONE


def _token(request: TsRequest) -> bytes:
    if not request.token:
        raise RemoteProtocolError("TSRequest: a token must come now")
    return request.token
