"""Events of recordings. Each with `seq`, `frames` and `h` states one thing that the verifier checks:
h after `frames` frames of recording `seq` equals `h` (base64)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOpened(AuditEvent):
    name: ClassVar[str] = "recording.opened"
    code: ClassVar[str] = "GW5000I"
    session: str
    seq: int
    frames: int
    h: str
    person: str
    target: str
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingHead(AuditEvent):
    """Where a live recording stands, once a minute."""

    name: ClassVar[str] = "recording.head"
    code: ClassVar[str] = "GW5001I"
    session: str
    seq: int
    frames: int
    h: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingClosed(AuditEvent):
    """It is sealed: not one frame follows."""

    name: ClassVar[str] = "recording.closed"
    code: ClassVar[str] = "GW5002I"
    session: str
    seq: int
    frames: int
    h: str
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRecovered(AuditEvent):
    """Its writer died; the gateway sealed what there was.

    Attributes:
        clean: the writer had sealed it itself, and died before it could say so here.
        dropped: octets of an incomplete frame at the end; they were never delivered.
    """

    name: ClassVar[str] = "recording.recovered"
    code: ClassVar[str] = "GW5003W"
    session: str
    seq: int
    frames: int
    h: str
    octets: int
    clean: bool
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(AuditEvent):
    """It could not be sealed; recovery does it when the disk can."""

    name: ClassVar[str] = "recording.failed"
    code: ClassVar[str] = "GW5004E"
    session: str
    seq: int
    frames: int
    h: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDamaged(AuditEvent):
    """The file is not what this log says of it: changed, cut or gone. It was not sealed."""

    name: ClassVar[str] = "recording.damaged"
    code: ClassVar[str] = "GW5005E"
    session: str
    seq: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingUnknown(AuditEvent):
    """A file that belongs to no session: its session was never begun, or its entry was taken away."""

    name: ClassVar[str] = "recording.unknown"
    code: ClassVar[str] = "GW5006W"
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRead(AuditEvent):
    """Somebody looked at a recording or took a copy."""

    name: ClassVar[str] = "recording.read"
    code: ClassVar[str] = "GW5010I"
    session: str
    seq: int
    way: str  # "replay", "download", "asciicast", "text"
