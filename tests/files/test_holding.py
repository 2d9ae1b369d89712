"""Uploads on their way into the spool, whose ends come while the disk and the store are still at it."""

import asyncio

import pytest

from gateway.envelope import Envelope
from gateway.fronts.ssh.holding import Holding
from gateway.ids import FileId
from gateway.sessions.spool import Spools
from gateway.sftp.effects import HeldClose, HeldOpen, HeldRemove, HeldRename, HeldWrite
from gateway.sftp.ledger import FileEntry

FILE = FileId("fil_1")
ENTRY = FileEntry(1, "upload", "/in/x", 7, ((0, 7),), "", True, "held")


class Connection:
    """A session whose store answers when it is let."""

    def __init__(self, spools: Spools) -> None:
        self._spools = spools
        self.store = asyncio.Event()
        self.asked: list[tuple[str, ...]] = []

    def spool(self):
        return self._spools.create(FILE)

    async def rename_held(self, file_id, path):
        self.asked.append(("rename", file_id, path))
        await self.store.wait()

    async def remove_held(self, file_id):
        self.asked.append(("remove", file_id))
        self._spools.remove(file_id)


@pytest.fixture
async def spools(tmp_path):
    return Spools(tmp_path / "held", Envelope(bytes(32)))


def begun(connection: Connection, tasks: asyncio.TaskGroup) -> tuple[Holding, asyncio.Queue]:
    """One upload whose content is there, and where it is told what is done."""
    done = asyncio.Queue()
    holding = Holding(connection, tasks.create_task)
    holding.on_done = lambda key, words: done.put_nowait((key, words))
    holding.carry(HeldOpen(1, 1, {}, "/in/x.part"))
    holding.carry(HeldWrite(2, 1, {}, 0, b"content"))
    assert [done.get_nowait() for _ in range(2)] == [(1, ""), (2, "")]
    return holding, done


async def test_a_held_file_whose_channel_goes_while_it_is_renamed_is_kept(spools):
    connection = Connection(spools)
    async with asyncio.TaskGroup() as tasks:
        holding, done = begun(connection, tasks)
        holding.carry(HeldClose(3, 1, {}))
        assert await done.get() == (3, "")
        entry, _ = holding.told(ENTRY)
        holding.carry(HeldRename(4, 1, {}, "/in/x"))
        await asyncio.sleep(0)
        assert connection.asked == [("rename", FILE, "/in/x")]
        holding.close({1})
        connection.store.set()
    assert spools.kept() == [FILE]
    kept = spools.open(FILE, 7)
    assert (kept.digest(), kept.read(0, 7)) == (entry.sha256, b"content")
    kept.close()


async def test_a_file_that_is_closed_and_removed_in_one_breath_is_removed_after_it_was_kept(spools):
    connection = Connection(spools)
    async with asyncio.TaskGroup() as tasks:
        holding, done = begun(connection, tasks)
        holding.carry(HeldClose(3, 1, {}))
        holding.carry(HeldRemove(4, 1, {}))
        assert [await done.get() for _ in range(2)] == [(3, ""), (4, "")]
    assert connection.asked == [("remove", FILE)]
    assert spools.kept() == []
    holding.close({1})
