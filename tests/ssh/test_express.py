"""Channel data on the shortest way: only what is ordinary takes it, and everything else is as in stock."""

import asyncio
import gc
from collections.abc import Iterator

import asyncssh
import pytest
from asyncssh import connection
from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.packet import String, UInt32

from gateway.fronts.ssh import cork, express, fast
from tests.ssh.test_fast import GCM, pair


@pytest.fixture
def quick() -> Iterator[None]:
    assert fast.install()
    assert cork.install()
    yield
    cork.remove()
    fast.remove()


async def echoing(client: asyncssh.SSHClientConnection) -> "asyncssh.SSHClientProcess[bytes]":
    process = await client.create_process("echo", encoding=None)
    process.stdin.write(b"begin")
    assert await process.stdout.readexactly(5) == b"begin"
    return process


async def test_ordinary_data_takes_it_both_ways(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    took = express.took
    monkeypatch.setattr(cork, "took", lambda *packet: taken.append(took(*packet)) or taken[-1])
    async with pair(GCM) as client:
        await echoing(client)
    assert taken.count(True) >= 2


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (UInt32(77) + String(b"x"), "Invalid channel number"),
        (UInt32(0) + UInt32(100) + b"x", "Incomplete packet"),
        (UInt32(0) + String(b"x") + b"more", "Unexpected data at end"),
        (UInt32(0), "Incomplete packet"),
        (b"", "Incomplete channel request"),
    ],
)
async def test_security_data_that_lies_about_itself_ends_the_connection_as_in_stock(
    quick: None, payload: bytes, words: str
) -> None:
    async with pair(GCM) as client:
        process = await echoing(client)
        client.send_packet(MSG_CHANNEL_DATA, payload)
        with pytest.raises(asyncssh.DisconnectError, match=words):
            await process.stdout.read()


async def test_security_data_beyond_the_window_ends_the_connection(quick: None) -> None:
    async with pair(GCM) as client:
        process = await echoing(client)
        process.channel._send_window = 1 << 30
        process.channel._send_pktsize = 1 << 15
        pause = asyncssh.channel.SSHChannel.pause_reading
        for server in [c for c in _connections() if not c.is_client()]:
            for channel in server._channels.values():
                pause(channel)
        process.stdin.write(bytes(8 << 20))
        with pytest.raises(asyncssh.DisconnectError, match="Window exceeded"):
            await process.stdout.read()


def _connections() -> list[connection.SSHConnection]:
    """All of this process that are open; a server's are nowhere to be had."""
    return [found for found in gc.get_objects() if isinstance(found, connection.SSHConnection) and found._transport]


async def test_data_on_a_channel_that_has_sent_its_end_is_refused_as_in_stock(quick: None) -> None:
    async with pair(GCM) as client:
        process = await echoing(client)
        process.channel.write_eof()
        client.send_packet(MSG_CHANNEL_DATA, UInt32(0), String(b"x"))
        with pytest.raises(asyncssh.DisconnectError, match="not open for sending"):
            await process.stdout.read()


async def test_a_session_that_fails_ends_its_connection_and_no_other(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    async with pair(GCM) as client, pair(GCM) as other:
        process, beside = await echoing(client), await echoing(other)
        monkeypatch.setattr(process.channel._session, "data_received", fails)
        process.stdin.write(b"x")
        await asyncio.wait_for(client.wait_closed(), 20)
        beside.stdin.write(b"still")
        assert await beside.stdout.readexactly(5) == b"still"


async def test_a_silent_peer_is_given_up_although_it_was_heard_before(quick: None) -> None:
    async with pair(GCM) as client:
        client.set_keepalive(0.05, 2)
        await echoing(client)
        servers = [c for c in _connections() if not c.is_client()]
        for server in servers:
            server._transport.pause_reading()
        await asyncio.wait_for(client.wait_closed(), 20)
        for server in servers:
            server.abort()


def test_an_other_library_keeps_the_stock_way(monkeypatch: pytest.MonkeyPatch) -> None:
    key = next(iter(express.MEASURED))
    monkeypatch.setitem(express.MEASURED, key, "other")
    express.remove()
    assert not express.install()
    assert vars(connection.SSHConnection)["_reset_keepalive_timer"] is express.STOCK["_reset_keepalive_timer"]
