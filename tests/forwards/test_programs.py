"""Forwards and jumps by the programs that people use: OpenSSH, PuTTY's plink, dropbear's dbclient, rsync."""

import asyncio
import contextlib
import tempfile

import pytest

from tests.e2e.waiting import eventually
from tests.forwards.plant import HERE
from tests.ports import free_port
from tests.ssh.clients import Terminal, openssh, run
from tests.ssh.test_other_clients import dbclient, plink, sign_in

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


@contextlib.asynccontextmanager
async def running(*argv: str):
    """A program in a terminal of its own, until the block is left."""
    terminal = await Terminal.start(*argv)
    try:
        yield terminal
    finally:
        await terminal.stop()


async def talk(port: int, *words: bytes) -> None:
    """Each is said and comes back, through a port on this machine that a client forwards."""
    reader, writer = await asyncio.open_connection(HERE, port)
    try:
        for said in words:
            writer.write(said)
            async with asyncio.timeout(30):
                assert await reader.readexactly(len(said)) == said
    finally:
        writer.close()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HERE, port)
    except OSError:
        return False
    writer.close()
    return True


async def test_openssh_forwards_without_a_command_and_shows_the_hold_before(plant):
    plant.bench.sessions.released.clear()
    port = free_port()
    async with running(*openssh(plant.bench, "-N", "-v", "-L", f"{port}:echo:102")) as terminal:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Waiting for the release")
        plant.bench.sessions.released.set()
        await terminal.until("Entering interactive session")
        await talk(port, b"S7 read", b"S7 write", bytes(100_000))
    assert plant.bench.target.connections == []
    assert plant.inside.dialled == ["echo"]


async def test_40_whoever_has_nothing_but_a_forward_reads_why_it_ended(plant):
    port = free_port()
    async with running(*openssh(plant.bench, "-N", "-v", "-L", f"{port}:echo:102")) as terminal:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Entering interactive session")
        await talk(port, b"S7 read")
        plant.inside.end("Lena Lead ended your session.")
        await terminal.until("Lena Lead ended your session")
        assert await terminal.exit() == 255


async def test_openssh_goes_to_the_background_and_forwards_on(plant):
    port, control = free_port(), plant.bench.folder / "control"
    options = [f"ControlPath={control}", "ControlMaster=yes", "ControlPersist=no"]
    ran = await run(plant.bench, *openssh(plant.bench, "-f", "-N", "-L", f"{port}:ews-l4:{plant.ports['echo']}",
                                          options=options))  # fmt: skip
    assert ran.status == 0, ran.words
    await talk(port, b"from behind")
    gone = await run(plant.bench, *openssh(plant.bench, "-O", "exit", options=options))
    assert gone.status == 0, gone.words
    await plant.gone("echo")


async def test_openssh_joins_standard_input_and_output_to_a_service(plant):
    ran = await run(plant.bench, *openssh(plant.bench, "-W", "sink:102"), stdin=b"x" * 200_000)
    assert (ran.status, ran.out) == (0, b"200000"), ran.words


async def test_openssh_by_socks_reaches_what_was_granted_and_nothing_else(plant):
    port = free_port()
    async with running(*openssh(plant.bench, "-N", "-v", "-D", str(port))) as terminal:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Entering interactive session")
        answers = [await socks(port, host) for host in ("echo", "intranet.example", "10.0.0.1", "localhost")]
    assert answers == [True, False, False, False]
    assert plant.inside.dialled == ["echo"]
    refused = {"intranet.example:102", "10.0.0.1:102", "localhost:102"}

    async def on_record() -> bool:
        return {event["detail"] for event in await plant.bench.events("ssh.channel.refused")} == refused

    await eventually(on_record, "the refusals on record")


async def socks(port: int, host: str) -> bool:
    """Whether SOCKS5 (RFC 1928) opens port 102 of `host` and what is said comes back."""
    reader, writer = await asyncio.open_connection(HERE, port)
    try:
        writer.write(b"\x05\x01\x00")
        assert await reader.readexactly(2) == b"\x05\x00"
        writer.write(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + (102).to_bytes(2, "big") + b"S7")
        async with asyncio.timeout(30):
            try:
                answer = await reader.readexactly(10)
                return answer[1] == 0 and await reader.readexactly(2) == b"S7"
            except (asyncio.IncompleteReadError, ConnectionError):
                return False
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("-R", "0:localhost:22"), "tcpip-forward"),
        (("-R", "/tmp/sluicegate-never:localhost:22"), "streamlocal-forward"),
    ],
)
async def test_34_nothing_is_listened_for_at_the_gateway(plant, arguments, kind):
    ran = await run(plant.bench, *openssh(plant.bench, "-N", *arguments, options=["ExitOnForwardFailure=yes"]))
    assert ran.status == 255
    assert "remote port forwarding failed" in ran.words
    assert (await plant.bench.event("ssh.channel.refused"))["kind"] == kind


async def test_34_a_socket_in_the_file_system_is_refused_in_words(plant):
    port = free_port()
    async with running(*openssh(plant.bench, "-N", "-v", "-L", f"{port}:/run/x.sock")) as terminal:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Entering interactive session")
        reader, writer = await asyncio.open_connection(HERE, port)
        assert await reader.read(-1) == b""
        await terminal.until("Sockets in the file system are not carried")
        writer.close()
    assert (await plant.bench.event("ssh.channel.refused"))["kind"] == "direct-streamlocal"


async def test_34_the_sshd_of_the_target_is_no_service_and_a_tunnel_is_none_either(plant):
    ran = await run(plant.bench, *openssh(plant.bench, "-W", "localhost:22"))
    assert ran.status == 255
    assert "Nothing is forwarded there" in ran.words
    tunnel = await run(plant.bench, *openssh(plant.bench, "-N", "-w", "0:0", options=["ExitOnForwardFailure=yes"]))
    assert tunnel.status == 255
    assert plant.bench.sessions.dials == 0


async def test_plink_forwards(plant):
    port = free_port()
    async with running(*plink(plant.bench, "-N", "-v", "-L", f"{port}:echo:102")) as terminal:
        await sign_in(terminal)
        await terminal.until(f"Local port {port} forwarding to echo:102")
        await talk(port, b"S7 read", bytes(100_000))


async def test_plink_joins_standard_input_and_output_to_a_service(plant):
    async with running(*plink(plant.bench, "-nc", "echo:102")) as terminal:
        await sign_in(terminal)
        await plant.connected("echo")
        terminal.type("to the plant\n")
        await terminal.until("to the plant\r\n.*to the plant")


async def test_dbclient_forwards(plant):
    port = free_port()
    async with running(*dbclient(plant.bench, "-N", "-L", f"{port}:echo:102")) as terminal:
        await sign_in(terminal)
        await eventually(lambda: listens(port), "dbclient's port")
        await talk(port, b"S7 read", bytes(100_000))


async def test_rsync_copies_behind_a_jump(plant):
    """Where a command is granted; the ledger of files is another module's test."""
    source = plant.bench.folder / "firmware"
    source.write_bytes(bytes(range(256)) * 4000)
    copy = plant.bench.folder / "copy"
    shell = f"ssh -F {plant.config()} -J gw"
    ran = await run(plant.bench, "rsync", "-e", shell, f"engineer@ews-l4:{source}", str(copy))
    assert ran.status == 0, ran.words
    assert copy.read_bytes() == source.read_bytes()


async def test_a_master_behind_a_jump_serves_many(plant):
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 octets, and ssh adds 17 to it
        config = str(plant.config(ControlPath=f"{short}/%h", ControlMaster="auto", ControlPersist="30"))
        for n in range(4):
            ran = await run(plant.bench, "ssh", "-F", config, "-J", "gw", "engineer@ews-l4", f"echo {n}")
            assert ran.out == f"{n}\n".encode(), ran.words
        assert len(plant.bench.sessions.connections) == 1
        for host in ("engineer@ews-l4", "gw"):
            await run(plant.bench, "ssh", "-F", config, "-O", "exit", host)
        await plant.bench.empty()
