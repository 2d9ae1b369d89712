"""Abuse cases 1 to 25 of security.md on the wire, before the log-in. Each ends with a log-in of somebody honest."""

import asyncio
import gc
import os
import resource

import asyncssh
import pytest

from gateway.limits import SSH_ATTEMPTS
from tests.ssh.attack import CONFIRMED, FAILURE, GLOBAL_SUCCESS, KBD, PK_OK, SUCCESS, key_of, signed, still_serves  # noqa: F401
from tests.ssh.clients import connect
from tests.ssh.people import CODE, PASSWORD
from tests.ssh.wire import Closed, Wire, string, take, u32

pytestmark = pytest.mark.usefixtures("still_serves")


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


async def test_13_the_name_of_the_last_step_counts(bench):
    """CVE-2023-48712: begin as viktor, finish as vera with what is hers: it is vera, or nobody."""
    wire = await Wire.ready(bench.port)
    await wire.service()
    wire.request("viktor+ews-l4", "keyboard-interactive", KBD)
    assert b"Password: " in await wire.answer()
    wire.request("vera+ews-l4", "publickey", signed(wire, "vera+ews-l4", key_of(bench)))
    assert (await wire.answer())[-1] == 1
    wire.request("vera+ews-l4", "keyboard-interactive", KBD)
    assert b"Code: " in await wire.answer()
    wire.send(b"\x3d" + u32(1) + string(CODE))
    assert (await wire.answer())[0] == SUCCESS
    assert [a.person.name for a in bench.sessions.arrivals] == ["vera"]
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
    assert bench.identity.password_calls == SSH_ATTEMPTS
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
    async with asyncio.timeout(30):
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
    await bench.empty()
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
    await bench.empty()


async def test_whoever_says_nothing_is_gone_after_the_grace(bench, monkeypatch):
    from datetime import timedelta

    from gateway.fronts.ssh import conversation

    monkeypatch.setattr(conversation, "SSH_GRACE", timedelta(milliseconds=200))
    wire = await Wire.open(bench.port)
    assert (await wire.reader.readline()).startswith(b"SSH-2.0-")
    async with asyncio.timeout(30):
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
