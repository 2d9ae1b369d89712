"""What the control room, the end of a session and a failing recorder do to forwards that run."""

import asyncio

import pytest

from tests.forwards.plant import refusal, refused, slow_dial
from tests.ssh.twins import TwinStream

pytestmark = pytest.mark.timeout(180)


async def test_a_pause_holds_both_ways_and_nothing_is_lost_or_overtaken(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "echo")
    heard = await plant.connected("echo")
    writer.write(b"before ")
    assert await reader.readexactly(7) == b"before "
    plant.inside.pause(True)
    heard.writer.write(b"from the plant ")
    for n in range(50):
        writer.write(b"%02d " % n)
    await heard.writer.drain()
    await plant.bench.sessions.bell.until(lambda: plant.tap.refused_chunks >= 2)
    assert (bytes(heard.data), plant.tap.input_octets, plant.tap.output_octets) == (b"before ", 7, 7)
    plant.inside.pause(False)
    numbers = b"".join(b"%02d " % n for n in range(50))
    assert await reader.readexactly(15) == b"from the plant "
    assert await reader.readexactly(150) == numbers
    assert bytes(heard.data) == b"before " + numbers
    connection.abort()


async def test_in_a_pause_no_forward_opens(plant):
    connection = await plant.person()
    await plant.through(connection, "echo")
    plant.inside.pause(True)
    no = await refusal(plant.through(connection, "echo"))
    assert "paused" in no.reason
    plant.inside.pause(False)
    await plant.through(connection, "echo")
    connection.abort()


async def test_an_end_that_was_said_in_a_pause_follows_what_waited(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "sink")
    heard = await plant.connected("sink")
    plant.inside.pause(True)
    writer.write(b"all of it")
    writer.write_eof()
    await plant.bench.sessions.bell.until(lambda: plant.tap.refused_chunks)
    assert not heard.data
    assert not heard.ended
    plant.inside.pause(False)
    assert await reader.read(-1) == b"9"
    connection.abort()


async def test_40_the_end_of_a_session_cuts_its_forwards_half_closed_ones_too(plant):
    connection = await plant.person()
    for service in ("echo", "sink", "spring", "deaf", "brief"):
        await plant.through(connection, service)
    _, half = await plant.through(connection, "echo")
    half.write_eof()
    first = await plant.connected("spring")
    await plant.bell.until(lambda: first.sent)
    plant.inside.end("Lena Lead ended your session.")
    taps = [stream for stream in plant.inside.streams if stream.kind == "forward"]
    before = [(tap.input_octets, tap.output_octets) for tap in taps]
    assert all(tap.closed == (None, "") for tap in taps)
    for service in ("echo", "sink", "spring", "brief"):
        await plant.gone(service)
    assert [(tap.input_octets, tap.output_octets) for tap in taps] == before
    await connection.wait_closed()
    await plant.bench.empty()
    assert len(await plant.bench.events("ssh.forward.closed")) == 6


async def test_41_after_the_end_no_forward_opens_on_a_connection_that_is_left(plant):
    connection = await plant.person()
    await plant.through(connection, "echo")
    plant.inside.end("Your access was revoked.")
    await refused(plant.through(connection, "sink"))
    await connection.wait_closed()
    assert plant.heard["sink"] == []


async def test_41_a_forward_that_is_being_dialled_when_the_session_ends_does_not_open(plant):
    with slow_dial() as (reached, go):
        connection = await plant.person()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(refused(plant.through(connection, "echo")))
            await reached.wait()
            plant.inside.end("Your access was revoked.")
            go.set()
        await plant.gone("echo")
        assert plant.inside.streams == []


async def test_what_the_recorder_does_not_take_waits_and_passes_once_it_does(plant):
    connection = await plant.person()
    reader, writer = await plant.through(connection, "echo")
    heard = await plant.connected("echo")
    plant.inside.failing = True
    writer.write(b"unrecorded")
    heard.writer.write(b"nor this ")
    await plant.bench.sessions.bell.until(lambda: plant.tap.refused_chunks >= 2)
    assert not heard.data
    plant.inside.failing = False
    plant.inside.on_pause(False)
    assert await reader.readexactly(19) == b"nor this unrecorded"
    connection.abort()


async def test_nothing_passes_that_was_not_on_record_first(plant, monkeypatch):
    order = []
    carried = TwinStream.carried

    def noting(self, to_person, to_target):
        order.append((to_person, to_target, bytes(plant.heard["echo"][0].data)))
        return carried(self, to_person, to_target)

    monkeypatch.setattr(TwinStream, "carried", noting)
    connection = await plant.person()
    reader, writer = await plant.through(connection, "echo")
    await plant.connected("echo")
    writer.write(b"run")
    assert await reader.readexactly(3) == b"run"
    assert order == [(0, 3, b""), (3, 0, b"run")]
    connection.abort()


async def test_the_end_of_the_front_ends_its_forwards(plant):
    connection = await plant.person()
    await plant.through(connection, "echo")
    await plant.bench.front.close()
    await plant.gone("echo")
    await connection.wait_closed()
