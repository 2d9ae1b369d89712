"""Brings the database to the schema of this release, in one transaction, before anything else touches it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.errors import StoreUnavailable
from gateway.store.db import Store


def scripts() -> Path:
    """The folder of migrations: packaged, or at the top of a checkout."""
    package = Path(__file__).parent.parent
    packaged = package / "_alembic"
    return packaged if packaged.is_dir() else package.parent / "alembic"


async def migrate(store: Store) -> None:
    """Upgrade to the newest revision.

    Raises:
        StoreUnavailable: the database does not answer, or is of a newer release than this one; nothing was changed.
    """
    async with store.guard(), store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            await connection.run_sync(_upgrade_sqlite)
        else:
            await connection.run_sync(_upgrade)
        await connection.commit()


def _upgrade_sqlite(connection: Connection) -> None:
    """A table that changes is made anew there, so what refers to it is checked afterwards instead of on the way."""
    connection.execute(text("PRAGMA foreign_keys=OFF"))  # of no effect once a transaction is open
    try:
        connection.execute(text("BEGIN IMMEDIATE"))
        _upgrade(connection)
        if broken := connection.execute(text("PRAGMA foreign_key_check")).all():
            raise StoreUnavailable(f"database: {len(broken)} rows refer to what is gone, e.g. in {broken[0][0]}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.execute(text("PRAGMA foreign_keys=ON"))


def config(connection: Connection) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(scripts()))
    settings.attributes["connection"] = connection
    return settings


def _upgrade(connection: Connection) -> None:
    settings = config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    for head in MigrationContext.configure(connection).get_current_heads():
        if head not in known:
            raise StoreUnavailable(f"database: revision {head} is of a newer release; start that one")
    command.upgrade(settings, "head")
