"""Who is asking: the sign-in of the cookie, his roles, the CSRF token, the address of the socket."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Path, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

from gateway.errors import Refused
from gateway.fronts.api.headers import READING
from gateway.fronts.api.services import Services
from gateway.fronts.api.views.common import ID_CHARACTERS
from gateway.identity.model import Person, Role, SignIn

COOKIE: Final = "__Host-sluicegate"
CSRF: Final = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Asker:
    """The person who asks, by a sign-in with both factors."""

    sign_in: SignIn = field(repr=False)
    source: str
    token: str = field(repr=False)

    @property
    def person(self) -> Person:
        return self.sign_in.person


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

    Raises:
        Refused: `not_signed_in`.
    """
    token, address = connection.cookies.get(COOKIE, ""), source(connection)
    if not token:
        raise not_signed_in()
    found = await services(connection).identity.sign_in_of(token, address)
    if found is None:
        raise not_signed_in()
    return Asker(found, address, token)


async def checked(request: Request, who: Annotated[Asker, Depends(asker)]) -> Asker:
    """Who asks; for a state change the CSRF header must match the sign-in."""
    if request.method not in READING:
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
