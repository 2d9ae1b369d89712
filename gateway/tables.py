"""Every table, so that migrations and tests see one whole schema."""

from gateway.access import tables as access
from gateway.audit import sql as audit
from gateway.identity import sql as identity
from gateway.inventory import tables as inventory
from gateway.policy import tables as policy
from gateway.recording import sql as recording
from gateway.sessions import sql as sessions
from gateway.sessions import sql_files as files
from gateway.store import answers
from gateway.store.base import metadata

__all__ = [
    "access",
    "answers",
    "audit",
    "files",
    "identity",
    "inventory",
    "metadata",
    "policy",
    "recording",
    "sessions",
]
