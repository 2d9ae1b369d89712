"""Uploads on their way into the spool, whose ends come while the disk and the store are still at it."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from gateway import limits
from gateway.envelope import Envelope
from gateway.fronts.ssh import holding as module
from gateway.fronts.ssh.holding import Deliveries, Holding
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


class Silent:
    """A target's SFTP server that answers nothing from a certain step on."""

    def __init__(self, at: str) -> None:
        self._at, self.left = at, False

    async def _answers(self, step: str) -> None:
        if step == self._at:
            self._at = ""
        if not self._at:
            await asyncio.Event().wait()

    async def start_sftp_client(self):
        await self._answers("start")
        return self

    async def realpath(self, path):
        return path

    async def open(self, path, mode):
        await self._answers("open")
        return self

    async def close(self):
        await self._answers("close")

    async def write(self, data):
        await self._answers("write")

    async def posix_rename(self, path, to):
        await self._answers("rename")

    async def remove(self, path):
        await self._answers("remove")

    def exit(self):
        self.left = True


@pytest.mark.parametrize("step", ["start", "open", "write", "close", "rename"])
async def test_a_target_that_is_silent_keeps_no_delivery_waiting_without_end(spools, monkeypatch, step):
    monkeypatch.setattr(limits, "FILE_ANSWER", timedelta(milliseconds=50))
    monkeypatch.setattr(module, "KILL_LIMIT", timedelta(milliseconds=50))
    spool = spools.create(FILE)
    spool.write(0, b"content")
    await spool.keep()
    passed = SimpleNamespace(id=FILE, path="/in/x", sha256="", number=1)
    tried = []

    async def cleared():
        tried.append(FILE)
        return [SimpleNamespace(passed=passed)]

    async def found(*_):
        return spool

    async def opened():
        return target

    stream = SimpleNamespace(block=lambda *_: True, asked=lambda _: True, close=lambda _: None)
    connection = SimpleNamespace(
        cleared=cleared, take=found, open_stream=lambda *_: stream, obligations=SimpleNamespace(file_paths=None)
    )
    target = Silent(step)
    async with asyncio.TaskGroup() as tasks:
        deliveries = Deliveries(connection, SimpleNamespace(opened=opened), tasks.create_task)
        deliveries.look()
    assert tried == [FILE]
    assert target.left == (step != "start")
