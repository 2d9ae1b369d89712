"""The serving process dies, is doubled, is told to stop (security.md 5, faults 6, 9 and 18)."""

import asyncio
import re
import signal
from pathlib import Path

import pytest

from gateway.access.model import ReleaseState
from gateway.recording.model import RecordingState
from gateway.sessions.model import EndReason, SessionState
from tests.e2e.evidence import output, verified
from tests.e2e.process import plant
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.peer

ROUNDS = 5
COUNT = "i=0; while :; do i=$((i+1)); echo line-$i; done"


async def test_fault_6_kill_9_in_a_session_loses_nothing_that_was_shown_and_leaves_no_session_active(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path / "gateway") as site:
        grant = await site.desk.approved()
        served = await site.gateway()
        for turn in range(ROUNDS):
            await site.desk.released(grant)
            async with Terminal(site.ssh(COUNT)) as vera:
                if turn == 0:
                    await site.enters(vera)
                await vera.sees(f"line-{17**turn % 5000}\r?\n")
                served.send(signal.SIGKILL)
                await served.ends()
                await vera.ends()
            served = await site.gateway()

            session, recording = (await site.desk.sessions())[0], (await site.desk.recordings())[0]
            assert session.state is SessionState.ENDED
            assert session.end
            assert session.end.reason is EndReason.GATEWAY
            assert (recording.session, recording.state) == (session.id, RecordingState.RECOVERED)
            last = re.findall(r"line-(\d+)\r\n", vera.shown)[-1]
            recorded = output(site.folder, site.folder / "recordings" / recording.file).decode()
            assert f"line-{last}\n" in recorded
            lines = [line for line in recorded.split("\n")[:-1] if line.startswith("line-")]
            assert lines == [f"line-{n + 1}" for n in range(len(lines))]
        files = [site.folder / "recordings" / r.file for r in await site.desk.recordings()]
        status, report = await verified(site.desk, tmp_path / "away", *files)
        assert status == 0, report
        assert report.count("UNCLEAN") >= ROUNDS
        releases = await site.desk.access.releases(grant.id)
        assert [r.state for r in releases] == [ReleaseState.USED] * ROUNDS
        async with Terminal(site.ssh("true")) as vera:
            await vera.sees("control room")  # it waits: no release came back to life
        assert (await site.desk.sessions())[0].seq == 0


async def test_fault_9_a_second_process_on_one_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    async with plant(tmp_path / "gateway") as site:
        first = await site.gateway()
        second = await site.started()
        assert await second.ends() == 2
        assert len(second.lines) == 1
        assert "another gateway runs on this folder" in second.said
        first.send(signal.SIGTERM)
        assert await first.ends() == 0


async def test_fault_18_sigterm_tells_everybody_seals_every_recording_and_exits_with_zero(tmp_path: Path) -> None:
    async with plant(tmp_path / "gateway") as site:
        grant = await site.desk.approved()
        await site.desk.released(grant)
        served = await site.gateway()
        async with Terminal(site.ssh()) as vera:
            await site.enters(vera)
            await vera.sees(r"engineer@ews-l4.*[#$]")
            async with Terminal(site.ssh("echo at-$((40+1)); sleep 60")) as beside:
                await beside.sees("at-41")
                served.send(signal.SIGTERM)
                await vera.sees("gateway had to end your session")
                await beside.sees("gateway had to end your session")
                await asyncio.gather(vera.ends(), beside.ends())
        assert await served.ends() == 0, served.said
        assert "Traceback" not in served.said
        (session,), (recording,) = await site.desk.sessions(), await site.desk.recordings()
        assert session.state is SessionState.ENDED
        assert session.end
        assert session.end.reason is EndReason.GATEWAY
        assert recording.state is RecordingState.SEALED
        status, report = await verified(site.desk, tmp_path / "away", site.folder / "recordings" / recording.file)
        assert status == 0, report
        assert "UNCLEAN" not in report
        (stopped,) = await site.desk.events("gateway.process.stopped")
        assert stopped["actor"] == "gateway"


async def test_somebody_who_waits_reads_that_the_gateway_stops(tmp_path: Path) -> None:
    async with plant(tmp_path / "gateway") as site:
        await site.desk.approved()
        served = await site.gateway()
        async with Terminal(site.ssh()) as vera:
            await site.enters(vera)
            await vera.sees("control room")
            served.send(signal.SIGTERM)
            await vera.sees("gateway")
            await vera.ends()
        assert await served.ends() == 0, served.said
        (session,) = await site.desk.sessions()
        assert session.state is SessionState.ENDED
