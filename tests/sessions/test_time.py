"""Time: the box ends by itself, is announced, and no step of a clock lengthens it."""

from datetime import timedelta

import pytest

from gateway.errors import Refused
from gateway.sessions.model import EndReason, NoticeKind, SessionEnded, SessionState
from tests.sessions.site import HOME, MINUTE, PLANT_NET, Site

TERMINAL = (80, 24)


def countdowns(heard) -> list[str]:
    return [n.words.split(",")[0] for n in heard.notices if n.kind is NoticeKind.COUNTDOWN]


async def test_the_end_is_announced_four_times_and_comes_with_its_cause(site: Site) -> None:
    site.require(idle=timedelta(hours=3))
    connection, heard = await site.inside(duration=30 * MINUTE)
    for _ in range(30 * 6 - 2):
        await site.tick(seconds=10)
    for _ in range(20):
        await site.tick(seconds=1)
    assert countdowns(heard) == [
        "This session ends in 15 minutes",
        "This session ends in 5 minutes",
        "This session ends in 1 minute",
        "This session ends in 10 seconds",
    ]
    assert [(e.reason, e.actor) for e in heard.ends] == [(EndReason.EXPIRED, "clock")]
    assert connection.session.state is SessionState.ENDED


async def test_a_short_session_does_not_announce_what_is_past(site: Site) -> None:
    _, heard = await site.inside(duration=4 * MINUTE)
    await site.tick(seconds=1)
    assert countdowns(heard) == []
    await site.tick(minutes=3)
    assert countdowns(heard) == ["This session ends in 1 minute"]


async def test_an_extension_announces_the_end_again(site: Site) -> None:
    _, heard = await site.inside(duration=10 * MINUTE)
    await site.tick(minutes=6)
    connection, _ = await site.enter()
    await site.sessions.extend(connection.session.id, site.omar, site.proof(site.omar), 10 * MINUTE, "go on")
    await site.tick(minutes=9)
    assert countdowns(heard) == ["This session ends in 5 minutes", "This session ends in 5 minutes"]


async def test_not_one_octet_passes_at_the_deadline_even_when_no_timer_ran(site: Site) -> None:
    connection, heard = await site.inside(duration=10 * MINUTE)
    stream = connection.open_stream("shell", {}, TERMINAL)
    site.clock.advance(minutes=10)
    assert not stream.typed(b"x")
    with pytest.raises(SessionEnded):
        stream.output(b"x")
    assert heard.ends[0].reason is EndReason.EXPIRED


async def test_sessions_of_one_grant_share_its_deadline(site: Site) -> None:
    first, _ = await site.inside(duration=30 * MINUTE)
    await site.sessions.kill(first.session.id, site.lena, PLANT_NET, "break")
    site.clock.advance(minutes=10)
    assert first.session.grant
    await site.release(await site.access.grant(first.session.grant))
    second, _ = await site.enter()
    assert second.session.id != first.session.id
    assert second.deadline == first.deadline


@pytest.mark.parametrize("hours", [-1, 1])
async def test_abuse_51_a_stepped_clock_never_lengthens_a_session(site: Site, hours: int) -> None:
    site.require(idle=timedelta(hours=5))
    connection, heard = await site.inside(duration=90 * MINUTE)
    stream = connection.open_stream("shell", {}, TERMINAL)
    await site.tick(minutes=10)
    site.clock.step_wall(hours=hours)
    site.sessions.sweep.tick()
    if hours < 0:
        assert stream.typed(b"x")
        await site.tick(minutes=79)
        assert heard.ends == []
        await site.tick(minutes=1)  # 90 minutes of the boot clock, although the wall clock shows 30
    else:
        await site.tick(minutes=20)  # 30 minutes of the boot clock: the wall clock says that it is over
    assert [e.reason for e in heard.ends] == [EndReason.EXPIRED]
    assert not stream.typed(b"x")


async def test_abuse_51_a_clock_stepped_back_does_not_refresh_a_code(site: Site) -> None:
    await site.release(await site.grant())
    proofs = site.proofs(site.vera)
    site.clock.advance(minutes=16)
    with pytest.raises(Refused):
        await site.arrive(proofs=proofs)
    site.clock.step_wall(hours=-1)
    with pytest.raises(Refused) as refused:
        await site.arrive(proofs=proofs)
    assert refused.value.code in {"factor_stale", "no_grant"}


async def test_idle_is_no_input_output_does_not_count_and_it_is_announced(site: Site) -> None:
    connection, heard = await site.inside()
    stream = connection.open_stream("shell", {}, TERMINAL)
    await site.tick(minutes=10)
    assert stream.typed(b"x")
    for _ in range(19):
        await site.tick(minutes=1)
        stream.output(b"log line\r\n")
    assert "unless you type" in heard.words()
    assert heard.ends == []
    await site.tick(minutes=1)
    assert heard.ends[0].reason is EndReason.IDLE


async def test_who_may_not_type_is_not_idle(site: Site) -> None:
    connection, heard = await site.inside()
    await site.sessions.pause(connection.session.id, site.lena, PLANT_NET)
    await site.tick(minutes=25)
    await site.sessions.resume(connection.session.id, site.lena, PLANT_NET)
    await site.tick(minutes=19)
    assert heard.ends == []
    await site.tick(minutes=1)
    assert heard.ends[0].reason is EndReason.IDLE


@pytest.mark.parametrize("reason", [EndReason.CLIENT, EndReason.LOST, EndReason.TARGET])
async def test_a_session_without_connections_lives_for_the_grace(site: Site, reason: EndReason) -> None:
    connection, _ = await site.inside()
    await connection.close(reason)
    await site.tick(seconds=119)
    assert connection.session.state is SessionState.ACTIVE
    await site.tick(seconds=1)
    assert connection.session.end
    assert connection.session.end.reason is reason
    assert connection.session.state is SessionState.ENDED


async def test_a_lost_network_is_no_lost_release(site: Site) -> None:
    connection, _ = await site.inside()
    await connection.close(EndReason.LOST)
    await site.tick(seconds=100)
    again, _ = await site.enter()
    assert again.session.id == connection.session.id
    assert again.number == 2
    await site.tick(minutes=5)
    assert again.session.state is SessionState.ACTIVE


async def test_the_grace_begins_with_the_last_connection(site: Site) -> None:
    first, _ = await site.inside()
    second, _ = await site.enter()
    await first.close(EndReason.CLIENT)
    await site.tick(minutes=10)
    assert first.session.state is SessionState.ACTIVE
    await second.close(EndReason.CLIENT)
    await site.tick(minutes=2)
    assert first.session.state is SessionState.ENDED


async def test_a_closed_connection_can_do_nothing_although_its_session_lives(site: Site) -> None:
    connection, _ = await site.inside()
    await connection.close(EndReason.CLIENT)
    await connection.close(EndReason.LOST)  # twice is once
    with pytest.raises(Refused):
        await connection.dial()
    with pytest.raises(Refused):
        connection.open_stream("shell", {}, TERMINAL)
    await site.settle()
    assert [e["reason"] for e in await site.events("session.connection.closed")] == ["client"]
    assert HOME
