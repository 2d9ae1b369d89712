"""Tables of requests, approvals, grants, releases and blocks."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from gateway.access.model import ReleaseState
from gateway.store.base import Duration, Utc, metadata

ID: Final = 32  # characters of any id
NAME: Final = 128


def _deadline(name: str, *, nullable: bool) -> tuple[Column[Any], ...]:
    return (
        Column(f"{name}_wall", Utc, nullable=nullable),
        Column(f"{name}_boot", Duration, nullable=nullable),
        Column(f"{name}_boot_id", String(64), nullable=nullable),
    )


def _what() -> tuple[Column[Any], ...]:
    """What is asked for and permitted, as it was shown: frozen, so kept whole; beside it the columns of queries."""
    return (
        Column("target", String(ID), nullable=False),
        Column("protocol", String(16), nullable=False),
        Column("wanted", Text, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("obligations", Text, nullable=False),
        Column("policy_version", String(64), nullable=False),
    )


requests = Table(
    "access_request",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("requester", String(ID), nullable=False, index=True),
    Column("requester_name", String(NAME), nullable=False),
    Column("organisation", String(NAME), nullable=False),
    *_what(),
    Column("rules", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Utc, nullable=False),
    *_deadline("closes", nullable=False),
    Column("decided_by", String(NAME), nullable=False),
    Column("reason", Text, nullable=False),
    Column("granted", String(ID), nullable=True),
    Column("version", Integer, nullable=False),
)

approvals = Table(
    "access_approval",
    metadata,
    Column("request", ForeignKey(requests.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1 in each request
    Column("approver", String(ID), nullable=False),
    Column("approver_name", String(NAME), nullable=False),
    Column("role", String(32), nullable=False),
    Column("roles", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", Utc, nullable=False),
    Column("note", Text, nullable=False),
    Column("void", Boolean, nullable=False),
)
Index(  # the same person never counts twice, whatever the code above does
    "uq_access_approval_given",
    approvals.c.request,
    approvals.c.approver,
    unique=True,
    sqlite_where=~approvals.c.void,
    postgresql_where=~approvals.c.void,
)

grants = Table(
    "access_grant",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("request", ForeignKey(requests.c.id), nullable=False, unique=True),  # never two grants of one request
    Column("person", String(ID), nullable=False, index=True),
    Column("person_name", String(NAME), nullable=False),
    Column("organisation", String(NAME), nullable=False),
    *_what(),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Utc, nullable=False),
    *_deadline("closes", nullable=False),
    *_deadline("deadline", nullable=True),
    *_deadline("longest", nullable=True),
    Column("extended", Duration, nullable=False),
    Column("reason", Text, nullable=False),
    Column("version", Integer, nullable=False),
)

releases = Table(
    "access_release",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("grant", ForeignKey(grants.c.id), nullable=False, index=True),
    Column("by", String(ID), nullable=False),
    Column("by_name", String(NAME), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Utc, nullable=False),
    *_deadline("expires", nullable=False),
    Column("session", String(ID), nullable=True),
    Column("version", Integer, nullable=False),
)
Index(  # at most one armed release a grant
    "uq_access_release_armed",
    releases.c.grant,
    unique=True,
    sqlite_where=releases.c.state == ReleaseState.ARMED.value,
    postgresql_where=releases.c.state == ReleaseState.ARMED.value,
)

blocks = Table(
    "access_block",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(NAME), nullable=False),
    Column("until", Utc, nullable=True),
    Column("by", String(NAME), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("lifted", Utc, nullable=True),
    Index("ix_access_block_kind_name", "kind", "name"),
)

seen = Table(  # the last reading of both clocks, so that a restart lengthens nothing
    "access_clock",
    metadata,
    Column("id", Integer, primary_key=True),
    *_deadline("seen", nullable=False),
)
