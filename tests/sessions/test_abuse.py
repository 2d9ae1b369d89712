"""Abuse cases of security.md that concern the session core, by their numbers."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.audit.events.access import GrantRevoked
from gateway.audit.events.identity import KeyRemoved
from gateway.errors import Refused
from gateway.identity.model import Factor
from gateway.policy.model import Channel
from gateway.sessions.live import Live
from gateway.sessions.model import EndReason, SessionEnded, SessionState
from gateway.sessions.visit import Visit
from tests.sessions.site import HOME, PLANT_NET, Site, listen
from tests.sessions.test_faults import Outage

NOW = timedelta(0)
TERMINAL = (80, 24)
MANY = 200


async def test_abuse_40_a_kill_ends_every_connection_and_channel_in_the_same_instant(site: Site) -> None:
    """ControlMaster siblings and half-closed channels are no way out."""
    connection, heard = await site.inside()
    sibling, heard_sibling = await site.enter()
    shell = connection.open_stream("shell", {}, TERMINAL)
    half_closed = sibling.open_stream("exec", {}, None)
    half_closed.close(0)
    running = sibling.open_stream("exec", {}, None)
    await site.sessions.kill(connection.session.id, site.sam, PLANT_NET, "alarm")
    assert [len(heard.ends), len(heard_sibling.ends)] == [1, 1]
    for stream in (shell, half_closed, running):
        assert not stream.typed(b"x")
        with pytest.raises(SessionEnded):
            stream.output(b"x")
    with pytest.raises(Refused):
        await sibling.permit(Channel.EXEC)
    with pytest.raises(Refused):
        sibling.open_stream("exec", {}, None)


class Nowhere:
    """A recorder that keeps nothing."""

    seq = 1

    def record(self, *_: object) -> None: ...

    def abandon(self) -> None: ...


async def test_abuse_40_two_hundred_sessions_end_in_one_step_that_needs_no_store(site: Site) -> None:
    """The figure is the benchmark's; what is tested is that nothing stands between decision and effect: no
    transaction, no turn of the loop."""
    first, heard_first = await site.inside()
    live = site.sessions.registry.get(first.session.id)
    assert live
    assert live.grant
    heard = [heard_first]
    for n in range(1, MANY):
        session = replace(live.session, id=f"ses_{n}")
        other = Live(
            session, live.person, live.target, live.service, live.account, live.obligations, live.proofs, site.clock,
            site.sessions.registry.write,
        )  # fmt: skip
        site.sessions.registry.add(other)
        other.start(live.grant, Nowhere(), session)
        visit = Visit(other, site.arrival(), site.sessions.door)
        heard.append(listen(site.sessions.door._connect(other, visit))[1])
    outage = Outage(site.store)
    outage.away = True
    event = GrantRevoked(actor="omar", grant=live.grant.id, person="vera", target="ews-l4", reason="alarm")
    site.sessions.sweep.react(event)
    assert [len(h.ends) for h in heard] == [1] * MANY
    assert {h.ends[0].reason for h in heard} == {EndReason.REVOKED}


async def test_abuse_40_every_session_of_a_revoked_grant_gets_its_end_record(site: Site) -> None:
    site.require(release=False, concurrency=5)
    grant = await site.grant()
    heard = [(await site.enter(source=f"10.0.0.{n + 1}"))[1] for n in range(5)]
    await site.access.revoke(grant.id, site.omar, "alarm", PLANT_NET)
    assert [len(h.ends) for h in heard] == [1] * 5
    await site.settle()
    assert await site.sessions.live() == []
    ends = await site.events("session.visit.ended")
    assert [(e["seq"], e["reason"]) for e in ends] == [(n + 1, "revoked") for n in range(5)]


async def test_abuse_41_a_revoked_grant_ends_its_session_with_the_reason(site: Site) -> None:
    connection, heard = await site.inside()
    grant = connection.session.grant
    assert grant
    await site.access.revoke(grant, site.omar, "wrong machine", PLANT_NET)
    (end,) = heard.ends
    assert (end.reason, end.actor) == (EndReason.REVOKED, "omar")
    assert "wrong machine" in end.words
    with pytest.raises(Refused):
        await connection.permit(Channel.SHELL)
    with pytest.raises(Refused):
        await site.arrive()


async def test_abuse_41_a_disabled_person_is_out_at_once(site: Site) -> None:
    connection, heard = await site.inside()
    held = await site.grant(site.paul)
    assert held
    waiting = None
    site.require(concurrency=2)
    waiting = await site.arrive(site.paul)
    await site.identity.disable(site.sam, "vera", "left the company")
    await site.identity.disable(site.sam, "paul", "left the company")
    assert heard.ends[0].reason is EndReason.POLICY
    with pytest.raises(Refused):
        await connection.permit(Channel.SHELL)
    with pytest.raises(Refused):
        await waiting.settled(NOW)
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "disabled"


async def test_abuse_41_a_removed_key_ends_the_sessions_that_came_with_a_key(site: Site) -> None:
    await site.release(await site.grant())
    proofs = (site.proof(site.vera, Factor.SSH_KEY, HOME), site.proof(site.vera, Factor.TOTP, HOME))
    connection, heard = await site.enter(proofs=proofs)
    site.sessions.sweep.react(KeyRemoved(actor="vera", person="vera", fingerprint="SHA256:x"))
    assert heard.ends[0].reason is EndReason.POLICY
    assert connection.session.end


async def test_abuse_41_a_removed_key_leaves_those_alone_who_came_with_a_password(site: Site) -> None:
    _, heard = await site.inside()
    site.sessions.sweep.react(KeyRemoved(actor="vera", person="vera", fingerprint="SHA256:x"))
    assert heard.ends == []


@pytest.mark.parametrize(("kind", "name"), [("person", "vera"), ("organisation", "drives"), ("target", "ews-l4")])
async def test_abuse_41_a_block_ends_what_runs_and_refuses_what_comes(site: Site, kind: str, name: str) -> None:
    _, heard = await site.inside()
    blocker = site.omar if kind == "target" else site.lena
    await site.access.block(blocker, kind, name, None, "alarm", PLANT_NET)
    assert heard.ends[0].reason is EndReason.REVOKED
    with pytest.raises(Refused) as refused:
        await site.arrive()
    assert refused.value.code == "blocked"


async def test_abuse_41_an_expired_contract_ends_the_session_by_the_clock(site: Site) -> None:
    connection, heard = await site.inside()
    organisation = next(o for o in await site.identity.organisations() if o.name == "drives")
    await site.identity.change_organisation(
        site.sam, organisation.name, contract_end=site.clock.now() + timedelta(minutes=5)
    )
    await site.settle()
    assert heard.ends == []
    await site.tick(minutes=5)
    assert heard.ends[0].reason is EndReason.POLICY
    assert connection.session.state is SessionState.ENDED


async def test_abuse_50_waiting_connections_of_one_person_are_one_session_and_few_visits(
    site: Site,
) -> None:
    await site.ask()
    outcomes = await asyncio.gather(*(site.arrive() for _ in range(100)), return_exceptions=True)
    visits = [o for o in outcomes if not isinstance(o, BaseException)]
    assert len(visits) == 8  # the policy's number of connections
    assert {o.code for o in outcomes if isinstance(o, Refused)} == {"too_many_connections"}
    assert len(await site.sessions.live()) == 1
    assert len(site.sessions.registry) == 1
    for visit in visits:
        await visit.leave()
    await site.settle()
    assert await site.sessions.live() == []
    assert len(site.sessions.registry) == 0


async def test_abuse_50_a_front_that_is_cancelled_while_it_waits_leaves(site: Site) -> None:
    await site.ask()
    visit = await site.arrive()

    async def front() -> None:
        try:
            await visit.settled(timedelta(minutes=5))
        finally:
            await visit.leave()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(front())
        await asyncio.sleep(0)
        task.cancel()
    await site.settle()
    assert len(site.sessions.registry) == 0
    (end,) = await site.events("session.visit.ended")
    assert end["reason"] == "client"
