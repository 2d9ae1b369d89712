"""SQLite's driver with one turn of its thread for a statement, and none for what begins or gives up a transaction.

aiosqlite takes four turns (open a cursor, execute, fetch, close), and a sign-in makes a hundred statements: the waiting
for turns was a third of its time. All rows are fetched at once, as SQLAlchemy does anyway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import aiosqlite

Row = tuple[Any, ...]


class Cursor:
    """What SQLAlchemy asks of an asynchronous cursor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Row] = []
        self.description: Any = None
        self.rowcount, self.lastrowid, self.arraysize = -1, 0, 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        return await self._run(lambda cursor: cursor.execute(statement, parameters))

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Self:
        return await self._run(lambda cursor: cursor.executemany(statement, parameters))

    async def fetchall(self) -> list[Row]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    async def _run(self, call: Callable[[sqlite3.Cursor], object]) -> Self:
        def turn(connection: sqlite3.Connection) -> None:
            cursor = connection.cursor()
            try:
                call(cursor)
                self.description = cursor.description
                self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid or 0
                self._rows = cursor.fetchall() if cursor.description else []
            finally:
                cursor.close()

        await self._connection.turn(turn)
        return self


class Connection(aiosqlite.Connection):
    """A transaction begins in the turn of its first statement; giving one up is not waited for."""

    _beginning = ""
    _used = False  # since the last commit or rollback

    def cursor(self) -> Any:
        """Ours; needs no turn of the thread."""
        return Cursor(self)

    def begin(self, statement: str) -> None:
        """The next statement begins a transaction by `statement`, e.g. `BEGIN IMMEDIATE`."""
        self._beginning = statement

    async def turn(self, call: Callable[[sqlite3.Connection], None]) -> None:
        """`call` on the connection's thread."""
        beginning, self._beginning, self._used = self._beginning, "", True

        def whole(connection: sqlite3.Connection) -> None:
            if beginning:
                if connection.in_transaction:  # the rollback that nobody waited for has failed
                    connection.rollback()
                connection.execute(beginning)
            call(connection)

        await self._execute(whole, self._conn)  # type: ignore[no-untyped-call]

    async def commit(self) -> None:
        await super().commit()
        self._used = False

    async def rollback(self) -> None:
        self._beginning = ""
        if self._used:  # the thread takes its turns in order: whatever comes next finds it done
            self._used = False
            self._tx.put_nowait((None, self._conn.rollback))


async def connect(path: str) -> Connection:
    """A connection to the database in the file `path`."""
    connection = Connection(lambda: sqlite3.connect(path), 64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: a thread must not keep the process
    return cast("Connection", await connection)
