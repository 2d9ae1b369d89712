"""How a visit ends, or does not begin: what OpenSSH's own client is told, and what is left behind."""

import asyncio

import asyncssh
import pytest

from gateway.inventory.model import Credential, CredentialKind
from tests.ssh.clients import MASTER, Terminal, connect, openssh, run

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


async def test_a_kill_is_told_and_ends_everything_at_once(bench):
    """Abuse case 40: all channels of the connection go, within the limit."""
    terminal = await Terminal.start(*openssh(bench))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until(r"ready\$ ")
        terminal.type("while :; do echo flood; sleep 0.01; done\r")
        await terminal.until("flood.*flood")
        loop = asyncio.get_running_loop()
        began = loop.time()
        bench.sessions.connections[0].end("Lena Lead ended your session: leaking valve.")
        await terminal.until("leaking valve")
        assert await terminal.exit() != 0
        assert loop.time() - began < 2
    finally:
        await terminal.stop()
    for connection in bench.target.connections:
        await connection.wait_closed()


async def test_a_kill_ends_the_siblings_of_a_shared_connection(bench):
    control = bench.folder / "mux"
    master = await Terminal.start(*openssh(bench, "-M", "-S", str(control), "-N", options=MASTER))
    try:
        await master.until("Code: ")
        master.type("123456\n")
        await master.until("mastered")
        sibling = openssh(bench, "-S", str(control), "sleep 100", options=("ControlMaster=no",))
        running = asyncio.get_running_loop().create_task(run(bench, *sibling, within=20))
        await bench.sessions.stream()
        bench.sessions.connections[0].end("It is over.")
        ran = await running
        assert ran.status == 254
        assert b"It is over." in ran.err
        await master.exit(3)
    finally:
        await master.stop()


async def test_a_command_that_is_killed_ends_with_words_and_a_status_of_its_own(bench):
    running = asyncio.get_running_loop().create_task(run(bench, *openssh(bench, "echo begun; sleep 100"), within=20))
    await bench.sessions.stream()
    bench.sessions.connections[0].end("Lena Lead ended your session: leaking valve.")
    ran = await running
    assert ran.status == 254
    assert b"leaking valve" in ran.err
    assert b"leaking" not in ran.out


async def test_host_key_changes_are_told_without_an_address_and_no_credential_is_shown(bench):
    """Abuse case 38."""
    bench.sessions.host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvbXBsZXRlbHkgYW5vdGhlciBrZXkgdGhhbiBiZWZvcmUh"
    ran = await run(bench, *openssh(bench, "id"))
    assert ran.status == 254
    assert b"another host key" in ran.err
    assert b"127.0.0.1" not in ran.err.replace(b"vera+ews-l4@127.0.0.1", b"")
    assert bench.target.passwords == []
    event = await bench.event("ssh.target.failed")
    assert event["why"] == "host_key_changed"


async def test_a_wrong_credential_in_the_vault_is_told_and_the_password_is_not(bench):
    bench.sessions.credential = Credential("engineer", CredentialKind.PASSWORD, b"stale-secret")
    ran = await run(bench, *openssh(bench, "id"))
    assert ran.status == 254
    assert b"does not accept the credential" in ran.err
    assert b"the owner of the target" in ran.err
    assert b"stale-secret" not in ran.err
    assert bench.target.passwords == ["stale-secret"]


async def test_a_target_that_refuses_is_told(bench):
    await bench.target.stop()
    ran = await run(bench, *openssh(bench, "id"))
    assert ran.status == 254
    assert b"ews-l4 refuses the connection" in ran.err


async def test_a_target_that_dies_in_the_session_is_told(bench):
    running = asyncio.get_running_loop().create_task(run(bench, *openssh(bench, "echo begun; sleep 100"), within=20))
    stream = await bench.sessions.stream()
    await bench.sessions.bell.until(lambda: stream.out)
    await bench.target.stop()
    ran = await running
    assert ran.status == 254
    assert ran.out == b"begun\n"
    assert b"closed the connection or has become unreachable" in ran.err
    assert bench.sessions.connections[0].closed[0][0] == "target"


async def test_a_recorder_that_fails_delivers_nothing_until_it_works_again(bench):
    """Charter invariant 2: no octet is delivered that was not recorded."""
    bench.sessions.failing = True
    running = asyncio.get_running_loop().create_task(run(bench, *openssh(bench, "echo secret; exit 2")))
    stream = await bench.sessions.stream()
    await bench.sessions.bell.until(lambda: stream.refused)
    assert not running.done()
    (connection,) = bench.sessions.connections
    connection.failing = False
    connection.on_pause(False)
    ran = await running
    assert (ran.status, ran.out) == (2, b"secret\n")


async def test_a_refused_arrival_says_no_before_anything_is_dialled(bench):
    bench.sessions.denial = "Isolated: the plant lets nobody in now. Call the control room."
    ran = await run(bench, *openssh(bench, "id"))
    assert b"Isolated: the plant lets nobody in now" in ran.err
    assert bench.sessions.dials == 0


async def test_a_channel_that_goes_before_its_program_is_answered_leaves_nothing_on_the_target(bench, monkeypatch):
    stock = asyncssh.SSHClientConnection.create_session
    client, _ = await connect(bench)

    async def unanswered(self, *args, **kwargs):
        session = await stock(self, *args, **kwargs)
        if self is not client:
            await asyncio.Event().wait()
        return session

    with monkeypatch.context() as patch:
        patch.setattr(asyncssh.SSHClientConnection, "create_session", unanswered)
        process = await client.create_process("echo begun; sleep 100", encoding=None)
        stream = await bench.sessions.stream()
        await bench.sessions.bell.until(lambda: stream.out)
        process.close()
        await bench.sessions.bell.until(lambda: stream.closed)
    client.close()
