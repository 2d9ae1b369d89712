"""The pinned identity of a service (C52): learnt at the first approved use, blocked when it changes.

The key is the target's own word for who it is. A changed one is a new machine, a new installation, or somebody in
between; which of them, only the plant can find out. So nothing is learnt silently, and no front may go round this.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from sqlalchemy import Row, select, update

from gateway.audit.events.inventory import HostKeyChanged, HostKeyPinned, HostKeyReleased
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.errors import Conflict, NotFound, Refused
from gateway.ids import PersonId, ServiceId, SessionId
from gateway.inventory import checks, sql
from gateway.inventory import tables as t
from gateway.inventory.model import HostKey, Protocol, Service
from gateway.store.db import Store, Tx
from gateway.words import printable, sentence

RULE = "C52"


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known of a service's key. `public` is empty when none is pinned."""

    target: str
    protocol: Protocol
    public: str
    fingerprint: str
    expected: str


class HostKeys:
    def __init__(self, store: Store, audit: AuditLog, clock: Clock) -> None:
        self._store, self._audit, self._clock = store, audit, clock

    async def pinned(self, service: ServiceId) -> HostKey | None:
        """None before the first approved use, and after an owner released it."""
        async with self._store.read() as tx:
            row = (await tx.execute(select(t.host_keys).where(t.host_keys.c.service == service))).one_or_none()
        return _host_key(row) if row is not None and row.public else None

    async def check(self, service: Service, public_line: str, session: SessionId, actor: str) -> None:
        """Pin the key that `service` showed, or compare it with the pinned one.

        Raises:
            Refused: `host_key_changed`; the alarm is on record by then.
            NotFound: no such service (any more).
        """
        await self._check(service, *_read(public_line), session, actor)

    async def check_certificate(self, service: Service, der: bytes, session: SessionId, actor: str) -> None:
        """As `check`, for the public key of a TLS certificate."""
        await self._check(service, *_read_certificate(der), session, actor)

    async def check_public_key(self, service: Service, info: bytes, session: SessionId, actor: str) -> None:
        """As `check`, for a SubjectPublicKeyInfo in DER that came in no X.509 certificate."""
        await self._check(service, *_pin(info), session, actor)

    async def _check(self, service: Service, public: str, fingerprint: str, session: SessionId, actor: str) -> None:
        async with self._store.read() as tx:
            known = (await _place(tx, service.id)).public
        if known and known == public:  # every use but the first and the bad ones: no turn at writing is needed
            return
        async with self._store.write() as tx:
            place = await _place(tx, service.id)
            if place.public:
                accepted = public == place.public
            else:
                accepted = bool(public) and place.expected in {"", fingerprint}
                if accepted:
                    key = HostKey(service.id, public, fingerprint, self._clock.now(), session)
                    await self._pin(tx, place, key, actor)
            if not accepted:
                expected = place.fingerprint or place.expected
                await self._audit.append(
                    tx,
                    HostKeyChanged(
                        actor=actor,
                        target=place.target,
                        service=service.id,
                        expected=expected,
                        offered=fingerprint,
                        session=session,
                    ),
                )
        if not accepted:  # after the commit: raised inside, it would take the alarm with it
            raise Refused("host_key_changed", _words(place), rule=RULE, detail=f"{expected} -> {fingerprint}")

    async def release(
        self, actor: str, owner: PersonId, service: ServiceId, *, reason: str, fingerprint: str, source: str
    ) -> None:
        """An owner of the target accepts that its key changes: the next approved use pins anew.

        Args:
            fingerprint: the only key to be pinned then, read at the machine itself; empty for any.

        Raises:
            Refused: `owner` is none of the target's.
        """
        reason = sentence("reason", reason)
        async with self._store.write() as tx:
            place = await _place(tx, service)
            fingerprint = checks.fingerprint(fingerprint, place.protocol)
            if owner not in (await sql.target_named(tx, place.target)).owners:
                words = f"Only an owner of {place.target} can accept a changed host key. Ask one of them."
                raise Refused("not_owner", words, rule=RULE)
            unpinned = {"public": "", "fingerprint": "", "pinned": None, "session": None, "expected": fingerprint}
            await _move(tx, service, place.public, unpinned)
            await self._audit.append(
                tx,
                HostKeyReleased(
                    actor=actor,
                    source=source,
                    target=place.target,
                    service=service,
                    before=place.fingerprint,
                    fingerprint=fingerprint,
                    reason=reason,
                ),
            )

    async def _pin(self, tx: Tx, place: _Place, key: HostKey, actor: str) -> None:
        values = {
            "public": key.public,
            "fingerprint": key.fingerprint,
            "pinned": key.pinned,
            "session": key.session,
            "expected": "",
        }
        await _move(tx, key.service, "", values)
        await self._audit.append(
            tx,
            HostKeyPinned(
                actor=actor, target=place.target, service=key.service, fingerprint=key.fingerprint, session=key.session
            ),
        )


async def _place(tx: Tx, service: ServiceId) -> _Place:
    joined = (
        select(t.host_keys, t.targets.c.name.label("target"), t.services.c.protocol)
        .join(t.services, t.services.c.id == t.host_keys.c.service)
        .join(t.targets, t.targets.c.id == t.services.c.target)
        .where(t.host_keys.c.service == service)
    )
    row = (await tx.execute(joined)).one_or_none()
    if row is None:
        raise NotFound("service")
    return _Place(row.target, Protocol(row.protocol), row.public, row.fingerprint, row.expected)


async def _move(tx: Tx, service: ServiceId, seen: str, values: dict[str, Any]) -> None:
    """Compare-and-set on the key that the decision was made on."""
    where = (t.host_keys.c.service == service) & (t.host_keys.c.public == seen)
    if (await tx.execute(update(t.host_keys).where(where).values(**values))).rowcount != 1:
        raise Conflict(sql.CHANGED)


def _host_key(row: Row[Any]) -> HostKey:
    return HostKey(ServiceId(row.service), row.public, row.fingerprint, row.pinned, SessionId(row.session))


def _read(public_line: str) -> tuple[str, str]:
    """The key in its one spelling, without comment, and its fingerprint; empty when it is no key."""
    try:
        key = asyncssh.import_public_key(public_line)
    except asyncssh.KeyImportError:
        return "", ""
    kind, octets = key.export_public_key("openssh").decode().split()[:2]
    return f"{kind} {octets}", key.get_fingerprint()


def _read_certificate(der: bytes) -> tuple[str, str]:
    """The SubjectPublicKeyInfo (RFC 5280 4.1.2.7) of a certificate and its fingerprint; empty when it is none."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        octets = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return "", ""
    return _pin(octets)


def _pin(octets: bytes) -> tuple[str, str]:
    digest = base64.b64encode(hashlib.sha256(octets).digest()).decode().removesuffix("=")
    return f"spki {base64.b64encode(octets).decode()}", f"SPKI-SHA256:{digest}"


def _words(place: _Place) -> str:
    """For the person in the session. It names no address and no key: whom to call is what he needs."""
    target = printable(place.target)
    key = "certificate" if place.protocol is Protocol.RDP else "host key"
    return (
        f"Target {target} did not show the {key} that this gateway knows it by, so nothing was sent to "
        "it: it may have been installed anew, or it may be another machine. Your access is not at fault. Call the "
        f"person at the plant who approved it: an owner of {target} must accept the new key first."
    )
