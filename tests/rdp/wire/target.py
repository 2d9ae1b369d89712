"""A target of ours for the connector: every PDU that a server may say, and one that says them in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.rdp import licence, mcs, x224
from gateway.rdp.client_info import ClientInfo
from gateway.rdp.connector import Connector, Demanded, TargetLogon, TargetRefused
from gateway.rdp.gcc import ClientBlocks, CoreServer, NetworkServer, ServerBlocks
from gateway.rdp.share import DeactivateAll, DemandActive, PduType, PduType2, ShareControl, ShareData
from gateway.rdp.tpkt import Framer
from gateway.rdp.x224 import Security
from tests.rdp.wire.samples import ALL_CHANNELS, CLIENT, INFO, frame

USER, IO, SERVER, SHARE = 1007, 1003, 1002, 0x000103EA
LOGON = TargetLogon("svc_real", "PLANT", "RealPass!77")
DEMAND = ShareControl(PduType.DEMAND_ACTIVE, SERVER, DemandActive(SHARE, b"RDP\0", ()).encode()).encode()
Event = Demanded | TargetRefused


def indication(data: bytes, channel: int = IO) -> bytes:
    return x224.data(mcs.SendDataIndication(SERVER, channel, data).encode())


def connect_response(channels: tuple[int, ...] = (1004, 1005, 1006), **parts: object) -> bytes:
    """`parts` replace fields of ServerBlocks, or `result`."""
    result = parts.pop("result", 0)
    assert isinstance(result, int)
    fields: dict[str, object] = {"core": CoreServer(requested=Security.TLS), "network": NetworkServer(IO, channels)}
    blocks = ServerBlocks(**(fields | parts))  # type: ignore[arg-type]
    return x224.data(mcs.ConnectResponse(blocks.encode(), result).encode())


def attach_confirm(user: int | None = USER, result: int = 0) -> bytes:
    return x224.data(mcs.AttachUserConfirm(result, user).encode())


def join_confirm(channel: int, result: int = 0, user: int = USER) -> bytes:
    return x224.data(mcs.ChannelJoinConfirm(result, user, channel, None if result else channel).encode())


def share_data(kind: int, body: bytes = b"") -> bytes:
    return indication(ShareData(SHARE, kind, body).encode(SERVER))


def error_info(code: int) -> bytes:
    return share_data(PduType2.SET_ERROR_INFO, code.to_bytes(4, "little"))


VALID = indication(licence.VALID_CLIENT)
DEMAND_ACTIVE = indication(DEMAND)
DEACTIVATE_ALL = indication(ShareControl(PduType.DEACTIVATE_ALL, SERVER, DeactivateAll(SHARE).encode()).encode())
REDIRECTION = indication(ShareControl(0xA, SERVER, bytes(40)).encode())
DISCONNECT = x224.data(mcs.DisconnectProviderUltimatum(mcs.RN_PROVIDER_INITIATED).encode())
SECURE_REDIRECTION = indication(bytes.fromhex("00040000 0004") + bytes(38))


def connector(
    client: ClientBlocks = CLIENT, info: ClientInfo = INFO, channels: frozenset[str] = ALL_CHANNELS,
    selected: Security = Security.TLS,
) -> Connector:  # fmt: skip
    """One that was started; `random` is none."""
    made = Connector(client, info, LOGON, selected, channels, requested=Security.TLS, random=bytes)
    made.start()
    return made


def said(made: Connector) -> list[mcs.DomainPdu]:
    """What it has to send, decoded."""
    return [mcs.decode(x224.data_of(one)) for one in Framer().feed(made.data_to_send())]


@dataclass
class Target:
    """Answers a connector as a well-behaved server does; `heard` is everything that it was told."""

    ids: Mapping[str, int] = field(default_factory=lambda: {"rdpdr": 1004, "cliprdr": 1005, "rdpsnd": 1006})
    heard: list[mcs.DomainPdu] = field(default_factory=list)

    def answers(self, pdu: mcs.DomainPdu) -> list[bytes]:
        match pdu:
            case mcs.ConnectInitial():
                asked = ClientBlocks.decode(pdu.user_data).network.channels
                return [connect_response(tuple(self.ids[one.name.lower()] for one in asked))]
            case mcs.AttachUserRequest():
                return [attach_confirm()]
            case mcs.ChannelJoinRequest():
                return [join_confirm(pdu.channel)]
            case mcs.SendDataRequest():
                return [VALID, DEMAND_ACTIVE]
            case _:
                return []

    def serves(self, made: Connector) -> list[Event]:
        """Both talk until neither has anything to say."""
        events: list[Event] = []
        while new := said(made):
            self.heard += new
            for pdu in new:
                for answer in self.answers(pdu):
                    events += made.receive(frame(answer))
        return events
