"""API tokens: a person makes, lists and revokes his own, signed in; an admin lists and revokes anybody's (`people.py`).

No token makes, lists or revokes one: whoever stole one learns of no other and makes none that outlives it.
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from gateway.fronts.api.deps import SIGNED_IN_ONLY, Anyone, Everything, Id
from gateway.fronts.api.views.common import SIGNED_IN, Done, problems
from gateway.fronts.api.views.tokens import TokenMade, TokenNew, TokenView
from gateway.identity.model import ApiToken

router = APIRouter(tags=["tokens"], dependencies=[SIGNED_IN_ONLY])
_READ = problems(*SIGNED_IN)
_ONE = problems(*SIGNED_IN, 404)


@router.post("/tokens", status_code=201, summary="Make an API token", responses=problems(*SIGNED_IN, 409, 429))
async def make_token(asked: TokenNew, who: Anyone, state: Everything) -> TokenMade:
    """With a fresh code: a sign-in that was left open or stolen must not be enough to leave a door behind."""
    proof = await state.identity.confirm(who.person, asked.code, who.source)
    token, made = await state.identity.api_tokens.make(
        who.person, proof, asked.title, asked.scopes, timedelta(days=asked.days), asked.networks
    )
    return TokenMade(token=token, about=token_view(made))


@router.get("/tokens", summary="Your API tokens, newest first", responses=_READ)
async def list_tokens(who: Anyone, state: Everything) -> list[TokenView]:
    """Those that are over stay in the list for 90 days."""
    return [token_view(token) for token in await state.identity.api_tokens.of(who.person)]


@router.delete("/tokens/{token_id}", summary="Revoke one of your API tokens", responses=_ONE)
async def revoke_token(token_id: Id, who: Anyone, state: Everything) -> Done:
    await state.identity.api_tokens.revoke(who.person, token_id, actor=who.person, source=who.source)
    return Done()


def token_view(token: ApiToken) -> TokenView:
    return TokenView(
        id=token.id,
        title=token.title,
        scopes=sorted(token.scopes),
        roles=sorted(token.roles),
        networks=list(token.networks),
        made=token.made,
        expires=token.life.wall,
        used=token.used,
        revoked=token.revoked,
    )
