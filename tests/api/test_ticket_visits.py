"""From a ticket into a session, with the real services: what a stolen, old or revoked one leads to."""

from datetime import timedelta

import pytest

from gateway.errors import Refused
from gateway.identity.model import Bearer
from gateway.inventory.model import Protocol
from gateway.policy.model import Channel
from gateway.sessions.connection import Connection
from gateway.sessions.model import Arrival, EndReason
from tests.api.site import ELSEWHERE, HERE, RdpTwin, Site


@pytest.fixture
def desk(site: Site) -> Site:
    site.services.desktops.front = RdpTwin()
    return site


async def ticket(site: Site, *, released: bool = True, **more: object) -> dict:
    """Vera's, made in her page a moment ago, its grant released by Lena."""
    vera, omar, lena = [await site.signed_in(name) for name in ("vera", "omar", "lena")]
    grant = await site.granted(vera, omar, protocol="rdp", **more)
    if released:
        answer = await lena.change(f"/grants/{grant['id']}/release", {"code": site.code("lena")})
        assert answer.is_success, answer.text
    return (await vera.change(f"/grants/{grant['id']}/tickets", {"for": "client"})).json() | {"grant": grant["id"]}


async def arrive(site: Site, bearer: Bearer, source: str) -> Connection:
    arrival = Arrival(bearer.person, bearer.target, bearer.account, Protocol.RDP, source, "mstsc", bearer.proofs)
    visit = await site.services.sessions.arrive(arrival)
    assert await visit.settled(timedelta(seconds=20))
    return await visit.enter()


async def refused(attempt) -> str:
    with pytest.raises(Refused) as caught:
        await attempt
    return caught.value.code


async def test_a_ticket_opens_the_desktop_of_its_grant_from_another_address_than_the_page(desk: Site) -> None:
    made = await ticket(desk)
    bearer = await desk.services.identity.tickets.redeem(made["id"], ELSEWHERE, "mstsc")
    connection = await arrive(desk, bearer, ELSEWHERE)
    try:
        session = connection.session
        assert (session.protocol, session.source, session.target_name) == (Protocol.RDP, ELSEWHERE, "ews-l4")
        assert session.grant == made["grant"]
        await connection.permit(Channel.DESKTOP_INPUT)
        for channel in (Channel.CLIPBOARD_IN, Channel.CLIPBOARD_OUT, Channel.DRIVE, Channel.SHELL):
            assert await refused(connection.permit(channel)) == "channel_not_granted"
    finally:
        await connection.close(EndReason.CLIENT)


async def test_who_asked_to_watch_gets_no_keys_46(desk: Site) -> None:
    made = await ticket(desk, channels=["desktop"])
    bearer = await desk.services.identity.tickets.redeem(made["id"], HERE, "mstsc")
    connection = await arrive(desk, bearer, HERE)
    try:
        await connection.permit(Channel.DESKTOP)
        for channel in (Channel.DESKTOP_INPUT, Channel.DISPLAY):
            assert await refused(connection.permit(channel)) == "channel_not_granted"
    finally:
        await connection.close(EndReason.CLIENT)


async def test_a_ticket_whose_code_is_too_old_by_now_leads_to_words_and_not_in(desk: Site) -> None:
    made = await ticket(desk, released=False)
    desk.clock.advance(seconds=16 * 60)
    bearer = await desk.services.identity.tickets.redeem(made["id"], HERE, "mstsc")
    assert await refused(arrive(desk, bearer, HERE)) == "factor_stale"


async def test_proofs_of_a_ticket_do_not_count_from_where_it_was_not_redeemed(desk: Site) -> None:
    made = await ticket(desk)
    bearer = await desk.services.identity.tickets.redeem(made["id"], HERE, "mstsc")
    assert await refused(arrive(desk, bearer, ELSEWHERE)) == "factor_missing"


async def test_a_ticket_leads_to_no_other_service_of_the_target(desk: Site) -> None:
    made = await ticket(desk)
    bearer = await desk.services.identity.tickets.redeem(made["id"], HERE, "mstsc")
    arrival = Arrival(bearer.person, bearer.target, bearer.account, Protocol.SSH, HERE, "ssh", bearer.proofs)
    assert await refused(desk.services.sessions.arrive(arrival)) == "no_grant"


async def test_a_revoked_grant_ends_the_session_and_the_ticket_with_it(desk: Site) -> None:
    made, tickets = await ticket(desk), desk.services.identity.tickets
    connection = await arrive(desk, await tickets.redeem(made["id"], HERE, "mstsc"), HERE)
    omar = await desk.signed_in("omar")
    assert (await omar.change(f"/grants/{made['grant']}/revoke", {"reason": "the line runs"})).is_success
    await desk.services.sessions.sweep.read_again()
    assert connection.session.end is not None
    assert connection.session.end.reason is EndReason.REVOKED
    assert await refused(tickets.redeem(made["id"], HERE, "mstsc")) == "grant_ended"
    assert await tickets.hash_of(made["id"], HERE) is None
    ended = [e["event"] for e in await desk.events("identity.ticket.voided", "access.grant.revoked")]
    assert ended == ["access.grant.revoked", "identity.ticket.voided"]


async def test_who_is_switched_off_has_neither_session_nor_ticket(desk: Site) -> None:
    made, services = await ticket(desk), desk.services
    bearer = await services.identity.tickets.redeem(made["id"], HERE, "mstsc")
    await services.identity.disable(desk.persons["sam"], "vera", "left the company")
    assert await refused(arrive(desk, bearer, HERE)) == "disabled"
    assert await refused(services.identity.tickets.redeem(made["id"], HERE, "mstsc")) == "bad_ticket"
