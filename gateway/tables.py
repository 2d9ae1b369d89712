"""Every table, so that migrations and tests see one whole schema."""

from gateway.audit import sql as audit
from gateway.store.base import metadata

__all__ = ["audit", "metadata"]
