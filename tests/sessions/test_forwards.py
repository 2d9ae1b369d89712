"""Forwards at the session core: to named services that were granted, by the gateway itself, and nowhere else (C56)."""

import asyncio
from datetime import timedelta

import pytest

from gateway.errors import Refused
from gateway.identity.model import Factor
from gateway.inventory.model import CredentialKind, Protocol
from gateway.policy.model import Action, Channel
from gateway.recording.model import Kind
from gateway.sessions.model import EndReason, MenuState
from tests.sessions.site import HOME, MINUTE, PLANT_NET, Listener, Site

FORWARD = frozenset({Channel.SHELL, Channel.FORWARD})
ONLY = frozenset({Channel.FORWARD})


@pytest.fixture
def plc():
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def web():
    listener = Listener()
    yield listener
    listener.close()


def knocks(listener: Listener) -> int:
    found = listener.knocked()
    for one, _ in found:
        one.close()
    return len(found)


async def test_a_granted_service_is_dialled_from_here_and_counted(site: Site, plc: Listener) -> None:
    await site.services(plc=plc.port)
    connection, _ = await site.inside(channels=FORWARD, services=frozenset({"plc"}))
    await connection.permit(Channel.FORWARD, "plc")
    south = await connection.dial("plc")
    assert knocks(plc) == 1
    stream = connection.open_stream("forward", {"service": "plc"})
    assert stream.carried(0, 10)
    assert stream.carried(300, 0)
    south.close()
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "done")
    found = (await site.recordings.records(connection.session.id, actor="ada")).records
    assert [r.kind for r in found if r.kind == Kind.FORWARD] == [Kind.FORWARD] * 2
    assert {q.services for q in site.policy.asked if q.channels == ONLY} == {frozenset({"plc"})}


async def test_a_service_that_chatters_keeps_nobody_from_being_idle(site: Site, plc: Listener) -> None:
    await site.services(plc=plc.port)
    connection, heard = await site.inside(channels=FORWARD, services=frozenset({"plc"}))
    stream = connection.open_stream("forward", {"service": "plc"})
    await site.tick(minutes=10)
    assert stream.carried(0, 10)
    for _ in range(19):
        await site.tick(minutes=1)
        assert stream.carried(300, 0)
    assert heard.ends == []
    await site.tick(minutes=1)
    assert heard.ends[0].reason is EndReason.IDLE


async def test_another_service_of_the_target_is_not_reached_by_a_grant_for_one(
    site: Site, plc: Listener, web: Listener
) -> None:
    """Attack 33: the forward that was granted, turned to the next port."""
    await site.services(plc=plc.port, web=web.port)
    connection, _ = await site.inside(channels=FORWARD, services=frozenset({"plc"}))
    for name in ("web", "", "ssh", "unheard"):
        with pytest.raises(Refused) as refused:
            await connection.permit(Channel.FORWARD, name)
        assert refused.value.code == "forward_not_granted"
        if name:
            with pytest.raises(Refused):
                await connection.dial(name)
    assert knocks(web) == knocks(plc) == 0
    await site.settle()
    assert {e["service"] for e in await site.events("session.channel.refused")} == {"web", "", "ssh", "unheard"}


async def test_a_grant_without_forwards_dials_no_service(site: Site, plc: Listener) -> None:
    await site.services(plc=plc.port)
    connection, _ = await site.inside()
    with pytest.raises(Refused, match="does not include “forward”"):
        await connection.permit(Channel.FORWARD, "plc")
    with pytest.raises(Refused):
        await connection.dial("plc")
    assert knocks(plc) == 0


async def test_a_destination_is_a_declared_service_by_its_name_or_port_or_none(site: Site, plc: Listener) -> None:
    """Attack 33: addresses of the plant, other targets and the gateway's own ports as destinations."""
    await site.services(plc=102, web=443)
    connection, _ = await site.inside(channels=FORWARD, services=frozenset({"plc"}))
    for host, port, name in [
        ("ews-l4", 102, "plc"),
        ("EWS-L4", 102, "plc"),
        ("plc", 1, "plc"),
        ("localhost", 443, "web"),
        ("127.0.0.1", 102, "plc"),
        ("::1", 102, "plc"),
        ("ews-l4", 22, None),
        ("ews-l4", 1, None),
        ("other", 102, None),
        ("10.0.0.1", 102, None),
        ("ssh", 102, None),
        ("", 102, None),
        ("0.0.0.0", 102, None),
        ("169.254.169.254", 102, None),
        ("::ffff:127.0.0.1", 102, None),
        ("2130706433", 102, None),
        ("0x7f.1", 102, None),
        ("localhost", 22, None),
        ("localhost.", 102, None),
        ("ews-l4\x00", 102, None),
        ("plc", -1, "plc"),
    ]:
        assert connection.declared(host, port) == name, (host, port)


async def test_a_pause_keeps_new_forwards_out(site: Site, plc: Listener) -> None:
    await site.services(plc=plc.port)
    connection, _ = await site.inside(channels=FORWARD, services=frozenset({"plc"}))
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    for call in (connection.permit(Channel.FORWARD, "plc"), connection.dial("plc")):
        with pytest.raises(Refused, match="paused"):
            await call
    assert knocks(plc) == 0


async def test_without_a_conduit_for_it_a_forward_leads_nowhere(
    site: Site, plc: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4: the path for shells is none for what speaks something else."""
    await site.services(plc=plc.port)
    connection, _ = await site.inside(channels=FORWARD, services=frozenset({"plc"}))

    async def permits(_source: str, _destination: str, protocol: Protocol) -> bool:
        return protocol is not Protocol.TCP

    monkeypatch.setattr(site.inventory, "conduit_permits", permits)
    with pytest.raises(Refused) as refused:
        await connection.permit(Channel.FORWARD, "plc")
    assert refused.value.code == "no_conduit"
    with pytest.raises(Refused, match="for tcp"):
        await site.ask(channels=FORWARD, services=frozenset({"plc"}))


async def test_a_kill_cuts_a_forward_that_is_under_way_40(site: Site, plc: Listener) -> None:
    await site.services(plc=plc.port)
    connection, _ = await site.inside(channels=FORWARD, services=frozenset({"plc"}))
    south = await connection.dial("plc")
    ((inside, _),) = plc.knocked()
    stream = connection.open_stream("forward", {"service": "plc"})
    await site.sessions.kill(connection.session.id, site.lena, PLANT_NET, "alarm")
    assert not stream.carried(1, 0)
    async with asyncio.timeout(20):
        assert await asyncio.get_running_loop().sock_recv(inside, 10) == b""
    for one in (south, inside):
        one.close()


# --- a target without a shell


async def controller(site: Site, **ports: int):
    await site.controller(**ports)
    return {"target": "plc-1", "channels": ONLY, "protocol": Protocol.TCP}


async def test_a_controller_without_a_shell_is_visited_by_ssh_for_its_forwards(site: Site, plc: Listener) -> None:
    wanted = await controller(site, plc=plc.port)
    connection, _ = await site.inside(services=frozenset({"plc"}), **wanted)
    session = connection.session
    assert (session.protocol, session.account, session.target_name) == (Protocol.TCP, "", "plc-1")
    await connection.permit(Channel.FORWARD, "plc")
    (await connection.dial("plc")).close()
    for channel in (Channel.SHELL, Channel.EXEC, Channel.SFTP_READ):
        with pytest.raises(Refused):
            await connection.permit(channel)
    with pytest.raises(Refused, match="no shell to log in to"):
        await connection.credential()
    with pytest.raises(Refused):
        await connection.dial()
    assert knocks(plc) == 1


async def test_it_holds_for_its_release_like_any_other(site: Site, plc: Listener) -> None:
    wanted = await controller(site, plc=plc.port)
    grant = await site.grant(services=frozenset({"plc"}), **wanted)
    visit = await site.arrive(target="plc-1")
    assert not await visit.settled(timedelta(0))
    await site.release(grant)
    assert await visit.settled(20 * MINUTE)
    await visit.enter()
    second = await site.arrive(target="plc-1")
    assert second.session.id == visit.session.id
    async with asyncio.timeout(20):
        await second.enter()


async def test_no_account_opens_a_controller_and_a_stranger_reads_the_same_words(site: Site) -> None:
    await controller(site, plc=1)
    for how in ({"target": "plc-1", "account": "engineer"}, {"target": "plc-9"}):
        with pytest.raises(Refused) as refused:
            await site.arrive(**how)
        assert refused.value.code == "no_grant"
        assert refused.value.words.replace("plc-9", "plc-1").startswith("You have no approved access to “plc-1” now")


async def test_a_code_is_asked_for_as_the_policy_says_for_forwards(site: Site) -> None:
    await controller(site, plc=1)
    assert await site.sessions.freshness(site.vera, "plc-1", Protocol.SSH) == 15 * MINUTE
    with pytest.raises(Refused, match=r"second factor|two factors|code"):
        await site.arrive(target="plc-1", proofs=(site.proof(site.vera, Factor.PASSWORD, HOME),))


async def test_a_machine_with_a_shell_is_asked_for_with_it(site: Site) -> None:
    await site.services(plc=1)
    with pytest.raises(Refused) as refused:
        await site.ask(channels=ONLY, protocol=Protocol.TCP, services=frozenset({"plc"}))
    assert refused.value.code == "forward_by_ssh"


async def test_the_menu_has_a_controller_once_and_for_those_who_may_ask(site: Site) -> None:
    await controller(site, plc=1, web=2)
    await site.services(view=3)
    lines = [(line.target, line.protocol, line.state) for line in await site.sessions.menu(site.vera)]
    assert lines == [
        ("ews-l4", Protocol.SSH, MenuState.MAY_ASK),
        ("plc-1", Protocol.TCP, MenuState.MAY_ASK),
    ]
    site.policy.closed = frozenset({Action.REQUEST})
    assert await site.sessions.menu(site.vera) == []


async def test_an_account_of_a_controller_is_none_of_a_session_s(site: Site) -> None:
    """Attack: a credential injected into a protocol that the gateway cannot see into."""
    await controller(site, plc=1)
    await site.inventory.add_account("sam", "plc-1", "engineer", CredentialKind.PASSWORD, b"x")
    with pytest.raises(Refused) as refused:
        await site.ask(
            target="plc-1", channels=ONLY, protocol=Protocol.TCP, services=frozenset({"plc"}), account="engineer"
        )
    assert refused.value.code == "no_account"
