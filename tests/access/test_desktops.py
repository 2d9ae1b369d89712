"""Desktops: what is asked for when nothing is said, what everybody must know before, and how long a ticket holds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.access import rules
from gateway.errors import Refused
from gateway.ids import AccountId, GrantId
from gateway.inventory.model import Account, CredentialKind, Protocol
from gateway.policy.model import USUAL_CHANNELS, Channel
from tests.access.site import EWS, HOUR, MINUTE, OMAR, PAULA, SOURCE, VERA, Site

DESKTOP = USUAL_CHANNELS[Protocol.RDP]
MINE = (VERA.id, EWS.name, "engineer")


@pytest.fixture
def desk(site: Site) -> Site:
    site.policy.oblige(channels=DESKTOP | {Channel.CLIPBOARD_OUT})
    return site


async def test_who_asks_for_no_channel_gets_what_one_usually_wants(desk: Site) -> None:
    request = await desk.asked(protocol=Protocol.RDP)
    assert request.wanted.channels == DESKTOP == {Channel.DESKTOP, Channel.DESKTOP_INPUT, Channel.DISPLAY}
    desk.policy.oblige()
    assert (await desk.asked()).wanted.channels == {Channel.SHELL, Channel.EXEC}


async def test_who_asks_for_the_desktop_alone_is_granted_to_watch_and_nothing_else_46(desk: Site) -> None:
    grant = await desk.granted(protocol=Protocol.RDP, channels=frozenset({Channel.DESKTOP}))
    assert grant.wanted.channels == {Channel.DESKTOP}


async def test_what_the_policy_does_not_permit_is_not_asked_for_by_default_either(desk: Site) -> None:
    desk.policy.oblige(channels=frozenset({Channel.DESKTOP}))
    with pytest.raises(Refused) as refused:
        await desk.asked(protocol=Protocol.RDP)
    assert refused.value.code == "channel_not_permitted"


async def test_a_desktop_is_asked_for_with_an_account_that_has_a_password_whatever_comes_first(desk: Site) -> None:
    keyed = (
        Account(AccountId("acc_key"), "deploy", CredentialKind.PRIVATE_KEY),
        Account(AccountId("acc_ca"), "robot", CredentialKind.CERTIFICATE),
    )
    desk.places.targets[EWS.name] = replace(EWS, accounts=(*keyed, *EWS.accounts))
    assert (await desk.asked(protocol=Protocol.RDP)).wanted.account == "engineer"
    for name in ("deploy", "robot"):
        with pytest.raises(Refused) as refused:
            await desk.asked(protocol=Protocol.RDP, account=name)
        assert refused.value.code == "no_account"
    desk.policy.oblige()
    assert (await desk.asked()).wanted.account == "deploy"
    desk.policy.oblige(channels=DESKTOP)
    desk.places.targets[EWS.name] = replace(EWS, accounts=keyed)
    with pytest.raises(Refused, match="no account yet that opens its rdp service"):
        await desk.asked(protocol=Protocol.RDP)


def test_a_desktop_comes_with_a_warning_and_a_shell_does_not_44() -> None:
    assert "ews-l4" in rules.takes_over(Protocol.RDP, "ews-l4")
    assert "take the screen" in rules.takes_over(Protocol.RDP, "ews-l4")
    assert rules.takes_over(Protocol.SSH, "ews-l4") == ""


async def test_a_ticket_holds_until_the_window_ends_and_once_it_runs_until_the_deadline(desk: Site) -> None:
    grant = await desk.granted(protocol=Protocol.RDP, not_after=desk.clock.now() + 3 * HOUR)
    until = await desk.access.ticket_until(grant.id, *MINE)
    assert until is not None
    assert until.wall == grant.not_after
    await desk.released(grant)
    live = await desk.start(grant)
    until = await desk.access.ticket_until(grant.id, *MINE)
    assert until == live.deadline
    desk.clock.step_wall(hours=-5)
    desk.clock.advance(hours=1)
    assert await desk.access.ticket_until(grant.id, *MINE) is None


async def test_no_ticket_after_the_grant_was_revoked(desk: Site) -> None:
    grant = await desk.granted(protocol=Protocol.RDP)
    assert await desk.access.ticket_until(grant.id, *MINE)
    await desk.access.revoke(grant.id, OMAR, "line runs", SOURCE)
    assert await desk.access.ticket_until(grant.id, *MINE) is None


async def test_no_ticket_for_what_was_not_granted(desk: Site) -> None:
    shell = Channel.SHELL
    grant = await desk.granted(protocol=Protocol.RDP)
    for other in ((PAULA.id, *MINE[1:]), (VERA.id, "ews-l5", "engineer"), (VERA.id, EWS.name, "root")):
        assert await desk.access.ticket_until(grant.id, *other) is None
    assert await desk.access.ticket_until(GrantId("grt_none"), *MINE) is None
    desk.policy.oblige(channels=frozenset({shell}))
    terminal = await desk.granted(channels=frozenset({shell}))
    assert await desk.access.ticket_until(terminal.id, *MINE) is None


async def test_an_extension_lengthens_what_a_new_ticket_gets(desk: Site) -> None:
    grant = await desk.live(protocol=Protocol.RDP)
    before = await desk.access.ticket_until(grant.id, *MINE)
    await desk.access.extend(grant.id, OMAR, desk.proof(OMAR), 30 * MINUTE, "download takes longer")
    after = await desk.access.ticket_until(grant.id, *MINE)
    assert before is not None
    assert after is not None
    assert after.wall - before.wall == timedelta(minutes=30)
