"""A target that is not there, is not itself, or dies: what the vendor reads, and what becomes of her release."""

from pathlib import Path

import asyncssh
import pytest

from gateway.access.model import ReleaseState
from gateway.audit.events.ssh import TargetFailed
from gateway.demo import site as demo
from gateway.sessions.model import SessionState
from tests.e2e.process import Plant, plant
from tests.e2e.terminal import Terminal
from tests.ports import free_port
from tests.sim.wire import Wire

pytestmark = pytest.mark.peer


AGAIN = "Your session waits two minutes for you to connect again"


async def reads(site: Plant, words: str, *, first: bool = False, after: str = AGAIN) -> None:
    """Vera connects, and reads `words`, whom to call and what `after` says, without learning where the target is."""
    async with Terminal(site.ssh()) as vera:
        if first:
            await site.enters(vera)
        await vera.sees(words, limit=15)
        await vera.sees("[Cc]all (its|the) (owner|person)")
        await vera.sees(after)
        assert await vera.ends() != 0
        for secret in (demo.TARGET_ADDRESS, str(site.target_port), "127.0.0.3"):
            assert secret not in vera.shown


async def test_fault_1_a_vendor_reads_what_is_wrong_with_the_target_and_may_try_again_on_the_same_release(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path / "gateway") as site:
        await site.stop_target()
        behind = free_port(demo.TARGET_ADDRESS)
        grant = await site.desk.approved()
        await site.desk.released(grant)
        served = await site.gateway()
        await reads(site, "refuses the connection", first=True)

        async with Wire(demo.TARGET_ADDRESS, site.target_port, behind) as wire:
            await site.start_target(port=behind, key=asyncssh.generate_private_key("ssh-ed25519").convert_to_public())
            await reads(site, "does not accept the credential", after="")
            await site.stop_target()

            own = (site.folder / "target_host_key").read_bytes()
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(site.folder / "target_host_key")
            await site.start_target(port=behind)
            await reads(site, "did not show the host key that this gateway knows", after="accept the new key")
            await site.stop_target()

            (site.folder / "target_host_key").write_bytes(own)
            await site.start_target(port=behind)
            wire.hush(True)
            await reads(site, "does not answer")
            wire.cut()
            wire.hush(False)

            async with Terminal(site.ssh()) as vera:
                await vera.sees(r"engineer@ews-l4.*[#$]")
                wire.cut()
                await vera.sees(
                    "closed the connection or has become unreachable. Call the owner of the target. " + AGAIN
                )
                assert await vera.ends() != 0
            async with Terminal(site.ssh()) as vera:
                await vera.sees(r"engineer@ews-l4.*[#$]")
                wire.hush(True)
                await vera.sees(
                    "closed the connection or has become unreachable. Call the owner of the target. " + AGAIN, limit=15
                )
                assert await vera.ends() != 0

        (session,) = await site.desk.sessions()
        assert session.state is SessionState.ACTIVE  # for the grace: she was told, and may come back without a release
        (release,) = await site.desk.access.releases(grant.id)
        assert release.state is ReleaseState.USED
        failed = [e["why"] for e in await site.desk.events(TargetFailed.name)]
        assert failed == ["target_refused", "credential", "host_key_changed", "unreachable"]
        assert "Traceback" not in served.said, served.said
