"""Tickets for desktops: whose they are, from where, how long, how often (abuse cases 57, 67, 77)."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.clock import Deadline
from gateway.envelope import Envelope
from gateway.errors import Refused
from gateway.identity.model import Bearer, Factor, FactorProof, Ticket
from gateway.identity.service import Identity
from gateway.identity.sql_factors import put_proof
from gateway.ids import GrantId, PersonId
from gateway.limits import FIRST_FACTOR_AGE, SIGN_IN_LIFE, SOURCE_FAILURES, SOURCE_LOCK, TICKET_LIFE, WEB_TICKET_LIFE
from gateway.rdp.md4 import md4
from tests.identity.conftest import ELSEWHERE, HOME, PASSWORD, Site

GRANT = GrantId("grt_1")
OTHER = GrantId("grt_2")


@dataclass
class GrantsTwin:
    """In place of access: grants of vera for ews-l4, until a moment each."""

    person: PersonId
    open: dict[GrantId, Deadline] = field(default_factory=dict)

    async def ticket_until(self, grant: GrantId, person: PersonId, target: str, account: str, /) -> Deadline | None:
        his = (person, target, account) == (self.person, "ews-l4", "engineer")
        return self.open.get(grant) if his else None


@pytest.fixture
def grants(site: Site) -> GrantsTwin:
    until = Deadline.after(site.clock.instant(), timedelta(days=2))
    site.identity.tickets.grants = twin = GrantsTwin(site.persons["vera"].id, {GRANT: until, OTHER: until})
    return twin


async def shown(site: Site, name: str = "vera", source: str = HOME) -> tuple[FactorProof, ...]:
    await site.identity.sign_in(name, PASSWORD, site.next_code(name), source)
    return await site.identity.recent(site.persons[name].id, source)


async def ticket(site: Site, *, web: bool = False, grant: GrantId = GRANT, name: str = "vera") -> Ticket:
    proofs = await shown(site, name)
    return await site.identity.tickets.issue(site.persons[name], grant, "ews-l4", "engineer", proofs, HOME, web=web)


async def refused(attempt) -> str:
    with pytest.raises(Refused) as caught:
        await attempt
    assert "  " not in caught.value.words
    assert caught.value.words.endswith(".")
    return caught.value.code


async def rows(site: Site) -> list[str]:
    async with site.store.read() as tx:
        return [row.id for row in await tx.execute(text("SELECT id FROM ticket"))]


async def test_a_ticket_leads_its_person_to_its_target_from_where_he_is(site: Site, grants: GrantsTwin):
    made = await ticket(site)
    tickets = site.identity.tickets
    assert await tickets.hash_of(made.id, ELSEWHERE) == md4(made.secret.encode("utf-16-le"))
    bearer = await tickets.redeem(made.id, ELSEWHERE, "mstsc\x07")
    assert (bearer.person, bearer.target, bearer.account) == (site.persons["vera"], "ews-l4", "engineer")
    assert bearer.grant == GRANT
    assert {p.factor for p in bearer.proofs} == {Factor.PASSWORD, Factor.TOTP}
    assert {p.source for p in bearer.proofs} == {ELSEWHERE}
    issued, used = await site.events("identity.ticket.issued", "identity.ticket.used")
    assert (issued["source"], issued["use"], issued["grant"]) == (HOME, "client", GRANT)
    assert (used["source"], used["client"], used["ticket"]) == (ELSEWHERE, "mstsc\\u0007", made.id)


async def test_it_is_typed_in_capitals_too_and_with_blanks_around(site: Site, grants: GrantsTwin):
    made = await ticket(site)
    assert await site.identity.tickets.hash_of(f" {made.id.upper()} ", HOME)
    assert await site.identity.tickets.redeem(made.id.upper(), HOME, "")


async def test_67_the_secret_is_nowhere_and_its_hash_opens_for_this_ticket_and_master_key_alone(
    site: Site, grants: GrantsTwin
):
    first, second = await ticket(site), await ticket(site, grant=OTHER)
    assert first.secret not in repr(first) + str(await site.events())
    database = Path(site.store.engine.url.database)
    data = b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))
    assert first.id.encode() in data
    for trace in (first.secret.encode(), md4(first.secret.encode("utf-16-le"))):
        assert trace not in data
    async with site.store.write() as tx:
        await tx.execute(
            text("UPDATE ticket SET sealed = (SELECT sealed FROM ticket WHERE id = :b) WHERE id = :a"),
            {"a": first.id, "b": second.id},
        )
    assert await site.identity.tickets.hash_of(first.id, HOME) is None
    thief = Identity(site.store, site.audit, site.clock, Envelope(b"\1" * 32), "Kiln 4")
    assert await thief.tickets.hash_of(second.id, HOME) is None
    assert await site.restarted().tickets.hash_of(second.id, HOME)  # a restart takes nobody's ticket


async def test_a_ticket_is_long_enough_and_never_the_same(site: Site, grants: GrantsTwin):
    made = [await ticket(site) for _ in range(5)]
    assert len({t.id for t in made} | {t.secret for t in made}) == 10
    assert all(len(t.id) == 10 and len(set(t.secret)) > 5 and 31 ** len(t.secret) > 2**128 for t in made)


async def test_nobody_gets_a_ticket_without_a_grant_of_his_own(site: Site, grants: GrantsTwin):
    assert await refused(ticket(site, name="vito")) == "grant_ended"
    assert await refused(ticket(site, grant=GrantId("grt_none"))) == "grant_ended"
    before_access_is_there = site.restarted().tickets
    proofs = await shown(site)
    arguments = (site.persons["vera"], GRANT, "ews-l4", "engineer", proofs, HOME)
    assert await refused(before_access_is_there.issue(*arguments, web=False)) == "grant_ended"
    assert await rows(site) == []


async def test_from_its_first_log_on_a_ticket_is_good_from_that_address_alone(site: Site, grants: GrantsTwin):
    made, tickets = await ticket(site), site.identity.tickets
    await tickets.redeem(made.id, HOME, "")
    assert await tickets.hash_of(made.id, ELSEWHERE) is None
    assert await refused(tickets.redeem(made.id, ELSEWHERE, "")) == "bad_ticket"
    assert (await site.events("identity.login.refused"))[-1]["reason"] == "bound to another address"
    assert await tickets.hash_of(made.id, f"::ffff:{HOME}")
    assert await tickets.redeem(made.id, HOME, "")


async def test_two_at_once_from_two_addresses_and_one_is_in(site: Site, grants: GrantsTwin):
    made, tickets = await ticket(site), site.identity.tickets
    answers = await asyncio.gather(
        *(tickets.redeem(made.id, source, "") for source in (HOME, ELSEWHERE)), return_exceptions=True
    )
    assert {type(a) for a in answers} == {Bearer, Refused}
    assert len(await site.events("identity.ticket.used")) == 1


async def test_a_ticket_ends_with_its_life_on_either_clock(site: Site, grants: GrantsTwin):
    made, tickets = await ticket(site), site.identity.tickets
    assert made.expires == site.clock.now() + TICKET_LIFE
    site.clock.advance(seconds=TICKET_LIFE.total_seconds())
    site.clock.step_wall(seconds=-TICKET_LIFE.total_seconds())
    assert await tickets.hash_of(made.id, HOME) is None
    assert await refused(tickets.redeem(made.id, HOME, "")) == "bad_ticket"
    assert (await site.events("identity.login.refused"))[-1]["reason"] == "expired"


async def test_a_ticket_ends_with_its_grant_and_what_is_left_goes_with_the_next(site: Site, grants: GrantsTwin):
    grants.open[GRANT] = Deadline.after(site.clock.instant(), timedelta(minutes=90))
    made = await ticket(site)
    assert made.expires == grants.open[GRANT].wall
    site.clock.advance(seconds=90 * 60)
    assert await site.identity.tickets.hash_of(made.id, HOME) is None
    newer = await ticket(site, grant=OTHER)
    assert await rows(site) == [newer.id]


async def test_a_ticket_after_its_grant_was_revoked_is_void(site: Site, grants: GrantsTwin):
    made, tickets = await ticket(site), site.identity.tickets
    await tickets.redeem(made.id, HOME, "")
    del grants.open[GRANT]
    assert await refused(tickets.redeem(made.id, HOME, "")) == "grant_ended"
    assert await rows(site) == []
    voided = (await site.events("identity.ticket.voided"))[-1]
    assert (voided["ticket"], voided["reason"]) == (made.id, "grant")
    assert await tickets.hash_of(made.id, HOME) is None
    assert await refused(tickets.redeem(made.id, HOME, "")) == "bad_ticket"


async def test_a_sweep_leaves_no_hash_of_what_is_over(site: Site, grants: GrantsTwin):
    kept, revoked = await ticket(site), await ticket(site, grant=OTHER)
    web = await ticket(site, web=True)
    await site.identity.tickets.sweep()
    assert set(await rows(site)) == {kept.id, revoked.id, web.id}
    del grants.open[OTHER]
    site.clock.advance(seconds=60)
    await site.identity.tickets.sweep()
    await site.identity.tickets.sweep()
    assert await rows(site) == [kept.id]
    voided = await site.events("identity.ticket.voided")
    assert {(e["ticket"], e["reason"]) for e in voided} == {(revoked.id, "grant"), (web.id, "expired")}
    assert len(voided) == 2
    assert await site.identity.tickets.redeem(kept.id, HOME, "")


@pytest.mark.parametrize("deed", ["disable", "invite"])
async def test_who_is_switched_off_or_invited_anew_has_no_tickets(site: Site, grants: GrantsTwin, deed: str):
    made, web = await ticket(site), await ticket(site, web=True)
    sam = site.persons["sam"]
    await (site.identity.disable(sam, "vera", "left") if deed == "disable" else site.identity.invite(sam, "vera"))
    assert await rows(site) == []
    assert await site.identity.tickets.hash_of(made.id, HOME) is None
    voided = await site.events("identity.ticket.voided")
    assert {(e["ticket"], e["reason"]) for e in voided} == {(made.id, "standing"), (web.id, "standing")}


async def test_who_may_not_come_in_any_more_reads_why(site: Site, grants: GrantsTwin):
    made = await ticket(site)
    soon = site.clock.now() + timedelta(minutes=5)
    await site.identity.change_organisation(site.persons["sam"], "drives", contract_end=soon)
    site.clock.advance(seconds=301)
    assert await refused(site.identity.tickets.redeem(made.id, HOME, "")) == "contract_expired"
    assert await site.events("identity.ticket.used") == []


async def test_a_newer_ticket_takes_the_place_of_the_older(site: Site, grants: GrantsTwin):
    older, browser, other = await ticket(site), await ticket(site, web=True), await ticket(site, grant=OTHER)
    newer = await ticket(site)
    assert set(await rows(site)) == {newer.id, browser.id, other.id}
    assert await site.identity.tickets.hash_of(older.id, HOME) is None
    voided = (await site.events("identity.ticket.voided"))[-1]
    assert (voided["ticket"], voided["reason"], voided["person"]) == (older.id, "replaced", "vera")


async def test_proofs_are_as_old_as_they_are(site: Site, grants: GrantsTwin):
    made = await ticket(site)
    at = site.clock.now()
    site.clock.advance(seconds=3600)
    bearer = await site.identity.tickets.redeem(made.id, HOME, "")
    assert max(p.at for p in bearer.proofs) == at
    assert not any(p.fresh(site.clock.now(), timedelta(minutes=15)) for p in bearer.proofs)


async def test_a_ticket_needs_two_factors_of_this_person_from_here_and_not_of_yesterday(site: Site, grants: GrantsTwin):
    proofs, tickets, vera = await shown(site), site.identity.tickets, site.persons["vera"]
    foreign = await shown(site, "vito")
    for shows, source in ((proofs[:1], HOME), (proofs, ELSEWHERE), (foreign, HOME), ((), HOME)):
        attempt = tickets.issue(vera, GRANT, "ews-l4", "engineer", shows, source, web=False)
        assert await refused(attempt) == "factor_stale"
    site.clock.advance(seconds=SIGN_IN_LIFE.total_seconds())
    assert await refused(tickets.issue(vera, GRANT, "ews-l4", "engineer", proofs, HOME, web=False)) == "factor_stale"
    assert await rows(site) == []


async def test_a_touched_key_stays_where_it_was_touched(site: Site, grants: GrantsTwin):
    vera, tickets = site.persons["vera"], site.identity.tickets
    await shown(site)
    touched = FactorProof(vera.id, Factor.SSH_KEY_TOUCHED, site.clock.now(), HOME)
    async with site.store.write() as tx:
        await put_proof(tx, touched, site.clock.now() - timedelta(days=1))
    here = await ticket(site)
    assert touched in (await tickets.redeem(here.id, HOME, "")).proofs
    there = await ticket(site)
    elsewhere = await tickets.redeem(there.id, ELSEWHERE, "")
    assert {p.factor for p in elsewhere.proofs} == {Factor.PASSWORD, Factor.TOTP}
    site.clock.advance(seconds=FIRST_FACTOR_AGE.total_seconds())
    late = await ticket(site)
    assert Factor.SSH_KEY_TOUCHED not in {p.factor for p in (await tickets.redeem(late.id, HOME, "")).proofs}


async def test_57_a_ticket_of_the_page_is_of_no_use_with_another_persons_cookie_or_from_elsewhere(
    site: Site, grants: GrantsTwin
):
    made, tickets, vera = await ticket(site, web=True), site.identity.tickets, site.persons["vera"]
    assert await refused(tickets.redeem_web(made.token, site.persons["vito"], HOME, "")) == "bad_ticket"
    assert await refused(tickets.redeem_web(made.token, vera, ELSEWHERE, "")) == "bad_ticket"
    for token in ("", ".", made.id, f"{made.id}.", f"{made.token}x"[:-2], f"{made.id}.{'a' * 26}", "\udcff.\udcff"):
        assert await refused(tickets.redeem_web(token, vera, HOME, "")) == "bad_ticket"
    assert (await tickets.redeem_web(made.token, vera, HOME, "Firefox")).target == "ews-l4"


async def test_57_a_ticket_of_the_page_is_good_once_and_for_a_minute(site: Site, grants: GrantsTwin):
    tickets, vera = site.identity.tickets, site.persons["vera"]
    made = await ticket(site, web=True)
    attempts = [tickets.redeem_web(made.token, vera, HOME, "") for _ in range(4)]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(a, Bearer) for a in answers) == 1
    assert await rows(site) == []
    late = await ticket(site, web=True)
    assert late.expires - site.clock.now() == WEB_TICKET_LIFE == timedelta(seconds=60)
    site.clock.advance(seconds=60)
    assert await refused(tickets.redeem_web(late.token, vera, HOME, "")) == "bad_ticket"


async def test_a_ticket_for_a_client_opens_no_page_and_the_other_way_round(site: Site, grants: GrantsTwin):
    client, web, tickets = await ticket(site), await ticket(site, web=True), site.identity.tickets
    assert await tickets.hash_of(web.id, HOME) is None
    assert await refused(tickets.redeem(web.id, HOME, "")) == "bad_ticket"
    assert await refused(tickets.redeem_web(client.token, site.persons["vera"], HOME, "")) == "bad_ticket"


async def test_77_guessing_locks_the_address_at_every_door_and_nobody_else(site: Site, grants: GrantsTwin):
    made, tickets = await ticket(site), site.identity.tickets
    for _ in range(SOURCE_FAILURES):
        await tickets.failed(made.id, ELSEWHERE)
    events = await site.events("identity.login.refused", "identity.login.locked")
    assert [e["event"] for e in events][-2:] == ["identity.login.locked", "identity.login.refused"]
    assert (events[-1]["stage"], events[-1]["claimed"], events[-1]["reason"]) == (
        "ticket", made.id, "wrong secret or person",
    )  # fmt: skip
    assert await tickets.hash_of(made.id, ELSEWHERE) is None
    assert await refused(tickets.redeem(made.id, ELSEWHERE, "")) == "locked"
    assert await refused(site.identity.check_password("vito", PASSWORD, ELSEWHERE)) == "locked"
    for _ in range(50):  # tries in a lock neither prolong it nor fill the log
        await tickets.failed("made-up\n", ELSEWHERE)
    assert await site.events("identity.login.refused", "identity.login.locked") == events
    assert await tickets.hash_of(made.id, HOME)
    site.clock.advance(seconds=SOURCE_LOCK.total_seconds())
    assert await tickets.hash_of(made.id, ELSEWHERE)


async def test_77_wrong_passwords_count_against_tickets_too(site: Site, grants: GrantsTwin):
    made = await ticket(site)
    for number in range(SOURCE_FAILURES):
        await refused(site.identity.check_password(f"nobody{number}", PASSWORD, ELSEWHERE))
    assert await site.identity.tickets.hash_of(made.id, ELSEWHERE) is None


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\nb", "\udcff", "'; DROP TABLE ticket; --", "PLANT\\vera"])
async def test_72_an_odd_name_is_nobody_and_one_line_in_the_log(site: Site, grants: GrantsTwin, name: str):
    tickets = site.identity.tickets
    assert await tickets.hash_of(name, HOME) is None
    await tickets.failed(name, HOME)
    assert await refused(tickets.redeem(name, HOME, name)) == "bad_ticket"
    event = (await site.events("identity.login.refused"))[-1]
    assert "\n" not in event["claimed"]
    assert len(event["claimed"]) <= 400
