"""Sites, zones, conduits, targets, services, accounts, host keys. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.ids import AccountId, ExceptionId, PersonId, ServiceId, SessionId, TargetId


class Tier(StrEnum):
    """How much a mistake on the target costs; picks the default policy."""

    T0 = "T0"  # monitoring, historian
    T1 = "T1"  # engineering workstation of a standard cell
    T2 = "T2"  # critical process
    T3 = "T3"  # safety, operator stations


class TargetClass(StrEnum):
    WORKSTATION = "workstation"  # engineering workstation
    SERVER = "server"
    OPERATOR_STATION = "operator_station"
    HMI = "hmi"
    HISTORIAN = "historian"


class Protocol(StrEnum):
    SSH = "ssh"
    RDP = "rdp"
    TCP = "tcp"


class CryptoProfile(StrEnum):
    """Which cryptography the gateway accepts from a service of a target (C49). Never applies towards the world."""

    MODERN = "modern"
    COMPAT = "compat"
    LEGACY = "legacy"  # RDP: TLS 1.0 and standard RDP security, while an exception covers it (C50, C51)


LEGACY_CRYPTO: Final = "legacy-crypto"  # the kind of exception that the profile `legacy` needs


class CredentialKind(StrEnum):
    PASSWORD = "password"
    PRIVATE_KEY = "private_key"
    CERTIFICATE = "certificate"  # short-lived, by the gateway's own SSH CA; nothing stored


@dataclass(frozen=True, slots=True)
class Zone:
    """IEC 62443 zone. `level` is the Purdue level, e.g. "2", "3.5"."""

    name: str
    title: str
    level: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Conduit:
    """An allowed path from zone `source` to zone `destination` for `protocols` (C4)."""

    source: str
    destination: str
    protocols: frozenset[Protocol]


@dataclass(frozen=True, slots=True)
class Service:
    """One protocol and port of a target. `address` is a literal IP: the gateway looks nothing up in the plant.

    Attributes:
        name: unique on its target: the protocol's own for SSH and RDP, what the admin calls it for TCP.
    """

    id: ServiceId
    name: str
    protocol: Protocol
    address: str
    port: int
    profile: CryptoProfile = CryptoProfile.MODERN


class ExceptionState(StrEnum):
    PROPOSED = "proposed"
    LIVE = "live"
    ENDED = "ended"  # by somebody, accepted or not
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityException:
    """A rule that does not hold for a target, for a while and for a reason (C34).

    Attributes:
        kind: `legacy-crypto`, or a word of the site's own that its policies name.
        service: name of the only service that it is for; empty for the target as a whole.
        clause: which requirement is set off, e.g. "IEC 62443-3-3 SR 4.3"; may be empty.
        compensation: what is done instead.
        accepted_by: an owner of the target, never `proposed_by`; None while nobody accepted it.
        expires: no later than a year after it was proposed.
        ended_by: None when its time was over, when its service was taken away, and while it is not over.
    """

    id: ExceptionId
    target: TargetId
    kind: str
    service: str = ""
    reason: str
    clause: str = ""
    compensation: str
    proposed_by: PersonId
    proposed: datetime
    expires: datetime
    accepted_by: PersonId | None = None
    accepted: datetime | None = None
    ended_by: PersonId | None = None
    ended: datetime | None = None
    ended_reason: str = ""

    def live(self, at: datetime) -> bool:
        """Whether it holds then: accepted, not ended, not expired."""
        return self.accepted is not None and self.accepted <= at < self.expires and self.ended is None

    def state(self, at: datetime) -> ExceptionState:
        if self.live(at):
            return ExceptionState.LIVE
        if self.ended is not None and self.ended < self.expires:
            return ExceptionState.ENDED
        return ExceptionState.EXPIRED if self.expires <= at else ExceptionState.PROPOSED


@dataclass(frozen=True, slots=True)
class Account:
    """A log-in on the target. What opens it is sealed in the vault and is never shown (C53)."""

    id: AccountId
    name: str
    kind: CredentialKind

    def opens(self, protocol: Protocol) -> bool:
        """CredSSP and the log-on of a desktop take a password and nothing else; a forward logs in nowhere."""
        return protocol is Protocol.SSH or (protocol is Protocol.RDP and self.kind is CredentialKind.PASSWORD)


@dataclass(frozen=True, slots=True)
class Target:
    """A machine inside.

    Attributes:
        owners: who may approve access to it.
        accounts: the first that opens a service is the default there.
        exceptions: those that were accepted and not ended; whether one is live, its own clock says.
    """

    id: TargetId
    name: str
    title: str
    zone: Zone
    tier: Tier
    target_class: TargetClass
    owners: frozenset[PersonId]
    services: tuple[Service, ...]
    accounts: tuple[Account, ...]
    version: int = 1
    exceptions: tuple[SecurityException, ...] = ()

    def service(self, protocol: Protocol) -> Service | None:
        """The one of SSH or RDP; of TCP, which may have several, the first by name."""
        return next((s for s in self.services if s.protocol is protocol), None)

    def named(self, name: str) -> Service | None:
        return next((s for s in self.services if s.name == name), None)

    def held(self, services: Collection[str], at: datetime) -> tuple[SecurityException, ...]:
        """The exceptions that hold then for what uses the services of these names."""
        return tuple(e for e in self.exceptions if e.live(at) and (not e.service or e.service in services))

    def profile_of(self, service: Service, at: datetime) -> CryptoProfile | None:
        """What is accepted from `service` then; None: nothing, for it has no exception that it needs (C51)."""
        excepted = any(e.kind == LEGACY_CRYPTO for e in self.held({service.name}, at))
        return None if service.profile is CryptoProfile.LEGACY and not excepted else service.profile

    def accounts_for(self, protocol: Protocol) -> tuple[Account, ...]:
        """Those that open `protocol`, the default first."""
        return tuple(a for a in self.accounts if a.opens(protocol))

    def account(self, protocol: Protocol, name: str = "") -> Account | None:
        """The account called `name`, or the default one, if it opens `protocol`."""
        return next((a for a in self.accounts_for(protocol) if not name or a.name == name), None)


@dataclass(frozen=True, slots=True)
class Credential:
    """An opened credential, for the connector alone. `secret` never appears in a repr, a log or a page.

    Attributes:
        secret: password, or private key in OpenSSH form.
        certificate: OpenSSH certificate line for a key made for this one session; empty for none.
        domain: Windows domain or machine that the account belongs to; empty for none, or while it is in `account`.
    """

    account: str
    kind: CredentialKind
    secret: bytes
    certificate: str = ""
    domain: str = ""

    def for_windows(self) -> Credential:
        """With the domain apart, as Windows wants it: `PLANT\\engineer` is `engineer` of `PLANT`.

        A name of the form `engineer@plant.example` (UPN) stays whole: Windows finds its domain itself.
        """
        domain, _, account = self.account.rpartition("\\")
        return replace(self, account=account, domain=domain)

    def __repr__(self) -> str:
        return f"Credential(account={self.account!r}, kind={self.kind}, secret=***)"


@dataclass(frozen=True, slots=True)
class HostKey:
    """The pinned identity of a service (C52)."""

    service: ServiceId
    public: str  # OpenSSH one-line form; of RDP `spki` and the SubjectPublicKeyInfo, DER in base64
    fingerprint: str  # `SHA256:…`; of RDP `SPKI-SHA256:…`
    pinned: datetime
    session: SessionId  # the first approved use
