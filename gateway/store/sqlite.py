"""SQLite's driver with one turn of its thread for a statement.

aiosqlite takes four (open a cursor, execute, fetch, close), and a sign-in makes a hundred statements: the waiting for
turns was a third of its time. All rows are fetched at once, as SQLAlchemy does anyway.
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
    def cursor(self) -> Any:
        """Ours; needs no turn of the thread."""
        return Cursor(self)

    async def turn(self, call: Callable[[sqlite3.Connection], None]) -> None:
        """`call` on the connection's thread."""
        await self._execute(call, self._conn)  # type: ignore[no-untyped-call]


async def connect(path: str) -> Connection:
    """A connection to the database in the file `path`."""
    connection = Connection(lambda: sqlite3.connect(path), 64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: a thread must not keep the process
    return cast("Connection", await connection)
