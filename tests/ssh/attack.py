"""What attacks on the wire share."""

import asyncssh
import pytest

from tests.ssh.clients import connect
from tests.ssh.wire import OPENED, Wire, string

KBD = string("") + string("")
CONFIRMED, SUCCESS, GLOBAL_SUCCESS, PK_OK, FAILURE = 91, 52, 81, 60, 51


@pytest.fixture
async def still_serves(bench, caplog):
    """After each attack somebody honest gets in, nothing was traced back, and nobody hostile was let in."""
    yield
    for wire in OPENED:
        wire.close()
    OPENED.clear()
    assert bench.identity.logins in ([], [("vera", "SSH-2.0-OpenSSH_9.2p1 hostile")])
    connection, _ = await connect(bench)
    assert (await connection.run("echo served")).stdout == "served\n"
    connection.close()
    await connection.wait_closed()
    assert "Traceback" not in caplog.text


def key_of(bench) -> asyncssh.SSHKey:
    return asyncssh.read_private_key(str(bench.key))


def signed(wire: Wire, name: str, key: asyncssh.SSHKey, *, by=None, session_id=b"", says="") -> bytes:
    """A publickey request's rest; the knobs make it a lie."""
    algorithm = string(key.algorithm) + string(key.public_data)
    head = b"\x32" + string(says or name) + string("ssh-connection") + string("publickey") + b"\x01" + algorithm
    signature = (by or key).sign(string(session_id or wire.session_id) + head, key.algorithm)
    return b"\x01" + algorithm + string(signature)
