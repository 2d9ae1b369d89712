"""SPNEGO around NTLM (RFC 4178, [MS-SPNG]), the acceptor's side.

mstsc wraps NTLM in SPNEGO, FreeRDP 2 sends it bare; whichever a client begins with is kept.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from gateway.errors import RemoteProtocolError
from gateway.rdp import der
from gateway.rdp.ntlm import Sealing
from gateway.rdp.ntlm_messages import SIGNATURE

SPNEGO_OID = bytes.fromhex("2b0601050502")  # 1.3.6.1.5.5.2
NTLM_OID = bytes.fromhex("2b06010401823702020a")  # 1.3.6.1.4.1.311.2.2.10
MOST_MECHANISMS = 16
WHAT = "SPNEGO"


class NegState(IntEnum):
    """negState (RFC 4178, 4.2.2)."""

    ACCEPT_COMPLETED = 0
    ACCEPT_INCOMPLETE = 1
    REJECT = 2
    REQUEST_MIC = 3


class _Form(Enum):
    UNKNOWN = "unknown"
    BARE = "bare"
    WRAPPED = "wrapped"


def init(mechanisms: bytes, token: bytes) -> bytes:
    """InitialContextToken with a NegTokenInit; `mechanisms` is the DER of MechTypeList."""
    offer = der.sequence(der.explicit(0, mechanisms), der.explicit(2, der.octets(token)))
    return der.element(der.APPLICATION_0, der.element(der.OBJECT_IDENTIFIER, SPNEGO_OID), der.explicit(0, offer))


def response(state: NegState | None = None, *, mechanism: bytes = b"", token: bytes = b"", mic: bytes = b"") -> bytes:
    """NegTokenResp (4.2.2); what is empty is left out."""
    return der.explicit(
        1,
        der.sequence(
            der.explicit(0, der.element(der.ENUMERATED, bytes((state,)))) if state is not None else b"",
            der.explicit(1, der.element(der.OBJECT_IDENTIFIER, mechanism)) if mechanism else b"",
            der.explicit(2, der.octets(token)) if token else b"",
            der.explicit(3, der.octets(mic)) if mic else b"",
        ),
    )


class Envelope:
    """Takes NTLM tokens out of what the client sends and puts ours into what it expects."""

    def __init__(self) -> None:
        self._form = _Form.UNKNOWN
        self._mechanisms = b""
        self._mic = b""
        self._mic_wanted = False
        self._answered = False

    def open(self, token: bytes) -> bytes:
        """The NTLM token inside; b"" when the client guessed another mechanism and must be told (`redirect()`).

        Raises:
            RemoteProtocolError: neither NTLM nor SPNEGO that offers it, or another form than before.
        """
        if self._form is _Form.UNKNOWN:
            self._form = _Form.BARE if token[:8] == SIGNATURE else _Form.WRAPPED
            return token if self._form is _Form.BARE else self._first(token)
        return token if self._form is _Form.BARE else self._next(token)

    def _first(self, token: bytes) -> bytes:
        inner = der.Elements(der.only(der.APPLICATION_0, token, WHAT), WHAT)
        if inner.take(der.OBJECT_IDENTIFIER) != SPNEGO_OID:
            raise RemoteProtocolError(f"{WHAT}: another mechanism than SPNEGO")
        outer = inner.inside(der.context(0))
        inner.end()
        fields = outer.inside(der.SEQUENCE)
        self._mechanisms = fields.take(der.context(0))
        listed = der.Elements(der.only(der.SEQUENCE, self._mechanisms, WHAT), WHAT)
        mechanisms: list[bytes] = []
        while listed.left:
            mechanisms.append(listed.take(der.OBJECT_IDENTIFIER))
            if len(mechanisms) > MOST_MECHANISMS:
                raise RemoteProtocolError(f"{WHAT}: more than {MOST_MECHANISMS} mechanisms")
        if NTLM_OID not in mechanisms:
            raise RemoteProtocolError(f"{WHAT}: NTLM is not among the {len(mechanisms)} mechanisms")
        fields.maybe(der.context(1))
        guess = fields.maybe(der.context(2))
        if mechanisms[0] == NTLM_OID and guess is not None:
            return der.only(der.OCTET_STRING, guess, WHAT)
        self._mic_wanted = mechanisms[0] != NTLM_OID
        return b""

    def _next(self, token: bytes) -> bytes:
        outer = der.Elements(der.only(der.context(1), token, WHAT), WHAT)
        fields = outer.inside(der.SEQUENCE)
        outer.end()
        fields.maybe(der.context(0))
        fields.maybe(der.context(1))
        inner = fields.maybe(der.context(2))
        if inner is None:
            raise RemoteProtocolError(f"{WHAT}: response without a token")
        if (mic := fields.maybe(der.context(3))) is not None:
            self._mic = der.only(der.OCTET_STRING, mic, WHAT)
        return der.only(der.OCTET_STRING, inner, WHAT)

    def redirect(self) -> bytes:
        """Choose NTLM although the client guessed another mechanism."""
        self._answered = True
        return response(NegState.REQUEST_MIC if self._mic_wanted else NegState.ACCEPT_INCOMPLETE, mechanism=NTLM_OID)

    def challenge(self, token: bytes) -> bytes:
        """Our CHALLENGE in the client's form."""
        if self._form is _Form.BARE:
            return token
        mechanism = b"" if self._answered else NTLM_OID
        return response(NegState.ACCEPT_INCOMPLETE, mechanism=mechanism, token=token)

    def finish(self, sealing: Sealing) -> bytes:
        """The last token after AUTHENTICATE: b"" for bare NTLM, else accept-completed with a mechListMIC if one came.

        Raises:
            RemoteProtocolError: the mechListMIC is wrong, or missing where it must be (RFC 4178, section 5).
        """
        if self._form is _Form.BARE:
            return b""
        if not self._mic:
            if self._mic_wanted:
                raise RemoteProtocolError(f"{WHAT}: mechListMIC is missing")
            return response(NegState.ACCEPT_COMPLETED)
        if not sealing.check_mechanism_mic(self._mechanisms, self._mic):
            raise RemoteProtocolError(f"{WHAT}: mechListMIC does not fit")
        return response(NegState.ACCEPT_COMPLETED, mic=sealing.mechanism_mic(self._mechanisms))
