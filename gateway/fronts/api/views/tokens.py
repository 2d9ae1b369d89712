"""API tokens: what a program shows instead of a sign-in."""

from __future__ import annotations

from pydantic import Field

from gateway.fronts.api.views.admin import Network
from gateway.fronts.api.views.common import Answer, Code, Moment, Question, ShownOnce, Words
from gateway.identity.model import Role, Scope
from gateway.limits import API_TOKEN_LIFE, API_TOKEN_NETWORKS


class TokenNew(Question):
    """A token for one program, with no more than it needs."""

    title: Words = Field(min_length=1, description="Which program, where.", examples=["inventory synchroniser"])
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), examples=[["read", "inventory"]])
    days: int = Field(ge=1, le=API_TOKEN_LIFE.days, description="How long it lives.", examples=[30])
    networks: list[Network] = Field(
        default=[], max_length=API_TOKEN_NETWORKS, description="Where it must come from (CIDR); none: anywhere."
    )
    code: Code = Field(description="A fresh one-time code of yours.")


class TokenView(Answer):
    """A token, as the list shows it; never the token itself."""

    id: str = Field(examples=["tok_k3v8m2q9w7x4z6b5n2dh"])
    title: str = Field(examples=["inventory synchroniser"])
    scopes: list[Scope]
    roles: list[Role] = Field(description="Yours when it was made; one that you lose the token loses too.")
    networks: list[str]
    made: Moment
    expires: Moment
    used: Moment | None = Field(description="The newest use, to the hour; null for never.")
    revoked: Moment | None


class TokenMade(ShownOnce):
    """A new token. It is shown this once."""

    token: str = Field(
        description="Goes into the header `Authorization: Bearer …`.",
        examples=["slg_Zk1wS1VnT0p5bWJ2c2hGb3JFeGFtcGxlT25seVNlY3JldDE"],
    )
    about: TokenView
