"""Forwards and jumps with all of the gateway: policy, grant, recording, log; and what ends them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncssh
import pytest
import pytest_asyncio

from gateway.clock import Deadline
from gateway.errors import Conflict
from gateway.identity.model import Factor, FactorProof
from gateway.inventory.model import Protocol, TargetClass, Tier
from gateway.keys import host_ca_line
from gateway.policy.model import Channel
from gateway.recording.format import CARRIED
from gateway.recording.model import Kind
from gateway.sessions.model import EndReason
from tests.e2e.waiting import eventually
from tests.files import house as files
from tests.files.house import HERE, House, Visited

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
PLC = "127.0.0.5"
CHANNELS = frozenset({Channel.EXEC, Channel.FORWARD})


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory) -> AsyncIterator[House]:
    """A workstation `files` with two services, and `plc`, which has nothing but one."""
    write = files._write_policies

    def with_plc(folder, home) -> None:
        write(folder, home)
        text = (folder / "files.cedar").read_text()
        (folder / "plc.cedar").write_text(text.replace("files", "plc"))

    server = await asyncio.start_server(echo, PLC, 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "TARGETS", {"files": ""})
        patch.setattr(files, "EVERYTHING", CHANNELS | files.FILES)
        patch.setattr(files, "_write_policies", with_plc)
        async with files.house(tmp_path_factory.mktemp("forwards")) as found:
            s = found.gateway.services
            omar = await found.person("omar")
            (was,) = [c for c in await s.inventory.conduits() if (c.source, c.destination) == ("remote", "line4")]
            await s.inventory.change_conduit("sam", was, was.protocols | {Protocol.TCP})
            await s.inventory.add_target("sam", "plc", "PLC 1", "line4", Tier.T0, TargetClass.HMI, [omar.id])
            await s.inventory.add_service("sam", "plc", Protocol.TCP, PLC, port, name="program")
            for name in ("program", "historian"):
                at = port if name == "program" else port + 1
                await s.inventory.add_service("sam", "files", Protocol.TCP, PLC, at, name=name)
            known = found.folder / "known_hosts"
            known.write_text(known.read_text() + host_ca_line(found.gateway.keys.ssh_host_ca) + "\n")
            yield found
    server.close()


@asynccontextmanager
async def visit(house: House, target: str = "files", services=frozenset({"program"})) -> AsyncIterator[Visited]:
    """Vera has an approval for forwards to `services` while the block lasts."""
    s = house.gateway.services
    now, tcp = s.clock.now(), target == "plc"
    vera, omar = await house.person("vera"), await house.person("omar")
    request = await s.access.ask(
        vera, target_name=target, protocol=Protocol.TCP if tcp else Protocol.SSH,
        channels=frozenset({Channel.FORWARD}) if tcp else CHANNELS, services=services, not_before=now,
        not_after=now + timedelta(hours=4), duration=timedelta(hours=2), purpose="Read the program", work_order="WO-1",
        source=HERE,
    )  # fmt: skip
    proof = FactorProof(omar.id, Factor.TOTP, now, HERE)
    decided = await s.access.approve(request.id, omar, proof, digest=request.wanted.digest())
    visited = Visited(house, decided.grant)
    try:
        yield visited
    finally:
        with contextlib.suppress(Conflict):
            await s.access.revoke(decided.grant, omar, "done", HERE)
    await eventually(visited.over, "the end of the session")


async def person(house: House, login: str) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        HERE, house.ssh_port, username=login, known_hosts=None, client_keys=[str(house.key)], config=None,
        agent_path=None,
    )  # fmt: skip


async def said(connection, host: str, port: int, words: bytes):
    reader, writer = await connection.open_connection(host, port, encoding=None)
    writer.write(words)
    async with asyncio.timeout(30):
        assert await reader.readexactly(len(words)) == words
    return reader, writer


async def test_35_a_forward_is_in_the_recording_and_in_the_log_with_its_octets(house):
    async with visit(house) as visited:
        connection = await person(house, "vera+files")
        _, writer = await said(connection, "program", 102, bytes(250_000))
        writer.write_eof()
        connection.close()
        await connection.wait_closed()
    counts = [CARRIED.unpack(r.payload) for r in visited.records() if r.kind == Kind.FORWARD]
    assert counts[-1] == (250_000, 250_000)
    assert counts == sorted(counts)
    (session,) = await visited.sessions()
    (event,) = [e for e in await house.events("ssh.forward.closed") if e["session"] == session.id]
    assert (event["service"], event["to_person"], event["to_target"]) == ("program", 250_000, 250_000)
    assert event["actor"] == "vera"


async def test_a_service_beside_the_granted_one_is_refused_and_on_record(house):
    async with visit(house):
        connection = await person(house, "vera+files")
        with pytest.raises(asyncssh.ChannelOpenError, match="no forward to “historian”"):
            await said(connection, "historian", 1, b"x")
        connection.close()
    refused = await house.events("session.channel.refused")
    assert [event["service"] for event in refused] == ["historian"]


async def test_a_plc_without_a_shell_has_forwards_alone(house):
    s = house.gateway.services
    async with visit(house, "plc") as visited:
        connection = await person(house, "vera+plc")
        await said(connection, "program", 102, b"S7 read")
        (plc,) = (await s.inventory.target_named("plc")).services
        ran = await connection.run("id", check=False)
        assert (ran.exit_status, "no shell to log in to" in str(ran.stderr)) == (254, True)
        await said(connection, "plc", plc.port, b"S7 write")
        assert (await visited.live()).protocol is Protocol.TCP
        connection.close()


async def test_openssh_jumps_to_a_target_and_forwards_behind_a_jump(house):
    config = house.folder / "jump_config"
    config.write_text(
        f"Host gw\n  HostName {HERE}\n  Port {house.ssh_port}\n  User vera+files\nHost *\n  IdentityFile {house.key}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {house.folder / 'known_hosts'}\n  BatchMode yes\n"
    )
    async with visit(house) as visited:
        account = house.target.user
        ran = await house.run("ssh", "-F", str(config), "-J", "gw", f"{account}@files", "echo behind; id -un")
        assert (ran.status, ran.out) == (0, f"behind\n{account}\n"), ran.words
        ran = await house.run("ssh", "-F", str(config), "-J", "gw", "-W", "program:102", "vera@files", stdin="S7")
        assert ran.out == "S7", ran.words
        assert len(await visited.sessions()) == 1
    shown = b"".join(r.payload for r in visited.records() if r.kind == Kind.OUTPUT)
    assert b"behind" in shown


@pytest.mark.parametrize("how", ["kill", "revoke", "expire"])
async def test_40_and_41_whatever_ends_a_session_ends_its_forwards(house, how):
    s = house.gateway.services
    async with visit(house) as visited:
        outside = await person(house, "vera+files")
        reader, _ = await said(outside, "program", 102, b"running")
        inner = await asyncssh.connect(
            "files", 22, tunnel=outside, username=house.target.user, known_hosts=None, client_keys=None, config=None,
            agent_path=None,
        )  # fmt: skip
        behind, _ = await said(inner, "program", 102, b"running, too")
        session, lena, omar = await visited.live(), await house.person("lena"), await house.person("omar")
        match how:
            case "kill":
                await s.sessions.kill(session.id, lena, HERE, "wrong machine")
            case "revoke":
                await s.access.revoke(visited.grant, omar, "over", HERE)
            case "expire":
                now = Deadline.after(s.clock.instant(), timedelta(0))
                s.sessions.sweep.move_deadline(s.sessions.registry.get(session.id), now, "clock")
        async with asyncio.timeout(30):
            assert await reader.read(-1) == b""
            assert await behind.read(-1) == b""
            with pytest.raises((asyncssh.Error, OSError)):
                await said(outside, "program", 102, b"again")
            await outside.wait_closed()
            await inner.wait_closed()
    (session,) = await visited.sessions()
    expected = {"kill": EndReason.KILLED, "revoke": EndReason.REVOKED, "expire": EndReason.EXPIRED}
    assert session.end.reason is expected[how]
