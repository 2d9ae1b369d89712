"""What every connection of the SSH front is given."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.fronts.book import Book
from gateway.fronts.penalties import Penalties
from gateway.fronts.ssh.offer import HostKeys
from gateway.fronts.ssh.ports import Identity, Sessions
from gateway.store.db import Store


@dataclass(frozen=True, slots=True)
class Setting(Book):
    """Attributes:
    banner: shown before the first prompt; signing in accepts it.
    host_keys: which host the gateway is, and under which names.
    """

    sessions: Sessions
    identity: Identity
    audit: AuditLog
    store: Store
    clock: Clock
    banner: str
    penalties: Penalties
    host_keys: HostKeys
