"""Events of the gateway as a program: start, stop, time, checkpoints that left the box (C72, C73)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStarted(AuditEvent):
    name: ClassVar[str] = "gateway.process.started"
    code: ClassVar[str] = "GW6900I"
    release: str
    policy_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStopped(AuditEvent):
    name: ClassVar[str] = "gateway.process.stopped"
    code: ClassVar[str] = "GW6901I"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped(AuditEvent):
    """The wall clock and the boot clock disagree about how much time has passed."""

    name: ClassVar[str] = "gateway.clock.stepped"
    code: ClassVar[str] = "GW6910W"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointLeft(AuditEvent):
    name: ClassVar[str] = "audit.checkpoint.left"
    code: ClassVar[str] = "GW6920I"
    size: int
    way: str  # "file", "command", "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed(AuditEvent):
    name: ClassVar[str] = "audit.checkpoint.failed"
    code: ClassVar[str] = "GW6921E"
    way: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditExtracted(AuditEvent):
    """Somebody took `entries` entries out of the log, with proofs against a checkpoint of `size`."""

    name: ClassVar[str] = "audit.extracted"
    code: ClassVar[str] = "GW6922I"
    entries: int
    size: int
