"""Looking for entries of the audit log. An answer looks at a bounded number of entries and says where to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from gateway.audit import sql
from gateway.audit.model import Entry
from gateway.audit.sql import entries, entry_of
from gateway.limits import AUDIT_LOOKED_AT
from gateway.store.db import Tx


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; empty: anything.

    Attributes:
        name: of the event, or its beginning with a dot at the end: `access.`
        fields: exact values of fields that events have, e.g. `session` or `target`.
        text: stands anywhere in the entry, whatever the case (of ASCII letters).
    """

    name: str = ""
    actor: str = ""
    after: datetime | None = None
    before: datetime | None = None
    fields: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @property
    def indexed(self) -> bool:
        """Whether the database finds it without looking at every entry."""
        return not self.fields and not self.text


async def search(tx: Tx, what: Search, since: int, limit: int) -> tuple[list[Entry], int | None]:
    """Entries from index `since` on, oldest first; and where to go on, None at the end of the log."""
    size = (await sql.tree(tx)).size
    if what.after is not None:
        first = select(func.min(entries.c.number)).where(entries.c.at >= what.after)
        since = max(since, size if (found := (await tx.execute(first)).scalar_one()) is None else found)
    end = size if what.indexed else min(size, since + AUDIT_LOOKED_AT)
    query = select(entries).where(entries.c.number >= since, entries.c.number < end, *_conditions(what))
    page = [entry_of(row) for row in await tx.execute(query.order_by(entries.c.number).limit(limit))]
    if len(page) == limit:
        return page, page[-1].index + 1 if page[-1].index + 1 < size else None
    return page, end if end < size else None


def _conditions(what: Search) -> Sequence[ColumnElement[bool]]:
    conditions = list[ColumnElement[bool]]()
    if what.name.endswith("."):
        conditions.append(entries.c.name.startswith(what.name, autoescape=True))
    elif what.name:
        conditions.append(entries.c.name == what.name)
    if what.actor:
        conditions.append(entries.c.actor == what.actor)
    if what.after is not None:
        conditions.append(entries.c.at >= what.after)
    if what.before is not None:
        conditions.append(entries.c.at < what.before)
    conditions += [sql.has(field, value) for field, value in what.fields]
    if what.text:
        conditions.append(entries.c.line.icontains(what.text, autoescape=True))
    return conditions
