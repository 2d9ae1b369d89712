"""GCC conference create request and response, and their blocks ([MS-RDPBCGR] 2.2.1.3, 2.2.1.4; ITU-T T.124 8.7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import KEEP, IntFlag
from typing import Final

from gateway.errors import LocalProtocolError
from gateway.rdp import per
from gateway.rdp.gcc_core import BLOCK_HEADER, CS_CORE, CoreClient, EarlyCapability, block, u16, u32
from gateway.rdp.octets import Reader
from gateway.rdp.x224 import Security

OBJECT_KEY: Final = bytes.fromhex("00 05 00 14 7c 00 01")  # ConnectData.t124Identifier: {itu-t(0) t(20) 124 0 1}
REQUEST_HEAD: Final = bytes.fromhex("00 08 00 10 00 01 c0 00")  # conference name "1", one set of user data, h221 key
RESPONSE_CHOICE: Final = 0x14
RESPONSE_HEAD: Final = bytes.fromhex("14 76 0a 01 01 00 01 c0 00")  # node 31219, tag 1, success, one set, h221 key
CLIENT_KEY: Final = b"Duca"
SERVER_KEY: Final = b"McDn"

CS_SECURITY: Final = 0xC002
CS_NET: Final = 0xC003
CS_CLUSTER: Final = 0xC004
SC_CORE: Final = 0x0C01
SC_SECURITY: Final = 0x0C02
SC_NET: Final = 0x0C03

CHANNELS_MOST: Final = 31  # channelCount (2.2.1.3.4)
CHANNEL_NAME: Final = 8  # octets of CHANNEL_DEF.name with its null
BLOCKS_MOST: Final = 32  # blocks of one peer; fewer than half as many are defined

__all__ = [
    "ClientBlocks",
    "ClusterClient",
    "ClusterFlag",
    "CoreClient",
    "CoreServer",
    "EarlyCapability",
    "NetworkClient",
    "NetworkServer",
    "SecurityClient",
    "SecurityServer",
    "ServerBlocks",
    "StaticChannel",
]


class ClusterFlag(IntFlag, boundary=KEEP):
    """Flags of CS_CLUSTER (2.2.1.3.5); the version of redirection lies in bits 2 to 5."""

    REDIRECTION_SUPPORTED = 0x01
    REDIRECTED_SESSIONID_FIELD_VALID = 0x02
    REDIRECTED_SMARTCARD = 0x40


@dataclass(frozen=True, slots=True)
class SecurityClient:
    """TS_UD_CS_SEC (2.2.1.3.3): both zero under TLS."""

    methods: int = 0
    extended: int = 0

    def encode(self) -> bytes:
        return block(CS_SECURITY, u32(self.methods, self.extended))

    @classmethod
    def decode(cls, data: bytes) -> SecurityClient:
        src = Reader(data, "CS_SECURITY")
        found = cls(src.u32le(), src.u32le())
        src.end()
        return found


@dataclass(frozen=True, slots=True)
class ClusterClient:
    """TS_UD_CS_CLUSTER (2.2.1.3.5)."""

    flags: ClusterFlag
    session: int = 0

    def encode(self) -> bytes:
        return block(CS_CLUSTER, u32(self.flags, self.session))

    @classmethod
    def decode(cls, data: bytes) -> ClusterClient:
        src = Reader(data, "CS_CLUSTER")
        found = cls(ClusterFlag(src.u32le()), src.u32le())
        src.end()
        return found


@dataclass(frozen=True, slots=True)
class StaticChannel:
    """CHANNEL_DEF (2.2.1.3.4.1): a name of at most 7 ASCII characters."""

    name: str
    options: int


@dataclass(frozen=True, slots=True)
class NetworkClient:
    """TS_UD_CS_NET (2.2.1.3.4): absent from the wire when there are no channels."""

    channels: tuple[StaticChannel, ...] = ()

    def encode(self) -> bytes:
        if not self.channels:
            return b""
        body = u32(len(self.channels))
        for channel in self.channels:
            name = channel.name.encode("ascii")
            if len(name) >= CHANNEL_NAME:
                raise LocalProtocolError(f"CS_NET: channel name of {len(name)} octets, must be below {CHANNEL_NAME}")
            body += name.ljust(CHANNEL_NAME, b"\x00") + u32(channel.options)
        return block(CS_NET, body)

    @classmethod
    def decode(cls, data: bytes) -> NetworkClient:
        src = Reader(data, "CS_NET")
        if (count := src.u32le()) > CHANNELS_MOST:
            raise src.fail(f"{count} channels, must be {CHANNELS_MOST} or less")
        channels = []
        for _ in range(count):
            name, null, _ = src.take(CHANNEL_NAME).partition(b"\x00")
            if not null or not name.isascii():
                raise src.fail("a channel name without its null or not ASCII")
            channels.append(StaticChannel(name.decode("ascii"), src.u32le()))
        src.end()
        return cls(tuple(channels))


@dataclass(frozen=True, slots=True)
class ClientBlocks:
    """What a client says of itself in MCS Connect Initial; `others` are blocks we do not read, as (type, body)."""

    core: CoreClient
    security: SecurityClient = SecurityClient()
    network: NetworkClient = NetworkClient()
    cluster: ClusterClient | None = None
    others: tuple[tuple[int, bytes], ...] = ()

    def encode(self) -> bytes:
        """A GCC Conference Create Request."""
        cluster = b"" if self.cluster is None else self.cluster.encode()
        blocks = self.core.encode() + cluster + self.security.encode() + self.network.encode() + _joined(self.others)
        return _conference(REQUEST_HEAD + CLIENT_KEY, blocks)

    @classmethod
    def decode(cls, user_data: bytes) -> ClientBlocks:
        """Raises RemoteProtocolError also for a block that comes twice, or when CS_CORE or CS_SECURITY is missing."""
        src = _opened(user_data, "GCC Conference Create Request")
        if src.take(len(REQUEST_HEAD)) != REQUEST_HEAD or src.take(4) != CLIENT_KEY:
            raise src.fail("not what a client of RDP sends")
        known, others = _blocks(src, (CS_CORE, CS_SECURITY, CS_NET, CS_CLUSTER))
        if CS_CORE not in known or CS_SECURITY not in known:
            raise src.fail("without CS_CORE or CS_SECURITY")
        return cls(
            CoreClient.decode(known[CS_CORE]),
            SecurityClient.decode(known[CS_SECURITY]),
            NetworkClient.decode(known[CS_NET]) if CS_NET in known else NetworkClient(),
            ClusterClient.decode(known[CS_CLUSTER]) if CS_CLUSTER in known else None,
            others,
        )


@dataclass(frozen=True, slots=True)
class CoreServer:
    """TS_UD_SC_CORE (2.2.1.4.2). `requested` repeats what the client asked for in X.224; None is absent."""

    version: int = 0x00080004
    requested: Security | None = None
    early: int | None = None

    def encode(self) -> bytes:
        tail = [] if self.requested is None else [int(self.requested)]
        return block(SC_CORE, u32(self.version, *tail, *([] if self.early is None or not tail else [self.early])))

    @classmethod
    def decode(cls, data: bytes) -> CoreServer:
        src = Reader(data, "SC_CORE")
        version = src.u32le()
        requested = Security(src.u32le()) if src.left else None
        early = src.u32le() if src.left else None
        src.end()
        return cls(version, requested, early)


@dataclass(frozen=True, slots=True)
class SecurityServer:
    """TS_UD_SC_SEC1 (2.2.1.4.3): method and level zero under TLS; `keys` is what follows them under RDP security."""

    method: int = 0
    level: int = 0
    keys: bytes = b""

    def encode(self) -> bytes:
        return block(SC_SECURITY, u32(self.method, self.level) + self.keys)

    @classmethod
    def decode(cls, data: bytes) -> SecurityServer:
        src = Reader(data, "SC_SECURITY")
        return cls(src.u32le(), src.u32le(), src.rest())


@dataclass(frozen=True, slots=True)
class NetworkServer:
    """TS_UD_SC_NET (2.2.1.4.4): the I/O channel and one id for each channel of CS_NET, in its order (0: refused)."""

    io: int
    channels: tuple[int, ...] = ()

    def encode(self) -> bytes:
        pad = b"\x00\x00" if len(self.channels) % 2 else b""
        return block(SC_NET, u16(self.io, len(self.channels), *self.channels) + pad)

    @classmethod
    def decode(cls, data: bytes) -> NetworkServer:
        src = Reader(data, "SC_NET")
        io, count = src.u16le(), src.u16le()
        if count > CHANNELS_MOST:
            raise src.fail(f"{count} channels, must be {CHANNELS_MOST} or less")
        channels = tuple(src.u16le() for _ in range(count))
        if src.left not in (0, 2):
            raise src.fail(f"{src.left} octets after the channels, must be the padding")
        return cls(io, channels)


@dataclass(frozen=True, slots=True)
class ServerBlocks:
    """What a server answers in MCS Connect Response; `others` are blocks we do not read, as (type, body)."""

    core: CoreServer
    network: NetworkServer
    security: SecurityServer = SecurityServer()
    others: tuple[tuple[int, bytes], ...] = ()

    def encode(self) -> bytes:
        """A GCC Conference Create Response."""
        blocks = self.core.encode() + self.network.encode() + self.security.encode() + _joined(self.others)
        return _conference(RESPONSE_HEAD + SERVER_KEY, blocks)

    @classmethod
    def decode(cls, user_data: bytes) -> ServerBlocks:
        """Raises RemoteProtocolError also for a block that comes twice or is missing."""
        src = _opened(user_data, "GCC Conference Create Response")
        if (choice := src.u8()) != RESPONSE_CHOICE:
            raise src.fail(f"choice {choice:#04x}, must be {RESPONSE_CHOICE:#04x}")
        src.u16be()  # nodeID
        per.read_integer(src)  # tag
        src.u8()  # result
        if src.take(3) != RESPONSE_HEAD[-3:] or src.take(4) != SERVER_KEY:
            raise src.fail("not what a server of RDP sends")
        known, others = _blocks(src, (SC_CORE, SC_SECURITY, SC_NET))
        if len(known) < 3:
            raise src.fail("without SC_CORE, SC_SECURITY or SC_NET")
        return cls(
            CoreServer.decode(known[SC_CORE]),
            NetworkServer.decode(known[SC_NET]),
            SecurityServer.decode(known[SC_SECURITY]),
            others,
        )


def _conference(head: bytes, blocks: bytes) -> bytes:
    """ConnectData around a ConnectGCCPDU with one set of user data."""
    pdu = head + per.length(len(blocks)) + blocks
    return OBJECT_KEY + per.length(len(pdu)) + pdu


def _opened(user_data: bytes, what: str) -> Reader:
    """The ConnectGCCPDU inside ConnectData. Its length is not looked at: Windows says 42 whatever follows (2.2.1.4)."""
    src = Reader(user_data, what)
    if src.take(len(OBJECT_KEY)) != OBJECT_KEY:
        raise src.fail("not a T.124 object")
    per.read_length(src)
    return src


def _joined(others: tuple[tuple[int, bytes], ...]) -> bytes:
    return b"".join(block(kind, body) for kind, body in others)


def _blocks(src: Reader, wanted: tuple[int, ...]) -> tuple[dict[int, bytes], tuple[tuple[int, bytes], ...]]:
    """The wanted blocks by type, and the others in their order."""
    length = per.read_length(src)
    if length != src.left:
        raise src.fail(f"user data of {length} octets, {src.left} follow")
    known: dict[int, bytes] = {}
    others: list[tuple[int, bytes]] = []
    while src.left:
        kind, size = src.u16le(), src.u16le()
        if size < BLOCK_HEADER:
            raise src.fail(f"block {kind:#06x} of {size} octets, must be {BLOCK_HEADER} or more")
        body = src.take(size - BLOCK_HEADER)
        if kind in known or len(known) + len(others) >= BLOCKS_MOST:
            raise src.fail(f"block {kind:#06x} twice, or too many blocks")
        if kind in wanted:
            known[kind] = body
        else:
            others.append((kind, body))
    return known, tuple(others)
