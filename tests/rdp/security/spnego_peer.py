"""pyspnego on the other side of our CredSSP: written by others, and with SPNEGO around NTLM."""

import hashlib
import secrets

import spnego
from spnego._credssp_structures import NegoData, TSCredentials, TSPasswordCreds, TSRequest

BINDINGS = (b"CredSSP Client-To-Server Binding Hash\0", b"CredSSP Server-To-Client Binding Hash\0")


class Client:
    """Steps of [MS-CSSP] 3.1.5 as a client; `protocol` is "ntlm" or "negotiate"."""

    def __init__(self, public_key: bytes, user: str, password: str, protocol: str, *, at_once: bool) -> None:
        options = spnego.NegotiateOptions.use_ntlm if protocol == "ntlm" else spnego.NegotiateOptions.use_negotiate
        self.context = spnego.client(
            user, password, hostname="gateway", service="TERMSRV", protocol=protocol, options=options
        )
        self._public_key, self._at_once = public_key, at_once
        self._nonce = secrets.token_bytes(32)
        self.bound = False
        self.error = 0

    def start(self) -> bytes:
        return TSRequest(6, nego_tokens=NegoData(self.context.step())).pack()

    def answer(self, data: bytes) -> bytes:
        """The next request after the server's; b"" when refused."""
        request = TSRequest.unpack(data)
        if request.error_code:
            self.error = request.error_code & 0xFFFFFFFF
            return b""
        token = self.context.step(request.nego_tokens[0].nego_token) if request.nego_tokens else None
        if request.pub_key_auth:
            expected = hashlib.sha256(BINDINGS[1] + self._nonce + self._public_key).digest()
            assert self.context.unwrap(request.pub_key_auth).data == expected
            self.bound = True
            sealed = self.context.wrap(TSCredentials(TSPasswordCreds("", "gone", "gone")).pack()).data
            return TSRequest(6, auth_info=sealed).pack()
        if not (self.context.complete or (self._at_once and b"NTLMSSP\0\3" in (token or b""))):
            return TSRequest(6, nego_tokens=NegoData(token)).pack()
        binding = hashlib.sha256(BINDINGS[0] + self._nonce + self._public_key).digest()
        sealed = self.context.wrap(binding).data
        nego = NegoData(token) if token else None
        return TSRequest(6, nego_tokens=nego, client_nonce=self._nonce, pub_key_auth=sealed).pack()


class Server:
    """Steps as a server; it finds its account in the file that NTLM_USER_FILE names."""

    def __init__(self, public_key: bytes, version: int = 6) -> None:
        self.context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        self._public_key, self._version = public_key, version
        self.credentials: TSPasswordCreds | None = None

    def answer(self, data: bytes) -> bytes:
        request = TSRequest.unpack(data)
        token = self.context.step(request.nego_tokens[0].nego_token) if request.nego_tokens else None
        if request.auth_info:
            sealed = self.context.unwrap(request.auth_info).data
            self.credentials = TSCredentials.unpack(sealed).credentials
            return b""
        if not request.pub_key_auth:
            return TSRequest(self._version, nego_tokens=NegoData(token)).pack()
        bound = self.context.unwrap(request.pub_key_auth).data
        if self._version < 5:
            assert bound == self._public_key
            answer = bytes((self._public_key[0] + 1,)) + self._public_key[1:]
        else:
            assert bound == hashlib.sha256(BINDINGS[0] + request.client_nonce + self._public_key).digest()
            answer = hashlib.sha256(BINDINGS[1] + request.client_nonce + self._public_key).digest()
        return TSRequest(self._version, pub_key_auth=self.context.wrap(answer).data).pack()
