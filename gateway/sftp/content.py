"""READ, WRITE, DATA and their STATUS: nearly all packets are of these, so that here no message is made of them."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from gateway.errors import RemoteProtocolError
from gateway.limits import SFTP_PACKET_OCTETS
from gateway.sftp.effects import DOWN, UP, Block, ToClient, ToTarget
from gateway.sftp.files import HANDLE_OCTETS, Files, OpenFile
from gateway.sftp.line import Asked, Line, status_name
from gateway.sftp.messages import Read, Write, decode_request
from gateway.sftp.packets import HEADER, U32, Status, Type
from gateway.sftp.responses import StatusReply
from gateway.sftp.rules import CHANGES, Permission

if TYPE_CHECKING:
    from gateway.sftp.hold import Spool

READ: Final = Struct(f">BII{HANDLE_OCTETS}sQI")  # type, id, length of the handle, handle, offset, length
WRITE: Final = READ  # …, length of the data; the data follows
READ_REST: Final = Struct(">QI")
DATA: Final = Struct(">BII")  # type, id, length; the data follows
READ_OCTETS: Final = SFTP_PACKET_OCTETS - 1024  # that one READ asks for at most: fewer octets than asked are an answer
NO_HANDLE: Final = "This handle is not of an open file."
IN_USE: Final = "This request id is still in use."
NOT_OPENED: Final = "The file was not opened for this."


class Content:
    """What files consist of, both ways."""

    def __init__(self, line: Line, files: Files, spool: Spool) -> None:
        self._line, self._files, self._spool = line, files, spool

    # --- from the client

    def read(self, packet: memoryview) -> None:
        line = self._line
        if len(packet) == READ.size:
            _, client, size, handle, offset, length = READ.unpack(packet)
        else:
            size = 0
        if size != HANDLE_OCTETS:
            message = decode_request(packet)  # whatever is wrong with it
            client, handle = (message.id, message.handle) if isinstance(message, Read) else (0, b"")
            offset = length = 0
        file = self._admit(client, handle, Type.READ)
        if file is None:
            return
        if length > READ_OCTETS:
            length = READ_OCTETS
        line.clients.add(client)
        own = line.number(Asked(Type.READ, client, file, offset, length))
        remote = file.remote
        data = b"".join((HEADER.pack(17 + len(remote), Type.READ, own), remote, READ_REST.pack(offset, length)))
        line.out.append(ToTarget(data))

    def write(self, packet: memoryview) -> None:
        line = self._line
        size = 0
        if len(packet) >= WRITE.size:
            _, client, size, handle, offset, length = WRITE.unpack_from(packet)
        if size != HANDLE_OCTETS:
            message = decode_request(packet)
            client, handle = (message.id, message.handle) if isinstance(message, Write) else (0, b"")
            length = len(packet) - WRITE.size
        if length > len(packet) - WRITE.size:  # rclone lets octets follow that belong to nothing; they do not pass
            raise RemoteProtocolError(f"sftp WRITE: length {length}, at most {len(packet) - WRITE.size}")
        file = self._admit(client, handle, Type.WRITE)
        if file is None:
            return
        if line.rules.hold and not file.held:  # it was opened before
            line.refuse(client, Type.WRITE, Permission.HOLD, file.path, CHANGES)
            return
        content = packet[WRITE.size : WRITE.size + length]
        line.clients.add(client)
        file.written(offset, content)
        note = Block(file.number, UP, offset, length, content if line.rules.copy else b"")
        if file.held:
            self._spool.write(client, file, offset, content, note)
            return
        own = line.number(Asked(Type.WRITE, client, file, offset, length))
        remote = file.remote
        head = HEADER.pack(17 + len(remote) + length, Type.WRITE, own)
        line.out.append(ToTarget(b"".join((head, remote, READ_REST.pack(offset, length), content)), note))

    def _admit(self, client: int, handle: bytes, kind: Type) -> OpenFile | None:
        """The file, when it may be read or written now; otherwise the client has its answer."""
        line = self._line
        file = self._files.get(handle)
        if client in line.clients:
            line.out.append(_in_use(client))
        elif file is None or file.directory:
            line.status(client, Status.FAILURE, NO_HANDLE)
        elif file.barred:
            line.refuse(client, kind, Permission.PATHS, file.path)
        elif kind is Type.READ:
            if file.reads and line.rules.read:
                return file
            self._refuse(client, kind, file, opened=file.reads, permission=Permission.READ)
        else:
            if file.writes and line.rules.write:
                return file
            self._refuse(client, kind, file, opened=file.writes, permission=Permission.WRITE)
        return None

    def _refuse(self, client: int, kind: Type, file: OpenFile, *, opened: bool, permission: Permission) -> None:
        if opened:
            self._line.refuse(client, kind, permission, file.path)
        else:
            self._line.status(client, Status.FAILURE, NOT_OPENED)

    # --- from the target

    def data(self, packet: memoryview) -> None:
        if len(packet) < DATA.size:
            raise RemoteProtocolError("sftp DATA: truncated")
        _, own, size = DATA.unpack_from(packet)
        asked = self._line.answered(own)
        file, client = asked.file, asked.client
        if asked.kind is not Type.READ or file is None or client is None or file.down is None:
            raise RemoteProtocolError("sftp DATA: answers what is no READ")
        if size != len(packet) - DATA.size:
            raise RemoteProtocolError(f"sftp DATA: length {size}, must be {len(packet) - DATA.size}")
        if size > asked.length:
            raise RemoteProtocolError(f"sftp DATA: {size} octets, {asked.length} were asked for")
        content = packet[DATA.size :]
        file.down.passed(asked.offset, content)
        note = Block(file.number, DOWN, asked.offset, size, content if self._line.rules.copy else b"")
        data = b"".join((HEADER.pack(len(packet), Type.DATA, client), U32.pack(size), content))
        self._line.out.append(ToClient(data, note))

    def status(self, asked: Asked, reply: StatusReply) -> None:
        """The answer to a WRITE, or to a READ that got nothing."""
        client, file = asked.client, asked.file
        if client is None or file is None:
            return
        if asked.kind is Type.READ and reply.code == Status.EOF:
            file.eof = asked.offset if file.eof is None else min(file.eof, asked.offset)
        elif asked.kind is Type.READ and reply.code == Status.OK:
            raise RemoteProtocolError("sftp STATUS: OK to a READ")
        note = None
        if reply.code not in (Status.OK, Status.EOF):
            op = "read" if asked.kind is Type.READ else "write"
            note = {"op": op, "file": file.number, "status": status_name(reply.code), "words": reply.text()}
            if asked.kind is Type.WRITE:
                file.failed()
        self._line.reply(StatusReply(client, reply.code, reply.text().encode(), b"en"), note)


def _in_use(client: int) -> ToClient:
    """The first request under this id is still on its way, so the id stays in use."""
    return ToClient(StatusReply(client, Status.BAD_MESSAGE, IN_USE.encode(), b"en").encode())


def refuse_duplicate(line: Line, client: int) -> bool:
    """Whether `client` is the id of a request in flight; then it was answered with a no."""
    if client in line.clients:
        line.out.append(_in_use(client))
        return True
    return False
