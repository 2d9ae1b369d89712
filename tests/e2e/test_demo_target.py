"""The target of the demonstration, as the gateway's connection to it sees it."""

import asyncio
import subprocess
from pathlib import Path

import asyncssh
import pytest

from gateway.demo import target
from tests.ports import free_port

pytestmark = pytest.mark.peer


async def test_a_copy_from_the_demonstrations_target_ends_with_status_zero(tmp_path: Path) -> None:
    """OpenSSH's scp takes a server that says no status for one that failed."""
    home, key, port = tmp_path / "home", asyncssh.generate_private_key("ssh-ed25519"), free_port()
    home.mkdir()
    (home / "drive4.csv").write_text("ramp;4\n")
    key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    async with await target.start("127.0.0.1", port, account="engineer", key=key.convert_to_public(), home=home):
        options = (
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
            "-F/dev/null",
            "-i",
            tmp_path / "key",
        )
        ran = await asyncio.create_subprocess_exec(
            "scp", *options, "-P", str(port), "engineer@127.0.0.1:drive4.csv", str(tmp_path / "got"),
            stderr=subprocess.PIPE,
        )  # fmt: skip
        _, words = await ran.communicate()
    assert (ran.returncode, (tmp_path / "got").read_text()) == (0, "ramp;4\n"), words
