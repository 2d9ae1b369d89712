"""Events of the policy (GW7...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoaded(AuditEvent):
    """From here on decisions are made by `version`. `previous` is empty at the start of the gateway."""

    name: ClassVar[str] = "policy.set.loaded"
    code: ClassVar[str] = "GW7001I"

    version: str
    rules: tuple[str, ...]
    previous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRefused(AuditEvent):
    """The folder is not right and was not loaded; `version` stays in force, empty when there is none."""

    name: ClassVar[str] = "policy.set.refused"
    code: ClassVar[str] = "GW7002E"

    file: str
    reason: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProposed(AuditEvent):
    """A draft: `version` is the beginning of `digest`, which is over every file."""

    name: ClassVar[str] = "policy.version.proposed"
    code: ClassVar[str] = "GW7003I"

    version: str
    digest: str
    files: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySigned(AuditEvent):
    """A second person signed off exactly `digest`, with a fresh factor (C94)."""

    name: ClassVar[str] = "policy.version.signed"
    code: ClassVar[str] = "GW7004I"

    version: str
    digest: str
    author: str
    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyActivated(AuditEvent):
    """From here on decisions are made by `version`, which `signer` signed; empty for the first one of a new site."""

    name: ClassVar[str] = "policy.version.activated"
    code: ClassVar[str] = "GW7005I"

    version: str
    digest: str
    previous: str
    author: str
    signer: str
    rolled_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChangeRefused(AuditEvent):
    """Somebody tried to propose, sign or activate a version and may not, or it is not fit for it."""

    name: ClassVar[str] = "policy.version.refused"
    code: ClassVar[str] = "GW7006W"

    attempt: str
    version: str
    reason: str
    rule: str
    detail: str = ""
