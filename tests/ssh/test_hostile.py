"""Abuse cases 1 to 36 of security.md on the wire. Each ends with a fresh log-in of somebody honest."""

import asyncio
import gc
import os
import resource

import asyncssh
import pytest
from asyncssh.public_key import decode_ssh_public_key

from gateway.limits import SSH_CHANNELS
from tests.ssh.clients import connect
from tests.ssh.twins import CODE, PASSWORD
from tests.ssh.wire import OPENED, Closed, Wire, string, take, u32

KBD = string("") + string("")
CONFIRMED, SUCCESS, GLOBAL_SUCCESS, PK_OK, FAILURE = 91, 52, 81, 60, 51


@pytest.fixture(autouse=True)
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


# --- before the log-in


@pytest.mark.parametrize("service", [False, True], ids=["before the service", "after it"])
async def test_1_and_2_a_session_channel_before_the_log_in_never_opens(bench, service):
    wire = await Wire.ready(bench.port)
    if service:
        await wire.service()
    wire.open_session()
    assert CONFIRMED not in await wire.until_closed()
    assert bench.sessions.dials == 0


async def test_3_a_command_before_the_log_in_is_not_answered_with_success(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.send(b"\x62" + u32(0) + string("exec") + b"\x01" + string("id"))
    assert 99 not in await wire.until_closed()


async def test_4_a_forward_before_the_log_in_is_not_answered_with_success(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.send(b"\x50" + string("tcpip-forward") + b"\x01" + string("") + u32(2222))
    assert GLOBAL_SUCCESS not in await wire.until_closed()


async def test_5_a_success_that_the_client_sends_opens_nothing(bench):
    """CVE-2018-10933."""
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.send(b"\x34")
    wire.open_session()
    assert CONFIRMED not in await wire.until_closed()


async def test_6_the_connection_service_is_not_given_before_the_log_in(bench):
    wire = await Wire.ready(bench.port)
    wire.send(b"\x05" + string("ssh-connection"))
    assert 6 not in await wire.until_closed()


@pytest.mark.parametrize("name", ["vera+ews-l4", "vera", "nobody", "root"])
async def test_7_no_authentication_is_a_failure_for_everybody(bench, name):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request(name, "none")
    assert (await wire.answer())[0] == FAILURE
    wire.open_session()
    assert CONFIRMED not in await wire.until_closed()


async def test_8_an_offered_key_without_a_signature_proves_nothing(bench):
    """CVE-2023-43660: not even together with a right code."""
    wire = await Wire.ready(bench.port)
    await wire.service()
    key = key_of(bench)
    wire.request("vera+ews-l4", "publickey", b"\x00" + string(key.algorithm) + string(key.public_data))
    assert (await wire.answer())[0] == PK_OK
    wire.request("vera+ews-l4", "keyboard-interactive", KBD)
    asked = await wire.answer()
    assert b"Password: " in asked
    assert bench.identity.proved == []
    wire.send(b"\x3d" + u32(1) + string(CODE))
    assert b"Code: " in await wire.answer()
    wire.send(b"\x3d" + u32(1) + string(CODE))
    assert (await wire.answer())[0] == FAILURE
    wire.open_session()
    assert CONFIRMED not in await wire.until_closed()


@pytest.mark.parametrize("lie", ["corrupt", "other session", "other name", "other key"])
async def test_9_to_12_a_false_signature_proves_nothing(bench, lie):
    wire = await Wire.ready(bench.port)
    await wire.service()
    key, name = key_of(bench), "vera+ews-l4"
    match lie:
        case "corrupt":
            rest = bytearray(signed(wire, name, key))
            rest[-1] ^= 1
            rest = bytes(rest)
        case "other session":
            rest = signed(wire, name, key, session_id=os.urandom(32))
        case "other name":
            rest = signed(wire, name, key, says="viktor+ews-l4")
        case _:
            rest = signed(wire, name, key, by=asyncssh.generate_private_key("ssh-ed25519"))
    wire.request(name, "publickey", rest)
    failure = await wire.answer()
    assert failure[0] == FAILURE
    assert failure[-1] == 0, "partial success for a lie"
    assert bench.identity.proved == []
    wire.close()


async def test_a_true_signature_is_one_factor_and_no_more(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "publickey", signed(wire, "vera+ews-l4", key_of(bench)))
    failure = await wire.answer()
    assert (failure[0], failure[-1]) == (FAILURE, 1)
    assert take(failure[1:])[0] == b"keyboard-interactive"
    wire.open_session()
    assert CONFIRMED not in await wire.until_closed()


async def test_12_a_signature_by_another_key_after_an_offer_of_the_victims_proves_nothing(bench):
    """CVE-2024-45337: identity from the offered, not the signing key."""
    mine = asyncssh.generate_private_key("ssh-ed25519")
    bench.identity.keys[mine.export_public_key().decode().strip()] = "viktor"
    wire = await Wire.ready(bench.port)
    await wire.service()
    victims = key_of(bench)
    wire.request("vera+ews-l4", "publickey", b"\x00" + string(victims.algorithm) + string(victims.public_data))
    assert (await wire.answer())[0] == PK_OK
    wire.request("vera+ews-l4", "publickey", signed(wire, "vera+ews-l4", mine))
    failure = await wire.answer()
    assert (failure[0], failure[-1]) == (FAILURE, 0)
    wire.close()


async def test_13_a_factor_of_one_name_does_not_serve_another(bench):
    """CVE-2023-48712: vera's signed key, then a code as viktor."""
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "publickey", signed(wire, "vera+ews-l4", key_of(bench)))
    assert (await wire.answer())[-1] == 1
    wire.request("viktor+ews-l4", "keyboard-interactive", KBD)
    assert b"Password: " in await wire.answer()
    wire.send(b"\x3d" + u32(1) + string("wrong"))
    await wire.answer()
    wire.send(b"\x3d" + u32(1) + string(CODE))
    failure = await wire.answer()
    assert (failure[0], failure[-1]) == (FAILURE, 0)
    assert bench.sessions.arrivals == []
    wire.close()


ODD = [
    "../../etc/passwd", "~root", "${HOME}", "%u", "a\0b", "a\nb", "a" * 900, "\u202eabc", "{{7*7}}",
    "' or 1=1 --", "vera+10.0.0.1", "vera+169.254.169.254", "vera+localhost/../x", "VERA", "vera++", "+ews-l4",
    "vera+ews-l4+root+more", "",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
async def test_14_odd_names_are_refused_and_stay_one_line_in_the_log(bench, name, caplog):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request(name.encode(), "keyboard-interactive", KBD)
    try:
        answer = await wire.answer()
        assert answer[0] in {FAILURE, 1, 60}
        wire.close()
    except Closed:
        pass
    assert bench.sessions.arrivals == []
    assert all("\n" not in record.message for record in caplog.records)


async def test_14_a_name_of_60_kb_ends_the_connection(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request(b"a" * 60_000, "none")
    assert SUCCESS not in await wire.until_closed()


async def test_15_fifty_passwords_on_one_connection_are_cut_within_ten(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    with pytest.raises(Closed):
        for _ in range(50):
            wire.request("vera+ews-l4", "keyboard-interactive", KBD)
            if (await wire.answer())[0] == 1:
                raise Closed
            wire.send(b"\x3d" + u32(1) + string("guess"))
            await wire.answer()
            wire.send(b"\x3d" + u32(1) + string("000000"))
            if (await wire.answer())[0] == 1:
                raise Closed
    assert bench.identity.password_calls <= 10
    event = await bench.event("ssh.connection.failed")
    assert (event["login"], event["failures"]) == ("vera+ews-l4", bench.identity.password_calls)


async def test_15_the_password_method_does_not_exist(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "password", b"\x00" + string(PASSWORD))
    failure = await wire.answer()
    assert failure[0] == FAILURE
    assert b"password" not in take(failure[1:])[0].split(b",")
    assert bench.identity.password_calls == 0
    wire.close()


async def test_15_names_tried_in_turn_on_one_connection_are_counted_too(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    with pytest.raises(Closed):
        for n in range(200):
            wire.request(f"person{n}", "none")
            if (await wire.answer())[0] == 1:
                raise Closed
    assert n <= 20


async def test_16_a_message_inside_the_first_key_exchange_ends_it(bench):
    """Terrapin (CVE-2023-48795)."""
    with pytest.raises((Closed, AssertionError)):
        await Wire.ready(bench.port, in_kex=b"\x02" + string("x"))
    wire = await Wire.open(bench.port)
    with pytest.raises((Closed, AssertionError)):
        await wire.handshake(before_kexinit=b"\x02" + string("x"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x7f\xff\xff\xff" + bytes(100),
        b"SSH-2.0-" + b"A" * (3 << 20),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
        b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0b\x00\x00\x00",
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-\xff\xfe\r\n",
        b"SSH-2.0-x\r\n" + b"\x7f\xff\xff\xff" + bytes(100),
        b"SSH-2.0-x\r\n" + b"\x00\x00\x00\x00" * 8,
        os.urandom(65536),
    ],
    ids=["length", "version", "http", "tls", "tpkt", "ssh1", "binary version", "2 GiB", "zeros", "noise"],
)
async def test_18_to_20_garbage_ends_the_connection(bench, garbage):
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, local_addr=("127.0.0.66", 0))
    writer.write(garbage)
    async with asyncio.timeout(10):
        try:
            if b"\n" not in garbage[:8192]:
                writer.write(b"\n")
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
    writer.transport.abort()


async def test_21_name_lists_of_32_kb_do_not_stay_in_memory(bench):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        wire = await Wire.open(bench.port)
        wire.raw(b"SSH-2.0-x\r\n")
        lists = b"".join(string(b"a," * 16000) for _ in range(7))
        wire.send(b"\x14" + bytes(16) + lists + string("") * 3 + b"\0" + u32(0))
        try:
            await wire.reader.readline()
            await wire.until_closed()
        except Closed:
            pass
        bench.front._setting.penalties.proved("127.0.0.66")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10


@pytest.mark.parametrize("count", [2**31 - 1, 2**32 - 1, 1000])
async def test_22_a_huge_count_of_answers_ends_the_connection(bench, count):
    """CVE-2026-42189."""
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "keyboard-interactive", KBD)
    await wire.answer()
    wire.send(b"\x3d" + u32(count) + string("x"))
    assert SUCCESS not in await wire.until_closed()
    assert bench.identity.password_calls == 0


async def test_23_an_answer_that_was_not_asked_for_ends_the_connection(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.send(b"\x3d" + u32(1) + string(PASSWORD))
    assert SUCCESS not in await wire.until_closed()
    assert bench.identity.password_calls == 0


async def test_23_many_answers_to_one_question_are_one_guess(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "keyboard-interactive", KBD)
    await wire.answer()
    wire.send(b"\x3d" + u32(1) + string(PASSWORD))
    await wire.answer()
    for n in range(100):
        wire.send(b"\x3d" + u32(1) + string(f"{n:06}"))
    assert SUCCESS not in await wire.until_closed()
    assert bench.identity.code_calls <= 1


@pytest.mark.parametrize("count", [0, 2, 5])
async def test_24_a_wrong_number_of_empty_answers_is_a_failure(bench, count):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "keyboard-interactive", KBD)
    await wire.answer()
    wire.send(b"\x3d" + u32(count) + string("") * count)
    assert (await wire.answer())[0] == FAILURE
    assert bench.identity.password_calls == 0
    wire.close()


async def test_25_two_hundred_aborted_connections_leave_nothing_behind(bench):
    connection, _ = await connect(bench)
    connection.close()
    await connection.wait_closed()
    bench.identity.logins.clear()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for n in range(200):
        wire = await Wire.open(bench.port, f"127.0.1.{n + 1}")
        if n % 2:
            wire.raw(b"SSH-2.0-x\r\n")
        wire.close()
    while bench.front._admission.total:
        await asyncio.sleep(0.02)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert bench.front._admission.pending == 0


async def test_pending_connections_of_one_source_are_limited_and_others_still_get_in(bench):
    wires = [await Wire.open(bench.port) for _ in range(30)]
    turned_away = 0
    for wire in wires:
        line = await asyncio.wait_for(wire.reader.readline(), 5)
        turned_away += not line.startswith(b"SSH-2.0-Sluicegate")
    assert turned_away == 10
    for wire in wires:
        wire.close()
    while bench.front._admission.total:
        await asyncio.sleep(0.02)


async def test_whoever_says_nothing_is_gone_after_the_grace(bench, monkeypatch):
    from datetime import timedelta

    from gateway.fronts.ssh import visitor

    monkeypatch.setattr(visitor, "SSH_GRACE", timedelta(milliseconds=200))
    wire = await Wire.open(bench.port)
    assert (await wire.reader.readline()).startswith(b"SSH-2.0-")
    async with asyncio.timeout(3):
        while await wire.reader.read(65536):
            pass
    wire.close()
    monkeypatch.undo()


async def test_a_source_that_failed_has_to_wait_and_is_told_how_long(bench):
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("vera+ews-l4", "publickey", signed(wire, "vera+ews-l4", key_of(bench), session_id=bytes(32)))
    await wire.answer()
    wire.close()
    await bench.event("ssh.connection.failed")
    again = await Wire.open(bench.port)
    assert b"Wait 5 s" in await again.reader.readline()
    again.close()


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
    kinds = [(await wire.receive())[0] for _ in range(SSH_CHANNELS + 11)]  # one more: our host key is announced
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
    while not bench.sessions.connections or not bench.sessions.connections[0].streams:
        await asyncio.sleep(0.01)
    assert len(bench.sessions.connections[0].streams[0].about["environment"]) <= 32
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
    "host", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "2130706433", "localhost", "ews-l4", "10.0.0.1"]
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
    assert b"not carried" in answer
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
    while bench.front._visitors:
        await asyncio.sleep(0.02)
    assert len(await bench.events("ssh.channel.refused")) <= 100


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
    while not bench.sessions.connections or not bench.sessions.connections[0].streams:
        await asyncio.sleep(0.01)
    stream = bench.sessions.connections[0].streams[0]
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
        while bench.front._visitors:
            await asyncio.sleep(0.01)
        bench.front._setting.penalties.proved("127.0.0.66")
