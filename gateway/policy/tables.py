"""Tables of policy versions and their files."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from gateway.policy.versions import VersionState
from gateway.store.base import Utc, metadata

ID: Final = 32  # characters of any id
NAME: Final = 128


def _deed(name: str, *, nullable: bool) -> tuple[Column[Any], ...]:
    return (
        Column(f"{name}_by", String(ID), nullable=nullable),  # empty for the gateway itself
        Column(f"{name}_name", String(NAME), nullable=nullable),
        Column(f"{name}_title", Text, nullable=nullable),
        Column(f"{name}_at", Utc, nullable=nullable),
    )


versions = Table(
    "policy_version",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("number", Integer, nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("note", Text, nullable=False),
    *_deed("proposed", nullable=False),
    *_deed("signed", nullable=True),
    *_deed("activated", nullable=True),
    Column("retired", Utc, nullable=True),
    Column("revision", Integer, nullable=False),
)
Index(  # one policy is in force, whatever the code above does
    "uq_policy_version_active",
    versions.c.state,
    unique=True,
    sqlite_where=versions.c.state == VersionState.ACTIVE.value,
    postgresql_where=versions.c.state == VersionState.ACTIVE.value,
)

files = Table(
    "policy_file",
    metadata,
    Column("version", ForeignKey(versions.c.id), primary_key=True),
    Column("name", String(NAME), primary_key=True),
    Column("text", Text, nullable=False),
)
