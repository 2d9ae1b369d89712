"""Checkpoints leave the box: to a file on another machine, a command, a URL. What left cannot be rewritten unseen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.events.runtime import CheckpointFailed, CheckpointLeft
from gateway.audit.log import AuditLog, Checkpoint
from gateway.audit.model import GATEWAY
from gateway.errors import StoreUnavailable
from gateway.store.db import Store

WAIT: Final = 10.0  # seconds that one way out may take

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ways:
    """Where notes go; all that are named are used."""

    file: str = ""
    command: tuple[str, ...] = ()
    url: str = ""


class AnchorFailed(Exception):
    """A way out did not take the note."""


class Anchors:
    """Sends the log's signed head out whenever it has grown."""

    def __init__(self, store: Store, audit: AuditLog, site: str, key: Ed25519PrivateKey, ways: Ways) -> None:
        self._store, self._audit, self._site, self._key, self._ways = store, audit, site, key, ways
        self._sent = 0

    async def run(self, every: float) -> None:
        """Send one now and then every `every` seconds, until cancelled."""
        while True:
            try:
                await self.send()
            except StoreUnavailable as error:
                log.warning("No checkpoint left", why=str(error))
            await asyncio.sleep(every)

    async def send(self) -> Checkpoint:
        """Sign the head and send it by every way; what fails is an audit event and is tried again next time."""
        async with self._store.read() as tx:
            checkpoint = await self._audit.checkpoint(tx, self._site, self._key)
        if checkpoint.size <= self._sent:
            return checkpoint
        for way, send in self._named():
            try:
                async with asyncio.timeout(WAIT):
                    await send(checkpoint.note)
            except (OSError, TimeoutError, AnchorFailed, httpx.HTTPError) as error:
                why = f"{type(error).__name__}: {error}"
                event: CheckpointLeft | CheckpointFailed = CheckpointFailed(actor=GATEWAY, way=way, why=why)
            else:
                event = CheckpointLeft(actor=GATEWAY, way=way, size=checkpoint.size)
            async with self._store.write() as tx:
                await self._audit.append(tx, event)
        # Our own events made the log grow: without counting them the log would never come to rest.
        self._sent = checkpoint.size + len(self._named())
        return checkpoint

    def _named(self) -> list[tuple[str, Callable[[str], Awaitable[None]]]]:
        ways: list[tuple[str, Callable[[str], Awaitable[None]]]] = []
        if self._ways.file:
            ways.append(("file", self._to_file))
        if self._ways.command:
            ways.append(("command", self._to_command))
        if self._ways.url:
            ways.append(("url", self._to_url))
        return ways

    async def _to_file(self, note: str) -> None:
        await asyncio.to_thread(_append, Path(self._ways.file), note)

    async def _to_command(self, note: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._ways.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await process.communicate(note.encode())
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode:
            raise AnchorFailed(f"exit status {process.returncode}")

    async def _to_url(self, note: str) -> None:
        async with httpx.AsyncClient(timeout=WAIT, trust_env=False) as client:
            answer = await client.post(self._ways.url, content=note.encode())
        if not answer.is_success:
            raise AnchorFailed(f"status {answer.status_code}")


def _append(path: Path, note: str) -> None:
    """Add a note; notes are parted by a line of their own, so that a file holds many."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(note + "\n")
        file.flush()
        os.fsync(file.fileno())
