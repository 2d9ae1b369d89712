"""The recordings' disk is full while somebody works (security.md 3, abuse 79 and 80; 5, fault 4)."""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.access.model import ReleaseState
from gateway.recording.model import RecordingState
from gateway.sessions.model import EndReason
from tests.e2e.evidence import ended, output, verified
from tests.e2e.process import plant
from tests.e2e.site import root
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.peer

NOISE = "while head -c 7500 /dev/urandom; do sleep 0.01; done | base64 -w 100"  # hardly compresses: soon full
LINE = re.compile(r"^[A-Za-z0-9+/]{100}$", re.MULTILINE)


class Disk:
    """A small file system over one folder, which only those see who enter its namespace."""

    def __init__(self, holder: int, folder: Path) -> None:
        own = () if root() else ("--user", "--preserve-credentials")
        self.enter = ("nsenter", "--target", str(holder), "--mount", "--root", "--wd", *own)
        self.folder = Path(f"/proc/{holder}/root{folder}")

    def fill(self) -> None:
        with contextlib.suppress(OSError), open(self.folder / "ballast", "ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))

    def make_room(self) -> None:
        (self.folder / "ballast").unlink()


@asynccontextmanager
async def small_disk(folder: Path, size: str) -> AsyncIterator[Disk]:
    folder.mkdir(exist_ok=True)
    # In a chroot the root is no mount, and what it lies on is private already: hence `|| true`.
    private = "{ mount --make-rprivate / 2>/dev/null || true; }"
    script = f'{private}; mount -t tmpfs -o size={size},mode=700 tmpfs "$0" && echo mounted && read _'
    own = () if root() else ("--map-root-user",)
    holder = await asyncio.create_subprocess_exec(
        "unshare", "--mount", "--propagation", "unchanged", *own, "sh", "-c", script, str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdin
    assert await holder.stdout.readline() == b"mounted\n"
    try:
        yield Disk(holder.pid, folder)
    finally:
        holder.stdin.close()
        await holder.wait()


async def test_fault_4_a_full_disk_ends_the_session_shows_nothing_unrecorded_and_refuses_the_next_until_there_is_room(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path / "gateway") as site, small_disk(site.folder / "recordings", "1m") as disk:
        grant = await site.desk.approved()
        await site.desk.released(grant)
        served = await site.gateway(*disk.enter)
        async with Terminal(site.ssh(NOISE)) as vera:
            await site.enters(vera)
            await vera.ends()
        assert "could no longer be recorded" in vera.shown[-2000:], vera.shown[-2000:]
        (recording,) = await site.desk.recordings()
        shown = LINE.findall(vera.shown.replace("\r", ""))
        recorded = LINE.findall(output(site.folder, disk.folder / recording.file).decode())
        assert len(shown) > 500
        assert shown == recorded[: len(shown)]
        session = await ended(site.desk.sessions)
        assert session.end
        assert session.end.reason is EndReason.RECORDER

        disk.fill()
        release = await site.desk.released(grant)
        async with Terminal(site.ssh("echo in-$((40+2))")) as vera:
            await vera.sees("cannot be recorded at the moment")
            await vera.ends()
        assert "in-42" not in vera.shown
        (kept,) = [r for r in await site.desk.access.releases(grant.id) if r.id == release.id]
        assert kept.state is ReleaseState.ARMED
        assert len(await site.desk.recordings()) == 1

        disk.make_room()
        async with Terminal(site.ssh("echo in-$((40+2))")) as vera:
            await vera.sees("in-42")
            assert await vera.ends() == 0
        served.send(signal.SIGTERM)
        assert await served.ends() == 0, served.said
        await site.gateway(*disk.enter)
        newest, oldest = await site.desk.recordings()
        assert newest.state is RecordingState.SEALED
        assert oldest.state in {RecordingState.SEALED, RecordingState.RECOVERED}  # the end may just have found room
        status, report = await verified(site.desk, tmp_path / "away", *(disk.folder / r.file for r in (newest, oldest)))
        assert status == 0, report
