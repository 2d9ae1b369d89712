"""Targets, their services and their accounts.

A target is never deleted, for grants and recordings name it; services and accounts may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway.audit.events import inventory as events
from gateway.audit.log import AuditLog
from gateway.errors import Invalid, NotFound
from gateway.ids import AccountId, PersonId, ServiceId, TargetId, new_id
from gateway.inventory import checks, sql
from gateway.inventory.exceptions import Exceptions
from gateway.inventory.model import (
    Account,
    CredentialKind,
    CryptoProfile,
    Protocol,
    Service,
    Target,
    TargetClass,
    Tier,
)
from gateway.inventory.vault import Vault
from gateway.store.db import Store
from gateway.words import name as checked_name
from gateway.words import sentence


class Targets(Exceptions):
    """The part of `Inventory` that knows the machines."""

    _store: Store
    _audit: AuditLog
    _vault: Vault

    async def target_named(self, name: str) -> Target:
        """Raises NotFound: no such target."""
        async with self._store.read() as tx:
            return await sql.target_named(tx, name)

    async def targets(self) -> list[Target]:
        async with self._store.read() as tx:
            return await sql.targets(tx)

    async def add_target(
        self,
        actor: str,
        name: str,
        title: str,
        zone: str,
        tier: Tier,
        target_class: TargetClass,
        owners: Iterable[PersonId],
        *,
        source: str = "",
    ) -> Target:
        """Raises Invalid: a name that is taken, or owners that are none; NotFound: no such zone."""
        checked_name("name", name)
        title, answering = sentence("title", title), checks.owners(owners)
        async with self._store.write() as tx:
            within = await sql.zone_named(tx, zone)
            if await sql.targets(tx, name):
                raise Invalid("name", f"target {name} is there already")
            made = Target(TargetId(new_id("tgt")), name, title, within, tier, target_class, answering, (), ())
            await sql.put_target(tx, made)
            event = events.TargetAdded(
                actor=actor,
                source=source,
                target=name,
                title=title,
                zone=zone,
                tier=tier,
                target_class=target_class,
                owners=answering,
            )
            await self._audit.append(tx, event)
        return made

    async def change_target(
        self,
        actor: str,
        name: str,
        version: int,
        *,
        title: str,
        zone: str,
        tier: Tier,
        target_class: TargetClass,
        owners: Iterable[PersonId],
        source: str = "",
    ) -> Target:
        """All of it at once, decided on `version`; the name stays for ever.

        Raises:
            Conflict: it has another version.
        """
        title, answering = sentence("title", title), checks.owners(owners)
        async with self._store.write() as tx:
            was = await sql.target_named(tx, name)
            within = await sql.zone_named(tx, zone)
            now = replace(
                was,
                title=title,
                zone=within,
                tier=tier,
                target_class=target_class,
                owners=answering,
                version=version + 1,
            )
            await sql.change_target(tx, now)
            event = events.TargetChanged(
                actor=actor,
                source=source,
                target=name,
                title=title,
                zone=zone,
                tier=tier,
                target_class=target_class,
                owners=answering,
                tier_before=was.tier,
                owners_before=was.owners,
            )
            await self._audit.append(tx, event)
        return now

    async def add_service(
        self,
        actor: str,
        target_name: str,
        protocol: Protocol,
        address: str,
        port: int,
        profile: CryptoProfile = CryptoProfile.MODERN,
        *,
        name: str = "",
        fingerprint: str = "",
        source: str = "",
    ) -> Service:
        """One of SSH and one of RDP; of TCP as many as have names.

        Args:
            name: of a TCP service, for people and policies to name it by; the others are called as their protocol is.
            fingerprint: of the host key (RDP: of the certificate's public key) that alone may be pinned at the first
                use; empty for any.

        Raises:
            Invalid: no literal address, no port, no name, `legacy` for what is not RDP, or a name that the target has;
            NotFound: no such target.
        """
        address, expected = checks.address(address), checks.fingerprint(fingerprint, protocol)
        profile = checks.profile(profile, protocol)
        named = checks.service_name(protocol, name)
        service = Service(ServiceId(new_id("svc")), named, protocol, address, checks.port(port), profile)
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            if target.named(named) is not None:
                field = "name" if protocol is Protocol.TCP else "protocol"
                raise Invalid(field, f"{target_name} has its {named} service already; change that")
            await sql.touch(tx, target.id, None)
            await sql.put_service(tx, target.id, service, expected)
            event = events.ServiceAdded(actor=actor, source=source, target=target_name, **_of_service(service))
            await self._audit.append(tx, event)
        return service

    async def change_service(
        self,
        actor: str,
        target_name: str,
        version: int,
        service: ServiceId,
        *,
        address: str,
        port: int,
        profile: CryptoProfile,
        source: str = "",
    ) -> Service:
        """Decided on `version` of the target. The pinned host key stays: a new address must show the old key.

        Args:
            profile: `legacy` lets nobody in but under an exception of its own (C51).

        Raises:
            Conflict: the target has another version; NotFound: no such service of it; Invalid: no literal address, no
                port, or `legacy` for what is not RDP.
        """
        address, port = checks.address(address), checks.port(port)
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            was = _service(target, service)
            now = replace(was, address=address, port=port, profile=checks.profile(profile, was.protocol))
            await sql.touch(tx, target.id, version)
            await sql.change_service(tx, now)
            event = events.ServiceChanged(actor=actor, source=source, target=target_name, **_of_service(now))
            await self._audit.append(tx, event)
        return now

    async def remove_service(
        self, actor: str, target_name: str, version: int, service: ServiceId, *, source: str = ""
    ) -> None:
        """With its pinned host key and the exceptions that were for it alone. Raises as `change_service`."""
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            was = _service(target, service)
            await sql.touch(tx, target.id, version)
            await self.without_service(tx, target, was, actor, source)
            await sql.remove_service(tx, service)
            event = events.ServiceRemoved(
                actor=actor, source=source, target=target_name, service=service, protocol=was.protocol
            )
            await self._audit.append(tx, event)

    async def add_account(
        self,
        actor: str,
        target_name: str,
        name: str,
        kind: CredentialKind,
        secret: bytes | None = None,
        *,
        source: str = "",
    ) -> Account:
        """The first account of a target that opens a service is the default there.

        Raises:
            Invalid: a name that is taken or none, or a secret that cannot be of `kind`; NotFound: no such target.
        """
        account = Account(AccountId(new_id("acc")), checks.account(name), kind)
        sealed = self._vault.seal(account.id, kind, secret)
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            if any(a.name == name for a in target.accounts):
                raise Invalid("name", f"{target_name} has an account {name} already; change that")
            await sql.touch(tx, target.id, None)
            await sql.put_account(tx, target.id, account, sealed)
            event = events.AccountAdded(actor=actor, source=source, target=target_name, account=name, kind=kind)
            await self._audit.append(tx, event)
        return account

    async def change_account(
        self,
        actor: str,
        target_name: str,
        version: int,
        name: str,
        kind: CredentialKind,
        secret: bytes | None = None,
        *,
        source: str = "",
    ) -> Account:
        """Another credential opens it from the next session on.

        Raises:
            Conflict: the target has another version; NotFound: no such account; Invalid: as `add_account`.
        """
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            was = _account(target, name)
            now = replace(was, kind=kind)
            await sql.touch(tx, target.id, version)
            await sql.change_account(tx, now, self._vault.seal(now.id, kind, secret))
            event = events.AccountChanged(
                actor=actor, source=source, target=target_name, account=name, kind=kind, kind_before=was.kind
            )
            await self._audit.append(tx, event)
        return now

    async def remove_account(self, actor: str, target_name: str, version: int, name: str, *, source: str = "") -> None:
        """With what was sealed for it. Raises as `change_account`."""
        async with self._store.write() as tx:
            target = await sql.target_named(tx, target_name)
            was = _account(target, name)
            await sql.touch(tx, target.id, version)
            await sql.remove_account(tx, was.id)
            event = events.AccountRemoved(actor=actor, source=source, target=target_name, account=name)
            await self._audit.append(tx, event)


def _service(target: Target, service: ServiceId) -> Service:
    found = next((s for s in target.services if s.id == service), None)
    if found is None:
        raise NotFound("service")
    return found


def _account(target: Target, name: str) -> Account:
    found = next((a for a in target.accounts if a.name == name), None)
    if found is None:
        raise NotFound("account")
    return found


def _of_service(service: Service) -> dict[str, Any]:
    return {
        "service": service.id,
        "protocol": service.protocol,
        "address": service.address,
        "port": service.port,
        "profile": service.profile,
    }
