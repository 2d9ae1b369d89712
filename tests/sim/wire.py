"""A TCP wire between the gateway and a target that misbehaves on request."""

import asyncio
import socket
import struct
from typing import Self


class Wire:
    """Listens where the gateway looks for the target, and passes octets on to where the target really is."""

    def __init__(self, address: str, port: int, behind: int) -> None:
        self._address, self._port, self._behind = address, port, behind
        self._pairs: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.unplug()
        self.cut()

    async def plug_in(self) -> None:
        self._server = await asyncio.start_server(self._client, self._address, self._port)

    def unplug(self) -> None:
        """Refuse whoever comes; those who are there stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def hush(self, silent: bool) -> None:
        """Accept, and pass nothing either way: a black hole."""
        if silent:
            self._speaks.clear()
        else:
            self._speaks.set()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._pairs):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pairs.add(writer)
        try:
            far, south = await asyncio.open_connection(self._address, self._behind)
        except OSError:
            writer.transport.abort()
            return
        self._pairs.add(south)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, south))
                both.create_task(self._pass(far, writer))
        finally:
            for end in (writer, south):
                self._pairs.discard(end)
                end.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._speaks.wait()
                sink.write(data)
                await sink.drain()
            sink.write_eof()
        except OSError:
            sink.transport.abort()
