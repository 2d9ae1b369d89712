"""What is audited of zones, conduits, targets, services, accounts, credentials and host keys: subject 2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAdded(AuditEvent):
    name: ClassVar[str] = "inventory.zone.added"
    code: ClassVar[str] = "GW2001I"
    zone: str
    title: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChanged(AuditEvent):
    """The values are those from now on."""

    name: ClassVar[str] = "inventory.zone.changed"
    code: ClassVar[str] = "GW2002I"
    zone: str
    title: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConduitAdded(AuditEvent):
    name: ClassVar[str] = "inventory.conduit.added"
    code: ClassVar[str] = "GW2003I"
    from_zone: str
    to_zone: str
    protocols: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConduitChanged(AuditEvent):
    """No protocols: there is no conduit between the two zones any more."""

    name: ClassVar[str] = "inventory.conduit.changed"
    code: ClassVar[str] = "GW2004I"
    from_zone: str
    to_zone: str
    protocols: frozenset[str]
    before: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAdded(AuditEvent):
    name: ClassVar[str] = "inventory.target.added"
    code: ClassVar[str] = "GW2010I"
    target: str
    title: str
    zone: str
    tier: str
    target_class: str
    owners: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanged(AuditEvent):
    """The values are those from now on; tier and owners before are named, for they decide who gets in."""

    name: ClassVar[str] = "inventory.target.changed"
    code: ClassVar[str] = "GW2011I"
    target: str
    title: str
    zone: str
    tier: str
    target_class: str
    owners: frozenset[str]
    tier_before: str
    owners_before: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAdded(AuditEvent):
    name: ClassVar[str] = "inventory.service.added"
    code: ClassVar[str] = "GW2020I"
    target: str
    service: str
    protocol: str
    address: str
    port: int
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChanged(AuditEvent):
    """The values are those from now on. The pinned host key stays: a new address must show the old key."""

    name: ClassVar[str] = "inventory.service.changed"
    code: ClassVar[str] = "GW2021I"
    target: str
    service: str
    protocol: str
    address: str
    port: int
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRemoved(AuditEvent):
    name: ClassVar[str] = "inventory.service.removed"
    code: ClassVar[str] = "GW2022I"
    target: str
    service: str
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdded(AuditEvent):
    name: ClassVar[str] = "inventory.account.added"
    code: ClassVar[str] = "GW2030I"
    target: str
    account: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged(AuditEvent):
    """Another credential opens it from now on."""

    name: ClassVar[str] = "inventory.account.changed"
    code: ClassVar[str] = "GW2031I"
    target: str
    account: str
    kind: str
    kind_before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRemoved(AuditEvent):
    name: ClassVar[str] = "inventory.account.removed"
    code: ClassVar[str] = "GW2032I"
    target: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUsed(AuditEvent):
    """Opened for the connector of one session: it answers who was `account` on `target` (C54).

    Attributes:
        actor: the person in the session; he never sees it.
        serial, fingerprint, valid_until: of a certificate, as the target's own log names them; empty otherwise.
    """

    name: ClassVar[str] = "inventory.credential.used"
    code: ClassVar[str] = "GW2040I"
    target: str
    account: str
    kind: str
    session: str
    serial: str = ""
    fingerprint: str = ""
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeyPinned(AuditEvent):
    name: ClassVar[str] = "inventory.host_key.pinned"
    code: ClassVar[str] = "GW2050I"
    target: str
    service: str
    fingerprint: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeyChanged(AuditEvent):
    """Alarm: a service showed another key than the pinned or the announced one, and was not connected (C52).

    Attributes:
        offered: fingerprint of what it showed; empty when that was no key.
    """

    name: ClassVar[str] = "inventory.host_key.changed"
    code: ClassVar[str] = "GW2051W"
    target: str
    service: str
    expected: str
    offered: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeyReleased(AuditEvent):
    """An owner accepts that the key changes: the next approved use pins anew.

    Attributes:
        fingerprint: the only key that will be pinned; empty for any.
    """

    name: ClassVar[str] = "inventory.host_key.released"
    code: ClassVar[str] = "GW2052I"
    target: str
    service: str
    before: str
    fingerprint: str
    reason: str
