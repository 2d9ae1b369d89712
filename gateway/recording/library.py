"""Reading recordings: finding them, and everything that is made from one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.ids import SessionId
from gateway.recording import sql
from gateway.recording.model import Recording
from gateway.recording.storage import Storage
from gateway.store.db import Store

FOUND: Final = 200  # recordings in one answer at most


class Library:
    """The reading half of `Recordings`."""

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        clock: Clock,
        signing: Ed25519PrivateKey,
        replay: pyrage.x25519.Identity | None,
        storage: Storage,
        site: str,
    ) -> None:
        self._store, self._audit, self._clock, self._site = store, audit, clock, site
        self._signing, self._replay, self._storage = signing, replay, storage

    async def find(
        self,
        *,
        person: str = "",
        target: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = FOUND,
    ) -> list[Recording]:
        """Newest first; `before` is the `seq` of the last one already seen."""
        async with self._store.read() as tx:
            return await sql.find(
                tx,
                person=person,
                target=target,
                since=since,
                until=until,
                before=before,
                limit=max(1, min(limit, FOUND)),
            )

    async def get(self, session: SessionId) -> Recording:
        """
        Raises:
            NotFound: the session has no recording.
        """
        async with self._store.read() as tx:
            return await sql.get(tx, session)
