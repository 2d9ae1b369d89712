"""Forwards by an SSH library, octet by octet, between twins."""

import asyncio
import hashlib
import random  # noqa: TID251 - a seeded one: the same places each time

import asyncssh
import pytest

from gateway.audit import sql
from gateway.errors import Refused
from gateway.limits import SSH_FORWARDS, SSH_REFUSALS
from gateway.policy.model import Channel
from tests.forwards.plant import refusal, refused, slow_dial

pytestmark = pytest.mark.timeout(180)


def names(plant):
    port = plant.ports["echo"]
    return [("echo", 1), ("ews-l4", port), ("localhost", port), ("127.0.0.1", port), ("::1", port), ("EWS-L4", port)]


async def test_a_service_is_reached_by_its_name_by_the_target_and_as_the_target_itself_calls_it(plant):
    connection = await plant.person()
    for host, port in names(plant):
        reader, writer = await plant.through(connection, host, port)
        writer.write(b"\x03\x00\x00\x16")
        assert await reader.readexactly(4) == b"\x03\x00\x00\x16"
        writer.close()
    assert plant.inside.dialled == ["echo"] * 6
    assert plant.inside.asked == [(Channel.FORWARD, "echo")] * 6
    connection.abort()


async def test_who_only_forwards_is_not_logged_in_at_the_target(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "echo")
    writer.write(b"x")
    await reader.readexactly(1)
    assert plant.bench.target.connections == []
    connection.abort()


async def test_everything_passes_both_ways_whole_and_is_counted_before_it_does(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "echo")
    data = random.Random(1).randbytes(6 << 20)

    async def send() -> None:
        for at in range(0, len(data), 100_000):
            writer.write(data[at : at + 100_000])
            await writer.drain()
        writer.write_eof()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send())
        back = await reader.read(-1)
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
    assert (plant.tap.input_octets, plant.tap.output_octets) == (len(data), len(data))
    event = await plant.bench.event("ssh.forward.closed")
    assert (event["service"], event["asked"], event["actor"]) == ("echo", "echo:102", "vera")
    assert (event["to_person"], event["to_target"]) == (len(data), len(data))
    assert plant.tap.closed == (None, "")
    assert plant.tap.about == {"service": "echo", "asked": "echo:102"}
    connection.abort()


async def test_what_was_asked_is_answered_after_the_asker_has_said_that_it_was_all(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "sink")
    writer.write(b"x" * 300_000)
    writer.write_eof()
    assert await reader.read(-1) == b"300000"
    connection.abort()


async def test_a_service_that_says_no_more_still_hears(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "brief")
    assert await reader.read(-1) == b"220 ready\r\n"
    writer.write(b"QUIT\r\n")
    heard = await plant.connected("brief")
    await plant.bell.until(lambda: heard.data == b"QUIT\r\n")
    writer.write_eof()
    await plant.gone("brief")
    connection.abort()


async def test_a_service_that_resets_ends_its_forward_and_no_other(plant):
    connection = await plant.person()
    other, keys = await plant.through(connection, "echo")
    reader, writer = await plant.through(connection, "rude")
    writer.write(b"x")
    assert await reader.read(-1) == b""
    await plant.bench.event("ssh.forward.closed")
    keys.write(b"still")
    assert await other.readexactly(5) == b"still"
    connection.abort()


async def test_a_service_that_does_not_answer_is_told_in_words_and_on_record(plant):
    connection = await plant.person()
    for error in (Refused("target_refused", "It refuses."), Refused("target_silent", "It does not answer.")):
        plant.bench.sessions.unreached = error
        no = await refusal(plant.through(connection, "echo"))
        assert (no.code, no.reason) == (asyncssh.OPEN_CONNECT_FAILED, error.words)
    plant.bench.sessions.unreached = None
    event = await plant.bench.event("ssh.target.failed")
    assert (event["why"], event["detail"].split(":")[0]) == ("target_refused", "echo")
    assert plant.inside.streams == []
    connection.abort()


async def test_a_service_that_was_not_granted_is_refused_in_words(plant):
    plant.bench.sessions.granted = {"sink"}
    connection = await plant.person()
    no = await refusal(plant.through(connection, "echo"))
    assert no.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
    assert "does not cover forward" in no.reason
    assert (plant.inside.dialled, plant.inside.streams) == ([], [])
    connection.abort()


def places(count: int, own: set[int]):
    """Hosts and ports that people, tools and attackers try; none of them a service that was declared."""
    chance = random.Random(56)
    hosts = [
        "127.0.0.1", "127.1", "0", "0.0.0.0", "::", "::1", "[::1]", "::ffff:127.0.0.1", "2130706433", "0x7f000001",
        "localhost", "localhost.", "LOCALHOST", "169.254.169.254", "metadata.google.internal", "10.0.0.1", "10.20.4.7",
        "gateway", "hist-1", "ews-l4", "EWS-L4", "ews-l4.", "ews-l4.example", "ech", "echo.", "echo ", " echo",
        "echo\0", "echo\n", "ssh", "rdp", "*", "", "..", "%2e", "${HOME}", "a" * 255, "a" * 5000, "é", "\u202eohce",
        "x;id",
        "fe80::1%lo", "0177.0.0.1", "127.0.0.1:22", "user@127.0.0.1", "/run/x.sock",
    ]  # fmt: skip
    ports = [0, 1, 21, 23, 25, 53, 80, 102, 443, 502, 2222, 3389, 5432, 8443, 44818, 65535, 65536, 2**31, 2**32 - 1]
    while count:
        host = chance.choice(hosts) if chance.random() < 0.8 else ".".join(str(chance.randrange(256)) for _ in "1234")
        port = chance.choice(ports) if chance.random() < 0.7 else chance.randrange(65536)
        if port not in own and (host, port) != ("ews-l4", 22):
            count -= 1
            yield host, port


async def test_33_of_a_thousand_places_that_were_not_granted_none_is_opened(plant):
    """C56: nobody chooses where the gateway connects to."""
    sessions = plant.bench.sessions
    tried, own = 0, {*plant.ports.values(), sessions.target_port}
    for chunk in range(-(-1000 // SSH_REFUSALS)):
        plant.bench.forgive()
        connection = await plant.person()
        for host, port in list(places(1000, own))[chunk * SSH_REFUSALS : (chunk + 1) * SSH_REFUSALS]:
            no = await refusal(connection.open_connection(host, port, encoding=None))
            assert no.code in {asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, asyncssh.OPEN_CONNECT_FAILED}, (host, port)
            tried += 1
        connection.abort()
        await plant.bench.empty()
    assert tried == 1000
    assert [c.dialled for c in sessions.connections] == [[]] * len(sessions.connections)
    assert (sessions.dials, plant.every, plant.bench.target.connections) == (0, [], [])
    async with plant.bench.store.read() as tx:
        assert len(await sql.read(tx, names=frozenset({"ssh.channel.refused"}), limit=2000)) == 1000


async def test_without_a_target_nothing_is_forwarded(plant):
    connection = await plant.person("vera")
    no = await refusal(plant.through(connection, "echo"))
    assert "vera+TARGET" in no.reason
    connection.abort()


async def test_more_forwards_than_a_connection_may_have_are_refused_until_one_ends(plant):
    connection = await plant.person()
    opened = [await plant.through(connection, "echo") for _ in range(SSH_FORWARDS)]
    no = await refusal(plant.through(connection, "echo"))
    assert (no.code, str(SSH_FORWARDS) in no.reason) == (asyncssh.OPEN_RESOURCE_SHORTAGE, True)
    opened[0][1].close()
    await plant.bench.event("ssh.forward.closed")
    reader, writer = await plant.through(connection, "echo")
    writer.write(b"room")
    assert await reader.readexactly(4) == b"room"
    connection.abort()


async def test_a_shell_of_a_target_that_has_none_is_refused_in_words_and_its_forwards_go_on(plant):
    with slow_dial() as (reached, go):
        connection = await plant.person()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(refused(plant.through(connection, "echo")))
            await reached.wait()
            connection.abort()
        await plant.bench.empty()
        go.set()
        await plant.gone("echo")


async def turns(plant, connection, count: int = 300) -> None:
    """So many round trips of another forward: time for whatever is not held back to go far."""
    reader, writer = await plant.through(connection, "echo")
    for _ in range(count):
        writer.write(b"x")
        await reader.readexactly(1)
    writer.close()


async def test_a_client_that_reads_nothing_holds_its_service_back(plant):
    """What is on its way is bounded by the channel's window and two sockets, not by what the service can send."""
    connection = await plant.person()
    _, session = await connection.create_connection(Stopped, "spring", 102, encoding=None)
    heard = await plant.connected("spring")
    await plant.bell.until(lambda: heard.sent > 1 << 20)
    await turns(plant, connection)
    assert (heard.sent < 32 << 20, session.octets) == (True, 0)
    connection.abort()
    await plant.gone("spring")


async def test_a_service_that_reads_nothing_holds_its_client_back(plant):
    connection = await plant.person()
    chan, _ = await connection.create_connection(Stopped, "deaf", 102, encoding=None)
    chan.write(bytes(64 << 20))
    stream = await plant.bench.sessions.stream()
    await turns(plant, connection)
    assert 1 << 20 < stream.input_octets < 32 << 20
    connection.abort()
    await plant.bench.event("ssh.forward.closed")


class Stopped(asyncssh.SSHTCPSession):
    octets = 0

    def connection_made(self, chan) -> None:
        chan.pause_reading()

    def session_started(self) -> None:
        """Nothing: it does not read."""

    def data_received(self, data, datatype) -> None:
        self.octets += len(data)
