"""The client side: the one RDP connection to the target, from the dial to its Demand Active.

The credential leaves the vault's hands only after the certificate was checked, and never in clear: a target that offers
neither TLS nor CredSSP is not entered, unless an exception lets it be entered with standard RDP security (C50), whose
key is checked in the certificate's place. What goes wrong is told in words without an address.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import warnings
from typing import Final, Protocol

from gateway.clock import Clock
from gateway.errors import GatewayError, Refused, RemoteProtocolError
from gateway.fronts.rdp import texts
from gateway.fronts.rdp.ports import Connection
from gateway.fronts.rdp.wire import Frames, Wire
from gateway.inventory.model import Credential, CredentialKind, CryptoProfile
from gateway.limits import RDP_OPENING, SOUTH_CONNECT
from gateway.rdp.client_info import ClientInfo
from gateway.rdp.connector import Connector, Demanded, KeyShown, TargetLogon, TargetRefused
from gateway.rdp.credssp import CredsspInitiator, CredsspState, filetime, subject_public_key
from gateway.rdp.gcc import ClientBlocks
from gateway.rdp.licence import LicenceRefused
from gateway.rdp.standard_security import LESSER, STRONG, Method, NoCommonMethod, SecurityState, StandardSecurity
from gateway.rdp.x224 import ConnectionConfirm, ConnectionRequest, NegotiationFailure, Security, decode_confirm
from gateway.words import printable

OFFERED: Final = Security.TLS | Security.HYBRID
LOG_ON_STATES: Final = frozenset({CredsspState.DONE, CredsspState.FAILED})


class _NoTls(GatewayError):
    """The target wants to be asked for standard RDP security."""


class _Weak(GatewayError):
    """The target has no strong method of standard RDP security."""


class _Made(Protocol):
    def __call__(self, selected: Security, requested: Security, security: StandardSecurity | None, /) -> Connector: ...


class Leg:
    """Opened once, after the session was entered.

    Attributes:
        frames: PDUs of the target, once it is open.
        why: one word for the auditor when it failed.
        detail: what exactly, for the auditor alone.
    """

    frames: Frames

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection, self._clock = connection, clock
        self._wire: Wire | None = None
        self._security: StandardSecurity | None = None
        self._cut = False
        self.why = self.detail = ""

    async def open(self, client: ClientBlocks, info: ClientInfo, channels: frozenset[str]) -> Demanded:
        """Dial, check, log on, and connect up to the target's Demand Active.

        Raises:
            Refused: it cannot be; words name whom to call.
        """
        try:
            credential = (await self._connection.credential()).for_windows()
            if credential.kind is not CredentialKind.PASSWORD:
                raise self._refused("credential", texts.CREDENTIAL_KIND)
            logon = TargetLogon(credential.account, credential.domain, _password(credential))

            def connector(selected: Security, requested: Security, security: StandardSecurity | None) -> Connector:
                return Connector(client, info, logon, selected, channels, requested=requested, security=security)

            try:
                return await self._entered(credential, connector, STRONG)
            except _Weak:
                return await self._entered(credential, connector, LESSER)
        except (OSError, GatewayError) as error:
            self.cut()
            raise self._explained(error) from None

    def write(self, data: bytes) -> None:
        """To the target, at once."""
        if self._wire is not None and not self._cut:
            self._wire.write(self._sealed(data))

    async def send(self, data: bytes) -> None:
        """To the target; returns when there is room for more."""
        if self._wire is not None and not self._cut:
            await self._wire.send(self._sealed(data))

    def cut(self) -> None:
        """Gone at once; what was not sent is never sent."""
        self._cut = True
        if self._wire is not None:
            self._wire.abort()

    def _sealed(self, data: bytes) -> bytes:
        return data if self._security is None else self._security.seal(data)

    # --- the way there

    async def _entered(self, credential: Credential, connector: _Made, methods: Method) -> Demanded:
        """Raises `_Weak`: the target has none of the `methods` that standard RDP security was asked for with."""
        async with asyncio.timeout(SOUTH_CONNECT.total_seconds()):
            requested, key = OFFERED, b""
            wire = await self._dialled()
            try:
                selected = await self._negotiated(wire, requested)
            except _NoTls:
                wire, requested = await self._dialled(), Security.RDP
                selected = await self._negotiated(wire, requested)
            if selected != Security.RDP:
                key = await self._secured(wire)
        ahead = b""
        async with asyncio.timeout(RDP_OPENING.total_seconds()):
            if selected & Security.HYBRID:
                ahead = await self._logged_on(wire, key, credential)
            self.frames = Frames(wire, ahead=ahead)
            security = StandardSecurity(methods) if selected == Security.RDP else None
            demanded = await self._demanded(wire, connector(selected, requested, security), security)
            if security is not None:
                self._security, self.frames.through = security, security.open
            return demanded

    @property
    def _profile(self) -> CryptoProfile:
        """As the target has it now: an exception that is over in between leaves nothing of itself."""
        return self._connection.profile()

    async def _dialled(self) -> Wire:
        """Raises Refused: nothing is to be said to it, or it cannot be reached."""
        self._connection.profile()
        if self._wire is not None:
            self._wire.abort()
        sock = await self._connection.dial()
        try:
            self._wire = await Wire.over(sock, accepted=False)
        except BaseException:
            sock.close()
            raise
        if self._cut:
            self._wire.abort()
        return self._wire

    async def _negotiated(self, wire: Wire, offered: Security) -> Security:
        """What the target chose of what is offered ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2).

        Raises:
            _NoTls: only standard RDP security is left, and there is an exception for that.
        """
        legacy = self._profile is CryptoProfile.LEGACY
        await wire.send(ConnectionRequest(offered).encode())
        frames = Frames(wire, most=1024)
        frame = await frames.next()
        if frame is None:
            raise ConnectionResetError("closed instead of a connection confirm")
        frames.only()
        answer = decode_confirm(frame)
        if isinstance(answer, ConnectionConfirm):
            if offered == Security.RDP != answer.selected:
                raise RemoteProtocolError("connection confirm: what was not asked for")
            if answer.selected in {Security.TLS, Security.HYBRID}:
                return answer.selected
            if legacy and answer.selected == Security.RDP:
                return answer.selected
            raise self._refused("security", texts.SECURITY, f"selected {int(answer.selected):#x}")
        old = answer.code in {NegotiationFailure.SSL_NOT_ALLOWED, NegotiationFailure.SSL_CERT_NOT_ON_SERVER}
        if old and legacy and offered != Security.RDP:
            raise _NoTls
        words = texts.SECURITY if old else texts.PROTOCOL
        raise self._refused("security" if old else "protocol", words, f"failure {answer.code}")

    async def _secured(self, wire: Wire) -> bytes:
        """TLS, and the target's certificate is the one that was pinned: its key, to be bound by CredSSP."""
        certificate = await wire.start_tls(_context(self._profile), SOUTH_CONNECT, accepted=False)
        await self._connection.check_certificate(certificate)
        return subject_public_key(certificate)

    async def _logged_on(self, wire: Wire, key: bytes, credential: Credential) -> bytes:
        """CredSSP ([MS-CSSP] 3.1.5): octets that came after its last message."""
        initiator = CredsspInitiator(
            key, credential.account, credential.domain, _password(credential),
            random=secrets.token_bytes, time=filetime(self._clock.now().timestamp()),
        )  # fmt: skip
        await wire.send(initiator.data_to_send())
        while initiator.state not in LOG_ON_STATES:
            data = await wire.receive()
            if not data:  # some targets hang up on a wrong password without a word
                raise self._refused("credential", texts.CREDENTIAL, f"hung up in {initiator.state.value}")
            initiator.receive(data)
            await wire.send(initiator.data_to_send())
        if initiator.state is CredsspState.FAILED:
            status = "" if initiator.failure is None else f"{initiator.failure:#010x}"
            raise self._refused("credential", texts.CREDENTIAL, status)
        return initiator.rest

    async def _demanded(self, wire: Wire, connector: Connector, security: StandardSecurity | None) -> Demanded:
        connector.start()
        while True:
            await wire.send(connector.data_to_send())
            frame = await self.frames.next()
            if frame is None:
                if _asked_too_much(security):
                    raise _Weak
                raise ConnectionResetError(f"closed in {connector.state.value}")
            try:
                events = connector.receive(frame)
            except NoCommonMethod:
                if _asked_too_much(security):
                    raise _Weak from None
                raise
            for event in events:
                match event:
                    case KeyShown():
                        await self._connection.check_public_key(event.public_key_info)
                        connector.trust()
                    case Demanded():
                        await wire.send(connector.data_to_send())
                        return event
                    case TargetRefused():
                        if _asked_too_much(security):
                            raise _Weak
                        raise self._refused("protocol", texts.PROTOCOL, f"{event.reason.value} {event.number:#x}")

    # --- words

    def _explained(self, error: Exception) -> Refused:
        match error:
            case Refused():
                self.why, self.detail = self.why or error.code, self.detail or printable(error.detail)
                return error
            case TimeoutError():
                why, words = "unreachable", texts.SLOW
            case LicenceRefused():
                why, words = "licence", texts.LICENCE
            case ssl.SSLError() | RemoteProtocolError():
                why, words = "protocol", texts.PROTOCOL
            case OSError():
                why, words = "unreachable", texts.LOST
            case _:
                why, words = "unavailable", texts.UNAVAILABLE
        return self._refused(why, words, f"{type(error).__name__}: {error}")

    def _refused(self, why: str, words: str, detail: str = "") -> Refused:
        session = self._connection.session
        self.why, self.detail = why, printable(detail)
        return Refused(
            why, words.format(target=session.target_name, account=session.account, whom=texts.WHOM), detail=detail
        )


def _context(profile: CryptoProfile) -> ssl.SSLContext:
    """TLS towards a target. Its certificate is pinned instead of verified: plants have no common issuer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if profile is CryptoProfile.MODERN:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if profile is CryptoProfile.LEGACY:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is what the profile is for
            context.minimum_version = ssl.TLSVersion.TLSv1
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _asked_too_much(security: StandardSecurity | None) -> bool:
    """It ended while the target was asked for strong encryption alone, and had not agreed yet."""
    return security is not None and security.state is SecurityState.AGREEING and security.methods == STRONG


def _password(credential: Credential) -> str:
    return credential.secret.decode("utf-8", "surrogateescape")
