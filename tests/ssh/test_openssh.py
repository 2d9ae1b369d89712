"""OpenSSH's own client through the front, as Debian ships it."""

import asyncio
import hashlib
import os

import pytest

from gateway.policy.model import Channel
from tests.ssh.clients import MASTER, Terminal, askpass, openssh, run
from tests.ssh.conftest import BANNER

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


async def test_exec_keeps_streams_apart_and_tells_the_exit_status(bench):
    ran = await run(bench, *openssh(bench, "echo out; echo err >&2; exit 7"))
    assert (ran.status, ran.out) == (7, b"out\n")
    assert b"err\n" in ran.err
    assert BANNER.strip().encode() in ran.err
    (stream,) = bench.sessions.connections[0].streams
    assert (bytes(stream.out), bytes(stream.err), stream.closed) == (b"out\n", b"err\n", (7, ""))


async def test_password_and_code_without_a_key(bench):
    ran = await run(bench, *openssh(bench, "echo in", key=False))
    assert ran.out == b"in\n", ran.words


async def test_the_cipher_is_gcm_and_the_key_exchange_is_curve25519_or_better(bench):
    ran = await run(bench, *openssh(bench, "-v", "true"))
    assert b"aes128-gcm@openssh.com" in ran.err or b"aes256-gcm@openssh.com" in ran.err
    assert b"kex: algorithm: curve25519-sha256" in ran.err or b"mlkem768x25519" in ran.err


async def test_a_program_that_a_signal_ended_is_told_as_such(bench):
    ran = await run(bench, *openssh(bench, "kill -TERM $$"))
    assert ran.status == 255
    assert bench.sessions.connections[0].streams[0].closed == (None, "TERM")


async def test_a_shell_in_a_terminal_with_resize_and_exit_status(bench):
    terminal = await Terminal.start(*openssh(bench), rows=24, columns=80)
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until(r"ready\$ ")
        terminal.type("stty size\r")
        await terminal.until("24 80")
        terminal.resize(132, 50)
        terminal.type("sleep 0.3; stty size\r")
        await terminal.until("50 132")
        terminal.type("exit 9\r")
        assert await terminal.exit() == 9
    finally:
        await terminal.stop()
    (stream,) = bench.sessions.connections[0].streams
    assert stream.kind == "shell"
    assert stream.terminal == (80, 24)
    assert stream.sizes[-1] == (132, 50)
    assert b"stty size" in bytes(stream.keys)


async def test_a_command_in_a_terminal_is_recorded_as_typed_input(bench):
    terminal = await Terminal.start(*openssh(bench, "-t", "read x; echo got $x"))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await bench.sessions.stream()
        terminal.type("something\r")
        await terminal.until("got something")
        assert await terminal.exit() == 0
    finally:
        await terminal.stop()
    assert b"something" in bytes(bench.sessions.connections[0].streams[0].keys)


async def test_only_the_language_of_the_environment_passes(bench):
    """Abuse case 36: LD_PRELOAD, BASH_ENV and the like stay outside."""
    environment = {
        "LC_ALL": "C.UTF-8",
        "LANG": "de_DE.UTF-8",
        "LD_PRELOAD": "/x.so",
        "BASH_ENV": "/tmp/x",
        "LC_X": "a b;c",
    }
    options = ("SendEnv=LANG LC_* LD_PRELOAD BASH_ENV",)
    ran = await run(bench, *openssh(bench, "env", options=options), environment=environment)
    assert b"LC_ALL=C.UTF-8" in ran.out
    assert b"LANG=de_DE.UTF-8" in ran.out
    assert b"LD_PRELOAD" not in ran.out
    assert b"BASH_ENV" not in ran.out
    assert b"LC_X" not in ran.out


@pytest.mark.parametrize("options", [(), ("RekeyLimit=1M",)], ids=["plain", "rekey each MiB"])
async def test_64_mib_come_down_whole(bench, options):
    command = "head -c 67108864 /dev/zero | tr '\\0' 'x'; exit 4"
    ran = await run(bench, *openssh(bench, command, options=options), within=120)
    assert ran.status == 4
    assert len(ran.out) == 64 << 20
    assert hashlib.sha256(ran.out).digest() == hashlib.sha256(b"x" * (64 << 20)).digest()
    assert bench.sessions.connections[0].streams[0].output_octets == 64 << 20


@pytest.mark.parametrize("options", [(), ("RekeyLimit=1M",)], ids=["plain", "rekey each MiB"])
async def test_64_mib_go_up_whole_and_the_half_closed_channel_answers(bench, options):
    data = os.urandom(1 << 20) * 64
    ran = await run(bench, *openssh(bench, "sha256sum", options=options), stdin=data, within=120)
    assert ran.status == 0
    assert ran.out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert bench.sessions.connections[0].streams[0].input_octets == 64 << 20


async def test_many_channels_share_one_connection_and_one_target_connection(bench):
    control = bench.folder / "mux"
    master = await Terminal.start(*openssh(bench, "-M", "-S", str(control), "-N", options=MASTER))
    try:
        await master.until("Code: ")
        master.type("123456\n")
        await master.until("mastered")
        runs = [
            run(bench, *openssh(bench, "-S", str(control), f"echo {n}; exit {n}", options=("ControlMaster=no",)))
            for n in range(20)
        ]
        results = await asyncio.gather(*runs)
        assert [(r.status, r.out) for r in results] == [(n, f"{n}\n".encode()) for n in range(20)]
        assert bench.target.logins == 1
        assert len(bench.sessions.connections[0].streams) == 20
    finally:
        await master.stop()


async def test_the_hold_is_read_in_the_terminal_and_ctrl_c_leaves(bench):
    bench.sessions.released.clear()
    terminal = await Terminal.start(*openssh(bench))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Waiting for the release")
        await terminal.until("Still waiting .*Ctrl-C leaves")
        terminal.type("\x03")
        assert await terminal.exit() != 0
    finally:
        await terminal.stop()
    await asyncio.wait_for(bench.sessions.gone.wait(), 5)
    assert bench.sessions.visits[0].left
    assert bench.sessions.dials == 0
    assert bench.target.connections == []


async def test_a_release_opens_the_held_shell_and_what_was_typed_before_is_dropped(bench):
    bench.sessions.released.clear()
    terminal = await Terminal.start(*openssh(bench))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Waiting for the release")
        terminal.type("echo rm -rf important\n")
        await terminal.until("Still waiting")
        bench.sessions.released.set()
        await terminal.until(r"ready\$ ")
        await terminal.until("typed before the session opened were discarded")
        terminal.type("echo $((40+2))\r")
        await terminal.until("42")
        terminal.type("exit\r")
        await terminal.exit()
    finally:
        await terminal.stop()
    assert b"important" not in bytes(bench.sessions.connections[0].streams[0].keys)


async def test_a_refusal_is_read(bench):
    ran = await run(bench, *openssh(bench, "true", login="vera+plc-1"))
    assert ran.status == 255
    assert b"no grant for plc-1" in ran.err


async def test_a_channel_that_the_grant_does_not_cover_is_refused_with_words(bench):
    bench.sessions.channels = {Channel.SHELL}
    ran = await run(bench, *openssh(bench, "id"))
    assert (ran.status, ran.out) == (254, b"")
    assert b"does not cover exec" in ran.err
    assert bench.sessions.connections[0].streams == []


async def test_sftp_that_is_not_granted_is_refused_in_the_words_of_the_core(bench):
    ran = await run(bench, *openssh(bench, "vera+ews-l4@127.0.0.1", program="sftp"))
    assert ran.status != 0
    assert b"Your grant does not cover sftp.read" in ran.err
    assert bench.sessions.connections[0].streams == []


async def test_another_subsystem_is_refused_with_words(bench):
    ran = await run(bench, *openssh(bench, "-s", "netconf"))
    assert ran.status != 0
    assert b"not carried by this gateway" in ran.err
    event = await bench.event("ssh.channel.refused")
    assert (event["kind"], event["detail"], event["actor"]) == ("subsystem", "netconf", "vera")


async def test_scp_by_sftp_is_refused_with_words(bench):
    ran = await run(
        bench, *openssh(bench, "vera+ews-l4@127.0.0.1:/etc/passwd", str(bench.folder / "stolen"), program="scp")
    )
    assert ran.status != 0
    assert b"does not cover sftp.read" in ran.err
    assert not (bench.folder / "stolen").exists()


async def test_jumping_through_is_refused_with_words(bench):
    ran = await run(bench, *openssh(bench, "-W", "10.0.0.1:22"))
    assert ran.status == 255
    assert b"Nothing is forwarded there" in ran.err
    event = await bench.event("ssh.channel.refused")
    assert (event["kind"], event["detail"]) == ("direct-tcpip", "10.0.0.1:22")


async def test_remote_forwards_agents_and_displays_are_refused_with_words(bench):
    options = ("ExitOnForwardFailure=no", "ForwardAgent=yes")
    ran = await run(bench, *openssh(bench, "-R", "0:127.0.0.1:22", "-X", "echo fine", options=options))
    assert ran.out == b"fine\n"
    assert b"remote port forwarding failed" in ran.err
    assert (await bench.event("ssh.channel.refused"))["kind"] == "tcpip-forward"


async def test_agent_forwarding_is_refused_with_words(bench):
    agent = await asyncio.create_subprocess_exec(
        "ssh-agent", "-D", "-a", str(bench.folder / "agent"), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert (await agent.stdout.readline()).startswith(b"SSH_AUTH_SOCK")  # it listens
        arguments = openssh(bench, "-A", "echo fine")
        without = arguments.index("IdentityAgent=none")
        del arguments[without - 1 : without + 1]
        ran = await run(bench, *arguments, environment={"SSH_AUTH_SOCK": str(bench.folder / "agent")})
        assert ran.out == b"fine\n", ran.words
        assert b"Agent forwarding is not carried" in ran.err
        event = await bench.event("ssh.channel.refused")
        assert event["kind"] == "agent"
    finally:
        agent.terminate()
        await agent.wait()


async def test_a_pause_discards_keys_and_says_so_and_the_target_never_gets_them(bench):
    terminal = await Terminal.start(*openssh(bench))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until(r"ready\$ ")
        (connection,) = bench.sessions.connections
        connection.pause(True)
        await terminal.until("Lena Lead paused your input")
        terminal.type("echo forbid$((1+1))den\r")
        await terminal.until("octets discarded")
        connection.pause(False)
        await terminal.until("gave your input back")
        terminal.type("echo al$((1+1))owed\r")
        await terminal.until("al2owed")
        assert "forbid2den" not in terminal.text
        terminal.type("exit\r")
        await terminal.exit()
    finally:
        await terminal.stop()
    assert b"forbid" not in bytes(connection.streams[0].keys)


async def test_standard_input_of_a_command_waits_through_a_pause_and_arrives_whole(bench):
    process = await asyncio.create_subprocess_exec(
        *openssh(bench, "cat | sha256sum"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=askpass(bench),
        start_new_session=True,
    )
    stream = await bench.sessions.stream()
    (connection,) = bench.sessions.connections
    first, second = os.urandom(300_000), os.urandom(5_000_000)
    process.stdin.write(first)
    await process.stdin.drain()
    await bench.sessions.bell.until(lambda: stream.input_octets == len(first))
    connection.pause(True)
    writing = asyncio.get_running_loop().create_task(feed(process.stdin, second))
    await asyncio.sleep(0.3)  # time enough to do wrong: what follows must hold however long this is
    assert stream.input_octets == len(first)
    connection.pause(False)
    await writing
    out = await process.stdout.read()
    assert await process.wait() == 0
    assert out.split()[0].decode() == hashlib.sha256(first + second).hexdigest()


async def feed(stdin, data) -> None:
    stdin.write(data)
    await stdin.drain()
    stdin.close()


async def test_notices_never_reach_the_standard_output_of_a_command(bench):
    process = await asyncio.create_subprocess_exec(
        *openssh(bench, "echo before; read x; echo after"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=askpass(bench),
        start_new_session=True,
    )
    assert await process.stdout.readline() == b"before\n"
    (connection,) = bench.sessions.connections
    connection.pause(True)
    await process.stderr.readuntil(b"sluicegate: Lena Lead paused your input.")
    connection.pause(False)
    out, _ = await process.communicate(b"go on\n")
    assert out == b"after\n"


async def test_the_credential_can_be_a_certificate_of_our_own_authority(bench):
    import asyncssh

    from gateway.inventory.model import Credential, CredentialKind

    bench.target.ca = asyncssh.generate_private_key("ssh-ed25519")
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = bench.target.ca.generate_user_certificate(key, "ses_1", principals=["engineer"])
    bench.sessions.credential = Credential(
        "engineer",
        CredentialKind.CERTIFICATE,
        key.export_private_key("openssh"),
        certificate.export_certificate("openssh").decode(),
    )
    ran = await run(bench, *openssh(bench, "echo in"))
    assert ran.out == b"in\n", ran.words
