"""Tables of the inventory."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from gateway.store.base import Utc, metadata

ID: Final = 32  # characters of any id
NAME: Final = 64
KIND: Final = 32

zones = Table(
    "inventory_zone",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("title", Text, nullable=False),
    Column("level", String(8), nullable=False),
    Column("version", Integer, nullable=False),
)

conduits = Table(
    "inventory_conduit",
    metadata,
    Column("source", ForeignKey(zones.c.name), primary_key=True),
    Column("destination", ForeignKey(zones.c.name), primary_key=True),
    Column("protocol", String(KIND), primary_key=True),
)

targets = Table(
    "inventory_target",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("name", String(NAME), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("zone", ForeignKey(zones.c.name), nullable=False),
    Column("tier", String(8), nullable=False),
    Column("target_class", String(KIND), nullable=False),
    Column("version", Integer, nullable=False),  # grows with each change of it, its owners, services and accounts
)

owners = Table(
    "inventory_owner",
    metadata,
    Column("target", ForeignKey(targets.c.id), primary_key=True),
    Column("person", String(ID), primary_key=True),
)

services = Table(
    "inventory_service",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("target", ForeignKey(targets.c.id), nullable=False),
    Column("name", String(NAME), nullable=False),
    Column("protocol", String(KIND), nullable=False),
    Column("address", String(64), nullable=False),
    Column("port", Integer, nullable=False),
    Column("profile", String(KIND), nullable=False),
    UniqueConstraint("target", "name"),
)

exceptions = Table(
    "inventory_exception",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("target", ForeignKey(targets.c.id), nullable=False, index=True),
    Column("kind", String(NAME), nullable=False),
    Column("service", String(NAME), nullable=False),  # its name; empty for the target as a whole
    Column("reason", Text, nullable=False),
    Column("clause", Text, nullable=False),
    Column("compensation", Text, nullable=False),
    Column("proposed_by", String(ID), nullable=False),
    Column("proposed", Utc, nullable=False),
    Column("expires", Utc, nullable=False),
    Column("accepted_by", String(ID), nullable=True),
    Column("accepted", Utc, nullable=True),
    Column("ended_by", String(ID), nullable=True),  # none: its time was over, or its service was taken away
    Column("ended", Utc, nullable=True),
    Column("ended_reason", Text, nullable=False),
)

accounts = Table(
    "inventory_account",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("target", ForeignKey(targets.c.id), nullable=False),
    Column("position", Integer, nullable=False),  # the lowest is the default
    Column("name", String(NAME), nullable=False),
    Column("kind", String(KIND), nullable=False),
    Column("sealed", LargeBinary, nullable=True),  # none for a certificate
    UniqueConstraint("target", "name"),
)

# One row a service, made with it: pinning is then one compare-and-set, and two first uses cannot both win.
host_keys = Table(
    "inventory_host_key",
    metadata,
    Column("service", ForeignKey(services.c.id), primary_key=True),
    Column("public", Text, nullable=False),  # empty: not pinned
    Column("fingerprint", String(64), nullable=False),
    Column("pinned", Utc, nullable=True),
    Column("session", String(ID), nullable=True),
    Column("expected", String(64), nullable=False),  # fingerprint that the next pin must have; empty for any
)
