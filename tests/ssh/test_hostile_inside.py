"""Abuse cases 26 to 36 of security.md on the wire, after the log-in. Each ends with a log-in of somebody honest."""

import asyncio

import asyncssh
import pytest
from asyncssh.public_key import decode_ssh_public_key

from gateway.fronts.ssh.channel import VARIABLES
from gateway.limits import SSH_CHANNELS, SSH_REFUSALS
from tests.ssh.attack import CONFIRMED, FAILURE, still_serves  # noqa: F401
from tests.ssh.wire import Wire, string, u32

pytestmark = pytest.mark.usefixtures("still_serves")


# --- after the log-in


async def test_26_a_packet_size_of_zero_ends_the_connection_and_freezes_nobody(bench):
    """CVE-2026-62949."""
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.open_session(packet=0)
    assert CONFIRMED not in await wire.until_closed()


async def test_27_channels_are_limited(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    for number in range(SSH_CHANNELS + 10):
        wire.open_session(number=number)
    kinds = [(await wire.receive())[0] for _ in range(SSH_CHANNELS + 10)]
    assert (kinds.count(CONFIRMED), kinds.count(92)) == (SSH_CHANNELS, 10)
    for number in range(1000):
        wire.open_session(number=number)
    assert CONFIRMED not in await wire.until_closed()


async def test_28_a_window_that_is_overrun_ends_the_connection(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.open_session()
    while (await wire.receive())[0] != CONFIRMED:
        pass
    for _ in range(100):
        wire.send(b"\x5e" + u32(0) + string(bytes(32768)))
    assert 1 in await wire.until_closed()


async def test_29_five_thousand_variables_and_a_long_command_are_bounded(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.open_session()
    while (await wire.receive())[0] != CONFIRMED:
        pass
    for n in range(5000):
        wire.send(
            b"\x62"
            + u32(0)
            + string("env")
            + b"\x00"
            + string("LC_" + "".join(chr(65 + int(d)) for d in str(n)))
            + string("x")
        )
    wire.send(b"\x62" + u32(0) + string("exec") + b"\x01" + string("true " + "x" * 30000))
    assert len((await bench.sessions.stream()).about["environment"]) == VARIABLES
    wire.close()


async def test_30_an_unknown_global_request_is_answered_with_failure(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.send(b"\x50" + string("hostile@example") + b"\x01")
    while (kind := (await wire.receive())[0]) == 80:
        pass
    assert kind == 82
    wire.close()


async def test_31_a_second_log_in_on_an_open_connection_changes_nothing(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.request("viktor+ews-l4", "none")
    wire.open_session()
    while (kind := (await wire.receive())[0]) not in {CONFIRMED, 1}:
        pass
    assert kind == CONFIRMED
    assert [a.person.name for a in bench.sessions.arrivals] == ["vera"]
    wire.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "2130706433", "localhost", "10.0.0.1"]
)
async def test_33_and_34_no_forward_goes_anywhere(bench, host):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.send(
        b"\x5a" + string("direct-tcpip") + u32(0) + u32(1 << 20) + u32(32768)
        + string(host) + u32(bench.target.port) + string("x") + u32(1)
    )  # fmt: skip
    while (answer := await wire.receive())[0] == 80:
        pass
    assert answer[0] == 92
    assert b"Nothing is forwarded there" in answer
    assert (await bench.event("ssh.channel.refused"))["detail"] == f"{host}:{bench.target.port}"
    wire.close()


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("direct-streamlocal@openssh.com", string("/run/x") + string("") + u32(0)),
        ("tun@openssh.com", u32(1) + u32(0)),
        ("tun@openssh.com", u32(2) + u32(0)),
        ("x11", string("x") + u32(1)),
        ("auth-agent@openssh.com", b""),
        ("forwarded-tcpip", string("x") + u32(1) + string("y") + u32(2)),
    ],
)
async def test_34_no_other_channel_opens(bench, kind, rest):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.send(b"\x5a" + string(kind) + u32(0) + u32(1 << 20) + u32(32768) + rest)
    while (answer := await wire.receive())[0] == 80:
        pass
    assert answer[0] == 92
    wire.close()


async def test_34_nothing_is_listened_for_on_behalf_of_a_client(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    for request, rest in (
        ("tcpip-forward", string("") + u32(0)),
        ("streamlocal-forward@openssh.com", string("/tmp/sluicegate-test-socket")),
    ):
        wire.send(b"\x50" + string(request) + b"\x01" + rest)
        while (kind := (await wire.receive())[0]) == 80:
            pass
        assert kind == 82
    wire.close()


async def test_asking_for_forwards_without_end_ends_the_connection_and_fills_no_log(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    for n in range(2000):
        wire.send(b"\x50" + string("tcpip-forward") + b"\x00" + string("") + u32(n % 65536))
    await wire.until_closed()
    await bench.empty()
    assert len(await bench.events("ssh.channel.refused")) == SSH_REFUSALS


async def test_35_an_empty_command_is_no_way_to_a_shell(bench):
    """The SSH library opens a shell at the target for an empty command: a grant for exec would give one."""
    from gateway.policy.model import Channel

    bench.sessions.channels = {Channel.EXEC}
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.open_session()
    while (await wire.receive())[0] != CONFIRMED:
        pass
    wire.send(b"\x62" + u32(0) + string("exec") + b"\x01" + string(""))
    while (answer := await wire.receive())[0] != 98:
        assert answer[0] != 94
    assert bench.sessions.connections[0].streams == []
    bench.sessions.channels = {Channel.SHELL, Channel.EXEC}
    wire.close()


async def test_a_client_that_reads_nothing_bounds_the_memory_of_its_session(bench):
    wire = await Wire.ready(bench.port)
    await wire.sign_in(bench)
    wire.open_session(window=2**31)
    while (await wire.receive())[0] != CONFIRMED:
        pass
    wire.writer.transport.pause_reading()
    wire.send(b"\x62" + u32(0) + string("exec") + b"\x01" + string("cat /dev/zero"))
    stream = await bench.sessions.stream()
    before = -1
    while stream.output_octets != before:
        before = stream.output_octets
        await asyncio.sleep(0.3)
    assert 0 < stream.output_octets < 32 << 20
    wire.close()


async def test_short_rsa_keys_and_dsa_prove_nothing(bench):
    from gateway.fronts.ssh.connection import too_weak

    short = asyncssh.generate_private_key("ssh-rsa", key_size=1024).convert_to_public()
    long = asyncssh.generate_private_key("ssh-rsa", key_size=2048).convert_to_public()
    assert too_weak(decode_ssh_public_key(short.public_data))
    assert not too_weak(decode_ssh_public_key(long.public_data))


async def test_a_signature_with_sha1_proves_nothing(bench):
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    bench.identity.keys[key.export_public_key().decode().strip()] = "vera"
    for algorithm, partial in ((b"ssh-rsa", 0), (b"rsa-sha2-256", 1)):
        wire = await Wire.ready(bench.port)
        await wire.service()
        part = string(algorithm) + string(key.public_data)
        head = b"\x32" + string("vera+ews-l4") + string("ssh-connection") + string("publickey") + b"\x01" + part
        signature = key.sign(string(wire.session_id) + head, algorithm)
        wire.request("vera+ews-l4", "publickey", b"\x01" + part + string(signature))
        failure = await wire.answer()
        assert (failure[0], failure[-1]) == (FAILURE, partial)
        wire.close()
        await bench.empty()
        bench.front._setting.penalties.proved("127.0.0.66")
