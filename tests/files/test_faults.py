"""A transfer that is cut, paused, ended or not recordable; a target that dies, lies or is silent (issue 4, part 3)."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import limits
from gateway.app import opened, serving
from gateway.config import read
from gateway.errors import RecorderFailed
from gateway.recording.chain import Chain
from gateway.recording.format import BLOCK
from gateway.recording.model import Kind, Record
from gateway.recording.sql import find as find_recordings
from gateway.sessions.model import EndReason, SessionState
from tests.e2e.waiting import eventually
from tests.files.house import HERE, House, Visited, read_records, sha256

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]
SLOW = ("-l", "8000")  # kbit/s: what is 3 MB takes three seconds
OCTETS = 3_000_000


class Upload:
    """`sftp` that brings a file slowly."""

    def __init__(self, house: House, name: str, target: str = "files") -> None:
        self.target = target
        self.house, self.here, self.there = house, house.source(name, OCTETS), house.home / name
        self.there.unlink(missing_ok=True)

    async def __aenter__(self):
        argv = ("sftp", "-F", str(self.house.config), *SLOW, "-b", "-", self.target)
        self.process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=self.house.environment,
        )  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(f"put {self.here} {self.there}\n".encode())
        self.process.stdin.write_eof()
        await eventually(lambda: self.arrived > 100_000, "the transfer to be under way")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    @property
    def arrived(self) -> int:
        return self.there.stat().st_size if self.there.exists() else 0

    async def ends(self) -> str:
        """Everything that it said."""
        async with asyncio.timeout(60):
            out, _ = await self.process.communicate()
        return " ".join(out.decode(errors="replace").split())


def is_cut(visited: Visited, upload: Upload) -> None:
    """The ledger has what passed of it, and every octet that arrived was recorded."""
    line = visited.line(upload.there)
    assert (line["verdict"], line["partial"], line["sha256"]) == ("partial", True, "")
    assert 0 < upload.arrived < OCTETS
    assert sum(block[3] for block in blocks_of(visited.records())) >= upload.arrived
    assert sum(last - first for first, last in line["ranges"]) >= upload.arrived


def blocks_of(records: list[Record]) -> list[tuple[int, ...]]:
    """(file, way, offset, length) of each that was recorded."""
    return [BLOCK.unpack(r.payload[: BLOCK.size]) for r in records if r.kind == Kind.BLOCK]


async def test_a_client_that_dies_leaves_a_partial_line(house):
    async with house.visit() as visited, Upload(house, "died.bin") as upload:
        upload.process.kill()
        await upload.process.wait()
    is_cut(visited, upload)


async def test_a_session_that_is_killed_ends_its_transfer_in_words(house):
    s, lena = house.gateway.services, await house.person("lena")
    async with house.visit() as visited, Upload(house, "killed.bin") as upload:
        session = await visited.live()
        await s.sessions.kill(session.id, lena, HERE, "leaking valve")
        said = await upload.ends()
    assert "leaking valve" in said
    is_cut(visited, upload)


async def test_an_approval_that_is_revoked_ends_its_transfer_in_words(house):
    s, omar = house.gateway.services, await house.person("omar")
    async with house.visit() as visited, Upload(house, "revoked.bin") as upload:
        await visited.live()
        await s.access.revoke(visited.grant, omar, "wrong firmware", HERE)
        said = await upload.ends()
    assert "wrong firmware" in said
    is_cut(visited, upload)
    (session,) = await visited.sessions()
    assert session.end is not None
    assert session.end.reason is EndReason.REVOKED


async def test_in_a_pause_nothing_flows_and_afterwards_the_file_is_whole(house):
    s, lena = house.gateway.services, await house.person("lena")
    async with house.visit() as visited:
        async with Upload(house, "paused.bin") as upload:
            session = await visited.live()
            await s.sessions.pause(session.id, lena, HERE, "look first")
            at = upload.arrived
            there = house.remote("beside.bin", 10)
            other = await house.sftp(f"get {there} beside.bin")
            assert other.status != 0
            assert "paused" in other.words
            assert upload.arrived - at <= 2 << 20  # what had passed the gateway already
            assert upload.arrived < OCTETS
            await s.sessions.resume(session.id, lena, HERE)
            said = await upload.ends()
        assert upload.process.returncode == 0, said
    assert upload.there.read_bytes() == upload.here.read_bytes()
    assert visited.line(upload.there)["sha256"] == sha256(upload.here)


async def test_a_target_that_dies_is_told_to_the_person(house):
    async with house.visit() as visited, Upload(house, "lost.bin") as upload:
        pid = int((house.folder / "target" / "pid").read_text())
        for child in children(pid):
            os.kill(child, signal.SIGKILL)
        said = await upload.ends()
    assert "closed the connection or has become unreachable" in said
    is_cut(visited, upload)


def children(pid: int) -> list[int]:
    """Processes under `pid`, deepest first."""
    direct = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*(d for child in direct for d in children(child)), *direct]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("noise", "is no file transfer"),
        ("long", "is no file transfer"),
        ("silent", "stopped answering"),
        ("version", "stopped answering"),
        ("gone", "ended the file transfer"),
    ],
)
async def test_security_a_target_that_answers_nonsense_or_never_ends_the_channel_in_words(
    house, monkeypatch, mode, words
):
    monkeypatch.setattr(limits, "FILE_ANSWER", timedelta(seconds=1))
    (house.folder / "bad" / "mode").write_text(mode)
    async with house.visit(target="bad") as visited:
        ran = await house.sftp("ls", target="bad")
        assert ran.status != 0
        assert words in ran.words
        assert (await visited.sessions())[0].state is SessionState.ACTIVE  # only the channel has gone


async def test_what_cannot_be_recorded_is_not_delivered_and_the_session_ends(house, monkeypatch):
    async with house.visit() as visited, Upload(house, "full.bin") as upload:
        await visited.live()
        monkeypatch.setattr(Chain, "put", full)
        said = await upload.ends()
        monkeypatch.undo()
        visited.sealed = False  # it could not be: the next start does that
    assert "could no longer be recorded" in said
    assert 0 < upload.arrived < OCTETS


async def test_a_transfer_waits_for_its_recorder_where_that_is_obliged_and_is_whole_in_the_end(house, monkeypatch):
    async with house.visit(target="waits") as visited:
        async with Upload(house, "waited.bin", "waits") as upload:
            monkeypatch.setattr(Chain, "put", full)
            await eventually(visited.paused, "the pause")
            assert upload.arrived < OCTETS
            monkeypatch.undo()
            said = await upload.ends()
        assert upload.process.returncode == 0, said
    assert upload.there.read_bytes() == upload.here.read_bytes()
    assert visited.line(upload.there)["sha256"] == sha256(upload.here)


async def test_fault_2_what_reached_anybody_before_the_gateway_was_killed_is_in_its_recording(tmp_path):
    folder = tmp_path / "house"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.files", str(folder), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            about = json.loads(await process.stdout.readline())
        home = Path(about["home"])
        here = folder / "here.bin"
        here.write_bytes(os.urandom(OCTETS))
        argv = ("sftp", "-F", str(folder / "ssh_config"), *SLOW, "-b", "-", "files")
        client = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert client.stdin is not None
        client.stdin.write(f"put {here} {home}/killed.bin\n".encode())
        goal = home / "killed.bin"
        await eventually(lambda: goal.exists() and goal.stat().st_size > 100_000, "the transfer to be under way")
        process.kill()  # and not its sshd
        await client.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    at = folder / "gateway"
    async with opened(at, read(at)) as gateway, serving(gateway):

        async def sealed() -> bool:
            async with gateway.services.store.read() as tx:
                return (await find_recordings(tx))[0].ended is not None

        await eventually(sealed, "the recovery of the recording")
    (recording,) = (at / "recordings").glob("*")
    blocks = blocks_of(read_records(at, recording))
    assert sum(block[3] for block in blocks) >= goal.stat().st_size > 0


def full(chain: Chain, kind: int, body: bytes) -> None:
    raise RecorderFailed("recording: No space left on device")
