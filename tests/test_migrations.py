"""Migrations: what they make is what the code expects, and a database of a newer release is left alone."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from gateway.errors import StoreUnavailable
from gateway.store.db import Store
from gateway.store.migrate import config, migrate
from gateway.tables import metadata


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/new.db")
    await migrate(store)
    await migrate(store)  # a second start has nothing to do
    async with store.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()


async def test_a_database_of_the_release_before_is_brought_along_with_what_is_in_it(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/old.db")
    async with store.engine.begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(config(c), "0001"))
        await connection.execute(
            text("INSERT INTO organisation VALUES ('org_1', 'kranz', 'Kranz Drives', 0, NULL, '[]', 1)")
        )
        assert not await connection.run_sync(lambda c: inspect(c).has_table("ticket"))
    await migrate(store)
    async with store.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert (await connection.execute(text("SELECT name FROM organisation"))).scalar_one() == "kranz"
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
    await store.close()


async def test_a_database_of_a_newer_release_refuses_the_start_and_is_not_changed(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/new.db")
    await migrate(store)
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="newer release"):
        await migrate(store)
    async with store.engine.connect() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one() == "9999"
    await store.close()
