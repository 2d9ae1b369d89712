"""What is audited of exceptions (C34, C51): subject 2. GW2023W was an exception of the releases before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionProposed(AuditEvent):
    """Nothing holds yet.

    Attributes:
        service: name of the only one that it is for; empty for the target as a whole.
    """

    name: ClassVar[str] = "inventory.exception.proposed"
    code: ClassVar[str] = "GW2060I"
    exception: str
    kind: str
    target: str
    service: str
    reason: str
    clause: str
    compensation: str
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionAccepted(AuditEvent):
    """An owner of the target answers for it: from now on it holds."""

    name: ClassVar[str] = "inventory.exception.accepted"
    code: ClassVar[str] = "GW2061W"
    exception: str
    kind: str
    target: str
    service: str
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionEnded(AuditEvent):
    """Somebody ended it before its time, or turned the proposal down."""

    name: ClassVar[str] = "inventory.exception.ended"
    code: ClassVar[str] = "GW2062I"
    exception: str
    kind: str
    target: str
    service: str
    reason: str
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionExpired(AuditEvent):
    """Its time was over; what held only under it has not held since `expired`."""

    name: ClassVar[str] = "inventory.exception.expired"
    code: ClassVar[str] = "GW2063I"
    exception: str
    kind: str
    target: str
    service: str
    expired: datetime
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionUsed(AuditEvent):
    """A session began while the exception held for what it uses. `actor` is the person in the session."""

    name: ClassVar[str] = "inventory.exception.used"
    code: ClassVar[str] = "GW2064W"
    exception: str
    kind: str
    target: str
    service: str
    session: str
