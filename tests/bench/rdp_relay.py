"""A plain TCP relay, in a process of its own: what the gateway is compared with. It looks at nothing.

Usage: python -m tests.bench.rdp_relay HOST PORT
    use   seconds of CPU so far
"""

import asyncio
import json
import socket
import sys
import time

CHUNK = 65536


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(host: str, port: str) -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, towards = await asyncio.open_connection(host, int(port))
        for end in (writer, towards):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(_pass(reader, towards), _pass(there, writer))

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    while await lines.readline():
        print(json.dumps({"cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
