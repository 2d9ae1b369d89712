"""Standard RDP security, the client's side ([MS-RDPBCGR] 5.3): for targets that know neither TLS nor CredSSP.

In order: `methods` go into CS_SECURITY; `agree` reads SC_SECURITY; whoever pins keys looks at `key` and calls `trust`;
`exchange` gives the Security Exchange PDU; from then on everything is encrypted. The connection sequence is sealed PDU
by PDU (`seal_headed`, `open_data`); what follows it passes through `seal` and `open` whole, so that a bridge sees the
PDUs that it would see under TLS.

INVARIANT: nothing is sealed before `trust`: a credential goes to the pinned key, or nowhere.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterable, Mapping
from enum import KEEP, Enum, IntFlag
from types import MappingProxyType
from typing import Final

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.rdp import mcs, x224
from gateway.rdp.capabilities import Capability, ExtraFlag, Kind
from gateway.rdp.fastpath import PDU_MOST
from gateway.rdp.gcc import SecurityServer
from gateway.rdp.licence import SEC_LICENSE_PKT
from gateway.rdp.octets import Reader
from gateway.rdp.standard_security_certificate import ServerKey
from gateway.rdp.standard_security_keys import RANDOM, SIGNATURE, STRENGTHS, Direction, Method, derive
from gateway.rdp.tpkt import Frame, FrameKind, Framer

__all__ = ["LESSER", "STRONG", "Flag", "Method", "NoCommonMethod", "SecurityState", "StandardSecurity"]

STRONG: Final = Method.BITS_128
LESSER: Final = Method.BITS_56 | Method.BITS_40  # asked for when a target has nothing else
LEVELS: Final = frozenset({2, 3})  # client compatible and high; below, what the target sends is in clear
HEADER: Final = 4  # octets of TS_SECURITY_HEADER: flags u16 + flagsHi u16
FAST_CHECKSUM: Final = 0x40  # FASTPATH_INPUT_SECURE_CHECKSUM and FASTPATH_OUTPUT_SECURE_CHECKSUM
FAST_ENCRYPTED: Final = 0x80


class Flag(IntFlag, boundary=KEEP):
    """flags of TS_SECURITY_HEADER (2.2.8.1.1.2.1), those that matter here."""

    EXCHANGE_PKT = 0x0001
    ENCRYPT = 0x0008
    LICENSE_PKT = SEC_LICENSE_PKT
    LICENSE_ENCRYPT = 0x0200  # the sender of it reads encrypted licensing messages
    REDIRECTION_PKT = 0x0400
    SECURE_CHECKSUM = 0x0800


class NoCommonMethod(RemoteProtocolError):
    """The target has none of the methods that were asked for."""


class SecurityState(Enum):
    AGREEING = "SC_SECURITY"
    SHOWN = "trust in the target's key"
    TRUSTED = "the Security Exchange PDU"
    SECURE = "nothing"


TRANSITIONS: Final[Mapping[SecurityState, SecurityState]] = MappingProxyType(
    {
        SecurityState.AGREEING: SecurityState.SHOWN,
        SecurityState.SHOWN: SecurityState.TRUSTED,
        SecurityState.TRUSTED: SecurityState.SECURE,
    }
)


class StandardSecurity:
    """Attributes:
    salted: PDUs are sealed with the salted MAC (5.3.6.1.1): once the target said that it reads that.
    """

    def __init__(self, methods: Method = STRONG, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.methods = methods
        self.salted = False
        self.state = SecurityState.AGREEING
        self._random = random
        self._method = Method(0)
        self._server_random = b""
        self._key: ServerKey | None = None
        self._out: Direction | None = None
        self._in: Direction | None = None

    @property
    def key(self) -> ServerKey:
        """The target's, once it was shown."""
        if self._key is None:
            raise LocalProtocolError("standard security: no key was shown yet")
        return self._key

    # --- the start

    def agree(self, server: SecurityServer) -> None:
        """Read SC_SECURITY (2.2.1.4.3).

        Raises:
            NoCommonMethod: the target encrypts with something else, or not at all.
            RemoteProtocolError: what it sends would be in clear, or its random or certificate is broken.
        """
        method = Method(server.method)
        if method not in STRENGTHS or not method & self.methods:
            raise NoCommonMethod(f"standard security: method {int(method):#x}, asked for {int(self.methods):#x}")
        if server.level not in LEVELS:
            raise RemoteProtocolError(f"standard security: level {server.level}, must be client compatible or high")
        src = Reader(server.keys, "SC_SECURITY")
        random, certificate = src.u32le(), src.u32le()
        if random != RANDOM:
            raise src.fail(f"random of {random} octets, must be {RANDOM}")
        self._server_random = src.take(random)
        self._key = ServerKey.of(src.take(certificate))
        src.end()
        self._method = method
        self._step(SecurityState.AGREEING)

    def trust(self) -> None:
        """The key is the pinned one."""
        self._step(SecurityState.SHOWN)

    def exchange(self) -> bytes:
        """The Security Exchange PDU data (2.2.1.10.1). Everything after it is encrypted."""
        self._step(SecurityState.TRUSTED)
        random = self._random(RANDOM)
        keys = derive(random, self._server_random, self._method)
        self._out = Direction(keys.mac, keys.encrypt, self._method)
        self._in = Direction(keys.mac, keys.decrypt, self._method)
        sealed = self.key.seal(random)
        return struct.pack("<HHI", Flag.EXCHANGE_PKT, 0, len(sealed)) + sealed

    # --- Send Data, one at a time

    def seal_headed(self, data: bytes) -> bytes:
        """Client Info or a licensing message, which bring the security header, encrypted."""
        return self._sealed(Flag(int.from_bytes(data[:2], "little")), data[HEADER:])

    def open_data(self, data: bytes, *, licensing: bool = False) -> tuple[Flag, bytes]:
        """The flags of a Send Data Indication's security header, without those of encryption, and what follows it.

        While `licensing`, a licensing message need not be encrypted.

        Raises:
            RemoteProtocolError: not encrypted, or changed on its way.
        """
        src = Reader(data, "security header")
        flags, _ = Flag(src.u16le()), src.u16le()
        body = src.rest()
        if Flag.ENCRYPT in flags:
            body = self._ways[1].open(body, salted=Flag.SECURE_CHECKSUM in flags)
        elif not licensing or Flag.LICENSE_PKT not in flags:
            raise src.fail(f"flags {int(flags):#06x}, encryption expected")
        return flags & ~(Flag.ENCRYPT | Flag.SECURE_CHECKSUM), body

    def open_headed(self, data: bytes, *, licensing: bool) -> bytes:
        """As it would lie in Send Data under TLS: licensing and redirection with their header, all else without."""
        flags, body = self.open_data(data, licensing=licensing)
        if flags & Flag.REDIRECTION_PKT:
            flags = Flag.REDIRECTION_PKT
        elif not flags & Flag.LICENSE_PKT:
            return body
        return struct.pack("<HH", flags, 0) + body

    def learn(self, demanded: Iterable[Capability]) -> None:
        """Whether the target reads the salted MAC, from the sets of its Demand Active (2.2.7.1.1)."""
        for general in (one.body for one in demanded if one.kind == Kind.GENERAL):
            self.salted = bool(int.from_bytes(general[10:12], "little") & ExtraFlag.ENC_SALTED_CHECKSUM)

    # --- whole PDUs

    def seal(self, pdus: bytes) -> bytes:
        """Whole PDUs for the target, as they would go under TLS, encrypted.

        Raises:
            RemoteProtocolError: one is too long to be encrypted: some client's, for the gateway makes none.
        """
        framer, sealed = Framer(), bytearray()
        for frame in framer.feed(pdus):
            sealed += self._seal_fast(frame.data) if frame.kind is FrameKind.FAST else self._seal_slow(frame)
        if framer.pending:
            raise LocalProtocolError("standard security: half a PDU to seal")
        return bytes(sealed)

    def open(self, frame: Frame) -> Frame:
        """A PDU of the target as it would come under TLS.

        Raises:
            RemoteProtocolError: not encrypted, changed on its way, no PDU, or a redirection.
        """
        if frame.kind is FrameKind.FAST:
            return self._open_fast(frame.data)
        pdu = mcs.decode(x224.data_of(frame))
        if not isinstance(pdu, mcs.SendDataIndication):
            return frame
        flags, data = self.open_data(pdu.data)
        if flags & (Flag.LICENSE_PKT | Flag.REDIRECTION_PKT):
            raise RemoteProtocolError(f"security header: flags {int(flags):#06x} after the connection sequence")
        opened = mcs.SendDataIndication(pdu.initiator, pdu.channel, data)
        return Frame(FrameKind.SLOW, x224.data(opened.encode()))

    # --- within

    @property
    def _ways(self) -> tuple[Direction, Direction]:
        if self._out is None or self._in is None:
            raise LocalProtocolError("standard security: no keys yet")
        return self._out, self._in

    def _step(self, before: SecurityState) -> None:
        if self.state is not before:
            raise LocalProtocolError(f"standard security: waits for {self.state.value}, not for {before.value}")
        self.state = TRANSITIONS[before]

    def _sealed(self, flags: Flag, body: bytes) -> bytes:
        flags |= Flag.ENCRYPT | (Flag.SECURE_CHECKSUM if self.salted else Flag(0))
        return struct.pack("<HH", flags, 0) + self._ways[0].seal(body, salted=self.salted)

    def _seal_slow(self, frame: Frame) -> bytes:
        pdu = mcs.decode(x224.data_of(frame))
        if not isinstance(pdu, mcs.SendDataRequest):
            return frame.data
        if len(pdu.data) + HEADER + SIGNATURE > mcs.DATA_MOST:
            raise RemoteProtocolError(f"standard security: {len(pdu.data)} octets leave no room for their MAC")
        sealed = self._sealed(Flag(0), pdu.data)
        return x224.data(mcs.SendDataRequest(pdu.initiator, pdu.channel, sealed).encode())

    def _seal_fast(self, data: bytes) -> bytes:
        """2.2.8.1.2: the MAC stands before numEvents."""
        body = data[3 if data[1] & 0x80 else 2 :]
        flags = FAST_ENCRYPTED | (FAST_CHECKSUM if self.salted else 0)
        length = 3 + SIGNATURE + len(body)
        if length > PDU_MOST:
            raise LocalProtocolError(f"standard security: fast-path PDU of {length} octets")
        head = struct.pack(">BH", data[0] | flags, 0x8000 | length)
        return head + self._ways[0].seal(body, salted=self.salted)

    def _open_fast(self, data: bytes) -> Frame:
        """2.2.9.1.2."""
        if not data[0] & FAST_ENCRYPTED:
            raise RemoteProtocolError(f"fast-path update: header {data[0]:#04x}, encryption expected")
        sealed = data[3 if data[1] & 0x80 else 2 :]
        body = self._ways[1].open(sealed, salted=bool(data[0] & FAST_CHECKSUM))
        head = struct.pack(">BH", data[0] & ~(FAST_ENCRYPTED | FAST_CHECKSUM), 0x8000 | len(body) + 3)
        return Frame(FrameKind.FAST, head + body)
