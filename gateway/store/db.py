"""The database: readers side by side, one writer at a time, and what happens after a commit.

SQLite runs in WAL mode with `BEGIN IMMEDIATE` for writers, so that a decision reads what it changes.
The same statements run on PostgreSQL, where the row locks of compare-and-set do that work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import StoreUnavailable
from gateway.limits import STORE_WAIT
from gateway.store import sqlite


class Tx:
    """One transaction. Services take it as first argument, so that a fact and its audit event commit together."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._lastly: list[Callable[[Tx], Awaitable[object]]] = []
        self._afterwards: list[Callable[[], None]] = []

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return await self._connection.execute(statement, parameters)

    def before_commit(self, call: Callable[[Tx], Awaitable[object]]) -> None:
        """Call it as the last thing in the transaction; when it raises, nothing of the transaction is done."""
        self._lastly.append(call)

    async def finish(self) -> None:
        for call in self._lastly:
            await call(self)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it once the transaction is durable; never if it is not. It must not block nor raise."""
        self._afterwards.append(call)

    def committed(self) -> None:
        for call in self._afterwards:
            call()


class Store:
    """INVARIANT: if `write` returns without an error, everything done in it is durable; otherwise nothing is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: AsyncEngine = _engine(url)
        self._writer = asyncio.Lock()
        self._inode: tuple[int, int] | None = None
        if self.engine.dialect.name == "sqlite":
            _sqlite(self.engine)

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A consistent view; what is written in it is rolled back.

        Raises:
            StoreUnavailable: the database cannot answer within `STORE_WAIT`.
        """
        async with self.guard(), self.engine.connect() as connection:
            await self._begin(connection, "BEGIN")
            yield Tx(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that commits at the end of the block, and rolls back when the block raises.

        Raises:
            StoreUnavailable: no turn within `STORE_WAIT`, or the database cannot take it.
        """
        async with self.guard():
            try:
                async with asyncio.timeout(STORE_WAIT.total_seconds()):
                    await self._writer.acquire()
            except TimeoutError:
                raise StoreUnavailable("no turn to write") from None
            try:
                async with self.engine.connect() as connection:
                    await self._begin(connection, "BEGIN IMMEDIATE")
                    tx = Tx(connection)
                    yield tx
                    await tx.finish()
                    await connection.commit()
            finally:
                self._writer.release()
        tx.committed()

    def _same_file(self) -> None:
        """SQLite goes on writing to a file that was deleted, moved or replaced, where nobody will ever read it."""
        name = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or not name or name == ":memory:":
            return
        try:
            found = Path(name).stat()
        except OSError as error:
            if self._inode is None:
                return  # the first connection makes it
            raise StoreUnavailable(f"database: file cannot be reached: {error.strerror}") from None
        self._inode = self._inode or (found.st_dev, found.st_ino)
        if self._inode != (found.st_dev, found.st_ino):
            raise StoreUnavailable("database: the file was replaced by another; stop, look at it, start again")

    async def _begin(self, connection: AsyncConnection, how: str) -> None:
        """SQLite's driver begins nothing by itself; without this two reads could see two states."""
        if self.engine.dialect.name == "sqlite":
            driver = (await connection.get_raw_connection()).driver_connection
            cast("sqlite.Connection", driver).begin(how)

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """What the driver raises becomes `StoreUnavailable`; so does a file that is not the one that was opened."""
        self._same_file()
        try:
            yield
        except DBAPIError as error:
            raise StoreUnavailable(f"database: {type(error.orig).__name__}: {error.orig}") from error
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"database: {type(error).__name__}") from error


def _engine(url: str) -> AsyncEngine:
    made = make_url(url)
    if made.get_backend_name() != "sqlite":
        return create_async_engine(url)
    return create_async_engine(url, async_creator=lambda: sqlite.connect(made.database or ":memory:"))


def _sqlite(engine: AsyncEngine) -> None:
    """Durable, concurrent and strict: what PostgreSQL is without being told."""

    @event.listens_for(engine.sync_engine, "connect")
    def settings(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={int(STORE_WAIT.total_seconds() * 1000)}",
        ):
            connection.execute(f"PRAGMA {pragma}")
