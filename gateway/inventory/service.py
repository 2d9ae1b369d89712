"""What there is inside: zones, conduits, targets, their services, accounts and credentials (C4, C49, C52 to C54).

Who may declare is the caller's business; what may be declared is checked here. A decision about something that
another changed meanwhile is refused with Conflict: what people edit has a version. Adding goes with any version.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncssh

from gateway.audit.events.inventory import CredentialUsed
from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.envelope import Envelope, SealBroken
from gateway.errors import NotFound, Refused
from gateway.ids import PersonId, ServiceId, SessionId
from gateway.inventory import sql
from gateway.inventory.host_keys import HostKeys
from gateway.inventory.model import Account, Credential, CredentialKind, HostKey, Service, Target
from gateway.inventory.targets import Targets
from gateway.inventory.vault import Vault
from gateway.inventory.zones import Zones
from gateway.store.db import Store, Tx


class Inventory(Zones, Targets):
    """`actor` is the login name of who declares, `source` where he comes from: both for the audit log."""

    def __init__(
        self, store: Store, audit: AuditLog, clock: Clock, envelope: Envelope, ssh_ca: asyncssh.SSHKey
    ) -> None:
        self._store, self._audit, self._clock = store, audit, clock
        self._vault = Vault(envelope, ssh_ca)
        self._host_keys = HostKeys(store, audit, clock)

    async def credential(
        self,
        tx: Tx | None,
        target: Target,
        account: Account,
        session: SessionId,
        person_name: str,
        valid: timedelta,
    ) -> Credential:
        """What opens `account` for one session: for the connector, never for a person. Its use is on record.

        Args:
            tx: the transaction it is recorded in; None for one of its own.
            valid: what remains until the session's deadline: a certificate is good no longer.

        Raises:
            Refused: the vault cannot open it; NotFound: it is no account of `target` (any more).
        """
        if tx is not None:
            return await self._credential(tx, target, account, session, person_name, valid)
        async with self._store.write() as own:
            return await self._credential(own, target, account, session, person_name, valid)

    async def _credential(
        self, tx: Tx, target: Target, account: Account, session: SessionId, person_name: str, valid: timedelta
    ) -> Credential:
        stored = await sql.sealed(tx, account.id)
        if stored.target != target.id:
            raise NotFound("account")
        name, kind = stored.account.name, stored.account.kind
        used = CredentialUsed(actor=person_name, target=target.name, account=name, kind=kind, session=session)
        if kind is CredentialKind.CERTIFICATE:
            made = self._vault.certify(name, session, person_name, self._clock.now(), valid)
            credential = made.credential
            used = replace(used, serial=str(made.serial), fingerprint=made.fingerprint, valid_until=made.valid_until)
        else:
            credential = self._opened(stored, target)
        await self._audit.append(tx, used)
        return credential

    def _opened(self, stored: sql.Sealed, target: Target) -> Credential:
        account = stored.account
        try:
            return self._vault.open(account.id, account.name, account.kind, stored.secret or b"")
        except SealBroken as error:
            raise Refused(
                "credential_unavailable",
                f"The gateway cannot open the credential of account {account.name} on {target.name}, so it does not "
                "connect. Your access is not at fault. Call the plant: an admin must enter that credential again.",
                detail=str(error),
            ) from None

    async def pinned(self, service_id: ServiceId) -> HostKey | None:
        """None before the first approved use, and after `repin`."""
        return await self._host_keys.pinned(service_id)

    async def check_host_key(self, service: Service, public_line: str, session: SessionId, actor: str) -> None:
        """Pin the key that `service` showed at its first approved use, compare it ever after.

        Call it with no transaction open.

        Raises:
            Refused: `host_key_changed`; the alarm is on record by then. NotFound: no such service (any more).
        """
        await self._host_keys.check(service, public_line, session, actor)

    async def check_certificate(self, service: Service, der: bytes, session: SessionId, actor: str) -> None:
        """The same for the public key of the TLS certificate that an RDP service showed (C52).

        A renewed certificate with the old key passes: what is pinned is the key, not who vouched for it or until when.

        Args:
            der: the leaf certificate.

        Raises:
            Refused: `host_key_changed`; the alarm is on record by then. NotFound: no such service (any more).
        """
        await self._host_keys.check_certificate(service, der, session, actor)

    async def check_public_key(self, service: Service, info: bytes, session: SessionId, actor: str) -> None:
        """The same for the key of standard RDP security, which comes in no X.509 certificate that could be read.

        Args:
            info: SubjectPublicKeyInfo (RFC 5280 4.1.2.7), DER.

        Raises:
            Refused: `host_key_changed`; the alarm is on record by then. NotFound: no such service (any more).
        """
        await self._host_keys.check_public_key(service, info, session, actor)

    async def repin(
        self,
        actor: str,
        service_id: ServiceId,
        *,
        owner: PersonId,
        reason: str,
        fingerprint: str = "",
        source: str = "",
    ) -> None:
        """`owner` accepts that the key changes: the next approved use pins anew, any key or the one of `fingerprint`.

        Raises:
            Refused: `owner` is none of the target's. NotFound: no such service.
        """
        await self._host_keys.release(actor, owner, service_id, reason=reason, fingerprint=fingerprint, source=source)
