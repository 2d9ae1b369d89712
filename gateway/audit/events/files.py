"""Events of held uploads (C62): who let one through, who did not, and when it reached the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFileMoved(AuditEvent):
    """`verdict`: cleared (delivered by a person, on its way), delivered (the target has it), withheld, expired."""

    name: ClassVar[str] = "session.file.moved"
    code: ClassVar[str] = "GW4015I"
    session: str
    file: str
    path: str
    sha256: str
    verdict: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFileRefused(AuditEvent):
    """Somebody tried to deliver or withhold a held upload, and may not."""

    name: ClassVar[str] = "session.file.refused"
    code: ClassVar[str] = "GW4016W"
    session: str
    file: str
    attempt: str
    reason: str
