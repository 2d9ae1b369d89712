"""Audit events of the SSH front (subject 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gateway.audit.model import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentAccepted(AuditEvent):
    """The person was shown the banner before the first prompt and signed in: he agreed to be recorded.

    Attributes:
        banner_sha256: digest of the text he was shown.
        client: what his software calls itself; untrusted.
        hassh: fingerprint of his software's key exchange.
        cipher, strict_kex: what was negotiated.
    """

    name: ClassVar[str] = "ssh.consent.accepted"
    code: ClassVar[str] = "GW8001I"

    banner_sha256: str
    client: str
    hassh: str
    cipher: str
    strict_kex: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused(AuditEvent):
    """Something was asked for on an authenticated connection that the gateway does not carry.

    Attributes:
        kind: what was asked for, e.g. `subsystem sftp`, `direct-tcpip`, `agent`.
        detail: destination or name as the client sent it, made printable; untrusted.
        session: empty before a target was entered.
    """

    name: ClassVar[str] = "ssh.channel.refused"
    code: ClassVar[str] = "GW8002W"

    kind: str
    detail: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed(AuditEvent):
    """A connection ended without anybody having proved who he is.

    Attributes:
        login: the last login name tried, made printable; untrusted.
        client: what the software calls itself; untrusted.
        failures: failed proofs on this connection.
        why: what ended it.
    """

    name: ClassVar[str] = "ssh.connection.failed"
    code: ClassVar[str] = "GW8003W"

    login: str
    client: str
    failures: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFailed(AuditEvent):
    """The target could not be entered although the session was released.

    Attributes:
        session: the session.
        why: `unreachable`, `refused`, `host_key`, `credential`, `protocol`.
        detail: for the auditor; the person reads no address.
    """

    name: ClassVar[str] = "ssh.target.failed"
    code: ClassVar[str] = "GW8004E"

    session: str
    target: str
    why: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardClosed(AuditEvent):
    """A forward to a tcp service of a target is over; its octets are counted in the recording.

    Attributes:
        service: name of the service.
        asked: destination as the client sent it, made printable; untrusted.
        to_person, to_target: octets.
    """

    name: ClassVar[str] = "ssh.forward.closed"
    code: ClassVar[str] = "GW8005I"

    session: str
    target: str
    service: str
    asked: str
    opened: datetime
    to_person: int
    to_target: int
