"""The choke point towards the plant, with a real socket at the other end: nothing before, nothing after."""

import asyncio
import re
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import Conflict, LocalProtocolError, Refused
from gateway.ids import ServiceId
from gateway.inventory.model import Protocol, Service
from gateway.sessions.model import EndReason
from gateway.sessions.south import South
from tests.sessions.site import PLANT_NET, Listener, Site, listen
from tests.south.conftest import EGRESS

NOW = timedelta(0)


class Gate:
    """Says yes until told otherwise."""

    def __init__(self) -> None:
        self.open, self.sockets = True, list[socket.socket]()

    def permitted(self) -> None:
        if not self.open:
            raise Refused("ended", "It is over.")

    def opened(self, south: socket.socket) -> None:
        self.sockets.append(south)


def service(port: int, address: str = "127.0.0.1") -> Service:
    return Service(ServiceId("svc"), "ssh", Protocol.SSH, address, port)


async def test_nothing_knocks_at_the_target_before_the_session_is_active(site: Site, listener: Listener) -> None:
    request = await site.ask()
    visit = await site.arrive()
    await visit.settled(NOW)
    assert listener.knocked() == []
    grant = await site.approve(request)
    await visit.settled(NOW)
    assert listener.knocked() == []
    await site.release(grant)
    assert await visit.settled(NOW)
    connection = await visit.enter()
    assert listener.knocked() == []
    south = await connection.dial()
    ((peer, source),) = listener.knocked()
    assert source == EGRESS
    peer.close()
    south.close()


async def test_nothing_knocks_after_the_end_and_what_is_open_is_cut(site: Site, listener: Listener) -> None:
    connection, _ = await site.inside()
    south = await connection.dial()
    ((peer, _source),) = listener.knocked()
    peer.setblocking(False)
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""  # the target sees the end at once
    with pytest.raises(Refused) as refused:
        await connection.dial()
    assert refused.value.code == "ended"
    assert listener.knocked() == []
    peer.close()
    south.close()


async def test_a_connection_that_is_closed_takes_its_southbound_sockets_with_it(site: Site, listener: Listener) -> None:
    connection, _ = await site.inside()
    other, _ = await site.enter()
    mine, its = await connection.dial(), await other.dial()
    (one, _), (two, _) = listener.knocked()
    one.setblocking(False)
    two.setblocking(False)
    await connection.close(EndReason.CLIENT)
    assert await asyncio.get_running_loop().sock_recv(one, 1) == b""
    with pytest.raises(BlockingIOError):
        two.recv(1)
    for each in (mine, its, one, two):
        each.close()


async def test_the_front_is_told_before_its_sockets_are_cut(site: Site, listener: Listener) -> None:
    """So that it may say goodbye to the target in its protocol."""
    connection, _ = await site.inside()
    south = await connection.dial()
    ((peer, _source),) = listener.knocked()
    connection.on_end = lambda _: south.send(b"SSH_MSG_DISCONNECT") and None
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    assert peer.recv(100) == b"SSH_MSG_DISCONNECT"
    assert peer.recv(100) == b""
    peer.close()
    south.close()


async def test_a_session_that_ends_while_it_dials_lets_go_of_the_target(site: Site) -> None:
    """192.0.2.0/24 leads nowhere: without the cut, the machine would go on knocking for ten seconds."""
    gate = Gate()
    south = South()
    async with asyncio.TaskGroup() as tasks:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            fillers = [_half_open(full.getsockname()[1]) for _ in range(4)]
            dialling = tasks.create_task(_refused(south, service(full.getsockname()[1]), gate))
            while not gate.sockets:
                await asyncio.sleep(0)
            gate.open = False
            gate.sockets[0].shutdown(socket.SHUT_RDWR)
            refusal = await dialling
            for filler in fillers:
                filler.close()
    assert refusal.code == "ended"
    assert gate.sockets[0].fileno() == -1


def _half_open(port: int) -> socket.socket:
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    return one


async def _refused(south: South, to: Service, gate: Gate) -> Refused:
    with pytest.raises(Refused) as refused:
        await south.connect(to, gate)
    return refused.value


async def test_a_target_that_refuses_is_named_so_without_its_address(listener: Listener) -> None:
    listener.close()
    refusal = await _refused(South(), service(listener.port), Gate())
    assert refusal.code == "target_refused"
    assert "127.0.0.1" not in refusal.words
    assert str(listener.port) not in refusal.words


async def test_a_target_that_is_silent_is_given_up_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.sessions.south.SOUTH_CONNECT", timedelta(milliseconds=50))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [_half_open(full.getsockname()[1]) for _ in range(4)]
        gate = Gate()
        refusal = await _refused(South(), service(full.getsockname()[1]), gate)
        for filler in fillers:
            filler.close()
    assert refusal.code == "target_silent"
    assert gate.sockets[0].fileno() == -1


@pytest.mark.parametrize("address", ["ews-l4.plant.example", "", "localhost"])
async def test_a_name_is_never_looked_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> None:
        pytest.fail("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "gethostbyname", lookup)
    with pytest.raises(LocalProtocolError):
        await South().connect(service(22, address), Gate())


async def test_a_source_that_cannot_reach_the_target_opens_nothing(listener: Listener) -> None:
    refusal = await _refused(South("::1"), service(listener.port), Gate())
    assert refusal.code == "target_unreachable"
    refusal = await _refused(South("192.0.2.77"), service(listener.port), Gate())  # no address of this machine
    assert refusal.code == "target_unreachable"
    assert "192.0.2.77" not in refusal.words
    assert listener.knocked() == []


async def test_a_gate_that_says_no_opens_no_socket(listener: Listener) -> None:
    gate = Gate()
    gate.open = False
    await _refused(South(), service(listener.port), gate)
    assert gate.sockets == []
    assert listener.knocked() == []


async def test_a_start_that_fails_knocks_at_nothing(site: Site, listener: Listener) -> None:
    grant = await site.grant()
    visit = await site.arrive()
    release = await site.release(grant)
    assert await visit.settled(NOW)
    await site.access.withdraw(release.id, site.lena, PLANT_NET)
    with pytest.raises(Conflict):
        await visit.enter()
    assert listener.knocked() == []


async def test_the_credential_is_the_accounts_and_is_good_until_the_deadline(site: Site) -> None:
    connection, _ = await site.inside()
    credential = await connection.credential()
    assert (credential.account, credential.secret) == ("engineer", b"target-secret-9")
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    with pytest.raises(Refused):
        await connection.credential()


async def test_a_changed_host_key_is_refused(site: Site) -> None:
    connection, _ = listen((await site.inside())[0])
    first = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0+PsZH5lV7Cqm3XxOdTyQuLnLbMV9AuDvVdG5CkIXR"
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1cC3Hoc9hHOmRSd7ntuUv0vBXX0WvdK6wZVaRjyZ7L"
    await connection.check_host_key(first)
    await connection.check_host_key(first)
    with pytest.raises(Refused):
        await connection.check_host_key(other)


def test_no_other_module_of_the_gateway_opens_southbound_connections() -> None:
    """Whoever connects a socket to a target does it through `South`; the anchors' upload has no session."""
    opens = re.compile(r"create_connection|open_connection|sock_connect|\.connect_ex\(|asyncssh\.connect\(")
    root = Path(__file__).parents[2] / "gateway"
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for line in path.read_text().splitlines()
        if opens.search(line) and "sock=" not in line
    }
    assert "sessions/south.py" in found
    assert not {f for f in found if f.startswith(("sessions/", "access/", "inventory/", "identity/"))} - {
        "sessions/south.py"
    }
