"""`ssh -J gateway target` by OpenSSH: a visit like any other, inside the connection to the gateway."""

from datetime import UTC, datetime, timedelta

import asyncssh
import pytest
from asyncssh.public_key import decode_ssh_certificate

from gateway.fronts.ssh import conversation
from gateway.fronts.ssh.offer import HostKeys
from gateway.limits import SSH_JUMPS
from tests.forwards.plant import refusal
from tests.ssh.clients import Client, Terminal, run

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


def jump(plant, *arguments: str, target: str = "engineer@ews-l4", program: str = "ssh", **options: str) -> list[str]:
    to = [target] if target else []
    return [program, "-F", str(plant.config(**options)), "-J", "gw", *to, *arguments]


async def test_a_command_behind_a_jump_is_recorded_and_the_host_is_the_target_by_the_gateways_ca(plant):
    ran = await run(plant.bench, *jump(plant, "echo out; echo err >&2; exit 7"))
    assert (ran.status, ran.out) == (7, b"out\n"), ran.words
    assert b"err\n" in ran.err
    (connection,) = plant.bench.sessions.connections
    (stream,) = connection.streams
    assert (stream.kind, bytes(stream.out), stream.closed) == ("exec", b"out\n", (7, ""))
    (arrival,) = plant.bench.sessions.arrivals
    assert (arrival.person.name, arrival.target, arrival.account) == ("vera", "ews-l4", "engineer")
    assert arrival.source == "127.0.0.1"
    assert len(arrival.proofs) == 2
    assert plant.bench.identity.code_calls == 1
    assert plant.bench.target.logins == 1


async def test_a_proxy_command_is_the_same(plant):
    config = str(plant.config())
    proxy = f"ProxyCommand=ssh -F {config} -W %h:%p gw"
    ran = await run(plant.bench, "ssh", "-F", config, "-o", proxy, "engineer@ews-l4", "echo through")
    assert ran.out == b"through\n", ran.words


async def test_a_shell_behind_a_jump_has_its_terminal(plant):
    terminal = await Terminal.start(*jump(plant), rows=30, columns=100)
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until(r"ready\$ ")
        terminal.type("stty size\r")
        await terminal.until("30 100")
        terminal.type("exit 4\r")
        assert await terminal.exit() == 4
    finally:
        await terminal.stop()


async def test_the_hold_is_shown_inside_and_opens_on_release(plant):
    plant.bench.sessions.released.clear()
    terminal = await Terminal.start(*jump(plant, "echo released"))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Waiting for the release")
        await terminal.until("Still waiting")
        assert plant.bench.target.connections == []
        plant.bench.sessions.released.set()
        await terminal.until("released\r\n")
        assert await terminal.exit() == 0
    finally:
        await terminal.stop()


async def test_a_denial_during_the_hold_is_read_inside(plant):
    plant.bench.sessions.released.clear()
    terminal = await Terminal.start(*jump(plant, "echo released"))
    try:
        await terminal.until("Code: ")
        terminal.type("123456\n")
        await terminal.until("Waiting for the release")
        plant.bench.sessions.denial = "Omar Owner said no: not in this shift."
        await terminal.until("not in this shift")
        assert await terminal.exit() == 255
    finally:
        await terminal.stop()
    assert plant.bench.sessions.connections == []


async def test_a_client_without_a_keyboard_gets_in_when_nothing_is_missing(plant):
    """What runs in batches answers no rounds: the first request of all is enough inside."""
    config = str(plant.config())
    proxy = f"ProxyCommand=ssh -F {config} -W %h:%p gw"
    ran = await run(plant.bench, "ssh", "-F", config, "-o", "BatchMode=yes", "-o", proxy, "engineer@ews-l4", "echo in")
    assert ran.out == b"in\n", ran.words


@pytest.mark.parametrize(("name", "account"), [("vera", ""), ("engineer", "engineer")])
async def test_the_name_inside_is_an_account_of_the_target_or_the_persons_own(plant, name, account):
    ran = await run(plant.bench, *jump(plant, "echo in", target=f"{name}@ews-l4"))
    assert ran.out == b"in\n", ran.words
    assert plant.bench.sessions.arrivals[0].account == account


async def test_39_an_account_that_the_target_does_not_have_is_told_with_those_that_it_has(plant):
    ran = await run(plant.bench, *jump(plant, "id", target="root@ews-l4"))
    assert ran.status == 255
    assert "has no account" in ran.words
    assert "Name one of engineer: ssh -J GATEWAY engineer@ews-l4" in ran.words
    assert plant.bench.sessions.arrivals == []
    assert plant.bench.target.connections == []


@pytest.mark.parametrize("place", ["nowhere", "10.0.0.1", "localhost", "127.0.0.1"])
async def test_33_a_jump_leads_to_targets_and_nowhere_else(plant, place):
    ran = await run(plant.bench, *jump(plant, "id", target=f"engineer@{place}"))
    assert ran.status == 255
    assert "administratively prohibited" in ran.words
    assert plant.bench.sessions.dials == 0
    event = await plant.bench.event("ssh.channel.refused")
    assert (event["kind"], event["detail"]) == ("direct-tcpip", f"{place}:22")


async def test_files_pass_by_scp_and_sftp_behind_a_jump_as_far_as_the_grant_goes(plant):
    for program, arguments in (("scp", ("engineer@ews-l4:/etc/hostname", str(plant.bench.folder))), ("sftp", ())):
        target = "" if program == "scp" else "engineer@ews-l4"
        ran = await run(plant.bench, *jump(plant, *arguments, target=target, program=program))
        assert ran.status != 0
        assert "does not cover sftp.read" in ran.words


async def test_a_forward_runs_behind_a_jump(plant):
    ran = await run(
        plant.bench, "ssh", "-F", str(plant.config()), "-J", "gw", "-W", "echo:102", "engineer@ews-l4", stdin=b"S7 read"
    )
    assert ran.out == b"S7 read", ran.words
    assert plant.tap.about["service"] == "echo"
    assert plant.bench.target.connections == []


async def test_a_jump_inside_a_jump_is_refused_in_words(plant):
    plant.bench.sessions.targets = ("ews-l4", "hist-1")
    config = str(plant.config())
    ran = await run(plant.bench, "ssh", "-F", config, "-J", "gw,engineer@ews-l4", "engineer@hist-1", "id")
    assert ran.status == 255
    assert "leads to one target" in ran.words
    assert [a.target for a in plant.bench.sessions.arrivals] == ["ews-l4"]


async def test_one_connection_to_the_gateway_leads_on_to_two_targets_at_once(plant):
    """As with ControlMaster, or an editor that opens several: each is a session, and each ends by itself."""
    plant.bench.sessions.targets = ("ews-l4", "hist-1")
    outside = await plant.person("vera")
    inside = [await behind(outside, target) for target in ("ews-l4", "hist-1")]
    first, second = [await connection.create_process("cat", encoding=None) for connection, _ in inside]
    for process in (first, second):
        process.stdin.write(b"both\n")
        assert await process.stdout.readexactly(5) == b"both\n"
    assert [c.session.target_name for c in plant.bench.sessions.connections] == ["ews-l4", "hist-1"]
    plant.bench.sessions.connections[0].end("Lena Lead ended your session.")
    assert b"Lena Lead ended your session." in await first.stderr.read()
    await inside[0][1].gone.wait()
    second.stdin.write(b"on\n")
    assert await second.stdout.readexactly(3) == b"on\n"
    third, _ = await behind(outside, "ews-l4")
    assert (await third.run("echo again")).stdout == "again\n"
    outside.abort()
    await inside[1][1].gone.wait()
    await plant.bench.empty()
    assert all(c.closed for c in plant.bench.sessions.connections)


async def behind(outside, target: str, username: str = "engineer"):
    """(connection, client) of an SSH library that goes on through `outside`."""
    client = Client()
    connection, _ = await asyncssh.create_connection(
        lambda: client, target, 22, tunnel=outside, username=username, known_hosts=None, client_keys=None, config=None,
        agent_path=None,
    )  # fmt: skip
    return connection, client


async def test_40_a_jump_ends_with_the_connection_outside(plant):
    outside = await plant.person("vera")
    connection, client = await behind(outside, "ews-l4")
    reader, writer = await plant.through(connection, "echo")
    writer.write(b"x")
    await reader.readexactly(1)
    outside.abort()
    await plant.gone("echo")
    await client.gone.wait()
    await plant.bench.empty()
    assert [c.closed for c in plant.bench.sessions.connections] == [plant.inside.closed]
    assert plant.inside.closed


async def test_more_jumps_than_a_connection_may_have_are_refused(plant):
    outside = await plant.person("vera")
    for _ in range(SSH_JUMPS):
        await behind(outside, "ews-l4")
    no = await refusal(plant.through(outside, "ews-l4", 22))
    assert str(SSH_JUMPS) in no.reason
    outside.abort()
    await plant.bench.empty()


async def test_who_jumps_and_says_nothing_is_cut_and_his_connection_outside_is_not(plant, monkeypatch):
    outside = await plant.person("vera")
    monkeypatch.setattr(conversation, "SSH_GRACE", timedelta(milliseconds=200))
    reader, _ = await plant.through(outside, "ews-l4", 22)
    assert (await reader.read(-1)).startswith(b"SSH-2.0-Sluicegate")
    connection, _ = await behind(outside, "ews-l4")
    assert (await connection.run("echo in")).stdout == "in\n"
    outside.abort()


async def test_noise_inside_a_jump_ends_it_alone(plant):
    outside = await plant.person("vera")
    reader, writer = await plant.through(outside, "ews-l4", 22)
    writer.write(b"GET / HTTP/1.1\r\n\r\n" * 1000)
    await reader.read(-1)
    connection, _ = await behind(outside, "ews-l4")
    assert (await connection.run("echo in")).stdout == "in\n"
    outside.abort()


async def test_34_inside_a_jump_nothing_else_is_carried_either(plant):
    config = str(plant.config())
    for arguments, kind in ((("-R", "0:localhost:22"), "tcpip-forward"), (("-L", "0:/run/x"), None)):
        ran = await run(plant.bench, "ssh", "-F", config, "-J", "gw", "-o", "ExitOnForwardFailure=yes", *arguments,
                        "engineer@ews-l4", "echo in")  # fmt: skip
        if kind:
            assert ran.status == 255
            assert (await plant.bench.event("ssh.channel.refused"))["kind"] == kind


async def test_without_the_line_for_the_ca_the_key_is_the_one_of_the_gateway(plant):
    config = plant.config(StrictHostKeyChecking="accept-new")
    known = plant.bench.folder / "known_jump"
    known.write_text(plant.bench.known_hosts.read_text())
    ran = await run(plant.bench, "ssh", "-F", str(config), "-J", "gw", "engineer@ews-l4", "echo in")
    assert ran.out == b"in\n", ran.words
    gateway, shown = (line.split() for line in known.read_text().splitlines())
    assert shown == ["ews-l4", *gateway[1:3]]


async def test_a_ca_of_somebody_elses_is_not_believed(plant):
    config = plant.config()
    known = plant.bench.folder / "known_jump"
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known.write_text(plant.bench.known_hosts.read_text() + f"@cert-authority * {other}")
    ran = await run(plant.bench, "ssh", "-F", str(config), "-J", "gw", "engineer@ews-l4", "echo in")
    assert ran.status == 255
    assert plant.bench.sessions.arrivals == []


def test_the_certificate_of_a_host_is_for_one_name_and_a_short_while():
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    key, ca = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    pairs = HostKeys(key, ca).called("ews-l4", at).server_host_keys
    certificate = decode_ssh_certificate(pairs[b"ssh-ed25519-cert-v01@openssh.com"].public_data)
    assert (certificate.principals, certificate.signing_key) == (["ews-l4"], ca.convert_to_public())
    until = (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() + 3600
    assert (certificate._valid_after, certificate._valid_before) == (until - 7200, until)


async def test_jumps_that_are_over_take_no_place(plant):
    outside = await plant.person("vera")
    for _ in range(2 * SSH_JUMPS):
        connection, client = await behind(outside, "ews-l4")
        await connection.run("true")
        connection.close()
        await client.gone.wait()
    outside.abort()
    await plant.bench.empty()
