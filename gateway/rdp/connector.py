"""The gateway as a client: from the target's connection confirm to its Demand Active ([MS-RDPBCGR] 1.3.1.1, 3.2.5.3).

The shell has done X.224, TLS and CredSSP. Call `start`, then `receive` with every frame, and send `data_to_send`
after each. The end is one event: `Demanded`, after which the frames belong to a bridge, or `TargetRefused`.
Under standard RDP security there is one more, `KeyShown`, after which nothing secret is said before `trust`.

What may arrive when is the table below, and nothing else may. The target is not trusted: it may send anything at all,
and gets an error of its own for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import asking, mcs, x224
from gateway.rdp.asking import TargetLogon
from gateway.rdp.client_info import ClientInfo
from gateway.rdp.gcc import ClientBlocks, ServerBlocks
from gateway.rdp.licence import SEC_LICENSE_PKT, LicenceClient
from gateway.rdp.share import DemandActive, PduType, PduType2, SetErrorInfo, ShareControl, ShareData, split_control
from gateway.rdp.standard_security import Flag, StandardSecurity
from gateway.rdp.tpkt import Frame
from gateway.rdp.x224 import Security

__all__ = ["Connector", "ConnectorState", "Demanded", "KeyShown", "Refusal", "TargetLogon", "TargetRefused"]

NEWS_MOST: Final = 64  # PDUs passed over before the Demand Active; a Windows server sends two or three


class ConnectorState(Enum):
    """What the connector waits for."""

    CONNECT = "MCS Connect Response"
    ATTACH = "MCS Attach User Confirm"
    JOIN = "MCS Channel Join Confirm"
    LICENCE = "licensing"
    DEMAND = "Demand Active"
    DONE = "nothing"


class Arrival(Enum):
    """What came, as far as the table tells it apart."""

    CONNECT_RESPONSE = "MCS Connect Response"
    ATTACH_CONFIRM = "MCS Attach User Confirm"
    JOIN_CONFIRM = "MCS Channel Join Confirm"
    LAST_JOIN_CONFIRM = "the last MCS Channel Join Confirm"
    LICENCE_MESSAGE = "a licensing message"
    LICENCE_GRANTED = "the end of licensing"
    NEWS = "a PDU that may be passed over"
    DEMAND_ACTIVE = "Demand Active"
    REFUSAL = "a refusal"
    NEVER = "a PDU that no server sends"


_S, _A = ConnectorState, Arrival
TRANSITIONS: Final[Mapping[ConnectorState, Mapping[Arrival, ConnectorState]]] = MappingProxyType(
    {
        _S.CONNECT: {_A.CONNECT_RESPONSE: _S.ATTACH, _A.REFUSAL: _S.DONE},
        _S.ATTACH: {_A.ATTACH_CONFIRM: _S.JOIN, _A.REFUSAL: _S.DONE},
        _S.JOIN: {_A.JOIN_CONFIRM: _S.JOIN, _A.LAST_JOIN_CONFIRM: _S.LICENCE, _A.REFUSAL: _S.DONE},
        _S.LICENCE: {
            _A.LICENCE_MESSAGE: _S.LICENCE,
            _A.LICENCE_GRANTED: _S.DEMAND,
            _A.NEWS: _S.LICENCE,
            _A.REFUSAL: _S.DONE,
        },
        _S.DEMAND: {_A.DEMAND_ACTIVE: _S.DONE, _A.NEWS: _S.DEMAND, _A.REFUSAL: _S.DONE},
        _S.DONE: {},
    }
)


class Refusal(Enum):
    """Why a target refused; `TargetRefused.number` says more, in the terms of each."""

    DISCONNECTED = "disconnect provider ultimatum"  # number: T.125 Reason
    ERROR_INFO = "set error info"  # number: errorInfo (2.2.5.1.1)
    REDIRECTED = "server redirection"  # number: 0
    CONNECT = "connect response"  # number: T.125 Result
    ATTACH = "attach user confirm"  # number: T.125 Result
    JOIN = "channel join confirm"  # number: T.125 Result


@dataclass(frozen=True, slots=True)
class Demanded:
    """The target's Demand Active is here. `channels` are those it joined, by name in lower case.

    `demand` is the share control PDU with its header, without MCS.
    """

    user: int
    io: int
    channels: Mapping[str, int]
    demand: bytes


@dataclass(frozen=True, slots=True)
class TargetRefused:
    """The target said no in a regular way."""

    reason: Refusal
    number: int


@dataclass(frozen=True, slots=True)
class KeyShown:
    """The key of standard RDP security, as SubjectPublicKeyInfo in DER; `trust` says that it is the right one."""

    public_key_info: bytes


Event: TypeAlias = Demanded | KeyShown | TargetRefused


class Connector:
    """`channels` are the static channels that may exist at all, in lower case.

    `selected` is what the target chose in X.224, `requested` what we asked for there, if it is to be checked.
    `security` is there if, and only if, standard RDP security was chosen.
    """

    def __init__(
        self,
        client: ClientBlocks,
        info: ClientInfo,
        logon: TargetLogon,
        selected: Security,
        channels: frozenset[str],
        *,
        requested: Security | None = None,
        security: StandardSecurity | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Raises RemoteProtocolError when the client's own information is torn."""
        if (selected == Security.RDP) != (security is not None):
            raise LocalProtocolError("connector: standard RDP security without its keys, or with TLS")
        self._security = security
        self._blocks = asking.blocks(client, selected, channels, 0 if security is None else security.methods)
        self._info = asking.info(info, logon, channels)
        self._requested = requested
        self._licence = LicenceClient(random)
        self._out = bytearray()
        self._state: ConnectorState | None = None
        self._user = self._io = self._news = 0
        self._offered: dict[str, int] = {}
        self._joined: dict[str, int] = {}
        self._joining: list[int] = []

    @property
    def state(self) -> ConnectorState:
        return self._state or ConnectorState.CONNECT

    def start(self) -> None:
        """Say who we are: MCS Connect Initial."""
        if self._state is not None:
            raise LocalProtocolError("connector: started twice")
        self._state = ConnectorState.CONNECT
        self._send(mcs.ConnectInitial(self._blocks.encode()).encode())

    def trust(self) -> None:
        """The key of `KeyShown` is the target's."""
        if self._security is None:
            raise LocalProtocolError("connector: no key was shown")
        self._security.trust()

    def data_to_send(self) -> bytes:
        """Whole PDUs for the target; each is given once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, frame: Frame) -> list[Event]:
        """Take one frame of the target.

        Raises:
            LicenceRefused: the target wants a licence that we do not have.
            RemoteProtocolError: anything that the table does not allow, or a broken PDU.
            LocalProtocolError: not started, or over.
        """
        if self._state is None or self._state is ConnectorState.DONE:
            raise LocalProtocolError("connector: a frame before the start or after the end")
        match mcs.decode(x224.data_of(frame)):
            case mcs.ConnectResponse() as pdu:
                return self._connected(pdu)
            case mcs.AttachUserConfirm() as pdu:
                return self._attached(pdu)
            case mcs.ChannelJoinConfirm() as pdu:
                return self._join_confirmed(pdu)
            case mcs.DisconnectProviderUltimatum() as pdu:
                return self._refused(Refusal.DISCONNECTED, pdu.reason)
            case mcs.SendDataIndication() as pdu:
                return self._told(pdu)
            case _:
                self._enter(Arrival.NEVER)
        return []

    def _enter(self, arrival: Arrival) -> None:
        """The next state by the table, or the target broke a rule."""
        following = TRANSITIONS[self.state].get(arrival)
        if following is None:
            raise RemoteProtocolError(f"connector: {arrival.value} came, {self.state.value} expected")
        self._state = following

    def _refused(self, reason: Refusal, number: int) -> list[Event]:
        self._enter(Arrival.REFUSAL)
        return [TargetRefused(reason, number)]

    def _send(self, pdu: bytes) -> None:
        self._out += x224.data(pdu)

    def _say(self, data: bytes) -> None:
        """Something on the I/O channel."""
        self._send(mcs.SendDataRequest(self._user, self._io, data).encode())

    def _connected(self, pdu: mcs.ConnectResponse) -> list[Event]:
        self._enter(Arrival.CONNECT_RESPONSE)
        if pdu.result != mcs.RT_SUCCESSFUL:
            return self._refused(Refusal.CONNECT, pdu.result)
        server = ServerBlocks.decode(pdu.user_data)
        shown: list[Event] = []
        if self._security is not None:
            self._security.agree(server.security)
            shown.append(KeyShown(self._security.key.public_key_info()))
        elif server.security.method or server.security.level:
            raise RemoteProtocolError("connect response: encryption of RDP's own inside TLS")
        seen = server.core.requested
        if self._requested is not None and seen is not None and seen != self._requested:
            raise RemoteProtocolError(f"connect response: target saw a request for {seen:d}, not {self._requested:d}")
        self._io, channels = server.network.io, server.network.channels
        wanted = self._blocks.network.channels
        if len(channels) != len(wanted):
            raise RemoteProtocolError(f"connect response: {len(channels)} channels, {len(wanted)} asked for")
        self._offered = {asked.name.lower(): given for asked, given in zip(wanted, channels, strict=True) if given}
        ids = [self._io, *self._offered.values()]
        if not self._io or len(set(ids)) < len(ids):
            raise RemoteProtocolError("connect response: one number for two channels")
        self._send(mcs.ErectDomainRequest().encode())
        self._send(mcs.AttachUserRequest().encode())
        return shown

    def _attached(self, pdu: mcs.AttachUserConfirm) -> list[Event]:
        self._enter(Arrival.ATTACH_CONFIRM)
        if pdu.result != mcs.RT_SUCCESSFUL:
            return self._refused(Refusal.ATTACH, pdu.result)
        if pdu.user is None or pdu.user in {self._io, *self._offered.values()}:
            raise RemoteProtocolError("attach user confirm: no user id, or that of a channel")
        self._user = pdu.user
        self._joining = [self._user, self._io, *self._offered.values()]
        self._join()
        return []

    def _join(self) -> None:
        self._send(mcs.ChannelJoinRequest(self._user, self._joining[0]).encode())

    def _join_confirmed(self, pdu: mcs.ChannelJoinConfirm) -> list[Event]:
        """One answer to one request. A static channel that the target will not have joined is one less."""
        last = len(self._joining) == 1
        self._enter(Arrival.LAST_JOIN_CONFIRM if last else Arrival.JOIN_CONFIRM)
        channel = self._joining.pop(0)
        if pdu.user != self._user or pdu.requested != channel:
            raise RemoteProtocolError("channel join confirm: not what was asked")
        granted = pdu.result == mcs.RT_SUCCESSFUL
        if granted and pdu.channel != channel:
            raise RemoteProtocolError("channel join confirm: another channel than asked")
        if not granted and channel in {self._user, self._io}:
            return self._refused(Refusal.JOIN, pdu.result)
        if granted:
            self._joined |= {name: number for name, number in self._offered.items() if number == channel}
        if last:
            self._introduce()
        else:
            self._join()
        return []

    def _introduce(self) -> None:
        """Client Info, sealed where TLS does not do it."""
        if self._security is None:
            self._say(self._info.encode())
            return
        self._say(self._security.exchange())
        self._licence.key = self._security.key
        self._say(self._security.seal_headed(self._info.encode()))

    def _told(self, pdu: mcs.SendDataIndication) -> list[Event]:
        """Licensing, and what lies between it and the Demand Active."""
        if self._security is not None and self.state in {ConnectorState.LICENCE, ConnectorState.DEMAND}:
            opened = self._security.open_headed(pdu.data, licensing=self.state is ConnectorState.LICENCE)
            pdu = replace(pdu, data=opened)
        if pdu.channel != self._io or self.state not in {ConnectorState.LICENCE, ConnectorState.DEMAND}:
            return self._passed_over()
        flags = int.from_bytes(pdu.data[:2], "little")
        if self.state is ConnectorState.LICENCE and flags & SEC_LICENSE_PKT and not _is_control(pdu.data):
            return self._licensed(pdu.data)
        if flags == Flag.REDIRECTION_PKT and not _is_control(pdu.data):  # it has no share header
            return self._refused(Refusal.REDIRECTED, 0)
        for control in split_control(pdu.data):
            if events := self._controlled(control):
                return events
        return []

    def _licensed(self, data: bytes) -> list[Event]:
        answer = self._licence.answer(data)
        self._enter(Arrival.LICENCE_GRANTED if self._licence.granted else Arrival.LICENCE_MESSAGE)
        if answer is not None:
            wanted = int.from_bytes(data[:2], "little") & Flag.LICENSE_ENCRYPT
            self._say(self._security.seal_headed(answer) if self._security is not None and wanted else answer)
        return []

    def _controlled(self, control: ShareControl) -> list[Event]:
        match control.kind:
            case PduType.DEMAND_ACTIVE:
                self._enter(Arrival.DEMAND_ACTIVE)
                if self._security is not None:
                    self._security.learn(DemandActive.decode(control.body).capabilities)
                joined = MappingProxyType(dict(self._joined))
                return [Demanded(self._user, self._io, joined, control.encode())]
            case PduType.SERVER_REDIRECTION:
                return self._refused(Refusal.REDIRECTED, 0)
            case PduType.DATA if error := _error_info(control):
                return self._refused(Refusal.ERROR_INFO, error)
            case PduType.DATA | PduType.DEACTIVATE_ALL:
                return self._passed_over()
        self._enter(Arrival.NEVER)
        return []

    def _passed_over(self) -> list[Event]:
        self._enter(Arrival.NEWS)
        self._news += 1
        if self._news > NEWS_MOST:
            raise RemoteProtocolError(f"connector: more than {NEWS_MOST} PDUs before the Demand Active")
        return []


def _is_control(data: bytes) -> bool:
    """Whether `data` begins with a share control header that says its whole length, not with a security header."""
    return len(data) >= 6 and int.from_bytes(data[:2], "little") == len(data) and data[2] & 0xF0 == 0x10


def _error_info(control: ShareControl) -> int:
    """The code of a SetErrorInfo PDU; 0 for any other PDU."""
    data = ShareData.decode(control.body)
    return SetErrorInfo.decode(data.body).code if data.kind == PduType2.SET_ERROR_INFO else 0
