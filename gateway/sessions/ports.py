"""What the session core needs of the packages below it. They fit these shapes without importing them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol as Port

from gateway.access.model import AccessRequest, Block, Grant, GrantState, Release
from gateway.clock import Instant
from gateway.identity.model import FactorProof, Person
from gateway.ids import GrantId, PersonId, RequestId, SessionId, TargetId
from gateway.inventory.model import Account, Credential, Protocol, Service, Target
from gateway.policy.model import Decision, Question
from gateway.store.db import Tx


class Rulebook(Port):
    def decide(self, q: Question, at: datetime, *, explained: bool = True) -> Decision: ...


class People(Port):
    async def person(self, person_id: PersonId, /) -> Person: ...


class Places(Port):
    async def target_named(self, name: str, /) -> Target: ...

    async def targets(self) -> list[Target]: ...

    async def conduit_permits(self, source: str, destination: str, protocol: Protocol, /) -> bool: ...

    async def credential(
        self, tx: Tx | None, target: Target, account: Account, session: SessionId, person_name: str, valid: timedelta, /
    ) -> Credential: ...

    async def check_host_key(self, service: Service, public_line: str, session: SessionId, actor: str, /) -> None: ...

    async def check_certificate(self, service: Service, der: bytes, session: SessionId, actor: str, /) -> None: ...
    async def check_public_key(self, service: Service, info: bytes, session: SessionId, actor: str, /) -> None: ...


class Permissions(Port):
    """Access requests, grants and releases."""

    async def grant_for(
        self, tx: Tx, person_id: PersonId, target_id: TargetId, protocol: Protocol, at: datetime, account: str = "", /
    ) -> Grant | None: ...

    async def request_open(
        self, tx: Tx, person_id: PersonId, target_id: TargetId, protocol: Protocol, /
    ) -> AccessRequest | None: ...

    async def armed(self, tx: Tx, grant_id: GrantId, at: Instant, /) -> Release | None: ...

    async def start(
        self, tx: Tx, grant: Grant, release: Release | None, session_id: SessionId, at: Instant, /
    ) -> Grant: ...

    async def blocked(self, tx: Tx, person: Person, target: Target, /) -> Block | None: ...

    async def block(
        self, actor: Person, kind: str, name: str, until: datetime | None, reason: str, source: str, /
    ) -> Block: ...

    async def extend(
        self, grant_id: GrantId, approver: Person, proof: FactorProof, by: timedelta, reason: str, /
    ) -> Grant: ...

    async def grant(self, grant_id: GrantId, /) -> Grant: ...

    async def request(self, request_id: RequestId, /) -> AccessRequest: ...

    async def grants(
        self, *, person: PersonId | None = None, states: frozenset[GrantState] | None = None
    ) -> list[Grant]: ...
