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
