"""Who is asking: by the sign-in of a cookie or by an API token, his roles, the CSRF token, the address of the socket.

Every route says with `needs` which scope lets an API token in, or with `SIGNED_IN_ONLY` that none does. One that says
nothing lets none in.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

from gateway.errors import Refused
from gateway.fronts.api.headers import READING
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import ID_CHARACTERS
from gateway.identity.model import Person, Role, Scope, SignIn

COOKIE: Final = "__Host-sluicegate"
CSRF: Final = "X-CSRF-Token"
BEARER: Final = "Authorization"
TOKEN_CHARACTERS: Final = 64  # an API token has 47; a longer one is none


@dataclass(frozen=True, slots=True)
class Asker:
    """The person who asks: in a page, by a sign-in with both factors; or a program of his, by an API token.

    Attributes:
        person: through an API token he has no role that the token has not.
        sign_in: None for a program.
        token: of the cookie; empty for a program.
    """

    person: Person
    source: str
    sign_in: SignIn | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)


class Needs:
    """A mark on a route: an API token must have one of these scopes. `read` suffices where nothing is changed."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = frozenset(scopes)

    def __call__(self) -> None:
        """Says nothing: `asker` reads the mark."""


def needs(*scopes: Scope) -> Any:
    """For the `dependencies` of a router or route; a route's own mark replaces its router's."""
    return Depends(Needs(*scopes))


SIGNED_IN_ONLY: Final = needs()  # what takes a fresh code, makes or ends a sign-in or a token, or is a WebSocket


def scopes_of(dependant: Dependant, method: str) -> frozenset[Scope]:
    """Which scopes let an API token use a route; empty: none does."""
    marks = [d.call.scopes for d in dependant.dependencies if isinstance(d.call, Needs)]
    if not marks or not marks[-1]:
        return frozenset()
    return marks[-1] | {Scope.READ} if method in READING else marks[-1]


def asks(dependant: Dependant) -> bool:
    """Whether a route asks who is asking at all."""
    return dependant.call is asker or any(asks(d) for d in dependant.dependencies)


def not_signed_in() -> Refused:
    return Refused("not_signed_in", "You are not signed in, or your sign-in has ended. Sign in again.")


def services(connection: HTTPConnection) -> Services:
    found: Services = connection.app.state.services
    return found


def source(connection: HTTPConnection) -> str:
    """The address of the socket's peer; no header is believed (decision 7)."""
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Refused("no_source", "The gateway cannot tell where this connection comes from.") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


async def asker(connection: HTTPConnection) -> Asker:
    """Who asks. Standing and source are checked with every request, not only at sign-in.

    Where an API token is shown, the cookie counts for nothing.

    Raises:
        Refused: `not_signed_in`, `not_with_token`, `scope`; or why the token opens nothing.
    """
    if shown := connection.headers.getlist(BEARER):
        return await _program(connection, shown)
    token, address = connection.cookies.get(COOKIE, ""), source(connection)
    if not token:
        raise not_signed_in()
    found = await services(connection).identity.sign_in_of(token, address)
    if found is None:
        raise not_signed_in()
    return Asker(found.person, address, found, token)


async def _program(connection: HTTPConnection, shown: list[str]) -> Asker:
    """Whose API token it is, if the route lets it in."""
    address, tokens = source(connection), services(connection).identity.api_tokens
    scheme, _, secret = shown[0].partition(" ")
    if len(shown) != 1 or scheme.lower() != "bearer":
        raise Refused("bad_api_token", "Give one API token, as `Authorization: Bearer slg_…`.", rule="tokens")
    token, person = await tokens.holder(secret.strip()[:TOKEN_CHARACTERS], address)
    scopes = scopes_of(connection.scope["route"].dependant, connection.scope.get("method", ""))
    if not scopes:
        await tokens.exceeded(token, person, address, "not_with_token")
        words = "No program may do this: a person must, signed in and where it is asked with a fresh code of his."
        raise Refused("not_with_token", words, rule="tokens")
    if not scopes & token.scopes:
        await tokens.exceeded(token, person, address, "scope")
        named = " or ".join(sorted(scopes))
        raise Refused(
            "scope", f"This API token has not the scope {named}. Make one that has, in the page.", rule="tokens"
        )
    return Asker(person, address)


async def checked(request: Request, who: Annotated[Asker, Depends(asker)]) -> Asker:
    """Who asks; for a state change in a page the CSRF header must match the sign-in. No page sends an API token."""
    if request.method not in READING and who.sign_in is not None:
        given = request.headers.get(CSRF, "")
        if not hmac.compare_digest(given.encode(), who.sign_in.csrf.encode()):
            raise Refused("csrf", f"The header {CSRF} does not belong to this sign-in. Load the page again.")
    return who


def role(*roles: Role) -> Callable[[Asker], Awaitable[Asker]]:
    """A dependency that lets only holders of one of `roles` pass. Admin is none of the others (C76)."""
    needed = frozenset(roles)

    async def holder(who: Annotated[Asker, Depends(checked)]) -> Asker:
        if not who.person.roles & needed:
            names = " or ".join(r.value for r in roles)
            raise Refused("not_your_role", f"This is for the role {names}.", rule="roles")
        return who

    return holder


def no_odd_query(request: Request) -> None:
    """Refuse query parameters that the route does not know, and repeated ones (GHSA-6rp5-ff2m-qfrm)."""
    known = _query_names(request.scope["route"].dependant)
    given = [name for name, _ in request.query_params.multi_items()]
    odd = [name for name in dict.fromkeys(given) if name not in known or given.count(name) > 1]
    if odd:
        raise RequestValidationError(
            [{"type": "odd", "loc": ("query", name), "msg": "not a parameter here, or given twice"} for name in odd]
        )


def _query_names(dependant: Dependant) -> frozenset[str]:
    own = {field.alias for field in dependant.query_params}
    return frozenset(own).union(*(_query_names(d) for d in dependant.dependencies))


Everything = Annotated[Services, Depends(services)]
Source = Annotated[str, Depends(source)]
Anyone = Annotated[Asker, Depends(checked)]
Operator = Annotated[Asker, Depends(role(Role.OPERATOR))]
Auditor = Annotated[Asker, Depends(role(Role.AUDITOR))]
Admin = Annotated[Asker, Depends(role(Role.ADMIN))]
Id = Annotated[str, Path(max_length=ID_CHARACTERS)]
