"""Tables of identity, and what is read and written of persons and organisations."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from gateway.errors import NotFound, Stale
from gateway.identity.model import Organisation, Person, Role
from gateway.ids import OrganisationId, PersonId
from gateway.store.base import Utc, metadata
from gateway.store.db import Tx

ID: Final = String(32)
DIGEST: Final = String(64)  # SHA-256, hex
SOURCE: Final = String(64)

organisations = Table(
    "organisation",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("plant", Boolean, nullable=False),
    Column("contract_end", Utc),
    Column("networks", Text, nullable=False),  # JSON list
    Column("version", Integer, nullable=False),
)

people = Table(
    "person",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("organisation", ID, ForeignKey("organisation.id"), nullable=False),
    Column("roles", String(128), nullable=False),  # sorted, a space between
    Column("expires", Utc),
    Column("disabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
)

credentials = Table(
    "person_credential",
    metadata,
    Column("person", ID, ForeignKey("person.id"), primary_key=True),
    Column("password", Text, nullable=False),  # argon2id
    Column("seed", LargeBinary, nullable=False),  # sealed
    Column("used_step", BigInteger, nullable=False),  # the last TOTP step that was accepted
    Column("skew", Integer, nullable=False),  # seconds that the device was last seen ahead of our clock
    Column("enrolled", Utc, nullable=False),
)

ssh_keys = Table(
    "ssh_key",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("person", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("public", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("added", Utc, nullable=False),
)

proofs = Table(
    "factor_proof",
    metadata,
    Column("person", ID, ForeignKey("person.id"), primary_key=True),
    Column("factor", String(32), primary_key=True),
    Column("source", SOURCE, primary_key=True),
    Column("at", Utc, nullable=False),
)

failures = Table(
    "login_failure",
    metadata,
    Column("scope", String(32), primary_key=True),
    Column("key", DIGEST, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("since", Utc, nullable=False, index=True),
)

one_time = Table(
    "one_time_secret",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("person", ID, ForeignKey("person.id")),
    Column("bound", Text, nullable=False),  # JSON object
    Column("wall", Utc, nullable=False),
    Column("boot", BigInteger, nullable=False),  # microseconds
    Column("boot_id", String(64), nullable=False),
    Column("redeemed", Boolean, nullable=False),
)

enrolments = Table(  # begun, and not yet confirmed by a first code
    "enrolment",
    metadata,
    Column("digest", DIGEST, ForeignKey("one_time_secret.digest"), primary_key=True),
    Column("person", ID, nullable=False),
    Column("name", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("password", Text, nullable=False),  # argon2id
    Column("seed", LargeBinary, nullable=False),  # sealed
)

sign_ins = Table(
    "sign_in",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("person", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("source", SOURCE, nullable=False),
    Column("client", Text, nullable=False),
    Column("opened", Utc, nullable=False),
    Column("life_wall", Utc, nullable=False),
    Column("life_boot", BigInteger, nullable=False),  # microseconds
    Column("life_boot_id", String(64), nullable=False),
    Column("idle_wall", Utc, nullable=False),
    Column("idle_boot", BigInteger, nullable=False),  # microseconds
    Column("idle_boot_id", String(64), nullable=False),
)

tickets = Table(
    "ticket",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("person", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("grant", ID, nullable=False, index=True),
    Column("target", String(64), nullable=False),
    Column("account", String(64), nullable=False),
    Column("web", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the NT hash of its secret
    Column("proofs", Text, nullable=False),  # JSON list of factor and moment
    Column("issued_to", SOURCE, nullable=False),  # address
    Column("bound_to", SOURCE),  # address of the first good log-on
    Column("life_wall", Utc, nullable=False, index=True),
    Column("life_boot", BigInteger, nullable=False),  # microseconds
    Column("life_boot_id", String(64), nullable=False),
)

api_tokens = Table(
    "api_token",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("person", ID, ForeignKey("person.id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("scopes", String(128), nullable=False),  # sorted, a space between
    Column("roles", String(128), nullable=False),  # the person's when it was made
    Column("networks", Text, nullable=False),  # JSON list
    Column("made", Utc, nullable=False),
    Column("life_wall", Utc, nullable=False, index=True),
    Column("life_boot", BigInteger, nullable=False),  # microseconds
    Column("life_boot_id", String(64), nullable=False),
    Column("revoked", Utc),
)

api_token_uses = Table(  # the newest from each network, to the hour
    "api_token_use",
    metadata,
    Column("token", ID, ForeignKey("api_token.id"), primary_key=True),
    Column("source", SOURCE, primary_key=True),
    Column("at", Utc, nullable=False),
)


def select_person() -> Select[Any]:
    o = organisations.c
    return select(
        people,
        o.name.label("organisation_name"),
        o.title.label("organisation_title"),
        o.plant,
        o.contract_end,
        o.networks,
        o.version.label("organisation_version"),
    ).join_from(people, organisations)


def person_of(row: Row[Any]) -> Person:
    organisation = Organisation(
        OrganisationId(row.organisation),
        row.organisation_name,
        row.organisation_title,
        row.plant,
        row.contract_end,
        tuple(json.loads(row.networks)),
        row.organisation_version,
    )
    roles = frozenset(Role(role) for role in row.roles.split())
    return Person(PersonId(row.id), row.name, row.title, organisation, roles, row.expires, row.disabled, row.version)


def roles_text(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


_BY_ID: Final = select_person().where(people.c.id == bindparam("of"))  # built once, for every decision asks
_BY_NAME: Final = select_person().where(people.c.name == bindparam("called"))


async def person(tx: Tx, id_: PersonId) -> Person | None:
    row = (await tx.execute(_BY_ID, {"of": id_})).one_or_none()
    return None if row is None else person_of(row)


async def person_named(tx: Tx, name: str) -> Person | None:
    row = (await tx.execute(_BY_NAME, {"called": name})).one_or_none()
    return None if row is None else person_of(row)


async def every_person(tx: Tx) -> list[Person]:
    return [person_of(row) for row in await tx.execute(select_person().order_by(people.c.name))]


async def add_person(tx: Tx, it: Person) -> None:
    await tx.execute(
        insert(people).values(
            id=it.id,
            name=it.name,
            title=it.title,
            organisation=it.organisation.id,
            roles=roles_text(it.roles),
            expires=it.expires,
            disabled=it.disabled,
            version=it.version,
        )
    )


async def change_person(tx: Tx, before: Person, after: Person) -> None:
    """Compare-and-set on the version of `before`.

    Raises:
        Stale: somebody else was faster.
    """
    moved = await tx.execute(
        update(people)
        .where(people.c.id == before.id, people.c.version == before.version)
        .values(
            title=after.title,
            roles=roles_text(after.roles),
            expires=after.expires,
            disabled=after.disabled,
            version=before.version + 1,
        )
    )
    if moved.rowcount != 1:
        raise Stale("This person was changed by somebody else in the meantime.")


async def every_organisation(tx: Tx) -> list[Organisation]:
    return [_organisation(r) for r in await tx.execute(select(organisations).order_by(organisations.c.name))]


async def organisation_named(tx: Tx, name: str) -> Organisation:
    """
    Raises:
        NotFound: no such organisation.
    """
    row = (await tx.execute(select(organisations).where(organisations.c.name == name))).one_or_none()
    if row is None:
        raise NotFound("organisation")
    return _organisation(row)


async def add_organisation(tx: Tx, it: Organisation) -> None:
    await tx.execute(
        insert(organisations).values(
            id=it.id,
            name=it.name,
            title=it.title,
            plant=it.plant,
            contract_end=it.contract_end,
            networks=json.dumps(it.networks),
            version=1,
        )
    )


async def change_organisation(tx: Tx, before: Organisation, after: Organisation) -> None:
    """Compare-and-set on the version of `before`.

    Raises:
        Stale: somebody else was faster.
    """
    moved = await tx.execute(
        update(organisations)
        .where(organisations.c.id == before.id, organisations.c.version == before.version)
        .values(
            title=after.title,
            contract_end=after.contract_end,
            networks=json.dumps(after.networks),
            version=before.version + 1,
        )
    )
    if moved.rowcount != 1:
        raise Stale("This organisation was changed by somebody else in the meantime.")


def _organisation(row: Row[Any]) -> Organisation:
    networks = tuple(json.loads(row.networks))
    return Organisation(OrganisationId(row.id), row.name, row.title, row.plant, row.contract_end, networks, row.version)
