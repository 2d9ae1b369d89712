"""What every connection of the RDP front is given, and the limits of this front."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.fronts.book import Book
from gateway.fronts.penalties import Penalties
from gateway.fronts.rdp.ports import Identity, Sessions, Tickets
from gateway.limits import RDP_FREE
from gateway.store.db import Store

END_SHOWN: Final = timedelta(seconds=8)  # a last screen stands so long: long enough to read it


@dataclass(frozen=True, slots=True)
class Certificate:
    """The gateway's own, towards clients.

    Attributes:
        context: TLS 1.2 and newer.
        chain: DER, the leaf first.
    """

    context: ssl.SSLContext
    chain: tuple[bytes, ...]

    @classmethod
    def load(cls, certificate: Path, key: Path) -> Certificate:
        """Raises OSError (`ssl.SSLError` is one) when the files cannot be read or do not belong together."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        begin, end = ssl.PEM_HEADER, ssl.PEM_FOOTER
        parts = certificate.read_text("ascii").split(begin)[1:]
        return cls(context, tuple(ssl.PEM_cert_to_DER_cert(begin + part.split(end)[0] + end) for part in parts))


@dataclass(slots=True)
class Setting(Book):
    """Attributes:
    certificate: replaced as a whole when the files have changed.
    """

    sessions: Sessions
    tickets: Tickets
    identity: Identity
    audit: AuditLog
    store: Store
    clock: Clock
    certificate: Certificate
    penalties: Penalties = field(default_factory=lambda: Penalties(free=RDP_FREE))
