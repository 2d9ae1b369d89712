"""Responses (draft-ietf-secsh-filexfer-02 section 7). `encode` gives a packet with its length."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_HANDLE_OCTETS, SFTP_PATH_OCTETS, SFTP_TEXT_OCTETS
from gateway.sftp.attributes import Attributes
from gateway.sftp.messages import Init
from gateway.sftp.packets import U32, Octets, Reader, Type, packet, string
from gateway.words import printable


@dataclass(frozen=True, slots=True)
class StatusReply:
    """SSH_FXP_STATUS; `code` is a `Status` or another number. Old servers send neither words nor language."""

    id: int
    code: int
    words: bytes = b""
    language: bytes = b""

    def encode(self) -> bytes:
        return packet(Type.STATUS, self.id, U32.pack(self.code), string(self.words), string(self.language))

    @classmethod
    def decode(cls, request: int, src: Reader) -> StatusReply:
        code = src.u32()
        words = src.string() if src.left else b""
        language = src.string() if src.left else b""
        src.end()
        return cls(request, code, words, language)

    def text(self) -> str:
        """The words, made safe for one line of a terminal."""
        words = self.words[:SFTP_TEXT_OCTETS].decode(errors="replace")
        return words if words.isprintable() else printable(words)


@dataclass(frozen=True, slots=True)
class HandleReply:
    """SSH_FXP_HANDLE."""

    id: int
    handle: bytes

    def encode(self) -> bytes:
        return packet(Type.HANDLE, self.id, string(self.handle))

    @classmethod
    def decode(cls, request: int, src: Reader) -> HandleReply:
        handle = src.string(SFTP_HANDLE_OCTETS)
        src.end()
        return cls(request, handle)


@dataclass(frozen=True, slots=True)
class DataReply:
    """SSH_FXP_DATA."""

    id: int
    data: Octets = field(repr=False)

    def encode(self) -> bytes:
        return packet(Type.DATA, self.id, U32.pack(len(self.data)), self.data)

    @classmethod
    def decode(cls, request: int, src: Reader) -> DataReply:
        """`data` stays a view of the packet."""
        data = src.view()
        src.end()
        return cls(request, data)


@dataclass(frozen=True, slots=True)
class Name:
    """One entry of SSH_FXP_NAME; `line` is what `ls -l` would say."""

    name: bytes
    line: bytes
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class NameReply:
    """SSH_FXP_NAME."""

    id: int
    names: tuple[Name, ...]

    def encode(self) -> bytes:
        parts = [string(n.name) + string(n.line) + n.attributes.encode() for n in self.names]
        return packet(Type.NAME, self.id, U32.pack(len(self.names)), *parts)

    @classmethod
    def decode(cls, request: int, src: Reader) -> NameReply:
        names = []
        for _ in range(src.u32()):  # a lie ends with the packet
            names.append(Name(src.string(SFTP_PATH_OCTETS), src.string(), Attributes.decode(src)))  # noqa: PERF401
        src.end()
        return cls(request, tuple(names))


@dataclass(frozen=True, slots=True)
class AttrsReply:
    """SSH_FXP_ATTRS."""

    id: int
    attributes: Attributes

    def encode(self) -> bytes:
        return packet(Type.ATTRS, self.id, self.attributes.encode())

    @classmethod
    def decode(cls, request: int, src: Reader) -> AttrsReply:
        attributes = Attributes.decode(src)
        src.end()
        return cls(request, attributes)


@dataclass(frozen=True, slots=True)
class ExtendedReply:
    """SSH_FXP_EXTENDED_REPLY: what it is depends on the request."""

    id: int
    body: bytes = field(repr=False)

    def encode(self) -> bytes:
        return packet(Type.EXTENDED_REPLY, self.id, self.body)

    @classmethod
    def decode(cls, request: int, src: Reader) -> ExtendedReply:
        return cls(request, src.rest())


Response = Init | StatusReply | HandleReply | DataReply | NameReply | AttrsReply | ExtendedReply

LAYOUTS: Final[dict[int, type[StatusReply | HandleReply | DataReply | NameReply | AttrsReply | ExtendedReply]]] = {
    Type.STATUS: StatusReply,
    Type.HANDLE: HandleReply,
    Type.DATA: DataReply,
    Type.NAME: NameReply,
    Type.ATTRS: AttrsReply,
    Type.EXTENDED_REPLY: ExtendedReply,
}


def decode_response(data: Octets) -> Response:
    """The response in a packet without its length.

    Raises:
        RemoteProtocolError: no response, truncated, a string too long, or octets after the last field.
    """
    if not data:
        raise RemoteProtocolError("sftp response: empty")
    src = Reader(data, "response", 1)
    if data[0] == Type.VERSION:
        return Init.decode(Type.VERSION, src)
    layout = LAYOUTS.get(data[0])
    if layout is None:
        raise RemoteProtocolError(f"sftp response: unknown type {data[0]}")
    return layout.decode(src.u32(), src)
