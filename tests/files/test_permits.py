"""What of the file permissions holds, while they come and go."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from gateway.errors import Refused, StoreUnavailable
from gateway.fronts.ssh import files
from gateway.fronts.ssh.files import Complaints, Permits
from gateway.policy.model import FILE_CHANNELS, Channel
from gateway.sftp.effects import Refusal
from gateway.sftp.rules import Permission


class Connection:
    def __init__(self) -> None:
        self.granted = {Channel.SFTP_READ, Channel.SFTP_WRITE}
        self.refusing: dict[Channel, Exception] = {}
        self.asked: list[Channel] = []
        self.obligations = SimpleNamespace(file_paths=("/in",), file_copy=True, file_hold=False)
        self.answered = asyncio.Event()

    def allowed(self, channel: Channel) -> bool:
        return channel in self.granted

    async def permit(self, channel: Channel) -> None:
        self.asked.append(channel)
        self.answered.set()
        if channel in self.refusing:
            raise self.refusing[channel]
        if channel not in self.granted:
            raise Refused("channel_not_granted", f"Not {channel}.")


@pytest.fixture
async def permits(monkeypatch):
    monkeypatch.setattr(files, "FILE_PERMITS", timedelta(0))
    async with asyncio.TaskGroup() as tasks:
        connection = Connection()
        found = Permits(connection, tasks.create_task)
        found.connection, found.tasks = connection, set()
        yield found


async def again(permits: Permits) -> None:
    """Operations run until it was asked anew, and the answer stands."""
    connection = permits.connection
    before = len(connection.asked)
    async with asyncio.timeout(20):
        while len(connection.asked) == before:
            permits.used()
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)


async def test_what_is_granted_and_permitted_is_in_the_rules_with_the_obligations(permits):
    rules = await permits.ask()
    assert (rules.read, rules.write, rules.delete, rules.rename, rules.mkdir) == (True, True, False, False, False)
    assert (rules.paths, rules.copy, rules.hold) == (("/in",), True, False)
    assert "sftp.delete" in permits.words(Permission.DELETE, "/a")
    assert "/in" in permits.words(Permission.PATHS, "/a")


async def test_without_any_permission_the_core_says_no(permits):
    permits.connection.granted = set()
    with pytest.raises(Refused, match="Not sftp"):
        await permits.ask()


async def test_a_permission_that_goes_is_gone_and_is_not_asked_for_again(permits):
    heard = []
    permits.on_rules = heard.append
    await permits.ask()
    permits.connection.refusing[Channel.SFTP_WRITE] = Refused("forbidden", "Not at night.")
    await again(permits)
    assert (heard[-1].read, heard[-1].write) == (True, False)
    assert permits.words(Permission.WRITE, "/a") == "Not at night."
    permits.connection.asked.clear()
    await again(permits)
    assert Channel.SFTP_WRITE not in permits.connection.asked


async def test_a_pause_says_nothing_of_permissions(permits):
    rules = await permits.ask()
    permits.connection.refusing = dict.fromkeys(FILE_CHANNELS, Refused("paused", "Paused."))
    await again(permits)
    assert permits.rules == rules


@pytest.mark.parametrize("error", [StoreUnavailable("away"), Refused("unavailable", "Cannot tell.")])
async def test_who_cannot_answer_says_no_until_he_can(permits, error):
    rules = await permits.ask()
    permits.connection.refusing = dict.fromkeys(FILE_CHANNELS, error)
    await again(permits)
    assert not permits.rules.any
    permits.connection.refusing = {}
    await again(permits)
    assert permits.rules == rules


def test_a_flood_of_refused_operations_is_bounded_on_record_and_on_the_screen(monkeypatch):
    monkeypatch.setattr(files, "FILE_REFUSALS", 3)
    said, recorded = [], []
    complaints = Complaints(said.append, lambda kind, path: recorded.append(path))
    for n in range(10):
        complaints.refused(Refusal("sftp.write", f"/{n}", "No."))
    for n in range(10):
        complaints.refused(Refusal("sftp.write", "/x", f"No {n}."))
    assert recorded == ["/0", "/1", "/2"]
    assert said == ["No.", "No 0.", "No 1."]
