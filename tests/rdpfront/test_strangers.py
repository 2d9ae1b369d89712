"""What comes before anybody has proved a ticket is bounded: in octets, in time, in number."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit import sql
from gateway.fronts.rdp import native
from gateway.fronts.rdp.wire import Frames, Wire
from gateway.rdp.x224 import EXTENDED_CLIENT_DATA_SUPPORTED, ConnectionConfirm, ConnectionRequest, Security
from tests.rdpfront.conftest import Bench
from tests.rdpfront.lines import Page, reached

HELLO = ConnectionRequest(Security.TLS | Security.HYBRID).encode()
WELCOME = ConnectionConfirm(Security.HYBRID, EXTENDED_CLIENT_DATA_SUPPORTED).encode()


async def answered(port: int, *parts: bytes) -> bytes:
    """Everything that the gateway says before it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(30):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x03\x00\xff\xff" + bytes(2000),  # a PDU of 64 KiB is announced
        b"\x03\x00\x00\x07\x02\xf0\x80",  # data before a connection request
        HELLO + b"\x00",  # more than one PDU in clear
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS at once
    ],
)
async def test_junk_ends_at_once_and_its_source_waits_76(bench: Bench, junk: bytes) -> None:
    assert await answered(bench.front.port, junk) == b""
    assert bench.front._setting.penalties.waits("127.0.0.1", bench.front._setting.clock.instant().boot) > timedelta(0)


async def test_junk_is_on_record(bench: Bench, store) -> None:
    await answered(bench.front.port, b"GET / HTTP/1.1\r\n\r\n")
    async with store.read() as tx:
        (event,) = [e for e in await sql.read(tx) if e.name == "rdp.connection.failed"]
    assert event.values()["source"] == "127.0.0.1"


async def test_who_says_nothing_is_hung_up_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "RDP_FIRST", timedelta(milliseconds=100))
    assert await answered(bench.front.port) == b""
    assert await answered(bench.front.port, HELLO[:5]) == b""


async def test_who_stops_in_the_handshake_is_hung_up_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "RDP_HANDSHAKE", timedelta(milliseconds=100))
    wire = await reached(bench.front.port)
    async with asyncio.timeout(30):
        assert await wire.receive() == b""


async def test_a_flood_of_one_source_gets_no_further_place(bench: Bench) -> None:
    open_ones = [await asyncio.open_connection("127.0.0.1", bench.front.port) for _ in range(20)]
    try:
        assert await answered(bench.front.port, HELLO) == b""  # RDP has no words for that
        there = await asyncio.open_connection("127.0.0.1", bench.front.port, local_addr=("127.0.0.2", 0))
        open_ones.append(there)
        there[1].write(HELLO)
        async with asyncio.timeout(30):
            assert await there[0].readexactly(len(WELCOME)) == WELCOME
    finally:
        for _, writer in open_ones:
            writer.close()


async def test_thousands_of_small_pdus_leave_others_their_turn() -> None:
    frames, turns, over = Frames(Page(), ahead=b"\x04\x04\x00\x00" * 10_000), 0, False

    async def another() -> None:
        nonlocal turns
        while not over:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(another())
        for _ in range(10_000):
            await frames.next()
        over = True
    assert turns > 200


async def test_who_resets_his_connection_under_pictures_leaves_no_lines_in_the_log(
    certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.load_cert_chain(*certificate)
    theirs.check_hostname, theirs.verify_mode = False, ssl.CERT_NONE
    with socket.create_server(("127.0.0.1", 0)) as server:
        outside = socket.create_connection(server.getsockname())
        inside, _ = server.accept()
    for sock in (outside, inside):
        sock.setblocking(False)
    wire, peer = await Wire.over(inside, accepted=True), await Wire.over(outside, accepted=False)
    within = timedelta(seconds=30)
    await asyncio.gather(wire.start_tls(ours, within, accepted=True), peer.start_tls(theirs, within, accepted=False))
    assert wire._under is not None
    wire._under.pause_reading()  # the reset is found by a write
    outside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.abort()
    async with asyncio.timeout(30):
        await peer._gone.wait()
        for _ in range(20):
            wire.write(bytes(50_000))
        await wire._gone.wait()
    assert caplog.text == ""
