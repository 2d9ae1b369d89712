"""What every connection of the SSH front is given."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEvent
from gateway.clock import Clock
from gateway.errors import StoreUnavailable
from gateway.fronts.penalties import Penalties
from gateway.fronts.ssh.ports import Identity, Sessions
from gateway.store.db import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Setting:
    """Attributes:
    banner: shown before the first prompt; signing in accepts it.
    """

    sessions: Sessions
    identity: Identity
    audit: AuditLog
    store: Store
    clock: Clock
    banner: str
    penalties: Penalties

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
