"""Client Info PDU ([MS-RDPBCGR] 2.2.1.11): who logs on, and how the session shall be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import KEEP, IntFlag
from typing import Final

from gateway.errors import LocalProtocolError
from gateway.rdp.octets import Reader

SEC_INFO_PKT: Final = 0x0040  # flag of the basic security header (2.2.8.1.1.2.1)
STRING_OCTETS: Final = 512  # octets of one string without its null (2.2.1.11.1.1)
EXTRA_OCTETS: Final = 4096  # octets of TS_EXTENDED_INFO_PACKET; about 800 are defined
TIME_ZONE: Final = 172  # octets of TS_TIME_ZONE_INFORMATION


class InfoFlag(IntFlag, boundary=KEEP):
    """Flags of TS_INFO_PACKET (2.2.1.11.1.1); the type of compression lies in bits 9 to 12."""

    MOUSE = 0x00000001
    DISABLECTRLALTDEL = 0x00000002
    AUTOLOGON = 0x00000008
    UNICODE = 0x00000010
    MAXIMIZESHELL = 0x00000020
    LOGONNOTIFY = 0x00000040
    COMPRESSION = 0x00000080
    ENABLEWINDOWSKEY = 0x00000100
    COMPRESSION_TYPE = 0x00001E00
    REMOTECONSOLEAUDIO = 0x00002000
    FORCE_ENCRYPTED_CS_PDU = 0x00004000
    RAIL = 0x00008000
    LOGONERRORS = 0x00010000
    MOUSE_HAS_WHEEL = 0x00020000
    PASSWORD_IS_SC_PIN = 0x00040000
    NOAUDIOPLAYBACK = 0x00080000
    USING_SAVED_CREDS = 0x00100000
    AUDIOCAPTURE = 0x00200000
    VIDEO_DISABLE = 0x00400000
    HIDEF_RAIL_SUPPORTED = 0x02000000


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """TS_INFO_PACKET. `extra` is TS_EXTENDED_INFO_PACKET as sent, or empty; `domain` to `folder` have no null.

    Without InfoFlag.UNICODE each octet of a string is one character, whatever the code page.
    """

    code_page: int
    flags: InfoFlag
    domain: str
    user: str
    password: str = field(repr=False)
    shell: str
    folder: str
    extra: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        """With the basic security header, as it lies in Send Data.

        Raises:
            LocalProtocolError: a string too long, or one that the character set does not have.
        """
        strings = [self._octets(text) for text in (self.domain, self.user, self.password, self.shell, self.folder)]
        head = SEC_INFO_PKT.to_bytes(4, "little") + self.code_page.to_bytes(4, "little")
        head += self.flags.to_bytes(4, "little") + b"".join(len(text).to_bytes(2, "little") for text in strings)
        return head + b"".join(text + self._null for text in strings) + self.extra

    @classmethod
    def decode(cls, data: bytes) -> ClientInfo:
        """From what lies in Send Data, the basic security header included."""
        src = Reader(data, "client info")
        if not src.u16le() & SEC_INFO_PKT:
            raise src.fail("without SEC_INFO_PKT")
        src.u16le()  # flagsHi
        code_page, flags = src.u32le(), InfoFlag(src.u32le())
        charset, width = ("utf-16-le", 2) if InfoFlag.UNICODE in flags else ("latin-1", 1)
        texts = []
        for size in [src.u16le() for _ in range(5)]:
            if size > STRING_OCTETS or size % width:
                raise src.fail(f"string of {size} octets, must be {STRING_OCTETS} or less and whole characters")
            try:
                texts.append(src.take(size).decode(charset))
            except UnicodeDecodeError as error:
                raise src.fail("a string that is not UTF-16") from error
            if any(src.take(width)):
                raise src.fail("a string without its null")
        if src.left > EXTRA_OCTETS:
            raise src.fail(f"extended information of {src.left} octets, must be {EXTRA_OCTETS} or less")
        domain, user, password, shell, folder = texts
        return cls(code_page, flags, domain, user, password, shell, folder, src.rest())

    def without_reconnect_cookie(self) -> ClientInfo:
        """A copy whose autoReconnectCookie (2.2.1.11.1.1.1) is gone; the octets around it stay.

        Raises:
            RemoteProtocolError: the extended information is torn inside a field.
        """
        src = Reader(self.extra, "extended client info")
        if not src.left:
            return self
        src.u16le()  # clientAddressFamily
        src.take(src.u16le())  # clientAddress
        src.take(src.u16le())  # clientDir
        for size in (TIME_ZONE, 4, 4):  # clientTimeZone, clientSessionId, performanceFlags: each may be absent
            if not src.left:
                return self
            src.take(size)
        if not src.left:
            return self
        before = self.extra[: len(self.extra) - src.left]
        src.take(src.u16le())
        return replace(self, extra=before + b"\x00\x00" + src.rest())

    @property
    def _null(self) -> bytes:
        return b"\x00\x00" if InfoFlag.UNICODE in self.flags else b"\x00"

    def _octets(self, text: str) -> bytes:
        try:
            octets = text.encode("utf-16-le" if InfoFlag.UNICODE in self.flags else "latin-1")
        except UnicodeEncodeError:
            raise LocalProtocolError("client info: a string that its character set does not have") from None
        if len(octets) > STRING_OCTETS:
            raise LocalProtocolError(f"client info: string of {len(octets)} octets, must be {STRING_OCTETS} or less")
        return octets
