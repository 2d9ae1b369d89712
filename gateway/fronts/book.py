"""How a front puts on record what happens at its door."""

from __future__ import annotations

import structlog

from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEvent
from gateway.errors import StoreUnavailable
from gateway.store.db import Store

log = structlog.get_logger()


class Book:
    """For a dataclass that has the two."""

    __slots__ = ()

    audit: AuditLog
    store: Store

    async def write(self, event: AuditEvent) -> None:
        """Put it on record.

        Raises:
            StoreUnavailable: it is not.
        """
        async with self.store.write() as tx:
            await self.audit.append(tx, event)

    async def record(self, event: AuditEvent) -> None:
        """For what has happened already: without a store it stays in the machine's log."""
        try:
            await self.write(event)
        except StoreUnavailable as error:
            log.error("Audit event not written", event_name=event.name, error=str(error))
