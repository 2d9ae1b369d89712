"""Page sessions: a token of 256 bits in a cookie, stored as its digest, bound to one person and one address."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from gateway.audit.events.identity import SignInClosed, SignInMisused, SignInOpened
from gateway.audit.model import CLOCK, GATEWAY
from gateway.clock import Deadline, Instant
from gateway.errors import Refused
from gateway.identity import login, sql
from gateway.identity import sql_tokens as tokens
from gateway.identity.base import Part
from gateway.identity.doors import CLIENT_CHARACTERS, Doors
from gateway.identity.lockout import network
from gateway.identity.model import FactorProof, Person, SignIn
from gateway.identity.one_time import OCTETS, digest
from gateway.identity.sql_tokens import Opened
from gateway.ids import new_id
from gateway.limits import SIGN_IN_IDLE, SIGN_IN_LIFE
from gateway.store.db import Tx
from gateway.words import printable

KIND: Final = "sign-in"
TOUCH: Final = timedelta(minutes=1)  # a request moves the idle limit at most this often


class SignIns(Doors, Part):
    """INVARIANT: a sign-in answers for a person who may come in now, from where he opened it, within both limits."""

    async def open_sign_in(
        self, person: Person, proofs: tuple[FactorProof, ...], source: str, client: str
    ) -> tuple[str, SignIn]:
        """A page session for who showed both factors; the token is told here and nowhere else.

        Raises:
            Refused: as `admit`.
        """
        token, now = secrets.token_urlsafe(OCTETS), self._clock.instant()
        client = printable(client[:CLIENT_CHARACTERS])
        opened = Opened(
            digest(KIND, token),
            new_id("sgn"),
            person.id,
            source,
            client,
            now.wall,
            life=Deadline.after(now, SIGN_IN_LIFE),
            idle=Deadline.after(now, SIGN_IN_IDLE),
        )
        async with self._store.write() as tx:
            admitted = await self._admission(tx, person.name, tuple(proofs), source)
            if isinstance(admitted, Person):
                await tokens.forget_sign_ins(tx, now.wall - SIGN_IN_LIFE)
                await tokens.open_sign_in(tx, opened)
                event = SignInOpened(
                    actor=person.name, source=source, person=person.name, sign_in=opened.id, client=client
                )
                await self._audit.append(tx, event)
        if isinstance(admitted, Refused):
            raise admitted
        return token, _shown(opened, admitted, token)

    async def sign_in_of(self, token: str, source: str) -> SignIn | None:
        """Whose page session `token` is; None when it is nobody's any more. Asking keeps it from idling."""
        now = self._clock.instant()
        async with self._store.read() as tx:
            opened = await tokens.sign_in(tx, digest(KIND, token))
            person = await sql.person(tx, opened.person) if opened else None
        if opened is None or person is None:
            return None
        if network(opened.source) != network(source):
            await self._misused(opened, person, source)
            return None
        if over := _over(opened, person, source, now):
            async with self._store.write() as tx:
                await self._close(tx, opened, person, CLOCK, over)
            return None
        if opened.idle.remaining(now) < SIGN_IN_IDLE - TOUCH:
            async with self._store.write() as tx:
                await tokens.touch_sign_in(tx, opened.digest, Deadline.after(now, SIGN_IN_IDLE))
        return _shown(opened, person, token)

    async def close_sign_in(self, token: str) -> None:
        """He signed out. Closing what is not open does nothing."""
        async with self._store.write() as tx:
            opened = await tokens.sign_in(tx, digest(KIND, token))
            person = await sql.person(tx, opened.person) if opened else None
            if opened and person:
                await self._close(tx, opened, person, person.name, "signed_out")

    async def _close(self, tx: Tx, opened: Opened, person: Person, actor: str, reason: str) -> None:
        if await tokens.close_sign_in(tx, opened.digest):
            event = SignInClosed(actor=actor, person=person.name, sign_in=opened.id, reason=reason)
            await self._audit.append(tx, event)

    async def _misused(self, opened: Opened, person: Person, source: str) -> None:
        """The session stays: closing it would let a thief of the token throw the person out."""
        async with self._store.write() as tx:
            event = SignInMisused(
                actor=GATEWAY, source=source, person=person.name, sign_in=opened.id, opened_from=opened.source
            )
            await self._audit.append(tx, event)


def _over(opened: Opened, person: Person, source: str, now: Instant) -> str:
    """Why the session has ended; empty while it goes on."""
    if opened.life.passed(now):
        return "life"
    if opened.idle.passed(now):
        return "idle"
    return "standing" if login.standing(person, source, now.wall) else ""


def _shown(opened: Opened, person: Person, token: str) -> SignIn:
    csrf = hashlib.sha256(f"csrf\0{token}".encode()).hexdigest()
    return SignIn(opened.id, person, opened.source, opened.client, opened.opened, opened.life.wall, csrf)
