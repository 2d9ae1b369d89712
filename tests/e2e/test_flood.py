"""A client that is behind when its session ends: what is on its way to it must not cost it the reason."""

from pathlib import Path

import pytest

from tests.e2e.site import running_site
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.peer

CALL = "ended your session. Reason given: alarm"


@pytest.mark.parametrize("options", [(), ("-tt",)])
async def test_abuse_40_81_whoever_is_flooded_when_he_is_cut_off_still_reads_why(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with running_site(tmp_path / "gateway") as site:
        await site.released(await site.approved())
        async with Terminal([*site.ssh("yes canary-of-a-flood")[:-2], *options, *site.ssh("yes a-flood")[-2:]]) as vera:
            await vera.sees("[Pp]assword: ")
            vera.type(site.logins["vera"].password + "\n")
            await vera.sees("[Cc]ode.*: ")
            vera.type(await site.codes["vera"].next() + "\n")
            for _ in range(20_000):  # the pipe is full from end to end
                await vera.sees("a-flood\r\n")
            (session,) = await site.gateway.services.sessions.live()
            lena = await site.person("lena")
            await site.gateway.services.sessions.kill(session.id, lena, "127.0.0.1", "alarm")
            await vera.ends()
            assert CALL in vera.shown[-1000:], vera.shown[-1000:]
