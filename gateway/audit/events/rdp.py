"""Audit events of the RDP front (subject 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFailed(AuditEvent):
    """The target could not be entered although the session was released, or broke the protocol later.

    Attributes:
        session: the session.
        why: `target_refused`, `unreachable`, `certificate_changed`, `credential`, `security`, `licence`, `protocol`…
        detail: for the auditor; the person reads no address.
    """

    name: ClassVar[str] = "rdp.target.failed"
    code: ClassVar[str] = "GW9001E"

    session: str
    target: str
    why: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused(AuditEvent):
    """A virtual channel was asked for, by the client or the target, that the grant does not include.

    Attributes:
        channel: its name, made printable; untrusted.
    """

    name: ClassVar[str] = "rdp.channel.refused"
    code: ClassVar[str] = "GW9002W"

    session: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed(AuditEvent):
    """A connection ended without a ticket having been proved; a wrong ticket itself is `identity.login.refused`.

    Attributes:
        why: what the client did.
    """

    name: ClassVar[str] = "rdp.connection.failed"
    code: ClassVar[str] = "GW9003W"

    why: str
