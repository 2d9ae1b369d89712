"""Tickets for desktops: the person of a grant asks for one, for his RDP client or for the page itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request

from gateway.access.model import Grant
from gateway.errors import Refused
from gateway.fronts.api import rdp_file, sight
from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Asker, Everything, Id
from gateway.fronts.api.headers import without_port
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.access import TicketNew, TicketView
from gateway.fronts.api.views.common import SIGNED_IN, problems
from gateway.identity.model import FactorProof
from gateway.identity.tickets import carried
from gateway.inventory.model import Protocol

router = APIRouter(tags=["access"], dependencies=[SIGNED_IN_ONLY])
STALE: Final = "Your code is too old for this target. Give a new one of your authenticator with the ticket."


@router.post(
    "/grants/{grant_id}/tickets",
    status_code=201,
    summary="Get a ticket for your desktop",
    responses=problems(*SIGNED_IN, 404, 409, 429),
)
async def make_ticket(grant_id: Id, asked: TicketNew, request: Request, who: Anyone, state: Everything) -> TicketView:
    """The secret is shown here and nowhere else. A ticket that was made before for the same use is void."""
    grant = await sight.grant(state, await sight.of(state, who.person), grant_id)
    if grant.person != who.person.id:
        raise Refused("not_yours", "Only the person of this access gets a ticket for it.", rule="roles")
    front = state.desktops.front
    if grant.wanted.protocol is not Protocol.RDP or front is None:
        raise Refused("no_desktop", "Tickets are for desktops; this access is none, or this gateway has no RDP.")
    proofs = await _shown(state, who, grant, asked.code)
    ticket = await state.identity.tickets.issue(
        who.person,
        grant.id,
        grant.wanted.target_name,
        grant.wanted.account,
        proofs,
        who.source,
        web=asked.use == "browser",
    )
    host = state.site.rdp_host or without_port(request.headers["host"])
    channels = grant.wanted.channels & grant.obligations.channels
    file = rdp_file.text(host, front.port, ticket.id, channels) if asked.use == "client" else ""
    return TicketView(id=ticket.id, secret=ticket.secret, expires=ticket.expires, host=host, port=front.port, file=file)


async def _shown(state: Services, who: Asker, grant: Grant, code: str) -> tuple[FactorProof, ...]:
    """What he has shown, if it would let him connect now.

    Raises:
        Refused: why not: `factor_stale` when a code would help.
    """
    if code:
        await state.identity.confirm(who.person, code, who.source)
    recent = await state.identity.recent(who.person.id, who.source)
    proofs = carried(who.person, recent, who.source, state.clock.now())
    here = tuple(replace(p, source=who.source) for p in proofs)  # as a ticket brings them along
    try:
        await state.sessions.proven(who.person, here, grant, who.source)
    except Refused as refused:
        if refused.code != "factor_stale":
            raise
        raise Refused(refused.code, STALE, rule=refused.rule) from None
    return proofs
