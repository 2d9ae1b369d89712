"""NTLMv2 ([MS-NLMP] 3), both sides, for CredSSP alone.

NTLMv1, LM, anonymous, OEM names and anything below 128 bit with key exchange are refused.
What a peer sent is verified over its own octets, never over a re-encoding: FreeRDP pads its blob by eight octets
more than others do, and an AUTHENTICATE built anew would have another proof and another MIC.

MD4, MD5 and RC4 are what the protocol is made of; TLS around it carries the secrecy.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp.md4 import md4
from gateway.rdp.ntlm_messages import (
    AV_MIC_PRESENT,
    MIC_OFFSET,
    NEEDED,
    NO_MIC,
    Authenticate,
    AvId,
    Challenge,
    Negotiate,
    NegotiateFlag,
    decode_pairs,
    encode_pairs,
)
from gateway.rdp.rc4 import rc4

BLOB = 28  # RespType, HiRespType, reserved 6, timestamp 8, client challenge 8, reserved 4: before the pairs
PROOF = 16  # NTProofStr
NAME = "SLUICEGATE"  # what the gateway calls itself; says nothing of the machine
ACCEPTED = (
    NEEDED | NegotiateFlag.REQUEST_TARGET | NegotiateFlag.NTLM | NegotiateFlag.ALWAYS_SIGN | NegotiateFlag.VERSION
)
OFFERED = ACCEPTED | NegotiateFlag.TARGET_INFO


class SecurityContext(Protocol):
    """A mechanism that can log on to a target by CredSSP.

    NTLM is the one that is here. Kerberos would be a class of the shell around `spnego.client(..., protocol=
    "kerberos")` of pyspnego[kerberos], whose `step`, `wrap(...).data`, `unwrap(...).data` and `complete` are these
    four; it asks a KDC over the network, so its `step` must be called off the event loop.
    """

    @property
    def complete(self) -> bool:
        """No token is expected from the peer any more, and `wrap` works."""

    def step(self, token: bytes) -> bytes:
        """Our next token after the peer's; begun with b"".

        Raises:
            RemoteProtocolError: the token cannot be meant.
        """

    def wrap(self, data: bytes) -> bytes:
        """Signature and sealed octets."""

    def unwrap(self, data: bytes) -> bytes:
        """What the peer wrapped; RemoteProtocolError when the signature does not fit."""


def nt_hash(password: str) -> bytes:
    """NTOWFv1 ([MS-NLMP] 3.3.1): MD4 over UTF-16."""
    return md4(password.encode("utf-16-le", "surrogatepass"))


def ntowf_v2(nt: bytes, user: str, domain: str) -> bytes:
    """NTOWFv2 (3.3.2) of an NT hash. Letters are raised one by one as Windows does it: no `ß` becomes two."""
    raised = "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in user)
    return _md5(nt, (raised + domain).encode("utf-16-le", "surrogatepass"))


def _md5(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "md5")


class Role(Enum):
    """Whose keys: the constants of [MS-NLMP] 3.4.5.2 and 3.4.5.3 name the direction."""

    INITIATOR = b"client-to-server"
    ACCEPTOR = b"server-to-client"


class _Direction:
    """One direction's signing key, RC4 stream and sequence number."""

    def __init__(self, session_key: bytes, role: Role) -> None:
        self._sign = self._derived(session_key, role, b"signing")
        self._seal = self._derived(session_key, role, b"sealing")
        self.restart()
        self._number = 0

    @staticmethod
    def _derived(session_key: bytes, role: Role, purpose: bytes) -> bytes:
        magic = b"session key to " + role.value + b" " + purpose + b" key magic constant\0"
        return hashlib.md5(session_key + magic, usedforsecurity=False).digest()

    def restart(self) -> None:
        """Begin the RC4 stream anew: [MS-SPNG] 3.3.5.1 wants it after a mechListMIC. Numbers go on."""
        self._stream = rc4(self._seal)

    def crypt(self, data: bytes) -> bytes:
        return self._stream.update(data)

    def signature(self, plain: bytes) -> bytes:
        """NTLMSSP_MESSAGE_SIGNATURE with extended session security and key exchange (3.4.4.2)."""
        number = struct.pack("<I", self._number)
        self._number += 1
        return struct.pack("<I", 1) + self.crypt(_md5(self._sign, number + plain)[:8]) + number


class Sealing:
    """An established NTLM session: GSS_WrapEx, GSS_UnwrapEx and the MIC of SPNEGO ([MS-NLMP] 3.4.6, 3.4.7)."""

    def __init__(self, session_key: bytes, role: Role) -> None:
        other = Role.ACCEPTOR if role is Role.INITIATOR else Role.INITIATOR
        self._out, self._in = _Direction(session_key, role), _Direction(session_key, other)

    def wrap(self, data: bytes) -> bytes:
        """Signature of 16 octets, then `data` sealed."""
        sealed = self._out.crypt(data)
        return self._out.signature(data) + sealed

    def unwrap(self, data: bytes) -> bytes:
        if len(data) < 16:
            raise RemoteProtocolError(f"NTLM: sealed message of {len(data)} octets, must be at least 16")
        plain = self._in.crypt(data[16:])
        if not hmac.compare_digest(self._in.signature(plain), data[:16]):
            raise RemoteProtocolError("NTLM: signature does not fit")
        return plain

    def mechanism_mic(self, mechanisms: bytes) -> bytes:
        """Our mechListMIC over the DER of the mechanism list."""
        mic = self._out.signature(mechanisms)
        self._out.restart()
        return mic

    def check_mechanism_mic(self, mechanisms: bytes, mic: bytes) -> bool:
        """Whether the peer's mechListMIC fits."""
        expected = self._in.signature(mechanisms)
        self._in.restart()
        return hmac.compare_digest(expected, mic)


class NtlmAcceptor:
    """The server's side: `challenge()`, then `read()`, then `verify()` once. A challenge answers for one try."""

    def __init__(self, *, random: Callable[[int], bytes], time: bytes) -> None:
        """`time` is FILETIME, eight octets: a client that sees it must send a MIC ([MS-NLMP] 3.1.5.1.2)."""
        self._random, self._time = random, time
        self._negotiate = self._challenge = self._raw = b""
        self._server_challenge = b""
        self._authenticate: Authenticate | None = None

    def challenge(self, negotiate: bytes) -> bytes:
        """CHALLENGE for the client's NEGOTIATE."""
        offered = Negotiate.decode(negotiate).flags
        self._server_challenge = self._random(8)
        name = NAME.encode("utf-16-le")
        info = (
            (AvId.NB_DOMAIN_NAME, name),
            (AvId.NB_COMPUTER_NAME, name),
            (AvId.DNS_DOMAIN_NAME, name.lower()),
            (AvId.DNS_COMPUTER_NAME, name.lower()),
            (AvId.TIMESTAMP, self._time),
        )
        flags = (offered & ACCEPTED) | NegotiateFlag.TARGET_INFO | NegotiateFlag.TARGET_TYPE_SERVER
        self._negotiate = negotiate
        self._challenge = Challenge(flags, self._server_challenge, info, NAME).encode()
        return self._challenge

    def read(self, authenticate: bytes) -> str:
        """Take the AUTHENTICATE apart; gives the user as sent. Nothing is believed yet.

        Raises:
            RemoteProtocolError: it cannot be NTLMv2 with a MIC and an exchanged key, whoever sent it.
        """
        message = Authenticate.decode(authenticate)
        if not self._server_challenge:
            raise LocalProtocolError("NTLM AUTHENTICATE is read before a challenge was made")
        if any(letter < " " or letter == "\x7f" for letter in message.user):
            raise RemoteProtocolError("NTLM AUTHENTICATE: user with control characters")
        if len(message.nt) < PROOF + BLOB:
            raise RemoteProtocolError(f"NTLM AUTHENTICATE: response of {len(message.nt)} octets is not NTLMv2")
        if len(message.key) != 16:
            raise RemoteProtocolError(f"NTLM AUTHENTICATE: session key of {len(message.key)} octets, must be 16")
        pairs = decode_pairs(message.nt[PROOF + BLOB :], "NTLM AUTHENTICATE")
        said = next((value for kind, value in pairs if kind == AvId.FLAGS), b"")
        if not int.from_bytes(said[:4], "little") & AV_MIC_PRESENT:
            raise RemoteProtocolError("NTLM AUTHENTICATE: no MIC although the challenge has a timestamp")
        self._authenticate, self._raw = message, authenticate
        return message.user

    def verify(self, nt: bytes | None) -> Sealing | None:
        """The session if the client knows the secret whose NT hash is `nt`; None if not, or if nobody has one.

        The same work is done for an unknown user as for a wrong secret.
        """
        message, self._authenticate = self._authenticate, None
        if message is None:
            raise LocalProtocolError("NTLM: one AUTHENTICATE is verified once")
        key = ntowf_v2(self._random(16) if nt is None else nt, message.user, message.domain)
        proof = _md5(key, self._server_challenge + message.nt[PROOF:])
        session_key = rc4(_md5(key, proof)).update(message.key)
        signed = self._raw[:MIC_OFFSET] + NO_MIC + self._raw[MIC_OFFSET + 16 :]
        mic = _md5(session_key, self._negotiate + self._challenge + signed)
        proven = hmac.compare_digest(proof, message.nt[:PROOF])
        whole = hmac.compare_digest(mic, message.mic)
        return Sealing(session_key, Role.ACCEPTOR) if proven & whole & (nt is not None) else None


class NtlmInitiator:
    """The client's side, a `SecurityContext`: `step(b"")` is NEGOTIATE, `step(challenge)` AUTHENTICATE."""

    def __init__(self, user: str, domain: str, password: str, *, random: Callable[[int], bytes], time: bytes) -> None:
        """`time` is FILETIME, eight octets, for targets whose challenge has none."""
        self._user, self._domain, self._nt = user, domain, nt_hash(password)
        self._random, self._time = random, time
        self._negotiate = b""
        self._sealing: Sealing | None = None

    @property
    def complete(self) -> bool:
        return self._sealing is not None

    @property
    def sealing(self) -> Sealing:
        """The session; only when complete."""
        if self._sealing is None:
            raise LocalProtocolError("NTLM: no session yet")
        return self._sealing

    def wrap(self, data: bytes) -> bytes:
        return self.sealing.wrap(data)

    def unwrap(self, data: bytes) -> bytes:
        return self.sealing.unwrap(data)

    def step(self, token: bytes) -> bytes:
        if not self._negotiate:
            self._negotiate = Negotiate(OFFERED).encode()
            return self._negotiate
        if self._sealing is not None:
            raise RemoteProtocolError("NTLM: a token after AUTHENTICATE")
        return self._authenticate(token, Challenge.decode(token))

    def _authenticate(self, raw: bytes, challenge: Challenge) -> bytes:
        """[MS-NLMP] 3.1.5.1.2 and 3.3.2; the MIC only for a target that gives the time."""
        time = challenge.value(AvId.TIMESTAMP)
        if time is not None and len(time) != 8:
            raise RemoteProtocolError(f"NTLM CHALLENGE: timestamp of {len(time)} octets, must be 8")
        pairs = challenge.info
        if time is not None:
            kept = tuple(pair for pair in pairs if pair[0] != AvId.FLAGS)
            pairs = (*kept, (AvId.FLAGS, struct.pack("<I", AV_MIC_PRESENT)))
        blob = b"\x01\x01" + bytes(6) + (time or self._time) + self._random(8) + bytes(4)
        blob += encode_pairs(pairs) + bytes(4)
        key = ntowf_v2(self._nt, self._user, self._domain)
        proof = _md5(key, challenge.challenge + blob)
        session_key = self._random(16)
        message = Authenticate(
            flags=challenge.flags & OFFERED,
            user=self._user,
            domain=self._domain,
            nt=proof + blob,
            key=rc4(_md5(key, proof)).update(session_key),
        ).encode()
        if time is not None:
            mic = _md5(session_key, self._negotiate + raw + message)
            message = message[:MIC_OFFSET] + mic + message[MIC_OFFSET + 16 :]
        self._sealing = Sealing(session_key, Role.INITIATOR)
        return message
