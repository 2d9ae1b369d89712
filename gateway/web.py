"""uvicorn as one async context: TLS 1.2 and newer, no signal handlers of its own, certificate reloaded on SIGHUP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import uvicorn
from fastapi import FastAPI

from gateway.fronts.listener import listen

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2; those of 1.3 are all good
START: Final = 10.0  # seconds to bind
MESSAGE: Final = 64 * 1024  # octets that a page may say at once on a WebSocket: a whole PDU of RDP (TPKT: 65535)
STOP: Final = 5  # seconds that open connections get at the end


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The application owns the signals."""
        yield


class WebServer:
    """Serves `app` on one address while the context is open.

    Attributes:
        port: the port that was bound; useful when asked for 0.
    """

    def __init__(self, app: FastAPI, host: str, port: int, certificate: Path, key: Path) -> None:
        self._config = uvicorn.Config(
            app, host=host, port=port, ssl_certfile=str(certificate), ssl_keyfile=str(key), ssl_ciphers=CIPHERS,
            log_config=None, access_log=False, server_header=False, proxy_headers=False, lifespan="off",
            timeout_graceful_shutdown=STOP, h11_max_incomplete_event_size=64 * 1024, ws="websockets-sansio",
            ws_max_size=MESSAGE, ws_per_message_deflate=False,
        )  # fmt: skip
        self._files = (certificate, key)
        self._server = _Server(self._config)
        self._task: asyncio.Task[None] | None = None
        self._group = asyncio.TaskGroup()
        self.port = port

    async def __aenter__(self) -> Self:
        """
        Raises:
            OSError: the address cannot be listened at, or certificate and key cannot be read.
        """
        self._config.load()
        assert self._config.ssl is not None
        self._config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        # Bound here, not by uvicorn: that one would leave the process in the middle of everything.
        sock = listen(self._config.host, self._config.port)
        self.port = sock.getsockname()[1]
        await self._group.__aenter__()
        self._task = self._group.create_task(self._server.serve([sock]), name=f"web {self._config.host}")
        async with asyncio.timeout(START):
            while not self._server.started:
                if self._task.done():
                    raise OSError(f"cannot serve on {self._config.host} port {self._config.port}")
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._group.__aexit__(None, None, None)

    def reload(self) -> None:
        """New connections see the certificate that the files hold now."""
        assert self._config.ssl is not None
        self._config.ssl.load_cert_chain(*self._files)
