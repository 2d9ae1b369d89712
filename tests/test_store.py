"""The store: what is durable, what is not, and who is told."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from gateway.audit import sql
from gateway.audit.hub import Hub
from gateway.audit.log import AuditLog
from gateway.audit.merkle import Tree
from gateway.audit.model import AuditEvent
from gateway.errors import StoreUnavailable
from gateway.store.db import Store
from tests.sim.clock import SimulatedClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(AuditEvent):
    name: ClassVar[str] = "test.sample"
    code: ClassVar[str] = "GW9999I"
    what: str = ""


async def test_an_event_is_published_only_after_its_transaction_is_durable(store: Store, audit: AuditLog) -> None:
    with audit.hub.subscribe() as events:
        with pytest.raises(RuntimeError):
            async with store.write() as tx:
                await audit.append(tx, Sample(actor="vera", what="rolled back"))
                raise RuntimeError
        async with store.write() as tx:
            await audit.append(tx, Sample(actor="vera", what="kept"))
        event = await asyncio.wait_for(events.next(), 1)
    assert isinstance(event, Sample)
    assert event.what == "kept"
    async with store.read() as tx:
        (entry,) = await sql.read(tx)
    assert entry.index == 0
    assert entry.values()["what"] == "kept"


async def test_twenty_writers_at_once_leave_a_log_without_a_gap(store: Store, audit: AuditLog) -> None:
    async def one(n: int) -> None:
        async with store.write() as tx:
            await audit.append(tx, Sample(actor="vera", what=str(n)))

    async with asyncio.TaskGroup() as writers:
        for n in range(20):
            writers.create_task(one(n))
    async with store.read() as tx:
        entries, tree = await sql.read(tx), await sql.tree(tx)
    assert [e.index for e in entries] == list(range(20))
    assert tree.size == 20


async def test_a_database_that_was_moved_away_takes_nothing_until_it_is_back(store: Store, audit: AuditLog) -> None:
    async with store.write() as tx:
        await audit.append(tx, Sample(actor="vera", what="before"))
    file = Path(str(store.engine.url.database))
    file.rename(file.with_suffix(".away"))
    for turn in (store.write, store.read):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            async with turn():
                pass
    assert not file.exists()  # nothing empty was put in its place
    file.touch()
    with pytest.raises(StoreUnavailable, match="replaced"):
        async with store.write():
            pass
    file.with_suffix(".away").rename(file)
    async with store.read() as tx:
        assert len(await sql.read(tx)) == 1


async def test_a_read_sees_one_state_however_many_statements_it_makes(store: Store, audit: AuditLog) -> None:
    async with store.read() as tx:
        assert await sql.read(tx) == []
        async with store.write() as other:
            await audit.append(other, Sample(actor="vera"))
        assert await sql.read(tx) == []
    async with store.read() as tx:
        assert len(await sql.read(tx)) == 1


async def test_a_transaction_that_was_given_up_leaves_nothing_to_the_next_one(store: Store, audit: AuditLog) -> None:
    for _ in range(3):  # on one connection of the pool and on another
        with pytest.raises(RuntimeError):
            async with store.write() as tx:
                await audit.append(tx, Sample(actor="vera"))
                raise RuntimeError
        async with store.read() as tx, store.read() as beside:
            assert await sql.read(tx) == await sql.read(beside) == []
    async with store.write():
        pass  # without a statement there is nothing to commit
    async with store.write() as tx:
        await audit.append(tx, Sample(actor="vera"))
    async with store.read() as tx:
        assert len(await sql.read(tx)) == 1


async def test_a_log_that_another_process_added_to_goes_on_behind_that(store: Store, audit: AuditLog) -> None:
    beside = AuditLog(SimulatedClock(), Hub())
    for log in (audit, beside, audit, audit, beside):
        async with store.write() as tx:
            await log.append(tx, Sample(actor="vera", what="first of two"))
            await log.append(tx, Sample(actor="vera", what="second of two"))
    async with store.read() as tx:
        entries, tree = await sql.read(tx), await sql.tree(tx)
    assert [e.index for e in entries] == [e.values()["index"] for e in entries] == list(range(10))
    whole = Tree()
    for entry in entries:
        whole.add(entry.line.encode())
    assert tree.root() == whole.root()


async def test_an_entry_that_is_quoted_stands_where_it_was_said_to_be(store: Store, audit: AuditLog) -> None:
    async with store.write() as tx:
        await audit.append(tx, Sample(actor="vera", what="before"))
        quoted = await audit.entry(tx, Sample(actor="vera", what="quoted"))
        await audit.append(tx, Sample(actor="vera", what="after"))
    async with store.read() as tx:
        entries = await sql.read(tx)
    assert [e.values()["what"] for e in entries] == ["before", "quoted", "after"]
    assert entries[quoted.index] == quoted


async def test_entries_that_cannot_be_written_take_the_fact_with_them(store: Store, audit: AuditLog) -> None:
    async with store.write() as tx:
        await audit.append(tx, Sample(actor="vera"))
    async with store.write() as tx:
        await tx.execute(sql.heads.delete())
    with pytest.raises(StoreUnavailable):
        async with store.write() as tx:
            await tx.execute(sql.entries.update().values(actor="omar"))
            await audit.append(tx, Sample(actor="vera"))
    async with store.read() as tx:
        assert [e.actor for e in await sql.read(tx)] == ["vera"]
