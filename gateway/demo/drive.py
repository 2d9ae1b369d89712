"""What else the demonstration's target has: the files of a drive, and the page that the drive shows about itself."""

from __future__ import annotations

import asyncio
import html
from asyncio import Server, StreamReader, StreamWriter
from pathlib import Path
from typing import Final

from gateway.clock import Clock

NAME: Final = "drive-web"  # of the service, as policies and requests name it
LONGEST: Final = 4096  # octets of a request line and its headers
PATIENCE: Final = 10.0  # seconds until a request is there
FILES: Final = {
    "README.txt": "Drive 4, packing line 4. Parameters are in parameters/, new firmware goes to incoming/.\n",
    "parameters/drive4.csv": "number,name,value,unit\n1082,maximum speed,1480,1/min\n1120,ramp-up,8.5,s\n"
    "1121,ramp-down,6.0,s\n0640,current limit,42.0,A\n",
    "parameters/drive4-2025.csv": "number,name,value,unit\n1082,maximum speed,1450,1/min\n1120,ramp-up,9.0,s\n",
    "incoming/.keep": "",
}
PAGE: Final = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Drive 4</title>
<body style="font: 1.2rem sans-serif; margin: 3rem"><h1>Drive 4, packing line 4</h1>
<p>Running: {speed} of 1480 1/min, {current} A, {temperature} °C</p><p>You asked for {path}</p></body></html>
"""


def furnish(home: Path) -> None:
    """The drive's files in `home`; what is there already stays as it is."""
    for name, text in FILES.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text)


async def start(host: str, port: int, clock: Clock) -> Server:
    """Answer every request with the drive's page (RFC 9112), one a connection."""

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                words = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
                writer.write(_answer(words[1] if len(words) == 3 else "", clock.now().second))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever sends no request gets no page
        finally:
            writer.close()

    return await asyncio.start_server(serve, host, port, limit=LONGEST)


def _answer(path: str, second: int) -> bytes:
    """The drive's page; what it says of itself swings with the second."""
    swing = abs(second % 20 - 10)
    body = PAGE.format(
        speed=1440 + 3 * swing, current=f"{31 + swing / 5:.1f}", temperature=48 + swing // 4, path=html.escape(path)
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
