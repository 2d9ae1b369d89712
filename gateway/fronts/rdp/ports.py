"""What the RDP front needs of the rest of the house: `identity` and `sessions` fit, and so do the tests' twins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from gateway.fronts import ports
from gateway.identity.model import FactorProof, Person
from gateway.ids import GrantId
from gateway.inventory.model import CryptoProfile
from gateway.sessions.model import Arrival


class Bearer(Protocol):
    """Who a ticket speaks for, and where it leads."""

    @property
    def person(self) -> Person: ...
    @property
    def target(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def grant(self) -> GrantId: ...
    @property
    def proofs(self) -> tuple[FactorProof, ...]: ...


class Tickets(Protocol):
    """One-time log-ons to one target for one person, made by him on the page."""

    async def hash_of(self, ticket: str, source: str, /) -> bytes | None:
        """The NT hash of a ticket's secret; None: unknown, expired, void, or bound to another address."""
        ...

    async def redeem(self, ticket: str, source: str, client: str, /) -> Bearer:
        """Its secret was proved from `source`. Raises `Refused`."""
        ...

    async def redeem_web(self, token: str, person: Person, source: str, client: str, /) -> Bearer:
        """`token` is `id.secret` from the page of `person`, who is signed in. Raises `Refused`."""
        ...

    async def failed(self, ticket: str, source: str, /) -> None:
        """Somebody at `source` named the ticket and could not prove its secret."""
        ...


class Stream(Protocol):
    """The desktop's tap and pause gate."""

    def shown(self, *pdus: bytes) -> None: ...
    def pressed(self, octets: bytes, /) -> bool: ...
    def pointed(self, octets: bytes, /) -> bool: ...
    def stirred(self) -> None: ...
    def clipboard(self, direction: str, text: str, /) -> bool: ...
    def desktop(self, width: int, height: int, /) -> None: ...
    def repaint(self) -> None: ...
    def repainted(self) -> None: ...
    def close(self, status: int | None = None, signal: str = "", /) -> None: ...


class Connection(ports.Connection, Protocol):
    on_viewer: Callable[[], None]

    @property
    def paused(self) -> bool: ...

    def profile(self) -> CryptoProfile: ...
    async def check_certificate(self, der: bytes, /) -> None: ...
    async def check_public_key(self, info: bytes, /) -> None: ...
    def open_stream(self, kind: str, about: Mapping[str, object], /) -> Stream: ...


Visit: TypeAlias = ports.Visit[Connection]


class Sessions(Protocol):
    async def arrive(self, arrival: Arrival, /) -> Visit: ...


class Identity(Protocol):
    async def logged_in(self, person: Person, door: str, client: str, source: str, /) -> None: ...
