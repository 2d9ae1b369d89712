"""The demonstration's target: a folder of files that is all SFTP sees, and a drive that shows a page of itself."""

import asyncio
from pathlib import Path

import asyncssh
import pytest

from gateway.demo import drive, target
from tests.sim.clock import SimulatedClock

HERE = "127.0.0.4"


async def test_sftp_and_scp_see_the_drives_files_and_nothing_else(tmp_path: Path) -> None:
    home, key = tmp_path / "home", asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "secret").write_text("of the demonstration itself")
    drive.furnish(home)
    (home / "README.txt").write_text("changed by a visitor")
    drive.furnish(home)
    async with await target.start(HERE, 0, account="engineer", key=key.convert_to_public(), home=home) as server:
        connection = await asyncssh.connect(
            HERE, server.get_port(), username="engineer", client_keys=[key], known_hosts=None, config=None
        )
        async with connection, connection.start_sftp_client() as sftp:
            assert set(await sftp.listdir("/")) == {".", "..", "README.txt", "parameters", "incoming"}
            assert "1082,maximum speed,1480" in await (await sftp.open("parameters/drive4.csv")).read()
            assert await (await sftp.open("README.txt")).read() == "changed by a visitor"
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await sftp.open("../secret")
            await asyncssh.scp((connection, "parameters/drive4.csv"), tmp_path / "taken")
    assert (tmp_path / "taken").read_text().startswith("number,name")


@pytest.mark.parametrize("sent", [b"GET /<b> HTTP/1.1\r\nHost: drive\r\n\r\n", b"x\r\n\r\n", b"x" * 9000, b""])
async def test_the_drive_answers_what_is_a_request_and_leaves_the_rest(sent: bytes) -> None:
    async with await drive.start(HERE, 0, SimulatedClock()) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        writer.write_eof()
        try:
            said = await reader.read()
        except ConnectionResetError:
            said = b""
        writer.close()
    assert (b"Drive 4" in said) is sent.endswith(b"\r\n\r\n")
    assert b"<b>" not in said
